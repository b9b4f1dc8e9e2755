--- Extents: the iterator, and counts grouped by any of their fields.
---
--- An extent is a record, a userdata with a copy of what the allocator knows: e.size, pairs(e). It is a plain table if
--- the script names the fields that it wants: fields = {"addr", "size"}.
---
--- The iterator returns its walker as a to-be-closed value, so that a loop that ends early frees its batch at once.
--- (Lua 5.4.4 closes it too late, and may raise, if the loop has a break, and its body declares a <close> variable or
--- makes a closure over its locals.)

local core = require "lunalloc.core"
local check = require "lunalloc.check"

local INDEX_END <const> = 0xffffffff -- in C, "no index"

local states = { "active", "dirty", "muzzy", "retained", "busy" }
local filters = { "arena", "state", "slab", "min_size", "szind" }
local fields = { "addr", "size", "state", "arena", "szind", "slab", "nfree", "nregs", "discarded", "sn", "is_head",
    "committed", "zeroed", "lru" }

local function contains(list, word)
    for _, known in ipairs(list) do
        if known == word then
            return true
        end
    end
    return false
end

--- Raises at the script's line, `level` calls up, unless `word` is in the list.
local function check_one_of(list, word, what, level)
    if contains(list, word) then
        return
    end
    local near = type(word) == "string" and core.nearest(word, list)
    error(("extents: no %s %s%s (there are: %s)"):format(what, check.shown(word),
        near and ("; did you mean '%s'?"):format(near) or "", table.concat(list, ", ")), level + 1)
end

local function check_index(filter, name, level)
    local value = filter[name]
    if value ~= nil and not (math.type(value) == "integer" and value >= 0 and value < INDEX_END) then
        error(("extents: %s must be an index, 0 or more, not %s"):format(name, check.shown(value)), level + 1)
    end
end

--- Checks keys and types; `extra` is a further key that is allowed.
local function check_filter(filter, extra, level)
    if type(filter) ~= "table" then
        error(("extents: a table of conditions expected, got %s"):format(type(filter)), level + 1)
    end
    for key in pairs(filter) do
        if key ~= extra then
            check_one_of(filters, key, "condition", level + 1)
        end
    end
    if filter.state ~= nil then
        check_one_of(states, filter.state, "state", level + 1)
    end
    if filter.slab ~= nil and type(filter.slab) ~= "boolean" then
        error(("extents: slab must be true or false, not %s"):format(check.shown(filter.slab)), level + 1)
    end
    if filter.min_size ~= nil and type(filter.min_size) ~= "number" and type(filter.min_size) ~= "string" then
        error(("extents: min_size is a size, as a number or text such as '64K', not %s"):format(
            check.shown(filter.min_size)), level + 1)
    end
    check_index(filter, "arena", level + 1)
    check_index(filter, "szind", level + 1)
end

--- Raises at the script's line, `level` calls up, unless it is an array of names of fields, or left out.
local function check_fields(list, level)
    if list == nil then
        return
    elseif type(list) ~= "table" or #list == 0 then
        error(("extents: fields is an array of names, not %s"):format(check.shown(list)), level + 1)
    end
    for i = 1, #list do
        check_one_of(fields, list[i], "field", level + 1)
    end
end

--- A walker over the extents that the filter selects; nil, message, code.
local function open_walker(backend, filter)
    local limit, message, code = backend.limit("arena.<i>.purge")
    if not limit then
        return nil, message, code
    elseif filter.arena and filter.arena >= limit then
        return nil, ("no arena %d: an index is 0 to %d"):format(filter.arena, limit - 1), "ENOENT"
    end
    return backend.extents(filter.arena, filter.state, filter.slab, filter.min_size, filter.szind,
        filter.fields)
end

local function group_key(value)
    return value == nil and "none" or value
end

local function summarise(backend, walker, by)
    local groups, message, code = backend.tally(walker, by)
    if groups or message then
        return groups, message, code
    end
    groups = {}
    local extent = {}
    while walker:fill(extent) do
        local key = group_key(extent[by])
        local group = groups[key] or { count = 0, bytes = 0 }
        group.count = group.count + 1
        group.bytes = group.bytes + extent.size
        groups[key] = group
    end
    return groups
end

--- Raises at the script's line, `level` calls up, if the filter is at fault: a `for` would call a nil.
local function check_walker(walker, message, code, level)
    if not walker and (code == "ENOENT" or code == "EINVAL") then
        error("extents: " .. message, level + 1)
    end
end

local extents = {}

--- Adds the functions to `api`.
function extents.install(api, backend)
    function api.extents(filter)
        filter = filter == nil and {} or check.plain(filter)
        check_filter(filter, "fields", 2)
        filter.fields = check.plain(filter.fields)
        check_fields(filter.fields, 2)
        local walker, message, code = open_walker(backend, filter)
        check_walker(walker, message, code, 2)
        if not walker then
            return nil, message, code
        end
        return walker.next, walker, nil, walker
    end

    --- { [value of the field] = {count, bytes} }. Extents without a size class have the key "none".
    function api.extents_summary(options)
        options = options == nil and {} or check.plain(options)
        check_filter(options, "by", 2)
        local by = options.by == nil and "state" or options.by
        check_one_of(fields, by, "field", 2)
        local walker, message, code = open_walker(backend, options)
        check_walker(walker, message, code, 2)
        if not walker then
            return nil, message, code
        end
        local rows
        rows, message, code = summarise(backend, walker, by)
        if not rows then
            return nil, message, code
        end
        return rows -- alone, so that a prompt shows nothing else
    end
end

return extents
