--- Pictures of equal size as one text: each as what differs from the one before. lua/report/map.js reads it.
---
--- A picture: for each run of cells that differ, how many cells were passed, how many follow, and a byte for each: 0 of
--- an empty cell, k + 1 of key k. Numbers have 7 bits a byte, the low ones first; 128 says that more follow. A picture
--- ends when all cells are passed.

local frames = {}

local CHUNK <const> = 64 -- cells that are compared at once

local function number(value)
    local bytes = ""
    while value >= 128 do
        bytes = bytes .. string.char(value & 127 | 128)
        value = value >> 7
    end
    return bytes .. string.char(value)
end

--- The first cell from `at` on that differs; behind the end if there is none.
local function next_change(old, new, at)
    while at <= #new do
        local stop = at + CHUNK - 1
        if old:sub(at, stop) ~= new:sub(at, stop) then
            for i = at, math.min(stop, #new) do
                if old:byte(i) ~= new:byte(i) then
                    return i
                end
            end
        end
        at = stop + 1
    end
    return #new + 1
end

--- The end of the run of changes that begins at `at`: two equal cells end it.
local function end_of_run(old, new, at)
    local stop = at + 1
    while stop <= #new and (old:byte(stop) ~= new:byte(stop) or
        stop < #new and old:byte(stop + 1) ~= new:byte(stop + 1)) do
        stop = stop + 1
    end
    return stop
end

--- The bytes of one picture after another. Cells are characters; "0" is an empty one.
local function difference(old, new, values, out)
    local passed, at = 1, next_change(old, new, 1)
    while at <= #new do
        local stop = end_of_run(old, new, at)
        out[#out + 1] = number(at - passed)
        out[#out + 1] = number(stop - at)
        out[#out + 1] = new:sub(at, stop - 1):gsub(".", values)
        passed, at = stop, next_change(old, new, stop)
    end
    if passed <= #new then
        out[#out + 1] = number(#new + 1 - passed) .. "\0"
    end
end

--- The bytes of all pictures: an array of texts of equal length.
function frames.encode(pictures)
    local values, out, old = {}, {}, ("0"):rep(#(pictures[1] or ""))
    for i = 0, 79 do
        values[string.char(48 + i)] = string.char(i)
    end
    for _, new in ipairs(pictures) do
        difference(old, new, values, out)
        old = new
    end
    return table.concat(out)
end

local DIGITS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Digits of 12 bits each: two at once are quicker.
local function pairs_of_digits()
    local list = {}
    for i = 0, 4095 do
        local high, low = i >> 6, i & 63
        list[i] = DIGITS:sub(high + 1, high + 1) .. DIGITS:sub(low + 1, low + 1)
    end
    return list
end

function frames.base64(bytes)
    local list, out = pairs_of_digits(), {}
    local padding = -#bytes % 3
    bytes = bytes .. ("\0"):rep(padding)
    for i = 1, #bytes, 3 do
        local a, b, c = bytes:byte(i, i + 2)
        out[#out + 1] = list[a << 4 | b >> 4]
        out[#out + 1] = list[(b & 15) << 8 | c]
    end
    local text = table.concat(out)
    return text:sub(1, #text - padding) .. ("="):rep(padding)
end

return frames
