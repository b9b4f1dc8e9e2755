--- The program of `lunalloc test` in a child process: lists the scenarios of a file, or runs one of them.
---
---     list FILE                  replies an array of { name, models, hurts, duration }
---     run FILE INDEX OPTIONS     runs a scenario; OPTIONS is JSON: duration, set, progress, text. Replies its result,
---                                with its text. text: true if the file is another host's, and its text is on standard
---                                input
---
--- A message that the parent gets for a failure is one line.

local child = require "lunalloc.child"
local json = require "lunalloc.json"
local scenario = require "lunalloc.scenario"

local verb, file, index, options = table.unpack(arg)

--- The message without the position that an error of this module puts in front of it.
local function bare(message)
    return (tostring(message):gsub("^[^\n]-lunalloc/[%w_]+%.lua:%d+: ", ""))
end

local function give_up(message)
    child.fail((bare(message):match "^[^\n]*"))
    os.exit(1)
end

options = options and json.decode(options) or {}

local list, problem = scenario.load(file, options.text and io.read "a" or nil)
if not list then
    give_up(problem)
end

local function listed()
    local answer = {}
    for i, definition in ipairs(list) do
        local workload = definition.workload or {}
        answer[i] = { name = definition.name, models = definition.models, hurts = definition.hurts,
            duration = workload.duration or definition.duration }
    end
    return answer
end

--- Tells the parent at which point the workload is.
local function tick(status)
    child.progress { ops_per_s = status.ops_per_s, rss = status.rss, live = status.live }
end

local function ran(asked)
    local definition = list[math.tointeger(tonumber(index))]
    local ok, result = pcall(scenario.run, definition, { duration = asked.duration, set = asked.set,
        tick = asked.progress and tick or nil })
    if not ok then
        give_up(result)
    end
    result.text, result.missed = tostring(result), scenario.missed(result)
    return result
end

if verb == "list" then
    child.reply(listed())
else
    local result = ran(options)
    setmetatable(result, nil)
    child.reply(result)
end
