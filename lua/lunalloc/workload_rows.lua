--- The rows of la.workload{mix={...}}: their keys and defaults.
---
---     rows.read(value, "mix")     the canonical rows; raises as kinds do (workload_kinds.lua)

local kinds = require "lunalloc.workload_kinds"
local dist = require "lunalloc.workload_dist"
local import = require "lunalloc.workload_import"

local fail, shown, read = kinds.fail, kinds.shown, kinds.read
local whole, count, ratio, share = kinds.whole, kinds.count, kinds.ratio, kinds.share

local rows = {}

-- A general-purpose load: mostly small and short-lived, some queued, a few large.
rows.DEFAULT = {
    { weight = 70, size = "lognormal(64,1.2,4096)", lifetime = "exp(1000)" },
    { weight = 29, size = "lognormal(256,1,16K)", lifetime = "fifo(5000)" },
    { weight = 1, size = "uniform(64K,1M)", lifetime = "exp(50)" },
}

--- Thread numbers: 2 or {1, 2}.
local function threads(value, path)
    local numbers = kinds.list(type(value) == "table" and value or { value }, path, "thread numbers")
    for i, number in ipairs(numbers) do
        numbers[i] = whole(1, 512)(number, path)
    end
    if #numbers == 0 then
        fail("%s = %s: a thread's number, or an array of them, expected", path, shown(value))
    end
    return numbers
end

local FREE_BY <const> = { other = { share }, thread = { whole(1, 512) } }

--- free_by = {other = 0.1}: any other thread frees that share; {thread = 2}: thread 2 frees all, or that share.
local function free_by(value, path)
    local result = read(value, FREE_BY, path)
    return { other = result.other or (result.thread and 1 or 0), thread = result.thread or 0 }
end

local REALLOC <const> = { share = { share, 1 }, times = { count(1, 1000), 1 }, grow = { ratio(0.001, 1000), 0 } }

--- realloc = 0.3: that share of the blocks is resized once; or {share =, times =, grow = factor}.
local function realloc(value, path)
    if type(value) == "table" then
        return read(value, REALLOC, path)
    end
    return { share = share(value, path), times = 1, grow = 0 }
end

local function check_both(cell, path)
    if not (cell.size and cell.lifetime) then
        fail("%s: %s is missing; every cell needs size and lifetime", path, cell.size and "lifetime" or "size")
    end
end

local ORDERS <const> = { forward = 0, reversed = 1, random = 2 }

local function order(value, path)
    return ORDERS[value] or fail('%s = %s: "forward", "reversed" or "random" expected', path, shown(value))
end

local BATCH <const> = { blocks = { whole(1, 65536), 100 }, order = { order, ORDERS.forward } }

--- batch = 100: so many blocks are freed in one burst; or {blocks =, order =}.
local function batch(value, path)
    return type(value) == "table" and read(value, BATCH, path)
        or { blocks = whole(1, 65536)(value, path), order = ORDERS.forward }
end

local CELL <const> = { weight = { kinds.number(1e-30, 1e30), 1 }, size = { dist.kind }, lifetime = { dist.kind } }

local MAX_CELLS <const> = 65536

--- joint = { {weight =, size =, lifetime =}, ... }, or the text of a file's form: see workload_import.lua.
local function joint(value, path)
    local cells = type(value) == "string" and import.cells(value, path) or kinds.array(value, path)
    if #cells == 0 or #cells > MAX_CELLS then
        fail("%s has %d cells: 1 to %d expected", path, #cells, MAX_CELLS)
    end
    for i, element in ipairs(cells) do
        local where = ("%s[%d]"):format(path, i)
        cells[i] = read(element, CELL, where)
        check_both(cells[i], where)
    end
    return cells
end

local ROW <const> = {
    weight = { kinds.number(1e-9, 1e12), 1 },
    size = { dist.kind },
    lifetime = { dist.kind },
    joint = { joint },
    free_by = { free_by, { other = 0, thread = 0 } },
    touch = { share, 1 },
    writes = { count(0, 1000000), 1 },
    realloc = { realloc, { share = 0, times = 1, grow = 0 } },
    zero = { share, 0 },
    align = { kinds.alignment, 0 },
    sized = { share, 0 },
    batch = { batch, { blocks = 0, order = 0 } },
    on = { threads },
}

--- Complains unless the row has size and lifetime, or joint.
local function check_form(row, path)
    if row.joint and (row.size or row.lifetime) then
        fail("%s: joint gives the sizes and the lifetimes; %s is too much", path, row.size and "size" or "lifetime")
    elseif not row.joint and not (row.size and row.lifetime) then
        fail("%s: %s is missing; every row needs size and lifetime, or joint", path,
            row.size and "lifetime" or "size")
    end
end

--- The canonical rows of `mix`.
function rows.read(value, path)
    local mix, elements = {}, kinds.array(value, path)
    if #elements == 0 or #elements > 64 then
        fail("%s has %d rows: 1 to 64 expected", path, #elements)
    end
    for i, element in ipairs(elements) do
        local where = ("%s[%d]"):format(path, i)
        local row = read(element, ROW, where)
        check_form(row, where)
        row.other, row.thread, row.free_by = row.free_by.other, row.free_by.thread, nil
        row.resizes, row.grow, row.realloc = row.realloc.times, row.realloc.grow, row.realloc.share
        row.batch, row.order = row.batch.blocks, row.batch.order
        mix[i] = row
    end
    return mix
end

return rows
