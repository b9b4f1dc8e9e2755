--- Runs jobs on other machines: GNU parallel starts them over ssh, one at a time on each host.
---
---     local hosts = require "lunalloc.hosts"
---     local pool, message, code = hosts.open { "a", "build@b", ":" }      -- ":" is this machine
---     pool:run(jobs, function(i, answer) ... end, on_progress)            -- what the host says of job i
---     pool.hosts    { { name =, version =, problem =, done = } }
---
--- A host needs sshd, perl, and the same version of lunalloc in the PATH that ssh gives. open() asks all hosts, and
--- keeps those that answer well; `problem` says what is wrong with another one. A job is one that hosts_job.lua knows.
--- It is done whole on one host, and a host has one at a time. If a host is lost, what it had begun is done on another
--- one. A job that no host could do has no answer.
---
--- Nothing is left on a host: a job arrives on its standard input, and its processes end with the connection.
---
--- LUNALLOC_SSH is the command in the place of ssh, such as "ssh -F FILE".

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local child = require "lunalloc.child"
local compare_job = require "lunalloc.compare_job"
local json = require "lunalloc.json"

local hosts = {}

local SLICE <const> = 0.05   -- seconds, between which Ctrl-C is noticed
local PATIENCE <const> = 5.0 -- seconds that parallel may take to end its connections
local MOST_HOSTS <const> = 256
local COMMAND <const> = [[lunalloc -e 'require "lunalloc.hosts_job"']]
-- A host that does not answer for 15 s is lost.
local OPTIONS <const> = " -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
-- It ends with this process, also if that is killed.
local PARALLEL <const> = { "setpriv", "--pdeathsig", "TERM", "parallel", "--will-cite", "--plain", "--line-buffer" }

-- ---- names of hosts ------------------------------------------------------------------------------------------------

--- "a, b" or { "a", "b" } as an array of names; nil and one line if they are none.
function hosts.read(value)
    local list, seen = {}, {}
    if type(value) == "string" then
        for name in value:gmatch "[^,%s]+" do
            list[#list + 1] = name
        end
    elseif type(value) == "table" then
        list = table.move(value, 1, #value, 1, {})
    end
    for _, name in ipairs(list) do
        -- What ssh would take for an option, and what the shell or parallel would expand, is no name.
        if type(name) ~= "string" or not (name == ":" or name:find "^[%w_][%w_.@:%[%]-]*$") then
            return nil, ("%s is no name of a host"):format(check.shown(name))
        elseif seen[name] then
            return nil, ("the host %s is named twice"):format(name)
        end
        seen[name] = true
    end
    if #list == 0 or #list > MOST_HOSTS then
        return nil, ("%s: 1 to %d names of hosts expected, such as { 'a', 'user@b' }"):format(check.shown(value),
            MOST_HOSTS)
    end
    return list
end

-- ---- processes -----------------------------------------------------------------------------------------------------

local function ssh()
    local own = os.getenv "LUNALLOC_SSH"
    return (own and own ~= "" and own or "ssh") .. OPTIONS
end

--- Calls on_line(line) for each whole line that arrives.
local function new_reader(on_line)
    local pending = ""
    return function(piece)
        local text, at = pending .. (piece or ""), 1
        for stop in text:gmatch "()\n" do
            on_line(text:sub(at, stop - 1))
            at = stop + 1
        end
        pending = text:sub(at)
    end
end

--- Ends parallel, if it runs: it ends its connections when it is asked to, and they end what is on the hosts.
local function stop(process)
    local deadline = core.child.clock() + PATIENCE
    process:terminate()
    repeat
        local over = process:step(SLICE)
    until over or core.child.clock() > deadline
    process:kill()
end

--- Runs a command to its end: its messages and exit status; nil, message, code if it cannot be started.
local function follow(argv, input, on_line)
    if not child.in_path "parallel" then
        return nil, "GNU parallel is not installed (Debian: package parallel)", "ENOENT"
    end
    local process, message, code = core.child.spawn(argv, { PARALLEL_SSH = ssh(), PARALLEL = false }, input)
    if not process then
        return nil, message, code
    end
    local guard <close> = setmetatable({}, { __close = function() stop(process) end })
    local take, messages = new_reader(on_line), {}
    local over, out, err
    repeat
        over, out, err = process:step(SLICE)
        take(out)
        messages[#messages + 1] = err
    until over
    return table.concat(messages), process:finish().status
end

local function quoted(text)
    return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- ---- asking hosts --------------------------------------------------------------------------------------------------

local function words(...)
    local argv = table.move(PARALLEL, 1, #PARALLEL, 1, {})
    return table.move({ ... }, 1, select("#", ...), #argv + 1, argv)
end

--- The command that asks a host, whose name parallel puts in the place of {}; the last line is the exit status.
local function question()
    local here = "</dev/null " .. COMMAND
    local there = ("</dev/null %s {} %s"):format(ssh(), quoted(COMMAND))
    return ("if [ {} = : ]; then %s; else %s; fi 2>&1; echo \"status $?\""):format(here, there)
end

--- What is wrong with a host, by what it said; nil if nothing is.
local function problem_of(host)
    local said = table.concat(host.said, "; ")
    if host.answer then
        return host.version ~= core.version and ("it has lunalloc %s, and this is %s"):format(host.version,
            core.version) or nil
    elseif host.status == "127" then
        return "lunalloc is not installed there, or not in the PATH that ssh gives"
    elseif host.status == "255" then
        return "it cannot be reached: " .. (said ~= "" and said or "ssh failed")
    end
    return "it does not answer" .. (said ~= "" and ": " .. said or "")
end

local function take_line(by_name, line)
    local name, text = line:match "^([^\t]*)\t(.*)$"
    local host = by_name[name]
    local answer = host and json.decode(text)
    if type(answer) == "table" and answer.version then
        host.answer, host.version, host.machine = true, tostring(answer.version), answer.machine
        host.allocators = type(answer.allocators) == "table" and answer.allocators or {}
    elseif host and text:find "^status %d+$" then
        host.status = text:match "%d+"
    elseif host and text:find "%S" then
        host.said[#host.said + 1] = text:gsub("\r.*", ""):gsub("%c", "?")
    end
end

local Pool = {}
Pool.__index = Pool

--- Asks hosts { name = }, and sets what they answer, or what is wrong with them. True; nil, message, code.
local function ask(list)
    local by_name, argv = {}, words("--tag", "-j0", question(), ":::")
    for _, host in ipairs(list) do
        host.said, by_name[host.name], argv[#argv + 1] = {}, host, host.name
    end
    local messages, status = follow(argv, nil, function(line) take_line(by_name, line) end)
    if not messages then
        return nil, status, "ENOENT"
    end
    for _, host in ipairs(list) do
        host.problem = problem_of(host)
    end
    return true
end

--- Asks the hosts: a pool of them; nil, message, code if none of them is good.
function hosts.open(list)
    local pool = setmetatable({ hosts = {}, good = {}, by_name = {} }, Pool)
    for i, name in ipairs(list) do
        local host = { name = name, done = 0 }
        pool.hosts[i], pool.by_name[name] = host, host
    end
    local ok, message, code = ask(pool.hosts)
    if not ok then
        return nil, message, code
    end
    for _, host in ipairs(pool.hosts) do
        pool.good[#pool.good + 1] = not host.problem and host or nil
    end
    if #pool.good == 0 then
        return nil, pool:complaint(), "EHOSTUNREACH"
    end
    return pool
end

--- What is wrong with hosts, one line; nil if nothing is.
function Pool:complaint()
    local parts = {}
    for _, host in ipairs(self.hosts) do
        parts[#parts + 1] = host.problem and ("host %s: %s"):format(host.name, host.problem) or nil
    end
    return #parts > 0 and table.concat(parts, "; ") or nil
end

--- What is told of a host that is the same machine as one before it; nil of others.
function Pool:shared(host)
    for _, other in ipairs(self.good) do
        if other == host then
            return nil
        elseif other.machine == host.machine and host.machine ~= "" and not host.problem then
            return ("it is the same machine as %s: their runs disturb each other"):format(other.name)
        end
    end
end

--- How many hosts are there.
function Pool:count()
    local n = 0
    for _, host in ipairs(self.good) do
        n = n + (host.problem and 0 or 1)
    end
    return n
end

--- Lines on hosts: how many jobs each did, and what is wrong.
function Pool:remarks()
    local list = {}
    for i, host in ipairs(self.hosts) do
        local said = host.problem or self:shared(host)
        list[i] = ("host %s: %d jobs%s"):format(host.name, host.done, said and "; " .. said or "")
    end
    return list
end

--- The allocators that all good hosts have: name -> true.
function Pool:allocators()
    local count, common = {}, {}
    for _, host in ipairs(self.good) do
        for _, allocator in ipairs(host.allocators) do
            count[allocator] = (count[allocator] or 0) + 1
            common[allocator] = count[allocator] == #self.good or nil
        end
    end
    return common
end

-- ---- jobs ----------------------------------------------------------------------------------------------------------

--- The jobs as lines, each a Lua table.
local function lines_of(jobs)
    local lines = {}
    for i, job in ipairs(jobs) do
        local text = "return " .. compare_job.literal({ version = core.version, job = job }, "job", 0, error)
        lines[i] = text:gsub("\\\n", "\\n") .. "\n"
    end
    return table.concat(lines)
end

local LOST <const> = "it was lost while it ran; what it had begun ran elsewhere"

--- Notes that a host has begun a job; if another one had begun it, that one is lost.
local function begin(running, at, host)
    local before = running[at]
    if before and before ~= host then
        before.problem = LOST
    end
    running[at] = host
end

local function take_answer(state, line)
    local answer = line:find "^{" and json.decode(line)
    local at = type(answer) == "table" and math.tointeger(answer.seq)
    local host, job = at and state.pool.by_name[answer.host], at and state.jobs[at]
    if not host or not job then
        return
    elseif answer.begins then
        begin(state.running, at, host)
    elseif answer.answer ~= nil and not state.answered[at] then
        state.answered[at], host.done = true, host.done + 1
        answer.answer.host = host.name
        state.on_answer(at, answer.answer)
    elseif answer.progress ~= nil and state.on_progress then
        state.on_progress(at, host.name, answer.progress)
    end
end

--- Hosts that began a job which nobody finished are lost, and those that do not answer any more.
local function note_lost(state)
    for at, host in pairs(state.running) do
        if not state.answered[at] then
            host.problem = LOST
        end
    end
    local again = {}
    for _, host in ipairs(state.pool.good) do
        again[#again + 1] = not host.problem and { name = host.name } or nil
    end
    if #again > 0 and ask(again) then
        for _, host in ipairs(again) do
            state.pool.by_name[host.name].problem = host.problem and LOST
        end
    end
end

--- Runs the jobs. on_answer(i, answer) is called as each ends; on_progress(i, host, value) now and then. True if all
--- have answers; else false, and one line. nil, message, code if none can be run.
function Pool:run(jobs, on_answer, on_progress)
    local names = {}
    for _, host in ipairs(self.good) do
        names[#names + 1] = not host.problem and host.name or nil
    end
    if #names == 0 then
        return nil, self:complaint(), "EHOSTUNREACH"
    end
    local state = { pool = self, jobs = jobs, running = {}, answered = {}, on_answer = on_answer,
        on_progress = on_progress }
    local argv = words("-j1", "--pipe", "-N1", "--recend", "\n", "--block", "64M", "--retries",
        tostring(#names), "-S", table.concat(names, ","), COMMAND)
    local messages, status = follow(argv, lines_of(jobs), function(line) take_answer(state, line) end)
    if not messages then
        return nil, status, "ENOENT"
    end
    note_lost(state)
    for i = 1, #jobs do
        if not state.answered[i] then
            return false, (messages:match "[^\n]*%S[^\n]*" or "no host could do it"):gsub("\r.*", ""):gsub("%c", "?")
        end
    end
    return true
end

return hosts
