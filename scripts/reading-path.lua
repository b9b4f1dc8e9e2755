-- reading-path.lua -- a control's write under callgrind, for scripts/reading-path: what la.set() executes. Prints the
-- lines of the Lua layer, a line "PATH LINE" each; what is C goes to a dump of callgrind's.
local la = require "lunalloc"
local counting = require "reading_path"

local NAME <const>, VALUE <const> = "arena.0.dirty_decay_ms", 5000

local function write()
    assert(la.set(NAME, VALUE))
end

write() -- what is made at a first use is no part of the way
counting.begin()
write()
counting.finish("a control's write")

local lines = {}
debug.sethook(function(_, line)
    local source = debug.getinfo(2, "S").source
    lines[source:sub(2) .. " " .. line] = true
end, "l")
write()
debug.sethook()
for line in pairs(lines) do
    if not line:find("reading-path", 1, true) then
        print(line)
    end
end
