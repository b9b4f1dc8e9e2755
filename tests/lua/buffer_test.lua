-- Owned blocks.

local test = ...
local la = require "lunalloc"

test("a buffer", function()
    local buffer = assert(la.buffer(100))
    test.equal(math.type(buffer:addr()), "integer")
    test.equal(#buffer, 100)
    test.equal(buffer:size(), 100)
    test.equal(buffer:usable() >= 100, true)
    test.equal(buffer:fill(0xa5), buffer)
    test.equal(buffer:fill "x", buffer)
    test.match(tostring(buffer), "^buffer: 0x%x+ %(100 bytes%)$")
    buffer:free()
    test.equal(tostring(buffer), "buffer (freed)")
end)

test("sizes as text", function()
    local buffer <close> = assert(la.buffer "64K")
    test.equal(#buffer, 65536)
    test.equal(buffer:resize "1.5M", buffer)
    test.equal(#buffer, 3 << 19)
    local sizes = { ["1k"] = 1024, ["2 KiB"] = 2048, ["3KB"] = 3072, ["12"] = 12, ["12B"] = 12, ["0.5K"] = 512 }
    for text, bytes in pairs(sizes) do
        local sized <close> = assert(la.buffer(text))
        test.equal(#sized, bytes, text)
    end
end)

test("every unit of size", function()
    local core = require "lunalloc.core"
    for i, unit in ipairs { "K", "M", "G", "T" } do
        for _, text in ipairs { "1" .. unit, "1" .. unit:lower(), "1 " .. unit .. "B", "1.0" .. unit .. "iB" } do
            test.equal(core.bytes(text), 1 << 10 * i, text)
        end
        test.equal(core.bytes("2.5" .. unit), 5 << 10 * i - 1)
    end
    test.equal(core.bytes "1T", 1099511627776)
    test.fails("EINVAL", "bad size", core.bytes "1P")
    test.fails("EINVAL", "bad size", core.bytes "9999999T")
end)

test("alignment", function()
    for _, alignment in ipairs { 1, 2, 16, 64, 4096, "64K", 1 << 21 } do
        local buffer <close> = assert(la.buffer(1000, alignment))
        local bytes = alignment == "64K" and 65536 or alignment
        test.equal(buffer:addr() % bytes, 0)
        assert(buffer:resize(200000))
        test.equal(buffer:addr() % bytes, 0, "after resize")
        buffer:fill(7)
    end
    for _, alignment in ipairs { 0, 3, -8, 48, math.mininteger } do
        test.fails("EINVAL", "bad alignment .*power of two", la.buffer(8, alignment))
    end
    test.fails("EINVAL", "bad size", la.buffer(8, 1.5))
    test.fails("EINVAL", "bad size", la.buffer(8, "x"))
end)

test("bad sizes", function()
    test.fails("EINVAL", "bad size '%-1'", la.buffer(-1))
    test.fails("EINVAL", "bad size '64Q'", la.buffer "64Q")
    test.fails("EINVAL", "bad size ''", la.buffer "")
    test.fails("EINVAL", "bad size", la.buffer(0 / 0))
    for _, text in ipairs { "K", "-5", "0x", "1e", "1..5K", "5 5", "64KK", "64iB", "1\0", ("9"):rep(40) } do
        test.fails("EINVAL", "bad size", la.buffer(text))
    end
    test.raises("size .* expected, got nil", la.buffer, nil)
    test.raises("size .* expected, got table", la.buffer, {})
end)

test("too much memory is a failure, not an end", function()
    test.fails("ENOMEM", "no block of %d+ bytes", la.buffer(math.maxinteger))
    local buffer <close> = assert(la.buffer(64))
    buffer:fill(1)
    test.fails("ENOMEM", "no block of", buffer:resize(math.maxinteger))
    test.equal(#buffer, 64)
    buffer:fill(2)
end)

test("a buffer of no bytes", function()
    local buffer <close> = assert(la.buffer(0))
    test.equal(#buffer, 0)
    buffer:fill(1)
    assert(buffer:resize(10))
    test.equal(#buffer, 10)
    assert(buffer:resize(0))
    test.equal(#buffer, 0)
    assert(buffer:resize(5)):fill(0)
end)

test("use after free raises", function()
    local buffer = la.buffer(10)
    buffer:free()
    for _, method in ipairs { "addr", "size", "usable", "fill", "resize", "free" } do
        test.raises("buffer_test.lua:%d+: this buffer was freed", function()
            buffer[method](buffer, 1)
        end)
    end
    test.raises("was freed", function()
        return #buffer
    end)
end)

test("misuse raises", function()
    local buffer <close> = la.buffer(10)
    for _, byte in ipairs { 256, -1, "", "ab", 1.5, {} } do
        test.raises("bad argument", buffer.fill, buffer, byte)
    end
    test.raises("bad argument", buffer.fill, buffer)
    test.raises("lunalloc.buffer expected", buffer.addr, {})
    test.raises("lunalloc.buffer expected", buffer.free, io.stdout)
    test.fails("EINVAL", "bad size", buffer:resize(-1))
end)

test("blocks are given back on close and on collection", function()
    local index = la.sizeclass "3M"
    local function live()
        return la.stats().classes[index].curregs
    end
    collectgarbage()
    local before = live()
    do
        local _ <close> = assert(la.buffer "3M")
        test.equal(live(), before + 1)
    end
    test.equal(live(), before)
    for _ = 1, 5 do
        assert(la.buffer "3M")
    end
    collectgarbage()
    collectgarbage()
    test.equal(live(), before)
end)
