-- doctor.lua -- what doctor.sh runs in the console: plants each illness in a process of its own, lets the doctor look
-- at it from outside, applies its first remedy, and measures what that gave back. Prints a table, with "ok" and "FAIL"
-- lines for doctor.sh.
--
--     lunalloc doctor.lua LIBRARY PROGRAM FOLDER

local core = require "lunalloc.core"
local units = require "lunalloc.units"

local library, program, folder = arg[1], arg[2], arg[3]

-- name of the illness, settings, kind of the first finding, and of another one that is as good
local planted <const> = {
    { "dirty", "dirty_decay_ms:-1", "dirty" },
    { "muzzy", "dirty_decay_ms:0,muzzy_decay_ms:-1", "muzzy" },
    { "overdue", "dirty_decay_ms:100,background_thread:false", "overdue" },
    { "scattered", "dirty_decay_ms:600000", "scattered" },
    { "fragmented", "", "fragmentation" },
    { "fragmented", "prof:true,lg_prof_sample:14", "pinned" },
    { "caches", "", "caches" },
    { "arenas", "narenas:200,dirty_decay_ms:60000", "arenas" },
    { "contended", "narenas:1,tcache:false", "contention" },
    { "retained", "retain:true,dirty_decay_ms:500", "retained" },
    { "huge", "thp:always,dirty_decay_ms:500", "huge pages" },
    { "sparse", "thp:always", "huge pages" },
    { "none", "dirty_decay:500", "environment" },
    { "none", "dirty_decay_ms:-1,background_thread:true", "settings" },
    { "foreign", "", "foreign" },
}

local MISSES_ALLOWED <const> = 1
local TOLERANCE <const> = 0.2
-- On a loaded machine, pages decay, and threads run, between the doctor's look and its remedy: it is tried again.
local ATTEMPTS <const> = 3

-- ---- processes -----------------------------------------------------------------------------------------------------

--- Starts the program. Returns the pipe that ends it when it is closed, and its pid.
local function start(name, conf)
    local path = folder .. "/ready"
    os.remove(path)
    local command = "LUNALLOC_CONF='agent:true,%s' LD_PRELOAD='%s' exec '%s' %s >'%s' 2>/dev/null"
    local pipe = assert(io.popen(command:format(conf, library, program, name, path), "w"))
    for _ = 1, 300 do
        local file <close> = io.open(path)
        local pid = file and file:read "a":match "ready (%d+)"
        if pid then
            return pipe, math.tointeger(pid)
        end
        core.pause(0.1)
    end
    error(name .. ": the program does not get ready")
end

--- Resident memory and address space of a process.
local function memory(pid)
    local file <close> = assert(io.open(("/proc/%d/statm"):format(pid)))
    local space, resident = file:read("n", "n")
    return { resident = resident * 4096, space = space * 4096 }
end

-- ---- one illness ---------------------------------------------------------------------------------------------------

--- Waits until as much was given back as was promised, within the tolerance. Returns how much was.
local function measure(pid, before, finding)
    local what, given = finding.measure or "resident", 0
    for _ = 1, 50 do
        given = before[what] - memory(pid)[what]
        if math.abs(given - finding.gives_back) <= TOLERANCE / 2 * finding.gives_back then
            break
        end
        core.pause(0.1)
    end
    return given
end

local function is_kept(promised, given)
    if promised == 0 then
        return math.abs(given) < 4 << 20
    end
    return math.abs(given - promised) <= TOLERANCE * promised
end

--- A row of the table: what was planted, what the doctor says first, what it promised, and what it gave.
local function examine(name, conf)
    local pipe, pid = start(name, conf)
    local t <close> = assert(la.attach(pid))
    core.pause(0.5)
    local findings = assert(t.doctor())
    local row = { name = name, conf = conf, n = #findings, kind = findings[1] and findings[1].kind or "nothing",
        promised = 0, given = 0, text = tostring(findings) }
    local finding = findings[1]
    if finding and finding.remedy.apply then
        local before = memory(pid)
        local ok, message = finding.remedy.apply()
        row.message = not ok and message or nil
        row.promised, row.given = finding.gives_back, measure(pid, before, finding)
        row.kept = ok ~= nil and is_kept(row.promised, row.given)
    end
    pipe:close()
    return row
end

--- The first attempt that is as it should be, or the last one.
local function examine_patiently(name, conf, wanted)
    local row
    for _ = 1, ATTEMPTS do
        row = examine(name, conf)
        if row.kind == wanted and row.kept ~= false then
            break
        end
    end
    return row
end

-- ---- the table -----------------------------------------------------------------------------------------------------

local function print_row(row, wanted)
    print(("%-11s %-34s %-14s %-14s %10s %10s"):format(row.name, row.conf, wanted, row.kind,
        units.human(row.promised), row.kept == nil and "-" or units.human(row.given)))
end

local missed = 0
print(("%-11s %-34s %-14s %-14s %10s %10s"):format("planted", "settings", "cause", "first finding", "promised",
    "given back"))
for _, case in ipairs(planted) do
    local name, conf, wanted = table.unpack(case)
    local row = examine_patiently(name, conf, wanted)
    print_row(row, wanted)
    if row.kind ~= wanted then
        missed = missed + 1
        print((row.text:gsub("[^\n]+", "     | %0")))
    end
    if row.kept == false then
        print(("FAIL the remedy of %s gives back what it promised: %s"):format(name, row.message or ""))
    elseif row.kept then
        print(("ok   the remedy of %s gives back what it promised"):format(name))
    end
end
print(("%s the planted cause is the first finding in %d of %d"):format(missed <= MISSES_ALLOWED and "ok  " or "FAIL",
    #planted - missed, #planted))

-- A program that takes its pages again is well, also with a decay time of -1.
for _, conf in ipairs { "", "dirty_decay_ms:-1" } do
    local row = examine("breathing", conf)
    print(("%s a process that breathes is well (%s)"):format(row.n == 0 and "ok  " or "FAIL",
        conf == "" and "defaults" or conf))
    if row.n > 0 then
        print((row.text:gsub("[^\n]+", "     | %0")))
    end
end
