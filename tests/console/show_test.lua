-- lunalloc.show: what the prompt prints.

local test = ...
local show = require "lunalloc.show"
local units = require "lunalloc.units"

test("plain values stand as they are", function()
    test.equal(show.text(1, "two", nil, true, 0.5), "1\ttwo\tnil\ttrue\t0.5")
    test.equal(show.text "a\nb", "a\nb")
    test.equal(show.text("a\nb", 2), "a\nb\n2")
    test.equal(show.text(), "")
end)

test("a short table is one line, its keys sorted", function()
    test.equal(show.text {}, "{}")
    test.equal(show.text { 1, "x", b = 2, a = true, [10] = 0, ["end"] = 1, ["a b"] = 2 },
        '{1, "x", [10] = 0, a = true, ["a b"] = 2, b = 2, ["end"] = 1}')
    test.equal(show.text { { 1 }, x = {} }, "{{1}, x = {}}")
    test.equal(show.text { { { 1 } }, x = { y = 1, z = "a" } }, '{{...}, x = {y = 1, z = "a"}}')
end)

test("a long table has a line for each field and bytes in readable units", function()
    local text = show.text { resident = 125829120, name = ("n"):rep(70), small = 1 }
    test.match(text, "^{\n  name = \"n+\",\n  resident = 125829120,%s+%-%- 120 MiB\n  small = 1,\n}$")
end)

test("everything is bounded", function()
    local many, fields = {}, {}
    for i = 1, 5000 do
        many[i] = i
        fields["field" .. i] = i
    end
    test.match(show.text(many), "%.%.%. 4800 more")
    test.match(show.text(fields), "%.%.%. 4940 more")
    test.match(show.text { ("x"):rep(1000) }, '"x+"%.%.%.')
    test.equal(#show.text { ("é"):rep(1000) } < 300 and utf8.len(show.text { ("é"):rep(1000) }) ~= nil, true)
end)

test("a text is quoted inside a table, whatever its bytes", function()
    test.equal(show.text { "a\n\0\"\\" }, [[{"a\n\0\"\\"}]])
    test.equal(show.text { "\xff\x1b" }, [[{"\xff\27"}]])
end)

test("numbers in tables have six digits", function()
    test.equal(show.text { 1.23456, 1.234567, 100.0, 3, 1 / 0, -0.5 }, "{1.23456, 1.23457, 100, 3, inf, -0.5}")
    test.equal(show.text { { x = 1.23456 }, { x = 2.5 } }, "      x\n1.23456\n    2.5")
end)

test("bytes in readable units have three digits, whatever rounding does", function()
    local texts = {
        [0] = "0 B", [1023] = "1023 B", [1024] = "1.00 KiB", [10233] = "9.99 KiB", [10237] = "10.0 KiB",
        [102338] = "99.9 KiB", [102349] = "100 KiB", [1047961] = "1023 KiB", [1048167] = "1.00 MiB",
        [1048575] = "1.00 MiB", [1 << 20] = "1.00 MiB", [1 << 50] = "1.00 PiB", [1 << 60] = "1024 PiB",
        [-10237] = "-10.0 KiB",
    }
    for bytes, text in pairs(texts) do
        test.equal(units.human(bytes), text)
    end
    test.match(show.text { resident = 10237 << 10, name = ("n"):rep(70) }, "%-%- 10%.0 MiB\n")
    test.match(show.text { resident = 10240, name = ("n"):rep(70) }, "%-%- 10%.0 KiB\n")
    test.equal(show.text({ resident = 10239, name = ("n"):rep(70) }):find("KiB", 1, true), nil)
end)

test("grids and arrays are shown up to their bounds", function()
    local rows, items = {}, {}
    for i = 1, 40 do
        rows[i] = { i = i }
    end
    for i = 1, 200 do
        items[i] = i
    end
    test.equal(show.text(rows):find("more", 1, true), nil)
    test.equal(show.text(items):find("more", 1, true), nil)
    rows[41], items[201] = { i = 41 }, 201
    test.match(show.text(rows), "\n... 1 more$")
    test.match(show.text(items), "%.%.%. 1 more")
end)

test("records are a grid, numbers to the right", function()
    test.equal(show.text { { name = "one", n = 1 }, { name = "three", n = 10000 } }, table.concat({
        "name       n", "one        1", "three  10000" }, "\n"))
    test.equal(show.text { dirty = { count = 2, bytes = 4096 }, active = { count = 10, bytes = 16384 } }, table.concat({
        "        count  bytes", "active     10  16384  16.0 KiB", "dirty       2   4096  4.00 KiB" }, "\n"))
    local rows = {}
    for i = 1, 100 do
        rows[i] = { i = i }
    end
    test.match(show.text(rows), "\n... 60 more$")
end)

test("a grid fits the window: readable bytes alone, cut texts, then blocks of columns", function()
    local width = show.width
    local rows = {}
    for i = 1, 3 do
        rows[i] = { name = ("long name "):rep(3) .. i, bytes = i << 20, index = i, other = 1, addr = i << 36 }
    end
    show.width = function() return 80 end
    test.match(show.text(rows), "^index  name +addr +bytes +other\n" ..
        " +1  long name long name long name 1 +0x1000000000 +1048576 +1.00 MiB +1\n")
    for columns = 20, 90 do
        show.width = function() return columns end
        for line in (show.text(rows) .. "\n"):gmatch "([^\n]*)\n" do
            test.equal(#line <= columns, true, columns .. ": " .. line)
        end
    end
    show.width = function() return 60 end
    test.match(show.text(rows), "^index  name +addr +bytes +other\n +1  long .*%.%.  0x1000000000  1.00 MiB +1\n")
    show.width = function() return 40 end
    test.match(show.text(rows), "\n\nindex     bytes  other\n    1  1.00 MiB      1\n")
    show.width = width
end)

test("rows within a table are a grid, addresses hexadecimal, small tables inline", function()
    test.equal(show.text { total = 2, rows = { { addr = 4096, n = 1 }, { addr = 8192, n = 20 } } }, table.concat({
        "{", "  rows =", "      addr   n", "    0x1000   1", "    0x2000  20", "  total = 2,", "}" }, "\n"))
    test.equal(show.text { addr = 255, n = 255 }, "{addr = 0xff, n = 255}")
    test.equal(show.text { { { a = 1, t = { x = 1 } }, { a = 2, t = { 1, 2 } } } }, "{{...}}")
    test.match(show.text { { a = 1, t = { x = 1 } }, { a = 2, t = { 1, 2 } } }, "^t +a\n{x = 1}  1\n{1, 2}   2$")
end)

test("control characters are escaped, colours and lines are not", function()
    test.equal(show.text "\27[2J\7\r\0a\tb\n", "\\027[2J\\a\\r\\000a\tb\n")
    test.equal(show.text "\27[1;31mred\27[0m \27]0;title\7", "\27[1;31mred\27[0m \\027]0;title\\a")
    test.equal(show.text "\xc2\x9b2J é", "\\194\\1552J é")
    test.equal(show.text "\xff", "\\255")
    test.equal(show.text { { a = "x\27y", b = 1 }, { a = "z", b = 2 } }, "a       b\nx\\027y  1\nz       2")
    test.equal(show.text(setmetatable({}, { __tostring = function() return "\27c" end })), "\\027c")
end)

test("objects say what their __tostring says", function()
    local object = setmetatable({ 1 }, { __tostring = function() return "an object\nof two lines" end })
    test.equal(show.text(object), "an object\nof two lines")
    test.equal(show.text { object }, "{an object ...}")
end)

test("a table that contains itself, and odd keys", function()
    local t = { x = 1 }
    t.self = t
    test.equal(show.text(t), "{self = {...}, x = 1}")
    local odd = show.text { [true] = 1, [print] = 2, [1.5] = 3 }
    test.match(odd, "^{%[1%.5%] = 3, %[true%] = 1, %[function: [^]]+%] = 2}$")
end)

test("columns are read downwards", function()
    test.equal(show.columns({ "a", "b", "c", "dd", "e" }, 10), "a   c   e\nb   dd")
    test.equal(show.columns({ "wider than that" }, 5), "wider than that")
    test.equal(show.columns({}, 80), "")
end)
