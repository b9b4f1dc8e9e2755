--- lunalloc attach: the prompt, with the process as `t`; or a script that gets it.

local command = require "lunalloc.command"

local USAGE <const> = [=[
attach TARGET [--way WAY] [--force] [SCRIPT [ARGUMENT ...]]

Opens the prompt with the functions of another process as t: t.stats(), t.ctl.arena[0].dirty_decay_ms = 500, t.doctor().
help "attach" says more. A TARGET is a pid, the name of a process, or the path of a core file. A SCRIPT runs instead of
the prompt: its global t is the process, and a policy watches that.

  --way WAY   agent: only if it has one; request: ask it to start one; memory: only read its memory
              (default: the first of them that is possible)
  --force     ask for an agent also where a filter of system calls (seccomp) might end the process. The filters of
              containers refuse calls, and end nothing]=]

local function greet(t)
    local console = package.loaded["lunalloc.console"]
    if console and console.tty then
        print(("t is %s%s"):format(tostring(t), t.why and ": " .. t.why or ""))
    end
end

--- Runs a script with the words after its name as its arguments. Its errors are its own, and no bug of the command.
local function run_script(t, words)
    local chunk = command.try(loadfile(words[2]))
    _G.t, _G.arg = t, table.move(words, 3, #words, 1, { [0] = words[2] })
    local ok, problem = xpcall(chunk, function(problem)
        problem = tostring(problem)
        return problem:find "interrupted!" and problem or
            debug.traceback(problem, 2):gsub("\n%s*%[C%]: in function 'xpcall'.*", "") -- the rest are our own calls
    end, table.unpack(_G.arg))
    if not ok and problem:find "interrupted!" then
        error(problem, 0)
    elseif not ok then
        io.stdout:flush()
        io.stderr:write("lunalloc: ", problem, "\n")
        return 3 -- an error in Lua code
    end
end

local function run(args)
    local options, words = command.options(args, { way = "text", force = "flag" })
    local ways = { agent = true, request = true, memory = true }
    if options.way and not ways[options.way] then
        command.misuse("attach: --way is agent, request or memory, not '%s'", options.way)
    end
    local t = command.target(words[1], options)
    if words[2] then
        return run_script(t, words)
    end
    require("lunalloc.prompt").use(t)
    greet(t)
    return "prompt"
end

return { summary = "opens the prompt on a process: Lua functions to look and to change", usage = USAGE, run = run }
