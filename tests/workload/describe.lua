-- Descriptions of small workloads, for tests: `usual` and `more` on top of 2,000 operations, or of a duration.

return function(usual, more)
    local description = { ops = 2000, mix = { { size = "exp(100)", lifetime = "exp(50)" } } }
    for _, keys in ipairs { usual, more } do
        for key, value in pairs(keys) do
            description[key] = value
        end
    end
    if description.duration then
        description.ops = nil
    end
    return description
end
