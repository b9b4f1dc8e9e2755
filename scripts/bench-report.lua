-- bench-report.lua FOLDER INSTANTS EXTENTS -- seconds that a report's heap map takes: see scripts/bench-report.

local folder, instants, extents = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local la = require "lunalloc"
local core = require "lunalloc.core"
local heap = require "lunalloc.report.heap"
local page = require "lunalloc.report.page"

local clock <const> = core.child.clock

--- Blocks of pages, of which every third one is freed: extents in use and free ones, none beside another of its kind.
local function make_extents(n)
    local blocks = {}
    la.set("arena.4096.dirty_decay_ms", -1)
    for i = 1, n do
        blocks[i] = la.buffer(i % 2 == 0 and 5 * 4096 or 6 * 4096)
    end
    for i = 1, n, 3 do
        blocks[i]:free()
        blocks[i] = nil
    end
    return blocks
end

--- Frees some blocks and makes others.
local function change(blocks, n)
    for _ = 1, 500 do
        local i = math.random(n)
        if blocks[i] then
            blocks[i]:free()
        end
        blocks[i] = la.buffer(math.random(5, 6) * 4096)
    end
end

local function finish(film, what, seconds)
    local begun = clock()
    local section = film:section()
    local text = assert(page.text { schema = 1, title = "", subtitle = "", sections = { section }, missing = {} })
    print(("%s: %d of %d instants in %.1f s, and %.1f s for the page: %.2f MB"):format(what,
        #section.charts[1].instants, film.met, seconds, clock() - begun, #text / 1e6))
end

local blocks = make_extents(extents)
local film, drawing, taking = heap.new(), 0.0, 0.0
for _ = 1, instants do
    change(blocks, extents)
    local begun = clock()
    local instant <close> = la.instant()
    taking, begun = taking + clock() - begun, clock()
    film:add(instant)
    drawing = drawing + clock() - begun
end
print(("%d extents; taking an instant: %.0f ms"):format(la.instant().extents, taking / instants * 1000))
finish(film, "as they are taken", drawing)

local path = folder .. "/one.instant"
assert(la.instant():save(path))
local again, begun = heap.new(), clock()
for _ = 1, instants do
    local instant <close> = assert(la.instant.load(path))
    again:add(instant)
end
finish(again, "from files", clock() - begun)
