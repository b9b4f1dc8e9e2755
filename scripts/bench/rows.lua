-- The rows of the bench: patterns (patterns.c), scenarios (scripts/scenarios/, with a fixed number of operations) and
-- programs (programs.lua). A row is {name, group, doc, quick, more, starts, argv, input, environment, times, socket,
-- client}; `more` rows run only if they are asked for.

local data = require "data"
local programs = require "programs"
local system = require "system"

local rows = {}

-- Patterns of the short bench.
local QUICK_PATTERNS <const> = { pair = true, random = true, bulk = true, batches = true, remote = true, server = true,
    churn = true, large = true, huge = true, realloc = true, idle = true, threads_2 = true, threads_64 = true }

-- Scenarios of each bench: operations, times, quick. The others run with MORE_OPS operations, if they are asked for.
local SCENARIOS <const> = {
    cache_line_sharing = { 400000, 1 },
    cross_thread_bleed = { 2000000, 1, true },
    fragmentation_bomb = { 800000, 1, true },
    producer_consumer = { 1500000, 1 },
    realloc_growth = { 300000, 1 },
    size_ramp = { 250000, 1 },
    thread_churn = { 32000, 25, true },
}
local MORE_OPS <const> = 300000

local function add_patterns(list, context)
    local program = context.build .. "/patterns"
    for line in system.output(system.quote(program) .. " --list"):gmatch "[^\n]+" do
        local name, doc = line:match "^(%S+) (.*)$"
        list[#list + 1] = { name = name, group = "pattern", doc = doc, quick = QUICK_PATTERNS[name],
            argv = { program, name, context.scaled(100) } }
    end
end

--- LUNALLOC_SO keeps the module from loading its own library beside the allocator under test.
local function scenario_environment(root)
    return { "LUA_PATH=" .. root .. "/lua/?.lua;" .. root .. "/lua/?/init.lua",
        "LUA_CPATH=" .. root .. "/build/lua/?.so", "LUNALLOC_SO=/nonexistent" }
end

local function scenario_row(context, lua, name)
    local known = SCENARIOS[name]
    local ops, times, quick = table.unpack(known or { MORE_OPS, 1 })
    local path = "scripts/scenarios/" .. name .. ".lua"
    return { name = name, group = "scenario", doc = path, quick = quick, more = not known,
        environment = scenario_environment(context.root),
        argv = { lua, context.root .. "/scripts/bench/scenario.lua", context.root .. "/" .. path, context.scaled(ops),
            context.scaled(times) } }
end

local function add_scenarios(list, skipped, context)
    local lua = context.find "lua5.4"
    for name in system.output("ls " .. system.quote(context.root .. "/scripts/scenarios")):gmatch "([^\n]+)%.lua" do
        if lua then
            list[#list + 1] = scenario_row(context, lua, name)
        else
            skipped[#skipped + 1] = { name = name, why = "no lua5.4" }
        end
    end
end

--- Do the options select a row?
function rows.wanted(row, options)
    if not options.only then
        return not row.more and (not options.quick or row.quick)
    end
    for _, pattern in ipairs(options.only) do
        if pattern == row.name or pattern == row.group or row.name:find("^" .. pattern .. "$") then
            return true
        end
    end
    return false
end

--- root: the tree. percent: share of the work of the full bench.
function rows.context(root, percent)
    local context = { root = root, build = root .. "/build/bench", scratch = root .. "/build/bench/scratch" }
    local found = {}
    function context.find(program)
        if found[program] == nil then
            found[program] = system.find(program) or false
        end
        return found[program] or nil
    end
    function context.scaled(n)
        return math.max(1, n * percent // 100)
    end
    function context.data(name)
        return data.file(context.scratch, name)
    end
    return context
end

--- The rows that the options select and that can run here; and an array of {name =, why =} of those that can't.
function rows.list(context, options)
    local all, skipped, list = {}, {}, {}
    add_patterns(all, context)
    add_scenarios(all, skipped, context)
    local found, absent = programs.rows(context)
    table.move(found, 1, #found, #all + 1, all)
    table.move(absent, 1, #absent, #skipped + 1, skipped)
    for _, row in ipairs(all) do
        if rows.wanted(row, options) then
            list[#list + 1] = row
        end
    end
    return list, skipped
end

return rows
