--- The texts of help() for methods of objects: "a:purge" is a method of an arena, "s:tojson" of a snapshot. The entries
--- have the form of those in help.lua.

local methods = {
    ["a:extents"] = { "for e in a:extents{state=, slab=, min_size=, szind=, fields=} do ... end",
        "Iterates over the arena's extents, as la.extents does.",
        'for e in la.arena(0):extents{state="dirty"} do print(e.addr) end' },
    ["a:extents_summary"] = { "a:extents_summary{by=, ...} -> { [value] = {count=, bytes=}, ... }",
        "Counts and bytes of the arena's extents, as la.extents_summary groups them.",
        'la.arena(0):extents_summary{by="szind"}' },
    ["a:purge"] = { "a:purge() -> true | nil, message, code",
        "Returns all unused pages of the arena to the system now.",
        "la.arena(0):purge()" },
    ["a:decay"] = { "a:decay() -> true | nil, message, code", "Returns the pages whose decay time is over." },
    ["a:reset"] = { "a:reset() -> true | nil, message, code",
        "Frees every block of the arena. Pointers into it must not be used any more." },
    ["a:destroy"] = { "a:destroy() -> true | nil, message, code", "Frees every block of the arena, and the arena." },
    ["a:bind"] = { "a:bind() -> true | nil, message, code", "Makes the calling thread allocate from this arena." },
    ["a:hooks"] = { "a:hooks() -> table | nil, message, code",
        "The arena's requests to the system, if it was created with hooks = \"counting\": calls of each kind " ..
        "(alloc, dalloc, destroy, commit, decommit, purge_lazy, purge_forced, split, merge), and their bytes " ..
        "in .bytes.",
        'a = la.arena.create{hooks = "counting"}; a:hooks()' },
    ["a:stats"] = { "a:stats() -> snapshot", "The counters of this arena, with its size classes.",
        "la.arena(0):stats().dirty" },
    ["s:tojson"] = { "s:tojson() -> text", "The snapshot as JSON.", "la.stats():tojson()" },
    ["s:toopenmetrics"] = { "s:toopenmetrics() -> text",
        "The snapshot in the text format of OpenMetrics, which Prometheus reads. A difference has none." },
    ["b:addr"] = { "b:addr() -> integer", "The address of the block.", 'la.find(la.buffer("64K"):addr())' },
    ["b:size"] = { "b:size() -> integer", "The size that was asked for." },
    ["b:usable"] = { "b:usable() -> integer", "The size that the block has: that of its size class." },
    ["b:fill"] = { "b:fill(byte)", "Writes the byte, 0 to 255, to the whole block." },
    ["b:resize"] = { "b:resize(size) -> true | nil, message, code", "Resizes the block with realloc." },
    ["b:free"] = { "b:free()", "Frees the block; the end of a scope does that, too, if it is a <close> variable." },
    ["m:stats"] = { "m:stats() -> table",
        "The accounts of the running Lua state: allocated (bytes in its arena), foreign (bytes of its old " ..
        "allocator), peak (of both), limit, soft, held (bytes of pages), blocks, failures (refused allocations), " ..
        "arena; by_type and scopes, each of which adds up to `allocated`.\n" ..
        "by_type: string, table, function (with upvalues and prototypes), userdata, thread: the objects themselves; " ..
        "other: what Lua allocates without a type: arrays and hash parts of tables, stacks, code, buffers.",
        'la.adopt{}:stats().by_type.string' },
    ["m:scope"] = { "local scope <close> = m:scope(name) -> scope | nil, message, code",
        "Charges new blocks to that name until the end of the block of code. m:stats().scopes[name] is what lives " ..
        "of them. \"main\" is the account of all others. A scope belongs to the state: if a coroutine yields in " ..
        "it, it stays current.",
        'do local scope <close> = m:scope "parser" --[[ ... ]] end' },
    ["m:set"] = { "m:set{limit=, soft=, on_soft=} -> m",
        "Changes limits of the state: bytes, or texts such as \"64M\"; 0: none." },
    ["m:close"] = { "m:close() -> true",
        "Gives the state back to its old allocator. Blocks that live go on, and leave the arena when they are freed." },
    ["scope:close"] = { "scope:close()", "Ends a scope of a meter. The end of its block does it, too." },
    ["samples:old"] = { "samples:old(age) -> samples", "Only blocks of at least this age: seconds, or \"10m\".",
        'la.prof.samples():old("10m"):sum()' },
    ["samples:young"] = { "samples:young(age) -> samples", "Only blocks of at most this age." },
    ["samples:size"] = { "samples:size(least[, most]) -> samples",
        "Only blocks of this size, as their class has it, or from least to most bytes.",
        'la.prof.samples():size("1K", "64K"):by("class")' },
    ["samples:class"] = { "samples:class(szind) -> samples", "Only blocks of this size class, by its index." },
    ["samples:arena"] = { "samples:arena(index) -> samples", "Only blocks of this arena." },
    ["samples:thread"] = { "samples:thread(thread) -> samples",
        "Only blocks that this thread allocated: its number, or its name in profiles (thread.prof.name)." },
    ["samples:stack"] = { "samples:stack(pattern) -> samples",
        "Only blocks with a function in their stack whose name contains the text, or matches it as a Lua pattern.",
        'la.prof.samples():stack("parse"):sum().bytes' },
    ["samples:in_slabs"] = { "samples:in_slabs{util=0.5} -> samples",
        "Only blocks of classes, by arena, of whose slabs at most this part is in use: there, old blocks keep " ..
        "memory from being given back.",
        'la.prof.samples():in_slabs{util=0.3}:by("stack")' },
    ["samples:by"] = { "samples:by(what) -> groups | nil, message, code",
        "Groups, most bytes first: {samples=, objects=, bytes=, oldest= (seconds)} and what they share. what: " ..
        "\"stack\", \"function\", \"line\" (both of the innermost known frame), \"class\", \"arena\", \"thread\" or " ..
        "\"age\".",
        'la.prof.samples():by("function")' },
    ["samples:top"] = { "samples:top([n]) -> groups | nil, message, code", "The n stacks (10) with most bytes." },
    ["samples:sum"] = { "samples:sum() -> {samples=, objects=, bytes=, oldest=} | nil, message, code",
        "All of them together; objects and bytes are estimates." },
    ["groups:top"] = { "groups:top([n]) -> groups", "The first n groups (10)." },
    ["groups:sum"] = { "groups:sum() -> {samples=, objects=, bytes=, oldest=}", "All groups together." },
    ["guard:restore"] = { "guard:restore() -> true | nil, message, code",
        "Restores the settings that la.with changed. The end of the guard's scope does it, too." },
    ["walker:next"] = { "walker:next() -> table | nil", "The next extent; la.extents returns it as its second value." },
    ["walker:fill"] = { "walker:fill(table) -> boolean", "Writes the next extent into the table; false at the end." },
    ["walker:close"] = { "walker:close()", "Frees the walker's batch. The end of a loop does it, too." },
    ["w:result"] = { "w:result() -> result | nil, message, code", "The result of a workload that is over." },
    ["w:info"] = { "w:info() -> table",
        "Facts that need no run: plan_hash, expected_live (bytes), threads, producers, allocator, sized_free." },
    ["t.pid"] = { "t.pid", "The number of the attached process; nil of a core file." },
    ["t.name"] = { "t.name", "The name of the attached process." },
    ["t.way"] = { "t.way",
        "How the target is reached: \"agent\", \"memory\" (reading alone: nothing can be changed), \"core\" or " ..
        "\"self\"." },
    ["t.why"] = { "t.why", "If it is not reached by its agent: why not, in a line." },
    ["t.alive"] = { "t.alive() -> true | nil, message, code", "Whether the attached process still runs." },
    ["t.close"] = { "t.close() -> true", "Ends the connection; the process goes on." },
}

return methods
