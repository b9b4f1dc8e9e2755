--- What the system says: limits of address space, and memory that is not the allocator's.

local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local system = {}

local human = units.human

-- ---- address space -------------------------------------------------------------------------------------------------

--- The soft limit of address space: bytes; nil if there is none.
local function space_limit(look)
    local text = look:proc "limits"
    return text and math.tointeger(text:match "Max address space%s+(%d+)")
end

--- Bytes of regions in which nothing is in use: a purge and a release unmap them.
local function free_regions(look)
    local bytes, size, used = 0, 0, true
    for extent in look.api.extents() do
        if extent.is_head then
            bytes, size, used = bytes + (used and 0 or size), 0, false
        end
        size, used = size + extent.size, used or extent.state == "active" or extent.state == "busy"
    end
    return bytes + (used and 0 or size)
end

local function find_retained(look)
    local limit, size, retained = space_limit(look), look:kib("status", "VmSize"), look.last.retained
    if not limit or not size or size < limits.space_share * limit then
        return
    end
    if retained < limits.bytes or retained < limits.share * limit then
        return
    end
    look:find { kind = "retained", bytes = retained, gives_back = free_regions(look), measure = "space",
        what = ("The limit of address space is %s, and %s are in use: %s of them are retained, without memory behind.")
            :format(human(limit), human(size), human(retained)),
        cause = look:value "opt.retain" and "retain:true keeps free address space for reuse; the limit (RLIMIT_AS)"
            .. " counts it. At the next start: LUNALLOC_CONF=retain:false."
            or "Free address space between blocks in use cannot be unmapped; the limit (RLIMIT_AS) counts it.",
        remedy = look:set { "arenas.release" } }
end

-- ---- memory of others ----------------------------------------------------------------------------------------------

--- Programs whose own allocators map memory as a matter of course. For them this is no finding.
local runtimes <const> = { "python", "java", "node", "ruby", "php", "mono", "dotnet", "beam", "julia", "/go", "cc1",
    "lto1", "rustc", "firefox", "chrom" }

--- The name of such a runtime in the list of the process's mappings; nil if there is none.
local function runtime_of(maps)
    for _, word in ipairs(runtimes) do
        if maps:find("/[^\n]*" .. word .. "[^\n/]*\n") then
            return word
        end
    end
end

local function find_foreign(look)
    if not look.state then
        return look:miss("memory of others", "this way to the process cannot tell what is resident")
    end
    local bytes = look.state.unexplained
    if bytes < limits.foreign_bytes or bytes < limits.foreign_share * look.rss then
        return
    end
    local runtime = runtime_of(look:proc "maps" or "")
    if runtime then
        return look:miss(("%s of memory that is not the allocator's"):format(human(bytes)),
            ("%s maps memory for itself"):format(runtime))
    end
    local replaced = look.api.replaced ~= false
    look:find { kind = "foreign", bytes = bytes, gives_back = 0,
        what = ("%s of %s resident are not the allocator's, which has %s."):format(human(bytes), human(look.rss),
            human(look.state.explained)),
        cause = replaced and "The program, or a library, maps memory itself: stacks, data, mmap, another allocator."
            or "The library was only loaded beside the program's malloc, which has the program's memory.",
        remedy = { text = replaced and ("pmap -x %s shows these mappings; no setting reaches them"):format(
            look.api.pid or "PID") or "start the program with LD_PRELOAD=liblunalloc.so" } }
end

function system.run(look)
    find_retained(look)
    find_foreign(look)
end

return system
