-- The runner of Lua tests, and the harness that it hands them.
--
--     lua5.4 tests/lua/run.lua [FILE ...]        default: every *_test.lua beside this file
--
-- A test file is a chunk that gets the harness as its argument and calls test(name, function) for each test. Any Lua
-- 5.4 that finds the module will do: the stock interpreter, the same one preloaded, the console.

local passed, failed, skipped = 0, 0, 0
local file = "?"
local test = {}

-- Raised by skip(): not a failure.
local Skip = {}

--- Calls it; if it fails (and does not skip), counts and reports that.
local function attempt(name, body, ...)
    local ok, problem = xpcall(body, function(e)
        return getmetatable(e) == Skip and e or debug.traceback(tostring(e), 2)
    end, ...)
    if not ok and getmetatable(problem) == Skip then
        skipped = skipped + 1
        print(("skipped: %s: %s: %s"):format(file, name, problem.why))
    elseif not ok then
        failed = failed + 1
        print(("FAILED: %s: %s\n%s"):format(file, name, problem))
    end
    return ok
end

setmetatable(test, {
    __call = function(_, name, body)
        if attempt(name, body) then
            passed = passed + 1
        end
    end,
})

function test.skip(why)
    error(setmetatable({ why = why }, Skip))
end

function test.equal(got, wanted, what)
    if got ~= wanted then
        error(("%s: got %s, wanted %s"):format(what or "value", tostring(got), tostring(wanted)), 2)
    end
end

--- The text matches a Lua pattern.
function test.match(text, pattern)
    if type(text) ~= "string" or not text:find(pattern) then
        error(("got %s, wanted a match of '%s'"):format(tostring(text), pattern), 2)
    end
end

--- The function raises a message that matches.
function test.raises(pattern, body, ...)
    local ok, message = pcall(body, ...)
    if ok then
        error(("nothing raised, wanted '%s'"):format(pattern), 2)
    elseif not tostring(message):find(pattern) then
        error(("raised '%s', wanted '%s'"):format(tostring(message), pattern), 2)
    end
end

--- The results of a call are nil, a one-line message that matches, and the code.
function test.fails(code, pattern, ...)
    local value, message, got = ...
    if value ~= nil or type(message) ~= "string" or message:find("\n") or not message:find(pattern) or got ~= code then
        error(("got %s, %s, %s; wanted nil, '%s', %s"):format(tostring(value), tostring(message), tostring(got),
            pattern, code), 2)
    end
end

--- The table has exactly these fields ("name:type ..."; "name:type?" may be missing).
function test.shape(record, fields)
    local known = {}
    for name, kind, optional in fields:gmatch("([%w_]+):(%a+)(%??)") do
        known[name] = true
        local value = record[name]
        local got = math.type(value) or type(value)
        if got ~= kind and not (optional == "?" and value == nil) then
            error(("field '%s' is a %s, wanted %s"):format(name, got, kind), 2)
        end
    end
    for name in pairs(record) do
        if not known[name] then
            error(("field '%s' was not expected"):format(tostring(name)), 2)
        end
    end
end

local function default_files()
    local directory = arg[0]:match("^(.*)/") or "."
    local files = {}
    local listing <close> = assert(io.popen(("ls '%s'/*_test.lua"):format(directory)))
    for name in listing:lines() do
        files[#files + 1] = name
    end
    return files
end

for _, name in ipairs(#arg > 0 and arg or default_files()) do
    file = name:match("[^/]+$")
    local chunk, message = loadfile(name)
    attempt("the file as a whole", chunk or function()
        error(message, 0)
    end, test)
end

print(("%d passed, %d failed%s"):format(passed, failed, skipped > 0 and (", %d skipped"):format(skipped) or ""))
os.exit(failed == 0 and passed > 0, true)
