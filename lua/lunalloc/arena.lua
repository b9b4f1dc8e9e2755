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

--- Creates an arena with these settings; one that is refused leaves no arena behind.
local function create_arena(api, backend, settings)
    local keys, message, code = check_settings(backend, settings)
    if not keys then
        return nil, message, code
    end
    local index
    index, message, code = backend.get("arenas.create")
    if not index then
        return nil, message, code
    end
    for _, key in ipairs(keys) do
        local ok
        ok, message, code = backend.set(("arena.%d.%s"):format(index, key), settings[key])
        if not ok then
            backend.set(("arena.%d.destroy"):format(index))
            return nil, message, code
        end
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
            return create_arena(api, backend, settings)
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
