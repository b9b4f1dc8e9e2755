--- help(x): what x is and how to use it. In the console this module is the global `help`.
---
---     help()                     the overview
---     help(la.get)  help(w)      a function, an object or its methods, by value
---     help "stats"  help "la.stats"  help "w:run"   a function or method, by name
---     help "limits"  help ".time"                   a key of a table of options; a command of the prompt
---     help "arena.0.dirty_decay_ms"                 a control: its row and its present value
---     help "decay"               a topic; for any other word, a search in all texts
---
---     help.text(x)  returns the text instead;  help.words()  the set of words that it knows
---
--- The texts of functions and topics are here, those of methods in methods.lua, of options in options.lua; those of
--- controls come from the allocator's schema. help_answer.lua finds the one that is asked for.

local help = {}

-- name -> { usage, what it does [, example] }
help.functions = {
    ["la._VERSION"] = { "la._VERSION", "The version, as a string." },
    ["la.loaded"] = { "la.loaded",
        "True if the allocator is in this process. Without it most functions fail with the code ENOSYS." },
    ["la.replaced"] = { "la.replaced",
        "True if the allocator is this process's malloc (linked or preloaded). False if it is only loaded beside it." },
    ["la.get"] = { "la.get(name) -> value | nil, message, code",
        "Reads a control: a boolean, an integer or a string.", 'la.get "stats.allocated"' },
    ["la.set"] = { "la.set(name, value) -> true | nil, message, code",
        "Writes a control. Sizes, times and counts may be texts: help \"units\". Arena 4096 stands for all arenas.",
        'la.set("arena.4096.dirty_decay_ms", "2s")' },
    ["la.ctl"] = { "la.ctl.PATH  la.ctl.PATH = value  la.ctl.PATH()",
        "The tree of controls. Read a field, assign to it, or call an action; pairs() and # work on every group.\n" ..
        "An unknown name raises an error that suggests the nearest known one.",
        "la.ctl.arena[0].dirty_decay_ms = 500; la.ctl.arena[0].purge()" },
    ["la.describe"] = { "la.describe(name) -> table | nil, message, code",
        "Describes a control: name, type, unit, access, applies, min, max, default, value, source, doc.\n" ..
        "live: the control that changes it in a running process, if this one is fixed at start.",
        'la.describe "arena.0.dirty_decay_ms"' },
    ["la.names"] = { "for name in la.names([pattern]) do ... end",
        "The names of controls that contain or match the pattern, or of all, as an array that a loop can call.\n" ..
        "<i> stands for an index.",
        'for name in la.names "decay" do print(name) end' },
    ["la.with"] = { "local guard <close> = la.with{[name] = value, ...}",
        "Changes settings until the end of the block, which restores the old values. Sets all of them or none;\n" ..
        "it raises if one is refused. A guard that is collected before it is closed restores them, with a warning.",
        'do local guard <close> = la.with{["arena.0.dirty_decay_ms"] = 0} --[[ ... ]] end' },
    ["la.sizeclasses"] = { "la.sizeclasses() -> array of tables",
        "The size classes, small first: index, size, slab_size, nregs, lg_group, ndelta, cached_max, max_waste.",
        "la.sizeclasses()[5]" },
    ["la.sizeclass"] = { "la.sizeclass(n) -> index, size", "The size class that serves a request of n bytes.",
        'la.sizeclass "100K"' },
    ["la.extents"] = { "for e in la.extents{arena=, state=, slab=, min_size=, szind=, fields=} do ... end",
        "Iterates over extents (runs of pages), as records: addr, size, state, arena, szind, slab, nfree, nregs,\n" ..
        "discarded (bytes), sn, is_head, committed, zeroed, lru. pairs(e) lists them. Conditions are optional.\n" ..
        "States: active, dirty, muzzy, retained, busy. fields: an array of names; e is then a plain table of\n" ..
        "these fields.",
        'for e in la.extents{state="dirty", min_size="1M"} do print(e.addr, e.size) end' },
    ["la.extents_summary"] = { "la.extents_summary{by=\"state\", ...} -> { [value] = {count=, bytes=}, ... }",
        "Counts and bytes of extents, grouped by one of their fields. Takes the conditions of la.extents, too.",
        'la.extents_summary{by="szind", state="active"}' },
    ["la.threads"] = { "la.threads() -> array of threads | nil, message, code",
        "The threads that use the allocator, oldest first: tid, name, arena, cached (bytes), requests, idle " ..
        "(seconds), behind (it has not noticed the last change yet); classes: what its cache holds, by size class.\n" ..
        "Idle time gets exact with the second call: each call sees which threads have worked since the last one.",
        "for _, t in ipairs(la.threads()) do if t.idle > 60 then t:flush() end end" },
    ["thread:flush"] = { "thread:flush{timeout=\"1s\"} -> true | nil, message, code",
        "Asks the thread to empty its cache, and waits until it has. One that sleeps does so at its next call:\n" ..
        "then the code is ETIMEDOUT.",
        "la.threads()[1]:flush()" },
    ["la.purge"] = { "la.purge{all=false, timeout=\"1s\"} -> table | nil, message, code",
        "Gives back what can be: empties the caches of all threads, returns free pages of slabs, dirty and muzzy " ..
        "pages; with all, address ranges that hold nothing, too. The result: before.rss, after.rss, freed, waited " ..
        "(seconds), threads_silent (those that sleep and keep their caches: tid, name, cached).",
        "la.purge()" },
    ["la.conf"] = { "la.conf() -> text, array | nil, message, code",
        "The settings as they are now, as text for LUNALLOC_CONF: those that the process was started with, and " ..
        "those that were changed live. The array names options that no such text can say, because arenas differ.",
        "la.conf()" },
    ["la.history"] = { "la.history{after=} -> history | nil, message, code",
        "The last ten minutes, which the agent keeps: moments (one a second: time, rss, allocated, active, dirty, " ..
        "muzzy, retained, discarded, requests, faults) and marks of changed settings (time, name, value). after = " ..
        "an earlier history: only what is new.",
        "la.history():plot()" },
    ["history:plot"] = { "history:plot{figures={'rss', ...}, ...} -> text | nil, message, code",
        "A picture of the figures over time, with marks where settings were changed. Other options: those of la.plot.",
        'print(la.history():plot{figures = {"rss", "dirty"}, height = 20})' },
    ["la.instant"] = { "la.instant{residency=} -> instant | nil, message, code",
        "The heap at this moment as a plain value: states, arenas, classes (count, bytes, used: what objects " ..
        "occupy, discarded: given back inside of slabs), stats, settings with their sources, threads, conf. Its " ..
        "extents can be drawn: instant:raster{}.\n" ..
        "With residency = true: which pages are in memory (present, huge, swapped, guard, absent).",
        "la.instant().states.active.bytes" },
    ["la.map"] = { "la.map{by=, arena=, range=, width=, height=, mode=, colour=} -> text | nil, message, code",
        "The address space of the heap as a picture for a terminal: each cell shows what most of its bytes are. by: " ..
        "state, occupancy, age, residency, arena or class; mode: blocks, braille or ascii. By the first two and by " ..
        "residency, pages that were given back inside of slabs are \"discarded\".",
        'print(la.map{by = "occupancy", height = 20})' },
    ["la.instant.load"] = { "la.instant.load(path) -> instant | nil, message, code",
        "The instant that instant:save(path) wrote, of this process or another one.",
        'la.instant.load "before.instant"' },
    ["la.instant.layout"] = { "la.instant.layout(list, {columns=, rows=, range=}) -> layout",
        "Cells for several instants (or what instant:spans() returned): their rasters with layout = ... show the " ..
        "same addresses in the same cells.",
        'a = la.instant(); a:raster{layout = la.instant.layout({a}, {columns = 32, rows = 8})}' },
    ["la.report"] = { "la.report(path, {instants=, history=, trace=, tune=, profile=, doctor=, result=, ...}) -> " ..
        "table | nil, message, code",
        "Writes one file for a browser: figures over time with marks, a map of the heap, waste, code, threads, " ..
        "findings, settings. Parts that are not given are taken from the process; false leaves one out.\n" ..
        "instants: an array of instants, or of paths of saved ones, which may be a thousand of a million extents.\n" ..
        "The result: bytes, sections (their names), missing (title, why).",
        'la.report("now.html")' },
    ["la.find"] = { "la.find(addr) -> table | nil, message, code",
        "The extent, size class and region that an address (or a buffer) belongs to.",
        "la.find(la.buffer(100):addr())" },
    ["la.arenas"] = { "la.arenas() -> array of arenas", "All arenas, as objects; see help \"arena objects\"." },
    ["la.arena"] = { "la.arena(i) -> arena | nil, message, code", "One arena as an object; see help \"arena objects\".",
        "la.arena(0):purge()" },
    ["la.arena.create"] = { "la.arena.create{setting = value, ...} -> arena | nil, message, code",
        "A new arena. Settings are controls of arenas, such as dirty_decay_ms. With hooks = \"counting\" it counts\n" ..
            "its requests to the system: see a:hooks() in help \"arena objects\".",
        'la.arena.create{dirty_decay_ms = 0, hooks = "counting"}' },
    ["la.stats"] = { "la.stats() -> snapshot",
        "The counters at this instant, read by name: s.allocated, s.arenas[0].dirty, s.classes[5].nmalloc.\n" ..
        "later - earlier is a difference with .seconds and .rates; s:tojson(), s:toopenmetrics(), pairs(s), print(s).",
        "a = la.stats(); --[[ ... ]] print((la.stats() - a).rates.nrequests)" },
    ["la.stats_print"] = { "la.stats_print([opts]) -> true | nil, message, code",
        "Writes all statistics to io.output(): text; with J, JSON; with O, OpenMetrics. Other letters omit parts:\n" ..
            "g general, m merged arenas, d destroyed ones, a each arena, b bins, l large classes, x locks, e extents.",
        'la.stats_print "gablxe"' },
    ["la.reconcile"] = { "la.reconcile() -> table | nil, message, code",
        "Pages by state, counted by the allocator, and how many are resident (r.dirty.resident); and\n" ..
            "the process's rss, anonymous, file, lazy_free, swap. explained: resident pages of the allocator;\n" ..
            "unexplained: other anonymous pages (stacks, data of libraries, other allocators).",
        "la.reconcile().unexplained" },
    ["la.prof"] = { "la.prof.start{lg_sample=} .stop() .top{} .dump(path) .reset()",
        "A sampling heap profiler: which code allocated the blocks that are live. See help \"profiling\"." },
    ["la.prof.start"] = { "la.prof.start{lg_sample=, lua=} -> true | nil, message, code",
        "Forgets all samples and switches profiling on: one sample in 2^lg_sample bytes. lua = true: stacks show\n" ..
        "the functions and lines of this Lua state, in place of Lua's own code, until la.prof.stop() is called\n" ..
        "in it. The line is the last one at which the function called another one, or could fail.",
        "la.prof.start{lg_sample = 17}" },
    ["la.prof.stop"] = { "la.prof.stop() -> true | nil, message, code",
        "Stops sampling. Blocks that were sampled are still tracked until they are freed." },
    ["la.prof.reset"] = { "la.prof.reset([lg_sample]) -> true | nil, message, code",
        "Forgets all samples, and sets the sampling rate if lg_sample is given." },
    ["la.prof.stacks"] = { "la.prof.stacks() -> array | nil, message, code",
        "What each stack has allocated since the last reset, and what of it lives: {stack= (names, innermost " ..
        "first), count=, bytes=, live_count=, live_bytes=}, estimates; most bytes first, at most 10,000 and a row " ..
        "of the rest.",
        'for _, row in ipairs(la.prof.stacks()) do print(row.bytes, row.live_bytes, row.stack[1]) end' },
    ["la.prof.dump"] = { "la.prof.dump([path]) -> true | nil, message, code",
        "Writes a profile: text for jeprof and google-pprof, or pprof's protocol buffer if the path ends in .pb.\n" ..
        "If it ends in .collapsed: a line for each stack, as flame graphs are made of; the caller writes it.\n" ..
        "A further .gz compresses the others, if zlib is installed. An existing file, link, FIFO or device is\n" ..
        "written in place. Without a path the file gets a name with a number that counts up.",
        'la.prof.dump "heap.pb.gz"' },
    ["la.prof.pprof"] = { "la.prof.pprof() -> string | nil, message, code",
        "The profile of live blocks as pprof's protocol buffer. Unlike la.prof.dump, it writes no file.",
        'io.open("heap.pb", "wb"):write(la.prof.pprof()):close()' },
    ["la.prof.top"] = { "la.prof.top{by=, min_age=, n=} -> array of {samples=, objects=, bytes=, oldest=, ...}",
        "Live blocks in groups, most bytes first. by: \"stack\", \"class\", \"arena\", \"thread\", \"function\",\n" ..
        "\"line\" or \"age\"; min_age: only blocks of at least this age (seconds, or \"10s\").\n" ..
        "objects and bytes are estimates, oldest is in seconds.",
        'la.prof.top{by = "class", min_age = "10s"}' },
    ["la.prof.samples"] = { "la.prof.samples() -> samples",
        "The samples of live blocks, as a query: conditions such as :old and :in_slabs narrow it down, and\n" ..
        ":by, :sum and :top answer. A for loop iterates over it, as tables: addr, size, szind, arena, tid, thread,\n" ..
        "time (ns), weight (how many blocks it stands for), place (where it would lie if it were not sampled) and " ..
        "stack (addresses, innermost first).",
        'la.prof.samples():old("10m"):in_slabs{util=0.3}:by("stack")' },
    ["la.prof.symbols"] = { "la.prof.symbols(addresses) -> array", "The names of the functions at these addresses." },
    ["la.waste"] = { "la.waste{by=, min_age=} -> array of {bytes=, free=, rest=, cached=, dirty=, muzzy=, ...}",
        "Bytes held but not in use, most first; .total is their sum. by: \"arena\", \"class\" or, with profiling,\n" ..
        "\"stack\": free regions are charged to the code whose old objects keep their slabs. free: regions of " ..
        "slabs; rest: ends of slabs; cached: in thread caches; dirty, muzzy: free pages.",
        'la.waste{by = "class"}' },
    ["la.attach"] = {
        "la.attach(pid | name | \"./core\" [, {way=, timeout=, wait=, force=}]) -> target | nil, message, code",
        "The functions of la on another process: t.get, t.ctl, t.stats, t.extents ... and t.pid .name .way .why\n" ..
        ".alive() .close(). way: \"agent\" (its agent listens), \"request\" (ask it to start one), \"memory\" " ..
        "(read it without its help); by default the best that is possible. timeout: for an answer (2 s); " ..
        "wait: for an agent to start (1 s).\n" ..
        "force: ask for an agent also where system calls are filtered. A lost target gives the code ESRCH.",
        't = la.attach "redis-server"; print(t.stats())' },
    ["la.ps"] = { "la.ps() -> array of {pid=, name=, uid=, rss=, state=, version=, way=, why=} | nil, message, code",
        "The processes that run lunalloc. way: the best one to attach by now; why: why it is not the agent.",
        "for _, p in ipairs(la.ps()) do print(p.pid, p.name, p.way) end" },
    ["la.doctor"] = { "la.doctor{seconds=} -> array of findings | nil, message, code",
        "What is wrong with the memory of a process, most bytes first: kind, bytes, what, cause, where, gives_back\n" ..
        "and remedy.text, the call that mends it; remedy.apply() does so. .notes: what could not be looked at.\n" ..
        "It watches for `seconds` (1); with 0 it takes one picture. See help \"findings\".",
        "la.doctor()[1].remedy.apply()" },
    ["la.adopt"] = { "la.adopt{arena=, limit=, soft=, on_soft=} -> meter | nil, message, code",
        "Moves the running Lua state's allocation onto an arena of ours, with accounts and limits: help \"meter\".\n" ..
        "arena: \"new\" (the default: the shared one, and from 512 KiB on one of its own), \"shared\" by all such\n" ..
        "states, or an index. limit: the most that the state's blocks may add up to, and no less than they do now; " ..
        "beyond it, Lua raises \"not enough memory\". on_soft(meter) is called when " ..
        "they add up to more than `soft`.\n" ..
        "Blocks from before go back to their old allocator when they are freed.",
        'm = la.adopt{limit = "64M"}; m:stats()' },
    ["la.meter"] = { "la.meter() -> meter | nil",
        "The meter of the running Lua state, if la.adopt or its host has given it one." },
    ["la.buffer"] = { "la.buffer(n [, align]) -> buffer | nil, message, code",
        "Allocates a block for experiments: :addr() :size() :usable() :fill(byte) :resize(n) :free().",
        'b = la.buffer("1M"); la.find(b)' },
    ["la.allocators"] = { "la.allocators() -> array of {name=, version=, path=, current=}",
        "The allocators that a program can run on: glibc, lunalloc, jemalloc, mimalloc and tcmalloc where they are " ..
        "installed, and the malloc of this process, whose current is true. path is for LD_PRELOAD. The version is " ..
        "what the library tells; of one that is not loaded, what its file does.",
        "for _, a in ipairs(la.allocators()) do print(a.name, a.version, a.path) end" },
    ["la.compare"] = { "la.compare{scenario= | trace=, allocators= | a=, b=, rounds=} -> comparison | nil, " ..
        "message, code",
        "Runs a workload (a description, or a file with a scenario or any script in Lua), or replays a recorded " ..
        "trace, on several allocators or with two settings of one, in processes that take turns. The first variant " ..
        "is the one that the others are " ..
        "compared with. Each metric gets the ratio, its interval, and a verdict: better, worse, no difference.\n" ..
        "a, b: settings as in LUNALLOC_CONF, or {conf=, allocator=, env=, preload=, name=}. Without allocators, a " ..
        "and b: all allocators that are installed.",
        'print(la.compare{scenario = {threads = 2, duration = "1s"}, a = "narenas:1", b = "narenas:4"})' },
    ["la.replay"] = { "la.replay{trace=, allocator=, conf=, speed=, lossy=} -> replay | nil, message, code",
        "Replays a recorded trace on a malloc, in a process of its own: the recorded threads make the recorded " ..
        "calls. The result has ops, seconds, ns_per_call, latency, peak_rss, base_rss, timeline; and fidelity: " ..
        "what was recorded beside what was replayed. speed: \"real\" (default), \"max\", or how many times as fast. " ..
        "Above 0.1 % lost events it refuses, unless lossy is true.",
        'print(la.replay{trace = "redis.trace", conf = "narenas:1", speed = "max"})' },
    ["la.tune"] = { "la.tune{command= | scenario= | trace= | target=, objective=, limit=, budget=, report=} -> " ..
        "tuning | nil, message, code",
        "Searches settings of LUNALLOC_CONF that make a command, a scenario, a trace or a running process smaller " ..
        "or faster (objective: \"rss\", \"time\", \"p99\" or \"balanced\"), within a limit such as \"time+2%\", and " ..
        "confirms the winner in fresh runs. The result prints itself; its verdict is \"better\", with winner.line " ..
        "for the environment and winner.settings with the cause of each, or \"keep the defaults\".\n" ..
        "A command is a text for the shell or an array of words. A target gets its own settings back at the end. " ..
        "report: the path of a page for a browser with all that was tried.",
        'print(la.tune{command = "python3 load.py", objective = "rss", budget = "5m"})' },
    ["la.workload"] = { "la.workload{threads=, seed=, duration= | ops=, mix={...}, phases={...}, verify=} -> workload",
        "Describes an allocation load, which threads in C run. See help \"workloads\".",
        'w = la.workload{threads=2, duration="1m", mix={{size="lognormal(64,1.2,4096)", lifetime="exp(1000)"}}}' },
    ["la.workload.import"] = { "la.workload.import(path [, {heap=, threads=}]) -> description | nil, message, code",
        "A description for la.workload from a file of another program: sizes with rates and live counts\n" ..
        "(Fleetbench, TCMalloc), shares of sizes, lines \"size lifetime count\", or a trace of Android's malloc.",
        'd = la.workload.import("sizes.csv", {heap = "256M"}); d.duration = "10s"; print(la.workload(d)())' },
    ["la.bars"] = {
        "la.bars{rows={{name=, value= or values=}, ...}, parts=, unit=, title=, most=, width=, mode=} -> text",
        "Draws bars, as a text: one for each row, of parts one behind the other. Also la.bars(x, options): x = " ..
        "la.waste{}, la.instant(), result.latency or result.latency.malloc.",
        'print(la.bars(la.waste{by = "class"}))' },
    ["la.plot"] = {
        "la.plot{series={{name=, values=}, ...}, x=, marks=, title=, unit=, width=, height=, mode=} -> string",
        "Draws series over time, as a text. unit: \"bytes\" or any word; marks: { {x=, label=}, ... };\n" ..
        "mode: \"braille\", \"blocks\" or \"ascii\" (default: by the locale). la.plot(x, options): x = a history,\n" ..
        "a trace, a workload or its result, an array of numbers, or of records with times.",
        'la.plot{series={{name="squares", values={1, 4, 9, 16, 25}}}}' },
    ["w:run"] = { "w:run() -> result", "Runs the workload to its end. Ctrl-C stops it." },
    ["w:start"] = { "w:start() -> w", "Starts the workload in the background, and returns it." },
    ["w:status"] = { "w:status() -> table",
        "The state of a started workload: elapsed, ops, ops_per_s, live, rss, ...; executing, preparing, clocking: " ..
        "seconds of\nall threads. Without a rate, ops_per_s is without the last two, which are the engine's own." },
    ["w:set"] = { "w:set{scale=, rate=, set=, mark=}", "Changes a running workload, as a phase does.",
        'w:set{rate = "50k"}' },
    ["w:wait"] = { "w:wait([time]) -> boolean",
        "Waits for the end, at most for that time (seconds, or \"100ms\"). True if the workload is over." },
    ["w:timeline"] = { "w:timeline() -> array",
        "Memory over time so far: {t=, rss=, allocated=, active=, dirty=, muzzy=, retained=, mark=}." },
    ["w:stop"] = { "w:stop() -> result", "Stops a started workload, frees its memory and returns its result." },
}

-- Words that are not functions.
help.topics = {
    ["reports"] = [=[
Reports of all statistics: malloc_stats_print (C), lunalloc stats PID, and without anybody at the process:
  LUNALLOC_CONF=stats_print:true               one on standard error at exit
  LUNALLOC_CONF=stats_interval:1G              one on standard error for each GiB that is allocated
  LUNALLOC_CONF=dump_signal:SIGUSR2            kill -USR2 PID writes one to ./lunalloc.PID.NAME.s0.txt
  LUNALLOC_CONF=...,report_prefix:/var/tmp/r   signal and interval write to files /var/tmp/r.PID.NAME.s0.txt, .i0.txt
The letters of stats_interval_opts hold for these files: J is JSON, O OpenMetrics. See lunalloc(1).]=],
    ["arena objects"] = [=[
la.arena(i), la.arenas() and la.arena.create{} return objects:
  a.index            a:extents{...}     a:stats()
  a:purge()          returns all unused pages to the system now
  a:decay()          returns the pages whose decay time is over
  a:hooks()          requests to the system, if the arena was created with hooks = "counting": calls of each kind
                     {alloc=, dalloc=, destroy=, commit=, decommit=, purge_lazy=, purge_forced=, split=, merge=},
                     and the same in .bytes; else nil
  a:bind()           makes the calling thread allocate here from now on
  a:reset()          frees every block of the arena            a:destroy()   frees the arena, too
  Settings: la.ctl.arena[i] ]=],
    decay = [[
Pages that a program frees first stay resident, as dirty pages, since the program will probably need them again soon.
Decay returns unused dirty pages to the system along a smooth curve over dirty_decay_ms. Pages that were returned lazily
are then muzzy for muzzy_decay_ms. 0 returns pages at once, -1 never.
Free pages inside of slabs that are in part use go back after slab_decay_ms. They are "discarded": address space of the
slab without memory, until the slab is filled again, which happens last.
  la.ctl.arena[0].dirty_decay_ms = 500         live, for one arena
  la.set("arena.4096.dirty_decay_ms", 500)     for every arena
  la.arena(0):purge()                          all of it, once, now]],
    top = [[
lunalloc top PROCESS..., or .top at the prompt, shows where the memory is, live: figures over time with a mark where a
setting changed, arenas, the hottest and the most wasteful size classes, threads by what they have cached, and stacks.
  Tab, 1 to 5  chooses a panel       s r     sort by the next column, reverse       up down   scroll
  p  purges                          d m     set dirty_decay_ms, muzzy_decay_ms     space     freezes
  f  starts and stops the profiler   w       the LUNALLOC_CONF line of the changes  h q       help, quit
Of several processes there is a table; Enter opens one, Escape goes back.]],
    profiling = [[
The profiler samples one in 2^lg_sample allocated bytes on average, so a large block is sampled more probably than a
small one. It keeps the stack of each sampled block until the block is freed. It costs nothing while it is off, and can
be switched on at any time.
  la.prof.start()  ...  la.prof.top{by = "stack"}  la.prof.dump "heap.pb"  la.prof.stop()
  LUNALLOC_CONF="prof:true,prof_final:true" program     from the start, with a profile at exit
  google-pprof --text program FILE                      reads a dump
  la.prof.samples():old("10m"):in_slabs{util=0.3}:by("stack")    asks about the samples
  la.prof.start{lua = true}                             shows functions and lines of Lua in stacks
  la.prof.dump "x.collapsed"                            stacks for a flame graph: flamegraph.pl, speedscope
  la.set("thread.prof.active", false)                   exempts the calling thread
examples/profile.lua finds a leak.]],
    findings = [[
la.doctor() finds, with at least 4 MiB and 5 % of the resident memory:
  dirty          free pages that a long decay time keeps, and that nothing took again
  scattered      the same, in pieces too small for what is requested
  overdue        free pages that decay makes due in a process at rest: nobody purges
  muzzy          pages that count as resident until the system runs out of memory
  fragmentation  slabs with few objects in use; pinned: and the stack that allocated these (profiler)
  caches         free objects in the caches of threads that hardly allocate
  quarantine     freed objects that wait, to find misuse
  arenas         free pages in arenas that no thread uses: there are too many
  huge pages     free pages that stay because huge pages are kept whole, or were filled up by the system
  retained       address space without memory behind it, near a limit of address space
  foreign        memory that is not the allocator's: mmap, another allocator
and, whatever the bytes:
  contention     threads that wait for the lock of a class
  settings       settings that fight each other, or are for tests
  environment    pairs of LUNALLOC_CONF or MALLOC_CONF that are no options, or were refused
Pages that a program takes again within the watch, or within the agent's history of a minute, are no waste.]],
    thp = [[
With thp "always" an arena asks the system for huge pages (2 MiB on most systems) and is hugepage-aware: decay returns
only whole huge pages, and breaks none that is partly used. This is faster with large heaps, and keeps more memory
resident.
  LUNALLOC_CONF="thp:always" program           every arena, from the start
  la.set("arena.4096.thp", "always")           live
  la.arena(0):purge()                          returns every free page, and breaks huge ones
arenas.prefault limits how much memory of small objects becomes resident together in a heap that grows: 0 for none.
From 2M on that may be huge pages, unless thp is "never": faster, but for a virtual machine whose host lacks memory.
  la.set("arenas.prefault", "2M")              live]],
    configuration = [[
An environment variable sets options at the start of a program, as pairs. In the running program their names are opt.*:
  LUNALLOC_CONF="dirty_decay_ms:500,narenas:4" program
  for name in la.names "^opt%." do print(name) end
Sources are read in this order, later ones win: /etc/lunalloc.conf, MALLOC_CONF (jemalloc's options), LUNALLOC_CONF.
Commas or newlines separate pairs, # begins a comment. A pair that is wrong or has no effect is reported on stderr; the
others apply.]],
    units = [[
Every function, control and configuration reads quantities alike, as numbers or as text:
  sizes    4096  "64K"  "1.5 MiB"  "2G"         powers of 1024: K M G T
  times    "10s"  "250ms"  "5us"  "2m"          ns us ms s m h d
  counts   1000  "50k"  "1.5M"                  powers of 1000: k M G T
  rates    "50k"  "1.5M/s"                      ratios   0.75  "75%"
A plain number is in the control's own unit, which la.describe shows; elsewhere a time is in seconds.]],
    errors = [[
Ordinary failures return nil, message, code; the code is ENOENT, EINVAL, EPERM, EAGAIN, ... Misuse raises an error, and
so does every failure of la.ctl.
  local v, message, code = la.get "no.such.control"]],
    workloads = [[
w = la.workload{ threads = 2, seed = 1, duration = "1m",        -- or ops = 1e7
  mix = { {weight = 9, size = "lognormal(64,1.2,4096)", lifetime = "exp(1000)", touch = 1.0},
          {weight = 1, size = "uniform(64K,1M)", lifetime = "fifo(50)", free_by = {other = 0.1}} },
  phases = { {at = "3s", scale = 2}, {at = "6s", set = {["arena.0.dirty_decay_ms"] = 0}} } }
w:start()  w:status()  w:timeline()  w:set{scale = 0.5}  w:stop()      -- beside the prompt
w:run()                                                                -- or to its end
Lifetimes count later allocations of the same thread. The same seed makes the same sequence of requests.
help "descriptions" has what a description may say.]],
    descriptions = [[
What la.workload{...} may say beside the examples of help "workloads".
Sizes and lifetimes of a row of mix:
  64, "64K", "uniform(a,b)", "exp(mean)", "normal(mean,deviation)"
  "lognormal(median,sigma,max)", "pareto(least,alpha,max)", "zipf(n,s,step)"
  "histogram(FILE)", {[16] = 700, ["1K"] = 200}: values and weights
  a lifetime also "fifo(n)", "forever"; a size also "fleetbench(FILE)"
  joint = { {weight =, size =, lifetime =}, ... }: both, drawn together; or
  "fleetbench(FILE)", "histogram2d(FILE)"
What happens to the blocks of a row:
  free_by = {other = 0.1}, sized = 0.5, batch = {blocks = 100, order = "random"}
  realloc = {share =, times =, grow =}, zero = 0.3 (calloc), align = 64
  touch = 0.5, writes = 2, on = {1, 2}
Rate and scale, from the start, in a phase, or by w:set{}:
  50000, "50k/s", "ramp(1k,50k,10s)", "sine(mean,amplitude,period)"
  "square(low,high,period)", "steps(0s:5k,2s:50k)", "points(0s:5k,2s:50k)"
In the place of mix:
  trace = FILE replays a text trace of Android's malloc (FILE may be a .gz), thread by thread
  la.workload.import(FILE, {heap = "256M"}) makes a description of Fleetbench's
  profiles and of other forms
help "pareto" and the like explain one form.]],
    policies = [[
A policy is a small loop that watches an allocator and acts. Those of PREFIX/share/lunalloc/policies:
  dirty_cap     gives free pages back while there are more than a limit
  cgroup        gives back what can be when a control group is near memory.high, or waits for memory (PSI)
  idle_flush    empties the caches of idle threads
  night_purge   gives everything back once a night, in a quiet moment
  frame_budget  for the loop of a game: gives free pages back in what is left of a frame
  lua_limit     for a Lua host: collects above a soft limit of the state, and sets a hard one
Each runs on another process, on its own, at the prompt, or in a host that calls its steps:
  $ lunalloc dirty_cap.lua redis-server limit=32M         ends with 2 when the process ends; --help lists options
  dofile "dirty_cap.lua":run({limit = "32M"}, t)          until Ctrl-C
  step = dofile "dirty_cap.lua" {limit = "32M"}           step() returns what was done, or nil
To write one: require "lunalloc.policy", whose file explains it.]],
    scenarios = [[
A scenario is a workload with limits in a file of its own: what it models, why it hurts allocators, what good ones keep.
  lunalloc test                   runs those that are installed
  lunalloc test web_requests my.lua --allocator jemalloc
  lua5.4 my.lua 2s threads=8      one by itself, on any malloc
From Lua:
  scenario = require "lunalloc.scenario"
  list = scenario.load(scenario.find "web_requests")
  print(scenario.run(list[1], {duration = "1s"}))
lunalloc-test(1) explains how to write one.]],
    tour = [[
lunalloc --tour starts a workload, plots its memory, changes a decay time while it runs, and shows the effect.]],
    keys = [[
Tab     completes names, fields, methods, keys and values of options, files, and controls inside strings, with values
Ctrl-C  interrupts a running command; at the prompt, drops the line   Ctrl-D  leaves
Ctrl-R  searches the history, which is kept in ~/.local/state/lunalloc/history (or under $XDG_STATE_HOME)
The prompt prints the value of an expression. Incomplete input continues on the next line.
_ is the last result; local variables carry over. =EXPR, ?WORD, quit and exit work; help "commands" lists commands.]],
}

help.overview = [[
look      la.stats()                      counters; b - a is a difference
          la.doctor()   la.waste()        findings; bytes held but not in use
          la.sizeclasses()   la.threads()   la.find(addr)
          la.extents_summary{by="state"}   la.map{by="state"}
controls  la.get "stats.allocated"        Tab completes names inside the string
          la.ctl.arena[0].dirty_decay_ms  read it, assign to it
          la.ctl.arena[0].purge()         an action
          la.describe "NAME"              type, range, default, value, source
          la.with{["NAME"] = value}       until the end of a block
arenas    la.arenas()   la.arena(0):purge()   la.arena.create{...}
others    la.ps()   t = la.attach(pid)    the same functions on a process
play      la.buffer "1M"                  a block of its memory
          w = la.workload{...}            w:start()  w:status()  w:stop()
          la.plot{series = {...}}         a picture in the terminal
help      help(la.stats)   help "decay"   help "arena.0.dirty_decay_ms"
          help "commands"                 those that begin with a dot
topics    ]]

for _, module in ipairs { "lunalloc.methods", "lunalloc.help_traces" } do
    for name, entry in pairs(require(module)) do
        help.functions[name] = help.functions[name] or entry
    end
end

--- What help(x) prints.
function help.text(x)
    return require "lunalloc.help_answer"(help, x)
end

--- The set of words that help knows by name, without those of controls.
function help.words()
    local set = {}
    for name in pairs(help.functions) do
        set[name] = true
    end
    for name in pairs(help.topics) do
        set[name] = true
    end
    return set
end

return setmetatable(help, {
    __call = function(_, x)
        require("lunalloc.show").page(help.text(x))
    end,
    __tostring = function()
        return help.text()
    end,
})
