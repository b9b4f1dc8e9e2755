-- Input files for programs: generated at first use, with the same contents on every machine.

local json = require "json"
local system = require "system"

local data = {}

local function generator()
    local state = 88172645463325252
    return function(n)
        state = state ~ state << 13
        state = state ~ state >> 7
        state = state ~ state << 17
        return (state >> 11) % n
    end
end

--- Words whose frequencies follow roughly Zipf's law.
local function words()
    local random, lines = generator(), {}
    for i = 1, 60000 do
        local line = {}
        for j = 1, 4 + random(10) do
            line[j] = ("w%x"):format(random(1 + random(1 + random(40000))) * 2654435761 % 16777216)
        end
        lines[i] = table.concat(line, " ")
    end
    return table.concat(lines, "\n") .. "\n"
end

local function records()
    local random, list = generator(), {}
    for i = 1, 15000 do
        local values = {}
        for j = 1, 1 + random(8) do
            values[j] = random(1000)
        end
        list[i] = { id = i, kind = "kind " .. random(40), name = "name " .. random(5000), values = values,
            text = ("lorem ipsum "):rep(random(8)) }
    end
    return json.encode(list)
end

local FILES <const> = { ["words.txt"] = words, ["records.json"] = records }

--- The path of a file in the folder; writes the file if it is missing.
function data.file(folder, name)
    local path = folder .. "/" .. name
    if not system.exists(path) then
        system.write(path .. ".new", FILES[name]())
        assert(os.rename(path .. ".new", path))
    end
    return path
end

return data
