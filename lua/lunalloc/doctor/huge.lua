--- Huge pages that make more memory resident than is in use.

local group = require "lunalloc.doctor.group"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"
local io = require("lunalloc.host").io

local huge = {}

local human = units.human

-- ---- free pages ----------------------------------------------------------------------------------------------------

--- Arenas in the mode thp:always, whose free pages stay in huge pages that are partly used.
local function find_huge(look)
    local mapped = look:kib("smaps_rollup", "AnonHugePages") or 0
    local found = group.new()
    for index in pairs(look.least) do
        local bytes = look:resident("dirty", look:unclaimed(index, "dirty"))
        local ms = look:number(("arena.%d.dirty_decay_ms"):format(index)) or -1
        if ms ~= -1 and bytes > 0 and look:value(("arena.%d.thp"):format(index)) == "always" then
            found:add(index, bytes)
        end
    end
    if not look:is_much(found.bytes) or mapped < found.bytes / 2 then
        return
    end
    for _, arena in ipairs(found) do
        look:claim(arena.index, "dirty", look.least[arena.index].dirty)
    end
    look:find { kind = "huge pages", bytes = found.bytes, gives_back = found.bytes,
        what = ("%s of free pages in %s stay resident; %s of the process are huge pages, for %s in use."):format(
            human(found.bytes), found:text(), human(mapped), human(look.last.allocated)),
        cause = "With thp:always, decay returns only whole huge pages, and each of these holds something in use.",
        where = found:text(),
        remedy = look:set({ found:name "thp", "default" }, { found:name "purge" }) }
end

--- Pages that the allocator gave back and the system made resident again, since a huge page covers them.
local function find_refilled(look)
    local retained = look.state and look.state.retained.resident or 0
    if not look:is_much(retained) then
        return
    end
    look:find { kind = "huge pages", bytes = retained, gives_back = retained,
        what = ("%s of pages that were given back are resident again."):format(human(retained)),
        cause = "The system's huge pages (khugepaged) cover pages in use and their free neighbours.",
        remedy = look:set({ "arena.4096.thp", "never" }, { "arena.4096.purge" }) }
end

-- ---- pages that were never written --------------------------------------------------------------------------------

--- Addresses of pages in large allocations, spread evenly: one in so many bytes that there are at most limits.zeros.
local function sampled_pages(look, page)
    local extents, bytes = {}, 0
    for extent in look.api.extents { state = "active", slab = false, min_size = limits.bytes // 64 } do
        extents[#extents + 1], bytes = extent, bytes + extent.size
    end
    local step, pages, at = math.max(page, bytes // limits.zeros), {}, 0
    for _, extent in ipairs(extents) do
        while at < extent.size do
            pages[#pages + 1] = (extent.addr + at) // page * page
            at = at + step
        end
        at = at - extent.size
    end
    return pages, bytes
end

--- The share of these pages that hold nothing but zeros; nil if the process's memory may not be read.
local function zero_share(look, pages, page)
    local memory <close> = look.folder and io.open(look.folder .. "mem", "rb") or nil
    local zeros, seen, zero = 0, 0, ("\0"):rep(page)
    for _, addr in ipairs(memory and pages or {}) do
        local content = memory:seek("set", addr) and memory:read(page)
        seen = seen + (content and 1 or 0)
        zeros = zeros + (content == zero and 1 or 0)
    end
    return seen > 0 and zeros / seen or nil
end

--- Allocations of which little is written, in huge pages: each write makes a whole one resident.
local function find_sparse(look)
    local total = look:kib("smaps_rollup", "AnonHugePages") or 0
    if not look:is_much(total) then
        return
    end
    local page = look:page()
    local pages, bytes = sampled_pages(look, page)
    if #pages == 0 then
        return
    end
    local share = zero_share(look, pages, page)
    if not share then
        return look:miss("huge pages in part use", "the memory of the process may not be read")
    end
    local empty = math.floor(share * math.min(total, bytes))
    if not look:is_much(empty) or share < limits.zero_share then
        return
    end
    look:find { kind = "huge pages", bytes = empty, gives_back = 0,
        what = ("%s of large allocations are resident and hold zeros only; %s of the process are huge pages."):format(
            human(empty), human(total)),
        cause = "The first write to a huge page makes all of it resident. What is resident stays until it is freed.",
        remedy = look:set({ "opt.thp", "default" }, { "arena.4096.thp", "never" }) }
end

function huge.run(look)
    find_huge(look)
    find_refilled(look)
    find_sparse(look)
end

return huge
