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

--- The lines, sorted; `entries`: an array of { names, innermost first, bytes }.
local function lines_of(entries)
    local bytes, lines = {}, {}
    for _, entry in ipairs(entries) do
        local frames, names = {}, entry[1]
        for i = #names, 1, -1 do
            local name = frame(names[i])
            frames[#frames + 1] = name ~= frames[#frames] and name or nil
        end
        local text = #frames > 0 and table.concat(frames, ";") or "?"
        bytes[text] = (bytes[text] or 0) + entry[2]
    end
    for text, sum in pairs(bytes) do
        lines[#lines + 1] = ("%s %d"):format(text, sum)
    end
    table.sort(lines)
    return lines
end

--- The lines of `stacks`: an array of { addresses, innermost first, objects, bytes }.
function collapsed.lines(stacks, symbol)
    local entries = {}
    for i, stack in ipairs(stacks) do
        local names = {}
        for k, address in ipairs(stack[1]) do
            names[k] = symbol(address) or "?"
        end
        entries[i] = { names, stack[3] }
    end
    return lines_of(entries)
end

--- The lines of rows as prof.stacks() has them; key: "bytes" or "live_bytes". Stacks without any are left out.
function collapsed.rows(rows, key)
    local entries = {}
    for _, row in ipairs(rows) do
        entries[#entries + 1] = row[key] > 0 and { row.stack, row[key] } or nil
    end
    return lines_of(entries)
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
