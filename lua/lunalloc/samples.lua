--- Questions about the profiler's samples of live blocks: la.prof.samples().
---
---     la.prof.samples():old("10m"):in_slabs{ util = 0.3 }:by("stack"):top(5)
---     la.prof.samples():thread("worker"):size("1K", "64K"):sum().bytes
---     for sample in la.prof.samples():stack("parse") do print(sample.addr, sample.size) end
---
--- A query is a description: each condition makes a new query, and the samples are read when it is asked for groups, a
--- sum or single samples, each time anew. They are copied, filtered and summed in C (sample_set.h).

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local samples = {}

samples.GROUPINGS = { "stack", "class", "arena", "thread", "function", "line", "age" }

local Query = { __name = "samples" }
Query.__index = Query

local Groups = { __name = "groups of samples" }
Groups.__index = Groups

-- Query -> { api=, backend=, conditions={...}, patterns={...}, util=, none= }; group -> its addresses.
local private = setmetatable({}, { __mode = "k" })

-- ---- reading -------------------------------------------------------------------------------------------------------

--- Adds the records of a backend that has them one by one only.
local function fill_one_by_one(backend, set)
    local batch, place, code = backend.samples()
    while batch do
        for _, record in ipairs(batch) do
            set:add(record)
        end
        if not place then
            return true
        end
        batch, place, code = backend.samples(place)
    end
    return nil, place, code
end

--- The conditions as the core takes them.
local function plain_conditions(conditions, now)
    return { now = now, min_size = conditions.min_size, max_size = conditions.max_size, szind = conditions.szind,
        arena = conditions.arena, tid = conditions.tid, thread = conditions.thread,
        max_time = conditions.min_age and math.max(0, now - conditions.min_age),
        min_time = conditions.max_age and math.max(0, now - conditions.max_age) }
end

--- The keys "arena << 32 | class" whose slabs are in use to at most this part. Sampled objects lie outside of slabs.
local function sparse_classes(of, set, util)
    local classes, message, code = of.api.sizeclasses()
    local arenas = classes and of.api.arenas()
    if not arenas then
        return nil, message, code
    end
    local sampled, sparse = {}, {}
    for _, sum in ipairs(set:sum "arena and class") do
        sampled[sum.key] = sum.samples
    end
    for _, arena in ipairs(arenas) do
        local stats = arena:stats() -- nil if the arena was destroyed meanwhile
        for szind, row in pairs(stats and stats.classes or {}) do
            local key, regions = arena.index << 32 | szind, row.nslabs * classes[szind + 1].nregs
            local used = math.max(0, row.curregs - (sampled[key] or 0))
            sparse[key] = regions > 0 and used / regions <= util or nil
        end
    end
    return sparse
end

local function has_frame(backend, stack, pattern)
    for _, address in ipairs(stack) do
        local name = backend.symbol(address)
        if name and (name:find(pattern, 1, true) or name:find(pattern)) then
            return true
        end
    end
    return false
end

--- { [number of a stack] = true } for those in which a function's name contains the pattern.
local function stacks_with(backend, set, pattern)
    local wanted = {}
    for number = 0, set:nstacks() - 1 do
        wanted[number] = has_frame(backend, set:stack(number), pattern) or nil
    end
    return wanted
end

--- The samples that meet all conditions, as a set of the core, and the present time; nil, message, code.
local function read(query)
    local of = private[query]
    local stats, message, code = of.backend.stats()
    if not stats then
        return nil, message, code
    end
    local now, filled = stats.time
    local set = core.new_sample_set(plain_conditions(of.conditions, now))
    filled, message, code = (of.backend.fill_samples or fill_one_by_one)(
        table.unpack(of.backend.fill_samples and { set } or { of.backend, set }))
    if not filled then
        return nil, message, code
    end
    if of.util then
        local sparse
        sparse, message, code = sparse_classes(of, set, of.util)
        if not sparse then
            return nil, message, code
        end
        set:keep_classes(sparse)
    end
    for _, pattern in ipairs(of.patterns) do
        set:keep_stacks(stacks_with(of.backend, set, pattern))
    end
    return set, now
end

samples.read = read

--- The stacks of the query's samples, an array of { addresses, objects, bytes }, whole numbers; nil, message, code.
function samples.stacks(query)
    local set <close>, message, code = read(query)
    if not set then
        return nil, message, code
    end
    local list = set:sum "stack"
    for i, sum in ipairs(list) do
        list[i] = { set:stack(sum.key), math.floor(sum.objects + 0.5), math.floor(sum.bytes + 0.5) }
    end
    return list
end

-- ---- conditions ----------------------------------------------------------------------------------------------------

--- The object of a method of queries, at the line of the method's caller.
local function self_of(self, name)
    if getmetatable(self) ~= Query then
        error(("calling 'samples:%s' on bad self (samples expected, got %s): it is called with a colon"):format(name,
            type(self)), 3)
    end
    return private[self]
end

local function new_query(of)
    local query = setmetatable({}, Query)
    private[query] = of
    return query
end

--- A query with one more condition: of.conditions[name] = choose(the old value, value).
local function with(of, name, value, choose)
    local conditions = check.plain(of.conditions)
    local old = conditions[name]
    conditions[name] = old == nil and value or choose(old, value)
    return new_query { api = of.api, backend = of.backend, conditions = conditions, patterns = of.patterns,
        util = of.util }
end

--- Two equal values; else one that nothing has.
local function both(old, value)
    return old == value and value or type(value) == "string" and "\n" or 1 << 40
end

local function check_time(value, name)
    local ns = units.time(value)
    if not ns or ns < 0 then
        error(("bad argument #1 to 'samples:%s' (an age expected: %s)"):format(name, units.ACCEPTED.time), 3)
    end
    return ns
end

local function check_index(value, name)
    if math.type(value) ~= "integer" or value < 0 or value >= 1 << 32 then
        error(("bad argument #1 to 'samples:%s' (an index, 0 or more, expected, got %s)"):format(name,
            check.shown(value)), 3)
    end
    return value
end

--- Samples of at least this age.
function Query:old(age)
    return with(self_of(self, "old"), "min_age", check_time(age, "old"), math.max)
end

--- Samples of at most this age.
function Query:young(age)
    return with(self_of(self, "young"), "max_age", check_time(age, "young"), math.min)
end

local function check_size(value, n)
    local bytes = units.size(value)
    if not bytes then
        error(("bad argument #%d to 'samples:size' (a size expected: %s)"):format(n, units.ACCEPTED.bytes), 3)
    end
    return bytes
end

--- Blocks of this size, as their class has it, or from `least` to `most` bytes.
function Query:size(least, most)
    local of = self_of(self, "size")
    least, most = check_size(least, 1), check_size(most == nil and least or most, 2)
    return with(private[with(of, "min_size", least, math.max)], "max_size", most, math.min)
end

--- Blocks of this size class, by its index.
function Query:class(szind)
    return with(self_of(self, "class"), "szind", check_index(szind, "class"), both)
end

function Query:arena(index)
    return with(self_of(self, "arena"), "arena", check_index(index, "arena"), both)
end

--- Blocks that a thread allocated: its number, or its name in profiles (thread.prof.name).
function Query:thread(thread)
    local of = self_of(self, "thread")
    if type(thread) == "string" then
        return with(of, "thread", thread, both)
    end
    return with(of, "tid", check_index(thread, "thread"), both)
end

--- Blocks with a function in their stack whose name contains the text, or matches it as a Lua pattern.
function Query:stack(pattern)
    local of = self_of(self, "stack")
    local ok, why = pcall(string.find, "", pattern)
    if type(pattern) ~= "string" or not ok then
        error(("bad argument #1 to 'samples:stack' (%s)"):format(type(pattern) ~= "string"
            and "a part of a function's name expected, got " .. type(pattern) or why), 2)
    end
    local patterns = table.move(of.patterns, 1, #of.patterns, 1, {})
    patterns[#patterns + 1] = pattern
    return new_query { api = of.api, backend = of.backend, conditions = of.conditions, patterns = patterns,
        util = of.util }
end

--- Blocks of classes, by arena, whose slabs are in use to at most the part `util` (0 to 1, 0.5): where the memory is
--- fragmented. la.waste{by = "stack"} looks at each slab.
function Query:in_slabs(options)
    local of = self_of(self, "in_slabs")
    options = options == nil and {} or check.plain(options)
    check.table(options, "samples:in_slabs", 1, "{util=} expected; a table")
    for key in pairs(options) do
        check.that(key == "util", "samples:in_slabs", 1, ("no option %s; there is util"):format(check.shown(key)))
    end
    local util = options.util == nil and 0.5 or options.util
    check.that(type(util) == "number" and util >= 0 and util <= 1, "samples:in_slabs", 1,
        ("util is a part of the regions in use, 0 to 1, not %s"):format(check.shown(util)))
    return new_query { api = of.api, backend = of.backend, conditions = of.conditions, patterns = of.patterns,
        util = math.min(util, of.util or 1) }
end

-- ---- groups --------------------------------------------------------------------------------------------------------

local AGES <const> = { [0] = "below 1 s", "1 s to 10 s", "10 s to 1 min", "1 to 10 min", "10 min to 1 h",
    "1 h to 1 day", "1 day and more" }

local Group = {}

--- A stack is named when it is looked at: with line numbers that takes long.
function Group.__index(group, key)
    local stack = key == "stack" and private[group]
    if stack then
        local names = {}
        for i, address in ipairs(stack.addresses) do
            names[i] = stack.backend.symbol(address)
        end
        rawset(group, "stack", names)
        return names
    end
end

--- "parse" of "parse+0x1f (file.c:12)", "parse (file.lua:12)"; a file stands for its unnamed functions.
local function function_of(name)
    return name:match "^(.-)%+0x%x+" or name:match "^(.+) %(.*%)$" or name
end

--- The same, but a function of a script keeps its line.
function samples.frame_of(name)
    return name:find "^[^+]+ %([^()]*:%d+%)$" and name or function_of(name)
end

--- "file.c:12" of it; else the whole name.
local function line_of(name)
    return name:match "%(([^()]*:%d+)%)$" or name
end

--- The innermost function that is known.
local function innermost(backend, addresses, part)
    for _, address in ipairs(addresses) do
        local name = backend.symbol(address)
        if name and not name:find "^0x" then
            return part(name)
        end
    end
    return addresses[1] and backend.symbol(addresses[1]) or "no stack"
end

-- What the samples of a group have in common, from its key and its first sample.
local describe = {
    stack = function(of, set, sum)
        local group = {}
        private[group] = { addresses = set:stack(sum.key), backend = of.backend }
        return setmetatable(group, Group)
    end,
    class = function(_, set, sum)
        return { szind = sum.key, size = set:sample(sum.first).size }
    end,
    arena = function(_, _, sum)
        return { arena = sum.key }
    end,
    thread = function(_, set, sum)
        local sample = set:sample(sum.first)
        return { tid = sample.tid, thread = sample.thread }
    end,
    age = function(_, _, sum)
        return { age = AGES[sum.key] }
    end,
}

local function add(group, sum, now)
    group.samples = (group.samples or 0) + sum.samples
    group.objects = (group.objects or 0.0) + sum.objects
    group.bytes = (group.bytes or 0.0) + sum.bytes
    group.oldest = math.max(group.oldest or 0.0, (now - sum.oldest) / 1e9)
    return group
end

local function round(value)
    return math.tointeger(math.floor(value + 0.5)) or value
end

--- Rounds, and sorts most bytes first.
local function finish(groups, by)
    for _, group in ipairs(groups) do
        group.objects, group.bytes = round(group.objects), round(group.bytes)
    end
    table.sort(groups, function(a, b) return a.bytes > b.bytes end)
    private[groups] = by
    return setmetatable(groups, Groups)
end

--- Groups of stacks whose innermost function, or line, is the same.
local function merge(of, set, now, by)
    local groups, known, part = {}, {}, by == "line" and line_of or function_of
    for _, sum in ipairs(set:sum "stack") do
        local key = innermost(of.backend, set:stack(sum.key), part)
        local group = known[key]
        if not group then
            group = { [by] = key }
            known[key], groups[#groups + 1] = group, group
        end
        add(group, sum, now)
    end
    return finish(groups, by)
end

--- The groups of the samples in the set.
local function group_by(of, set, now, by)
    if by == "function" or by == "line" then
        return merge(of, set, now, by)
    end
    local groups = {}
    for i, sum in ipairs(set:sum(by)) do
        groups[i] = add(describe[by](of, set, sum), sum, now)
    end
    return finish(groups, by)
end

--- True if samples can be grouped like that.
function samples.is_grouping(by)
    for _, known in ipairs(samples.GROUPINGS) do
        if known == by then
            return true
        end
    end
    return false
end

--- An array of groups, most bytes first: { samples=, objects=, bytes=, oldest= (seconds) } and what they share.
function Query:by(by)
    local of = self_of(self, "by")
    check.that(samples.is_grouping(by), "samples:by", 1, ("one of %s expected, got %s"):format(
        table.concat(samples.GROUPINGS, ", "), check.shown(by)))
    local set <close>, now, code = read(self)
    if not set then
        return nil, now, code
    end
    return group_by(of, set, now, by)
end

--- The n stacks with most bytes, 10 if n is left out.
function Query:top(n)
    self_of(self, "top")
    check.that(n == nil or math.type(n) == "integer" and n >= 0, "samples:top", 1,
        ("a whole number, 0 or more, expected, got %s"):format(check.shown(n)))
    local groups, message, code = self:by "stack"
    if not groups then
        return nil, message, code
    end
    return groups:top(n)
end

--- { samples=, objects=, bytes=, oldest= } of all.
function Query:sum()
    self_of(self, "sum")
    local set <close>, now, code = read(self)
    if not set then
        return nil, now, code
    end
    local sum = set:sum "all"[1]
    local total = add({}, sum or { samples = 0, objects = 0.0, bytes = 0.0, oldest = now }, now)
    total.objects, total.bytes = round(total.objects), round(total.bytes)
    return total
end

-- ---- one by one ----------------------------------------------------------------------------------------------------

--- A function that returns the samples of the set one by one; equal stacks are one table.
local function each(set)
    local i, stacks = 0, {}
    return function()
        i = i + 1
        local sample, number = set:sample(i)
        if not sample then
            set:close()
            return nil
        end
        stacks[number] = stacks[number] or set:stack(number)
        sample.stack = stacks[number]
        return sample
    end
end

--- A query is its own iterator. A `for` passes two values, and nil as the second one when it begins.
function Query:__call(...)
    local of = private[self]
    if not of.next or select("#", ...) == 2 and select(2, ...) == nil then
        local set, message = read(self)
        if not set then
            error("samples: " .. message, 2)
        end
        of.next = each(set)
    end
    local sample = of.next()
    of.next = sample and of.next
    return sample
end

function Query:__tostring()
    local sum, message = self:sum()
    return sum and ("%s samples: %s in %s blocks, up to %s old; ask with :by, :sum, :top or a for loop"):format(
        units.human_count(sum.samples), units.human(sum.bytes), units.human_count(sum.objects),
        units.human_time(sum.oldest * 1e9)) or "samples: " .. message
end

-- ---- what groups can do --------------------------------------------------------------------------------------------

--- The first n groups, 10 if n is left out.
function Groups:top(n)
    check.self(self, Groups, "groups:top")
    check.that(n == nil or math.type(n) == "integer" and n >= 0, "groups:top", 1,
        ("a whole number, 0 or more, expected, got %s"):format(check.shown(n)))
    local first = table.move(self, 1, math.min(#self, n or 10), 1, {})
    private[first] = private[self]
    return setmetatable(first, Groups)
end

--- { samples=, objects=, bytes=, oldest= } of all groups.
function Groups:sum()
    check.self(self, Groups, "groups:sum")
    local total = { samples = 0, objects = 0, bytes = 0, oldest = 0.0 }
    for _, group in ipairs(self) do
        total.samples, total.objects = total.samples + group.samples, total.objects + group.objects
        total.bytes, total.oldest = total.bytes + group.bytes, math.max(total.oldest, group.oldest)
    end
    return total
end

local MAX_LINES <const> = 20

local function name_of(group)
    return group.stack and table.concat(group.stack, " < ", 1, math.min(#group.stack, 3))
        or group.size and "class " .. group.size or group.arena and "arena " .. group.arena
        or group.tid and ("thread %d %s"):format(group.tid, group.thread)
        or group["function"] or group.line or group.age or ""
end

function Groups:__tostring()
    local lines = { ("%10s  %10s %8s %10s  %s"):format("bytes", "objects", "samples", "oldest", private[self]) }
    for i = 1, math.min(#self, MAX_LINES) do
        local group = self[i]
        lines[#lines + 1] = ("%10s  %10s %8s %10s  %s"):format(units.human(group.bytes),
            units.human_count(group.objects), units.human_count(group.samples), units.human_time(group.oldest * 1e9),
            name_of(group))
    end
    if #self > MAX_LINES then
        lines[#lines + 1] = ("... %d more"):format(#self - MAX_LINES)
    end
    return table.concat(lines, "\n")
end

--- A query for all samples of the allocator behind the backend.
function samples.new(api, backend)
    return new_query { api = api, backend = backend, conditions = {}, patterns = {} }
end

return samples
