--- Waste: bytes that the allocator holds and the application does not use, each with its cause.
---
---     la.waste()                    by arena
---     la.waste{ by = "class" }      by size class
---     la.waste{ by = "stack" }      by the code whose objects keep slabs from being given back; needs the profiler
---
--- A byte is wasted in one of these ways, the columns of every row:
---
---     free     a free region of a slab that has others in use, unless its pages were given back
---     rest     what is left over at the end of a slab, which is no multiple of its region size, and of a sample's page
---     cached   a free object in a thread's cache
---     dirty    a free page that is still resident
---     muzzy    a free page that the system takes when it needs memory
---
--- `bytes` of a row is the sum of its columns, and `total` of the result is the sum of all rows, exactly.
---
--- By stack: the objects of a slab share its free regions equally. A sample of the profiler stands for `weight` objects
--- that lie as it would (`place`): in a slab that is as full, or alone in one if the slab has been freed without it. So
--- the free regions of a class in an arena are charged to the samples there in proportion to weight times that share. A
--- sample whose place is not known has the mean of the others; if none is known, age counts: the fullest slab fills
--- first, so sparse ones are kept by objects that were left over. If the samples stand for a part of the objects only,
--- since profiling began late, the same part of the free regions is charged. The rest is unexplained.

local check = require "lunalloc.check"
local samples = require "lunalloc.samples"
local units = require "lunalloc.units"

local parts <const> = { "free", "rest", "cached", "dirty", "muzzy" }
local groupings <const> = { "arena", "class", "stack" }

local Waste = { __name = "lunalloc.waste" }

-- ---- rows ----------------------------------------------------------------------------------------------------------

--- A row: the fields of `names`, the five parts (0 where left out) and their sum.
local function new_row(names, amounts)
    local row = names
    row.bytes = 0
    for _, part in ipairs(parts) do
        row[part] = math.max(0, amounts[part] or 0)
        row.bytes = row.bytes + row[part]
    end
    return row
end

--- The rows as a result: most bytes first, and their sum.
local function result(rows, by)
    local total = 0
    table.sort(rows, function(a, b) return a.bytes > b.bytes end)
    for _, row in ipairs(rows) do
        total = total + row.bytes
    end
    rows.by, rows.total = by, total
    return setmetatable(rows, Waste)
end

local PAGE <const> = 4096

--- Bytes of free regions of a class, and bytes at the ends of its slabs. `sampled` of its objects are samples of the
--- profiler, which lie in pages of their own: the rest of these pages counts as an end.
local function class_waste(class, row, sampled)
    local used = row.curregs - sampled
    local free = (row.nslabs * class.nregs - used) * class.size - row.discarded
    local page_ends = sampled * (-class.size % PAGE)
    return math.max(0, free), row.nslabs * (class.slab_size - class.nregs * class.size) + page_ends
end

--- How many samples there are of each class, and by "arena szind" of each class in an arena.
local function count_samples(api)
    local counts = setmetatable({}, { __index = function() return 0 end })
    local set <close> = samples.read(api.prof.samples())
    for _, sum in ipairs(set and set:sum "arena and class" or {}) do
        local arena, szind = sum.key >> 32, sum.key & 0xffffffff
        local key = arena .. " " .. szind
        counts[key], counts[szind] = counts[key] + sum.samples, counts[szind] + sum.samples
    end
    return counts
end

-- ---- by arena ------------------------------------------------------------------------------------------------------

--- One arena. Objects that left the arena are in use or in caches; `allocated` has those in use.
local function arena_row(arena, stats, classes, counts)
    local free, rest, outside = 0, 0, 0
    for szind, row in pairs(stats.classes) do
        local class = classes[szind + 1]
        outside = outside + row.curregs * class.size
        if class.nregs > 0 then
            local class_free, class_rest = class_waste(class, row, counts[arena.index .. " " .. szind])
            free, rest = free + class_free, rest + class_rest
        end
    end
    return new_row({ arena = arena.index }, { free = free, rest = rest, cached = outside - stats.allocated,
        dirty = stats.dirty, muzzy = stats.muzzy })
end

local function by_arena(api, classes)
    local arenas, message, code = api.arenas()
    if not arenas then
        return nil, message, code
    end
    local rows, counts = {}, count_samples(api)
    for _, arena in ipairs(arenas) do
        local stats = arena:stats() -- nil if the arena was destroyed meanwhile
        rows[#rows + 1] = stats and arena_row(arena, stats, classes, counts)
    end
    return result(rows, "arena")
end

-- ---- by class ------------------------------------------------------------------------------------------------------

--- The rows of the classes, without those that waste nothing; and what is in no class: free pages.
local function class_rows(stats, classes, counts)
    local rows = {}
    for szind, row in pairs(stats.classes) do
        local class = classes[szind + 1]
        local free, rest = 0, 0
        if class.nregs > 0 then
            free, rest = class_waste(class, row, counts[szind])
        end
        local made = new_row({ szind = szind, size = class.size }, { free = free, rest = rest,
            cached = row.cached * class.size })
        rows[#rows + 1] = made.bytes > 0 and made or nil
    end
    rows[#rows + 1] = new_row({ what = "free pages" }, { dirty = stats.dirty, muzzy = stats.muzzy })
    return rows
end

local function by_class(api, classes)
    local stats, message, code = api.stats()
    if not stats then
        return nil, message, code
    end
    return result(class_rows(stats, classes, count_samples(api)), "class")
end

-- ---- by stack ------------------------------------------------------------------------------------------------------

--- The free bytes that each object of a slab answers for, if the sample is one of them; nil if its place is not known.
local function share_of(slabs, sample, class)
    if not slabs or not sample.place then
        return nil
    end
    local szind, arena, regions, free, discarded = slabs:slab(sample.place)
    if szind ~= sample.szind then
        return (class.nregs - 1) * class.size
    elseif arena ~= sample.arena then
        return nil
    end
    local used = math.max(1, math.min(regions, regions - free + 1))
    return math.max(0, (regions - used) * class.size - discarded) / used
end

--- Adds to a group what each of its samples is charged in proportion to, `pull`, and the sum.
local function add_pulls(group)
    local sum, weight = 0.0, 0.0
    for _, sample in ipairs(group) do
        sum = sum + sample.weight * (sample.share or 0)
        weight = weight + (sample.share and sample.weight or 0)
    end
    local mean = weight > 0 and sum / weight
    for _, sample in ipairs(group) do
        sample.pull = sample.weight * (not mean and sample.age or mean == 0 and 1 or sample.share or mean)
        group.pull = group.pull + sample.pull
    end
end

--- The samples of small objects by arena and class: { [key] = { weight = sum, pull = sum, ... } }.
local function sample_groups(api, backend, classes, min_age, now)
    local groups, slabs <close> = {}, backend.extent_set and backend.extent_set() or nil
    for sample in api.prof.samples() do
        local age, class = math.max(1, now - sample.time), classes[sample.szind + 1]
        if class.nregs > 0 and age >= min_age then
            local key = sample.arena .. " " .. sample.szind
            local group = groups[key] or { weight = 0.0, pull = 0.0 }
            group.weight = group.weight + sample.weight
            group[#group + 1] = { key = table.concat(sample.stack, " "), stack = sample.stack, age = age,
                szind = sample.szind, weight = sample.weight, share = share_of(slabs, sample, class) }
            groups[key] = group
        end
    end
    for _, group in pairs(groups) do
        add_pulls(group)
    end
    return groups
end

--- Charges the samples of one arena and class with so many bytes.
local function charge(stacks, group, bytes)
    for _, sample in ipairs(group) do
        local stack = stacks[sample.key] or { stack = sample.stack, bytes = 0.0, samples = 0, oldest = 0, classes = {} }
        local share = bytes * sample.pull / group.pull
        stack.bytes, stack.samples = stack.bytes + share, stack.samples + 1
        stack.oldest = math.max(stack.oldest, sample.age)
        stack.classes[sample.szind] = (stack.classes[sample.szind] or 0.0) + share
        stacks[sample.key] = stack
    end
end

--- What each stack is charged for in all arenas. `free`: bytes of all free regions.
local function charged_stacks(api, classes, groups, counts)
    local stacks, free = {}, 0
    for _, arena in ipairs(api.arenas() or {}) do
        local stats = arena:stats()
        for szind, row in pairs(stats and stats.classes or {}) do
            local key, class = arena.index .. " " .. szind, classes[szind + 1]
            local group, bytes = groups[key], class.nregs > 0 and class_waste(class, row, counts[key]) or 0
            free = free + bytes
            if group and bytes > 0 then
                charge(stacks, group, bytes * math.min(1.0, group.weight / math.max(1, row.curregs)))
            end
        end
    end
    return stacks, free
end

--- The class that most of the bytes are of.
local function main_class(shares)
    local best, most
    for szind, bytes in pairs(shares) do
        if not most or bytes > most then
            best, most = szind, bytes
        end
    end
    return best
end

--- A row for each stack.
local function stack_rows(api, stacks)
    local rows = {}
    for _, stack in pairs(stacks) do
        rows[#rows + 1] = new_row({ stack = api.prof.symbols(stack.stack), samples = stack.samples,
            oldest = stack.oldest / 1e9, szind = main_class(stack.classes) }, { free = math.floor(stack.bytes) })
    end
    return rows
end

--- The rest of the waste: free regions that no sample explains, and what no object keeps.
local function append_rest(rows, stats, classes, counts, free)
    local rest, cached = 0, 0
    for _, row in ipairs(class_rows(stats, classes, counts)) do
        rest, cached = rest + row.rest, cached + row.cached
    end
    for _, row in ipairs(rows) do
        free = free - row.free
    end
    rows[#rows + 1] = new_row({ what = "unexplained" }, { free = free, rest = rest })
    rows[#rows + 1] = new_row({ what = "caches" }, { cached = cached })
    rows[#rows + 1] = new_row({ what = "free pages" }, { dirty = stats.dirty, muzzy = stats.muzzy })
end

local function by_stack(api, classes, min_age, backend)
    local stats, message, code = api.stats()
    if not stats then
        return nil, message, code
    end
    local counts = count_samples(api)
    local stacks, free = charged_stacks(api, classes, sample_groups(api, backend, classes, min_age, stats.time),
        counts)
    local rows = stack_rows(api, stacks)
    append_rest(rows, stats, classes, counts, free)
    return result(rows, "stack")
end

-- ---- text ----------------------------------------------------------------------------------------------------------

local MAX_LINES <const> = 20

--- The innermost functions of a stack.
local function short_stack(stack)
    return table.concat(stack, " < ", 1, math.min(#stack, 3))
end

local function name_of(row)
    return row.what or row.arena and "arena " .. row.arena or row.size and "class " .. row.size
        or short_stack(row.stack)
end

local function cells_of(row)
    local cells = { units.human(row.bytes) }
    for _, part in ipairs(parts) do
        cells[#cells + 1] = row[part] > 0 and units.human(row[part]) or ""
    end
    cells[#cells + 1] = name_of(row)
    return cells
end

--- A line for each row, the largest first, then the total. The name stands last, because a stack is long.
local function waste_text(waste)
    local lines = { ("%10s  %10s %10s %10s %10s %10s  %s"):format("bytes", "free", "rest", "cached", "dirty", "muzzy",
        waste.by) }
    for i = 1, math.min(#waste, MAX_LINES) do
        lines[#lines + 1] = ("%10s  %10s %10s %10s %10s %10s  %s"):format(table.unpack(cells_of(waste[i])))
    end
    if #waste > MAX_LINES then
        lines[#lines + 1] = ("... %d more"):format(#waste - MAX_LINES)
    end
    lines[#lines + 1] = ("%10s  in all"):format(units.human(waste.total))
    return table.concat(lines, "\n")
end

Waste.__tostring = waste_text

-- ---- the interface -------------------------------------------------------------------------------------------------

local makers <const> = { arena = by_arena, class = by_class, stack = by_stack }

local waste = {}

--- Adds the function to `api`.
function waste.install(api, backend)
    --- Bytes held but not in use, in rows by arena, class or stack, most bytes first; fields `by` and `total`.
    --- min_age (by stack): objects younger than this are charged for nothing.
    function api.waste(options)
        options = options == nil and {} or check.plain(options)
        check.table(options, "waste", 1, "a table of options")
        for name in pairs(options) do
            check.that(name == "by" or name == "min_age", "waste", 1, "no option " .. check.shown(name))
        end
        local by = options.by == nil and "arena" or options.by
        check.that(makers[by], "waste", 1, ("by is one of %s, not %s"):format(table.concat(groupings, ", "),
            check.shown(by)))
        local min_age = units.time(options.min_age == nil and 0 or options.min_age)
        check.that(min_age, "waste", 1, ("min_age is a number of %s, not %s"):format(units.ACCEPTED.time,
            check.shown(options.min_age)))
        local classes, message, code = api.sizeclasses()
        if not classes then
            return nil, message, code
        end
        return makers[by](api, classes, min_age, backend)
    end
end

return waste
