-- checking.lua -- functions that the checks of the tree (scripts/check-...) share: reading files, printing complaints,
-- and comparing them in self-tests.

local checking = {}

-- path -> text, for each file that `find` lists.
function checking.read(arguments)
    local files = {}
    local list <close> = assert(io.popen("find " .. arguments))
    for path in list:lines() do
        local file <close> = assert(io.open(path))
        files[path] = file:read("a")
    end
    return files
end

-- C code without comments; lines are kept.
function checking.without_comments(text)
    return (text:gsub("/%*.-%*/", function(comment)
        return (comment:gsub("[^\n]", " "))
    end))
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

-- A copy of `files` in which `path` has another text, or is added.
function checking.with(files, path, text)
    local copy = {}
    for k, v in pairs(files) do
        copy[k] = v
    end
    copy[path] = text
    return copy
end

-- Fails unless one of the messages found contains `message`.
function checking.expect(found, message)
    local all = table.concat(found, "\n")
    assert(all:find(message, 1, true), ("expected \"%s\", found \"%s\""):format(message, all))
end

-- Prints the messages found, then the closing line if given; exits 1 if there is any message, else 0.
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
