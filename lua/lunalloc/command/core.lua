--- lunalloc core: a core file in the place of a process.

local command = require "lunalloc.command"

local USAGE <const> = [=[
core FILE [COMMAND [ARGUMENT...]]

Looks into a core file. Without a command, opens the prompt with it as t; else runs one of the commands that only read,
on the file: lunalloc core ./core doctor is lunalloc doctor ./core. Nothing of the program is executed.]=]

local readers <const> = { "stats", "threads", "extents", "map", "doctor", "get", "prof", "attach" }

--- Those of the commands that are there.
local function known()
    local list = {}
    for _, name in ipairs(readers) do
        list[#list + 1] = command.load(name) and name or nil
    end
    return list
end

local function run(args)
    local _, words = command.options(args, { "first" })
    local file, name = table.remove(words, 1), table.remove(words, 1) or "attach"
    if not file then
        command.misuse("core: which file?")
    end
    local list = known()
    for _, word in ipairs(list) do
        if word == name then
            local found = command.load(name)
            command.running, command.usage = name, found.usage
            return found.run { file:find("/", 1, true) and file or "./" .. file, table.unpack(words) }
        end
    end
    command.misuse("core: no command '%s' for core files%s (there are: %s)", name, command.hint(name, list),
        table.concat(list, " "))
end

return { summary = "looks into a core file: the commands that read, or the prompt", usage = USAGE, run = run }
