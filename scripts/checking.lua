-- checking.lua -- what the checks of the tree (check-...) share: its files, in order, and what a self-test expects.

local checking = {}

-- The text of each file that `find` finds, by its path.
function checking.read(arguments)
    local files = {}
    local list <close> = assert(io.popen("find " .. arguments))
    for path in list:lines() do
        local file <close> = assert(io.open(path))
        files[path] = file:read("a")
    end
    return files
end

-- The keys of a table, sorted.
function checking.sorted(set)
    local keys = {}
    for key in pairs(set) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

-- `files` with another text in the place of one, or with one more.
function checking.with(files, path, text)
    local copy = {}
    for k, v in pairs(files) do
        copy[k] = v
    end
    copy[path] = text
    return copy
end

-- The messages found must say this.
function checking.expect(found, message)
    local all = table.concat(found, "\n")
    assert(all:find(message, 1, true), ("expected \"%s\", found \"%s\""):format(message, all))
end

-- Prints what was found, and a closing line if there is one; ends the program.
function checking.finish(found, closing)
    for _, message in ipairs(found) do
        print(message)
    end
    if closing then
        print(closing)
    end
    os.exit(#found == 0)
end

return checking
