--- Pairs of LUNALLOC_CONF and MALLOC_CONF in the process's environment that are no options, or that were refused.

local core = require "lunalloc.core"

local environment = {}

--- The pairs of a configuration: an array of { name, value }. A word without a colon has no value.
local function pairs_of(text)
    local list = {}
    for line in text:gmatch "[^\n]+" do
        for word in line:gsub("#.*$", ""):gmatch "[^,]+" do
            local name, value = word:match "^%s*([^:]-)%s*:%s*(.-)%s*$"
            list[#list + 1] = { name = name or word:match "^%s*(.-)%s*$", value = value }
        end
    end
    return list
end

--- Names of all options, without "opt.".
local function option_names(look)
    local names = {}
    for name in look.api.names "^opt%." or function() end do
        names[#names + 1] = name:sub(5)
    end
    return names
end

-- Names of jemalloc's that are read, though no control has them.
local aliases <const> = { lg_tcache_max = true }

--- The row of an option; nil if there is none.
local function row_of(look, name)
    return look.api.describe("opt." .. name)
end

--- The call that sets an option in the running process; nil if none does. <i> becomes all arenas.
local function live_call(look, name, value)
    local row = row_of(look, name)
    local live = row and row.live and row.live ~= "" and row.live:gsub("<i>", "4096") or nil
    if not live or not value then
        return nil
    end
    return look:set { live, math.tointeger(tonumber(value)) or value }
end

local function find(look, variable, pair, what, cause, remedy)
    local sentence = ("%s: %s%s"):format(variable, what, what:find "%?$" and "" or ".")
    look:find { kind = "environment", bytes = 0, what = sentence, cause = cause, remedy = remedy, pair = pair.name }
end

--- A pair that is no option.
local function find_unknown(look, variable, pair, names)
    local near = core.nearest(pair.name, names)
    local fixed = near and ("%s=%s%s"):format(variable, near, pair.value and ":" .. pair.value or "")
    local live = near and live_call(look, near, pair.value)
    find(look, variable, pair, ("'%s' is no option%s"):format(pair.name, near and ("; did you mean '%s'?"):format(near)
        or ""), "The pair was reported at the start and had no effect.",
        live or { text = fixed and fixed .. ", at the next start" or ("leave '%s' out"):format(pair.name) })
end

--- A pair whose value is not the one that holds: it was refused.
local function find_refused(look, variable, pair, row)
    if row.source == nil or row.source == "environment" or row.source == "live" then
        return
    end
    local range = row.min and (" (%s to %s)"):format(row.min, row.max) or ""
    find(look, variable, pair, ("'%s:%s' was refused"):format(pair.name, pair.value or ""),
        ("The value is none that the option takes%s; %s holds, by %s."):format(range, tostring(row.value), row.source),
        { text = ("%s=%s:VALUE, at the next start"):format(variable, pair.name) })
end

local function check(look, variable, text)
    local names = option_names(look)
    local seen = {}
    for _, pair in ipairs(pairs_of(text)) do
        local row = row_of(look, pair.name)
        if not row and not aliases[pair.name] then
            find_unknown(look, variable, pair, names)
        elseif row and not seen[pair.name] then
            find_refused(look, variable, pair, row)
        end
        seen[pair.name] = true
    end
end

function environment.run(look)
    local text = look:proc "environ"
    if not text then
        return look:miss("the environment", "there is no /proc/PID/environ to read")
    end
    for variable, value in text:gmatch "([%w_]+)=([^\0]*)" do
        if variable == "LUNALLOC_CONF" or variable == "MALLOC_CONF" then
            check(look, variable, value)
        end
    end
end

return environment
