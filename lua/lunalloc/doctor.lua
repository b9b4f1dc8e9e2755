--- The doctor: what is wrong with a process's memory, why, and the exact call that mends it.
---
---     for _, finding in ipairs(la.doctor()) do print(finding) end
---     la.doctor()[1].remedy.apply()
---
--- It watches for a second, then runs a list of checks, a file of lunalloc/doctor/ each. A check looks at figures that
--- `look` has gathered (doctor/look.lua) and adds findings; the thresholds are in doctor/limits.lua. A process that is
--- well gets no finding.
---
--- To add a check, return a table from a file of that folder, and put its name in the list:
---
---     names(api)   optional: an array of controls to watch
---     run(look)    adds findings by look:find{}, and look:miss() for what it could not look at
---
--- Checks that know a special cause stand before those that know a general one: they claim pages (look:claim).

local check = require "lunalloc.check"
local show = require "lunalloc.show"
local units = require "lunalloc.units"
local limits = require "lunalloc.doctor.limits"
local look = require "lunalloc.doctor.look"

local checks <const> = { "arenas", "huge", "system", "pages", "slabs", "caches", "locks", "settings", "environment" }

local Finding = { __name = "lunalloc.finding" }
local Findings = { __name = "lunalloc.findings" }

-- ---- text ----------------------------------------------------------------------------------------------------------

--- A label and a text, in lines of at most `width`, broken at spaces; lines after the first are indented like the text.
local function wrapped(label, text, width)
    local indent = (" "):rep(#label)
    local lines, line = {}, label
    for word in text:gmatch "%S+" do
        if #line > #indent and #line + 1 + #word > width then
            lines[#lines + 1] = line
            line = indent
        end
        line = #line > #indent and line .. " " .. word or line .. word
    end
    lines[#lines + 1] = line
    return table.concat(lines, "\n")
end

--- "gives back 12.3 MiB", or nothing of a remedy that gives no memory back.
local function promise(finding)
    return finding.gives_back > 0 and (" (gives back %s%s)"):format(units.human(finding.gives_back),
        finding.measure == "space" and " of address space" or "") or ""
end

--- "12.3 MiB: ", or nothing of a finding that is not about memory.
local function amount(finding)
    return finding.bytes > 0 and units.human(finding.bytes) .. ": " or ""
end

--- What is wrong, why, and what to do.
local function finding_text(finding)
    local width = show.width()
    return table.concat({ wrapped(finding.kind .. ": ", amount(finding) .. finding.what, width),
        wrapped("  cause:  ", finding.cause, width), wrapped("  remedy: ", finding.remedy.text .. promise(finding),
        width) }, "\n")
end

local function findings_text(findings)
    local lines = {}
    for i, finding in ipairs(findings) do
        lines[#lines + 1] = ("%d. %s"):format(i, tostring(finding))
    end
    if #findings == 0 then
        lines[1] = "nothing found: this process is well"
    end
    for _, note in ipairs(findings.notes) do
        lines[#lines + 1] = wrapped("note: ", note, show.width())
    end
    return table.concat(lines, "\n")
end

Finding.__tostring = finding_text
Findings.__tostring = findings_text

-- ---- the examination -----------------------------------------------------------------------------------------------

local function load_checks()
    local list = {}
    for i, name in ipairs(checks) do
        list[i] = require("lunalloc.doctor." .. name)
    end
    return list
end

--- The controls that the checks watch.
local function watched_names(list, api)
    local names = {}
    for _, one in ipairs(list) do
        for _, name in ipairs(one.names and one.names(api) or {}) do
            names[#names + 1] = name
        end
    end
    return names
end

--- Findings ordered by bytes; those without bytes in the order in which they were found.
local function ordered(findings)
    for i, finding in ipairs(findings) do
        finding.rank = i
        setmetatable(finding, Finding)
    end
    table.sort(findings, function(a, b)
        return a.bytes > b.bytes or a.bytes == b.bytes and a.rank < b.rank
    end)
    for _, finding in ipairs(findings) do
        finding.rank = nil
    end
    return findings
end

local function examine(api, seconds)
    local list = load_checks()
    local seen, message, code = look.new(api, seconds, watched_names(list, api))
    if not seen then
        return nil, message, code
    end
    for _, one in ipairs(list) do
        one.run(seen)
    end
    local findings = ordered(seen.findings)
    findings.notes = seen.notes
    return setmetatable(findings, Findings)
end

local doctor = {}

--- Adds the function to `api`.
function doctor.install(api)
    --- An array of findings, most bytes first: kind, bytes, what, cause, where, gives_back, remedy = { text, apply }.
    --- gives_back is resident memory, or address space if `measure` is "space". Without `apply` nothing helps now.
    --- `notes`: what could not be looked at. It watches for `seconds`; 0: one picture, and no rates.
    function api.doctor(options)
        options = options == nil and {} or check.plain(options)
        check.table(options, "doctor", 1, "a table of options")
        for name in pairs(options) do
            check.that(name == "seconds", "doctor", 1, "no option " .. check.shown(name))
        end
        local ns = units.time(options.seconds == nil and limits.seconds or options.seconds)
        check.that(ns, "doctor", 1, ("seconds is a number of %s, not %s"):format(units.ACCEPTED.time,
            check.shown(options.seconds)))
        return examine(api, ns / 1e9)
    end
end

return doctor
