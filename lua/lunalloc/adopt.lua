--- la.adopt{...}: moves the running Lua state onto an arena of its own, with limits and accounts.
---
---     local meter = la.adopt{ limit = "64M", soft = "48M", on_soft = function(m) print(m:stats().allocated) end }
---     do local scope <close> = meter:scope "parser"; parse() end
---     print(meter:stats().scopes.parser)
---
--- The allocator of the state is lua/meter/; here, arguments are checked.

local check = require "lunalloc.check"
local core = require "lunalloc.core"
local units = require "lunalloc.units"

local ALLOWED <const> = { arena = true, limit = true, soft = true, on_soft = true }
local LIMITS <const> = { limit = true, soft = true, on_soft = true }

--- True of what on_soft may be: a function, or left out.
local function is_callback(value)
    return value == nil or type(value) == "function"
end

--- The first key of the options that is not allowed; nil if there is none.
local function unknown_key(options, allowed)
    for key in pairs(options) do
        if not allowed[key] then
            return key
        end
    end
end

--- Bytes of a limit, 0 for none (0 or false); nil if it is left out. Second: false if it is no size.
local function bytes(value)
    if value == nil then
        return nil, true
    end
    local size = value == false and 0 or units.size(value)
    return size, size ~= nil
end

--- Why the limits are refused; nil if they are not.
local function complaint(options, allowed)
    local unknown = unknown_key(options, allowed)
    if unknown ~= nil then
        return ("there is no option %s; allowed: %s"):format(check.shown(unknown),
            table.concat(check.names(allowed), ", "))
    end
    for _, key in ipairs { "limit", "soft" } do
        if not select(2, bytes(options[key])) then
            return ("%s: %s expected, got %s"):format(key, units.ACCEPTED.bytes, check.shown(options[key]))
        end
    end
    return not is_callback(options.on_soft) and "on_soft: a function expected, got " .. type(options.on_soft) or nil
end

local function is_arena(value)
    return value == nil or value == "new" or value == "shared" or
        math.type(value) == "integer" and value >= 0 and value < 4096
end

--- `set` of meters. The core's takes numbers; this one is in its place. While it looks, no limit denies it memory. A
--- table with a metatable is copied before, since to read it may run anything.
local function set(self, options)
    if type(options) == "table" and getmetatable(options) ~= nil then
        options = check.plain(options)
    end
    core.meter_lift(self)
    local ok, why = pcall(complaint, type(options) == "table" and options or {}, LIMITS)
    core.meter_set(self)
    check.table(options, "meter:set", 1, "a table of limits")
    check.that(ok and not why, "meter:set", 1, why)
    return core.meter_set(self, (bytes(options.limit)), (bytes(options.soft)), options.on_soft)
end

core.meter_methods.set = set

return function(options)
    options = check.plain(options == nil and {} or options)
    check.table(options, "adopt", 1, "a table of options")
    local why = complaint(options, ALLOWED)
    check.that(not why, "adopt", 1, why)
    check.that(is_arena(options.arena), "adopt", 1,
        ("arena: 'new', 'shared' or an index expected, got %s"):format(check.shown(options.arena)))
    local limit = bytes(options.limit) or 0
    local own = (options.arena or "new") == "new" and require("lunalloc.apart").take(limit)
    if own then
        own:set { limit = options.limit, soft = options.soft, on_soft = options.on_soft }
        return own
    end
    return core.adopt(options.arena or "new", limit, bytes(options.soft) or 0, options.on_soft)
end
