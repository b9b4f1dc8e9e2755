-- The bench as a program: its arithmetic on fixed numbers, its runner, its options, and every pattern run through once.
-- No times are judged.

local test = ...

local root = io.popen("pwd"):read "l"
package.path = root .. "/scripts/bench/?.lua;" .. package.path

local statistics = require "statistics"
local json = require "json"
local give_back = require "give_back"
local measure = require "measure"
local report = require "report"

local BENCH <const> = "scripts/bench/bench"
local scratch = os.tmpname()
os.remove(scratch)
os.execute("mkdir -p " .. scratch)

--- Output (both streams) and exit status of a shell command.
local function shell(command)
    local pipe = io.popen("{ " .. command .. "\n} 2>&1; echo $?")
    local text = pipe:read "a"
    pipe:close()
    local output, status = text:match "^(.-)(%d+)\n$"
    return output, tonumber(status)
end

local function near(got, wanted)
    test.equal(("%.9g"):format(got), ("%.9g"):format(wanted))
end

-- ---- arithmetic ----------------------------------------------------------------------------------------------------

test("median and spread", function()
    near(statistics.median { 3, 1, 2 }, 2)
    near(statistics.median { 4, 1, 2, 3 }, 2.5)
    near(statistics.median { 7 }, 7)
    near(statistics.spread { 8, 10, 13 }, 0.5)
    near(statistics.spread { 0, 0 }, 0)
end)

test("geometric mean", function()
    near(statistics.geomean { 2, 8 }, 4)
    near(statistics.geomean { 1, 10, 100 }, 10)
    test.equal(statistics.geomean {}, nil)
end)

test("the lowest value, of those allowed", function()
    local name, value = statistics.lowest { a = 3, b = 2, c = 2 }
    test.equal(name, "b")
    test.equal(value, 2)
    test.equal((statistics.lowest({ a = 3, b = 2 }, function(n) return n ~= "b" end)), "a")
    test.equal(statistics.lowest({ a = 3 }, function() return false end), nil)
end)

test("means of ratios to the best of each row", function()
    local rows = {
        { time = { x = 1, y = 4 }, rss = { x = 20, y = 10 } },
        { time = { x = 3, y = 3 }, rss = { x = 80, y = 10 } },
    }
    local means = statistics.geomeans(rows, { "x", "y" })
    near(means.x.time, 1)
    near(means.y.time, 2)
    near(means.x.rss, 4)
    near(means.y.rss, 1)
    near(means.x.product, 4)
end)

-- ---- report --------------------------------------------------------------------------------------------------------

local function result(name, group, times, failed)
    local samples = {}
    for allocator, seconds in pairs(times) do
        samples[allocator] = { { wall_ns = seconds * 1e9, user_us = seconds * 2e6, sys_us = 0,
            peak_kib = 1024 * seconds, faults = 100 } }
    end
    return { row = { name = name, group = group }, samples = samples, calls = {}, failed = failed or {} }
end

local function printed(results, names, clock)
    local lines = {}
    local means = report.print(function(line) lines[#lines + 1] = line end, results, names, clock or "wall")
    for _, line in ipairs(lines) do
        assert(utf8.len(line) <= 120, line)
    end
    return table.concat(lines, "\n"), means
end

test("the best peer is nobody called lunalloc, and slow rows are named", function()
    local text = printed({
        result("quick", "pattern", { lunalloc = 1, ["lunalloc-x"] = 4, peer = 2, other = 3 }),
        result("slow", "program", { lunalloc = 3, ["lunalloc-x"] = 2, peer = 2, other = 4 }),
    }, { "lunalloc", "lunalloc-x", "peer", "other" })
    test.match(text, "quick +2%.000 +0%.50%* +0%% +2%.00 +0%% +1%.00 +0%% +1%.50")
    test.match(text, "lunalloc: time above 1%.15 x the best peer's in slow 1%.50\n")
    test.match(text, "lunalloc%-x: time above 1%.15 x the best peer's in quick 2%.00")
    test.match(text, "lunalloc: time geomean 1%.225 = 0%.866 x the lowest peer's %(peer 1%.414%)")
end)

test("a row that failed somewhere is left out of the means, and said", function()
    local broken = result("broken", "pattern", { lunalloc = 9, peer = 1 }, { peer = "status 139" })
    broken.samples.peer = {}
    local fine = result("fine", "pattern", { lunalloc = 2, peer = 1 })
    local text, means = printed({ fine, broken }, { "lunalloc", "peer" })
    near(means.all.of.lunalloc.time, 2)
    test.equal(means.all.rows, 1)
    test.match(text, "failed, and the row left out of the means: broken on peer: status 139")
end)

test("processor time in place of wall time", function()
    local _, means = printed({ result("a", "pattern", { lunalloc = 1, peer = 3 }) }, { "lunalloc", "peer" }, "cpu")
    near(means.pattern.of.peer.time, 3)
    local text = printed({ result("a", "pattern", { lunalloc = 1, peer = 3 }) }, { "lunalloc", "peer" }, "cpu")
    test.match(text, "\na +6%.000")
end)

test("a dozen allocators stay within 120 columns", function()
    local times, names = {}, {}
    for i = 1, 12 do
        names[i] = "allocator" .. i
        times[names[i]] = i
    end
    printed({ result("a", "pattern", times) }, names)
end)

test("memory that was given back: a line for each setting", function()
    near(give_back.share "1000 900 800 700 250\n", 0.75)
    test.equal(give_back.share "1000 900\n", nil)
    local lines = {}
    report.print_given_back(function(line) lines[#lines + 1] = line end,
        { default = { lunalloc = 0.724, system = -0.001 }, background_thread = { lunalloc = 0.77 } },
        { "lunalloc", "system", "other" }, 12)
    test.match(lines[1], "^GIVEN BACK after 12 s +lunalloc +system +other$")
    test.match(lines[2], "^default +72 %% +0 %% +%-$")
    test.match(lines[3], "^background_thread +77 %% +%- +%-$")
    test.equal(#lines, 3)
end)

-- ---- JSON, strace --------------------------------------------------------------------------------------------------

test("JSON", function()
    test.equal(json.encode { b = { 1, 2.5, "x" }, a = 'q"\\\n', c = json.array {}, d = {}, e = true },
        '{\n  "a": "q\\u0022\\u005c\\u000a",\n  "b": [1, 2.5, "x"],\n  "c": [],\n  "d": {},\n  "e": true\n}\n')
end)

test("strace's table", function()
    local calls = measure.parse_calls [[
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 96.00    0.000032           3        11         2 mmap
  4.00    0.000001           0         7           madvise
------ ----------- ----------- --------- --------- ----------------
100.00    0.000033           3        18         2 total
]]
    test.equal(calls.mmap, 11)
    test.equal(calls.madvise, 7)
    test.equal(calls.munmap, 0)
    test.equal(calls.total, nil)
end)

-- ---- the runner ----------------------------------------------------------------------------------------------------

--- status, wall_ns, user_us, sys_us, peak_kib, faults
local function ran(arguments)
    local values = {}
    for word in shell("build/bench/run " .. arguments):gmatch "%S+" do
        values[#values + 1] = tonumber(word)
    end
    test.equal(#values, 6)
    return table.unpack(values)
end

test("exit statuses and signals", function()
    test.equal((ran "-- true"), 0)
    test.equal((ran "-n 3 -- sh -c 'exit 7'"), 7)
    test.equal((ran "-- sh -c 'kill -SEGV $$'"), 139)
    test.equal((ran "-- /nonexistent"), 127)
    test.equal((ran "-t 1 -- sh -c 'sleep 100 & wait'"), 137)
end)

test("the command ends with the runner", function()
    local output = shell(([[build/bench/run -o %s/pid -- sh -c 'echo $$ >&2; exec sleep 100' & runner=$!
        until [ -s %s/pid ]; do sleep 0.05; done
        kill $runner; wait $runner
        for i in $(seq 100); do kill -0 "$(cat %s/pid)" || break; sleep 0.05; done
        kill -9 "$(cat %s/pid)" && echo alive]]):gsub("%%s", scratch))
    assert(not output:find "alive", output)
end)

test("times are sums, the peak is the largest of the tree", function()
    local _, wall = ran "-n 3 -- sleep 0.1"
    assert(wall >= 300e6, wall)
    local _, _, _, _, peak, faults = ran "-n 2 -- sh -c 'lua5.4 -e \"x = (\\\"x\\\"):rep(64 << 20)\"'"
    assert(peak >= 64 << 10 and peak < 200 << 10, peak)
    assert(faults > 100, faults)
end)

test("memory touched before does not count", function()
    local status, _, _, _, peak = ran "-p 200000 -- true"
    test.equal(status, 0)
    assert(peak < 100000, peak)
end)

test("environment, standard input, standard error", function()
    test.equal((ran "-e A=b -e HOME -- sh -c '[ \"$A\" = b ] && [ -z \"${HOME+x}\" ]'"), 0)
    test.equal((ran(("-i Makefile -o %s/stderr -- sh -c 'grep -q bench && echo seen >&2'"):format(scratch))), 0)
    test.equal((shell(("cat %s/stderr"):format(scratch))), "seen\n")
end)

test("a server: the client's time, the server's memory", function()
    if not shell("command -v redis-check-rdb && command -v redis-cli"):find "redis%-cli" then
        test.skip "no redis here"
    end
    local output = shell(BENCH .. " --only redis --percent 1 --rounds 1 --allocators lunalloc,system --out "
        .. scratch .. "/redis.json")
    test.match(output, "program +1 rows +time")
    assert(not output:find "failed", output)
    local status = ran(("-s %s/none.sock -- true -- true"):format(scratch))
    assert(status ~= 0, "a server that never listens")
end)

-- ---- the driver ----------------------------------------------------------------------------------------------------

test("--list names every pattern and every scenario", function()
    local output, status = shell(BENCH .. " --list")
    test.equal(status, 0)
    for name in shell("build/bench/patterns --list"):gmatch "(%S+)[^\n]*\n" do
        test.match(output, "pattern +" .. name .. " ")
    end
    local scenarios = shell(BENCH .. " --list --only scenario")
    for name in shell("ls scripts/scenarios"):gmatch "(%S+)%.lua" do
        test.match(scenarios, "scenario +" .. name .. " ")
    end
    test.match(output, "allocator +lunalloc +%S+/build/liblunalloc.so")
    test.match(output, "allocator +system +%S+/libc.so.6")
end)

test("--quick and --only choose rows", function()
    local all, quick = shell(BENCH .. " --list"), shell(BENCH .. " --list --quick")
    local _, n = all:gsub("\n", "")
    local _, fewer = quick:gsub("\n", "")
    assert(fewer < n)
    local only = shell(BENCH .. " --list --only 'threads_%d+,true'")
    test.match(only, "pattern +threads_64 ")
    test.match(only, "program +true ")
    assert(not only:find "pair", only)
end)

--- A folder with an allocator, and with a C library that is the system's.
local function folder_of_peers()
    local folder = scratch .. "/peers"
    local libc = shell("/sbin/ldconfig -p"):match "libc%.so%.6 [^\n]*=> (%S+)"
    local loader = shell("ls /lib64/ld-linux*.so.* 2>/dev/null || ls /lib/ld-linux-*.so.*"):match "^(%S+)"
    shell(("mkdir -p %s/newer-libc/lib && ln -s %s %s %s/newer-libc/lib && ln -s $PWD/build/liblunalloc.so %s/own.so")
        :format(folder, libc, loader, folder, folder))
    return folder
end

test("allocators that the user has built: preloaded, or started by their own loader", function()
    local folder = folder_of_peers()
    local listed = shell(BENCH .. " --list --peers " .. folder)
    test.match(listed, "allocator +own +" .. folder .. "/own.so\n")
    test.match(listed, "allocator +newer%-libc +" .. folder .. "/newer%-libc/lib/libc.so.6\n")
    local output, status = shell(BENCH .. " --only pair,jq,gcc --percent 1 --rounds 1 --allocators " ..
        "lunalloc,newer-libc,own --peers " .. folder .. " --out " .. scratch .. "/peers.json")
    test.equal(status, 0, output)
    test.match(output, "\npair +[%d.]+ +[%d.]+%*? +%d+%% +[%d.]+%*? +%d+%% +[%d.]+")
    test.match(output, "\nfailed, [^\n]*: gcc on newer%-libc: its program starts others, [^\n]*\n")
    test.equal(select(2, output:gsub("\nfailed, ", "")), 1)
end)

test("bad options: one line, exit status 2", function()
    for arguments, message in pairs {
        ["--fast"] = "unknown option '%-%-fast'",
        ["pair"] = "unknown option 'pair'",
        ["--rounds"] = "%-%-rounds: a value is missing",
        ["--rounds 0"] = "%-%-rounds: a whole number above 0 expected, not '0'",
        ["--rounds=x"] = "%-%-rounds: a whole number above 0 expected, not 'x'",
        ["--clock sun"] = "%-%-clock: wall or cpu expected, not 'sun'",
        ["--only nobody"] = "no row is called 'nobody'",
        ["--only '%'"] = "'%%' is not a Lua pattern",
        ["--add x"] = "%-%-add: NAME=LIBRARY expected, not 'x'",
        ["--add x=/nonexistent.so"] = "no library '/nonexistent.so'",
        ["--add 'x=Makefile 9'"] = "%-%-add: VAR=VALUE expected, not '9'",
        ["--add system=Makefile"] = "two allocators have the name 'system'",
        ["--peers /nonexistent"] = "%-%-peers: no folder '/nonexistent'",
        ["--peers scripts"] = "/scripts/bench: NAME.so, or a folder with libc.so.6 and ld%-linux%-%*.so.%* expected",
        ["--allocators mystery"] = "no allocator 'mystery'; one of: lunalloc, system",
    } do
        local output, status = shell(BENCH .. " " .. arguments)
        test.match(output, "^bench: [^\n]*" .. message .. "[^\n]*\n$")
        test.equal(status, 2, arguments)
    end
end)

test("every pattern, and a scenario, to its end on two allocators", function()
    local out = scratch .. "/bench.json"
    local output, status = shell(BENCH .. " --only pattern,thread_churn --percent 1 --rounds 1 " ..
        "--allocators lunalloc,system,again --add 'again=build/liblunalloc.so LUNALLOC_CONF=narenas:1' --out " .. out)
    test.equal(status, 0, output)
    assert(not output:find "failed", output)
    test.match(output, "\nchurn +[%d.]+ +[%d.]+%*? ")
    test.match(output, "\nthread_churn +[%d.]+ ")
    local parsed, code = shell([[python3 -c 'import json, sys
bench = json.load(open(sys.argv[1]))
row = [row for row in bench["rows"] if row["name"] == "pair"][0]
sample = row["allocators"]["system"]["samples"][0]
print(len(row["allocators"]), sorted(sample), sample["peak_kib"] > 0, bench["settings"]["rounds"],
    bench["allocators"][0]["name"])' ]] .. out)
    test.equal(code, 0, parsed)
    test.equal(parsed, "3 ['faults', 'peak_kib', 'sys_us', 'user_us', 'wall_ns'] True 1 lunalloc\n")
end)

test("give_back alone, on two allocators, one of which has a background thread", function()
    local out = scratch .. "/given.json"
    local output, status = shell(BENCH .. " --only give_back --percent 1 --allocators lunalloc,system --out " .. out)
    test.equal(status, 0, output)
    test.match(output, "\nGIVEN BACK after 0%.12 s +lunalloc +system\ndefault +%d+ %% +%d+ %%\n")
    test.match(output, "\nbackground_thread +%d+ %% +%-\n")
    local parsed = shell("python3 -c 'import json, sys; given = json.load(open(sys.argv[1]))[\"given_back\"]; " ..
        "print(sorted(given[\"default\"]), sorted(given[\"background_thread\"]))' " .. out)
    test.equal(parsed, "['lunalloc', 'system'] ['lunalloc']\n")
    test.match(shell(BENCH .. " --list"), "memory +give_back ")
    assert(not shell(BENCH .. " --list --quick"):find "give_back")
end)

os.execute("rm -rf " .. scratch)
