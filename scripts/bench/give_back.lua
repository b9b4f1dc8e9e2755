-- How much memory comes back when the load is gone: give_back.c on each allocator, as it is, and with a background
-- thread where the allocator has that setting. Several run at the same time, since memory does not depend on the load.

local measure = require "measure"
local peers = require "peers"
local system = require "system"

local give_back = {}

--- The row, as in rows.lua. It is no part of the short bench: to rest takes its time.
give_back.ROW = { name = "give_back", group = "memory",
    doc = "300,000 small blocks, 95 % of them freed at random: the share of memory given back after 12 s of rest" }

give_back.SECONDS = 12

local RUN_KIB <const> = 400 << 10 -- memory that one takes at most, about
local SWITCHES <const> = { lunalloc = "LUNALLOC_CONF", jemalloc = "MALLOC_CONF" }

--- The environment that switches on the allocator's background thread; nil if there is no such setting.
local function with_thread(allocator)
    local variable, list = SWITCHES[allocator.name:match "^%a+"], {}
    local set = variable and variable .. "=background_thread:true"
    for _, given in ipairs(variable and allocator.environment or {}) do
        local own = given:match("^" .. variable .. "=(.*)$")
        set = own and set .. "," .. own or set
        list[#list + 1] = not own and given or nil
    end
    list[#list + 1] = set
    return variable and list
end

local function command_of(program, allocator, environment, percent)
    local words = { "env" }
    for _, name in ipairs(measure.CLEARED) do
        table.move({ "-u", name }, 1, 2, #words + 1, words)
    end
    table.move(environment, 1, #environment, #words + 1, words)
    words[#words + 1] = not allocator.loader and "LD_PRELOAD=" .. allocator.library or nil
    local argv = { program, percent }
    argv = allocator.loader and peers.started_by_loader(allocator, argv) or argv
    return system.command(table.move(argv, 1, #argv, #words + 1, words)) .. " 2>/dev/null"
end

--- The share given back, from what the program prints: "peak after after after after", in KiB.
function give_back.share(line)
    local peak, last = line:match "^(%d+) %d+ %d+ %d+ (%d+)\n$"
    return peak and (peak - last) / peak
end

--- Starts the runs from `first` to `last`, and keeps what each gave back.
local function run_together(runs, first, last, result)
    local pipes = {}
    for i = first, last do
        pipes[i] = assert(io.popen(runs[i].command))
    end
    for i = first, last do
        local share = give_back.share(pipes[i]:read "a")
        result[runs[i].setting][runs[i].name] = pipes[i]:close() and share or nil
    end
end

local function runs_of(context, allocators, percent)
    local runs, program = {}, context.build .. "/give_back"
    for _, allocator in ipairs(allocators) do
        for setting, environment in pairs { default = allocator.environment or {},
            background_thread = with_thread(allocator) } do
            runs[#runs + 1] = { name = allocator.name, setting = setting,
                command = command_of(program, allocator, environment, percent) }
        end
    end
    return runs
end

--- { default = { [allocator] = share }, background_thread = likewise }; a run that failed has none.
function give_back.run(context, allocators, percent)
    local available = tonumber((system.read "/proc/meminfo" or ""):match "MemAvailable:%s*(%d+)") or 0
    local most = math.max(1, available // 2 // RUN_KIB)
    local runs, result = runs_of(context, allocators, percent), { default = {}, background_thread = {} }
    for first = 1, #runs, most do
        run_together(runs, first, math.min(#runs, first + most - 1), result)
    end
    return result
end

return give_back
