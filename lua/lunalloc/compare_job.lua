--- What is run in the child processes of a comparison or of a search, as Lua text for compare_child.lua: a workload's
--- description, a scenario, or any script in Lua.

local core = require "lunalloc.core"
local check = require "lunalloc.check"

local shown = check.shown

local compare_job = {}

local DEEPEST <const> = 20

--- The value as Lua text, for a child or a host: of one line, but for newlines in strings.
local function literal(value, path, depth, fail)
    local kind = type(value)
    if kind == "table" and depth < DEEPEST then
        local parts = {}
        for key, field in pairs(value) do
            local inner = ("%s[%s]"):format(path, shown(key))
            parts[#parts + 1] = ("[%s]=%s"):format(literal(key, inner, DEEPEST, fail),
                literal(field, inner, depth + 1, fail))
        end
        return "{" .. table.concat(parts, ",") .. "}"
    elseif kind == "string" or kind == "number" or kind == "boolean" then
        return ("%q"):format(value)
    end
    fail("%s: %s cannot be passed to a child process: texts, numbers, booleans and tables of them expected", path,
        kind == "table" and "a table that is nested too deeply" or shown(value))
end

compare_job.literal = literal

--- The text of the file, which goes with the job to another host; nil, message, code.
local function read_file(path)
    local text, message, code = core.workload.read(path)
    if not text then
        return nil, message, code
    end
    return ("source = %q, "):format(text)
end

--- The job of options.scenario with options.duration (seconds or nil) and options.set, and its name. nil, message, code
--- if there is no such file. A mistake is passed to fail(format, ...), which raises. `embed`: the job holds the text of
--- the file.
function compare_job.read(options, fail, embed)
    local given = options.scenario
    local job = ("return { duration = %s, set = %s, "):format(tostring(options.duration),
        literal(options.set or {}, "set", 0, fail))
    if type(given) == "table" then
        return ("%sdescription = %s }"):format(job, literal(given, "scenario", 0, fail)), "workload"
    elseif type(given) ~= "string" or given:find("\0", 1, true) then
        fail("scenario = %s: a description of a workload, the path of a Lua file, or the name of a scenario, " ..
            "expected", shown(given))
    end
    local ok, message, code = core.child.is_file(given)
    local file = given
    if code == "ENOENT" then
        file, message, code = require("lunalloc.scenario").find(given) -- the name of one that is installed
    end
    if not (ok or file ~= given and file) then
        return nil, message, code
    end
    local source = ""
    if embed then
        source, message, code = read_file(file)
        if not source then
            return nil, message, code
        end
    end
    return ("%s%sfile = %q }"):format(job, source, file), given:match "([^/]*)%.lua$" or given:match "[^/]*$"
end

return compare_job
