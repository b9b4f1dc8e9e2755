-- Takes the samples: one unmeasured round, which counts system calls, then measured rounds, interleaved.
--
-- A result is {row, samples = {allocator -> array of sample}, calls = {allocator -> {name -> count}}, failed =
-- {allocator -> why}}; a sample is {wall_ns, user_us, sys_us, peak_kib, faults}.

local peers = require "peers"
local system = require "system"

local measure = {}

local LIMIT <const> = 60 -- seconds for a run
local PRETOUCH_MAX <const> = 2 << 20 -- KiB
local CALLS <const> = "madvise,munmap,mmap,mremap"
-- Environment variables that would configure an allocator, or replace it.
measure.CLEARED = { "LD_PRELOAD", "LUNALLOC_CONF", "MALLOC_CONF", "MIMALLOC_VERBOSE", "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX", "LUNALLOC_SO" }

local function append(list, ...)
    for _, value in ipairs { ... } do
        list[#list + 1] = value
    end
end

local function strace_words(strace, trace)
    return strace, "-f", "-c", "--seccomp-bpf", "-e", "trace=" .. CALLS, "-o", trace
end

--- The path of strace; nil if it is not installed or must not trace.
function measure.strace(context)
    local strace = context.find "strace"
    local works = strace and os.execute(system.command { strace_words(strace, "/dev/null") } .. " true 2>/dev/null")
    return works and strace or nil
end

--- The row's command, on the allocator's C library if it has one.
local function program_of(row, allocator)
    return allocator.loader and peers.started_by_loader(allocator, row.argv) or row.argv
end

--- The command that runs `row` on `allocator`; with `trace`, under strace, which writes to that file.
local function words_of(context, row, allocator, trace)
    local words = { context.build .. "/run", "-t", LIMIT, "-o", context.scratch .. "/stderr" }
    for _, name in ipairs(measure.CLEARED) do
        append(words, "-e", name)
    end
    for _, list in ipairs { row.environment or {}, allocator.environment or {} } do
        for _, variable in ipairs(list) do
            append(words, "-e", variable)
        end
    end
    append(words, "-i", row.input or "/dev/null")
    if row.socket then
        append(words, "-s", row.socket)
    end
    if trace then
        append(words, "--", strace_words(context.strace, trace))
        append(words, table.unpack(allocator.loader and {} or { "-E", "LD_PRELOAD=" .. allocator.library }))
    else
        append(words, table.unpack(allocator.loader and {} or { "-l", allocator.library }))
        append(words, "-n", row.times or 1, "-p", row.pretouch or 0, "--")
    end
    append(words, table.unpack(program_of(row, allocator)))
    if row.client then
        append(words, "--", table.unpack(row.client))
    end
    return words
end

--- A sample; or nil and the reason.
local function run(context, row, allocator, trace)
    os.remove(context.scratch .. "/stderr")
    local line = system.output(system.command(words_of(context, row, allocator, trace)))
    local status, wall, user, sys, peak, faults = line:match "^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$"
    if status ~= "0" then
        local said = (system.read(context.scratch .. "/stderr") or ""):match "([^\n]+)\n*$" or ""
        return nil, ("status %s%s"):format(status or "?", said ~= "" and ": " .. said:sub(1, 80) or "")
    end
    return { wall_ns = tonumber(wall), user_us = tonumber(user), sys_us = tonumber(sys), peak_kib = tonumber(peak),
        faults = tonumber(faults) }
end

--- Calls by name, from strace's table: "% time  seconds  usecs/call  calls  [errors]  syscall".
function measure.parse_calls(text)
    local calls = {}
    for name in CALLS:gmatch "%a+" do
        calls[name] = 0
    end
    for line in text:gmatch "[^\n]+" do
        local count, name = line:match "^%s*[%d.]+%s+[%d.]+%s+%d+%s+(%d+)%s.-(%a+)$"
        if calls[name] then
            calls[name] = calls[name] + tonumber(count)
        end
    end
    return calls
end

--- The unmeasured run of a row on an allocator.
local function warm_up(context, result, allocator)
    if allocator.loader and result.row.starts then
        result.failed[allocator.name] = "its program starts others, which would run on the system's C library"
        return
    end
    local trace = context.strace and context.scratch .. "/calls"
    local sample, why = run(context, result.row, allocator, trace)
    if sample and trace then
        result.calls[allocator.name] = measure.parse_calls(system.read(trace) or "")
    end
    if sample then
        result.row.pretouch = math.min(PRETOUCH_MAX, math.max(result.row.pretouch or 0, sample.peak_kib))
    else
        result.failed[allocator.name] = why
    end
end

local function sample(context, result, allocator)
    if result.failed[allocator.name] then
        return
    end
    local taken, why = run(context, result.row, allocator)
    if taken then
        table.insert(result.samples[allocator.name], taken)
    else
        result.failed[allocator.name] = why
    end
end

local function new_result(row, allocators)
    local result = { row = row, samples = {}, calls = {}, failed = {} }
    for _, allocator in ipairs(allocators) do
        result.samples[allocator.name] = {}
    end
    return result
end

--- rounds: the number of measured ones. Calls progress(round, row) before each row.
function measure.all(context, rows, allocators, rounds, progress)
    local results = {}
    for i, row in ipairs(rows) do
        results[i] = new_result(row, allocators)
    end
    for round = 0, rounds do
        for i, result in ipairs(results) do
            progress(round, result.row)
            for turn = 1, #allocators do
                local allocator = allocators[(turn + round + i) % #allocators + 1]
                if round == 0 then
                    warm_up(context, result, allocator)
                else
                    sample(context, result, allocator)
                end
            end
        end
    end
    return results
end

return measure
