-- lunalloc.exporter: answers to requests, with targets that are this process under other names; and core.metrics.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"
local exporter = require "lunalloc.exporter"

-- A target that reads this process. `state` can be changed: lost, silent.
local function fake(pid, name, state, way)
    local t = setmetatable({ pid = pid, name = name, way = way }, { __index = la })
    function t.alive() return not state.lost end
    function t.close() state.closed = (state.closed or 0) + 1 end
    function t.stats()
        state.reads = (state.reads or 0) + 1
        if state.lost then
            return nil, "it has ended", "ESRCH"
        elseif state.silent and way == "agent" or state.unreadable then
            return nil, "it does not answer", "ETIMEDOUT"
        end
        return la.stats()
    end
    t.prof = { pprof = function()
        if state.profile then
            return state.profile
        end
        return nil, "profiling is off", "EAGAIN"
    end }
    return t
end

local now
local processes

local function new(words, all)
    now = 100
    return exporter.new { words = words, all = all, interval = 1,
        clock = function() return now end,
        gzip = function(text) return "gzip:" .. text end,
        ps = function()
            local list = {}
            for pid in pairs(processes) do
                list[#list + 1] = { pid = pid, way = "request" }
            end
            return list
        end,
        attach = function(word, options)
            for pid, p in pairs(processes) do
                if pid == word or p.name == word then
                    return fake(pid, p.name, p, options and options.way or "agent")
                end
            end
            return nil, "no process " .. word, "ESRCH"
        end }
end

-- A later request than the last one.
local function get(e, path, accept, pid)
    now = now + 2
    return e:answer("GET", path, accept, pid)
end

local function value(text, name, pid)
    return text:match("\n" .. name .. '{pid="' .. pid .. '",command="[^\n]*"} (%S+)\n')
end

test("metrics of several processes, a family once, labelled with pid and command", function()
    local block = la.buffer "1M" -- without it, the heap of a library that is not the process's malloc may be empty
    processes = { [7] = { name = 'a "b"\\' }, [8] = { name = "redis" } }
    local e = new { "7", "redis" }
    local status, kind, text = get(e, "/metrics")
    test.equal(status, 200)
    test.match(kind, "^text/plain; version=0%.0%.4")
    test.equal(select(2, text:gsub("# TYPE lunalloc_allocated_bytes gauge", "")), 1)
    test.equal(value(text, "lunalloc_up", 7) .. value(text, "lunalloc_up", 8), "11")
    test.match(text, 'lunalloc_up{pid="7",command="a \\"b\\"\\\\"} 1\n')
    test.equal(tonumber(value(text, "lunalloc_allocated_bytes", 8)) >= 1 << 20, true)
    test.match(text, 'lunalloc_arenas_active_bytes{pid="8",command="redis",arena="0"} %d+\n')
    test.match(text, "# TYPE lunalloc_nmalloc_total counter\n")
    test.equal(text:find("# EOF", 1, true), nil)
    block:free()
end)

test("OpenMetrics for those that ask for it", function()
    processes = { [7] = { name = "x" } }
    local _, kind, text = get(new { "7" }, "/metrics", "text/plain;q=0.5,application/openmetrics-text;version=1.0.0")
    test.match(kind, "^application/openmetrics%-text; version=1%.0%.0")
    test.match(text, "# TYPE lunalloc_nmalloc counter\n# HELP [^\n]*\nlunalloc_nmalloc_total{")
    test.match(text, "# UNIT lunalloc_allocated_bytes bytes\n")
    test.match(text, "\n# EOF\n$")
end)

test("a process that has ended is down for a while, and then nothing", function()
    processes = { [7] = { name = "x" }, [8] = { name = "y" } }
    local e = new { "7", "8" }
    get(e, "/metrics")
    processes[7].lost = true
    local _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7) .. value(text, "lunalloc_up", 8), "01")
    test.equal(value(text, "lunalloc_allocated_bytes", 7), nil)
    test.equal(processes[7].closed, 1)
    processes[7] = nil
    now = now + 290
    _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7), "0")
    now = now + 20
    _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7), nil)
end)

test("one whose agent does not answer is read from its memory", function()
    processes = { [7] = { name = "x", silent = true } }
    local e = new { "7" }
    for _ = 1, 2 do
        local _, _, text = get(e, "/metrics")
        test.equal(value(text, "lunalloc_up", 7), "1")
    end
    test.equal(processes[7].reads, 3)
    test.equal(processes[7].closed, 1)
end)

test("one that cannot be read is down, and is read again", function()
    processes = { [7] = { name = "x", unreadable = true } }
    local e = new { "7" }
    local _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7), "0")
    processes[7].unreadable = nil
    _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7), "1")
end)

test("names and all: processes are attached when they appear; a pid that is used again is not", function()
    processes = {}
    local e, everything = new { "redis", "7" }, new({}, true)
    get(e, "/metrics")
    processes = { [7] = { name = "x" }, [9] = { name = "redis" } }
    local _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 9), "1")
    _, _, text = get(everything, "/metrics")
    test.equal(value(text, "lunalloc_up", 7) .. value(text, "lunalloc_up", 9), "11")
    processes[7].lost = true
    get(e, "/metrics")
    processes[7] = { name = "another" }
    _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 7), "0")
    test.equal(text:find('lunalloc_up{pid="7",command="another"', 1, true), nil)
    processes[9].lost = true
    get(e, "/metrics")
    processes[9] = nil
    processes[10] = { name = "redis" }
    _, _, text = get(e, "/metrics")
    test.equal(value(text, "lunalloc_up", 9) .. value(text, "lunalloc_up", 10), "01")
end)

test("a pid that another process has now, by name, is one process", function()
    processes = { [9] = { name = "redis" } }
    local e = new { "redis" }
    get(e, "/metrics")
    processes[9].lost = true
    get(e, "/metrics")
    processes[9] = { name = "redis" }
    local _, _, text = get(e, "/metrics")
    test.equal(select(2, text:gsub('lunalloc_up{pid="9"', "")), 1)
    test.equal(value(text, "lunalloc_up", 9), "1")
end)

test("targets are read once an interval, however many ask", function()
    processes = { [7] = { name = "x" } }
    local e = new { "7" }
    get(e, "/metrics")
    for _ = 1, 10 do
        e:answer("GET", "/metrics")
        e:answer("GET", "/metrics", "application/openmetrics-text")
    end
    test.equal(processes[7].reads, 1)
    get(e, "/metrics")
    test.equal(processes[7].reads, 2)
end)

test("profiles: of one process; off, unknown, several", function()
    processes = { [7] = { name = "x" }, [8] = { name = "y", profile = "protobuf" } }
    local e = new { "7", "8" }
    local status, kind, text = get(e, "/debug/pprof/heap", nil, "8")
    test.equal(("%d %s %s"):format(status, kind, text), "200 application/octet-stream gzip:protobuf")
    status, kind, text = get(e, "/debug/pprof/heap", nil, "7")
    test.equal(status .. text, "409profiling is off\n")
    test.equal(get(e, "/debug/pprof/heap", nil, "9"), 404)
    test.equal(get(e, "/debug/pprof/heap", nil, "x\n"), 404)
    status, kind, text = get(e, "/debug/pprof/heap")
    test.equal(status .. text, "4002 processes are served: choose one with ?pid=\n")
    processes[7].lost = true
    test.equal(get(e, "/debug/pprof/heap"), 200)
end)

test("only GET and HEAD; other pages", function()
    processes = { [7] = { name = "<b>&" } }
    local e = new { "7" }
    for _, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS" } do
        local status, _, _, header, allowed = e:answer(method, "/metrics")
        test.equal(("%d %s %s"):format(status, header, allowed), "405 Allow GET, HEAD")
    end
    test.equal(e:answer("HEAD", "/metrics"), 200)
    test.equal(get(e, "/healthz"), 200)
    test.equal(get(e, "/metrics/"), 404)
    test.equal(get(e, "/../etc/passwd"), 404)
    local _, kind, page = get(e, "/")
    test.match(kind, "^text/html")
    test.match(page, "<li>7 &lt;b&gt;&amp;: <a href=\"debug/pprof/heap%?pid=7\">")
end)

test("core.metrics refuses what it cannot write", function()
    local s = la.stats()
    for _, wrong in ipairs { { 1 }, { { { 1 } }, {} }, { { {} }, {} }, { { { {}, {}, 1 } }, {} },
        { { { { "a", 1 }, {} } }, {} }, { { { {}, {}, s } }, { { "up" } } } } do
        test.equal(pcall(core.metrics, table.unpack(wrong)), false)
    end
    test.match(core.metrics({ { { "a", "\xff" }, { 1 } } }, { { "up", "count", "?" } }), 'lunalloc_up{a="%?"} 1\n')
end)

test("core.json: arrays, objects sorted by name, and what has no JSON", function()
    test.equal(core.json { b = 1, a = { 1, 2.5, "x\"\n", true }, c = {}, d = { e = false } },
        '{"a":[1,2.500000,"x\\"\\n",true],"b":1,"c":[],"d":{"e":false}}')
    test.equal(core.json "text", '"text"')
    local endless = {}
    endless[1] = endless
    for _, wrong in ipairs { { print }, endless, { x = coroutine.create(print) } } do
        test.equal(pcall(core.json, wrong), false)
    end
    test.equal(pcall(core.json), false)
end)
