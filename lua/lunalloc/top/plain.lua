--- `lunalloc top` without a full screen: lines for people, or objects for programs.
---
---     plain.line(model, width, head)     one line for each target; with a head line if `head`
---     plain.whole(model, width)          the targets and their panels, once
---     plain.object(model, time)          a table for command.json()

local grid = require "lunalloc.top.grid"
local panels = require "lunalloc.top.panels"
local timeline = require "lunalloc.top.timeline"

local plain = {}

local PANEL_ROWS <const> = 10

local function texts(lines)
    local list = {}
    for i, line in ipairs(lines) do
        list[i] = line[1][1]:gsub("%s+$", "")
    end
    return list
end

--- The table of targets, in the order in which they were named.
local function targets(model, width)
    return texts(grid.lines(panels.targets.columns, panels.targets.rows(model), { width = width,
        height = #model.rows + 1 }))
end

function plain.line(model, width, head)
    local list = targets(model, width)
    if not head then
        table.remove(list, 1)
    end
    return table.concat(list, "\n")
end

local function panel_text(panel, row, width)
    local rows = panel.rows(row)
    if not rows then
        return nil
    end
    local list = texts(grid.lines(panel.columns, rows, { width = width, height = PANEL_ROWS + 1, sort = panel.sort }))
    return panel.title .. ":\n" .. table.concat(list, "\n")
end

--- Blocks of text with an empty line between them.
function plain.whole(model, width)
    local blocks = { plain.line(model, width, true) }
    for _, row in ipairs(model.rows) do
        for _, panel in ipairs(row.now and panels.list or {}) do
            local text = panel_text(panel, row, width)
            local name = #model.rows > 1 and ("%s:%s "):format(row.name, tostring(row.pid or "self")) or ""
            blocks[#blocks + 1] = text and name .. text
        end
    end
    return table.concat(blocks, "\n\n")
end

-- ---- objects -------------------------------------------------------------------------------------------------------

local function target_object(row)
    local object = { pid = row.pid, name = row.name, way = row.way, state = row.state, message = row.message }
    for name, value in pairs(row.now or {}) do
        object[name] = value
    end
    object.clock, object.why, object.time = nil, nil, nil
    return object
end

--- `time`: of the day, seconds since 1970.
function plain.object(model, time)
    local list = {}
    for i, row in ipairs(model.rows) do
        list[i] = target_object(row)
    end
    return { time = time, targets = list }
end

plain.SERIES = timeline.SERIES

return plain
