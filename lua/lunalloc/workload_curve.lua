--- A rate or a scale in a description of a workload: a number, or a curve over time.
---
---     curve.kind(number)          a kind (see workload_kinds.lua) from the kind of the values: kinds.rate, or a ratio
---
---   "ramp(from,to,time)"          in a straight line, then it stays
---   "sine(mean,amplitude,period)" begins at the mean and rises; never below 0
---   "square(low,high,period)"     low for half of each period, then high
---   "steps(time:value,...)"       the value from that time on
---   "points(time:value,...)"      straight lines between the points; a Lua table { {time, value}, ... } is the same
---
--- Times count from the moment at which the curve begins: the start of the workload, its phase, or w:set{}. A rate of 0
--- within a curve is a pause. The canonical form is a table { form, period, points = {ns, value, ...}, text }, which
--- lua/workload/lua_plan.c reads.

local kinds = require "lunalloc.workload_kinds"
local units = require "lunalloc.units"

local fail, shown = kinds.fail, kinds.shown

local curve = {}

local MAX_POINTS <const> = 64
local LINES <const>, STEPS <const>, SINE <const> = 1, 2, 3 -- curve_kind_t

local USAGE <const> = {
    ramp = "ramp(from,to,time)",
    sine = "sine(mean,amplitude,period)",
    square = "square(low,high,period)",
    steps = "steps(time:value,...)",
    points = "points(time:value,...)",
}

local ALLOWED <const> = "a number, ramp(from,to,time), sine(mean,amplitude,period), square(low,high,period), " ..
    "steps(time:value,...), points(time:value,...)"

local function period_of(text, path, usage)
    local ns = units.time(text)
    return ns and ns > 0 and ns or fail("%s: %s is no time above 0; allowed: %s", path, shown(text), usage)
end

--- The points of an array of {time, value}, as one flat array. Times must rise.
local function flat(list, value, path)
    local points, last = {}, -1
    if #list == 0 or #list > MAX_POINTS then
        fail("%s has %d points: 1 to %d expected", path, #list, MAX_POINTS)
    end
    for i, point in ipairs(list) do
        local where = ("%s[%d]"):format(path, i)
        local at = units.time(point[1])
        if not at or at <= last then
            fail("%s: %s is no time after the one before; allowed: %s", where, shown(point[1]), units.ACCEPTED.time)
        end
        points[2 * i - 1], points[2 * i], last = at, value(point[2], where), at
    end
    return points
end

--- The three arguments of ramp, sine and square.
local function three(arguments, path, usage)
    local a, b, c = arguments:match "^%s*([^,]-)%s*,%s*([^,]-)%s*,%s*([^,]-)%s*$"
    if not a then
        fail("%s: three arguments are needed; allowed: %s", path, usage)
    end
    return a, b, period_of(c, path, usage)
end

--- "time:value,..."
local function list_of(arguments, path, usage)
    local list = {}
    for entry in (arguments .. ","):gmatch "([^,]*)," do
        local time, value = entry:match "^%s*([^:]-)%s*:%s*([^:]-)%s*$"
        if not time then
            fail("%s: %s is not time:value; allowed: %s", path, shown(entry), usage)
        end
        list[#list + 1] = { time, value }
    end
    return list
end

local FORMS <const> = {}

function FORMS.ramp(arguments, value, path, usage)
    local from, to, time = three(arguments, path, usage)
    return { form = LINES, period = 0, points = { 0, value(from, path), time, value(to, path) } }
end

function FORMS.sine(arguments, value, path, usage)
    local mean, amplitude, period = three(arguments, path, usage)
    return { form = SINE, period = period, points = { 0, value(mean, path), 0, value(amplitude, path) } }
end

function FORMS.square(arguments, value, path, usage)
    local low, high, period = three(arguments, path, usage)
    return { form = STEPS, period = period, points = { 0, value(low, path), period // 2, value(high, path) } }
end

function FORMS.steps(arguments, value, path, usage)
    return { form = STEPS, period = 0, points = flat(list_of(arguments, path, usage), value, path) }
end

function FORMS.points(arguments, value, path, usage)
    return { form = LINES, period = 0, points = flat(list_of(arguments, path, usage), value, path) }
end

local function of_table(list, value, path)
    return { form = LINES, period = 0, points = flat(kinds.array(list, path), value, path), text = "a curve" }
end

local function of_text(text, value, path)
    local name, arguments = text:sub(1, kinds.LONG):match "^%s*(%a+)%s*%((.*)%)%s*$"
    if not FORMS[name] then
        fail("%s = %s: no such curve; allowed: %s", path, shown(text), ALLOWED)
    end
    local found = FORMS[name](arguments, value, path, USAGE[name])
    found.text = text
    return found
end

--- A kind that takes what the kind `value` takes, and curves of such values.
function curve.kind(value)
    return function(given, path)
        if type(given) == "table" then
            return of_table(given, value, path)
        elseif type(given) == "string" and given:find("(", 1, true) and not given:find("\0", 1, true) then
            return of_text(given, value, path)
        end
        return value(given, path)
    end
end

return curve
