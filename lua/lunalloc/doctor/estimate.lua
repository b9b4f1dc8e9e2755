--- How many pages of a slab are wholly free, if the regions in use are spread evenly.

local estimate = {}

--- Regions that page i of a slab has, whole or in part.
local function regions_of_page(class, i, page)
    local first = i * page // class.size
    local last = ((i + 1) * page + class.size - 1) // class.size
    return math.max(0, math.min(last, class.nregs) - first)
end

--- The probability that n given regions are free, if `free` of `regions` are.
local function all_free(n, free, regions)
    local p = 1.0
    for i = 0, n - 1 do
        p = p * math.max(0, free - i) / math.max(1, regions - i)
    end
    return p
end

--- The share of pages that no region in use touches, if `free` of `regions` regions of the class are free.
function estimate.free_pages(class, free, regions, page)
    local pages, sum = math.max(1, class.slab_size // page), 0.0
    for i = 0, pages - 1 do
        sum = sum + all_free(regions_of_page(class, i, page), free, regions)
    end
    return sum / pages
end

return estimate
