-- defaults.lua NAME [OPTION VALUE]... -- what settings that could become defaults do to a program of scripts/tune/:
-- runs of each in turns, and medians of the ratios to the run of the defaults in the same round. bench-tune --defaults
-- calls it, and passes the options of `lunalloc tune`.

local statistics = require "lunalloc.compare_statistics"
local trial = require "lunalloc.tune.trial"

local CONFS <const> = {
    "background_thread:false", "dirty_decay_ms:5000", "dirty_decay_ms:1000", "dirty_decay_ms:500",
    "background_thread:false,dirty_decay_ms:1000", "dirty_decay_ms:0", "dirty_max:16M",
    "dirty_max:4M", "slab_sizes:1-2048:1", "dirty_max:4M,slab_sizes:1-2048:1",
    "dirty_decay_ms:1000,slab_sizes:1-2048:1",
}
local ROUNDS <const> = tonumber(os.getenv "ROUNDS") or 6

local options = {}
for i = 2, #arg, 2 do
    options[arg[i]:sub(3)] = arg[i + 1]
end
local job = trial.command { argv = { "sh", ("scripts/tune/%s.sh"):format(arg[1]) }, timeout = 60, clock = "cpu",
    library = os.getenv "LUNALLOC_SO", measure = options.measure,
    settle = options.settle and tonumber((options.settle:gsub("s$", ""))) }

local function row()
    return { rss = {}, peak = {}, cpu = {} }
end

local base, rows = row(), {}

local function add(to, figures)
    for name, list in pairs(to) do
        list[#list + 1] = figures[name]
    end
end

assert(job.run "")
for _ = 1, ROUNDS do
    add(base, assert(job.run ""))
    for _, conf in ipairs(CONFS) do
        rows[conf] = rows[conf] or row()
        add(rows[conf], assert(job.run(conf)))
    end
end

local function cell(conf, name)
    local logs = statistics.log_pairs(base[name], rows[conf][name])
    return ("%+7.1f %% ±%.1f"):format(100 * (math.exp(statistics.median(logs)) - 1), 100 * statistics.deviation(logs))
end

print(("%s: %.1f MiB at rest, %.1f MiB at the peak, %.3f s of processor time; %d rounds, medians of ratios, deviation")
    :format(arg[1], statistics.median(base.rss) / 2 ^ 20, statistics.median(base.peak) / 2 ^ 20,
        statistics.median(base.cpu), ROUNDS))
print(("%-64s %-16s %-16s %s"):format("settings", "rest", "peak", "processor"))
for _, conf in ipairs(CONFS) do
    print(("%-64s %-16s %-16s %s"):format(conf, cell(conf, "rss"), cell(conf, "peak"), cell(conf, "cpu")))
end
