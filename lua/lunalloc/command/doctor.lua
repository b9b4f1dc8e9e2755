--- lunalloc doctor: what is wrong with the memory of a process, and what mends it.

local command = require "lunalloc.command"

local USAGE <const> = [[
doctor TARGET [--seconds TIME] [--apply N] [--json]

Looks at a process and prints what is wrong with its memory, most bytes first: numbers, the cause, the exact call that
mends it, and what that gives back. A process that is well gets no finding. A TARGET is a pid, the name of a process, or
the path of a core file.

  --seconds TIME   how long to watch the process: 1s, unless told otherwise; 0: one picture
  --apply N        applies the remedy of finding N, and prints RSS before and after
  --json           findings and notes as JSON]]

--- Without functions, which JSON has not.
local function plain(findings)
    local list = {}
    for i, finding in ipairs(findings) do
        list[i] = {}
        for key, value in pairs(finding) do
            list[i][key] = value
        end
        list[i].remedy = { text = finding.remedy.text, can_apply = finding.remedy.apply ~= nil }
    end
    return { findings = list, notes = findings.notes }
end

--- Resident memory, as text.
local function rss_text(t)
    local state = t.reconcile()
    return state and require("lunalloc.units").human(state.rss) or "unknown"
end

local function apply(t, findings, n)
    local finding = findings[n]
    if not finding then
        command.stop("doctor: there is no finding %d: there are %d", n, #findings)
    elseif not finding.remedy.apply then
        command.stop("doctor: finding %d cannot be mended from here: %s", n, finding.remedy.text)
    end
    local before = rss_text(t)
    print(finding.remedy.text)
    command.try(finding.remedy.apply())
    command.sleep(0.5)
    print(("RSS %s before, %s after"):format(before, rss_text(t)))
end

local function run(args)
    local options, words = command.options(args, { json = "flag", apply = "count", seconds = "time" })
    command.no_more(words, 1)
    local t <close> = command.target(words[1])
    local findings = command.try(t.doctor { seconds = options.seconds })
    print(options.json and command.json(plain(findings)) or findings)
    if options.apply then
        apply(t, findings, options.apply)
    end
end

return { summary = "what is wrong with its memory, and the calls that mend it", usage = USAGE, run = run }
