-- The peers: allocators of Debian's packages, and newer ones that the user has built and put into a folder, by default
-- `peers` in the tree, which git ignores:
--
--   peers/NAME.so   an allocator; it is preloaded under the name NAME. For example jemalloc-5.3.1.so.
--   peers/NAME/     a C library, as `make install` writes it (the folder, its lib or its lib64 holds libc.so.6 and
--                   ld-linux-*.so.*). A C library can't be preloaded into programs of another one, so its own loader
--                   starts them. Not measured are rows whose programs start others: those would run on the system's.
--
--   ./configure && make && cp lib/libjemalloc.so.2 .../peers/jemalloc-5.3.1.so
--   ../glibc/configure --prefix=/usr && make && make install DESTDIR=.../peers/glibc-2.42
--
-- An allocator is {name =, library = (nil: not installed), environment =, loader =, path = (that the loader searches)}.

local system = require "system"

local peers = {}

local PACKAGED <const> = { { "jemalloc", "libjemalloc.so.2" }, { "mimalloc", "libmimalloc.so.2" },
    { "mimalloc3", "libmimalloc.so.3" }, { "tcmalloc", "libtcmalloc_minimal.so.4" } }

--- The allocators that packages of the system hold, the C library's first.
function peers.packaged()
    local list = { { name = "system", library = system.library "libc.so.6" } }
    for _, peer in ipairs(PACKAGED) do
        list[#list + 1] = { name = peer[1], library = system.library(peer[2]) }
    end
    return list
end

--- The folder that the system's own libraries are in, for all that a C library does not have.
local function system_folder()
    return (system.library "libc.so.6" or ""):match "^(.*)/" or "/lib"
end

--- The C library in a folder; nil if there is none.
local function c_library(name, folder)
    for _, inner in ipairs { "", "/lib64", "/lib", "/usr/lib64", "/usr/lib" } do
        local lib = folder .. inner
        local loader = system.output("ls " .. system.quote(lib)):match "ld%-linux[^\n]*%.so%.%d+"
        if loader and system.exists(lib .. "/libc.so.6") then
            return { name = name, library = lib .. "/libc.so.6", loader = lib .. "/" .. loader,
                path = lib .. ":" .. system_folder() }
        end
    end
end

--- The allocators in a folder, by name. Raises a message of one line if something in it is neither of the two.
function peers.built(folder)
    local list = {}
    for entry in system.output("ls " .. system.quote(folder)):gmatch "[^\n]+" do
        local path = folder .. "/" .. entry
        local label = entry:match "^(.+)%.so$"
        local found = label and { name = label, library = path } or c_library(entry, path)
        list[#list + 1] = found or
            error(("%s: NAME.so, or a folder with libc.so.6 and ld-linux-*.so.* expected"):format(path), 0)
    end
    return list
end

--- The words that start a program on an allocator whose C library has a loader of its own.
function peers.started_by_loader(allocator, argv)
    return { allocator.loader, "--library-path", allocator.path, "--preload", allocator.library,
        table.unpack(argv) }
end

return peers
