-- Access of the bench to the machine: files, programs, the output of commands, the machine's description.

local system = {}

function system.quote(word)
    return word:find "^[%w%._/=,:+%-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

function system.command(words)
    local quoted = {}
    for i, word in ipairs(words) do
        quoted[i] = system.quote(tostring(word))
    end
    return table.concat(quoted, " ")
end

--- The standard output of a shell command without its last newline.
function system.output(command)
    local pipe <close> = assert(io.popen(command .. " 2>/dev/null"))
    return (pipe:read "a":gsub("\n$", ""))
end

function system.read(path)
    local file <close> = io.open(path)
    return file and file:read "a"
end

function system.write(path, text)
    local file <close> = assert(io.open(path, "w"))
    assert(file:write(text))
end

function system.exists(path)
    local file <close> = io.open(path)
    return file ~= nil
end

--- The path of a program; nil if there is none. The system's own folders are searched first, since elsewhere a version
--- manager's wrapper may have the name.
function system.find(program)
    for _, folder in ipairs { "/usr/bin/", "/bin/", "/usr/local/bin/" } do
        if system.exists(folder .. program) then
            return folder .. program
        end
    end
    local path = system.output("command -v " .. system.quote(program))
    return path ~= "" and path or nil
end

--- The path of a shared library that the dynamic linker finds by this name; nil if there is none.
function system.library(soname)
    local cache = system.output "/sbin/ldconfig -p"
    for line in cache:gmatch "[^\n]+" do
        local name, path = line:match "^%s*(%S+) .*=> (%S+)$"
        if name == soname then
            return path
        end
    end
end

--- The Debian package of a file, and its version; nil if no package has it.
function system.package(path)
    local real = system.output("realpath " .. system.quote(path))
    for _, candidate in ipairs { real, (real:gsub("^/usr", "")) } do
        local package = system.output("dpkg -S " .. system.quote(candidate)):match "^([^:]+)"
        if package then
            return package .. " " .. system.output("dpkg-query -W -f '${Version}' " .. system.quote(package))
        end
    end
end

local function field(path, pattern)
    return (system.read(path) or ""):match(pattern) or "unknown"
end

function system.machine()
    return {
        processor = field("/proc/cpuinfo", "model name%s*: ([^\n]+)"),
        processors = tonumber(system.output "nproc") or 1,
        memory_kib = tonumber(field("/proc/meminfo", "MemTotal:%s*(%d+)")) or 0,
        kernel = field("/proc/sys/kernel/osrelease", "[^\n]+"),
        huge_pages = field("/sys/kernel/mm/transparent_hugepage/enabled", "%[(%a+)%]"),
        load = field("/proc/loadavg", "^%S+"),
        date = os.date "!%Y-%m-%dT%H:%M:%SZ",
    }
end

return system
