--- Drops the settings of a search's best entry that do not matter: each of them in turn, if the rest is as good.
---
---     ablation.run(state, entry) -> the entry that is left     state: of search.lua
---
--- Of two that are equal in the objective the cheaper one is kept: a setting that saves no memory stays if the time is
--- better with it, and one that saves some is dropped if it costs a limit. What the others do without a setting goes to
--- entry.alone: option -> the entry without it.

local judge = require "lunalloc.tune.judge"

local ablation = {}

ablation.DOUBTS = 3           -- runs, after which a limit that was missed is missed
local SURE <const> = 2        -- times its error, from which on a difference is none by chance
local COUNTS <const> = 0.25   -- of a limit, from which on a difference counts

--- The same entry without its setting i.
local function without(state, entry, i)
    local rest = table.move(entry.settings, 1, #entry.settings, 1, {})
    table.remove(rest, i)
    return #rest == 0 and state.base or state:entry(rest)
end

--- How much worse the figure is without the setting, and the error of that.
local function loss(state, entry, rest, metric)
    local with, other = judge.effect(entry, state.base, metric), judge.effect(rest, state.base, metric)
    local noise = state.noise[metric] or 0
    return (other or 0) - (with or 0), noise * math.sqrt(1 / #entry.runs + 1 / #rest.runs)
end

--- Is a figure that has a limit surely worse without the setting, by enough to count? What is in doubt runs again.
local function is_cheaper(state, entry, rest)
    for _, limit in ipairs(state.limits) do
        local worse, doubt = loss(state, entry, rest, limit.metric)
        if worse > doubt then
            state:repeated(rest, ablation.DOUBTS, "ablate")
            state:repeated(entry, ablation.DOUBTS, "ablate")
            worse, doubt = loss(state, entry, rest, limit.metric)
        end
        if worse > math.max(SURE * doubt, COUNTS * math.log(1 + limit.share)) then
            return true
        end
    end
    return false
end

--- Is the rest better by as much as counts, as the setting costs a limit? That may be by chance: both run again.
local function costs_a_limit(state, entry, rest)
    local function is_better()
        return state:score(rest) < state:score(entry) - state.least
    end
    if is_better() then
        state:repeated(entry, ablation.DOUBTS, "ablate")
        state:repeated(rest, ablation.DOUBTS, "ablate")
    end
    return is_better()
end

--- Is the entry better with the setting than without it?
local function is_needed(state, entry, rest)
    if loss(state, entry, rest, state.objective) > state.least then
        return not costs_a_limit(state, entry, rest)
    elseif state:score(rest) > state:score(entry) / 2 then
        state:repeated(rest, ablation.DOUBTS, "ablate") -- it seems to miss a limit: by chance?
    end
    return state:score(rest) > state:score(entry) / 4 or is_cheaper(state, entry, rest)
end

--- See above.
function ablation.run(state, current)
    state:repeated(current, 2, "ablate")
    local i = 1
    while i <= #current.settings do
        local rest = without(state, current, i)
        state:refresh "ablate"
        if state:repeated(rest, state:enough(), "ablate") and rest ~= state.base
            and not is_needed(state, current, rest) then
            state.dropped[#state.dropped + 1] = current.settings[i]
            current = rest
        else
            current.alone = current.alone or {}
            current.alone[current.settings[i][1]] = #rest.runs > 0 and rest or nil
            i = i + 1
        end
    end
    return current
end

return ablation
