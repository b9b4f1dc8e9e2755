--- The memory of a process's control group, as the kernel accounts for it: what is used, what the limit is, and how
--- long tasks wait for memory.
---
---     local group = assert(require("lunalloc.cgroup").of(pid))
---     group:usage()  group:limit()    bytes; limit() is nil if none is set
---     group:stall()                   share of the last ten seconds in which a task waited for memory
---
--- With cgroups of version 2 these are memory.current, memory.high (or memory.max) and memory.pressure; with version 1
--- the usage, the soft limit (or the limit) and the pressure of the whole machine. The files are read at each call.

local cgroup = {}

local ROOT <const> = "/sys/fs/cgroup/"
local USAGE <const> = { "memory.current", "memory.usage_in_bytes" }
local LIMITS <const> = { "memory.high", "memory.max", "memory.soft_limit_in_bytes", "memory.limit_in_bytes" }
local NO_LIMIT <const> = 1 << 60 -- version 1 has a number above it where none is set; version 2 has the word "max"

local Group = {}
Group.__index = Group

local function read(path, format)
    local file <close> = io.open(path)
    return file and file:read(format)
end

--- The folders in which the group's files may be. A container may see its own group at the root.
local function folders_of(pid)
    local text = read(("/proc/%s/cgroup"):format(pid or "self"), "a") or ""
    local v1, v2 = text:match ":memory:/([^\n]*)", text:match "0::/([^\n]*)"
    return { ROOT .. (v2 or ""), ROOT .. "memory/" .. (v1 or ""), ROOT, ROOT .. "memory" }
end

--- The group of a process (nil: this one), or the one of the folder `dir`. nil, message, code if there is none.
function cgroup.of(pid, dir)
    for _, folder in ipairs(dir and { dir } or folders_of(pid)) do
        for _, name in ipairs(USAGE) do
            if read(folder .. "/" .. name, "n") then
                return setmetatable({ folder = folder .. "/", usage_file = name }, Group)
            end
        end
    end
    return nil, ("no %s in %s"):format(table.concat(USAGE, " or "), dir or ROOT), "ENOENT"
end

--- Bytes in use; 0 once the group is gone.
function Group:usage()
    return read(self.folder .. self.usage_file, "n") or 0
end

function Group:limit()
    for _, name in ipairs(LIMITS) do
        local limit = read(self.folder .. name, "n")
        if limit and limit < NO_LIMIT then
            return limit
        end
    end
end

--- 0 if the kernel does not tell.
function Group:stall()
    local text = read(self.folder .. "memory.pressure", "a") or read("/proc/pressure/memory", "a") or ""
    return (tonumber(text:match "some avg10=([%d.]+)") or 0) / 100
end

return cgroup
