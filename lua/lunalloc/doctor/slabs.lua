--- Fragmentation: slabs of a class that are mostly free, but for an object or two that keep each of them.
---
--- Bytes are those of free regions that are resident. What a purge gives back is what doctor/slab_pages.lua finds.

local limits = require "lunalloc.doctor.limits"
local slab_pages = require "lunalloc.doctor.slab_pages"
local units = require "lunalloc.units"

local slabs = {}

local human = units.human

-- ---- what is fragmented --------------------------------------------------------------------------------------------

--- Free bytes, slabs and regions in use of each class in each arena: { [szind] = { free =, slabs =, used =, ... } }.
local function by_class(look)
    local list = {}
    for _, arena in ipairs(look.api.arenas() or {}) do
        local stats = arena:stats()
        for szind, row in pairs(stats and stats.classes or {}) do
            local class = look.classes[szind + 1]
            if class.nregs > 0 and row.nslabs > 0 then
                local entry = list[szind] or { class = class, free = 0, slabs = 0, used = 0, arenas = {} }
                local used = math.min(row.curregs, row.nslabs * class.nregs)
                local free = (row.nslabs * class.nregs - used) * class.size
                entry.free = entry.free + math.max(0, free - row.discarded)
                entry.slabs, entry.used = entry.slabs + row.nslabs, entry.used + used
                entry.arenas[#entry.arenas + 1] = arena.index
                list[szind] = entry
            end
        end
    end
    return list
end

--- Objects in caches keep slabs, too, but that is a matter of the caches.
local function cached_objects(look, szind)
    local row = look.last.classes[szind]
    return row and row.cached or 0
end

local function used_share(entry)
    return entry.used / (entry.slabs * entry.class.nregs)
end

--- True if few regions of the class are in use, at the end of the watch and at its beginning, and not by caches.
local function is_fragmented(look, szind, entry)
    local before = look.first.classes[szind]
    local regions = before.nslabs * entry.class.nregs
    return used_share(entry) < limits.used_share and cached_objects(look, szind) < entry.used / 2
        and regions > 0 and before.curregs / regions < limits.used_share
end

-- ---- who pins it ---------------------------------------------------------------------------------------------------

--- The stack that answers for most of the free regions of a class: its names, and its share; nil without a profile.
local function main_stack(look, szind, free)
    if not look.stacks then
        look.stacks = look.api.waste { by = "stack" } or {}
    end
    for _, row in ipairs(look.stacks) do
        if row.stack and row.szind == szind then
            return row, math.min(1.0, row.free / math.max(1, free))
        end
    end
end

--- The functions of a stack, innermost first, as many as a line has room for.
local function stack_text(stack)
    return table.concat(stack, " < ", 1, math.min(#stack, 4))
end

-- ---- findings ------------------------------------------------------------------------------------------------------

local function share_text(share)
    for _, word in ipairs { { 1 / 3, "a third" }, { 1 / 4, "a quarter" }, { 1 / 8, "an eighth" }, { 1 / 16,
        "a sixteenth" } } do
        if math.abs(share - word[1]) < word[1] * 0.12 then
            return word[2]
        end
    end
    return ("%.2g %%"):format(share * 100)
end

--- The call that gives free pages back; or, where hardly a page is wholly free, how to find the code to change.
local function remedy(look, helps)
    if helps then
        return look:set { "arena.4096.purge_slabs" }
    end
    return { text = ("no call gives it back, since hardly a page of them is wholly free; %s, and later %s, tell which "
        .. "code keeps them"):format(look:call "prof.start()", look:call 'waste{by = "stack"}') }
end

--- Adds a finding about slabs: its bytes, of which a purge gives so many back.
local function find(look, bytes, gives_back, finding)
    local helps = slab_pages.is_worth(gives_back, bytes)
    finding.bytes, finding.gives_back, finding.remedy = bytes, helps and gives_back or 0, remedy(look, helps)
    look:find(finding)
end

local function find_class(look, szind, entry)
    local class = entry.class
    local bytes, gives_back = slab_pages.resident_free(look, szind, entry)
    if not look:is_much(bytes) then
        return
    end
    local pinned, share = main_stack(look, szind, entry.free)
    local is_pinned = pinned ~= nil and share >= limits.pinned_share
    find(look, bytes, gives_back, { kind = is_pinned and "pinned" or "fragmentation",
        what = ("Class %d: %s of the regions of %d slabs is in use; %s are free regions."):format(class.size,
            share_text(used_share(entry)), entry.slabs, human(bytes)),
        cause = is_pinned and ("%d %% is kept by objects up to %s old that were allocated at %s."):format(
            math.floor(share * 100 + 0.5), units.human_time(pinned.oldest * 1e9), stack_text(pinned.stack))
            or "Objects that live long are spread over many slabs, and a slab with one of them cannot be given back."
            .. (pinned and "" or " prof.start() tells from now on which code allocates them."),
        where = ("class %d"):format(class.size), szind = szind, stack = pinned and pinned.stack })
end

--- Classes that are not much each, but together.
local function find_rest(look, rest)
    local bytes, gives_back, largest = 0, 0, nil
    for szind, entry in pairs(rest) do
        local resident, pages = slab_pages.resident_free(look, szind, entry)
        bytes, gives_back = bytes + resident, gives_back + pages
        largest = (not largest or entry.free > largest.free) and entry or largest
    end
    if not look:is_much(bytes) then
        return
    end
    find(look, bytes, gives_back, { kind = "fragmentation",
        what = ("%s are free regions of many classes, most of them of class %d, of which %s of the regions is in use.")
            :format(human(bytes), largest.class.size, share_text(used_share(largest))),
        cause = "Objects that live long are spread over many slabs, and a slab with one of them cannot be given back.",
        where = "many classes" })
end

function slabs.run(look)
    local rest = {}
    for szind, entry in pairs(by_class(look)) do
        if look.first.classes[szind] and is_fragmented(look, szind, entry) then
            if look:is_much(entry.free) then
                find_class(look, szind, entry)
            else
                rest[szind] = entry
            end
        end
    end
    find_rest(look, rest)
end

return slabs
