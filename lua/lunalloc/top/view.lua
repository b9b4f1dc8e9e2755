--- The picture of `lunalloc top`: a pure function of a model, so that it is tested without a terminal.
---
---     lines, cursor, shown = view.lines(model, ui, { width = 80, height = 24, colour = true, utf8 = true })
---     view.text(lines)       the lines as texts
---
--- A line is an array of cells { text, style }; a style is a name that lunalloc/top/screen.lua knows, or nil. There are
--- never more lines than the height, and none is wider than the width. What the user has chosen is in `ui`
--- (lunalloc/top/keys.lua). `shown` has the names of the panels in the picture as keys.
---
--- From top to bottom: the title, the figures, their time line, the chosen panel with as many others as there is room
--- for, and one line for what happened last. What does not fit is left out in the order: other panels, time line,
--- figures.

local grid = require "lunalloc.top.grid"
local panels = require "lunalloc.top.panels"
local timeline = require "lunalloc.top.timeline"

local view = {}

local MIN_TIMELINE <const> = 18 -- lines of the screen from which on there is a time line
local PANEL_LINES <const> = 11  -- of a panel, unless its list is shorter
local PANEL_LEAST <const> = 5   -- lines that are left for a further panel
local PANEL_COLUMNS <const> = 76

-- ---- cells ---------------------------------------------------------------------------------------------------------

local function cells_width(line)
    local width = 0
    for _, cell in ipairs(line) do
        width = width + grid.width_of(cell[1])
    end
    return width
end

--- The line, with blanks up to the width.
local function filled(line, width)
    local missing = width - cells_width(line)
    if missing > 0 then
        line[#line + 1] = { (" "):rep(missing) }
    end
    return line
end

--- The line without what is beyond the width.
local function clipped(line, width)
    local kept, room = {}, width
    for _, cell in ipairs(line) do
        if room <= 0 then
            break
        end
        local text = grid.cut(cell[1], room)
        kept[#kept + 1] = { text, cell[2] }
        room = room - grid.width_of(text)
    end
    return kept
end

local function append(lines, more)
    table.move(more, 1, #more, #lines + 1, lines)
end

--- The lines' text without styles and without blanks at the end.
function view.text(lines)
    local texts = {}
    for i, line in ipairs(lines) do
        local parts = {}
        for j, cell in ipairs(line) do
            parts[j] = cell[1]
        end
        texts[i] = table.concat(parts):gsub("%s+$", "")
    end
    return texts
end

-- ---- title and figures ---------------------------------------------------------------------------------------------

local function target_name(row, able)
    local name = grid.clean(row.name, able.utf8)
    return row.pid and ("%s:%d"):format(name, row.pid) or name
end

local function title_parts(model, ui, able)
    local row = ui.open and model.rows[ui.open]
    local right = ("%s %gs "):format(ui.frozen and "FROZEN" or "", model.interval or 1)
    if not row then
        return (" lunalloc top  %d processes"):format(#model.rows), right
    end
    local left = (" %s  %s"):format(target_name(row, able), row.way)
    if row.now then
        left = ("%s  %d %s  %d %s"):format(left, row.now.nthreads, row.now.nthreads == 1 and "thread" or "threads",
            row.now.narenas, row.now.narenas == 1 and "arena" or "arenas")
    end
    return row.state ~= "ok" and left .. "  " .. row.state:upper() or left, right
end

local function title(model, ui, able)
    local left, right = title_parts(model, ui, able)
    local room = able.width - grid.width_of(right)
    return { { grid.cut(grid.pad(left, math.max(room, 0)) .. right, able.width), "title" } }
end

local function figure(name, text, style)
    return { name = name, text = text, style = style }
end

--- The figures above the time line, the most wanted first.
local function figures_of(row)
    local now, list = row.now, {}
    for i, name in ipairs(timeline.SERIES) do
        if now[name] then
            list[#list + 1] = figure(name, panels.bytes(now[name]), "series" .. i)
        end
    end
    list[#list + 1] = figure("frag", panels.percent(now.fragmentation))
    list[#list + 1] = figure("requests/s", now.rate and panels.rate(now.rate) or "-")
    list[#list + 1] = figure("cached", panels.bytes(now.cached))
    list[#list + 1] = figure("metadata", panels.bytes(now.metadata))
    return list
end

--- The figures in at most `most` lines.
local function figure_lines(row, able, most)
    local lines, line, width = {}, {}, 0
    for _, one in ipairs(figures_of(row)) do
        local needed = #one.name + 1 + #one.text
        if width > 0 and width + 2 + needed > able.width then
            lines[#lines + 1], line, width = line, {}, 0
        end
        if #lines == most then
            return lines
        end
        line[#line + 1] = { (width > 0 and "  " or "") .. one.name .. " ", one.style }
        line[#line + 1] = { one.text, "value" }
        width = cells_width(line)
    end
    lines[#lines + 1] = #line > 0 and line or nil
    return lines
end

-- ---- panels --------------------------------------------------------------------------------------------------------

local function order_of(ui, panel)
    local order = ui.sort[panel.name] or {}
    return order.key or panel.sort, order.reverse or false
end

--- The list of a panel, or the reason why there is none.
local function panel_lines(panel, row, ui, able, height, offset)
    local rows, why = panel.rows(row)
    if not rows then
        return { clipped({ { grid.clean(why, able.utf8), "dim" } }, able.width) }
    end
    local sort, reverse = order_of(ui, panel)
    return grid.lines(panel.columns, rows, { width = able.width, height = height, sort = sort, reverse = reverse,
        offset = offset, utf8 = able.utf8 })
end

--- The names of all panels; short ones if the width needs it.
local function tabs(ui, able)
    local line, wide = {}, able.width >= 60
    for _, panel in ipairs(panels.list) do
        local chosen = panels.list[ui.panel] == panel
        local name = wide and panel.name or chosen and panel.name or ""
        line[#line + 1] = { (" %s %s "):format(panel.key, name):gsub("  $", " "), chosen and "chosen" or "dim" }
    end
    return clipped(line, able.width)
end

local function with_head(panel, lines)
    table.insert(lines, 1, { { panel.key .. " " .. panel.title, "label" } })
    return lines
end

--- Panels beside each other as one block of lines.
local function beside(blocks, width)
    local lines, height = {}, 0
    for _, block in ipairs(blocks) do
        height = math.max(height, #block)
    end
    for i = 1, height do
        lines[i] = {}
        for _, block in ipairs(blocks) do
            append(lines[i], filled(clipped(block[i] or {}, width), width))
        end
    end
    return lines
end

--- How high a row of panels may be: half of what is left, but a usable height.
local function row_height(left)
    return math.min(left, math.max(PANEL_LINES, left // 2))
end

--- The panel that is `i` after the chosen one; nil after a round.
local function panel_after(ui, i)
    return i < #panels.list and panels.list[(ui.panel - 1 + i) % #panels.list + 1] or nil
end

--- The chosen panel, then others while there is room.
local function panel_area(row, ui, able, height, shown)
    local lines, next_panel = { tabs(ui, able) }, 0
    local across = math.max(1, able.width // PANEL_COLUMNS)
    local width = able.width // across
    local inner = { width = across > 1 and width - 2 or width, utf8 = able.utf8 }
    while height - #lines >= (next_panel == 0 and 1 or PANEL_LEAST) and panel_after(ui, next_panel) do
        local blocks, most = {}, row_height(height - #lines)
        for _ = 1, across do
            local panel = panel_after(ui, next_panel)
            if panel then
                shown[panel.name] = true
                local plain = next_panel == 0 and across == 1 -- its name is in the line above
                local block = panel_lines(panel, row, ui, inner, plain and most or most - 1,
                    next_panel == 0 and ui.offset or 0)
                blocks[#blocks + 1] = plain and block or with_head(panel, block)
            end
            next_panel = next_panel + 1
        end
        append(lines, beside(blocks, width))
    end
    return lines
end

-- ---- the bottom line -----------------------------------------------------------------------------------------------

local KEYS <const> = "q quit  h help  Tab panel  s sort  p purge  d decay  f profile  w conf  space freeze"

--- The line, and the column of the cursor if a text is being typed.
local function bottom(ui, able)
    if ui.prompt then
        local text = grid.clean(ui.prompt.label .. ui.prompt.text, able.utf8)
        local excess = math.max(0, grid.width_of(text) + 1 - able.width)
        text = text:sub((utf8.offset(text, excess + 1) or 1))
        return { { text, "value" } }, grid.width_of(text)
    elseif ui.status then
        return { { grid.cut(grid.clean(ui.status.text, able.utf8), able.width), ui.status.bad and "bad" or "good" } }
    end
    return { { grid.cut(KEYS, able.width), "dim" } }
end

-- ---- help ----------------------------------------------------------------------------------------------------------

local HELP <const> = {
    "Tab 1..5    choose a panel", "s           sort by the next column", "r           reverse the order",
    "up down     scroll; choose a process", "Enter       open the process", "Escape      back to all processes",
    "p           purge: free pages go back", "d           set dirty_decay_ms", "m           set muzzy_decay_ms",
    "f           profiler on or off", "space       freeze, go on", "w           LUNALLOC_CONF of the changes",
    "h ?         this help", "q           quit",
}

local function help_lines(ui, able, height)
    local across = math.max(1, math.min(2, able.width // 42))
    local down = (#HELP + across - 1) // across
    local offset = math.max(0, math.min(ui.offset, down - height))
    local lines = {}
    for i = offset + 1, math.min(down, offset + height) do
        local line = {}
        for column = 0, across - 1 do
            line[#line + 1] = { grid.pad(HELP[column * down + i] or "", able.width // across) }
        end
        lines[#lines + 1] = line
    end
    return lines
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

--- The target that the time line is of: the open or the chosen one.
local function timeline_lines(row, able, height)
    local options = { width = able.width, height = height, utf8 = able.utf8, colour = able.colour }
    local lines = timeline.lines(row, options)
    while #lines < height do
        lines[#lines + 1] = {}
    end
    return lines
end

--- Everything of one target, in `height` lines.
local function target_area(row, ui, able, height, shown)
    if not row.now then
        return { clipped({ { grid.clean(row.message or "no figures yet", able.utf8), "bad" } }, able.width) }
    end
    local tall = able.height >= MIN_TIMELINE
    local lines = figure_lines(row, able, tall and 3 or 2)
    if tall then
        append(lines, timeline_lines(row, able, math.min(22, (height - #lines) * 2 // 5)))
    end
    append(lines, panel_area(row, ui, able, height - #lines, shown))
    return lines
end

--- The targets in the order of the table.
function view.targets(model, ui)
    local sort, reverse = order_of(ui, panels.targets)
    return grid.sorted(panels.targets.rows(model), panels.targets.columns, sort, reverse)
end

--- The table of targets, and the time line of the chosen one.
local function targets_area(model, ui, able, height)
    local list = view.targets(model, ui)
    local sort, reverse = order_of(ui, panels.targets)
    local wanted = math.min(#list + 1, able.height >= MIN_TIMELINE and height // 2 or height)
    local offset = math.max(0, ui.selected - (wanted - 1))
    local lines = grid.lines(panels.targets.columns, list, { width = able.width, height = wanted, sort = sort,
        reverse = reverse, offset = offset, selected = ui.selected, utf8 = able.utf8 })
    local chosen = list[ui.selected]
    if chosen and chosen.row.now and able.height >= MIN_TIMELINE then
        lines[#lines + 1] = {}
        lines[#lines + 1] = { { grid.cut(target_name(chosen.row, able), able.width), "label" } }
        append(lines, timeline_lines(chosen.row, able, math.min(22, height - #lines)))
    end
    return lines
end

local function body(model, ui, able, height, shown)
    if ui.help then
        return help_lines(ui, able, height)
    elseif ui.open then
        return target_area(model.rows[ui.open], ui, able, height, shown)
    end
    return targets_area(model, ui, able, height)
end

--- The picture; the cursor as { row, column }, or nil; and which panels are shown.
function view.lines(model, ui, able)
    local lines, shown = { title(model, ui, able) }, {}
    local height = math.max(0, able.height - 2)
    append(lines, body(model, ui, able, height, shown))
    for i = able.height, #lines do
        lines[i] = nil
    end
    while #lines < able.height - 1 do
        lines[#lines + 1] = {}
    end
    local last, cursor = bottom(ui, able)
    lines[math.max(able.height, 1)] = last
    for i, line in ipairs(lines) do
        lines[i] = clipped(line, able.width)
    end
    return lines, cursor and { #lines - 1, cursor }, shown
end

return view
