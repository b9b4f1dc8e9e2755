--- Bytes as people read them: "1.52 MiB". K, M, G and T are powers of 1024.

local units = {}

local names = { "KiB", "MiB", "GiB", "TiB", "PiB" }

--- "1.52 MiB"; three significant digits.
function units.human(bytes)
    local magnitude, unit = math.abs(bytes), "B"
    for _, name in ipairs(names) do
        if magnitude < 1023.5 then -- from there on it would be shown as 1024
            break
        end
        magnitude, unit = magnitude / 1024, name
    end
    local sign = bytes < 0 and "-" or ""
    if unit == "B" then
        return ("%s%d B"):format(sign, math.floor(magnitude + 0.5))
    end
    local decimals = magnitude < 9.995 and 2 or magnitude < 99.95 and 1 or 0
    return ("%s%." .. decimals .. "f %s"):format(sign, magnitude, unit)
end

return units
