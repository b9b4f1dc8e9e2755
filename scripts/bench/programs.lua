-- Rows of the bench that run real programs, from Debian. A row has a name, a doc, needs (programs), quick (whether the
-- short bench runs it), starts (whether its program starts others), and command(context), which returns argv, or nil
-- and the reason why it can't run; and a table {input =, environment =, times =, socket =, client =} (see run.c). The
-- context has find(program), root, scratch (a folder), data(name) (a generated file, see data.lua) and scaled(n).
--
-- redis-server is the program redis-check-rdb under another name. Debian's package redis-server would start a service.

local system = require "system"

local programs = {}

local function here(context, name)
    return context.root .. "/scripts/bench/work/" .. name
end

local C_FLAGS <const> = { "-std=gnu11", "-D_GNU_SOURCE", "-DLUNALLOC_DEBUG=0",
    "-DLUNALLOC_ASAN=0", "-DLUNALLOC_TSAN=0", "-DLUNALLOC_REPLACE=1" }

local function with_flags(context, first, ...)
    local argv = { first, table.unpack(C_FLAGS) }
    for _, word in ipairs { "-I" .. context.root .. "/src", "-I" .. context.root .. "/lua", ... } do
        argv[#argv + 1] = word
    end
    return argv
end

local function largest_source(context)
    return system.output("find " .. system.quote(context.root .. "/src") ..
        " -name '*.c' ! -name '*_windows.c' -printf '%s %p\\n' | sort -n | tail -n 1"):match " (.+)$"
end

local rows = {
    {
        name = "true", quick = true, doc = "starting up and ending, 200 times", needs = { "true" },
        command = function(context)
            return { context.find "true" }, { times = context.scaled(200) }
        end,
    },
    {
        name = "redis", quick = true, doc = "redis-server under redis-benchmark",
        needs = { "redis-check-rdb", "redis-benchmark" },
        command = function(context)
            local socket, server = context.scratch .. "/redis.sock", context.scratch .. "/redis-server"
            os.remove(server)
            os.execute(system.command { "ln", "-s", context.find "redis-check-rdb", server })
            return { server, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly",
                "no", "--loglevel", "warning", "--dir", context.scratch }, {
                socket = socket,
                client = { context.find "redis-benchmark", "-s", socket, "-q", "-n", context.scaled(60000), "-c", 20,
                    "-P", 16, "-d", 200, "-r", 50000, "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,mset" },
            }
        end,
    },
    {
        name = "sqlite3", quick = true, doc = "inserts, indices, joins and aggregates in memory", needs = { "sqlite3" },
        command = function(context)
            return { context.find "sqlite3", ":memory:" }, { input = here(context, "query.sql") }
        end,
    },
    {
        name = "python3", quick = true, doc = "objects, dictionaries, strings, JSON", needs = { "python3" },
        command = function(context)
            return { context.find "python3", "-S", here(context, "objects.py"), context.scaled(5) },
                { environment = { "PYTHONHASHSEED=0" } }
        end,
    },
    {
        name = "python3_malloc", doc = "the same without Python's own allocator before malloc", needs = { "python3" },
        command = function(context)
            return { context.find "python3", "-S", here(context, "objects.py"), context.scaled(4) },
                { environment = { "PYTHONHASHSEED=0", "PYTHONMALLOC=malloc" } }
        end,
    },
    {
        name = "python3_live", doc = "200 MB of live objects that are replaced in part, without Python's own allocator",
        needs = { "python3" },
        command = function(context)
            return { context.find "python3", "-S", here(context, "live.py"), context.scaled(3) },
                { environment = { "PYTHONHASHSEED=0", "PYTHONMALLOC=malloc" } }
        end,
    },
    {
        name = "ruby", doc = "strings, arrays and hashes, replaced in part", needs = { "ruby" },
        command = function(context)
            return { context.find "ruby", "--disable=gems", here(context, "strings.rb"), context.scaled(3) }
        end,
    },
    {
        name = "lua", quick = true, doc = "tables, strings, closures, collection", needs = { "lua5.4" },
        command = function(context)
            return { context.find "lua5.4", here(context, "tables.lua"), context.scaled(10) }
        end,
    },
    {
        name = "perl", quick = true, doc = "hashes, arrays, regular expressions", needs = { "perl" },
        command = function(context)
            return { context.find "perl", here(context, "hashes.pl"), context.scaled(6) },
                { environment = { "PERL_HASH_SEED=0" } }
        end,
    },
    {
        name = "gcc", quick = true, starts = true, doc = "gcc -O2 of the largest file of src/", needs = { "gcc" },
        command = function(context)
            return with_flags(context, context.find "gcc", "-O2", "-c", largest_source(context), "-o",
                context.scratch .. "/gcc.o"), { times = context.scaled(3) }
        end,
    },
    {
        name = "clang", doc = "clang -O1 of the largest file of src/", needs = { "clang" },
        command = function(context)
            return with_flags(context, context.find "clang", "-O1", "-c", largest_source(context), "-o",
                context.scratch .. "/clang.o"), { times = context.scaled(4) }
        end,
    },
    {
        name = "g++", starts = true, doc = "g++ -O1 of a C++ program with threads and containers", needs = { "g++" },
        command = function(context)
            return { context.find "g++", "-std=c++17", "-O1", "-c", context.root .. "/tests/programs/threads.cpp",
                "-o", context.scratch .. "/cxx.o" }
        end,
    },
    {
        name = "cppcheck", doc = "cppcheck of two folders of src/", needs = { "cppcheck" },
        command = function(context)
            return { context.find "cppcheck", "--quiet", "--enable=warning", "--std=c11", "-DLUNALLOC_DEBUG=0",
                "-I" .. context.root .. "/src", context.root .. "/src/extent", context.root .. "/src/arena" }
        end,
    },
    {
        name = "git", doc = "the patches of the project's last 300 commits", needs = { "git" },
        command = function(context)
            local git = context.find "git"
            local quoted = system.command { git, "-C", context.root }
            if system.output(quoted .. " rev-parse --verify HEAD") == "" then
                return nil, "the tree is no git repository"
            end
            return { git, "-C", context.root, "--no-pager", "log", "-p", "-M", "--stat", "-n", 300 },
                { times = context.scaled(3) }
        end,
    },
    {
        name = "awk", doc = "words counted in an array", needs = { "awk" },
        command = function(context)
            return { context.find "awk", "{ for (i = 1; i <= NF; i++) { n[$i]++; at[$i] = at[$i] NR \" \" } } " ..
                "END { for (w in n) print w, n[w], length(at[w]) }", context.data "words.txt" }
        end,
    },
    {
        name = "sort", doc = "lines sorted, and those that occur once", needs = { "sort" },
        command = function(context)
            return { context.find "sort", "-u", "-k2,3", context.data "words.txt" },
                { environment = { "LC_ALL=C" }, times = context.scaled(6) }
        end,
    },
    {
        name = "jq", quick = true, doc = "an array of objects grouped and counted", needs = { "jq" },
        command = function(context)
            return { context.find "jq", "group_by(.kind) | map({kind: .[0].kind, n: length, " ..
                "names: map(.name) | unique | length, sum: map(.values | add) | add})", context.data "records.json" }
        end,
    },
}

--- The rows whose programs are installed; and an array of {name =, why =} of the others.
function programs.rows(context)
    local found, skipped = {}, {}
    for _, row in ipairs(rows) do
        local why
        for _, program in ipairs(row.needs) do
            why = why or not context.find(program) and "no " .. program
        end
        local argv, more
        if not why then
            argv, more = row.command(context)
            why = not argv and more
        end
        if why then
            skipped[#skipped + 1] = { name = row.name, why = why }
        else
            local made = { name = row.name, group = "program", doc = row.doc, quick = row.quick, starts = row.starts,
                argv = argv }
            for key, value in pairs(more or {}) do
                made[key] = value
            end
            found[#found + 1] = made
        end
    end
    return found, skipped
end

return programs
