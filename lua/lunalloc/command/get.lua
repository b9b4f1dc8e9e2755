--- lunalloc get: reads controls of a process.

local command = require "lunalloc.command"
local schema = require "lunalloc.schema"

local USAGE <const> = [[
get TARGET [NAME...] [--json] [--describe]

Prints the values of controls: of one, or of several with their names; without a name, of all that have no index.
A TARGET is a pid, the name of a process, or the path of a core file.

  --describe    with what a control is, its unit, default and range
  --json        an object of names and values; with --describe, of descriptions]]

--- The names of all controls that can be read without an effect, in order.
local function all_names(t)
    local names = {}
    for name in command.try(t.names()) do
        if not schema.is_pattern(name) and schema.is_readable(command.try(t.describe(name))) then
            names[#names + 1] = name
        end
    end
    return names
end

--- "dirty_decay_ms: time, ... (ms; default 10000; -1 or more)"
local function description(row)
    local facts = { row.unit ~= "" and row.unit or row.type }
    facts[#facts + 1] = row.default ~= nil and "default " .. tostring(row.default) or nil
    facts[#facts + 1] = row.min and ("%s to %s"):format(row.min, row.max == math.maxinteger and "any" or row.max)
        or nil
    facts[#facts + 1] = row.source and row.source ~= "" and "set by: " .. row.source or nil
    return ("%s\n    %s (%s)"):format(row.value == nil and "" or tostring(row.value), row.doc,
        table.concat(facts, "; "))
end

--- The value of a control, or its description. Of several, one that cannot be read (another's, of a feature that is
--- off) has none.
local function read(t, name, options, several)
    if options.describe then
        return command.try(t.describe(name))
    end
    local value, message, code = t.get(name)
    if value == nil and not (several and code ~= "ESRCH") then
        command.try(nil, message, code)
    end
    return value
end

local function run(args)
    local options, words = command.options(args, { json = "flag", describe = "flag" })
    local t <close> = command.target(table.remove(words, 1))
    local all = #words == 0
    local names, values = all and all_names(t) or words, {}
    for _, name in ipairs(names) do
        values[name] = read(t, name, options, all)
    end
    if options.json then
        print(command.json(values))
        return
    end
    for _, name in ipairs(names) do
        local text = options.describe and description(values[name]) or tostring(values[name])
        if values[name] ~= nil then
            print((#names > 1 or options.describe) and name .. " " .. text or text)
        end
    end
end

return { summary = "reads settings and counters by name", usage = USAGE, run = run }
