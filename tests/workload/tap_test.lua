-- lunalloc.test.tap and lunalloc.test.junit: results of tests for other programs.

local test = ...
local tap = require "lunalloc.test.tap"
local junit = require "lunalloc.test.junit"

local GOOD <const> = { name = "good", file = "a/good.lua", ok = true, seconds = 1.25, kind = "limit",
    text = "all <well>" }
local BAD <const> = { name = "bad #1\n", file = "a/bad.lua", ok = false, seconds = 0.5, kind = "limit",
    problem = "malloc.p99 isn't it", missed = { "malloc.p99 isn't it", "x < 3 & y" },
    facts = { { "allocator", "lunalloc 0.1.0" } } }
local DEAD <const> = { name = "dead", file = "dead.lua", ok = false, seconds = 0, kind = "error",
    problem = "ended by \"signal\" 11\27 \255", text = "a\0b" }

local function collected()
    local lines = {}
    return tap.new(function(line) lines[#lines + 1] = line end), lines
end

test("a plan, a test that passed, one that failed", function()
    local out, lines = collected()
    out:plan(2)
    out:result(GOOD)
    out:result(BAD)
    test.equal(table.concat(lines), [[
TAP version 13
1..2
ok 1 - good # time=1250ms
not ok 2 - bad \#1? # time=500ms
  ---
  message: 'malloc.p99 isn''t it'
  severity: fail
  duration_ms: 500
  allocator: 'lunalloc 0.1.0'
  missed:
    - 'malloc.p99 isn''t it'
    - 'x < 3 & y'
  ...
]])
end)

test("a crash, comments, the end of it all", function()
    local out, lines = collected()
    out:result(DEAD)
    out:comment "one\ntwo"
    out:bail_out "interrupted"
    test.equal(table.concat(lines), [[
not ok 1 - dead # time=0ms
  ---
  message: 'ended by "signal" 11  ]] .. "\255" .. [['
  severity: error
  duration_ms: 0
  ...
# one
# two
Bail out!  interrupted
]])
end)

--- The output of Python's parser for the XML.
local function parsed(xml)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(xml):close()
    local pipe <close> = assert(io.popen([[python3 -c '
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, root.get("tests"), root.get("failures"), root.get("errors"), root[0].get("timestamp"))
for case in root.iter("testcase"):
    inner = [(e.tag, e.get("type"), e.get("message"), e.text) for e in case]
    print(case.get("classname"), repr(case.get("name")), case.get("time"), inner)' ]] .. path .. " 2>&1"))
    local text = pipe:read "a"
    os.remove(path)
    return text
end

test("JUnit's XML is read by a parser as it was meant", function()
    local xml = junit.text({ GOOD, BAD, DEAD }, { allocator = "glibc 2.36", seconds = 2, time = 0 })
    test.match(xml, '^<%?xml version="1.0" encoding="UTF%-8"%?>\n<testsuites ')
    test.match(xml, '<property name="allocator" value="glibc 2%.36"/>')
    if not os.execute "command -v python3 >/dev/null" then
        test.skip "no python3 here"
    end
    test.equal(parsed(xml), [[
testsuites 3 1 1 1970-01-01T00:00:00
good 'good' 1.250 [('system-out', None, None, 'all <well>')]
bad 'bad #1\n' 0.500 [('failure', 'limit', "malloc.p99 isn't it", "malloc.p99 isn't it\nx < 3 & y")]
dead 'dead' 0.000 [('error', 'error', 'ended by "signal" 11? ?', None), ('system-out', None, None, 'a?b')]
]])
end)
