-- faulty.c, the malloc that misbehaves on purpose: each of its faults trips the limit that is there for it.

local test = ...

local LIBRARY <const> = "build/tests/workload/faulty.so"

--- Runs a description with one limit in a child process on the faulty malloc: its verdict as text.
local function verdict(faults, limit, description)
    local file = io.open(LIBRARY)
    if not file then
        test.skip(LIBRARY .. " was not built")
    end
    file:close()
    local script = ([[
        local r = require "lunalloc.workload" { limits = { %s }, %s }()
        print(r.allocator, r.ok, r.limits[1], r.verify.first)]]):format(limit, description)
    local pipe <close> = assert(io.popen(("FAULTY_MALLOC=%s LD_PRELOAD=%s lua5.4 -e '%s' 2>&1"):format(faults, LIBRARY,
        script)))
    return pipe:read "a"
end

-- Each fault is so large that no load of the machine can be taken for it.
local SMALL <const> = 'ops = 500, sample = 1, mix = { { size = "exp(100)", lifetime = "exp(50)", zero = 0.5, ' ..
    "realloc = 0.5 } }"
local ALIGNED <const> = "ops = 500, sample = 1, mix = { { size = 128, align = 64, lifetime = 20 } }"
local PACED <const> = 'duration = "300ms", rate = 20000, interval = "5ms", mix = { { size = "16K", lifetime = 100 } }'
local LATE <const> = "ops = 3000, rate = 20000, mix = { { size = 64, lifetime = 9 } }"
local LARGE <const> = 'ops = 200, mix = { { size = "256K", lifetime = "forever" } }'

-- name of the limit -> { the fault, the limit, the description }
local CASES <const> = {
    ["malloc.p99"] = { "slow_malloc=30000/25", '"10ms"', SMALL },
    ["calloc.p99"] = { "slow_calloc=30000/25", '"10ms"', SMALL },
    ["realloc.p99"] = { "slow_realloc=30000/25", '"10ms"', SMALL },
    ["free.p99"] = { "slow_free=30000/25", '"10ms"', SMALL },
    ["aligned_alloc.p99"] = { "slow_aligned=30000/25", '"10ms"', ALIGNED },
    ["response.p99"] = { "slow_malloc=200000/1000", '"100ms"', LATE },
    failures = { "null=100", "0", SMALL },
    ["rss/live"] = { "waste=100", "1.6", LARGE },
    peak_rss = { "waste=100", '"90M"', LARGE },
    freed_rss = { "leak=1", '"40M"', LARGE },
    rss = { "leak=5", '{ slope = true, at_most = "4M/s" }', PACED },
    ops_per_s = { "slow=2000/2", "2000", SMALL },
}

for name, case in pairs(CASES) do
    test("a fault trips the limit of " .. name, function()
        local limit = ('["%s"] = %s'):format(name, case[2])
        test.match(verdict(case[1], limit, case[3]), "^faulty\tfalse\t" .. name .. ".*: MISSED")
        test.match(verdict("", limit, case[3]), "^faulty\ttrue\t" .. name .. ".*: ok")
    end)
end

test("faults of contents are noticed by verification", function()
    local mix = "verify = true, " .. SMALL
    test.match(verdict("dirty=10", "failures = 0", mix), "^faulty\tfalse\t.*calloc gave a block that is not zero")
    test.match(verdict("lost=10", "failures = 0", mix), "^faulty\tfalse\t.*realloc lost contents")
    test.match(verdict("", "failures = 0", mix), "^faulty\ttrue\t")
    mix = "verify = true, " .. ALIGNED
    test.match(verdict("unaligned=1", "failures = 0", mix), "^faulty\tfalse\t.*not aligned to 64")
end)
