-- One schema: the manual page, the definitions for editors, help and completion name its controls, all of them and no
-- others; and the page answers for every control name of jemalloc.

local test = ...
local la = require "lunalloc"
local complete = require "lunalloc.complete"
local help = require "lunalloc.help"
local reference = assert(loadfile "scripts/reference")() -- sets package.path
local manual = require "manual"

-- Subtrees of jemalloc's that do not answer yet.
local MISSING <const> = { "^thread%.", "^tcache%.", "^prof%.", "^stats%.", "^opt%.prof", "^opt%.lg_prof", "^opt%.stats",
    "^experimental%.batch_alloc" }

local function schema_names()
    local names = {}
    for name in la.names() do
        names[name] = true
    end
    return names
end

local function same_sets(found, where)
    local names = schema_names()
    for name in pairs(names) do
        test.equal(found[name], true, name .. " in " .. where)
    end
    for name in pairs(found) do
        test.equal(names[name], true, name .. " of " .. where .. " in the schema")
    end
end

-- What a pattern's capture takes in a text, with roff's escapes undone.
local function captured(text, pattern)
    local found = {}
    for name in text:gmatch(pattern) do
        found[name:gsub("\\%-", "-")] = true
    end
    return found
end

test("the manual page names every control, and nothing else", function()
    local controls = reference.man():match "^(.-)\n%.SH NAMES"
    same_sets(captured(controls, "\n%.TP\n%.B (%S+)"), "the manual page")
end)

test("the page's place for them is there, and the page's rest is kept", function()
    local page = reference.page "console/lunalloc.1"
    test.match(page, "^'\\\" t\n%.TH LUNALLOC 1")
    test.match(page, "\n%.SH SYNOPSIS\n.*\n%.SH CONTROLS\n.*\n%.SH NAMES OF JEMALLOC\n.*\n%.SH SEE ALSO\n")
end)

test("each command is explained in one manual page", function()
    local pages = reference.page "console/lunalloc-attach.1" .. reference.page "console/lunalloc-compare.1"
        .. reference.page "console/lunalloc-record.1" .. reference.page "console/lunalloc-replay.1"
        .. reference.page "console/lunalloc-report.1" .. reference.page "console/lunalloc-serve.1"
        .. reference.page "console/lunalloc-test.1" .. reference.page "console/lunalloc-tune.1"
    for _, name in ipairs(require "lunalloc.command".names()) do
        local _, sections = pages:gsub("\n%.SS " .. name .. "\n%.nf\n%.B lunalloc " .. name .. "[ \n]", "")
        test.equal(sections, name == "help" and 0 or 1, name)
    end
    test.match(pages, "\n%.TP\n%.B \\%-\\%-json\nall counters, ")
end)

test("the definitions for editors name every control, and nothing else", function()
    local text = reference.luacats()
    same_sets(captured(text, '\n%-%-%-| "([^"]+)"'), "the definitions")
    assert(load(text))
    for name in pairs(schema_names()) do
        local group, word = name:match "^(.-)%.?([^.]+)$"
        local class = "lunalloc.ctl" .. (group == "" and "" or "." .. group:gsub("[<>]", ""))
        local fields = text:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.-)\n\n")
        assert(fields and ("\n" .. fields):find("\n---@field " .. word .. " ", 1, true), name .. " is no field")
    end
end)

test("help explains every control", function()
    for name in pairs(schema_names()) do
        test.equal(help.text(name):sub(1, #name), name)
    end
end)

test("completion offers every control", function()
    for name in pairs(schema_names()) do
        local whole = 'la.get "' .. name:gsub("<%a>", "0")
        local offered = complete(whole:sub(1, -2))
        local found = false
        for _, candidate in ipairs(offered) do
            found = found or whole:sub(1, offered.from - 1) .. candidate == whole
        end
        assert(found, whole .. " is not offered")
    end
end)

test("every control name of jemalloc has an answer", function()
    local n = 0
    local page = reference.man():gsub("\tT{\n%.na\n(.-)\nT}", "\t%1"):gsub("\\:", "")
    for answer, name in page:gmatch "\n(%l+)\t(%l%S+)" do
        n = n + 1
        local missing = answer ~= "none"
        for _, pattern in ipairs(MISSING) do
            missing = missing or name:find(pattern) ~= nil
        end
        test.equal(missing, true, name .. " has an answer")
    end
    assert(n > 400, n .. " names")
end)

test("the manual page of scenarios has every key of a workload, every distribution and every curve", function()
    local options = require "lunalloc.options"
    local page = reference.page "console/lunalloc-test.1"
    local found = captured(page, "\n%.TP\n%.B ([^\n(]+)")
    local function walk(keys, where)
        for key, option in pairs(keys) do
            test.equal(found[key], true, key .. " of " .. where)
            walk(option.keys or option.rows or {}, key)
        end
    end
    walk(options.of "la.workload", "la.workload")
    for name, text in pairs(options.distributions) do
        test.equal(found[name] or found[text:match "^[^(:]+"], true, name)
    end
end)

-- ---- section 3 -----------------------------------------------------------------------------------------------------

test("the manual page of the module has every function and method, with its results", function()
    local page = reference.page "console/lunalloc-module.3"
    for name, entry in pairs(help.functions) do
        local usage = manual.roff(entry[1])
        local _, count = page:gsub("\n%.TP\n\\fB" .. usage:gsub("%p", "%%%0") .. "\\fR\n", "")
        test.equal(count, 1, name)
    end
end)

test("the manual page of the C interface has every declaration", function()
    local page = reference.page "console/lunalloc.3"
    local count = 0
    for _, path in ipairs { "src/lunalloc.h", "lua/lunalloc_lua.h" } do
        local file <close> = assert(io.open(path))
        local code = file:read "a":gsub("/%*.-%*/", ""):gsub("#define LUNALLOC_%u*_?API[^\n]*", "")
        for name in code:gmatch "LUNALLOC_%u*_?API [^(;]-([%w_]+)[(;]" do
            assert(page:find("[ *]" .. name .. "[(;]"), name .. " is in the page")
            count = count + 1
        end
        for name in code:gmatch "([%w_]+);\n" do
            assert(page:find(name .. ";", 1, true), name .. " is in the page")
        end
    end
    test.equal(count > 70, true, count .. " functions")
    test.match(page, "\n%.TP\n\\fBuint64_t blocks\\fR\nhow many the meter has\n")
end)
