-- watch.lua [SECONDS]: once a second prints the allocator's statistics while a load runs. For any Lua 5.4:
--   lua5.4 watch.lua     LD_PRELOAD=liblunalloc.so lua5.4 watch.lua     lunalloc watch.lua
local la = require "lunalloc"
assert(la.loaded, "liblunalloc.so was not found; see LUNALLOC_SO")

local seconds = tonumber(arg[1]) or 3
local load = la.workload{ threads = 2, seed = 7, rate = 20000, duration = "forever", allocator = "lunalloc",
    mix = { { weight = 1, size = "lognormal(1K,1.2,256K)", lifetime = "exp(4000)" } } }:start()

local function mib(bytes) return ("%8.1f"):format(bytes / (1 << 20)) end

print("     s  allocated    active     dirty  requests/s")
local last = la.stats()
for second = 1, seconds do
    load:wait(1)
    local now = la.stats()
    print(("%6d %s MiB %s %s %11.0f"):format(second, mib(now.allocated), mib(now.active), mib(now.dirty),
        (now - last).rates.nrequests))
    last = now
end
load:stop()
