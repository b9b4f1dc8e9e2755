--- The keys of the tables that the module's functions take, for help() and the Tab key.
---
---     options.of "la.extents"    ->  { [key] = {does=, values=, keys=, rows=, controls=, boolean=}, ... }, or nil
---     options.find "limits"      ->  array of { call="la.workload", key="limits", option= }
---     options.controls["opt.thp"]  the values of a control that takes few texts
---
--- values: the texts that it takes; boolean: true or false; keys: those of the table that it takes; rows: those of each
--- table in the array that it takes; controls: its table has names of controls as keys.

local options = {}

local function choice(does, ...)
    return { does = does, values = { ... } }
end

local function flag(does)
    return { does = does, boolean = true }
end

local function plain(does)
    return { does = does }
end

local FIELDS <const> = { "addr", "size", "state", "arena", "szind", "slab", "nfree", "nregs", "discarded", "sn",
    "is_head", "committed", "zeroed", "lru" }

local extents = {
    arena = plain "only extents of the arena of this index",
    state = choice("only extents in this state", "active", "dirty", "muzzy", "retained", "busy"),
    slab = flag "only slabs (true), or only extents that are none (false)",
    min_size = plain "only extents of at least so many bytes: a number, or a text such as \"64K\"",
    szind = plain "only extents of the size class of this index",
}

--- A copy of the options without `key`, and with another one.
local function changed(base, without, key, option)
    local copy = {}
    for name, value in pairs(base) do
        copy[name] = name ~= without and value or nil
    end
    if key then
        copy[key] = option
    end
    return copy
end

local walk = changed(extents, nil, "fields", plain "an array of names: the tables have these fields only")
local by_field = choice("the field by which extents are grouped; state if it is left out", table.unpack(FIELDS))

local change = {
    scale = plain("multiplies the lifetimes of blocks that are allocated from then on, and so the live memory: " ..
        "a number, or a curve such as \"sine(1,0.5,10s)\""),
    rate = plain("operations per second of all threads: a number, a text such as \"50k/s\", or a curve such as " ..
        "\"ramp(1k,50k,10s)\"; 0: as fast as possible"),
    set = { does = "settings to write: {[name of a control] = value}", controls = true },
    mark = plain "a text that appears in the timeline",
}

local free_by = {
    other = plain "the share of blocks that any other thread frees",
    thread = plain "the number of the thread that frees them",
}

local realloc = {
    share = plain "the share of blocks that is resized",
    times = plain "how many times",
    grow = plain "the factor by which the size changes each time",
}

local conditions = {
    thread = plain "only calls of the thread with this number, from 1",
    kind = choice("only events of this kind, or of an array of kinds", "malloc", "calloc", "aligned", "realloc", "free",
        "free_sized"),
    from = plain "only events from then on: seconds, or \"2s\"",
    to = plain "only events before that: seconds, or \"2s\"",
    min_size = plain "only blocks of at least so many bytes",
    max_size = plain "only blocks of at most so many bytes",
    class = plain "only blocks of the class of this size",
}

--- What sizes and lifetimes of a workload can be drawn from.
options.distributions = {
    uniform = "uniform(a,b): each whole number from a to b, equally often.",
    exp = "exp(mean): exponential: many small values, few large ones.",
    normal = "normal(mean,deviation): the normal distribution, without values below 1.",
    lognormal = "lognormal(median,sigma,max): half of the values are below the median; sigma is the deviation of " ..
        "the logarithm.",
    pareto = "pareto(least,alpha,max): heavy-tailed: the share of values above x is (least / x)^alpha.",
    zipf = "zipf(n,s,step): step, 2 * step, ... n * step; the k-th is k^s times as rare as the first.",
    histogram = "histogram(path): as often as a file says, which has lines \"value count\".",
    fleetbench = "fleetbench(path): sizes as often as a file of Fleetbench says; as joint, lifetimes, too.",
    histogram2d = "histogram2d(path): for joint: a file of lines \"size lifetime count\".",
    table = "table(value:weight,...): as often as the weights say; also a Lua table { [value] = weight }.",
    ramp = "ramp(from,to,time): a rate or scale in a straight line from one value to the other.",
    sine = "sine(mean,amplitude,period): a rate or scale that swings around its mean.",
    square = "square(low,high,period): a rate or scale that is low, then high, for half of each period.",
    steps = "steps(time:value,...): a rate or scale that has each value from its time on.",
    points = "points(time:value,...): a rate or scale in straight lines; also a Lua table { {time, value}, ... }.",
    fifo = "fifo(n): blocks are freed in the order in which they were allocated, n of them later.",
    forever = "forever: until the end of the workload.",
}

local DISTRIBUTIONS <const> = 'n, "64K", "uniform(a,b)", "exp(mean)", "normal(mean,deviation)", ' ..
    '"lognormal(median,sigma,max)", "pareto(least,alpha)", "zipf(n,s,step)", "histogram(path)", {[value] = weight}'

local batch = {
    blocks = plain "how many blocks are freed at once",
    order = choice("in which order, compared with that in which they ended", "forward", "reversed", "random"),
}

local cell = {
    weight = plain "how often the cell is chosen, relative to the other cells",
    size = plain("bytes of a block: " .. DISTRIBUTIONS),
    lifetime = plain("operations of the same thread until the block is freed: " .. DISTRIBUTIONS),
}

local row = {
    weight = plain "how often the row is chosen, relative to the other rows",
    size = plain("bytes of a block: " .. DISTRIBUTIONS),
    lifetime = plain("operations of the same thread until the block is freed: " .. DISTRIBUTIONS ..
        ', "fifo(n)", "forever"'),
    joint = { does = "sizes and lifetimes that belong together, in the place of size and lifetime: an array of " ..
        "cells {weight=, size=, lifetime=}, \"histogram2d(path)\" or \"fleetbench(path)\"", rows = cell },
    free_by = { does = "which thread frees the blocks: {other = share} or {thread = number}", keys = free_by },
    touch = plain "the share of the block that is written; 1 if it is left out",
    writes = plain "how many times it is written",
    realloc = { does = "the share of blocks that is resized, or {share=, times=, grow=}", keys = realloc },
    zero = plain "the share that is allocated with calloc",
    align = plain "the alignment of blocks from aligned_alloc",
    sized = plain "the share that is freed with its size (free_sized, sdallocx or operator delete)",
    batch = { does = "so many blocks of the row are freed in one burst, or {blocks=, order=}", keys = batch },
    on = plain "the number of the thread that allocates them, or an array of numbers",
}

local limits = {
    ["rss/live"] = plain "resident memory per live byte, at the end; judged if at least 16 MiB live then",
    rss = plain "resident memory at the end of operations, without the engine's; its slope shows a leak",
    peak_rss = plain "resident memory at any time: bytes, or \"64M\"",
    freed_rss = plain "resident memory after everything was freed: bytes, or \"64M\"",
    allocated = plain "stats.allocated at the end of operations, of lunalloc only",
    active = plain "stats.active at the end of operations, of lunalloc only",
    failures = plain "failed allocations",
    ops_per_s = plain "operations per second; a plain value is the least that is allowed",
}

local workload = {
    threads = plain "how many threads, 1 to 512",
    seed = plain "the same seed and description give the same sequence of requests",
    duration = plain 'how long: seconds, "10s", or "forever"',
    ops = plain "how many operations of all threads, in place of a duration",
    rate = change.rate,
    scale = change.scale,
    mix = { does = "rows of requests, 1 to 64 of them: see the keys of a row", rows = row },
    phases = { does = "changes while it runs: an array of {at=, scale=, rate=, set=, mark=}",
        rows = changed(change, nil, "at", plain 'the time of the phase: seconds, or "3s"') },
    trace = { does = "the path of a trace of Android's malloc, which is replayed in the place of mix; or " ..
        "{file=, touch=, writes=, speed=}", keys = { file = plain "the path of the trace",
            speed = plain "1: calls keep to the times of the trace; 2: twice as fast; 0 or left out: no waiting",
            touch = row.touch, writes = row.writes } },
    verify = flag "checks contents, alignment, overlap and zeroing of every block",
    limits = { does = "what the result must keep to; result.ok tells whether it did, result.limits what was " ..
        "measured. A value is the most that is allowed. Or {at_most= | at_least=, reason=\"why\", per_phase=true, " ..
        "slope=true}: for each phase; for the growth of rss, allocated or active, \"64K/s\" or \"64K/Mop\" (in a " ..
        "million operations). Times are limits by names such as [\"malloc.p99\"] (of malloc, calloc, " ..
        "aligned_alloc, realloc, free, free_sized and response: p50, p90, p99, p99.9, max, mean) and need " ..
        "a unit: \"5us\"",
        keys = limits },
    allocator = choice("which malloc the threads call: the process's (if it is left out), or lunalloc, also if it " ..
        "is only loaded beside that", "process", "lunalloc"),
    sample = plain "one call in this many is timed; 16 if it is left out",
    live_max = plain "while more bytes are live, new blocks are freed at once",
    interval = plain 'the time between entries of the timeline: seconds, or "100ms"',
}

local variant = {
    conf = plain "settings, as a text for LUNALLOC_CONF or a table {name = value}",
    allocator = choice("what is preloaded; lunalloc if it is left out", "lunalloc", "glibc", "jemalloc", "mimalloc",
        "tcmalloc"),
    env = plain "the environment: {NAME = text, or false to remove it}",
    preload = plain "the path of another allocator's library",
    name = plain "how the variant is called in the comparison",
}

local meter = {
    arena = plain "where the blocks lie: \"new\" (if it is left out), \"shared\" by all such states, or an index",
    limit = plain "the most that the state's blocks may add up to: bytes, or \"64M\"; 0: no limit",
    soft = plain "on_soft is called when they add up to more: bytes, or \"48M\"; 0: never",
    on_soft = plain "a function of the meter; it runs between two instructions of Lua code",
}

local plot_row = { name = plain "of the series, in the legend", values = plain "an array of numbers" }

local plot = {
    series = { does = "the lines: an array of {name=, values=}", rows = plot_row },
    x = plain "an array of the times; 1, 2, 3 ... if it is left out",
    marks = { does = "vertical marks: an array of {x=, label=}",
        rows = { x = plain "the time", label = plain "its text" } },
    title = plain "a text above the picture",
    unit = plain "of the values: \"bytes\", or any word",
    width = plain "in columns",
    height = plain "in lines",
    mode = choice("how lines are drawn; by the locale if it is left out", "braille", "blocks", "ascii"),
    colour = flag "whether series have colours",
}

local picture = {
    by = choice("what is drawn; state if it is left out", "state", "occupancy", "age", "residency", "arena", "class"),
    columns = plain "at most so many cells side by side; 64 if it is left out",
    rows = plain "at most so many cells one below the other; 64 if it is left out",
    arena = plain "only extents of the arena of this index",
    range = plain "only addresses in the range {from, to}",
    layout = plain "in the cells of la.instant.layout()",
}

local map = {
    by = picture.by, arena = picture.arena, range = picture.range, columns = plain "cells side by side",
    rows = plain "cells one below the other",
    width = plain "of the text, in columns; that of the terminal if it is left out",
    height = plain "of the picture, in lines; as fits the terminal if it is left out",
    mode = choice("how cells are drawn; by the terminal if it is left out", "braille", "blocks", "ascii"),
    colour = flag "whether cells have colours",
}

local bars = {
    rows = { does = "the bars: an array of {name=, value=} or {name=, values=}", rows = {
        name = plain "in front of the bar", value = plain "its length", values = plain "the lengths of its parts" } },
    parts = plain "the names of the parts, for the legend",
    most = plain "at most so many rows, 20 if it is left out; the others are one",
    title = plain "a text above the picture",
    unit = plain "of the values: \"bytes\", \"ns\", or any word",
    width = plain "in columns",
    mode = choice("how bars are drawn; by the locale if it is left out", "blocks", "ascii"),
    colour = flag "whether parts have colours",
}

local replay = {
    trace = plain "the path of a trace",
    allocator = plain "lunalloc (default), glibc, jemalloc, mimalloc, tcmalloc, or the path of a library",
    conf = plain "settings of lunalloc as in LUNALLOC_CONF, or a table; those that were recorded if it is left out",
    env = plain "variables of the process: {NAME = text, or false to remove it}",
    speed = choice("how fast, also a number: so many times as fast as recorded", "real", "max"),
    lossy = flag "also a trace that lost more than 0.1 % of its events",
    touch = choice("what is written of each block: a byte of each touched page, every byte, nothing, or every byte, " ..
        "which is then compared", "pages", "all", "none", "verify"),
    sample = plain "one call in this many is timed; 16 if it is left out",
    interval = plain "between samples of memory",
    timeout = plain "after which the replay is stopped",
    on_progress = plain 'function(share, what), called on the way; what: "compiling" or "replaying"',
}

local functions = {
    ["la.bars"] = bars,
    ["la.map"] = map,
    ["changes:raster"] = changed(picture, "by"),
    ["changes:map"] = changed(map, "by", "layout", picture.layout),
    ["instant:map"] = changed(map, nil, "layout", picture.layout),
    ["instant:raster"] = picture,
    ["la.instant"] = { residency = choice("reads which pages are in memory: true, or the way to find that out",
        "best", "scan", "pagemap", "mincore") },
    ["la.instant.layout"] = { columns = picture.columns, rows = picture.rows, range = picture.range },
    ["la.extents"] = walk,
    ["la.extents_summary"] = changed(extents, nil, "by", by_field),
    ["a:extents"] = changed(walk, "arena"),
    ["a:extents_summary"] = changed(extents, "arena", "by", by_field),
    ["la.prof.start"] = { lg_sample = plain "one sample in 2^lg_sample bytes",
        lua = flag "stacks show the functions and lines of this Lua state" },
    ["la.prof.top"] = {
        by = choice("how blocks are grouped", "stack", "class", "arena", "thread", "function", "line", "age"),
        min_age = plain 'only blocks of at least this age: seconds, or "10s"',
        n = plain "at most so many groups; 10 if it is left out",
    },
    ["la.waste"] = {
        by = choice("how the bytes are grouped", "arena", "class", "stack"),
        min_age = plain 'only samples of at least this age: seconds, or "10s"',
    },
    ["la.attach"] = {
        way = choice("how to reach the process; the best possible way if it is left out", "agent", "request", "memory"),
        timeout = plain "how long to wait for an answer: seconds, or \"2s\"",
        wait = plain "how long to wait for an agent to start: seconds, or \"1s\"",
        force = flag "ask for an agent also where a filter of system calls (seccomp) might end the process",
    },
    ["la.purge"] = {
        all = flag "return address ranges that hold nothing, too",
        timeout = plain "how long to wait for threads to empty their caches: seconds, or \"1s\"",
    },
    ["la.adopt"] = meter,
    ["m:set"] = changed(meter, "arena"),
    ["la.doctor"] = { seconds = plain "how long to watch: seconds, or \"2s\"; 1 if it is left out, 0: one picture" },
    ["samples:in_slabs"] = { util = plain "the most that is in use of the slabs: 0 to 1; 0.5 if it is left out" },
    ["la.report"] = {
        instants = plain "pictures of the heap: an instant, an array of them, or a function that returns the next one",
        history = plain "figures over time: of la.history()",
        trace = plain "a recorded trace, or its path",
        tune = plain "the result of a search for settings, or the path of its JSON",
        profile = plain "false: without the profiler's samples",
        doctor = plain "the findings of la.doctor()",
        result = plain "the result of a workload or a replay, or an array of them",
        process = plain "false: only what is given, nothing of the process",
        private = flag "false: with command lines, paths and environment",
    },
    ["la.history"] = { after = plain "an earlier history: only what is new" },
    ["thread:flush"] = { timeout = plain "how long to wait: seconds, or \"1s\"" },
    ["la.plot"] = plot,
    ["history:plot"] = changed(plot, "series", "figures",
        plain "an array of names of figures: rss, allocated, active, dirty, muzzy"),
    ["la.workload"] = workload,
    ["la.compare"] = {
        scenario = plain "what runs: a description of a workload, or the path of a Lua file",
        trace = plain "in its place: the path of a recorded trace, which is replayed",
        speed = choice("of a trace: max if it is left out; also a number: so many times as fast", "real", "max"),
        lossy = flag "also a trace that lost more than 0.1 % of its events",
        allocators = plain "the variants: an array of lunalloc, glibc, jemalloc, mimalloc, tcmalloc; or tables, as a",
        a = { does = "the first variant: settings as in LUNALLOC_CONF, or a table", keys = variant },
        b = { does = "the second variant: settings as in LUNALLOC_CONF, or a table", keys = variant },
        rounds = plain "how many runs of each variant are counted; 8 if it is left out",
        metrics = plain "an array of those that are compared, such as \"ops/s\"; fewer are judged finer",
        least = plain "the smallest difference that counts: 0.01, or \"1%\"",
        duration = plain "of each run, in the place of the workload's own",
        set = plain "keys of the workload's description, and their values",
        timeout = plain "of each run; 20 times the first one, and a minute at least, if it is left out",
        hosts = plain "an array of other machines, over which the rounds are spread by ssh; ':' is this one",
        on_progress = plain "function(done, total, variant), called before each run",
    },
    ["la.record"] = {
        path = plain "the file to write",
        mode = choice("what is recorded; full if it is left out", "full", "classes", "stacks", "pages"),
        duration = plain "after which it ends: seconds, or \"30s\"",
        max_size = plain "bytes of the file at which it ends, or \"1G\"",
        rings = plain "how many threads can be recorded at once; 64 if it is left out",
        ring_size = plain "most bytes of each thread's ring, a power of two; \"4M\" if it is left out",
    },
    ["trace:filter"] = conditions,
    ["trace:count"] = changed(conditions, nil, "by", choice("how events are grouped; class if it is left out", "class",
        "thread", "kind", "size")),
    ["trace:instant"] = { at = choice('the moment: seconds from the beginning, or "2s"', "peak", "end") },
    ["trace:plot"] = changed(changed(plot, "series"), "x"),
    ["la.replay"] = replay,
    ["trace:replay"] = changed(replay, "trace"),
    ["c:table"] = {
        width = plain "in columns",
        mode = choice("how intervals are drawn; by the locale if it is left out", "braille", "blocks", "ascii"),
    },
    ["la.tune"] = {
        command = plain "what runs: a text for the shell, or an array of words",
        scenario = plain "in its place: a description of a workload, the name of a scenario, or a Lua file",
        trace = plain "in its place: the path of a trace",
        target = plain "in its place: a process that runs, as la.attach takes or returns it",
        objective = choice("what is to be less; rss if it is left out", "rss", "time", "p99", "balanced"),
        limit = plain "what it may cost: \"time+2%\", an array of such texts, or \"none\"",
        budget = plain "for all of it: seconds, or \"2m\" (if it is left out)",
        runs = plain "at most so many runs before the confirmation; 40 if it is left out",
        measure = plain "only processes of this name count, in memory and processor time",
        settle = plain "rss is what is resident in the last seconds of the measured processes: \"2s\"",
        rss = choice("which memory counts; the peak if it is left out", "peak", "mean", "settled"),
        clock = choice("which time counts; wall if it is left out", "wall", "cpu"),
        same_output = flag "settings with which the output differs are rejected",
        space = plain "the candidates, in place of the usual ones: an array of texts as in LUNALLOC_CONF",
        least = plain "the smallest gain that counts: 0.01, or \"1%\"",
        timeout = plain "of a run: seconds, or \"30s\"",
        window = plain "of a target: how long it is watched with each setting; 2 s if it is left out",
        duration = plain "of a scenario, in the place of its own",
        speed = plain "of a trace's replay: \"max\" (if it is left out), \"real\", or how many times as fast",
        set = plain "keys of a scenario's description, and their values",
        hosts = plain "an array of other machines, over which runs are spread by ssh; ':' is this one",
        wait = flag "waits while another tuner runs on this machine; else the result has a warning",
        on_progress = plain "function(now), called before each run: runs, most_runs, phase, conf, best, left (seconds)",
    },
    ["la.workload.import"] = {
        heap = plain 'how many bytes live, of all threads: bytes, or "64M" (that is also the default)',
        threads = plain "of the description; 1 if it is left out",
    },
    ["w:set"] = change,
}

--- Settings of arenas are controls, which the allocator lists.
local function arena_settings()
    local la = package.loaded.lunalloc
    local list = { hooks = choice("counts the arena's requests to the system: see a:hooks()", "counting") }
    for name in la and la.names("^arena%.<i>%.") or function() end do
        local described = la.describe(name)
        if described and described.access == "rw" then
            local key = name:match "%.([^.]+)$"
            list[key] = { does = described.doc, boolean = described.type == "bool", values = options.controls[name] }
        end
    end
    return list
end

local THP <const> = { "default", "never", "always" }
local JUNK <const> = { "false", "true", "alloc", "free" }

--- Controls that take one of a few texts, by the names of their rows.
options.controls = {
    ["arena.<i>.thp"] = THP,
    ["opt.thp"] = THP,
    ["arenas.junk"] = JUNK,
    ["opt.junk"] = JUNK,
    ["opt.zero_realloc"] = { "free", "alloc", "abort" },
}

--- The keys of the table that a function takes: name -> option; nil if it takes none. Functions have their documented
--- names: "la.extents", "a:extents", "w:set".
function options.of(call)
    if call == "la.arena.create" then
        return arena_settings()
    end
    return functions[call]
end

--- The names of all functions that take a table of keys.
function options.functions()
    local names = { "la.arena.create" }
    for name in pairs(functions) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

local function find_in(found, call, set, key)
    for name, option in pairs(set) do
        if name == key then
            found[#found + 1] = { call = call, key = name, option = option }
        end
        if option.keys or option.rows then
            find_in(found, call .. "." .. name, option.keys or option.rows, key)
        end
    end
end

--- Where `key` is a key: an array of { call = "la.workload.mix", key =, option = }, sorted by call.
function options.find(key)
    local found = {}
    for _, call in ipairs(options.functions()) do
        find_in(found, call, options.of(call), key)
    end
    table.sort(found, function(a, b) return a.call < b.call end)
    return found
end

return options
