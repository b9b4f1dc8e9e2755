-- The module in a host that has opened few of Lua's libraries: base, string, table, math and package.

local test = ...

--- What the script prints in such a host.
local function run(script)
    local path = os.tmpname()
    do
        local file <close> = assert(io.open(path, "w"))
        file:write [[
            for _, name in ipairs { "io", "os", "utf8", "debug", "coroutine" } do
                _G[name], package.loaded[name] = nil, nil
            end
            local la = require "lunalloc"
        ]]
        file:write(script)
    end
    local pipe <close> = assert(io.popen(("lua5.4 %s 2>&1"):format(path)))
    local text = pipe:read "a"
    os.remove(path)
    return text
end

test("it loads, and what needs no file works", function()
    test.equal(run [[
        assert(la.loaded and #tostring(la.stats()) > 0)
        assert(la.get "arenas.narenas" >= 1 and #tostring(la.ctl.opt) > 0 and #tostring(la.names "prof") > 0)
        for e in la.extents() do assert(e.addr) break end
        assert(#la.threads() >= 1 and la.conf() and la.doctor() and la.purge() and la.ps() and la.waste())
        assert(la.prof.start { lg_sample = 10 } and la.prof.top() and la.prof.samples():by "function")
        local buffer = la.buffer "1M"
        assert(la.prof.stop() and #la.prof.pprof() > 0 and buffer:size() > 0)
        print(la.with { ["arena.0.dirty_decay_ms"] = 5 } ~= nil)
    ]], "true\n")
end)

test("a picture without utf8 is the same", function()
    local script = [[
        local picture = la.plot { series = { { values = { 1, 5, 2, 8 } } }, mode = "blocks", width = 40, height = 8 }
        print(tostring(picture))]]
    local la = require "lunalloc"
    local picture = la.plot { series = { { values = { 1, 5, 2, 8 } } }, mode = "blocks", width = 40, height = 8 }
    local bare = run(script)
    test.equal(#bare > 100, true)
    test.equal(bare:gsub("%s", ""), (tostring(picture):gsub("%s", "")))
end)

test("what needs a file says so", function()
    local text = run [[
        print(la.prof.dump "x.collapsed")
        print(la.attach "nobody")
        print(la.stats_print())
    ]]
    local n = 0
    for line in text:gmatch "[^\n]+" do
        n = n + 1
        test.match(line, "^nil\t.*has not opened Lua's io library")
    end
    test.equal(n, 3)
end)
