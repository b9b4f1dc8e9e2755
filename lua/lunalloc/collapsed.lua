--- Profiles in the collapsed format, which flame graphs are made of (flamegraph.pl, speedscope, inferno):
---
---     main;read_config;parse 123456
---
--- A line for each stack: functions from the outermost to the innermost one, and the bytes that live. Functions are
--- named without offsets, so stacks that differ only in them are one line. A function that calls itself, and code of a
--- file without names, is one frame.

local core = require "lunalloc.core"
local host = require "lunalloc.host"
local samples = require "lunalloc.samples"

local io = host.io

local collapsed = {}

--- The function's name as one frame. Semicolons separate frames.
local function frame(name)
    return (samples.frame_of(name):gsub("[;\n]", ":"))
end

--- The lines, sorted; `each`: an iterator of names, innermost first, and bytes.
local function lines_of(each)
    local bytes, lines = {}, {}
    for names, size in each do
        local frames = {}
        for i = #names, 1, -1 do
            local name = frame(names[i])
            frames[#frames + 1] = name ~= frames[#frames] and name or nil
        end
        local text = #frames > 0 and table.concat(frames, ";") or "?"
        bytes[text] = (bytes[text] or 0) + size
    end
    for text, sum in pairs(bytes) do
        lines[#lines + 1] = ("%s %d"):format(text, sum)
    end
    table.sort(lines)
    return lines
end

--- The lines of `stacks`: an array of { addresses, innermost first, objects, bytes }.
function collapsed.lines(stacks, symbol)
    return lines_of(coroutine.wrap(function()
        for _, stack in ipairs(stacks) do
            local names = {}
            for i, address in ipairs(stack[1]) do
                names[i] = symbol(address) or "?"
            end
            coroutine.yield(names, stack[3])
        end
    end))
end

--- The lines of rows as prof.stacks() has them; key: "bytes" or "live_bytes". Stacks without any are left out.
function collapsed.rows(rows, key)
    return lines_of(coroutine.wrap(function()
        for _, row in ipairs(rows) do
            if row[key] > 0 then
                coroutine.yield(row.stack, row[key])
            end
        end
    end))
end

--- Writes the profile of the query's samples. True; or nil, message, code.
function collapsed.dump(query, symbol, path)
    local stacks, message, code = samples.stacks(query)
    if not stacks then
        return nil, message, code
    end
    local kind = core.file_kind(path)
    if kind == "FIFO" then
        return nil, ("prof.dump: '%s' is a FIFO, and this format is written to files"):format(path), "EFAULT"
    end
    local file <close>, why = io.open(path, "w")
    local lines = collapsed.lines(stacks, symbol)
    local ok = file
    if file and #lines > 0 then
        ok, why = file:write(table.concat(lines, "\n"), "\n")
    end
    if ok then
        ok, why = file:flush() -- a full device says so here
    end
    if not ok then
        return nil, "prof.dump: " .. tostring(why), why == host.NO_IO and "ENOTSUP" or "EFAULT"
    end
    return true
end

return collapsed
