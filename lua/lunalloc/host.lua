--- Libraries of Lua that a host may have left out: io, os and utf8, or stand-ins for them.
---
---     local io = require("lunalloc.host").io
---
--- The module needs base, string, table, math and package. Without io no file can be opened: what reads one goes on
--- without it, or fails with the code "ENOTSUP" (host.NO_IO says why). Without os there is no environment and no time.
--- Without utf8 a text is taken as bytes.

local host = {}

host.NO_IO = "this host has not opened Lua's io library (luaopen_io), which this needs"

local function no_file()
    return nil, host.NO_IO, 0
end

--- As utf8.char, of one code below 0x10000.
local function char(code)
    if code < 0x80 then
        return string.char(code)
    elseif code < 0x800 then
        return string.char(0xc0 | code >> 6, 0x80 | code & 0x3f)
    end
    return string.char(0xe0 | code >> 12, 0x80 | code >> 6 & 0x3f, 0x80 | code & 0x3f)
end

--- As utf8.codes, of a valid text: an iterator over place and code.
local function codes(text)
    local at = 1
    return function()
        local from, first = at, text:byte(at)
        if not first then
            return nil
        end
        local n = first < 0x80 and 0 or first < 0xe0 and 1 or first < 0xf0 and 2 or 3
        local code = n == 0 and first or first & 0x3f >> n
        for i = 1, n do
            code = code << 6 | text:byte(from + i) & 0x3f
        end
        at = from + n + 1
        return from, code
    end
end

host.io = io or { open = no_file, lines = no_file, popen = no_file, write = no_file }

host.os = os or {
    getenv = function() return nil end,
    time = function() return 0 end,
}

host.utf8 = utf8 or {
    len = function() return nil end, -- no text is known to be UTF-8
    char = char,
    codes = codes,
}

return host
