--- The end of a search: is the candidate really better than the default? It decides by fresh runs, which the search has
--- not seen, of both in turns.
---
---     confirm.run(state, candidate)    state: of search.lua. Sets its verdict, reason, confirmations and winner
---
--- If the candidate misses a limit, a second and a third finalist, which cost less, get fresh runs, too. So each is
--- judged at a third of the error of 5 %, and a search in settings that change nothing ends with "keep the defaults" in
--- at least 19 of 20 cases. How many rounds there are depends on the noise and the budget, and not on what they show;
--- only a finalist that is hardly within a limit (judge.is_futile) is given up early. A finalist may use half of the
--- time that is left, the last one all of it.

local judge = require "lunalloc.tune.judge"
local statistics = require "lunalloc.compare_statistics"

local confirm = {}

local ERROR <const> = 0.05 -- of the whole search, to report a winner that is none
local FINALISTS <const> = 3
local GIVE_UP <const> = 5     -- rounds, after which it is asked whether more of them can help; after MANY, more seldom
local MANY <const> = 40
local LEAST_ROUNDS <const>, MOST_ROUNDS <const> = 10, 240

confirm.KEEP, confirm.BETTER = "keep the defaults", "better"

--- The winner, and some that cost less, for the case that the winner misses a limit.
local function choose_finalists(state, winner)
    local finalists = { winner }
    for _, entry in ipairs(state:ranked(state.entries)) do
        local cheaper = entry ~= winner and state:score(entry) < -state.least
        for _, limit in ipairs(state.limits) do
            local a = judge.effect(entry, state.base, limit.metric)
            local b = judge.effect(finalists[#finalists], state.base, limit.metric)
            cheaper = cheaper and a and b and a < b
        end
        if cheaper and #finalists < FINALISTS and #state.limits > 0 then
            finalists[#finalists + 1] = entry
        end
    end
    return finalists
end

--- One run of each, the order changing. Nil and the reason if one fails.
local function turn(state, finalist, round, base, runs)
    for _, entry in ipairs(round % 2 == 1 and { state.base, finalist } or { finalist, state.base }) do
        local figures, why = state.measure(entry, "confirm")
        state.count = state.count + 1
        if not figures then
            entry.rejected = why
            return nil, why
        end
        table.insert(entry == state.base and base or runs, figures)
    end
    return true
end

--- How many rounds tell enough, by the noise. It is not looked at which of the two is better.
local function rounds_of(noise, plan)
    return math.max(LEAST_ROUNDS, math.min(MOST_ROUNDS, judge.rounds_needed(noise, plan)))
end

--- Makes the runs of the next turns at once, if there are several machines: of an even number of turns, `most` at most.
--- How many turns there are then.
local function more_turns(state, finalist, made, most)
    local confs, last = {}, math.min(most, made + math.max(LEAST_ROUNDS, 2 * state.width))
    for _ = made + 1, last, 2 do
        table.move({ "", finalist.conf, finalist.conf, "" }, 1, 4, #confs + 1, confs)
    end
    return made + state.ahead(confs, 4, made == 0) // 2
end

--- Fresh runs of the default and the finalist, in that share of the time: two arrays of figures; nil and the reason if
--- one fails.
local function fresh_runs(state, finalist, plan, share)
    local least = statistics.pairs_needed(plan.alpha) + 1
    local base, runs, round, rounds = {}, {}, 0, rounds_of(state.noise, plan)
    local made, left = state.has_ahead and 0 or math.huge, state.left "confirm"
    local kept = left < math.huge and left * (1 - share) or 0
    while round < rounds and (round < least or state.left "confirm" > kept) do
        if round == made then
            made = more_turns(state, finalist, made, rounds)
            if made == round and round >= least then
                break
            elseif made == round then
                return nil, "no host could run it"
            end
        end
        round = round + 1
        local ok, why = turn(state, finalist, round, base, runs)
        if not ok then
            return nil, why
        elseif round >= LEAST_ROUNDS and round % (round < MANY and GIVE_UP or MANY) == 0
            and judge.is_futile(base, runs, plan) then
            break
        elseif round == LEAST_ROUNDS then
            rounds = math.max(rounds, rounds_of(judge.noise_of_pairs(base, runs), plan))
        end
    end
    return base, runs
end

local function judge_finalist(state, finalist, share)
    local plan = { objective = state.objective, limits = state.limits, least = state.least, alpha = ERROR / FINALISTS }
    local base, runs = fresh_runs(state, finalist, plan, share)
    if not base then
        return { accepted = false, reason = "it failed: " .. runs, metrics = {}, rounds = 0, conf = finalist.conf }
    end
    local found = judge.confirm(base, runs, plan)
    found.conf, found.confidence, found.base_runs, found.runs = finalist.conf, 1 - plan.alpha, base, runs
    found.rounds_needed = judge.rounds_needed(state.noise, plan)
    return found
end

--- Sets verdict, reason, and the winner if one is confirmed.
local function decide(state, finalists)
    state.verdict = confirm.KEEP
    for i, finalist in ipairs(finalists) do
        if i > 1 and state.left "finalist" <= 0 then
            return
        end
        local found = judge_finalist(state, finalist, i < #finalists and 0.5 or 1)
        state.confirmations[#state.confirmations + 1] = found
        state.reason = found.reason
        finalist.confirmed = found.accepted
        if found.accepted then
            state.verdict, state.winner, state.reason = confirm.BETTER, finalist, nil
            return
        elseif not found.missed then
            return
        end
    end
end

--- See above.
function confirm.run(state, candidate)
    decide(state, choose_finalists(state, candidate))
end

return confirm
