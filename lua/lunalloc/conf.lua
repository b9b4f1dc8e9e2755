--- The settings that a process has now, as text for LUNALLOC_CONF: la.conf().
---
--- An option is in the text if its value is not the default: because the process was started so, or because the
--- control that changes it live was written. Many controls are an arena's: the option says what all arenas are to have,
--- so it is in the text only if they agree. The profiler is left as it was at the start: it is switched on to look, not
--- to stay.

local check = require "lunalloc.check"

local MAX_ARENAS <const> = 4096

local conf = {}

local starts <const> = { environment = true, file = true, symbol = true }

--- The value of a control of every arena, and whether any was written live. nil if they differ.
local function of_arenas(t, pattern)
    local value, live
    for i = 0, check.sent(t.get "arenas.narenas", 0, MAX_ARENAS) - 1 do
        local row = t.describe((pattern:gsub("<i>", tostring(i))))
        if row and row.value ~= nil then
            if value ~= nil and value ~= row.value then
                return nil, true
            end
            value, live = row.value, live or row.source == "live"
        end
    end
    return value, live
end

--- What has become of an option since the start. The second result: it was changed.
local function live_value(t, option)
    local pattern = option.live
    if not pattern or pattern:find "^prof%." or pattern:find "^thread%." then
        return nil, false
    elseif pattern:find "^arena%.<i>%." then
        return of_arenas(t, pattern)
    elseif pattern:find "<" then
        return nil, false
    end
    local row = t.describe(pattern)
    return row and row.value, row ~= nil and row.source == "live"
end

function conf.install(new)
    --- text such as "dirty_decay_ms:500,narenas:4" ("" if all is as by default); and an array of the options that
    --- cannot say what was changed, because arenas differ
    function new.conf()
        local pairs, unsaid = {}, {}
        local names, message, code = new.names "^opt%."
        if not names then
            return nil, message, code
        end
        for name in names do
            local option = new.describe(name)
            local value, changed = live_value(new, option or {})
            local short = name:gsub("^opt%.", "")
            if changed and value == nil then
                unsaid[#unsaid + 1] = short
            elseif changed and value ~= option.value then
                pairs[#pairs + 1] = short .. ":" .. tostring(value)
            elseif option and starts[option.source] then
                pairs[#pairs + 1] = short .. ":" .. tostring(option.value)
            end
        end
        return table.concat(pairs, ","), unsaid
    end
end

return conf
