--- Names of the functions at addresses of another process or of a core file.
---
--- The module lunalloc.symbols (console/symbols.c) knows them from the files that the process has mapped, with file and
--- line. It exists if libdw was there when lunalloc was built; else, and where it knows no name, the way to the process
--- names the file and the offset in it.

local naming = {}

--- The object of lunalloc.symbols for a process or a core file; nil if it cannot be had.
local function open(pid, path)
    local found, symbols = pcall(require, "lunalloc.symbols")
    if not found then
        return nil
    end
    return path and symbols.open_core(path) or pid and symbols.open(pid)
end

--- A function that names an address, which is a return address: the name is that of the call. `plain`: how the way to
--- the process names it. Files are read at the first call, and each address is looked up once.
function naming.new(plain, pid, path)
    local symbols, known = nil, {}
    return function(address)
        local name = known[address]
        if name then
            return name
        end
        if symbols == nil then
            symbols = open(pid, path) or false
        end
        name = symbols and symbols:call(address) or plain(address)
        known[address] = name
        return name
    end
end

return naming
