--- Settings that fight each other, that have no effect, or that are for tests. They cost time, or a chance.

local check = require "lunalloc.check"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"
local io = require("lunalloc.host").io

local settings = {}

local human = units.human

--- A finding of this kind has a setting as its remedy, and gives no memory back.
local function find(look, what, cause, name, value)
    look:find { kind = "settings", bytes = 0, what = what, cause = cause,
        remedy = look:set { name, value } }
end

--- True if the control has this value in every arena that threads use.
local function all_arenas(look, field, value)
    local any = false
    for index, row in pairs(look.last.arenas) do
        if row.nthreads > 0 and look:value(("arena.%d.%s"):format(index, field)) ~= value then
            return false
        end
        any = any or row.nthreads > 0
    end
    return any
end

--- Was the setting changed from its default, at the start or since?
local function is_chosen(look, name)
    local row = look.api.describe(name)
    return row ~= nil and row.source ~= nil and row.source ~= "default"
end

--- Background threads purge what decays. Nothing decays with -1.
local function find_vain_background(look)
    if look:value "background_thread" == true and is_chosen(look, "background_thread")
        and all_arenas(look, "dirty_decay_ms", -1)
        and (look:number "arena.0.dirty_max" or -1) == -1 then
        find(look, "background_thread is on, and dirty_decay_ms is -1 in all arenas in use.",
            "A background thread purges pages as they decay, and here none ever does.", "arena.4096.dirty_decay_ms",
            10000)
    end
end

--- Muzzy pages come from dirty ones that decay. With -1 there are none.
local function find_vain_muzzy(look)
    if all_arenas(look, "dirty_decay_ms", -1) and (look:number "arena.0.muzzy_decay_ms" or 0) > 0 then
        find(look, ("muzzy_decay_ms is %d, and dirty_decay_ms is -1 in all arenas in use."):format(
            look:value "arena.0.muzzy_decay_ms"), "Pages become muzzy when dirty ones decay, and here none ever does.",
            "arena.4096.dirty_decay_ms", 10000)
    end
end

--- Bytes that all arenas purged in a second.
local function purge_rate(look)
    return look.seconds > 0 and (look.last.purged - look.first.purged) / look.seconds or 0
end

--- A cap below what the program frees and takes again: pages are given back and faulted in again all the time.
local function find_low_cap(look)
    local cap, rate = look:number "arena.0.dirty_max" or -1, purge_rate(look)
    if cap >= 0 and rate >= limits.bytes and rate >= limits.refault_share * math.max(cap, limits.bytes) then
        find(look, ("dirty_max is %s, and %s a second are given back."):format(human(cap), human(rate)),
            "The program takes these pages again at once: each return costs a system call and page faults.",
            "arena.4096.dirty_max", (cap + look.active.most - look.active.least) // 65536 * 65536)
    end
end

--- The same with a decay time of 0.
local function find_no_decay(look)
    local rate = purge_rate(look)
    if all_arenas(look, "dirty_decay_ms", 0) and rate >= 4 * limits.bytes then
        find(look, ("dirty_decay_ms is 0, and %s a second are given back."):format(human(rate)),
            "The program takes these pages again at once: each return costs a system call and page faults.",
            "arena.4096.dirty_decay_ms", 1000)
    end
end

--- Aids against misuse fill or check every block.
local function find_debugging(look)
    local junk = look:value "arenas.junk"
    if junk and junk ~= "false" then
        find(look, ("arenas.junk is %s: memory of every allocation or free is filled."):format(junk),
            "Junk finds misuse, and costs time in proportion to the bytes; it is not for production.", "arenas.junk",
            "false")
    end
    local quarantine = look:number "arenas.quarantine" or 0
    if quarantine > 0 and not look.quarantined then
        find(look, ("arenas.quarantine is %s: every freed object waits, and is checked."):format(human(quarantine)),
            "Quarantine finds misuse, and takes every call through the slow path; it is not for production.",
            "arenas.quarantine", 0)
    end
end

local function find_fine_profile(look)
    local lg = check.sent(look:value "prof.lg_sample", nil, 62)
    if look:value "prof.active" == true and lg and lg < limits.prof_lg_sample then
        look:find { kind = "settings", bytes = 0,
            what = ("The profiler samples every %s: %s samples a second at the present rate."):format(human(1 << lg),
                units.human_count((look.last - look.first).rates.nrequests // 1)),
            cause = "Each sample walks the stack, and has a page for itself.",
            remedy = { text = look:call "prof.start{lg_sample = 19}",
                apply = function() return look.api.prof.start { lg_sample = 19 } end } }
    end
end

local function find_no_caches(look)
    if look:value "opt.tcache" == false and look.last.nthreads > 1 then
        look:find { kind = "settings", bytes = 0,
            what = ("tcache is false, and %d threads allocate."):format(look.last.nthreads),
            cause = "Without a cache every call takes a lock.",
            remedy = { text = "LUNALLOC_CONF=tcache:true, at the next start" } }
    end
end

--- Huge pages that the system never gives.
local function find_vain_thp(look)
    local file <close> = io.open "/sys/kernel/mm/transparent_hugepage/enabled"
    local mode = file and file:read "l" or ""
    if mode:find("[never]", 1, true) and look:value "arena.0.thp" == "always" then
        find(look, "thp is always, and the system gives no huge pages (transparent_hugepage/enabled is never).",
            "The arena keeps huge pages whole, for nothing: fewer pages are given back.", "arena.4096.thp",
            "default")
    end
end

function settings.run(look)
    find_vain_background(look)
    find_vain_muzzy(look)
    find_low_cap(look)
    find_no_decay(look)
    find_debugging(look)
    find_fine_profile(look)
    find_no_caches(look)
    find_vain_thp(look)
end

return settings
