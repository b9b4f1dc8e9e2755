--- `lunalloc top` on a full screen: samples, draws, and obeys keys until it is left.
---
---     status = full.run(model, interval)     0: left by the user; 1: the terminal is gone; 2: every target has ended
---     nil, message, code                     there can be no full screen here
---
--- The terminal is given back however it ends.

local console = require "lunalloc.console"
local keys = require "lunalloc.top.keys"
local screen = require "lunalloc.screen"
local view = require "lunalloc.top.view"

local full = {}

local BOLD <const>, DIM <const>, REVERSE <const> = 8, 16, 32

-- view's styles as those of the screen: with colours, and without.
local STYLES <const> = {
    title = REVERSE, chosen = REVERSE, head = BOLD, label = BOLD, value = BOLD, dim = DIM, bad = 1 + BOLD, good = 2,
    series1 = 6, series2 = 3, series3 = 5, series4 = 2, series5 = 4, series6 = 1,
}

local function draw(model, ui)
    local height, width = screen.size()
    local lines, cursor, shown = view.lines(model, ui, { width = width, height = height, utf8 = screen.utf8(),
        colour = screen.colours() })
    screen.clear()
    for row, line in ipairs(lines) do
        local column = 0
        for _, cell in ipairs(line) do
            screen.put(row - 1, column, cell[1], STYLES[cell[2]] or 0)
            column = column + (utf8.len(cell[1]) or #cell[1])
        end
    end
    if cursor then
        screen.cursor(cursor[1], cursor[2])
    else
        screen.cursor()
    end
    screen.flush()
    return shown
end

--- True if a panel is shown whose list was not read yet.
local function lacks(model, shown)
    for _, row in ipairs(model.rows) do
        if row.now and (shown.threads and row.t.threads and not row.last.threads and not row.last.why.threads
                or shown.stacks and not row.last.stacks and not row.last.why.stacks) then
            return true
        end
    end
    return false
end

local function loop(model, ui, interval)
    local shown, due = {}, console.clock()
    while true do
        local now = console.clock()
        if now >= due then
            model:sample(now, shown)
            due = math.max(due + interval, now)
            if model:all_lost() then
                return 2
            end
        end
        shown = draw(model, ui)
        due = lacks(model, shown) and now or due
        local key, message = screen.key(math.max(0, math.ceil((due - console.clock()) * 1000)))
        if message then
            return 1
        elseif key and keys.press(ui, model, key, console.clock()) == "quit" then
            return 0
        end
    end
end

--- Ctrl-C is one way to leave; other errors are raised on.
local function left_by(ok, result)
    if not ok and not tostring(result):find("interrupted!", 1, true) then
        error(result, 0)
    end
    return ok and result or 0
end

function full.run(model, interval)
    local opened, message, code = screen.open()
    if not opened then
        return nil, message, code
    end
    local ui = keys.new(model)
    local ok, result = xpcall(loop, debug.traceback, model, ui, interval)
    screen.close()
    local status = left_by(ok, result)
    for _, line in pairs(ui.conf) do
        print(line)
    end
    return status
end

return full
