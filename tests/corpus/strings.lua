-- Strings: building, patterns, formats, short ones that are interned, and long ones that are not.

local function checksum(text)
    local a, b = 1, 0
    for i = 1, #text do
        a = (a + text:byte(i)) % 65521
        b = (b + a) % 65521
    end
    return ("%08x"):format(b << 16 | a)
end

local built = ""
for i = 1, 2000 do
    built = built .. i .. ","
end
print("concatenated", #built, checksum(built))

local parts = {}
for i = 1, 20000 do
    parts[i] = ("%05d"):format(i * 7919 % 20011)
end
local joined = table.concat(parts, "-")
print("joined", #joined, checksum(joined))

for _, n in ipairs { 0, 1, 38, 39, 40, 41, 42, 1000, 65536, 3000000 } do
    local text = ("ab"):rep(n)
    print("rep", n, #text, n < 5000 and checksum(text) or checksum(text:sub(-1000)))
end

local text = ("The quick brown fox jumps over the lazy dog. "):rep(200)
local counts = {}
for word in text:gmatch "%a+" do
    counts[word] = (counts[word] or 0) + 1
end
local words = {}
for word, n in pairs(counts) do
    words[#words + 1] = word .. "=" .. n
end
table.sort(words)
print("words", table.concat(words, " "))
print("gsub", checksum(text:gsub("%a+", function(word) return word:reverse():upper() end)))
print("gsub table", checksum((text:gsub("%a+", { fox = "cat", dog = "mouse" }))))
print("captures", ("key = value # comment"):match "^(%w+)%s*=%s*(%w+)")
print("balanced", ("f(a(b)c)(d)"):match "%b()", ("THE (quick) fox"):find "%((%a+)%)")
print("frontier", (("THE (quick) fox"):gsub("%f[%a]%a+", "<%0>")))

print(("%5.2f|%-8s|%08.3f|%x|%q|%g|%a"):format(3.14159, "left", -2.5, 48879, 'a "b"\n\0c', 1e100, 0.5))
print(("%q %q %q"):format(1 / 3, math.mininteger, 0 / 1))

-- Equal short strings are one object; equal long ones compare by contents.
local same = 0
for i = 1, 5000 do
    local short, long = "key" .. i % 100, ("long key %d "):format(i % 100):rep(20)
    same = same + (short == "key" .. i % 100 and 1 or 0)
    local t = { [short] = 1, [long] = 2 }
    same = same + t["key" .. i % 100] + t[("long key %d "):format(i % 100):rep(20)]
end
print("same", same)

local function rot(s, n)
    return (s:gsub("%l", function(c) return string.char((c:byte() - 97 + n) % 26 + 97) end))
end
print("rotated", rot("hello, world", 13), rot(rot("hello, world", 13), 13))

local lines = {}
for i = 1, 500 do
    lines[i] = ("%d\t%s\t%s"):format(i, ("x"):rep(i % 40), tostring(i % 2 == 0))
end
local csv, fields = table.concat(lines, "\n"), 0
for line in csv:gmatch "[^\n]+" do
    for _ in line:gmatch "[^\t]*" do
        fields = fields + 1
    end
end
print("fields", fields)
print("errors", pcall(string.rep, "x", -1), pcall(string.format, "%d", 1.5), pcall(string.find, "a", "[a"))
print("too large", pcall(string.rep, "x", 1 << 62))
