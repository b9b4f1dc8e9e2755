--- lunalloc conf: the settings of a process as a line for its next start.

local command = require "lunalloc.command"

local USAGE <const> = [[
conf TARGET

Prints the settings that a process has now, as far as they are not the defaults, as a line LUNALLOC_CONF="...": with it
in the environment, the program starts with what was changed live.
A TARGET is a pid, the name of a process, or the path of a core file.]]

local function run(args)
    local _, words = command.options(args, {})
    command.no_more(words, 1)
    local t <close> = command.target(words[1])
    local text, unsaid = command.try(t.conf())
    print(('LUNALLOC_CONF="%s"'):format(text))
    if #unsaid > 0 then
        io.stderr:write(("lunalloc: conf: not in the line, as arenas differ: %s\n"):format(table.concat(unsaid, " ")))
    end
end

return { summary = "prints its settings as a line for the next start", usage = USAGE, run = run }
