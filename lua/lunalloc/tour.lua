--- The guided tour: a load runs beside it, a setting is changed under it, and memory goes back to the system.
---
---     require "lunalloc.tour" ()        what lunalloc --tour does
---
--- Each step is shown as one would type it, and exactly that text is run. What the steps define (w, picture, rss) stays
--- behind as globals for the prompt. On a terminal the steps are set apart by pauses; Ctrl-C skips the rest.

local show = require "lunalloc.show"

local PAUSE <const> = 1.2 -- seconds after each step, on a terminal

-- say: a remark before it; code: what is run; wait: seconds that the load needs before it; brisk: no pause after it,
-- since what the next one shows would fade.
local STEPS <const> = {
    {
        say = "This is a Lua prompt. Its own malloc is lunalloc, and 'la' is the way to look into it.",
        code = [[la._VERSION, la.replaced]],
    },
    {
        say = "Two threads in C start to allocate and free: mostly small blocks, some large ones.",
        code = [[
w = la.workload{ threads = 2, seed = 1, rate = 20000, duration = "forever", mix = {
    {weight = 9, size = "lognormal(64,1.2,4096)", lifetime = "exp(5000)"},
    {weight = 1, size = "uniform(16K,128K)", lifetime = "exp(5000)"} } }:start()]],
    },
    { say = "The prompt stays free. How is the load doing?", wait = 2, code = [[w:status()]] },
    { say = "The allocator's counters at this instant:", code = [[la.stats()]] },
    {
        say = "What the system counts as resident memory of this process, in MiB:",
        code = [[
function rss()
    for line in io.lines "/proc/self/smaps_rollup" do
        local kib = line:match "^Rss:%s*(%d+)"
        if kib then return kib // 1024 end
    end
end]],
    },
    { code = [[rss()]] },
    {
        say = "And a picture of the workload's timeline:",
        code = [[
function picture()
    local x, resident, active, dirty, marks = {}, {}, {}, {}, {}
    for i, at in ipairs(w:timeline()) do
        x[i], resident[i], active[i], dirty[i] = at.t, at.rss, at.active, at.dirty
        if at.mark then marks[#marks + 1] = {x = at.t, label = at.mark} end
    end
    return la.plot{ x = x, marks = marks, unit = "bytes", title = "memory of this process",
        series = { {name = "resident", values = resident}, {name = "active", values = active},
                   {name = "dirty", values = dirty} } }
end]],
    },
    { code = [[picture()]] },
    {
        say = "Now the peak is over: blocks live a tenth as long. Their pages stay resident for a while:",
        code = [[w:set{scale = 0.1}]],
        brisk = true,
    },
    { wait = 1.5, code = [[before = rss(); return before]], brisk = true },
    {
        say = "For how long, a setting of each arena says, in milliseconds:",
        code = [[la.ctl.arena[0].dirty_decay_ms]],
        brisk = true,
    },
    {
        say = "It is changed live, here for all arenas at once (4096 means all), and the timeline gets a mark:",
        code = [[la.set("arena.4096.dirty_decay_ms", 0)]],
        brisk = true,
    },
    { code = [[w:set{mark = "dirty_decay_ms = 0"}]] },
    {
        say = "The memory is back with the system:",
        wait = 1.5,
        code = [[("resident memory: %d MiB -> %d MiB"):format(before, rss())]],
    },
    { code = [[picture()]] },
    { say = "The smallest of the size classes that requests are rounded up to:",
        code = [[table.move(la.sizeclasses(), 1, 8, 1, {})]] },
    { say = "All runs of pages, by what they are used for:", code = [[la.extents_summary{by = "state"}]] },
    { say = "Every setting explains itself:", code = [[la.describe "arena.0.dirty_decay_ms"]] },
    { say = "What proved good here is one line for the program that needs it. Here, the default is put back.",
        code = [[print 'LUNALLOC_CONF="dirty_decay_ms:0" your-program']] },
    { code = [[la.set("arena.4096.dirty_decay_ms", "10s")]] },
}

local FAREWELL <const> = [[
The load goes on beside the prompt. To try:
  w:set{scale = 1}     then     w:set{scale = 0.1}     then     picture()
  la.arena(0):purge()      la.ctl.arena[0].<Tab>      la.get "stats.<Tab>      help()      w:stop()]]

local console = package.loaded["lunalloc.console"]

local function styled(code, text)
    return console.colour and ("\27[%sm%s\27[0m"):format(code, text) or text
end

-- The code as the prompt would show it while it is typed.
local function show_code(code)
    local prompt = "lunalloc> "
    for line in code:gmatch "[^\n]+" do
        print(styled("1;36", prompt) .. line)
        prompt = "       >> "
    end
end

-- As the prompt does: an expression's values are printed.
local function run(code)
    local chunk = load("return " .. code, "=tour") or assert(load(code, "=tour"))
    show.print(chunk())
end

-- Naps, so that Ctrl-C is soon heard.
local function wait(seconds)
    local naps = math.ceil(seconds / 0.05)
    for _ = 1, naps do
        console.sleep(seconds / naps)
    end
end

local function take(step)
    if step.say then
        print(styled("1", "\n-- " .. step.say))
    end
    if step.wait then
        wait(step.wait)
    end
    show_code(step.code)
    run(step.code)
    if console.tty and not step.brisk then
        wait(PAUSE)
    end
end

local function walk()
    for _, step in ipairs(STEPS) do
        take(step)
    end
    if console.tty then
        print("\n" .. FAREWELL)
    else
        take { say = "There is no terminal, so this is the end.", code = "w:stop()" }
    end
end

return function()
    if not console then
        error("the tour needs the console: lunalloc --tour", 2)
    end
    local ok, problem = xpcall(walk, function(message)
        return tostring(message):find "interrupted!" and message or debug.traceback(message, 2)
    end)
    if not ok and tostring(problem):find "interrupted!" then
        print "\n(the rest of the tour is skipped)"
    elseif not ok then
        error(problem, 0)
    end
end
