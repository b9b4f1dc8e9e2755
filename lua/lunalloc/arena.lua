--- Arenas as objects: la.arena(i), la.arenas(), la.arena.create{...}.

local check = require "lunalloc.check"

local Arena = { __name = "lunalloc.arena" }
Arena.__index = Arena

--- An object for the arena of that index. Two objects of one arena are equal.
local function new_arena(api, backend, index)
    return setmetatable({ index = index, api = api, backend = backend }, Arena)
end

function Arena.__eq(a, b)
    return getmetatable(a) == getmetatable(b) and a.index == b.index and a.backend == b.backend
end

function Arena:__tostring()
    return "arena " .. self.index
end

--- A copy of the conditions that selects this arena only.
local function of_arena(conditions, index)
    local mine = {}
    for key, value in pairs(conditions or {}) do
        mine[key] = value
    end
    mine.arena = index
    return mine
end

function Arena:extents(filter)
    check.self(self, Arena, "arena:extents")
    check.table(filter == nil and {} or filter, "arena:extents", 1, "a table of conditions")
    return self.api.extents(of_arena(filter, self.index))
end

function Arena:extents_summary(options)
    check.self(self, Arena, "arena:extents_summary")
    check.table(options == nil and {} or options, "arena:extents_summary", 1, "a table of conditions")
    return self.api.extents_summary(of_arena(options, self.index))
end

--- A method that performs the arena's action of that name.
local function action(name)
    return function(self)
        check.self(self, Arena, "arena:" .. name)
        return self.backend.set(("arena.%d.%s"):format(self.index, name))
    end
end

Arena.purge = action "purge"
Arena.decay = action "decay"
Arena.reset = action "reset"
Arena.destroy = action "destroy"

--- Makes the calling thread allocate from this arena.
function Arena:bind()
    check.self(self, Arena, "arena:bind")
    return self.backend.set("thread.arena", self.index)
end

--- The calls of its counting hooks: {alloc=, dalloc=, ...}, and in `bytes` their bytes. nil if it has no such hooks.
function Arena:hooks()
    check.self(self, Arena, "arena:hooks")
    if not self.backend.hooks_counts then
        return nil, "hooks: only their own process can read their counts", "ENOSYS"
    end
    return self.backend.hooks_counts(self.index)
end

--- A snapshot of the counters of this arena.
function Arena:stats()
    check.self(self, Arena, "arena:stats")
    return self.backend.stats(self.index)
end

--- True of an index whose controls can be read. Those of a destroyed arena cannot.
local function exists(backend, index)
    return backend.get(("arena.%d.dirty_decay_ms"):format(index))
end

local function get_arena(api, backend, index)
    local limit, message, code = backend.limit("arena.<i>.purge")
    if not limit then
        return nil, message, code
    elseif index < 0 or index >= limit then
        return nil, ("no arena %d: an index is 0 to %d"):format(index, limit - 1), "ENOENT"
    end
    local found
    found, message, code = exists(backend, index)
    if found == nil then
        return nil, message, code
    end
    return new_arena(api, backend, index)
end

local function all_arenas(api, backend)
    local limit, message, code = backend.limit("arena.<i>.purge")
    if not limit then
        return nil, message, code
    end
    local list = {}
    for index = 0, limit - 1 do
        if exists(backend, index) ~= nil then
            list[#list + 1] = new_arena(api, backend, index)
        end
    end
    return list
end

--- True of nil, and of the name of known hooks.
local function is_hooks(name)
    return name == nil or name == "counting"
end

--- A copy of the settings without `hooks`, which is no control.
local function without_hooks(settings)
    local controls = {}
    for key, value in pairs(settings) do
        controls[key] = value
    end
    controls.hooks = nil
    return controls
end

--- The names of the settings, sorted. nil, message, code unless each is a control of arenas that can be written.
local function check_settings(backend, settings)
    local keys = {}
    for key in pairs(settings) do
        local row, message, code = backend.row("arena.<i>." .. key)
        if not row then
            return nil, (message:gsub("arena%.<i>%.", "")), code
        elseif row.access ~= "rw" then
            return nil, ("arena.create: '%s' is not a setting"):format(key), "EPERM"
        end
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

--- Creates an arena with these settings and hooks. If a setting is refused, no arena remains.
local function create_arena(api, backend, settings, hooks)
    if hooks and not backend.hooks_counts then
        return nil, "arena.create: hooks are code: they run only in the process that creates the arena", "ENOSYS"
    end
    local keys, message, code = check_settings(backend, settings)
    if not keys then
        return nil, message, code
    end
    local values = {}
    for i, key in ipairs(keys) do
        values[i] = settings[key]
    end
    local object = new_arena(api, backend, 0) -- first: without memory for it, nothing would destroy the new arena
    local index
    index, message, code = backend.arena_create(keys, values, hooks ~= nil)
    if not index then
        return nil, message, code
    end
    object.index = index
    return object
end

local arena = {}

--- Adds the functions to `api`. `api.arena` can be called, and has the field `create`.
function arena.install(api, backend)
    api.arena = setmetatable({
        create = function(settings)
            settings = settings == nil and {} or check.plain(settings)
            check.table(settings, "arena.create", 1, "a table of settings")
            check.settings(settings, "arena.create", "the name of a setting")
            local hooks = settings.hooks
            check.that(is_hooks(hooks), "arena.create", 1,
                ("there are no hooks %s; allowed: 'counting'"):format(check.shown(hooks)))
            return create_arena(api, backend, without_hooks(settings), settings.hooks)
        end,
    }, {
        __call = function(_, index)
            check.that(math.type(index) == "integer", "arena", 1, ("an index expected, got %s"):format(type(index)))
            return get_arena(api, backend, index)
        end,
    })

    function api.arenas()
        return all_arenas(api, backend)
    end
end

return arena
