--- The keys of `lunalloc top`: what the user has chosen, and how a key changes it. No terminal here.
---
---     ui = keys.new(model)
---     keys.press(ui, model, "s", clock)      "quit" if the program should end
---
--- ui: panel (a number), sort (panel name -> { key, reverse }), open (the row that is shown alone; nil: the table of
--- all), selected (in that table), offset (first line of a list), frozen, help, prompt ({ label, text, done }), status
--- ({ text, bad }), conf (pid or "self" -> line to print at the end).

local actions = require "lunalloc.top.actions"
local panels = require "lunalloc.top.panels"
local view = require "lunalloc.top.view"

local keys = {}

local PAGE <const> = 10 -- lines

function keys.new(model)
    return { panel = 1, sort = {}, open = #model.rows == 1 and 1 or nil, selected = 1, offset = 0, conf = {} }
end

local function say(ui, text, bad)
    ui.status = { text = text, bad = bad }
end

--- The target that a key acts on: the open one, or the chosen one of the table.
local function target(ui, model)
    if ui.open then
        return model.rows[ui.open]
    end
    local line = view.targets(model, ui)[ui.selected]
    return line and line.row
end

-- ---- lists ---------------------------------------------------------------------------------------------------------

local function panel_of(ui)
    return ui.open and panels.list[ui.panel] or panels.targets
end

local function choose_panel(ui, i)
    ui.panel, ui.offset = (i - 1) % #panels.list + 1, 0
end

local function next_column(columns, key)
    for i, column in ipairs(columns) do
        if column.key == key then
            return columns[i % #columns + 1].key
        end
    end
    return columns[1].key
end

local function sort_next(ui)
    local panel = panel_of(ui)
    local key = next_column(panel.columns, (ui.sort[panel.name] or { key = panel.sort }).key)
    ui.sort[panel.name] = { key = key, reverse = false }
    say(ui, "sorted by " .. key)
end

local function reverse(ui)
    local panel = panel_of(ui)
    local order = ui.sort[panel.name] or { key = panel.sort, reverse = false }
    ui.sort[panel.name] = { key = order.key, reverse = not order.reverse }
end

local function move(ui, model, by)
    if ui.open or ui.help then
        ui.offset = math.max(0, ui.offset + by)
    else
        ui.selected = math.max(1, math.min(#model.rows, ui.selected + by))
    end
end

local function open(ui, model)
    if not ui.open then
        local chosen = target(ui, model)
        for i, row in ipairs(model.rows) do
            ui.open = row == chosen and i or ui.open
        end
        ui.offset = 0
    end
end

--- Back from the help, or to the table of targets.
local function back(ui, model)
    if ui.help then
        ui.help = false
    elseif #model.rows > 1 then
        ui.open = nil
    end
    ui.offset = 0
end

-- ---- actions -------------------------------------------------------------------------------------------------------

local function ask(ui, row, setting, clock)
    local now, message = actions.current(row, setting)
    if now == nil then
        return say(ui, message, true)
    end
    ui.prompt = { label = ("%s [%s]: "):format(setting, tostring(now)), text = "", done = function(text)
        say(ui, actions.set(row, setting, text, clock))
    end }
end

local function profile(ui, row)
    local text, bad, runs = actions.profile(row)
    say(ui, text, bad)
    if runs and ui.open then
        choose_panel(ui, panels.by_name.stacks)
    end
end

local function conf(ui, row)
    local text, bad, complete = actions.conf(row)
    say(ui, text, bad)
    ui.conf[row.pid or "self"] = complete and text or nil
end

local function freeze(ui, model)
    ui.frozen = not ui.frozen
    model:freeze(ui.frozen)
end

--- An action on the target, if it can answer.
local function on_target(action)
    return function(ui, model, clock)
        local row = target(ui, model)
        if not row or row.state == "lost" then
            say(ui, "this process has ended", true)
        elseif row.state ~= "ok" then
            say(ui, row.message, true)
        else
            action(ui, row, clock)
        end
    end
end

local function quit()
    return "quit"
end

local function help(ui)
    ui.help, ui.offset = not ui.help, 0
end

local bound = {
    q = quit, h = help, ["?"] = help, [" "] = freeze, s = sort_next, r = reverse, enter = open, escape = back,
    backspace = back,
    tab = function(ui) choose_panel(ui, ui.panel + 1) end,
    backtab = function(ui) choose_panel(ui, ui.panel - 1) end,
    up = function(ui, model) move(ui, model, -1) end,
    down = function(ui, model) move(ui, model, 1) end,
    pageup = function(ui, model) move(ui, model, -PAGE) end,
    pagedown = function(ui, model) move(ui, model, PAGE) end,
    home = function(ui, model) move(ui, model, -1000000) end,
    ["end"] = function(ui, model) move(ui, model, 1000000) end,
    p = on_target(function(ui, row, clock) say(ui, actions.purge(row, clock)) end),
    d = on_target(function(ui, row, clock) ask(ui, row, "dirty_decay_ms", clock) end),
    m = on_target(function(ui, row, clock) ask(ui, row, "muzzy_decay_ms", clock) end),
    f = on_target(profile),
    w = on_target(conf),
}
for i, panel in ipairs(panels.list) do
    bound[panel.key] = function(ui) choose_panel(ui, i) end
end

-- ---- typing --------------------------------------------------------------------------------------------------------

local MOST_TYPED <const> = 60

local function type_key(ui, key)
    local prompt = ui.prompt
    if key == "enter" then
        ui.prompt = nil
        if prompt.text ~= "" then
            prompt.done(prompt.text)
        end
    elseif key == "escape" then
        ui.prompt = nil
    elseif key == "backspace" then
        prompt.text = prompt.text:sub(1, -2)
    elseif #key == 1 and #prompt.text < MOST_TYPED then
        prompt.text = prompt.text .. key
    end
end

function keys.press(ui, model, key, clock)
    if key == "resize" then
        return
    elseif ui.prompt then
        return type_key(ui, key)
    end
    ui.status = nil
    local action = bound[key]
    if action then
        return action(ui, model, clock)
    end
    say(ui, ("no such key: %s (h: help)"):format(key), true)
end

return keys
