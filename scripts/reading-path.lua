-- reading-path.lua -- the part of scripts/reading-path in Lua: runs la.set() under callgrind. Prints "PATH LINE" for
-- each line of Lua that is executed; callgrind's dump has the lines of C.
local la = require "lunalloc"
local counting = require "reading_path"

local NAME <const>, VALUE <const> = "arena.0.dirty_decay_ms", 5000

local function write()
    assert(la.set(NAME, VALUE))
end

write() -- not counted: a first use initialises
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
