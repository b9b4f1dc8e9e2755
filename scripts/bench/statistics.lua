-- The arithmetic of the bench: medians, spreads, ratios, geometric means. measure.lua takes the samples.

local statistics = {}

--- The middle value; the mean of the two in the middle if their number is even.
function statistics.median(samples)
    local sorted = table.move(samples, 1, #samples, 1, {})
    table.sort(sorted)
    local n = #sorted
    return (sorted[(n + 1) // 2] + sorted[n // 2 + 1]) / 2
end

--- (max - min) / median
function statistics.spread(samples)
    local low, high = math.min(table.unpack(samples)), math.max(table.unpack(samples))
    return high == low and 0.0 or (high - low) / statistics.median(samples)
end

--- The geometric mean; nil for an empty list.
function statistics.geomean(values)
    local sum = 0.0
    for _, value in ipairs(values) do
        sum = sum + math.log(value)
    end
    return #values > 0 and math.exp(sum / #values) or nil
end

--- The name with the lowest value, and the value; the first name in order among equals. Skips names for which
--- `allowed(name)` is false.
function statistics.lowest(values, allowed)
    local best
    for name, value in pairs(values) do
        if (not allowed or allowed(name)) and
            (not best or value < values[best] or value == values[best] and name < best) then
            best = name
        end
    end
    return best, best and values[best]
end

--- Geometric means over rows. rows: array of {time = {allocator -> value}, rss = {...}}, each with all allocators.
--- Returns allocator -> {time, rss, product}: means of the ratios to the best of each row.
function statistics.geomeans(rows, allocators)
    local means = {}
    for _, name in ipairs(allocators) do
        local mean = {}
        for _, quantity in ipairs { "time", "rss" } do
            local ratios = {}
            for _, row in ipairs(rows) do
                local _, best = statistics.lowest(row[quantity])
                ratios[#ratios + 1] = row[quantity][name] / best
            end
            mean[quantity] = statistics.geomean(ratios)
        end
        mean.product = mean.time and mean.time * mean.rss
        means[name] = mean
    end
    return means
end

return statistics
