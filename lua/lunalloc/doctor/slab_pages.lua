--- What a purge of slabs gives back: the pages of slabs that are resident, and of which no region is in use.
---
--- A sample of the slabs is looked at. How many of their pages are wholly free is at first estimated from the number of
--- free regions in each slab, as if the objects in use were spread by chance. Where that promises much, pages of the
--- sample are looked at, region by region: objects are seldom spread by chance, and after a purge the error of the
--- estimate is all that is left. Only with an agent, or in this process, is a lookup cheap enough.

local estimate = require "lunalloc.doctor.estimate"
local limits = require "lunalloc.doctor.limits"
local io = require("lunalloc.host").io

local slab_pages = {}

-- ---- the sample ----------------------------------------------------------------------------------------------------

--- Which pages of a slab are resident: a function of the page's index from 0; nil if the system does not tell.
local function residents(pagemap, extent, page)
    if not pagemap or not pagemap:seek("set", extent.addr // page * 8) then
        return nil
    end
    local entries = pagemap:read(extent.size // page * 8) or ""
    return #entries == extent.size // page * 8 and function(i)
        return entries:byte(i * 8 + 8) >> 7 == 1 -- bit 63: present
    end or nil
end

local function always()
    return true
end

local function count(n, is)
    local sum = 0
    for i = 0, n - 1 do
        sum = sum + (is(i) and 1 or 0)
    end
    return sum
end

--- Slabs of the class, one in so many that at most limits.slabs are looked at, with `is_resident` of each.
local function sample(look, szind, slabs, page)
    local pagemap <close> = look.folder and io.open(look.folder .. "pagemap", "rb") or nil
    local step, i, list = math.max(1, slabs // limits.slabs), 0, {}
    for extent in look.api.extents { szind = szind, slab = true, state = "active" } do
        i = i + 1
        if i % step == 0 then
            list[#list + 1] = { extent = extent, is_resident = residents(pagemap, extent, page) or always }
        end
    end
    return list
end

--- Of the slabs of a sample: bytes of free regions, resident ones of them, and those in pages that seem wholly free.
local function estimated(class, list, page)
    local free, bytes, pages = 0, 0, 0.0
    for _, slab in ipairs(list) do
        local extent = slab.extent
        local n = extent.size // page
        local resident = count(n, slab.is_resident)
        free = free + extent.nfree * class.size
        bytes = bytes + math.max(0, extent.nfree * class.size - (n - resident) * page)
        pages = pages + resident - n * (1 - estimate.free_pages(class, extent.nfree, extent.nregs, page))
    end
    return free, bytes, math.max(0, pages) * page
end

-- ---- looking at pages ----------------------------------------------------------------------------------------------

--- Is no region of page i of the slab in use? nil if the slab is gone. A region may belong to two pages.
local function is_free(look, class, extent, i, page)
    local last = math.min(extent.nregs - 1, ((i + 1) * page - 1) // class.size)
    for region = i * page // class.size, last do
        local at = look.api.find(extent.addr + region * class.size)
        if not at or at.extent.addr ~= extent.addr or not at.extent.slab then
            return nil
        elseif at.allocated then
            return false
        end
    end
    return true
end

--- How many pages may be looked at: a page takes as many lookups as it has regions up to one in use.
local function affordable(class, used_share, page)
    local lookups = math.min(page // class.size + 2, 1 / math.max(used_share, 1e-3))
    return math.floor(math.min(limits.pages, limits.lookups / lookups))
end

--- Of the pages of a sample, the share that is resident and wholly free; nil if none could be looked at. Takes one page
--- of each slab, another one in each, so that slabs that are alike do not show one page only; then a second one.
local function free_share(look, class, list, most, page)
    local seen, free, step = 0, 0, math.max(1.0, #list / most)
    for k = 0, math.min(most, #list * class.slab_size // page) - 1 do
        local at = math.floor(k * step)
        local slab = list[at % #list + 1]
        local i = (k % #list + k // #list) % (slab.extent.size // page)
        local found = slab.is_resident(i) and is_free(look, class, slab.extent, i, page)
        seen = seen + (found ~= nil and 1 or 0)
        free = free + (found and 1 or 0)
    end
    return seen > 0 and free / seen or nil
end

local function can_look(look)
    return look.api.way == nil or look.api.way == "self" or look.api.way == "agent"
end

-- ---- the interface -------------------------------------------------------------------------------------------------

--- Is a purge that gives back so many of these bytes worth a call?
function slab_pages.is_worth(gives_back, bytes)
    return gives_back >= limits.remedy_bytes or gives_back >= limits.remedy_share * bytes
end

--- Of the slabs of a class (`entry`: class, slabs, used): resident bytes that are in no region in use, and those of
--- them that a purge gives back.
function slab_pages.resident_free(look, szind, entry)
    local class, page = entry.class, look:page()
    local list = sample(look, szind, entry.slabs, page)
    local free, bytes, pages = estimated(class, list, page)
    if free == 0 then
        return 0, 0
    end
    bytes, pages = bytes * entry.slabs / #list, pages * entry.slabs / #list
    if slab_pages.is_worth(pages, bytes) and can_look(look) then
        local most = affordable(class, entry.used / (entry.slabs * class.nregs), page)
        local share = free_share(look, class, list, most, page)
        pages = share and share * entry.slabs * class.slab_size or pages
    end
    return math.floor(bytes), math.floor(pages)
end

return slab_pages
