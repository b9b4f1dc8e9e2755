--- What `lunalloc test` runs: the files that its words name, and the scenarios in them.
---
---     files, message = plan.files({ "web_requests", "scripts/scenarios" }, list_folder)
---     tests = plan.tests(files, "web", child_options)

local child = require "lunalloc.child"
local scenario = require "lunalloc.scenario"

local plan = {}

local LIST_TIMEOUT <const> = 30 -- seconds for what a file does before it defines its scenarios

--- The script that runs in the child.
function plan.script()
    return package.searchpath("lunalloc.scenario_child", package.path)
end

local function add_folder(files, folder, list_folder)
    local found = {}
    for _, path in ipairs(list_folder(folder)) do
        found[#found + 1] = path:find "%.lua$" and path or nil
    end
    table.sort(found)
    table.move(found, 1, #found, #files + 1, files)
    return #found > 0
end

--- The files that the words name: paths, folders of files, names of scenarios that belong to the module; without words,
--- all that belong to it. list_folder(path with a slash at its end) returns an array of paths. Returns nil, message if
--- a word names nothing.
function plan.files(words, list_folder)
    local files = {}
    if #words == 0 then
        local folder = scenario.folder()
        if not folder or not add_folder(files, folder, list_folder) then
            return nil, "no scenarios are installed: name a file"
        end
    end
    for _, word in ipairs(words) do
        local path, message = scenario.find(word)
        if not add_folder(files, (path or word):gsub("/*$", "/"), list_folder) then
            if not path then
                return nil, message
            end
            files[#files + 1] = path
        end
    end
    return files
end

--- One line about a child that has no value.
local function problem_of(done, message)
    return not done and message or done.problem or "ended without defining a scenario"
end

--- The scenarios of a file, in a process of their own, since a file may do anything.
local function scenarios_of(file)
    local done, message = child.run { script = plan.script(), args = { "list", file }, timeout = LIST_TIMEOUT }
    local list = done and done.ok and type(done.value) == "table" and done.value
    if not list or #list == 0 then
        return { { name = file:match "([^/]*)$", file = file, problem = problem_of(done, message) } }
    end
    for i, test in ipairs(list) do
        test.file, test.index = file, i
    end
    return list
end

--- The scenarios whose names match one of the patterns (Lua's, with commas between them; nil: all): an array of { name,
--- models, hurts, duration, file, index }. A file that cannot be run gives a test with `problem`.
function plan.tests(files, only)
    local tests = {}
    for _, file in ipairs(files) do
        for _, test in ipairs(scenarios_of(file)) do
            local wanted = only == nil
            for pattern in (only or ""):gmatch "[^,]+" do
                wanted = wanted or test.name:find(pattern) ~= nil
            end
            tests[#tests + 1] = wanted and test or nil
        end
    end
    return tests
end

return plan
