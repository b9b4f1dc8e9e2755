--- The search of la.tune: which settings are better than the defaults? It knows nothing of processes: it asks for runs.
---
---     search.run(problem) -> its state: base, entries, winner or nil, confirmations, verdict, reason, ...
---
---     problem = {
---         measure = function(entry, phase)   -- one run: figures { time =, rss =, cpu =, p99 = }; or nil and why the
---                                            -- setting is rejected
---         arms = { settings, ... }           -- candidates (space.arms), the most promising first
---         objective = "rss", limits = { { metric = "time", share = 0.02 } }, least = 0.01,
---         most_runs = 40,                    -- of the search, without the confirmation
---         left = function(part) -> seconds   -- of the budget: for "search", "confirm", another "finalist"
---         ahead = function(confs, unit, fresh) -> count
---                                            -- may be missing: makes runs that will be asked for next, on several
---                                            -- machines at once (tune/hosts.lua)
---         width = 1,                         -- how many these are
---     }
---
--- The runs are spent where they tell most, because a run may take seconds:
---
---   1. noise: some runs of the default. Memory hardly differs between them, time does.
---   2. screening: each candidate once, with the default again after every few.
---   3. halving: the better half once more, and the best quarter a third time if the objective is noisy.
---   4. combination: all that helps at once, in one run; then to the best candidate others are added that help further.
---   5. refinement: the values next to those of the best one; then combination again.
---   6. ablation: a setting is dropped if the rest is as good without it (ablation.lua).
---   7. confirmation: default and winner in turns, in fresh runs. Only these decide (confirm.lua).
---
--- A search that finds nothing, and one whose winner is not confirmed, ends with "keep the defaults".

local ablation = require "lunalloc.tune.ablation"
local confirm = require "lunalloc.tune.confirm"
local judge = require "lunalloc.tune.judge"
local space = require "lunalloc.tune.space"

local search = {}

local BASE_RUNS <const> = 4     -- of the default, at first
local EVERY <const> = 5         -- runs, after which the default runs again
local SHORT <const> = 0.05      -- seconds: shorter runs tell nothing
local MOST_COMBINED <const>, MOST_REFINED <const> = 4, 4
local DOUBTS <const> = ablation.DOUBTS -- runs, after which a limit that was missed is missed
local LIKELY <const> = 0.25     -- the chance that is as good as certainty
local WIDER <const> = 5         -- times a limit
local RESERVED <const> = 6      -- runs, for the ablation

search.KEEP, search.BETTER = confirm.KEEP, confirm.BETTER

local Search = {}
Search.__index = Search

-- ---- runs ----------------------------------------------------------------------------------------------------------

--- The entry of these settings: one for each set.
function Search:entry(settings)
    local conf = space.text(settings)
    local entry = self.by_conf[conf]
    if not entry then
        entry = { conf = conf, settings = settings, runs = {} }
        self.by_conf[conf] = entry
        self.entries[#self.entries + 1] = entry
    end
    return entry
end

function Search:is_spent()
    return self.count >= self.most_runs - self.reserved or self.left "search" <= 0
end

--- One run, if the budget has one. True if there is a new figure.
function Search:run(entry, phase)
    if entry.rejected or self:is_spent() then
        return false
    end
    local figures, why = self.measure(entry, phase)
    self.count = self.count + 1
    if not figures then
        entry.rejected = why
        return false
    end
    figures.at = self.count
    self.base_at = entry == self.base and self.count or self.base_at
    entry.runs[#entry.runs + 1] = figures
    return true
end

--- Runs the default again, if that was long ago and the machine drifts.
function Search:refresh(phase)
    local drifts = judge.drifts(self.base, self.objective)
    for _, limit in ipairs(self.limits) do
        drifts = drifts or judge.drifts(self.base, limit.metric)
    end
    if drifts and self.count - self.base_at >= EVERY then
        self:run(self.base, phase)
    end
end

--- Runs until the entry has `n` runs.
function Search:repeated(entry, n, phase)
    while #entry.runs < n and self:run(entry, phase) do
    end
    return #entry.runs > 0 and not entry.rejected
end

-- ---- how good an entry is ------------------------------------------------------------------------------------------

function Search:error_of(entry)
    return judge.error_of(entry, self.base, self.objective, self.noise)
end

--- The effect on the objective, times the chance that the limits are kept: lower is better. A chance above LIKELY is
--- as good as certainty: a search has too few runs to tell more, and the confirmation decides.
function Search:score(entry)
    local score = judge.effect(entry, self.base, self.objective) or math.huge
    for _, limit in ipairs(score < 0 and self.limits or {}) do
        score = score * math.min(1, judge.chance(entry, self.base, limit, self.noise) / LIKELY)
    end
    return score
end

--- The entries that have run, the best first.
function Search:ranked(entries)
    local list, scores = {}, {}
    for _, entry in ipairs(entries) do
        if #entry.runs > 0 and not entry.rejected and entry ~= self.base then
            list[#list + 1], scores[entry] = entry, self:score(entry)
        end
    end
    table.sort(list, function(a, b)
        if scores[a] ~= scores[b] then
            return scores[a] < scores[b]
        end
        return a.conf < b.conf
    end)
    return list
end

--- How many runs an entry needs before it is compared with another one: one if the objective hardly varies.
function Search:enough()
    return self.noise[self.objective] < self.least / 2 and 1 or 2
end

--- Is `entry` better than `other`, by more than half of what counts?
function Search:beats(entry, other)
    return self:score(entry) < self:score(other) - self.least / 2
end

--- The settings that are best so far, "" if none are better than the default.
function Search:best()
    local first = self:ranked(self.entries)[1]
    return first and self:score(first) < 0 and first.conf or ""
end

-- ---- the parts of a search -----------------------------------------------------------------------------------------

--- n times the text, as an array.
local function repeated_text(text, n)
    local list = {}
    for i = 1, n do
        list[i] = text
    end
    return list
end

--- Runs of the default; nil, message, code if it fails or is too short.
function Search:measure_noise()
    self.ahead(repeated_text("", BASE_RUNS))
    for _ = 1, BASE_RUNS do
        self:run(self.base, "noise")
    end
    if self.base.rejected then
        return nil, "with the defaults: " .. self.base.rejected, "EINVAL"
    elseif #self.base.runs < 2 then
        return nil, "the budget is too small: it does not even allow two runs", "ETIME"
    end
    local time = judge.median(self.base, "time")
    if time and time < self.shortest then
        return nil, ("too short to judge: a run takes %.3g s, and at least %g s are needed; let it do its work " ..
            "several times"):format(time, self.shortest), "ERANGE"
    elseif not judge.median(self.base, self.objective) then
        return nil, ("a run tells no %s"):format(self.objective), "EINVAL"
    end
    self.noise = judge.noise(self.entries, self.base)
    return true
end

--- The runs of the screening, in their order, as far as the budget goes.
function Search:screened()
    local confs, most = {}, math.max(0, self.most_runs - self.reserved - self.count)
    for i, settings in ipairs(self.arms) do
        confs[#confs + 1] = i % EVERY == 0 and "" or nil
        confs[#confs + 1] = space.text(settings)
    end
    return table.move(confs, 1, math.min(#confs, most), 1, {})
end

function Search:screen()
    self.ahead(self:screened())
    for i, settings in ipairs(self.arms) do
        if i % EVERY == 0 then
            self:run(self.base, "screen")
        end
        self:run(self:entry(settings), "screen")
    end
    self.noise = judge.noise(self.entries, self.base)
end

--- Would the entry be better than `other`, if the runs that missed a limit were slow by chance? Then they are repeated.
function Search:doubt(entry, other, phase)
    local function is_good()
        return judge.effect(entry, self.base, self.objective) < self:score(other) - self.least / 2
    end
    while #entry.runs < DOUBTS and is_good() and not self:beats(entry, other)
        and not judge.misses(entry, self.base, self.limits) and self:run(entry, phase) do
    end
end

--- Runs the entry often enough to compare it with `other`: true if it is better.
function Search:try(entry, other, phase)
    self:refresh(phase)
    if not self:repeated(entry, self:enough(), phase) then
        return false
    end
    self:doubt(entry, other, phase)
    return not entry.rejected and self:beats(entry, other)
end

--- Those of the entries that may turn out to help.
function Search:promising(entries)
    local list = {}
    for _, entry in ipairs(self:ranked(entries)) do
        if self:score(entry) - self:error_of(entry) < -self.least / 2 then
            list[#list + 1] = entry
        end
    end
    return list
end

--- The default and what the entries lack to `n` runs each.
local function missing(entries, n)
    local confs = { "" }
    for _, entry in ipairs(entries) do
        table.move(repeated_text(entry.conf, n - #entry.runs), 1, n, #confs + 1, confs)
    end
    return confs
end

function Search:halve()
    for _, entry in ipairs(self:ranked(self.entries)) do
        self:doubt(entry, self.base, "halve")
    end
    local kept = self:promising(self.entries)
    for round, share in ipairs(self:enough() == 1 and { 2 } or { 2, 4 }) do
        kept = table.move(kept, 1, math.ceil(#self.arms / share), 1, {})
        self.ahead(missing(kept, round + 1))
        self:run(self.base, "halve")
        for _, entry in ipairs(kept) do
            self:repeated(entry, round + 1, "halve")
            self:doubt(entry, self.base, "halve")
        end
        kept = self:promising(kept)
    end
    self.noise = judge.noise(self.entries, self.base)
end

--- The candidates that help: by more than their error, if that is possible.
function Search:helpful()
    local list = {}
    for _, entry in ipairs(self:ranked(self.entries)) do
        if self:score(entry) + self:error_of(entry) < -self.least / 2 then
            list[#list + 1] = entry
        end
    end
    return list
end

--- The entry of all that helps and fits together.
function Search:union(current, helpful)
    local settings = current.settings
    for _, other in ipairs(helpful) do
        settings = space.joined(settings, other.settings) or settings
    end
    return self:entry(settings)
end

--- All that helps at once: one run in place of many, and the ablation drops what does not matter. Then one after the
--- other.
function Search:combine(current, helpful)
    local tried, union = 0, self:union(current, helpful)
    if union ~= current and self:try(union, current, "combine") then
        current = union
    end
    for _, other in ipairs(helpful) do
        local settings = other ~= current and space.joined(current.settings, other.settings)
        if settings and tried < MOST_COMBINED then
            local both = self:entry(settings)
            tried = tried + 1
            if self:try(both, current, "combine") then
                current = both
            end
        end
    end
    return current
end

--- Entries with a value next to one of this entry's.
function Search:near(entry)
    local list = {}
    for i, setting in ipairs(entry.settings) do
        for _, value in ipairs(space.neighbours(setting[1], setting[2])) do
            list[#list + 1] = self:entry(space.changed(entry.settings, i, value))
        end
    end
    return list
end

--- The candidate that would be best if limits were much wider: a value next to one of its own may keep them.
function Search:boldest()
    local best, lowest = nil, -self.least
    for _, entry in ipairs(self:ranked(self.entries)) do
        local score = judge.effect(entry, self.base, self.objective)
        for _, limit in ipairs(score < 0 and self.limits or {}) do
            local wide = { metric = limit.metric, share = WIDER * limit.share }
            score = score * judge.chance(entry, self.base, wide, self.noise)
        end
        if score < lowest then
            best, lowest = entry, score
        end
    end
    return best
end

function Search:refine(current)
    local tried, boldest = 0, self:boldest()
    for _, entry in ipairs { current, boldest ~= current and boldest or nil } do
        for _, near in ipairs(self:near(entry)) do
            tried = tried + (#near.runs == 0 and 1 or 0)
            if tried <= MOST_REFINED and self:try(near, current, "refine") then
                current = near
            end
        end
    end
    return current
end

--- The whole search. Its state, also when it is interrupted, is in `state`.
local function run(state)
    local ok, message, code = state:measure_noise()
    if not ok then
        return nil, message, code
    elseif state.left "search" <= 0 then
        return nil, ("the budget is too small: a run takes %.3g s, and about 40 of them are needed"):format(
            state.base.runs[1].seconds or judge.median(state.base, "time") or 0), "ETIME"
    end
    state:screen()
    state:halve()
    local helpful = state:helpful()
    local best = #helpful > 0 and state:combine(helpful[1], helpful) or state.base
    local refined = state:refine(best)
    best = refined ~= best and state:combine(refined, helpful) or refined
    if best == state.base then
        state.verdict, state.reason = search.KEEP, "no setting was better in the search"
        return state
    end
    state.reserved = 0
    best = ablation.run(state, best)
    state.candidate, state.searched = best, state.count
    confirm.run(state, best)
    return state
end

local function nothing()
end

local function unlimited()
    return math.huge
end

--- Runs the search; nil, message, code if the default cannot be judged. `on_state(state)` gets the state at the start:
--- it remains usable if measure() raises.
function search.run(problem, on_state)
    local state = setmetatable({ measure = problem.measure, arms = problem.arms, objective = problem.objective,
        limits = problem.limits, least = problem.least, most_runs = problem.most_runs or 40,
        reserved = math.min(RESERVED, (problem.most_runs or 40) // 5), left = problem.left or unlimited,
        ahead = problem.ahead or nothing, has_ahead = problem.ahead ~= nil,
        width = problem.width or 1,
        shortest = problem.shortest or SHORT, entries = {}, by_conf = {},
        dropped = {}, confirmations = {}, count = 0, base_at = 0, noise = {},
        verdict = search.KEEP, reason = "interrupted" }, Search)
    state.base = state:entry {}
    if on_state then
        on_state(state)
    end
    return run(state)
end

return search
