-- bench-report.lua FOLDER INSTANTS EXTENTS -- seconds that a report's heap map takes: see scripts/bench-report.

local folder, instants, extents = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local la = require "lunalloc"
local core = require "lunalloc.core"
local heap = require "lunalloc.report.heap"
local page = require "lunalloc.report.page"

local clock <const> = core.child.clock
local FILES <const> = 8

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
local film, drawing, taking = heap.new { expected = instants }, 0.0, 0.0
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

--- Saves some instants, each as many times as it takes to have them all: the same file by several names.
local function save_all(n)
    for i = 1, math.min(n, FILES) do
        change(blocks, extents)
        local instant <close> = la.instant { residency = true }
        assert(instant:save(("%s/%d.instant"):format(folder, i)))
    end
    for i = FILES + 1, n do
        assert(os.execute(("ln %s/%d.instant %s/%d.instant"):format(folder, (i - 1) % FILES + 1, folder, i)))
    end
end

save_all(instants)
local again, begun = heap.new { expected = instants }, clock()
for i = 1, instants do
    assert(again:add_file(("%s/%d.instant"):format(folder, i)) ~= nil)
end
finish(again, "from files", clock() - begun)
begun = clock()
assert(again:difference())
print(("what changed between the first and the last one: %.1f s"):format(clock() - begun))
