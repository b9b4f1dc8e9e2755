--- lunalloc trace: what is in a recorded trace.

local command = require "lunalloc.command"
local units = require "lunalloc.units"

local USAGE <const> = [[
trace FILE [--count BY] [--diff OTHER] [--workload] [--plot] [--events] [-n N] [CONDITIONS]
      [--save FILE] [--json]

Shows what a trace has: of lunalloc record, or a text of heaptrack or of Android's malloc debugging. Without an option:
who was recorded, how much, what was lost, the peak, and the classes with most bytes.

  --count BY       sums by class, thread, kind or size
  --diff OTHER     what differs from another trace
  --workload       a description for la.workload as Lua code, with what it lacks
  --stacks         of a recording of stacks: what each has allocated, and what of it lives
  --collapsed WHAT  the same as flamegraph.pl reads it: allocated, or live
  --plot           live bytes over time
  --events         each event, a line
  -n N             so many rows: 20; of events, 100
  --save FILE      writes what meets the conditions as a trace
  --json           as JSON

Conditions narrow all of this: --thread N, --kind K, --from TIME, --to TIME, --min-size SIZE, --max-size SIZE,
--class SIZE.]]

local SPEC <const> = { count = "text", diff = "text", workload = "flag", plot = "flag", stacks = "flag",
    collapsed = "text", events = "flag", n = "count", save = "text", json = "flag", thread = "count", kind = "text",
    from = "text", to = "text", ["min-size"] = "text", ["max-size"] = "text", class = "text" }

local function seconds(value)
    return value and units.human_time(value * 1e9) or "-"
end

local function human(key)
    return function(row) return units.human(row[key] or 0) end
end

local function plain(key)
    return function(row) return row[key] or 0 end
end

local SUMS <const> = { { "allocations", plain "allocations" }, { "frees", plain "frees" },
    { "bytes", human "bytes", right = true }, { "cross", plain "cross" }, { "live", human "live_bytes", right = true },
    { "peak", human "peak_bytes", right = true } }

local function with_sums(...)
    local columns = { ... }
    return table.move(SUMS, 1, #SUMS, #columns + 1, columns)
end

local COLUMNS <const> = {
    class = with_sums({ "class", human "size", right = true },
        { "lifetime", function(row) return seconds(row.lifetime) end, right = true }),
    thread = with_sums({ "thread", plain "thread" }, { "tid", plain "tid" },
        { "name", function(row) return row.name end }),
    kind = { { "kind", function(row) return row.kind end }, { "count", plain "count" },
        { "bytes", human "bytes", right = true } },
    size = { { "size", plain "size" }, { "count", plain "count" }, { "bytes", human "bytes", right = true } },
}

-- By what rows are sorted, most first.
local ORDER <const> = { class = "bytes", thread = "bytes", kind = "count", size = "count" }

local function open(path)
    return command.try(require("lunalloc").trace.load(path))
end

--- The view that meets the conditions of the command line.
local function narrowed(trace, given)
    local conditions = { thread = given.thread, kind = given.kind, from = given.from, to = given.to,
        min_size = given["min-size"], max_size = given["max-size"], class = given.class }
    if next(conditions) == nil then
        return trace
    end
    local ok, view = pcall(trace.filter, trace, conditions)
    if not ok then
        command.misuse("%s", (tostring(view):gsub("^[^\n]-:%d+: ", "")))
    end
    return view
end

local actions = {}

function actions.count(view, given)
    local by = given.count or "class"
    if not COLUMNS[by] then
        command.misuse("trace: --count is class, thread, kind or size, not '%s'", by)
    end
    local rows = command.try(view:count { by = by })
    if given.json then
        print(command.json(rows))
        return
    end
    table.sort(rows, function(a, b) return (a[ORDER[by]] or 0) > (b[ORDER[by]] or 0) end)
    local n = given.n or 20
    command.grid(table.move(rows, 1, math.min(n, #rows), 1, {}), COLUMNS[by])
    if #rows > n then
        print(("... and %d more (-n N)"):format(#rows - n))
    end
end

function actions.diff(view, given)
    local other <close> = open(given.diff)
    local diff = command.try(view:diff(other))
    print(given.json and command.json { a = diff.a, b = diff.b, rows = diff.rows, distance = diff.distance,
        distance_bytes = diff.distance_bytes } or diff)
end

function actions.workload(view, given)
    local description, errors = command.try(view:workload())
    if given.json then
        print(command.json { description = description, errors = errors })
        return
    end
    print(require("lunalloc.trace_workload").code(description, errors, given.path))
end

function actions.plot(view)
    print(command.try(view:plot {}))
end

--- The innermost functions of a stack, as far as they fit.
local function innermost(row)
    return (table.concat(row.stack, " < "):gsub("%c", "?"):sub(1, 76))
end

function actions.stacks(view, given)
    local rows = command.try(view:stacks())
    if given.json then
        print(command.json(rows))
        return
    end
    local n = given.n or 20
    command.grid(table.move(rows, 1, math.min(n, #rows), 1, {}), { { "allocated", human "bytes", right = true },
        { "blocks", function(row) return units.human_count(row.count) end, right = true },
        { "live", human "live_bytes", right = true }, { "stack", innermost } })
    if #rows > n then
        print(("... and %d more (-n N)"):format(#rows - n))
    end
end

function actions.collapsed(view, given)
    local key = ({ allocated = "bytes", live = "live_bytes" })[given.collapsed]
    if not key then
        command.misuse("trace: --collapsed is allocated or live, not '%s'", given.collapsed)
    end
    for _, line in ipairs(require("lunalloc.collapsed").rows(command.try(view:stacks()), key)) do
        print(line)
    end
end

local function event_line(event)
    local text = ("%14.6f ms  thread %-4d %-11s 0x%x"):format(event.time / 1e6, event.thread, event.kind, event.addr)
    if event.size > 0 then
        text = ("%s  %d"):format(text, event.size)
    end
    return event.old_addr and ("%s  of 0x%x"):format(text, event.old_addr) or text
end

function actions.events(view, given)
    local n, events <close> = given.n or 100, command.try(view:events())
    for event in events do
        if n == 0 then
            break
        end
        n = n - 1
        print(given.json and command.json(event) or event_line(event))
    end
end

function actions.save(view, given)
    local written = command.try(view:save(given.save))
    print(("%s: %s events of %d thread%s, %s"):format(given.save, units.human_count(written.events), written.threads,
        written.threads == 1 and "" or "s", units.human(written.bytes)))
end

-- ---- the summary ---------------------------------------------------------------------------------------------------

local function peak_rss(samples)
    local most = 0
    for _, sample in ipairs(samples) do
        most = math.max(most, sample.peak_rss or 0, sample.rss or 0)
    end
    return most
end

local function state_of(info)
    if info.damaged > 0 then
        return ("damaged: %d piece%s left out"):format(info.damaged, info.damaged == 1 and " was" or "s were")
    end
    return info.complete and "complete" or "not complete: it has no end"
end

local function line(name, format, ...)
    print(("%-11s %s"):format(name, format:format(...)))
end

--- A text of the file, in one line.
local function text_of(value, fallback)
    return ((value or fallback or "?"):gsub("%c", "?"))
end

local function print_info(info)
    local conf = text_of(info.conf, "")
    line("program", "%s (pid %s), lunalloc %s%s", text_of(info.name), info.pid or "?", text_of(info.allocator),
        conf ~= "" and ", " .. conf or "")
    line("recorded", "%s, %s mode, %s", seconds(info.duration), text_of(info.mode, "full"), state_of(info))
    if info.mode == "stacks" then
        return
    end
    line("events", "%s of %d threads, %s; %s lost (%.2g %%)", units.human_count(info.events), #info.threads,
        info.summed and "summed up" or ("%.1f bytes each"):format(info.bytes_per_event),
        units.human_count(info.lost), 100 * info.lost_share)
    if info.late > 0 then
        line("late", "%s events were summed up out of their order", units.human_count(info.late))
    end
    line("live", "%s at the peak after %s, %s at the end", units.human(info.peak_live), seconds(info.peak_time),
        units.human(info.live))
    if peak_rss(info.samples) > 0 then
        line("resident", "%s at most", units.human(peak_rss(info.samples)))
    end
    if info.unknown > 0 then
        line("unknown", "%s frees of blocks that were allocated before", units.human_count(info.unknown))
    end
end

function actions.info(view, given)
    local info = command.try(view:info())
    if given.json then
        print(command.json(info))
        return
    end
    print_info(info)
    print ""
    if info.mode == "stacks" then
        actions.stacks(view, { n = given.n or 10 })
        return
    end
    actions.count(view, { n = given.n or 10 })
end

local CHOICES <const> = { "count", "diff", "workload", "plot", "stacks", "collapsed", "events",
    "save" }

local function run(args)
    local given, words = command.options(args, SPEC)
    if not words[1] then
        command.misuse "trace: which file?"
    end
    command.no_more(words, 1)
    given.path = words[1]
    local trace <close> = open(words[1])
    local view, did = narrowed(trace, given), false
    for _, choice in ipairs(CHOICES) do
        if given[choice] then
            actions[choice](view, given)
            did = true
        end
    end
    if not did then
        actions.info(view, given)
    end
end

return { summary = "what is in a recorded trace", usage = USAGE, run = run }
