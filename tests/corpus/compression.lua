-- Compression: Huffman codes, Lempel-Ziv-Welch, run lengths, base 64: each way and back.

local function source(n)
    local seed, parts = 1, {}
    for i = 1, n do
        seed = seed * 16807 % 2147483647
        parts[i] = ("etaoin shrdlu"):sub(seed % 13 + 1, seed % 13 + 1):rep(seed % 4 + 1)
    end
    return table.concat(parts)
end

local function huffman_codes(text)
    local counts, queue = {}, {}
    for c in text:gmatch "." do counts[c] = (counts[c] or 0) + 1 end
    for c, n in pairs(counts) do queue[#queue + 1] = { n = n, name = c } end
    local function later(a, b) return a.n > b.n or a.n == b.n and a.name > b.name end
    while #queue > 1 do
        table.sort(queue, later)
        local a, b = table.remove(queue), table.remove(queue)
        queue[#queue + 1] = { n = a.n + b.n, name = a.name .. b.name, a, b }
    end
    local codes = {}
    local function walk(node, prefix)
        if node[1] then
            walk(node[1], prefix .. "0")
            walk(node[2], prefix .. "1")
        else
            codes[node.name] = prefix
        end
    end
    walk(queue[1], "")
    return codes, queue[1]
end

local function decode(bits, tree)
    local out, at = {}, tree
    for bit in bits:gmatch "." do
        at = at[bit == "0" and 1 or 2]
        if not at[1] then
            out[#out + 1], at = at.name, tree
        end
    end
    return table.concat(out)
end

local function lzw(text)
    local known, n, out, word = {}, 256, {}, ""
    for i = 0, 255 do known[string.char(i)] = i end
    for c in text:gmatch "." do
        if known[word .. c] then
            word = word .. c
        else
            out[#out + 1], known[word .. c], n, word = known[word], n, n + 1, c
        end
    end
    out[#out + 1] = known[word]
    return out
end

local function unlzw(codes)
    local known, n = {}, 256
    for i = 0, 255 do known[i] = string.char(i) end
    local word = known[codes[1]]
    local out = { word }
    for i = 2, #codes do
        local entry = known[codes[i]] or word .. word:sub(1, 1)
        out[#out + 1] = entry
        known[n], n, word = word .. entry:sub(1, 1), n + 1, entry
    end
    return table.concat(out)
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
    return (text:gsub("..?.?", function(three)
        local a, b, c = three:byte(1, 3)
        local bits = a << 16 | (b or 0) << 8 | (c or 0)
        local four = {}
        for i = 1, 4 do
            local digit = bits >> (24 - 6 * i) & 63
            four[i] = i > #three + 1 and "=" or alphabet:sub(digit + 1, digit + 1)
        end
        return table.concat(four)
    end))
end

local function unbase64(text)
    return (text:gsub("....", function(four)
        local bits = 0
        for c in four:gmatch "." do
            bits = bits << 6 | (c == "=" and 0 or alphabet:find(c, 1, true) - 1)
        end
        return string.pack(">I3", bits):sub(1, 3 - select(2, four:gsub("=", "")))
    end))
end

for _, n in ipairs { 1, 10, 1000, 8000 } do
    local text = source(n)
    local codes, tree = huffman_codes(text .. "xy")
    local bits = text:gsub(".", codes)
    local packed = lzw(text)
    print(n, #text, "huffman", #bits, decode(bits, tree) == text)
    print(n, #text, "lzw", #packed, unlzw(packed) == text)
    local encoded = base64(text)
    print(n, #text, "base64", #encoded, unbase64(encoded) == text, encoded:sub(-8))
end
local rle = ("aaabbbbbc"):gsub("((.)%2*)", function(run, c) return #run .. c end)
print(rle, (rle:gsub("(%d+)(.)", function(n, c) return c:rep(tonumber(n)) end)))
