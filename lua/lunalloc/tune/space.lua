--- What la.tune searches: the options that can be tuned with the values worth trying, and the candidates of a search.
---
---     space.tunable   option -> { its default as text, values in order, live = the control that sets it live, if any,
---                     effect = what it does, and shows = the statistics in which that is seen, for the sentence about
---                     a winner (explain.lua) }
---     space.fixed     option -> why it is no subject of a search
---     space.arms(objective)   the candidates, the most promising first: an array of arrays of { option, value }
---     space.text(settings)    "dirty_decay_ms:0,narenas:1": for LUNALLOC_CONF
---     space.joined(a, b)      both sets of settings;  space.changed(settings, i, value)  another value for one
---
--- Every option of the schema is in one of the two tables (tests/lua/tune_test.lua). The order of the candidates is
--- what is known of the allocator: which options matter for memory, and which for time. A search with a small budget
--- tries the first of them only.

local space = {}

-- ---- options -------------------------------------------------------------------------------------------------------

space.tunable = {
    dirty_decay_ms = { default = "10000", values = { "0", "500", "1000", "2000", "10000", "60000", "-1" },
        live = "arena.<i>.dirty_decay_ms",
        shows = { "dirty", "nmadvise" },
        effect = "free pages return to the system after this time; until then they are resident, and cheap to reuse" },
    muzzy_decay_ms = { default = "0", values = { "0", "10000" }, live = "arena.<i>.muzzy_decay_ms",
        shows = { "nmadvise" },
        effect = "pages are first given back lazily, which costs less if they are soon used again" },
    slab_decay_ms = { default = "10000", values = { "0", "1000", "10000", "-1" }, live = "arena.<i>.slab_decay_ms",
        shows = { "discarded", "nmadvise" },
        effect = "free pages of slabs in part use return to the system after this time" },
    dirty_max = { default = "-1", values = { "1M", "4M", "16M", "64M", "-1" }, live = "arena.<i>.dirty_max",
        shows = { "dirty", "nmadvise" },
        effect = "an arena keeps at most this many bytes of free pages resident; the oldest go back first" },
    background_thread = { default = "true", values = { "false", "true" }, live = "background_thread",
        shows = { "dirty", "nmadvise" },
        effect = "without the thread, only threads that allocate purge, and a program at rest keeps its memory" },
    narenas = { default = "0", values = { "1", "2", "4", "8" }, live = "arenas.nauto",
        shows = { "narenas", "active", "dirty" },
        effect = "fewer arenas share their free memory better; more have less contention" },
    tcache = { default = "true", values = { "false", "true" },
        shows = { "cached", "nfills" },
        effect = "without caches, threads hold no free objects, and each call takes a lock" },
    tcache_bytes = { default = "262144", values = { "4096", "16384", "65536", "262144", "1048576" },
        live = "arenas.tcache_bytes",
        shows = { "cached", "nfills" },
        effect = "a thread's cache holds at most this many bytes of a size class" },
    tcache_nslots = { default = "4096", values = { "16", "64", "256", "1024", "4096" }, live = "arenas.tcache_nslots",
        shows = { "cached", "nfills" },
        effect = "a thread's cache holds at most this many objects of a size class" },
    tcache_max = { default = "32768", values = { "1024", "8192", "32768", "131072", "1048576" },
        live = "arenas.tcache_largest",
        shows = { "cached", "nfills" },
        effect = "larger objects come from the arena at each call" },
    slab_sizes = { default = "", values = { "1-2048:1", "257-2048:1", "", "1-2048:4", "1-4096:8" },
        shows = { "active", "nslabs", "nfills" },
        effect = "smaller slabs become wholly free more easily; larger ones are fetched less often" },
    bin_shards = { default = "", values = { "", "1-4096:2", "1-4096:4" },
        shows = { "active" },
        effect = "threads of one arena take different locks" },
    lg_extent_max_active_fit = { default = "63", values = { "6", "63" },
        shows = { "active", "dirty", "highwater" },
        effect = "small requests do not cut up large runs of free pages" },
    oversize_threshold = { default = "0", values = { "0", "1M", "8M" },
        shows = { "dirty", "nmadvise" },
        effect = "large blocks have an arena that gives their pages back at once" },
    thp = { default = "default", values = { "never", "default", "always" },
        shows = { "active" },
        effect = "huge pages take fewer page faults and TLB misses, and keep memory that is only partly used" },
    prefault = { default = "262144", values = { "0", "262144", "2097152" }, live = "arenas.prefault",
        shows = { "active", "dirty" },
        effect = "a heap that grows takes fewer page faults, and huge pages from 128 MiB on" },
    retain = { default = "true", values = { "true", "false" },
        shows = { "retained", "nregions" },
        effect = "address ranges that are empty are unmapped" },
}

local LOOKS <const> = "it reports, and tunes nothing"
local MISUSE <const> = "it is for finding misuse, and only costs"
local PROFILER <const> = "it belongs to the profiler, which is no part of a setting that stays"
local MEANING <const> = "it changes what the program sees"

space.fixed = {
    abort = LOOKS, abort_conf = LOOKS, confirm_conf = LOOKS, dump_signal = LOOKS, report_prefix = LOOKS,
    stats_interval = LOOKS, stats_interval_opts = LOOKS, stats_print = LOOKS, stats_print_opts = LOOKS,
    record = "it writes down what the program asks for",
    agent = "it is for the one who looks into the process",
    dlopen_deepbind = MEANING, zero_realloc = MEANING,
    lg_quantum = "8 breaks programs that rely on an alignment of 16 bytes",
    junk = MISUSE, quarantine = MISUSE, zero = MISUSE,
    lg_prof_interval = PROFILER, lg_prof_sample = PROFILER, prof = PROFILER, prof_accum = PROFILER,
    prof_active = PROFILER, prof_final = PROFILER, prof_gdump = PROFILER, prof_leak = PROFILER,
    prof_leak_error = PROFILER, prof_prefix = PROFILER, prof_thread_active_init = PROFILER,
    max_background_threads = "4 threads serve all arenas that the search tries",
    retain_grow_limit = "it moves address space, not memory",
}

-- ---- candidates ----------------------------------------------------------------------------------------------------

-- "a:1,b:2" each, the most promising first. Several settings belong together where one has no
-- effect alone: small slabs save memory if their pages go back, for example.
local FOR_MEMORY <const> = {
    "dirty_decay_ms:0",
    "dirty_max:4M",
    "dirty_decay_ms:1000",
    "dirty_decay_ms:0,slab_sizes:1-2048:1",
    "dirty_decay_ms:2000,slab_sizes:257-2048:1",
    "slab_sizes:1-2048:1",
    "tcache_bytes:4096",
    "narenas:1",
    "lg_extent_max_active_fit:6",
    "oversize_threshold:1M",
    "tcache_max:1024",
    "dirty_max:16M",
    "thp:never",
}

local FOR_TIME <const> = {
    "thp:always",
    "dirty_decay_ms:-1",
    "tcache_bytes:1048576",
    "background_thread:false",
    "tcache_max:1048576",
    "slab_sizes:1-4096:8",
    "narenas:4",
    "bin_shards:1-4096:4",
    "oversize_threshold:8M",
    "muzzy_decay_ms:10000",
    "slab_sizes:1-2048:1",
    "dirty_max:16M",
}

local FOR_BOTH <const> = {
    "dirty_decay_ms:0", "thp:always", "dirty_max:4M", "slab_sizes:1-2048:1",
    "dirty_decay_ms:2000,slab_sizes:1-2048:1", "tcache_bytes:1048576",
    "tcache_bytes:4096", "narenas:1", "dirty_decay_ms:-1", "lg_extent_max_active_fit:6", "slab_sizes:1-4096:8",
    "background_thread:false",
}

local CANDIDATES <const> = { rss = FOR_MEMORY, time = FOR_TIME, p99 = FOR_TIME, balanced = FOR_BOTH }

--- The settings of a text as LUNALLOC_CONF has it: an array of { option, value }. A comma inside a value is none.
function space.parse(text)
    local settings = {}
    for option, value in text:gmatch "([%w_]+):([^,]*)" do
        settings[#settings + 1] = { option, value }
    end
    return settings
end

function space.text(settings)
    local sorted, parts = table.move(settings, 1, #settings, 1, {}), {}
    table.sort(sorted, function(a, b) return a[1] < b[1] end)
    for i, setting in ipairs(sorted) do
        parts[i] = setting[1] .. ":" .. setting[2]
    end
    return table.concat(parts, ",")
end

--- The candidates of an objective. `only_live`: those that a running process can be given.
function space.arms(objective, only_live)
    local arms = {}
    for _, text in ipairs(CANDIDATES[objective]) do
        local settings, live = space.parse(text), true
        for _, setting in ipairs(settings) do
            live = live and space.tunable[setting[1]].live ~= nil
        end
        arms[#arms + 1] = (live or not only_live) and settings or nil
    end
    return arms
end

--- The values next to that of a setting: an array of one or two texts.
function space.neighbours(option, value)
    local known, near = space.tunable[option], {}
    for i, text in ipairs(known and known.values or {}) do
        if text == value then
            near[#near + 1] = known.values[i - 1]
            near[#near + 1] = known.values[i + 1]
        end
    end
    for i = #near, 1, -1 do
        if near[i] == known.default or near[i] == "" then
            table.remove(near, i)
        end
    end
    return near
end

--- Both sets of settings; nil if they differ in the value of an option, or one has all.
function space.joined(a, b)
    local all, seen = {}, {}
    for _, list in ipairs { a, b } do
        for _, setting in ipairs(list) do
            local value = seen[setting[1]]
            if value and value ~= setting[2] then
                return nil
            end
            all[#all + 1] = not value and setting or nil
            seen[setting[1]] = setting[2]
        end
    end
    return #all > math.max(#a, #b) and all or nil
end

--- The same settings with another value at i.
function space.changed(settings, i, value)
    local copy = table.move(settings, 1, #settings, 1, {})
    copy[i] = { settings[i][1], value }
    return copy
end

return space
