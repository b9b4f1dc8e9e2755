-- Which allocator a workload measures: the malloc of this process, whatever it is, by its name and version.

local test = ...
local workload = require "lunalloc.workload"
local core = require "lunalloc.core"

local describe_with = dofile "tests/workload/describe.lua"

local function describe(more)
    return describe_with({}, more or {})
end

local function needs_lunalloc()
    if not core.loaded then
        test.skip "lunalloc is not loaded"
    end
end

--- What a script prints in a stock interpreter with that library preloaded.
local function preloaded(library, script)
    local pipe <close> = assert(io.popen(("LD_PRELOAD=%s lua5.4 -e '%s' 2>&1"):format(library, script)))
    return pipe:read "a"
end

local NAMES <const> = [[
    local la = require "lunalloc"
    local r = la.workload { ops = 100, mix = { { size = 100, lifetime = 10 } } }:run()
    print(r.allocator, r.allocator_version, r.allocator_beside, tostring(r):match "on (.-), seed")
    for _, a in ipairs(la.allocators()) do
        if a.current then
            print(a.name, a.version, a.path)
        end
    end]]

test("the malloc that is preloaded is measured, and named with its version", function()
    for _, a in ipairs(core.workload.allocators()) do
        if a.name ~= "glibc" and a.path:find "%.so" then
            local name, version, beside, title, current, again, path = preloaded(a.path, NAMES):match(
                "^(%S+)\t(%S+)\t(%S+)\t([^\n]*)\n(%S+)\t(%S+)\t(%S+)\n$")
            test.equal(name, a.name)
            test.match(version, "^%d+%.%d+")
            test.equal(version:sub(1, #a.version), a.version)
            test.equal(beside, "nil")
            test.equal(title, name .. " " .. version)
            test.equal(current, name)
            test.equal(again, version)
            test.equal(path, a.path)
        end
    end
end)

test("the malloc of this process is one of the allocators", function()
    local name, title = core.workload.process()
    local current
    for _, a in ipairs(core.workload.allocators()) do
        if a.current then
            test.equal(current, nil, "one is current")
            current = a
        end
    end
    test.equal(current.name, name)
    test.equal(current.version and name .. " " .. current.version or name, title)
    test.equal(core.replaced, name == "lunalloc")
    test.equal(workload(describe { allocator = name }):info().allocator, name)
    test.equal(workload(describe {}):info().allocator_version, current.version)
end)

test("lunalloc beside another malloc is said to be that", function()
    needs_lunalloc()
    local name, title = core.workload.process()
    if name == "lunalloc" then
        test.skip "lunalloc is the malloc of this process"
    end
    local r = workload(describe { allocator = "lunalloc" })()
    test.equal(r.allocator, "lunalloc")
    test.equal(r.allocator_version, core.version)
    test.equal(r.allocator_beside, title)
    test.match(tostring(r), "on lunalloc " .. core.version:gsub("%p", "%%%0") .. ", loaded beside " .. name)
end)

test("settings are refused while another malloc is measured", function()
    needs_lunalloc()
    if core.workload.process() == "lunalloc" then
        test.skip "lunalloc is the malloc of this process"
    end
    local set = { ["arena.0.dirty_decay_ms"] = 1 }
    test.raises("phases%[2%]%.set: arena%.0%.dirty_decay_ms is a setting of lunalloc, but .* is measured", workload,
        describe { duration = "1s", phases = { { at = 0, scale = 1 }, { at = 0, set = set } } })
    local w <close> = workload(describe { duration = "forever" }):start()
    test.raises("set: arena%.0%.dirty_decay_ms is a setting of lunalloc, but .* is measured", w.set, w, { set = set })
    test.equal(w:stop().timeline[1].allocated, nil)
end)
