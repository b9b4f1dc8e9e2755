--- lunalloc ps: the processes that run on the allocator.

local command = require "lunalloc.command"
local units = require "lunalloc.units"

local USAGE <const> = [[
ps [--json]

Lists the processes that run on lunalloc. WAY is how the other commands reach one:

  agent     it has an agent: everything can be read and changed
  request   it starts an agent when it is asked to
  memory    its memory can be read, nothing can be changed
  -         it cannot be reached; WHY says the reason]]

local columns <const> = {
    { "PID", function(p) return p.pid end },
    { "UID", function(p) return p.uid end },
    { "RSS", function(p) return units.human(p.rss) end, right = true },
    { "STATE", function(p) return p.state end },
    { "WAY", function(p) return p.way or "-" end },
    { "VERSION", function(p) return p.version or "" end },
    { "NAME", function(p) return p.name end },
    { "WHY", function(p) return p.way ~= "agent" and p.why or "" end },
}

local function run(args)
    local options, words = command.options(args, { json = "flag" })
    command.no_more(words, 0)
    local list = command.try(require("lunalloc").ps())
    if options.json then
        print(command.json(list))
    else
        command.grid(list, columns)
    end
end

return { summary = "lists the processes that run on the allocator", usage = USAGE, run = run }
