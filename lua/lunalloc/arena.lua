--- Arenas as objects: la.arena(i), la.arenas(), la.arena.create{...}.

local Arena = { __name = "lunalloc.arena" }
Arena.__index = Arena

--- backend and api are those that the arena came from; two objects of one arena are equal.
local function new_arena(api, backend, index)
    return setmetatable({ index = index, api = api, backend = backend }, Arena)
end

function Arena.__eq(a, b)
    return a.index == b.index and a.backend == b.backend
end

function Arena:__tostring()
    return "arena " .. self.index
end

function Arena:extents(filter)
    local mine = {}
    for key, value in pairs(filter or {}) do
        mine[key] = value
    end
    mine.arena = self.index
    return self.api.extents(mine)
end

function Arena:extents_summary(options)
    local mine = {}
    for key, value in pairs(options or {}) do
        mine[key] = value
    end
    mine.arena = self.index
    return self.api.extents_summary(mine)
end

--- A method that does the arena's action of that name.
local function action(name)
    return function(self)
        return self.backend.set(("arena.%d.%s"):format(self.index, name))
    end
end

Arena.purge = action "purge"
Arena.decay = action "decay"
Arena.reset = action "reset"
Arena.destroy = action "destroy"

--- Makes the calling thread allocate from this arena.
function Arena:bind()
    return self.backend.set("thread.arena", self.index)
end

--- How often its counting hooks were called: {alloc=, dalloc=, ...}, and in `bytes` for how many; nil if it has none.
function Arena:hooks()
    if not self.backend.hooks_counts then
        return nil, "hooks: their counts can be read only in the process that they belong to", "ENOSYS"
    end
    return self.backend.hooks_counts(self.index)
end

--- A snapshot of this arena's counters alone.
function Arena:stats()
    return self.backend.stats(self.index)
end

--- An index is an arena if its controls answer: a destroyed one's do not.
local function exists(backend, index)
    return backend.get(("arena.%d.dirty_decay_ms"):format(index))
end

local function get_arena(api, backend, index)
    local limit, message, code = backend.limit("arena.<i>.purge")
    if not limit then
        return nil, message, code
    elseif index < 0 or index >= limit then
        return nil, ("no arena %d: the index goes from 0 to %d"):format(index, limit - 1), "ENOENT"
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

--- Raises two calls up unless `settings` is a table of name = value.
local function check_types(settings)
    if type(settings) ~= "table" then
        error(("arena.create: a table of settings expected, got %s"):format(type(settings)), 3)
    end
    for key in pairs(settings) do
        if type(key) ~= "string" then
            error(("arena.create: the name of a setting expected, got %s"):format(type(key)), 3)
        end
    end
end

--- Raises two calls up if `name` is neither nil nor the name of hooks that there are.
local function check_hooks(name)
    if name ~= nil and name ~= "counting" then
        local shown = type(name) == "string" and ("'%s'"):format(name) or type(name)
        error(("arena.create: no hooks %s; allowed: 'counting'"):format(shown), 3)
    end
end

--- The settings that are controls.
local function without_hooks(settings)
    local controls = {}
    for key, value in pairs(settings) do
        controls[key] = value
    end
    controls.hooks = nil
    return controls
end

--- The settings' names, sorted, each known to be a control of arenas that can be written; nil, message, code.
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

--- The primitive that gives an arena the hooks of this name; nil, message, code if they must be elsewhere.
local function hooks_setter(backend, name)
    if not name then
        return function()
            return true
        end
    end
    if not backend.hooks_count then
        return nil, "arena.create: hooks are code, and run only in the process that creates the arena", "ENOSYS"
    end
    return backend.hooks_count
end

--- Gives a new arena its hooks and settings; true, or nil, message, code.
local function configure(backend, index, set_hooks, keys, settings)
    local ok, message, code = set_hooks(index)
    for _, key in ipairs(keys) do
        if not ok then
            break
        end
        ok, message, code = backend.set(("arena.%d.%s"):format(index, key), settings[key])
    end
    return ok, message, code
end

--- Creates an arena with these settings and hooks; what is refused leaves no arena behind.
local function create_arena(api, backend, settings, hooks)
    local set_hooks, problem, errno = hooks_setter(backend, hooks)
    if not set_hooks then
        return nil, problem, errno
    end
    local keys, message, code = check_settings(backend, settings)
    if not keys then
        return nil, message, code
    end
    local index
    index, message, code = backend.get("arenas.create")
    if not index then
        return nil, message, code
    end
    local ok
    ok, message, code = configure(backend, index, set_hooks, keys, settings)
    if not ok then
        backend.set(("arena.%d.destroy"):format(index))
        return nil, message, code
    end
    return new_arena(api, backend, index)
end

local arena = {}

--- Adds the functions to `api`; `api.arena` is called, and holds `create`.
function arena.install(api, backend)
    api.arena = setmetatable({
        create = function(settings)
            settings = settings or {}
            check_types(settings)
            check_hooks(settings.hooks)
            return create_arena(api, backend, without_hooks(settings), settings.hooks)
        end,
    }, {
        __call = function(_, index)
            if math.type(index) ~= "integer" then
                error(("arena: an index expected, got %s"):format(type(index)), 2)
            end
            return get_arena(api, backend, index)
        end,
    })

    function api.arenas()
        return all_arenas(api, backend)
    end
end

return arena
