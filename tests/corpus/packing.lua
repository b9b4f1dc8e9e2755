-- string.pack and utf8: records of each format, alignment, and texts of one to six bytes a character.

local function hex(text)
    return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

print(hex(string.pack("<i4 >i2 =b", -2, 258, 7)), hex(string.pack("<d f", 1.5, -0.25)))
print(hex(string.pack(">s1 z s2", "abc", "zero", "xyz")), hex(string.pack("<!8 b i8 b", 1, 2, 3)))
for n = 1, 16 do
    local packed = string.pack("<i" .. n .. " >I" .. n, -n, n)
    print(n, hex(packed), string.unpack("<i" .. n .. " >I" .. n, packed))
end
print(string.packsize "i4i8!8d", string.packsize "<!4 b i4 Xi8", pcall(string.packsize, "s"))
print(pcall(string.pack, "i1", 300), pcall(string.pack, "i17", 1), pcall(string.unpack, "i4", "abc"))

local records, at, sum = {}, 1, 0
for i = 1, 5000 do
    records[i] = string.pack("<I4 s2 d", i, ("name"):rep(i % 9), i / 4)
end
local file = table.concat(records)
while at <= #file do
    local id, name, value
    id, name, value, at = string.unpack("<I4 s2 d", file, at)
    sum = sum + id + #name + value
end
print("records", #file, sum)

local codes = { 0x24, 0xA2, 0x939, 0x20AC, 0x10348, 0x7FFFFFFF, 0x10FFFF, 0 }
local text = utf8.char(table.unpack(codes))
print("utf8", #text, utf8.len(text), utf8.len(text, 1, -1, true), hex(text))
local positions = {}
for position, code in utf8.codes(text, true) do
    positions[#positions + 1] = ("%d:%X"):format(position, code)
end
print(table.concat(positions, " "))
print("offsets", utf8.offset("añb€c", 3), utf8.offset("añb€c", -1), utf8.codepoint("añb€c", 1, -1))
print("invalid", utf8.len "\xff", utf8.len "ab\xe2\x82", pcall(utf8.codepoint, "\xc0\x80"), pcall(utf8.char, -1))

local all = {}
for code = 32, 60000, 7 do
    if code < 0xD800 or code > 0xDFFF then
        all[#all + 1] = utf8.char(code)
    end
end
local long = table.concat(all)
local total, n = 0, 0
for _, code in utf8.codes(long) do
    total, n = total + code, n + 1
end
print("long", #long, n, total, #long:gsub(utf8.charpattern, "x"))

local function reverse(s)
    local list = {}
    for _, code in utf8.codes(s) do
        table.insert(list, 1, code)
    end
    return utf8.char(table.unpack(list))
end
print(reverse "naïve café – ω", reverse(reverse "naïve café – ω"))

local dumped = string.dump(load "local a, b = ... return a * b + #'constant'", true)
print("dumped", load(dumped, "dumped", "b")(6, 7), load(dumped, "dumped", "t"))
