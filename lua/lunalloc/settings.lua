--- Controls by name: get, set, describe, names, with.

local check = require "lunalloc.check"
local schema = require "lunalloc.schema"

local function describe(backend, name)
    local row, message, code = backend.row(name)
    if not row then
        return nil, message, code
    end
    local concrete = not schema.is_pattern(name)
    local free_to_read = concrete and schema.is_free_to_read(row)
    row.pattern, row.name = row.name, name
    row.default = schema.typed(row, row.default)
    if free_to_read then
        row.value = backend.get(name)
        row.source = backend.source(name)
    end
    return row
end

--- True if the name contains the text, or matches it as a Lua pattern. Raises if the pattern is malformed.
local function matches(name, pattern)
    return name:find(pattern, 1, true) ~= nil or name:find(pattern) ~= nil
end

--- The names of the rows that match, in the rows' order. Raises without a position if the pattern is malformed.
local function select_names(rows, pattern)
    local list = {}
    for _, row in ipairs(rows) do
        if not pattern or matches(row.name, pattern) then
            list[#list + 1] = row.name
        end
    end
    return list
end

-- A list of names: an array, and an iterator over itself that begins again after its end. As a text it is the names.
local Names = {}

function Names.__call(list)
    local i = (list[0] or 0) + 1
    list[0] = list[i] and i or nil
    return list[i]
end

function Names.__tostring(list)
    local show = require "lunalloc.show"
    return show.columns(list, show.width())
end

--- The names, sorted, and their values in that order.
local function sorted(settings)
    local names, values = check.names(settings), {}
    for i, name in ipairs(names) do
        values[i] = settings[name]
    end
    return names, values
end

-- Failures that are no fault of a setting.
local UNREACHABLE <const> = { ENOSYS = true, ESRCH = true, ETIMEDOUT = true }

local settings = {}

--- Adds the functions to `api`.
function settings.install(api, backend)
    api.get = backend.get
    api.set = backend.set

    function api.describe(name)
        check.text(name, "describe", 1)
        return describe(backend, name)
    end

    --- The names of all rows that contain `pattern`, or match it as a Lua pattern: an array that a `for` can call.
    function api.names(pattern)
        if pattern ~= nil then
            check.text(pattern, "names", 1)
        end
        local rows, message, code = backend.rows()
        if not rows then
            return nil, message, code
        end
        local ok, list = pcall(select_names, rows, pattern)
        check.that(ok, "names", 1, not ok and tostring(list):gsub("^.-:%d+: ", "") or nil)
        return setmetatable(list, Names)
    end

    --- Changes settings for a scope: local _ <close> = la.with { ["arena.0.dirty_decay_ms"] = 0 }. It changes all or,
    --- if one is refused, none, and raises: a nil would be a valid <close> variable, and nobody would notice. Only if
    --- there is no allocator, or the target is lost, it returns nil, message, code. The guard restores the old values
    --- when it is closed, or by :restore(); if it is collected before, it restores them then, with a warning.
    function api.with(changes)
        check.table(changes, "with", 1, "a table of name = value")
        changes = check.plain(changes)
        check.settings(changes, "with", "the name of a control")
        local guard, message, code = backend.with(sorted(changes))
        check.that(guard or UNREACHABLE[code], "with", 1, message)
        return guard, message, code
    end
end

return settings
