--- Saved instants that are drawn as they are read: for those who need pictures of many, and not their extents. It takes
--- a third of the time that loading and drawing takes.
---
---     drawn.read(path, place, { "state", "occupancy" })   ->
---         { at =, extents =, states =, ... as an instant without extents },  { state = raster, occupancy = raster }
---
--- `place` is a layout (map/layout.lua). Ways that need all extents at once, "age" and "arena", are not possible.

local core = require "lunalloc.core"
local raster = require "lunalloc.map.raster"
local saved = require "lunalloc.map.saved"

local drawn = {}

--- The rasters by their ways, from what the core returned: three values for each.
local function rasters(ways, place, values)
    local list = {}
    for i, way in ipairs(ways) do
        list[way] = raster.of(way, place, table.unpack(values, 3 * i + 1, 3 * i + 3))
    end
    return list
end

--- nil, message, code if it is no saved instant, or damaged. At most three ways.
function drawn.read(path, place, ways)
    local values = { core.draw_extent_file(path, place.cell, place.columns * place.rows, place.spans,
        table.unpack(ways)) }
    if not values[1] then
        return nil, values[2], values[3]
    end
    local instant, why = saved.clean(values[1])
    if not instant then
        return nil, ("'%s': it is damaged: %s"):format(path, why), "EINVAL"
    end
    local sums = values[3]
    instant.extents, instant.states, instant.arenas, instant.classes = values[2], sums.states, sums.arenas, sums.classes
    return instant, rasters(ways, place, values)
end

return drawn
