-- The command line of the bench: parses it, or raises a message of one line about its first mistake.

local options = {}

options.HELP = [[
usage: scripts/bench/bench [OPTION...]
  --quick            fewer and shorter rows, fewer rounds: about two minutes
  --only LIST        run only these rows: names, groups or Lua patterns, separated by commas
  --rounds N         number of measured rounds (default 5; quick: 3); one more, not measured, precedes them
  --add NAME=LIB     add an allocator, a library to preload; NAME="LIB VAR=VALUE ..." also sets its environment.
                     A name that begins with "lunalloc" is not a peer
  --peers FOLDER     where allocators that you have built are (default: peers, in the tree): NAME.so, or for a C
                     library a folder NAME with its libc.so.6 and ld-linux-*.so.*
  --allocators LIST  run only these allocators, separated by commas
  --clock WHICH      what "time" means: wall (default), or cpu (user + system), for a machine that is not idle
  --out FILE         write the JSON there (default build/bench.json)
  --no-calls         do not count system calls (as if strace were missing)
  --percent N        do N % of the work of each row (default 100; quick: 30), mostly with the same live memory
  --list             list the rows and the allocators found, and run nothing
  --help             print this text
]]

local function fail(format, ...)
    error({ usage = format:format(...) }, 0)
end

local function positive(name, value)
    local n = math.tointeger(tonumber(value))
    if not n or n < 1 then
        fail("%s: a whole number above 0 expected, not '%s'", name, value)
    end
    return n
end

local function words(list)
    local found = {}
    for word in list:gmatch "[^,]+" do
        found[#found + 1] = word
    end
    return found
end

local function patterns(name, value)
    local list = words(value)
    for _, pattern in ipairs(list) do
        if not pcall(string.find, "", pattern) then
            fail("%s: '%s' is not a Lua pattern", name, pattern)
        end
    end
    return list
end

--- "name=library VAR=VALUE ..."
local function allocator(name, value)
    local label, rest = value:match "^([%w_.%-]+)=(.+)$"
    local library = rest and rest:match "^%S+"
    if not library then
        fail("%s: NAME=LIBRARY expected, not '%s'", name, value)
    end
    local file <close> = io.open(library)
    if not file then
        fail("%s: no library '%s'", name, library)
    end
    local environment = {}
    for variable in rest:sub(#library + 1):gmatch "%S+" do
        if not variable:find "^[%a_][%w_]*=" then
            fail("%s: VAR=VALUE expected, not '%s'", name, variable)
        end
        environment[#environment + 1] = variable
    end
    return { name = label, library = library, environment = environment }
end

local function clock(name, value)
    if value ~= "wall" and value ~= "cpu" then
        fail("%s: wall or cpu expected, not '%s'", name, value)
    end
    return value
end

local function folder(name, value)
    if not os.rename(value, value) then
        fail("%s: no folder '%s'", name, value)
    end
    return value
end

local FLAGS <const> = { ["--quick"] = "quick", ["--list"] = "list", ["--help"] = "help", ["--no-calls"] = "no_calls" }
local VALUES <const> = {
    ["--only"] = { "only", patterns },
    ["--rounds"] = { "rounds", positive },
    ["--allocators"] = { "allocators", function(_, value) return words(value) end },
    ["--peers"] = { "peers", folder },
    ["--clock"] = { "clock", clock },
    ["--out"] = { "out", function(_, value) return value end },
    ["--percent"] = { "percent", positive },
}

--- Raises {usage = message}.
function options.parse(arguments)
    local given, i = { add = {}, clock = "wall" }, 1
    while i <= #arguments do
        local name, glued = arguments[i]:match "^(%-%-[%w-]+)=(.*)$"
        name = name or arguments[i]
        if FLAGS[name] and not glued then
            given[FLAGS[name]] = true
        elseif name == "--add" or VALUES[name] then
            if not glued then
                i = i + 1
                glued = arguments[i] or fail("%s: a value is missing", name)
            end
            if name == "--add" then
                table.insert(given.add, allocator(name, glued))
            else
                given[VALUES[name][1]] = VALUES[name][2](name, glued)
            end
        else
            fail("unknown option '%s'; --help lists them", arguments[i])
        end
        i = i + 1
    end
    return given
end

return options
