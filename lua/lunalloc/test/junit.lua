--- Results of tests as JUnit's XML, which continuous integrations read.
---
---     local text = junit.text(list, { allocator = "lunalloc 0.1.0", seconds = 12.5, time = os.time() })
---
--- A missed limit is a failure; a crash, an end without a result or a time-out is an error.

local junit = {}

local ENTITIES <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["\n"] = "&#10;",
    ["\t"] = "&#9;" }

--- A text without what XML 1.0 forbids: control characters, and bytes that are no UTF-8.
local function clean(text)
    text = text:gsub("[%z\1-\8\11\12\14-\31\127]", "?"):gsub("\r", "")
    return utf8.len(text) and not text:find "\u{FFFE}" and not text:find "\u{FFFF}" and text
        or (text:gsub("[\128-\255]", "?"))
end

local function attribute(value)
    return '"' .. clean(tostring(value)):gsub('[&<>"\n\t]', ENTITIES) .. '"'
end

local function content(text)
    return (clean(text):gsub("[&<>]", ENTITIES))
end

--- The name of the file without its folders and its end: the class of a test.
local function class_of(file)
    return (file:match "([^/]*)$":gsub("%.lua$", ""))
end

local function add_case(lines, done)
    lines[#lines + 1] = ('    <testcase classname=%s name=%s file=%s time="%.3f">'):format(
        attribute(class_of(done.file)), attribute(done.name), attribute(done.file), done.seconds)
    if not done.ok then
        local tag = done.kind == "limit" and "failure" or "error"
        lines[#lines + 1] = ("      <%s type=%s message=%s>%s</%s>"):format(tag, attribute(done.kind),
            attribute(done.problem), content(table.concat(done.missed or {}, "\n")), tag)
    end
    if done.text and done.text ~= "" then
        lines[#lines + 1] = ("      <system-out>%s</system-out>"):format(content(done.text))
    end
    lines[#lines + 1] = "    </testcase>"
end

local function count(list, kind)
    local n = 0
    for _, done in ipairs(list) do
        n = n + (not done.ok and (done.kind == "limit") == (kind == "limit") and 1 or 0)
    end
    return n
end

--- The whole file. list: tests as of tap's result(), with file and text. facts: allocator, seconds, time (as of
--- os.time).
function junit.text(list, facts)
    local totals = ('tests="%d" failures="%d" errors="%d" skipped="0" time="%.3f"'):format(#list,
        count(list, "limit"), count(list, "error"), facts.seconds)
    local lines = { '<?xml version="1.0" encoding="UTF-8"?>', ('<testsuites name="lunalloc test" %s>'):format(totals) }
    lines[#lines + 1] = ('  <testsuite name=%s %s timestamp="%s">'):format(
        attribute("lunalloc test on " .. facts.allocator), totals, os.date("!%Y-%m-%dT%H:%M:%S", facts.time))
    lines[#lines + 1] = ('    <properties><property name="allocator" value=%s/></properties>'):format(
        attribute(facts.allocator))
    for _, done in ipairs(list) do
        add_case(lines, done)
    end
    lines[#lines + 1] = "  </testsuite>\n</testsuites>\n"
    return table.concat(lines, "\n")
end

return junit
