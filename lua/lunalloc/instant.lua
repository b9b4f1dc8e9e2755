--- Instants: the heap of a process at one moment, as a plain value that can be kept, compared, drawn and saved.
---
---     local before = la.instant()
---     before.states.dirty.bytes      before.arenas[1].active.bytes      before.classes[1].used
---     before:raster{ columns = 64, rows = 64 }.cells
---     print(before:diff(la.instant()))
---     before:save "before.instant";  la.instant.load "before.instant"
---
--- What an instant has, besides its extents:
---
---     at          seconds since 1970;  time   ns of the monotonic clock of the process
---     source      { way =, pid =, name =, version = }
---     page        bytes
---     extents     how many there are
---     states      { [state] = { count =, bytes =, used =, discarded = } },  used: bytes that objects occupy,
---                 discarded: given back inside of slabs
---     arenas      an array of { arena =, [state] = ... }, as states
---     classes     an array of { szind =, size =, count =, bytes =, used =, discarded = }, of extents in use
---     stats       the counters: { allocated =, ..., arenas = {...}, classes = {...} }, rows as in la.stats()
---     residency   { [kind] = bytes, way =, states = { [state] = { [kind] = bytes } }, process = { [kind] = bytes } },
---                 with la.instant{ residency = true }; kinds: absent, present, huge, swapped, guard
---     settings    an array of { name =, value =, source =, default = };  conf   as la.conf() has it
---     threads     an array of { tid =, name =, arena =, cached =, requests =, idle = }

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local host = require "lunalloc.host"
local json = require "lunalloc.json"
local changes = require "lunalloc.map.changes"
local layout = require "lunalloc.map.layout"
local map = require "lunalloc.map"
local raster = require "lunalloc.map.raster"
local saved = require "lunalloc.map.saved"
local wanted = require "lunalloc.map.options"

local Instant = { __name = "lunalloc.instant" }
Instant.__index = Instant

-- instant -> its set of extents, of the core
local sets = setmetatable({}, { __mode = "k" })

-- ---- taking --------------------------------------------------------------------------------------------------------

--- The rows of settings: those that are fixed at start, and those of all arenas. nil, message, code.
local function settings_of(api)
    local names, message, code = api.names "^opt%."
    if not names then
        return nil, message, code
    end
    for name in api.names "^arenas%." do
        names[#names + 1] = name
    end
    local list = {}
    for _, name in ipairs(names) do
        local row = api.describe(name)
        if row and row.value ~= nil and row.access == "rw" or row and name:find "^opt%." then
            list[#list + 1] = { name = name, value = row.value, source = row.source, default = row.default }
        end
    end
    return list
end

--- The threads as plain tables; none where the way cannot list them.
local function threads_of(api)
    local list = {}
    for i, thread in ipairs(api.threads() or {}) do
        list[i] = { tid = thread.tid, name = thread.name, arena = thread.arena, cached = thread.cached,
            requests = thread.requests, idle = thread.idle }
    end
    return list
end

local function add_sums(instant, set)
    local sums = set:sums()
    instant.extents = set:count()
    instant.states, instant.arenas, instant.classes = sums.states, sums.arenas, sums.classes
end

--- Adds the sums of what is in memory: {states=, [kind] = bytes}.
local function add_residency_sums(residency, set)
    residency.states = set:residency_sums()
    for _, kinds in pairs(residency.states) do
        for kind, bytes in pairs(kinds) do
            residency[kind] = (residency[kind] or 0) + bytes
        end
    end
    return residency
end

--- Reads which pages are in memory: {way=, process=, states=, [kind] = bytes}. nil, message, code.
local function read_residency(backend, set, way)
    local residency, message, code = backend.residency(set, way)
    if not residency then
        return nil, message, code
    end
    return add_residency_sums(residency, set)
end

local function new_instant(instant, set)
    add_sums(instant, set)
    sets[instant] = set
    return setmetatable(instant, Instant)
end

local function take(api, backend, options)
    local stats, message, code = backend.stats()
    if not stats then
        return nil, message, code
    end
    local set
    set, message, code = backend.extent_set()
    if not set then
        return nil, message, code
    end
    local residency
    if options.residency then
        residency, message, code = read_residency(backend, set, options.residency)
        if not residency then
            set:close()
            return nil, message, code
        end
    end
    local settings
    settings, message, code = settings_of(api)
    if not settings then
        set:close()
        return nil, message, code
    end
    local instant = {
        at = host.os.time(), time = stats.time, page = backend.get "arenas.page" or 4096,
        source = { way = backend.target:way(), pid = api.pid, name = api.name, version = backend.get "version" },
        stats = json.decode(core.stats_json(stats)), settings = settings, conf = (api.conf()),
        threads = threads_of(api), residency = residency,
    }
    return new_instant(instant, set)
end

--- The instant in a file; nil, message, code. The sums are made anew: the file's own may be anything.
local function load_file(path)
    local set, header, code = core.load_extent_set(path)
    if not set then
        return nil, header, code
    end
    local instant, why = saved.clean(header)
    if not instant then
        set:close()
        return nil, ("'%s': it is damaged: %s"):format(path, why), "EINVAL"
    end
    if instant.residency then
        add_residency_sums(instant.residency, set)
    end
    return new_instant(instant, set)
end

--- The time as people read it.
local function os_date(at)
    return host.os.date and host.os.date("%Y-%m-%d %H:%M:%S", at) or tostring(at)
end

-- ---- looking -------------------------------------------------------------------------------------------------------

local NAMES <const> = { "arena", "by", "columns", "layout", "range", "rows" } -- options of a raster

--- Its addresses as a grid of cells (map/raster.lua). Options: by: "state" (if it is left out), "occupancy", "age",
--- "residency", "arena" or "class"; columns, rows: at most so many (64, 64); arena: only that one; range: {from, to};
--- layout: in the cells of la.instant.layout().
local function make_raster(self, options, group)
    local set = sets[self]
    if options.by == "residency" and not self.residency then
        return nil, "instant:raster: it does not know what is in memory: take it with la.instant{residency = true}",
            "ENODATA"
    end
    local place = options.layout or layout.new({ (set:spans(0)) }, options.columns or 64, options.rows or 64,
        self.page, options.range, group)
    return raster.draw(set, place, options.by or "state", options.arena)
end

function Instant:raster(options)
    check.self(self, Instant, "instant:raster")
    options = wanted.plain(options)
    check.table(options, "instant:raster", 1, "a table of options")
    local fault = wanted.fault(options, NAMES)
    check.that(not fault, "instant:raster", 1, fault)
    return make_raster(self, options)
end

--- The raster as a text for a terminal. Options: those of instant:raster(), and width, height, mode, colour.
function Instant:map(options)
    check.self(self, Instant, "instant:map")
    options = wanted.plain(options)
    check.table(options, "instant:map", 1, "a table of options")
    local picture, rest, fault = map.divide(options)
    fault = fault or wanted.fault(rest, NAMES)
    check.that(not fault, "instant:map", 1, fault)
    return map.picture(function(complete)
        return make_raster(self, complete, complete.group)
    end, rest, picture, self.source.name)
end

--- The ranges of addresses that it has, { start, end, ... }: what la.instant.layout() takes.
function Instant:spans()
    check.self(self, Instant, "instant:spans")
    local spans = sets[self]:spans(0)
    return spans
end

--- Gives back the memory of its extents. The other fields stay.
function Instant:close()
    check.self(self, Instant, "instant:close")
    sets[self]:close()
    return true
end

--- What it has besides its extents, as JSON.
function Instant:tojson()
    check.self(self, Instant, "instant:tojson")
    return core.json(self)
end

--- Writes it to a file, which la.instant.load() reads. True; nil, message, code.
function Instant:save(path)
    check.self(self, Instant, "instant:save")
    check.text(path, "instant:save", 1, "the path of a file")
    return sets[self]:save(path, core.json(self))
end

--- What changed from this instant to another one, of the same process or not.
function Instant:diff(later)
    check.self(self, Instant, "instant:diff")
    check.that(getmetatable(later) == Instant, "instant:diff", 1, ("an instant expected, got %s"):format(
        check.shown(later)))
    return changes.new(self, later, sets[self], sets[later])
end

Instant.__close = Instant.close

function Instant:__tostring()
    return ("instant of %s: %d extents, %s"):format(self.source.name or self.source.way, self.extents,
        os_date(self.at))
end

local part = { new = new_instant, load = load_file }

--- A layout for several instants, or for ranges that instant:spans() returned: their rasters show the same addresses in
--- the same cells.
local function common_layout(list, options)
    check.table(list, "instant.layout", 1, "an array of instants or of their spans")
    options = wanted.plain(options)
    check.table(options, "instant.layout", 2, "a table of options")
    local fault = wanted.fault(options, NAMES)
    check.that(not fault, "instant.layout", 2, fault)
    local ranges, page = {}, nil
    for i, one in ipairs(check.plain(list)) do
        local is_instant = getmetatable(one) == Instant
        one = is_instant and one or check.plain(one)
        check.that(is_instant or layout.is_flat(one, 2), "instant.layout", 1,
            ("element %d is neither an instant nor its spans"):format(i))
        page = math.min(page or math.huge, is_instant and one.page or page or 4096)
        ranges[i] = is_instant and one:spans() or one
    end
    return layout.new(ranges, options.columns or 64, options.rows or 64, page, options.range)
end

local WAYS <const> = { "best", "scan", "pagemap", "mincore" }

--- The options of la.instant, with the way of reading residency; raises at its caller.
local function checked(options)
    for key in pairs(options) do
        if key ~= "residency" then
            error(("instant: no option %s (there is: residency)"):format(check.shown(key)), 3)
        end
    end
    local way = options.residency
    way = way == true and "best" or way
    if way and not wanted.is_one_of(WAYS, way) then
        error(("instant: residency is true, or one of %s, not %s"):format(table.concat(WAYS, ", "), check.shown(way)),
            3)
    end
    return { residency = way }
end

--- Adds the function to `api`. `api.instant` can be called.
function part.install(api, backend)
    local functions = { layout = common_layout }
    --- The instant that instant:save() wrote; only la has it.
    function functions.load(path)
        check.text(path, "instant.load", 1, "the path of a file")
        return load_file(path)
    end
    api.instant = setmetatable(functions, {
        __call = function(_, options)
            options = options == nil and {} or check.plain(options)
            check.table(options, "instant", 1, "a table of options")
            return take(api, backend, checked(options))
        end,
    })
end

return part
