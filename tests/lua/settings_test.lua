-- get, set, describe, names, with: controls by name.

local test = ...
local la = require "lunalloc"

local DECAY <const> = "arena.0.dirty_decay_ms"

-- Every test leaves the decay time as it found it.
local function keeping(body)
    return function()
        local old = assert(la.get(DECAY))
        local ok, problem = pcall(body)
        assert(la.set(DECAY, old))
        assert(ok, problem)
    end
end

test("what the module says of itself", function()
    test.match(la._VERSION, "^lunalloc %d+%.%d+%.%d+$")
    test.equal(la.loaded, true)
    test.equal(type(la.replaced), "boolean")
end)

-- Who keeps the address of a thread's totals pays for each call: only get asks for it.
test("no list reads what has a price", function()
    local row = la.describe "thread.allocatedp"
    test.equal(row.value, nil)
    test.equal(row.access, "r-")
    local names, values = {}, {}
    for name, value in pairs(la.ctl.thread) do
        names[name], values[name] = true, value
    end
    test.equal(names.deallocatedp, true)
    test.equal(values.deallocatedp, nil)
    test.equal(math.type(values.deallocated), "integer")
    test.equal(math.type(la.get "thread.deallocatedp"), "integer")
end)

test("get is typed", function()
    test.equal(math.type(la.get(DECAY)), "integer")
    test.equal(type(la.get "version"), "string")
    test.equal(math.type(la.get "stats.allocated"), "integer")
    test.equal(math.type(la.get "arenas.narenas"), "integer")
end)

test("set takes numbers, and text with units", keeping(function()
    test.equal(la.set(DECAY, 1500), true)
    test.equal(la.get(DECAY), 1500)
    test.equal(la.set(DECAY, "2s"), true)
    test.equal(la.get(DECAY), 2000)
    test.equal(la.set(DECAY, "-1"), true)
    test.equal(la.get(DECAY), -1)
    test.equal(la.set(DECAY, 700.0), true)
    test.equal(la.get(DECAY), 700)
end))

test("set takes booleans", function()
    local old = assert(la.get "thread.tcache.enabled" ~= nil) and la.get "thread.tcache.enabled"
    test.equal(la.set("thread.tcache.enabled", false), true)
    test.equal(la.get "thread.tcache.enabled", false)
    test.equal(la.set("thread.tcache.enabled", true), true)
    test.equal(la.get "thread.tcache.enabled", true)
    test.equal(la.set("thread.tcache.enabled", 0.0), true) -- a whole number, as the text "0"
    test.equal(la.get "thread.tcache.enabled", false)
    assert(la.set("thread.tcache.enabled", old))
end)

test("words, sizes and actions of all threads", function()
    do
        local _ <close> = assert(la.with { ["arenas.junk"] = "true", ["arenas.quarantine"] = "64K" })
        test.equal(la.get "arenas.junk", "true")
        test.equal(la.get "arenas.quarantine", 65536)
        test.equal(la.get "thread.tcache.enabled", true)
        test.fails("EINVAL", "false, true, alloc, free", la.set("arenas.junk", "maybe"))
    end
    test.equal(la.get "arenas.junk", "false")
    test.equal(la.get "arenas.quarantine", 0)
    test.equal(la.set "arenas.tcache_flush", true)
    test.equal(math.type(la.get "arenas.nbehind"), "integer")
    test.fails("EPERM", ".", la.set("arenas.nbehind", 1))
end)

test("an action is done by set without a value", function()
    test.equal(la.set "arena.0.purge", true)
    test.equal(la.set("arena.0.decay", nil), true)
end)

test("a bad name fails with a message and a code", function()
    test.fails("ENOENT", "no%.such", la.get "no.such")
    test.fails("ENOENT", "no%.such", la.set("no.such", 1))
    test.fails("ENOENT", ".", la.get "")
    test.fails("ENOENT", "did you mean 'arena%.[^']+dirty_decay_ms'", la.describe "arena.0.dirty_decay_mss")
    test.fails("ENOENT", "arena", la.get "arena.99999.dirty_decay_ms")
    test.fails("ENOENT", "^no control 'bogus'$", la.get "bogus")
    local group = "^arena%.0 is a group of controls, such as arena%.0%.decay$"
    test.fails("ENOENT", group, la.get "arena.0")
    test.fails("ENOENT", group, la.set("arena.0", 1))
    test.fails("ENOENT", group, la.describe "arena.0")
end)

test("what is fixed says what is live", function()
    test.fails("EPERM", "; arenas%.nauto changes it live$", la.set("opt.narenas", 4))
    test.equal(la.describe "opt.narenas".live, "arenas.nauto")
    test.equal(la.describe "opt.lg_quantum".live, nil)
    test.equal(la.describe(DECAY).live, nil)
end)

test("a bad value fails and changes nothing", keeping(function()
    assert(la.set(DECAY, 1234))
    test.fails("EINVAL", DECAY, la.set(DECAY, "soon"))
    test.fails("EINVAL", DECAY, la.set(DECAY, -2))
    test.fails("EINVAL", DECAY, la.set(DECAY, 0.5))
    test.fails("EINVAL", DECAY, la.set(DECAY, 1e300))
    test.fails("EINVAL", DECAY, la.set(DECAY, 0 / 0))
    test.fails("EINVAL", ".", la.set(DECAY, ""))
    test.equal(la.get(DECAY), 1234)
end))

test("reading an action and writing what is read-only fail with EPERM", function()
    test.fails("EPERM", "purge", la.get "arena.0.purge")
    test.fails("EPERM", "version", la.set("version", "2"))
    test.fails("EPERM", "stats%.allocated", la.set("stats.allocated", 1))
end)

test("wrong types raise", function()
    test.raises("string expected", la.get)
    test.raises("string expected", la.get, 1)
    test.raises("string expected", la.set, {}, 1)
    test.raises("boolean, number or string expected", la.set, DECAY, {})
    test.raises("boolean, number or string expected", la.set, DECAY, print)
    test.raises("without zero bytes", la.get, "version\0")
    test.raises("without zero bytes", la.set, DECAY, "1\0")
end)

test("describe", keeping(function()
    local fields = "name:string pattern:string type:string unit:string access:string applies:string min:integer? " ..
        "max:integer? default:integer? value:integer? source:string? doc:string"
    local row = assert(la.describe(DECAY))
    test.shape(row, fields)
    test.equal(row.name, DECAY)
    test.equal(row.pattern, "arena.<i>.dirty_decay_ms")
    test.equal(row.type, "ssize")
    test.equal(row.unit, "ms")
    test.equal(row.access, "rw")
    test.equal(row.applies, "live")
    test.equal(row.min, -1)
    test.equal(row.value, la.get(DECAY))
    assert(la.set(DECAY, 321))
    test.equal(la.describe(DECAY).value, 321)
    test.equal(la.describe(DECAY).source, "live")
end))

test("describe of a pattern and of an action has no value", function()
    local pattern = assert(la.describe "arena.<i>.dirty_decay_ms")
    test.equal(pattern.value, nil)
    test.equal(pattern.name, "arena.<i>.dirty_decay_ms")
    local action = assert(la.describe "arena.0.purge")
    test.equal(action.type, "action")
    test.equal(action.value, nil)
end)

test("describe does not create an arena", function()
    local before = la.get "arenas.narenas"
    assert(la.describe "arenas.create")
    test.equal(la.get "arenas.narenas", before)
end)

test("names lists every control, and each can be described", function()
    local n = 0
    local types = { action = true, bool = true, unsigned = true, size = true, ssize = true, u64 = true, string = true,
        pointer = true, struct = true }
    for name in la.names() do
        local row = assert(la.describe(name))
        test.equal(types[row.type], true, name .. " has the type " .. row.type)
        n = n + 1
    end
    test.equal(n > 20, true, "more than 20 names")
end)

test("names by plain text and by pattern", function()
    local plain, matched = {}, {}
    for name in la.names "arena.<i>." do
        plain[#plain + 1] = name
        test.match(name, "^arena%.<i>%.")
    end
    for name in la.names "^arena%.<i>%." do
        matched[#matched + 1] = name
    end
    test.equal(#plain > 4, true)
    test.equal(table.concat(matched, " "), table.concat(plain, " "))
    for _ in la.names "no such text" do
        error("nothing matches this")
    end
    test.raises("malformed pattern", la.names, "[")
end)

test("with restores on scope exit", keeping(function()
    assert(la.set(DECAY, 4000))
    do
        local guard <close> = assert(la.with { [DECAY] = 0, ["arena.0.muzzy_decay_ms"] = "1s" })
        test.equal(la.get(DECAY), 0)
        test.equal(la.get "arena.0.muzzy_decay_ms", 1000)
        test.match(tostring(guard), "2 settings")
    end
    test.equal(la.get(DECAY), 4000)
end))

test("with restores large values, words and negative ones", function()
    local name = "arenas.quarantine"
    for _, values in ipairs { { "arenas.quarantine", 8 << 30, 0 }, { "arenas.junk", "alloc", false },
        { "arenas.dirty_max", -1, "1M" }, { DECAY, -1, 5 } } do
        local outer <close> = assert(la.with { [values[1]] = values[2] })
        do
            local inner <close> = assert(la.with { [values[1]] = values[3] })
            test.equal(la.get(values[1]) ~= values[2], true)
            test.equal(inner ~= outer, true)
        end
        test.equal(la.get(values[1]), values[2])
    end
    test.equal(la.get(name), 0)
end)

test("with restores when the scope is left by an error", keeping(function()
    assert(la.set(DECAY, 4000))
    test.raises("out", function()
        local _ <close> = assert(la.with { [DECAY] = 0 })
        error "out"
    end)
    test.equal(la.get(DECAY), 4000)
end))

test("with is all or nothing", keeping(function()
    assert(la.set(DECAY, 4000))
    test.raises("no control 'zzz.unknown'", la.with, { [DECAY] = 1, ["zzz.unknown"] = 1 })
    test.equal(la.get(DECAY), 4000)
    test.raises("muzzy", la.with, { [DECAY] = 1, ["arena.0.muzzy_decay_ms"] = "never" })
    test.equal(la.get(DECAY), 4000)
    test.raises("version", la.with, { version = "9" })
    test.raises("table", la.with, 3)
    test.raises("name of a control", la.with, { 3 })
end))

test("with that is refused says so under <close>, in the caller's line", function()
    test.raises("settings_test.lua:%d+: bad argument #1 to 'with' %(no control 'arena.0.dirty_decay_mss'; " ..
        "did you mean 'arena.0.dirty_decay_ms'%?%)", function()
        local _ <close> = la.with { ["arena.0.dirty_decay_mss"] = 5 }
    end)
end)

--- What warnings say while body() runs: Lua hands them to standard error, so a child runs it.
local function warnings_of(script)
    local path = os.tmpname()
    do
        local file <close> = assert(io.open(path, "w"))
        file:write("warn '@on' local la = require 'lunalloc'\n", script)
    end
    local pipe <close> = assert(io.popen(("lua5.4 %s 2>&1"):format(path)))
    local text = pipe:read "a"
    os.remove(path)
    return text
end

test("a guard that is collected restores the settings, with a warning", function()
    local text = warnings_of [[
        la.set("arena.0.dirty_decay_ms", 4000)
        la.with { ["arena.0.dirty_decay_ms"] = 0 }
        assert(la.get "arena.0.dirty_decay_ms" == 0)
        collectgarbage()
        print(la.get "arena.0.dirty_decay_ms")]]
    test.match(text, "^Lua warning: lunalloc: with: a guard was collected before it was closed; " ..
        "its settings were restored now %(write: [^\n]+%)\n4000\n$")
    test.equal(warnings_of [[do local g <close> = la.with { ["arena.0.dirty_decay_ms"] = 0 } end collectgarbage()]], "")
    test.match(warnings_of "kept = la.with { ['arena.0.dirty_decay_ms'] = 0 }", "^Lua warning: .* restored now ")
end)

test("with can be ended early, once", keeping(function()
    assert(la.set(DECAY, 4000))
    do
        local guard <close> = assert(la.with { [DECAY] = 5 })
        guard:restore()
        test.equal(la.get(DECAY), 4000)
        assert(la.set(DECAY, 6))
        guard:restore()
    end
    test.equal(la.get(DECAY), 6)
end))

test("conf: what was changed live, and nothing that has its first value again", function()
    local old, before = la.get "arenas.tcache_bytes", la.conf()
    test.equal(la.set("arenas.tcache_bytes", 123456), true)
    test.match(la.conf(), "tcache_bytes:123456")
    test.equal(la.set("arenas.tcache_bytes", old), true)
    test.equal(la.conf(), before)
end)

test("conf: an option stands for all arenas, so they have to agree", function()
    local function says_not(name)
        local _, unsaid = la.conf()
        return (" " .. table.concat(unsaid, " ") .. " "):find(" " .. name .. " ", 1, true) ~= nil
    end
    local old = la.get "arena.0.muzzy_decay_ms"
    test.equal(la.set("arena.4096.muzzy_decay_ms", old), true)
    local before = la.conf()
    local arena <const> = assert(la.arena.create {}).index
    test.equal(la.set(("arena.%d.muzzy_decay_ms"):format(arena), 4321), true)
    test.equal(says_not "muzzy_decay_ms", true)
    test.equal((la.conf()), before)
    test.equal(la.set("arena.4096.muzzy_decay_ms", 4321), true)
    test.equal(says_not "muzzy_decay_ms", false)
    test.match(la.conf(), "muzzy_decay_ms:4321")
    test.equal(la.set("arena.4096.muzzy_decay_ms", old), true)
    test.equal(la.arena(arena):destroy(), true)
    test.equal((la.conf()), before)
end)
