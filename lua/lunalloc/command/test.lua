--- lunalloc test: runs scenarios, each in a process of its own, and reports them in TAP and JUnit's XML.

local command = require "lunalloc.command"

local USAGE <const> = [[
test [SCENARIO...] [--list] [--only PATTERN] [--allocator NAME] [--duration TIME] [--set KEY=VALUE]
     [--conf SETTINGS] [--timeout TIME] [--hosts NAMES] [--junit FILE] [--verbose]

Runs scenarios, one after the other, each in a process of its own, and prints the results in the Test Anything Protocol.
A SCENARIO is a file, a folder of files, or the name of a scenario that is installed; without one, all that are
installed run. The exit status is 4 if a test failed: if a limit was missed, or a scenario crashed, hung, or ended
without a result.

  --list             names the scenarios, and what they model, instead of running them
  --only PATTERN     only those whose names match this Lua pattern, or one of several with commas between them
  --allocator NAME   lunalloc (default), glibc, jemalloc, mimalloc, tcmalloc, or the path of a library: it is preloaded
  --duration TIME    of each scenario, instead of its own
  --set KEY=VALUE    sets a key of the description of every workload, such as threads=8 or verify=true; may be repeated
  --conf SETTINGS    settings of LUNALLOC_CONF for the processes, such as dirty_decay_ms:500
  --timeout TIME     after which a scenario has failed: ten times its duration and a minute, unless told otherwise
  --hosts NAMES      of other machines, with commas between them (: is this one): the scenarios are spread over them by
                     GNU parallel and ssh. Each needs the same version of lunalloc
  --junit FILE       writes the results as JUnit's XML, too
  --verbose          prints the whole result of each scenario, too]]

local FAILED <const> = 4

local OPTIONS <const> = { list = "flag", only = "text", allocator = "text", duration = "time", timeout = "time",
    set = { kind = "text", many = true }, conf = "text", hosts = "text", junit = "text", verbose = "flag" }

-- ---- the options ---------------------------------------------------------------------------------------------------

local function check_pattern(only)
    for pattern in (only or ""):gmatch "[^,]+" do
        local ok, message = pcall(string.find, "", pattern)
        if not ok then
            command.stop("test: --only '%s': %s", pattern, message)
        end
    end
end

local function list_folder(folder)
    return require("lunalloc.console").files(folder)
end

--- The allocators that can be preloaded, by name, and their names as a list.
local function installed()
    local by_name, names = {}, {}
    for _, allocator in ipairs(require("lunalloc").allocators()) do
        by_name[allocator.name] = allocator
        names[#names + 1] = allocator.name
    end
    return by_name, names
end

--- What the child preloads for the allocator of that name or path; nil for the C library's.
local function library_of(name)
    if name:find "/" then
        local file <close> = io.open(name)
        return file and name or command.stop("test: no library '%s'", name)
    elseif name == "lunalloc" then
        return command.try(require("lunalloc.exec").library())
    end
    local by_name, names = installed()
    local found = by_name[name]
    if not found and name ~= "glibc" then
        command.stop("test: no allocator '%s' is installed%s (there are: %s)", name, command.hint(name, names),
            table.concat(names, ", "))
    end
    return name ~= "glibc" and found.path or nil
end

--- An interpreter on which that allocator is the malloc of the process.
local function interpreter_for(name)
    local path, is_console = command.try(require("lunalloc.child").interpreter())
    if is_console and name ~= "lunalloc" then
        command.stop("test: --allocator %s needs lua5.4, which is not installed: the console itself runs on lunalloc",
            name)
    end
    return path
end

-- ---- one test ------------------------------------------------------------------------------------------------------

--- What the result of a child says about a test: done of tap.lua and junit.lua.
local function judged(test, done)
    local result = type(done.value) == "table" and done.value or nil
    local answer = { name = test.name, file = test.file, seconds = done.seconds, kind = "error", text = done.out }
    if done.ok and result and result.ok ~= nil then
        answer.ok, answer.kind, answer.missed, answer.text = result.ok, "limit", result.missed, result.text
        answer.problem = table.concat(result.missed or {}, "; ")
        answer.allocator = result.allocator .. (result.allocator_version and " " .. result.allocator_version or "")
        answer.facts = { { "allocator", answer.allocator }, { "seed", result.seed }, { "plan", result.plan_hash } }
    else
        answer.ok = false
        answer.problem = done.problem or "ended without a result"
    end
    return answer
end

local units = require "lunalloc.units"

local function timeout_of(test, options)
    local ns = units.time(test.duration)
    return options.timeout or 60 + 10 * (options.duration or ns and ns / 1e9 or 5)
end

local function run_one(test, options, on_message)
    if test.problem then
        return { name = test.name, file = test.file, seconds = 0, ok = false, kind = "error", problem = test.problem }
    end
    local asked = { duration = options.duration, set = options.settings, progress = on_message ~= nil }
    local done = command.try(require("lunalloc.child").run {
        script = require("lunalloc.test.plan").script(),
        args = { "run", test.file, tostring(test.index), command.json(asked) },
        preload = options.library, conf = options.conf, interpreter = options.interpreter,
        timeout = timeout_of(test, options), on_message = on_message,
    })
    return judged(test, done)
end

-- ---- progress ------------------------------------------------------------------------------------------------------

--- A function that shows, in one line of the terminal, where the test is; nil without a terminal.
local function progress_of(number, count, test)
    local console = require "lunalloc.console"
    if not console.tty or os.getenv "TERM" == "dumb" or os.getenv "TERM" == nil then
        return nil
    end
    local start = console.clock()
    local function show(status)
        local line = ("[%d/%d] %s: %.0f s%s"):format(number, count, test.name, console.clock() - start, status and
            (", %s operations/s, RSS %s"):format(units.human_count(status.ops_per_s), units.human(status.rss)) or "")
        io.stdout:write("\r", line:sub(1, console.width() - 1), "\27[K"):flush()
    end
    show()
    return show
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local function print_list(tests)
    for _, test in ipairs(tests) do
        print(("%-24s %s"):format(test.name, test.problem and "cannot be run: " .. test.problem or test.models))
    end
end

--- The file for the results, empty.
local function opened(path)
    local file, message = io.open(path, "w")
    return file or command.stop("test: --junit: %s", message)
end

local function write_junit(path, list, start)
    local console = require "lunalloc.console"
    local allocator = "an allocator"
    for _, done in ipairs(list) do
        allocator = done.allocator or allocator
    end
    local text = require("lunalloc.test.junit").text(list, { allocator = allocator, time = os.time(),
        seconds = console.clock() - start })
    local file <close> = opened(path)
    local ok, message = file:write(text)
    if ok then
        ok, message = file:flush()
    end
    if not ok then
        command.stop("test: --junit: %s: %s", path, message)
    end
end

--- Prints what a test gave.
local function report(out, done, options)
    out:result(done)
    if done.text and (options.verbose or not done.ok) then
        out:comment((done.text:gsub("\n$", "")))
    end
    io.stdout:flush()
end

--- Runs the tests; returns the array of what they gave. Ctrl-C ends it: then the second result is the error.
local function run_all(tests, options, out)
    local list = {}
    local ok, problem = pcall(function()
        for i, test in ipairs(tests) do
            local show = progress_of(i, #tests, test)
            local done = run_one(test, options, show)
            list[i] = done
            io.stdout:write(show and "\r\27[K" or "")
            report(out, done, options)
        end
    end)
    return list, not ok and problem or nil
end

--- Prints the results that are there, in the order of the tests.
local function report_next(state)
    while state.list[state.next] do
        report(state.out, state.list[state.next], state.options)
        state.next = state.next + 1
    end
end

--- The result of a test that a host ran.
local function judged_on_host(test, answer)
    local done = judged(test, { ok = answer.ok or false, problem = answer.problem, value = answer.value,
        seconds = tonumber(answer.seconds) or 0, out = tostring(answer.out or "") })
    done.facts = done.facts or {}
    table.insert(done.facts, { "host", answer.host })
    return done
end

--- As run_all, on hosts.
local function run_on_hosts(tests, options, out)
    local state = { list = {}, next = 1, out = out, options = options }
    local ok, problem = pcall(function()
        local jobs, numbers = require("lunalloc.test.hosts").jobs(tests, options, timeout_of)
        if not jobs then
            command.stop("test: %s", numbers)
        end
        for i, test in ipairs(tests) do
            state.list[i] = test.problem and run_one(test, options) or nil
        end
        report_next(state)
        local all, why = options.pool:run(jobs, function(i, answer)
            state.list[numbers[i]] = judged_on_host(tests[numbers[i]], answer)
            report_next(state)
        end)
        for i, test in ipairs(tests) do
            state.list[i] = state.list[i] or { name = test.name, file = test.file, seconds = 0, ok = false,
                kind = "error", problem = "no host ran it: " .. tostring(all == nil and why or options.pool:complaint()
                or why) }
        end
        report_next(state)
    end)
    for _, host in ipairs(options.pool.hosts) do
        local said = host.problem or options.pool:shared(host)
        out:comment(("host %s: %d tests%s"):format(host.name, host.done, said and "; " .. said or ""))
    end
    return state.list, not ok and problem or nil
end

local function all_ok(list)
    for _, done in ipairs(list) do
        if not done.ok then
            return false
        end
    end
    return true
end

local function run_tests(tests, options)
    local start = require("lunalloc.console").clock()
    local out = require("lunalloc.test.tap").new(function(line) io.stdout:write(line) end)
    out:plan(#tests)
    local list, problem = (options.pool and run_on_hosts or run_all)(tests, options, out)
    if problem then
        out:bail_out(tostring(problem):find "interrupted!" and "interrupted" or "the run cannot go on")
        io.stdout:flush()
    end
    if options.junit then
        write_junit(options.junit, list, start)
    end
    if problem then
        error(problem, 0)
    end
    return all_ok(list) and 0 or FAILED
end

--- The hosts of that list, asked.
local function open_hosts(text)
    local hosts = require "lunalloc.hosts"
    local names, why = hosts.read(text)
    if not names then
        command.misuse("test: --hosts: %s", why)
    end
    return command.try(hosts.open(names))
end

local function run(args)
    local options, words = command.options(args, OPTIONS)
    check_pattern(options.only)
    options.settings = command.settings("test", options.set)
    local plan = require "lunalloc.test.plan"
    local files, message = plan.files(words, list_folder)
    if not files then
        command.stop("test: %s", message)
    end
    local name = options.allocator or "lunalloc"
    if options.hosts then
        options.pool = open_hosts(options.hosts)
    else
        options.library, options.interpreter = library_of(name), interpreter_for(name)
    end
    local tests = plan.tests(files, options.only)
    if #tests == 0 then
        command.stop("test: no scenario is called '%s'", options.only)
    elseif options.list then
        return print_list(tests)
    elseif options.junit then
        opened(options.junit):close() -- fails before anything has run, if it does
    end
    return run_tests(tests, options)
end

return { summary = "runs scenarios with limits, for a continuous integration", usage = USAGE, run = run }
