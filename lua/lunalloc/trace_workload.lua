--- A description for la.workload of what a trace has: trace:workload().
---
---     local description, errors = trace:workload()
---     la.workload(description):run()
---
--- Sizes and lifetimes are drawn together, from cells of the trace: a size class by half a power of two of lifetimes,
--- which are counted in blocks that the same thread begins meanwhile, as the engine counts. Resizes make blocks grow so
--- that the live bytes stay those of the trace. A description is the same all the time, and all its threads are alike;
--- what that loses is in `errors`, as parts of the trace's figures:
---
---     live         mean live bytes of a run of the description, as computed, beside those of the trace: 0.05 is 5 %
---                  too much
---     peak         the trace's peak beside its mean: what a load without phases cannot have
---     threads      how unequal the threads are: the share of allocations that equal threads would make otherwise
---     alignments   the share of blocks whose alignment is not described
---     lost         the share of events that the trace lacks

local core = require "lunalloc.core"

local workload = {}

local FOREVER <const> = "forever"
local MOST_THREADS <const> = 512
local LEAST_GROWTH <const>, MOST_GROWTH <const> = 0.001, 1000.0 -- of a resize

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

--- The mean of the sizes g^0 .. g^n that a block has which is resized n times, evenly over its lifetime.
local function mean_growth(grow, times)
    local sum, size = 0, 1.0
    for _ = 0, times do
        sum, size = sum + size, size * grow
    end
    return sum / (times + 1)
end

--- By what each of `times` resizes multiplies the size, if that makes blocks `factor` times as large in the mean.
local function growth_of(factor, times)
    local low, high = LEAST_GROWTH, MOST_GROWTH
    for _ = 1, 60 do
        local middle = math.sqrt(low * high)
        if mean_growth(middle, times) < factor then
            low = middle
        else
            high = middle
        end
    end
    return math.sqrt(low * high)
end

--- The resizes of a description: growth keeps bytes times lifetime of all blocks as they are in the trace. nil: none.
local function resizes_of(sums)
    if sums.resized == 0 then
        return nil
    end
    local product = 0
    for _, cell in ipairs(sums.cells) do
        product = product + cell.count * cell.size * (cell.life or cell.age)
    end
    local times = math.max(1, math.min(1000, math.floor(sums.resizes / sums.resized + 0.5)))
    local part = math.min(1, sums.resized / math.max(1, sums.blocks))
    local factor = product > 0 and 1 + (sums.product / product - 1) / part or 1
    return { share = part, times = times, grow = growth_of(factor, times) }
end

--- The mean lifetime of a cell of a description in a run of n blocks a thread: what lives at the end is cut off.
local function mean_life(lifetime, n)
    local low, high = tostring(lifetime):match "^uniform%((%d+),(%d+)%)$"
    local life = lifetime == FOREVER and n or low and (low + high) / 2 or lifetime
    return life < n and life - life * life / (2 * n) or n / 2
end

--- Mean live bytes of a run of the description, by Little's law.
local function expected_live(description)
    local row, threads = description.mix[1], description.threads
    local n, weight, product = math.max(1, description.ops / threads), 0, 0
    for _, cell in ipairs(row.joint) do
        weight = weight + cell.weight
        product = product + cell.weight * cell.size * mean_life(cell.lifetime, n)
    end
    local resizes = row.realloc
    local factor = resizes and 1 + resizes.share * (mean_growth(resizes.grow, resizes.times) - 1) or 1
    return product / weight * factor * threads
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
    row.realloc = resizes_of(sums)
    local description = { threads = threads, seed = 1, ops = math.max(1, sums.blocks), rate = sums.blocks / seconds,
        mix = { row } }
    local expected = expected_live(description)
    local errors = { live = relative(expected, sums.mean_live),
        peak = relative(tally.total.peak_bytes, sums.mean_live), threads = unequal,
        alignments = share(aligned(sums), sums.blocks), lost = share(info.lost, info.lost + info.events),
        mean_live = sums.mean_live, expected_live = expected }
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
