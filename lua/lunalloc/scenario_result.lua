--- The result of a scenario: that of its workload, the limits of all its runs, and its own figures; as text, too.
---
---     r = result.new(definition, { results =, figures =, notes =, last = })
---     for _, line in ipairs(result.missed(r)) do print(line) end

local result = {}

-- ---- limits as text ------------------------------------------------------------------------------------------------

local Figure = { __name = "lunalloc.scenario.figure" }

--- A figure of a scenario with its limit, as workload_limits.lua judges limits. `limit`: at_most or at_least, reason.
function result.figure(name, value, limit)
    local bound = limit.at_most or limit.at_least
    local ok = limit.at_least and value >= bound or limit.at_most and value <= bound
    return setmetatable({ name = name, value = value, limit = bound, least = limit.at_least ~= nil, ok = ok or false,
        unit = "", reason = limit.reason }, Figure)
end

--- "RSS late/early is 3, at most 2 allowed: MISSED (nothing is left behind)".
function Figure.__tostring(figure)
    return ("%s is %.4g, at %s %.4g %s: %s%s"):format(figure.name, figure.value, figure.least and "least" or "most",
        figure.limit, figure.least and "expected" or "allowed", figure.ok and "ok" or "MISSED",
        figure.reason and (" (%s)"):format(figure.reason) or "")
end

--- A line of the table in a printed result.
local function row(figure)
    return ("  %-22s %.4g (at %s %.4g) %s"):format(figure.name, figure.value, figure.least and "least" or "most",
        figure.limit, figure.ok and "ok" or "MISSED")
end

--- Why a result is not ok: an array of lines.
function result.missed(r)
    local lines = {}
    for _, limit in ipairs(r.limits) do
        if not limit.ok then
            lines[#lines + 1] = tostring(limit)
        end
    end
    if r.verify and r.verify.first then
        lines[#lines + 1] = "verification: " .. r.verify.first
    end
    if #lines == 0 and not r.ok then
        lines[1] = "a change of settings failed"
    end
    return lines
end

-- ---- several runs --------------------------------------------------------------------------------------------------

--- The limits of several runs, each once: as it was first missed, or else as it was last met.
local function worst(results)
    local all, place = {}, {}
    for _, one in ipairs(results) do
        for _, limit in ipairs(one.limits) do
            local key = table.concat({ limit.name, limit.unit, tostring(limit.phase) }, "\0")
            place[key] = place[key] or #all + 1
            local known = all[place[key]]
            all[place[key]] = known and not known.ok and known or limit
        end
    end
    return all
end

local function all_ok(list)
    for _, element in ipairs(list) do
        if not element.ok then
            return false
        end
    end
    return true
end

-- ---- the object ----------------------------------------------------------------------------------------------------

local Result = { __name = "lunalloc.scenario.result" }

-- The result of the workload that a result is made of, which prints it.
local workloads = setmetatable({}, { __mode = "k" })

function Result.__tostring(r)
    local lines = { ("scenario   %s: %s"):format(r.scenario, r.models), tostring(workloads[r]) }
    table.move(r.notes, 1, #r.notes, #lines + 1, lines)
    if #r.figures > 0 then
        lines[#lines + 1] = "figures of the scenario"
        for _, figure in ipairs(r.figures) do
            lines[#lines + 1] = row(figure)
        end
    end
    lines[#lines + 1] = r.ok and "passed" or "FAILED: " .. table.concat(result.missed(r), "; ")
    return table.concat(lines, "\n")
end

--- All fields of the result of the last workload, and: scenario, models, ok, limits and figures of all runs, notes (an
--- array of lines), runs (their number).
function result.new(definition, session)
    local r = {}
    for key, value in pairs(session.last) do
        r[key] = value
    end
    r.scenario, r.models = definition.name, definition.models
    r.figures, r.notes, r.runs = session.figures, session.notes, #session.results
    r.ok = all_ok(session.results) and all_ok(session.figures)
    r.limits = table.move(session.figures, 1, #session.figures, 1, {})
    local judged = worst(session.results)
    table.move(judged, 1, #judged, #r.limits + 1, r.limits)
    workloads[r] = session.last
    return setmetatable(r, Result)
end

return result
