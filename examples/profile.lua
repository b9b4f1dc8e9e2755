-- profile.lua [PROFILE]: finds a leak. It profiles its own process while a load runs and something leaks beside it,
-- shows the stacks of the oldest allocations, and writes a profile. For any Lua 5.4:
--   LD_PRELOAD=liblunalloc.so lua5.4 profile.lua leak.heap     lunalloc profile.lua
local la = require "lunalloc"
assert(la.loaded, "liblunalloc.so was not found; see LUNALLOC_SO")

local load = la.workload{ threads = 2, seed = 7, rate = 20000, duration = "forever", allocator = "lunalloc",
    mix = { { weight = 1, size = "lognormal(1K,1.2,256K)", lifetime = "exp(1000)" } } }:start()
assert(la.prof.start{ lg_sample = 14 })

-- The leak: this table keeps its buffers from being freed.
local forgotten = {}
for _ = 1, 20 do
    for _ = 1, 10 do
        forgotten[#forgotten + 1] = assert(la.buffer("40K"))
    end
    load:wait(0.1)
end
la.prof.stop()

-- The load's blocks live for some 50 ms: an allocation that is older than half a second is part of the leak.
for i, group in ipairs(la.prof.top{ by = "stack", min_age = 0.5, n = 2 }) do
    print(("%d. about %.1f MiB in %d allocations, the oldest %.1f s ago, from"):format(i, group.bytes / (1 << 20),
        group.objects, group.oldest))
    for level = 1, math.min(4, #group.stack) do
        print("     " .. group.stack[level])
    end
end
load:stop()

if arg[1] then
    assert(la.prof.dump(arg[1]))
    print("google-pprof --text $(command -v lua5.4) " .. arg[1])
end
