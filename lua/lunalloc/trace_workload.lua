--- A description for la.workload of what a trace has: trace:workload().
---
---     local description, errors = trace:workload()
---     la.workload(description):run()
---
--- Sizes and lifetimes are drawn together, from cells of the trace: a size class by half a power of two of lifetimes,
--- which are counted in blocks that the same thread begins meanwhile, as the engine counts. A description is the same
--- all the time, and all its threads are alike; what that loses is in `errors`, as parts of the trace's figures:
---
---     live         mean live bytes of the description beside those of the trace: 0.05 is 5 % too much
---     peak         the trace's peak beside its mean: what a load without phases cannot have
---     threads      how unequal the threads are: the share of allocations that equal threads would make otherwise
---     alignments   the share of blocks whose alignment is not described
---     lost         the share of events that the trace lacks

local core = require "lunalloc.core"

local workload = {}

local FOREVER <const> = "forever"
local MOST_THREADS <const> = 512

--- The distribution of the lifetimes of a cell.
local function lifetime_of(cell)
    if not cell.life then
        return FOREVER
    elseif cell.life < 4 then
        return math.floor(cell.life + 0.5)
    end
    return ("uniform(%d,%d)"):format(math.floor(cell.life * 0.84), math.ceil(cell.life * 1.16))
end

local function cells_of(sums)
    local cells = {}
    for i, cell in ipairs(sums.cells) do
        cells[i] = { weight = cell.count, size = math.max(1, math.floor(cell.size + 0.5)),
            lifetime = lifetime_of(cell) }
    end
    return cells
end

--- How many equal threads have the same entropy as those of the trace, and the share that these make otherwise.
local function equal_threads(threads)
    local total, entropy, active = 0, 0, {}
    for _, thread in ipairs(threads) do
        total = total + (thread.allocations or 0)
    end
    for _, thread in ipairs(threads) do
        local share = (thread.allocations or 0) / math.max(1, total)
        if share > 0 then
            entropy = entropy - share * math.log(share)
            active[#active + 1] = share
        end
    end
    local n = math.max(1, math.min(MOST_THREADS, math.floor(math.exp(entropy) + 0.5)))
    table.sort(active, function(a, b) return a > b end)
    local differs = 0
    for i = 1, math.max(n, #active) do
        differs = differs + math.abs((active[i] or 0) - (i <= n and 1 / n or 0))
    end
    return n, differs / 2
end

--- Blocks live at once in the mean, times their sizes, by Little's law; of those that live at the end, by their age.
local function expected_live(sums, threads)
    local live = 0
    for _, cell in ipairs(sums.cells) do
        live = live + cell.count * cell.size * (cell.life or cell.age)
    end
    return live * threads / math.max(1, sums.blocks)
end

local function share(part, whole)
    return whole > 0 and part / whole or 0
end

local function aligned(sums)
    local blocks = 0
    for _, count in pairs(sums.alignments) do
        blocks = blocks + count
    end
    return blocks
end

local function relative(a, b)
    return b > 0 and a / b - 1 or 0
end

--- Of the cells, the tally and the facts of a trace. nil, message, code if it has nothing to describe.
function workload.describe(sums, tally, info)
    if #sums.cells == 0 then
        return nil, "the trace has no allocation to describe", "EINVAL"
    elseif #sums.cells > 65536 then
        return nil, ("the trace has %d cells of sizes and lifetimes; a description has at most 65536"):format(
            #sums.cells), "EINVAL"
    end
    local threads, unequal = equal_threads(tally.threads)
    local seconds = math.max(1e-9, (tally.last - tally.first) / 1e9)
    local row = { joint = cells_of(sums), free_by = { other = threads > 1 and share(sums.cross, sums.ended) or 0 },
        zero = math.min(1, share(sums.zeroed, sums.blocks)), sized = math.min(1, share(sums.sized, sums.ended)) }
    if sums.resized > 0 then
        row.realloc = { share = math.min(1, share(sums.resized, sums.blocks)),
            times = math.max(1, math.min(1000, math.floor(sums.resizes / sums.resized + 0.5))),
            grow = math.max(0.001, math.min(1000, sums.growth)) }
    end
    local description = { threads = threads, seed = 1, ops = math.max(1, sums.blocks), rate = sums.blocks / seconds,
        mix = { row } }
    local errors = { live = relative(expected_live(sums, threads), sums.mean_live),
        peak = relative(tally.total.peak_bytes, sums.mean_live), threads = unequal,
        alignments = share(aligned(sums), sums.blocks), lost = share(info.lost, info.lost + info.events),
        mean_live = sums.mean_live, expected_live = expected_live(sums, threads) }
    return description, errors
end

-- ---- as a text -----------------------------------------------------------------------------------------------------

local TEXTS <const> = {
    { "live", "live bytes in the mean: %+.1f %%" },
    { "peak", "the trace's peak is %.1f %% above its mean: phases are not described" },
    { "threads", "%.1f %% of the allocations are by other threads than equal ones would make" },
    { "alignments", "%.1f %% of the blocks have an alignment that is not described" },
    { "lost", "%.2f %% of the events are missing in the trace" },
}

--- A line for each error.
function workload.lines(errors)
    local lines = {}
    for _, text in ipairs(TEXTS) do
        lines[#lines + 1] = text[2]:format(100 * errors[text[1]])
    end
    return lines
end

--- A value as Lua code.
local function code_of(value, indent)
    if type(value) ~= "table" then
        return type(value) == "string" and ("%q"):format(value) or math.type(value) == "integer" and tostring(value)
            or ("%.6g"):format(value)
    end
    local parts, inner = {}, indent .. "    "
    for _, element in ipairs(value) do
        parts[#parts + 1] = code_of(element, inner)
    end
    for _, key in ipairs(require("lunalloc.check").names(#value == 0 and value or {})) do
        parts[#parts + 1] = ("%s = %s"):format(key, code_of(value[key], inner))
    end
    local flat = "{ " .. table.concat(parts, ", ") .. " }"
    return #flat <= 100 and flat or ("{\n%s%s,\n%s}"):format(inner, table.concat(parts, ",\n" .. inner), indent)
end

--- A Lua file that returns the description, with its errors as comments.
function workload.code(description, errors, path)
    local lines = { ("-- made of %s by lunalloc %s; what it lacks:"):format(path:gsub("%c", "?"), core.version) }
    for _, line in ipairs(workload.lines(errors)) do
        lines[#lines + 1] = "--   " .. line
    end
    lines[#lines + 1] = "return " .. code_of(description, "")
    return table.concat(lines, "\n")
end

return workload
