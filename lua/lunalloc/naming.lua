--- Names of the functions at addresses of this process, of another one, or of a core file.
---
--- The module lunalloc.symbols (console/symbols.c) knows them from the files that the process has mapped, with file and
--- line. It exists if libdw was there when lunalloc was built; else, and where it knows no name, the way to the process
--- names the file and the offset in it.

local core = require "lunalloc.core"

local naming = {}

local MAX_LOADS <const> = 8

--- The object of lunalloc.symbols for a process (nil: this one) or a core file; nil if it cannot be had.
local function open(pid, path)
    local found, symbols = pcall(require, "lunalloc.symbols")
    if not found then
        return nil
    elseif path then
        return (symbols.open_core(path))
    end
    return (symbols.open(pid))
end

--- A function that names an address, which is a return address: the name is that of the call. `plain`: how the way to
--- the process names it. `get` reads a control: it names frames of an interpreter (prof.frame.<i>.name). Files are
--- read at the first call, and each address is looked up once.
function naming.new(plain, pid, path, get)
    local symbols, known = nil, {}
    return function(address)
        local name = known[address]
        if name then
            return name
        end
        if symbols == nil then
            symbols = (pid or path) and open(pid, path) or false
        end
        name = address < 0 and get and get(("prof.frame.%d.name"):format((address & math.maxinteger) - 1))
            or symbols and symbols:call(address) or plain(address)
        known[address] = name
        return name
    end
end

--- The same for a process that has ended, by the lines of its /proc/PID/maps: "FILE+0xOFFSET" where no name is known.
function naming.ended(maps)
    local found, symbols = pcall(require, "lunalloc.symbols")
    local opened = found and symbols.open_maps(maps) or nil
    local parts = {}
    for from, to, offset, file in maps:gmatch "(%x+)%-(%x+) %S+ (%x+) %S+ %d+ +(/[^\n]*)" do
        parts[#parts + 1] = { from = tonumber(from, 16), to = tonumber(to, 16), offset = tonumber(offset, 16),
            file = file:match "[^/]*$" }
    end
    return function(address)
        local name = opened and opened:call(address)
        for i = 1, name and 0 or #parts do
            local part = parts[i]
            if address >= part.from and address < part.to then
                return ("%s+0x%x"):format(part.file, address - part.from + part.offset)
            end
        end
        return name or ("0x%x"):format(address)
    end
end

--- The same for this process, which can load libraries meanwhile: if a name is not known in a file that is met for the
--- first time, the list of its files is read again, some times. What libdw holds is freed with the next collection.
function naming.own(plain)
    local known, met, loads, usable = {}, {}, 0, true
    local held = setmetatable({}, { __mode = "v" })

    local function load()
        held.symbols = open()
        usable = held.symbols ~= nil
        return held.symbols
    end

    local function look_up(address, file)
        local present = held.symbols
        local symbols = present or usable and load()
        local name = symbols and symbols:call(address)
        if not name and present and not met[file] and loads < MAX_LOADS then
            loads = loads + 1
            symbols = load()
            name = symbols and symbols:call(address)
        end
        met[file] = true
        return name
    end

    return function(address)
        local name = known[address]
        if name then
            return name
        end
        name = plain(address)
        local file = name:match "^(.-)%+0x"
        if address > 0 and file then -- else a frame of an interpreter, or no code
            local was_sampled = core.get "thread.prof.active"
            core.set("thread.prof.active", false) -- what libdw allocates would fill the profile
            name = look_up(address, file) or name
            core.set("thread.prof.active", was_sampled)
        end
        rawset(known, address, name)
        return name
    end
end

return naming
