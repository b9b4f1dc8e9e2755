--- lunalloc: looks into the allocator of this process, and tunes it while it runs.
---
---     local la = require "lunalloc"
---     la.ctl.arena[0].dirty_decay_ms = 500
---     print(la.stats())
---
--- Ordinary failures return nil, message, code; misuse raises. If the allocator is not in this process, `la.loaded` is
--- false, and the functions that need it fail with the code "ENOSYS".

local core = require "lunalloc.core"

local la = require("lunalloc.api").new(core)

la._VERSION = "lunalloc " .. core.version
la.loaded = core.loaded
la.replaced = core.replaced

--- An owned block of `size` bytes (or "64K"): :addr() :size() :usable() :fill(byte) :resize(size) :free().
la.buffer = core.buffer

--- The allocators that a program can run on: an array of {name=, version=, path=, current=}.
la.allocators = core.workload.allocators

-- Parts that are large, or that few scripts use, are loaded at their first use.
local lazy = {
    workload = "lunalloc.workload", plot = "lunalloc.plot", bars = "lunalloc.bars", adopt = "lunalloc.adopt",
    meter = "lunalloc.meter", compare = "lunalloc.compare", trace = "lunalloc.trace", replay = "lunalloc.replay",
    tune = "lunalloc.tune",
}

return setmetatable(la, {
    __index = function(self, name)
        local module = lazy[name]
        if module then
            rawset(self, name, require(module))
            return rawget(self, name)
        end
    end,
    -- pairs(la) shows these parts too
    __pairs = function(self)
        for name in pairs(lazy) do
            local _ = self[name]
        end
        return next, self, nil
    end,
})
