--- The guided tour: a workload runs, a setting is changed while it does, and memory returns to the system.
---
---     require "lunalloc.tour" ()        the same as lunalloc --tour
---
--- Each step is printed as if it were typed, and exactly that text is run. The globals that the steps define (w,
--- picture, rss) remain for the prompt. On a terminal there is a pause after each step; Ctrl-C skips the rest.

local show = require "lunalloc.show"
local wrap = require "lunalloc.wrap"

local PAUSE <const> = 1.2 -- seconds after each step, on a terminal

-- say: a remark before the step; code: the text that is run; wait: seconds before it, for the workload; brisk: no pause
-- after it, because the next step shows an effect that fades.
local STEPS <const> = {
    {
        say = "This is a Lua prompt. Its malloc is lunalloc, and 'la' is the module that looks into it.",
        code = [[la._VERSION, la.replaced]],
    },
    {
        say = "Two threads in C begin to allocate and free: mostly small blocks, some large ones.",
        code = [[
w = la.workload{ threads = 2, seed = 1, rate = 20000, duration = "forever", mix = {
    {weight = 9, size = "lognormal(64,1.2,4096)", lifetime = "exp(5000)"},
    {weight = 1, size = "uniform(16K,128K)", lifetime = "exp(5000)"} } }:start()]],
    },
    { say = "They run in the background. Their state:", wait = 2, code = [[w:status()]] },
    { say = "The allocator's counters at this instant:", code = [[la.stats()]] },
    {
        say = "A function for the resident memory of this process, in MiB:",
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
        say = "A function that plots the workload's timeline:",
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
        say = "Now blocks live a tenth as long, so most memory is freed. Its pages stay resident for a while:",
        code = [[w:set{scale = 0.1}]],
        brisk = true,
    },
    { wait = 1.5, code = [[before = rss(); return before]], brisk = true },
    {
        say = "Each arena has a setting for how long, in milliseconds:",
        code = [[la.ctl.arena[0].dirty_decay_ms]],
        brisk = true,
    },
    {
        say = "Change it while the workload runs, for all arenas (4096 means all), and mark the timeline:",
        code = [[la.set("arena.4096.dirty_decay_ms", 0)]],
        brisk = true,
    },
    { code = [[w:set{mark = "dirty_decay_ms = 0"}]] },
    {
        say = "The pages went back to the system:",
        wait = 1.5,
        code = [[("resident memory: %d MiB -> %d MiB"):format(before, rss())]],
    },
    { code = [[picture()]] },
    { say = "Requests are rounded up to size classes. The smallest ones:",
        code = [[table.move(la.sizeclasses(), 1, 8, 1, {})]] },
    { say = "All extents (runs of pages), by state:", code = [[la.extents_summary{by = "state"}]] },
    { say = "Every setting explains itself:", code = [[la.describe "arena.0.dirty_decay_ms"]] },
    { say = "To keep such a setting, start your program with it. Here, restore the default.",
        code = [[print 'LUNALLOC_CONF="dirty_decay_ms:0" your-program']] },
    { code = [[la.set("arena.4096.dirty_decay_ms", "10s")]] },
}

local FAREWELL <const> = [[
The workload continues to run. Try:
  w:set{scale = 1}     then     w:set{scale = 0.1}     then     picture()
  la.arena(0):purge()      la.ctl.arena[0].<Tab>      la.get "stats.<Tab>      help()      w:stop()]]

local console = package.loaded["lunalloc.console"]

local function styled(code, text)
    return console.colour and ("\27[%sm%s\27[0m"):format(code, text) or text
end

-- Prints the code with the prompts before its lines.
local function show_code(code)
    local prompt = "lunalloc> "
    for line in code:gmatch "[^\n]+" do
        print(styled("1;36", prompt) .. line)
        prompt = "       >> "
    end
end

-- Runs the code and prints the values of an expression, as the prompt does.
local function run(code)
    local chunk = load("return " .. code, "=tour") or assert(load(code, "=tour"))
    local results = table.pack(chunk())
    if results.n > 0 then
        print(show.text(table.unpack(results, 1, results.n))) -- never through a pager
    end
end

-- Sleeps in short naps: Ctrl-C takes effect between two of them.
local function wait(seconds)
    local naps = math.ceil(seconds / 0.05)
    for _ = 1, naps do
        console.sleep(seconds / naps)
    end
end

local function perform(step)
    if step.say then
        print("\n" .. styled("1", wrap.paragraph("-- " .. step.say, show.width())))
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
        perform(step)
    end
    if console.tty then
        print("\n" .. wrap.text(FAREWELL, show.width()))
    else
        perform { say = "This is no terminal, so the tour ends here.", code = "w:stop()" }
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
