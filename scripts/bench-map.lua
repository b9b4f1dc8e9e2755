-- bench-map.lua -- see bench-map. A child of this console makes the extents: large blocks that nobody touches.

local la = require "lunalloc"
local console = require "lunalloc.console"

local extents = assert(math.tointeger(tonumber(arg[1])), "a number of extents expected")

local CHILD <const> = [[
    local blocks = {}
    for i = 1, %d do blocks[i] = la.buffer(16385 + i %% 3 * 4096) end
    for i = 1, #blocks, 2 do blocks[i]:free() end
    local stat <close> = io.open "/proc/self/stat"
    print(stat:read "n") io.stdout:flush()
    require "lunalloc.console".sleep(600)]]

--- Prints what a call took: by the clock, and of this process.
local function timed(name, call, ...)
    local clock, cpu = console.clock(), os.clock()
    local result = call(...)
    print(("%-28s %7.1f ms  %7.1f ms of this process"):format(name, (console.clock() - clock) * 1e3,
        (os.clock() - cpu) * 1e3))
    return result
end

local function measure(pid)
    local path = os.tmpname()
    for _, way in ipairs { "agent", "memory" } do
        local t <close> = assert(la.attach(pid, { way = way, wait = "60s", timeout = "60s" }))
        for _ = 1, 3 do
            timed("instant, by " .. way, t.instant):close()
        end
        timed("with residency, by " .. way, t.instant, { residency = true }):close()
    end
    local t <close> = assert(la.attach(pid))
    local instant <close> = assert(t.instant())
    print(("%d extents"):format(instant.extents))
    for _, size in ipairs { { 64, 64 }, { 2000, 4096 } } do
        for _, by in ipairs { "state", "occupancy", "age", "arena", "class" } do
            timed(("raster by %s, %d x %d"):format(by, size[1], size[2]), instant.raster, instant,
                { by = by, columns = size[1], rows = size[2] })
        end
    end
    timed("picture of 80 x 20", instant.map, instant, { width = 80, height = 20, mode = "blocks" })
    timed("save", instant.save, instant, path)
    local loaded <close> = timed("load", la.instant.load, path)
    local changes = timed("diff", instant.diff, instant, loaded)
    timed("raster of the diff", changes.raster, changes)
    os.remove(path)
end

local command = ("LUNALLOC_CONF=agent:true build/lunalloc -e '%s'"):format(CHILD:format(extents))
local child <close> = assert(io.popen("exec env " .. command))
local pid = assert(child:read "n", "the child has ended")
local ok, problem = pcall(measure, pid)
os.execute("kill " .. pid)
assert(ok, problem)
