--- lunalloc set: changes settings of a process, and calls actions.

local command = require "lunalloc.command"
local schema = require "lunalloc.schema"

local USAGE <const> = [[
set TARGET NAME VALUE
set TARGET NAME=VALUE...
set TARGET ACTION...

Changes settings of a running process, or calls actions (arena.0.purge); prints the old and the new value of each.
It stops at the first that is refused. arena.4096 stands for all arenas. Values may have units: 64K, 2s.
To keep a setting, put it into LUNALLOC_CONF: lunalloc help run.]]

--- Pairs of name and value text; the value of an action is nil.
local function changes_of(words)
    if #words == 2 and not words[1]:find("=", 1, true) and not words[2]:find "^%a[%w_.]*[.=]" then
        return { { words[1], words[2] } }
    end
    local changes = {}
    for i, word in ipairs(words) do
        local name, value = word:match "^([^=]+)=(.*)$"
        changes[i] = { name or word, value }
    end
    return changes
end

--- What has changed. A name that stands for all arenas cannot be read.
local function report(name, old, new, given)
    if new == nil then
        print(("%s: %s"):format(name, given))
    else
        print(("%s: %s -> %s"):format(name, tostring(old), tostring(new)))
    end
end

local function change(t, name, value)
    local row = command.try(t.describe(name))
    if schema.is_action(row) then
        if value ~= nil then
            command.stop("set: '%s' is an action: it takes no value", name)
        end
        command.try(t.set(name))
        print(name .. ": done")
        return
    elseif value == nil then
        command.misuse("set: '%s' needs a value", name)
    end
    command.try(t.set(name, value))
    report(name, row.value, (t.get(name)), value)
end

local function run(args)
    local _, words = command.options(args, {})
    local word = table.remove(words, 1)
    if #words == 0 then
        command.misuse("set: set what?")
    end
    local t <close> = command.target(word)
    for _, pair in ipairs(changes_of(words)) do
        change(t, pair[1], pair[2])
    end
end

return { summary = "changes settings while the process runs, calls actions", usage = USAGE, run = run }
