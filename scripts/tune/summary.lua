-- summary.lua MODE ... -- the outcome of searches in a line each, for scripts/bench-tune:
--
--   closing NAME RESULT.json          winner, intervals, verdict
--   agree NAME A.json B.json          do two searches propose about the same? Exits with 1 if not
--   all OBJECTIVE RESULT.json...      how many programs win as much as issue 14 asks for
--
-- A search that has no result is told, and fails.

local json = require "lunalloc.json"

local WANTED <const> = { rss = 0.85, time = 0.97 } -- the objective, of the defaults' 1
local TOLERANCE <const>, MOST_RUNS <const> = 0.02, 40
local OTHER <const> = { rss = "time", time = "rss" }

local function read(path)
    local file <close> = io.open(path)
    return file and json.decode(file:read "a")
end

local function interval(found)
    if not found or not found.high then
        return "unknown"
    end
    return ("%+.1f %% [%+.1f, %+.1f]"):format(100 * (found.ratio - 1), 100 * (found.low - 1), 100 * (found.high - 1))
end

--- What was confirmed, or else judged last.
local function confirmation_of(result)
    local list = result.confirmations or {}
    return result.winner and result.winner.confirmation or list[#list]
end

--- The objective of what the search proposes, of the defaults' 1.
local function gain_of(result)
    return result.winner and result.winner.confirmation.metrics[result.objective].ratio or 1.0
end

local function text_of(result)
    local found = confirmation_of(result)
    if not found then
        return ("%s (%s)"):format(result.verdict, result.reason or "")
    end
    local metrics = found.metrics or {}
    return ("%s: %s, rss %s, time %s, %d rounds%s"):format(result.verdict, found.conf, interval(metrics.rss),
        interval(metrics.time), found.rounds or 0, result.winner and "" or "; " .. (result.reason or ""))
end

--- The objective of what the search found, in fresh runs, whether a limit is kept or not.
local function proposal_of(result)
    local first = (result.confirmations or {})[1]
    local found = first and first.metrics and first.metrics[result.objective]
    return result.winner and gain_of(result) or found and found.ratio or 1.0
end

local modes = {}

function modes.closing(name, path)
    local result = read(path)
    print(name .. ": " .. (result and text_of(result) or "no result"))
    return result
end

function modes.agree(name, path, other)
    local a, b = read(path), read(other)
    if not a or not b then
        print(name .. ": no result")
        return false
    end
    local first, second, runs = proposal_of(a), proposal_of(b), math.max(a.searched, b.searched)
    local good = math.abs(first - second) <= TOLERANCE and runs <= MOST_RUNS
    print(("%s: two searches propose %s %+.1f %% and %+.1f %% in at most %d runs: they %s"):format(name, a.objective,
        100 * (first - 1), 100 * (second - 1), runs, good and "agree" or "do not agree"))
    print("    " .. text_of(a))
    print("    " .. text_of(b))
    return good
end

function modes.all(objective, ...)
    local good, paths = 0, { ... }
    for _, path in ipairs(paths) do
        local result = read(path)
        good = good + (result and result.winner and gain_of(result) <= WANTED[objective] and 1 or 0)
    end
    print(("confirmed: %d of %d programs have at least %.0f %% less %s, at no more than 2 %% more %s"):format(good,
        #paths, 100 * (1 - WANTED[objective]), objective, OTHER[objective]))
    return true
end

local mode = modes[arg[1]]
if not mode then
    io.stderr:write "usage: summary.lua closing|agree|all ...\n"
    os.exit(2)
end
os.exit(mode(table.unpack(arg, 2)) and 0 or 1)
