--- lunalloc attach: the prompt, with the process as `t`.

local command = require "lunalloc.command"

local USAGE <const> = [[
attach TARGET [--way WAY] [--force]

Opens the prompt with the functions of another process as t: t.stats(), t.ctl.arena[0].dirty_decay_ms = 500, t.doctor().
help "attach" says more. A TARGET is a pid, the name of a process, or the path of a core file.

  --way WAY   agent: only if it has one; request: ask it to start one; memory: only read its memory
              (default: the first of them that is possible)
  --force     ask for an agent also where a filter of system calls (seccomp) might end the process. The filters of
              containers refuse calls, and end nothing]]

local function greet(t)
    local console = package.loaded["lunalloc.console"]
    if console and console.tty then
        print(("t is %s%s"):format(tostring(t), t.why and ": " .. t.why or ""))
    end
end

local function run(args)
    local options, words = command.options(args, { way = "text", force = "flag" })
    command.no_more(words, 1)
    local ways = { agent = true, request = true, memory = true }
    if options.way and not ways[options.way] then
        command.misuse("attach: --way is agent, request or memory, not '%s'", options.way)
    end
    local t = command.target(words[1], options)
    require("lunalloc.prompt").use(t)
    greet(t)
    return "prompt"
end

return { summary = "opens the prompt on a process: Lua functions to look and to change", usage = USAGE, run = run }
