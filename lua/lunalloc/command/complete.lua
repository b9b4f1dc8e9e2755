--- lunalloc complete: what may follow on a command line, for the shell (console/lunalloc.bash). It is in no list.
---
---     lunalloc complete -- WORDS...    the words behind `lunalloc`, the last one being the one that is typed
---
--- Prints a line for each candidate: the text, and after a tab what it is for. A text that ends in a dot goes on. A
--- line ":files" stands for names of files, ":commands" for programs.

local command = require "lunalloc.command"

-- Values of options, by name.
local values <const> = {
    ["--way"] = { "agent", "request", "memory" },
    ["--agent"] = { "true", "read-only", "never" },
    ["--state"] = { "active", "dirty", "muzzy", "retained", "busy" },
    ["--by"] = {
        "state", "arena", "class", "stack", "thread", "szind", "size", "slab", "occupancy", "age", "residency",
    },
    ["--allocator"] = { "lunalloc", "glibc", "jemalloc", "mimalloc", "tcmalloc" },
    ["--listen"] = { "127.0.0.1:9177", "[::1]:9177" },
    ["--interval"] = { "1s", "5s" },
    ["--allocators"] = { "lunalloc,glibc", "lunalloc,glibc,jemalloc,mimalloc,tcmalloc" },
    ["--metric"] = { "ops/s", "malloc.p50", "malloc.p99", "free.p99", "rss/live" },
    ["--over"] = { "1s", "5s" },
    ["--seconds"] = { "1s", "5s" },
}

-- Words that may follow the target, for commands that have such words.
local verbs <const> = {
    prof = { "start", "stop", "top", "dump" },
    core = { "stats", "threads", "extents", "map", "doctor", "get", "prof", "attach" },
}

local no_target <const> = { ps = true, run = true, help = true, core = true, test = true, compare = true }

local function offer(typed, list, note, front)
    for _, text in ipairs(list) do
        if text:sub(1, #typed) == typed then
            print((front or "") .. text .. (note and "\t" .. note or ""))
        end
    end
end

--- The options that a usage names.
local function options_of(usage)
    local list, seen = { "--help" }, { ["--help"] = true }
    for option in usage:gmatch "%f[-%w](%-%-?%a[%w-]*)" do
        if not seen[option] then
            seen[option] = true
            list[#list + 1] = option
        end
    end
    return list
end

local function offer_commands(typed)
    for _, name in ipairs(command.names()) do
        offer(typed, { name }, command.load(name).summary)
    end
end

--- Processes by number, and by name where only one has it.
local function offer_processes(typed)
    local list, count = require("lunalloc").ps() or {}, {}
    for _, process in ipairs(list) do
        count[process.name] = (count[process.name] or 0) + 1
    end
    for _, process in ipairs(list) do
        offer(typed, { tostring(process.pid) }, process.name)
        offer(typed, count[process.name] == 1 and { process.name } or {})
    end
end

--- What the prompt would offer after that text, which is in front of what is typed.
local function offer_lua(text, typed)
    local answer = require "lunalloc.complete" (text .. typed)
    for _, candidate in ipairs(answer) do
        local whole = (text .. typed):sub(1, answer.from - 1) .. candidate
        print((whole:sub(#text + 1)))
    end
    return #answer
end

--- Names of controls as the target has them, and values of one. No agent is started for that.
local function offer_controls(name, words, typed)
    local la, target = require "lunalloc", math.tointeger(tonumber(words[1])) or words[1]
    package.loaded["lunalloc"] = la.attach(target, { way = "agent", timeout = 0.5 })
        or la.attach(target, { way = "memory" }) or la
    if name == "set" and #words == 2 then
        local quoted = ("la.set(%q, "):format(words[2])
        return offer_lua(quoted .. '"', typed) > 0 or offer_lua(quoted, typed)
    end
    offer_lua(name == "set" and 'la.set("' or 'la.get "', typed)
end

--- The scenarios that belong to the module, by name; and files.
local function offer_scenarios(typed)
    local folder = require("lunalloc.scenario").folder()
    local console = package.loaded["lunalloc.console"]
    for _, path in ipairs(folder and console and console.files(folder) or {}) do
        offer(typed, { path:match "([^/]*)%.lua$" })
    end
    print ":files"
end

--- The words that are no options, without the last one.
local function plain_words(args)
    local words = {}
    for i = 2, #args - 1 do
        if not args[i]:find "^%-" and not values[args[i - 1]] then
            words[#words + 1] = args[i]
        end
    end
    return words
end

local function offer_words(name, words, typed)
    if name == "help" then
        offer_commands(typed)
    elseif name == "run" then
        print(#words == 0 and ":commands" or ":files")
    elseif name == "test" or name == "compare" then
        offer_scenarios(typed)
    elseif name == "core" and #words == 0 then
        print ":files"
    elseif #words == 1 and verbs[name] then
        offer(typed, verbs[name])
    elseif (name == "get" or name == "set") and #words > 0 then
        offer_controls(name, words, typed)
    elseif not no_target[name] and (#words == 0 or name == "serve" or name == "top") then
        offer_processes(typed)
        print(typed:find("/", 1, true) and ":files" or "")
    end
end

local function run(args)
    local _, words = command.options(args, { "first" })
    local name, typed = words[1], words[#words] or ""
    if #words <= 1 then
        return offer_commands(typed)
    end
    local found = command.load(name)
    if not found then -- a script
        return print ":files"
    elseif values[words[#words - 1]] then
        return offer(typed, values[words[#words - 1]])
    end
    local option, rest = typed:match "^(%-%-[%w-]+)=(.*)$"
    if option then
        offer(rest, values[option] or {}, nil, option .. "=")
    elseif typed:find "^%-" then
        offer(typed, options_of(found.usage))
    else
        offer_words(name, plain_words(words), typed)
    end
end

return { summary = "what may follow on a command line", usage = "complete -- WORD...", run = run }
