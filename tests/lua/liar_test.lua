-- An agent that answers nonsense: what reads a target's controls must not fail because of it.

local test = ...
local core = require "lunalloc.core"

--- The public functions over a process whose controls all have this value.
local function lying(value)
    return require("lunalloc.api").new(setmetatable({
        get = function() return value end,
        set = function() return true end,
    }, { __index = core }))
end

local LIES <const> = { "many", "", "1e3", true, false, -5, 1 << 62, math.mininteger, 1.5, -0.5, 1e300, math.huge,
    0 / 0 }

for i, lie in ipairs(LIES) do
    test(("lie %d: %s"):format(i, tostring(lie)), function()
        local t = lying(lie)
        for name, call in pairs {
            doctor = function() return tostring(t.doctor { seconds = 0.02 }) end,
            purge = function() return tostring(t.purge()) end,
            conf = function() return tostring((t.conf())) end,
            waste = function() return tostring(t.waste()) end,
            top = function() return t.prof.top() end,
            pprof = function() return t.prof.pprof() or true end,
            samples = function() return tostring(t.prof.samples():in_slabs()) end,
            threads = function() return t.threads() end,
            history = function() return tostring(t.history()) end,
            arenas = function() return t.arenas() end,
            ctl = function() return tostring(t.ctl.arenas) end,
            summary = function() return t.extents_summary() end,
        } do
            local ok, result = pcall(call)
            test.equal(ok or tostring(result), true, name)
        end
    end)
end
