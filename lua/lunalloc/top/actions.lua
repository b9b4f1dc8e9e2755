--- What a key of `lunalloc top` changes in a target. Each function returns one line for the user, and true after a
--- failure.
---
---     actions.purge(row)   actions.set(row, "dirty_decay_ms", "500", clock)   actions.profile(row)
---     actions.conf(row)    the LUNALLOC_CONF line of what was changed, and what no such line can say
---
--- `row` is one of lunalloc/top/model.lua. They use the public functions of the target only.

local panels = require "lunalloc.top.panels"
local sample = require "lunalloc.top.sample"

local actions = {}

-- ---- purge ---------------------------------------------------------------------------------------------------------

local function rss_of(row)
    local process = row.way ~= "core" and sample.process(row.pid)
    return process and process.rss
end

local PATIENCE <const> = 0.5 -- s, for threads to empty their caches

--- "; 2 threads sleep and keep 1.20M", or "".
local function silent_text(silent)
    local bytes = 0
    for _, thread in ipairs(silent or {}) do
        bytes = bytes + thread.cached
    end
    if bytes == 0 then
        return ""
    end
    return ("; %d %s and %s %s in the cache"):format(#silent, #silent == 1 and "thread sleeps" or "threads sleep",
        #silent == 1 and "keeps" or "keep", panels.bytes(bytes))
end

function actions.purge(row, clock)
    local before = rss_of(row)
    local result, message = row.t.purge { timeout = PATIENCE }
    if not result then
        return "purge: " .. message, true
    end
    row:mark(clock, "purge")
    local after = rss_of(row)
    local text = before and after and ("purged: RSS %s -> %s"):format(panels.bytes(before), panels.bytes(after))
        or "purged"
    return text .. silent_text(result.threads_silent)
end

-- ---- settings ------------------------------------------------------------------------------------------------------

--- The control of all arenas, and that of the first one, which can be read.
local function names_of(setting)
    return "arena.4096." .. setting, "arena.0." .. setting
end

--- The value as it is now; nil, message.
function actions.current(row, setting)
    local _, readable = names_of(setting)
    return row.t.get(readable)
end

--- Sets a setting of all arenas, and of those that will be created.
function actions.set(row, setting, text, clock)
    local name, readable = names_of(setting)
    local before = row.t.get(readable)
    local done, message = row.t.set(name, math.tointeger(tonumber(text)) or text)
    if done == nil then
        return message, true
    end
    local now = row.t.get(readable)
    row:mark(clock, name, now)
    return ("%s of all arenas: %s, was %s"):format(setting, tostring(now), tostring(before))
end

-- ---- profiler ------------------------------------------------------------------------------------------------------

--- Starts the profiler, or stops it. The third result: true if it now runs.
function actions.profile(row)
    local active, message = row.t.get "prof.active"
    if active == nil then
        return "profiler: " .. message, true
    end
    local done
    done, message = row.t.prof[active and "stop" or "start"]()
    if done == nil then
        return "profiler: " .. message, true
    elseif active then
        return "the profiler has stopped; blocks that were sampled are still tracked"
    end
    return "the profiler runs: allocations from now on are sampled; panel 5 shows stacks", false, true
end

-- ---- the conf line -------------------------------------------------------------------------------------------------

--- The name of a control as a pattern: "arena.4096.dirty_decay_ms" is "arena.<i>.dirty_decay_ms".
local function pattern_of(name)
    return (name:gsub("%.%d+%f[.\0]", ".<i>"))
end

--- pattern of a control -> the option that sets it at the start. nil, message if the target does not tell.
local function options_of(t)
    local names, message = t.names "^opt%."
    if not names then
        return nil, message
    end
    local map = {}
    for name in names do
        local row = t.describe(name)
        if row and row.live and row.live ~= "" and not map[row.live] then
            map[row.live] = name:gsub("^opt%.", "")
        end
    end
    return map
end

--- An option stands for all arenas, so a change of one arena has none.
local function is_of_all(name)
    local index = name:match "^arena%.(%d+)%."
    return not index or index == "4096"
end

--- The profiler is switched on to look, not to stay.
local function is_passing(name)
    return name:find "^prof%." ~= nil
end

--- The pairs of a conf line, and the names that no option sets.
local function pairs_of(changed, options)
    local list, others = {}, {}
    for name, value in pairs(changed) do
        local option = is_of_all(name) and not is_passing(name) and options[pattern_of(name)]
        if option then
            list[#list + 1] = option .. ":" .. tostring(value)
        elseif not is_passing(name) then
            others[#others + 1] = name
        end
    end
    table.sort(list)
    table.sort(others)
    return list, others
end

function actions.conf(row)
    if next(row.changed) == nil then
        return "nothing was changed yet", true
    end
    local options, message = options_of(row.t)
    if not options then
        return message, true
    end
    local list, others = pairs_of(row.changed, options)
    local text = #list > 0 and ('LUNALLOC_CONF="%s"'):format(table.concat(list, ",")) or "no option of LUNALLOC_CONF"
    if #others > 0 then
        text = ("%s  # cannot be said there: %s"):format(text, table.concat(others, " "))
    end
    return text, false, #list > 0
end

return actions
