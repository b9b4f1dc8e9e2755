--- Stacks of a program from its first call to its exit: what lunalloc run --record FILE --mode stacks records.
---
---     local profile <close> = record_exit.profile()
---     ... run a program with profile:conf() in its LUNALLOC_CONF ...
---     rows = profile:rows(pid)        as la.prof.stacks() gives them; nil, message if it has left none
---
--- The allocator of the program profiles from the start, and writes its profile when the program exits (prof_final): a
--- text, in which samples are counted as they are. Each stands for more blocks the smaller they are, so rows() has
--- estimates. Functions are named from the files that the program had mapped.

local host = require "lunalloc.host"
local naming = require "lunalloc.naming"
local stacks = require "lunalloc.prof_stacks"

local record_exit = {}

local Profile = {}
Profile.__index = Profile

--- A name for the files of the program, and of those that it starts.
function record_exit.profile()
    return setmetatable({ prefix = host.os.tmpname() }, Profile)
end

--- Removes all files.
function Profile:__close()
    host.os.execute("rm -f -- '" .. self.prefix .. "' '" .. self.prefix .. "'.*")
end

--- Settings, to be appended to others.
function Profile:conf()
    return ",prof:true,prof_active:true,prof_accum:true,prof_final:true,prof_prefix:" .. self.prefix
end

--- Blocks and bytes that so many samples of so many bytes stand for, at one sample in `rate` bytes on average.
local function estimate(count, bytes, rate)
    if count == 0 then
        return 0, 0
    end
    local factor = 1 / (1 - math.exp(-bytes / count / rate))
    return (count * factor + 0.5) // 1 | 0, (bytes * factor + 0.5) // 1 | 0
end

--- The rows of a profile as text, functions named by `symbol`.
local function rows_of(text, symbol)
    local rate, rows, names = tonumber(text:match "heap_v2/(%d+)") or 1, {}, {}
    for live, live_bytes, count, bytes, addresses in text:gmatch "\n(%d+): (%d+) %[(%d+): (%d+)%] @([^\n]*)" do
        local row = { stack = {} }
        for digits in addresses:gmatch "0x(%x+)" do
            names[digits] = names[digits] or symbol(tonumber(digits, 16))
            row.stack[#row.stack + 1] = names[digits]
        end
        row.count, row.bytes = estimate(tonumber(count), tonumber(bytes), rate)
        row.live_count, row.live_bytes = estimate(tonumber(live), tonumber(live_bytes), rate)
        rows[#rows + 1] = row
    end
    return stacks.limited(rows)
end

--- Of a profile as text, with the program's mapped files at its end.
function record_exit.rows(text)
    return rows_of(text, naming.ended(text:match "\nMAPPED_LIBRARIES:\n(.*)" or ""))
end

function Profile:rows(pid)
    local file <close>, why = host.io.open(("%s.%d.0.f.heap"):format(self.prefix, pid), "rb")
    if not file then
        return nil, ("the program has written no profile at its end: %s"):format(why)
    end
    return record_exit.rows(file:read "a")
end

return record_exit
