--- Free pages that stay resident: dirty or muzzy above what is reused, overdue ones, and ones that are too scattered.
---
--- What is reused shows in the watch: pages that an application takes again are missing from the count of dirty pages
--- for a moment. So the fewest dirty pages of the watch, or of the agent's history, are those that nothing takes.

local group = require "lunalloc.doctor.group"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local pages = {}

local human = units.human

--- Names of controls to watch in each arena.
local watched <const> = { "dirty_over", "dirty_npurge", "muzzy_over", "muzzy_npurge" }

function pages.names(api)
    local names = {}
    for _, arena in ipairs(api.arenas() or {}) do
        for _, field in ipairs(watched) do
            names[#names + 1] = ("stats.arenas.%d.%s"):format(arena.index, field)
        end
    end
    return names
end

-- ---- why pages stay ------------------------------------------------------------------------------------------------

--- Did no thread take from the arena or return to it while it was watched?
local function rests(look, index)
    local before, after = look.first.arenas[index], look.last.arenas[index]
    return look.seconds > 0 and before ~= nil and before.nmalloc == after.nmalloc and before.ndalloc == after.ndalloc
end

--- Bytes that are due by the decay curve, and that nobody purges. In an arena at rest it is all that is there: without
--- passes the curve does not advance, and counts the latest pages as new ones.
local function overdue(look, index, state)
    local function name(field)
        return ("stats.arenas.%d.%s_%s"):format(index, state, field)
    end
    local before, after = look:before(name "over") or 0, look:after(name "over") or 0
    if math.min(before, after) == 0 or look:change(name "npurge") ~= 0 then
        return 0
    end
    local bytes = look:unclaimed(index, state)
    return rests(look, index) and bytes or math.min(before, after, bytes)
end

--- Sizes and bytes of the dirty extents of an arena.
local function dirty_sizes(look, index)
    local list, bytes = {}, 0
    for extent in look.api.extents { arena = index, state = "dirty" } do
        list[#list + 1], bytes = extent.size, bytes + extent.size
    end
    return list, bytes
end

--- The share of the bytes that is in extents smaller than `size`.
local function share_below(list, bytes, size)
    local below = 0
    for _, extent in ipairs(list) do
        below = below + (extent < size and extent or 0)
    end
    return below / math.max(1, bytes)
end

--- The smallest request of the watch for which most of the dirty extents of the arena are too small; nil: none.
local function too_large(look, index)
    local list, bytes = dirty_sizes(look, index)
    for szind, row in pairs((look.last - look.first).classes) do -- ascending
        local class = look.classes[szind + 1]
        if row.nmalloc > 0 and class.nregs == 0 and share_below(list, bytes, class.size) >= limits.scattered_share then
            return class.size
        end
    end
end

local function decay_text(ms)
    return ms == -1 and "for ever" or "for " .. units.human_time(ms * 1e6)
end

-- ---- findings ------------------------------------------------------------------------------------------------------

--- Pages of one state with a decay time that keeps them.
local function kept(look, state)
    local found = group.new()
    for index in pairs(look.least) do
        local ms = look:number(("arena.%d.%s_decay_ms"):format(index, state)) or 0
        local bytes = look:resident(state, look:unclaimed(index, state))
        if (ms == -1 or ms > limits.long_decay_ms) and bytes > 0 then
            found:add(index, bytes, ms)
        end
    end
    return found
end

--- The setting, and a purge of what is there now.
local function shorter(look, found, state, ms)
    return look:set({ found:name(state .. "_decay_ms"), ms }, { found:name "purge" })
end

local function claim_all(look, found, state)
    for _, arena in ipairs(found) do
        look:claim(arena.index, state, look.least[arena.index][state])
    end
end

local function find_dirty(look)
    local found = kept(look, "dirty")
    if not look:is_much(found.bytes) then
        return
    end
    claim_all(look, found, "dirty")
    local needed = too_large(look, found[1].index)
    local cause = ("dirty_decay_ms keeps free pages %s."):format(decay_text(found[1].value))
    if needed then
        cause = ("They lie in pieces between blocks in use, most of them smaller than the %s that are requested. %s")
            :format(human(needed), cause)
    end
    look:find { kind = needed and "scattered" or "dirty", bytes = found.bytes, gives_back = found.bytes,
        what = ("%s of dirty pages in %s %s."):format(human(found.bytes), found:text(), look:not_reused()),
        cause = cause, where = found:text(), remedy = shorter(look, found, "dirty", 10000) }
end

local function find_muzzy(look)
    local found = kept(look, "muzzy")
    for index in pairs(look.least) do
        local ms = look:number(("arena.%d.muzzy_decay_ms"):format(index)) or 0
        local bytes = look:resident("muzzy", look:unclaimed(index, "muzzy"))
        if ms > 0 and ms <= limits.long_decay_ms and overdue(look, index, "muzzy") > 0 then
            found:add(index, bytes, ms)
        end
    end
    if not look:is_much(found.bytes) then
        return
    end
    claim_all(look, found, "muzzy")
    look:find { kind = "muzzy", bytes = found.bytes, gives_back = found.bytes,
        what = ("%s of muzzy pages in %s count as resident memory, and %s."):format(human(found.bytes), found:text(),
            look:not_reused()),
        cause = ("The system takes muzzy pages only when it runs out of memory; muzzy_decay_ms keeps them %s."):format(
            decay_text(found[1].value)),
        where = found:text(), remedy = shorter(look, found, "muzzy", 0) }
end

local function find_overdue(look)
    local found = group.new()
    for index in pairs(look.least) do
        local bytes = look:resident("dirty", overdue(look, index, "dirty"))
        if bytes > 0 then
            found:add(index, bytes, 0)
        end
    end
    if not look:is_much(found.bytes) then
        return
    end
    for _, arena in ipairs(found) do
        look:claim(arena.index, "dirty", arena.bytes)
    end
    look:find { kind = "overdue", bytes = found.bytes, gives_back = found.bytes,
        what = ("%s of dirty pages in %s are due to be given back, and are not."):format(human(found.bytes),
            found:text()),
        cause = "Threads purge as they allocate. These are idle, and there is no background thread that would do it.",
        where = found:text(),
        remedy = look:set { "background_thread", true } }
end

function pages.run(look)
    find_dirty(look)
    find_muzzy(look)
    find_overdue(look)
end

return pages
