--- Controls by name: get, set, describe, names, with.

local schema = require "lunalloc.schema"

local Guard = { __name = "lunalloc.with" }
Guard.__index = Guard

--- Puts the old values back, last one first. Every one is tried; what failed is returned, one line each.
local function put_back(guard)
    local failures = {}
    for i = #guard.names, 1, -1 do
        local ok, message = guard.set(guard.names[i], guard.old[i])
        if not ok then
            failures[#failures + 1] = message
        end
    end
    guard.names = {}
    return failures
end

--- Restores the old settings now; again does nothing.
function Guard:restore()
    local failures = put_back(self)
    if #failures > 0 then
        error("could not restore: " .. table.concat(failures, "; "), 2)
    end
end

Guard.__close = Guard.restore

function Guard:__tostring()
    return ("with: %d settings to restore"):format(#self.names)
end

--- The names, in an order that is the same every time. Raises two calls up if one is no name.
local function sorted_names(settings)
    if type(settings) ~= "table" then
        error(("with: a table of name = value expected, got %s"):format(type(settings)), 3)
    end
    local names = {}
    for name in pairs(settings) do
        if type(name) ~= "string" then
            error(("with: the name of a control expected, got %s"):format(type(name)), 3)
        end
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

--- Applies settings[name] for each name. All or none: nil, message, code if one is refused.
local function apply(backend, names, settings)
    local old = {}
    for i, name in ipairs(names) do
        local value, message, code = backend.get(name)
        if value == nil then
            return nil, message, code
        end
        old[i] = value
    end
    local guard = setmetatable({ set = backend.set, names = {}, old = old }, Guard)
    for i, name in ipairs(names) do
        local ok, message, code = backend.set(name, settings[name])
        if not ok then
            put_back(guard)
            return nil, message, code
        end
        guard.names[i] = name
    end
    return guard
end

local function describe(backend, name)
    local row, message, code = backend.row(name)
    if not row then
        return nil, message, code
    end
    local concrete = not schema.is_pattern(name)
    row.pattern, row.name = row.name, name
    row.default = schema.typed(row, row.default)
    if concrete and row.access:sub(1, 1) == "r" and not schema.is_action { type = row.type, name = row.pattern } then
        row.value = backend.get(name)
        row.source = backend.source(name)
    end
    return row
end

--- Iterates the names of all rows that contain `pattern`, or match it as a Lua pattern.
local function names(backend, pattern)
    if pattern ~= nil then
        string.find("", pattern) -- raises if it is malformed
    end
    local rows, message, code = backend.rows()
    if not rows then
        return nil, message, code
    end
    local i = 0
    return function()
        while i < #rows do
            i = i + 1
            local name = rows[i].name
            if not pattern or name:find(pattern, 1, true) or name:find(pattern) then
                return name
            end
        end
    end
end

local settings = {}

--- Adds the functions to `api`.
function settings.install(api, backend)
    api.get = backend.get
    api.set = backend.set

    function api.describe(name)
        return describe(backend, name)
    end

    function api.names(pattern)
        return names(backend, pattern)
    end

    --- Settings for a scope: local _ <close> = la.with { ["arena.0.dirty_decay_ms"] = 0 }
    function api.with(changes)
        local changed = sorted_names(changes)
        return apply(backend, changed, changes)
    end
end

return settings
