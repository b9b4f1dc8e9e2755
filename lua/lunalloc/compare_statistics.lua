--- The arithmetic of la.compare: are the figures of two groups of runs different, and by which factor?
---
--- A metric of a variant is a sample of n runs; two samples, x and y, are compared by their ratio y / x:
---
---   * the estimate is Hodges and Lehmann's: the median of all ratios y[j] / x[i];
---   * its interval is that of the rank test of Mann, Whitney and Wilcoxon: all ratios in order, without the k smallest
---     and the k largest, k being as large as the level allows. The distribution of ranks is exact up to LARGE runs.
---
--- Nothing is assumed of the distribution of the figures, so few runs suffice, and one that was disturbed does no harm.
--- The price: below a number of runs (runs_needed) no interval of that level is finite. Values on a grid, such as
--- percentiles from a histogram, only widen an interval.
---
---     statistics.compare(x, y, alpha [, groups])  ->  ratio, low, high    which hold it, except with chance alpha
---     statistics.paired(x, y, alpha)  ->  ratio, low, high                of runs that are neighbours, two by two
---
--- Neighbours have the state of the machine in common, and their ratio is free of a drift that lasts for several runs:
--- the estimate is the median of the means of any two ratios, and the interval that of Wilcoxon's signed ranks. But ten
--- pairs tell less than a hundred ratios if there is no drift. So pairs are only used where neighbours are clearly more
--- alike than others. How much they vary decides that, and not by how much they differ.
---
--- Runs of several hosts are compared within each host: all ratios are of two runs of one host. The test is then the
--- sum of one test for each host, whose distribution is the convolution of theirs (a stratified rank test).

local statistics = {}

local LARGE <const> = 40 -- runs, from which on the normal distribution replaces the exact one

--- The value at the share `q` of the samples, 0 to 1, between two of them if need be.
function statistics.quantile(samples, q)
    local sorted = table.move(samples, 1, #samples, 1, {})
    table.sort(sorted)
    local at = 1 + (#sorted - 1) * q
    local low = math.floor(at)
    local high = math.min(low + 1, #sorted)
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

function statistics.median(samples)
    return statistics.quantile(samples, 0.5)
end

--- How far the middle half of the samples spreads, as a share of the median; 0 if that is 0.
function statistics.spread(samples)
    local median = statistics.median(samples)
    local span = statistics.quantile(samples, 0.75) - statistics.quantile(samples, 0.25)
    return median ~= 0 and span / math.abs(median) or 0.0
end

-- ---- the distribution of ranks -------------------------------------------------------------------------------------

--- counts[u + 1]: in how many of the orders of n and m values exactly u pairs are in the wrong order, for u up to
--- `most`. These are the partitions of u into at most n parts of at most m, summed part by part.
local function rank_counts(n, m, most)
    local rows = {} -- rows[j]: j parts at most
    for j = 0, n do
        rows[j] = { 1.0 }
        for u = 1, most do
            rows[j][u + 1] = 0.0
        end
    end
    for part = 1, m do
        for j = 1, n do
            local row, fewer = rows[j], rows[j - 1]
            for u = part, most do
                row[u + 1] = row[u + 1] + fewer[u - part + 1]
            end
        end
    end
    return rows[n]
end

local function binomial(n, k)
    local product = 1.0
    for i = 1, k do
        product = product * (n - k + i) / i
    end
    return product
end

local function exact_trim(n, m, tail)
    local counts, total = rank_counts(n, m, n * m // 2), binomial(n + m, n)
    local sum, k = 0.0, 0
    while k < n * m // 2 and (sum + counts[k + 1]) / total <= tail do
        sum, k = sum + counts[k + 1], k + 1
    end
    return k
end

--- The point that a normally distributed value exceeds with that chance, 0 < tail < 0.5 (Abramowitz and Stegun 26.2.23,
--- to 4.5e-4).
local function normal_point(tail)
    local t = math.sqrt(-2 * math.log(tail))
    return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
        (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t)
end

local function normal_trim(n, m, tail)
    local deviation = math.sqrt(n * m * (n + m + 1) / 12)
    return math.max(0, math.floor(n * m / 2 - normal_point(tail) * deviation))
end

-- k by n, m and tail: few are asked for, many times
local trims = {}

--- How many of the n * m ratios are left out at each end of an interval that errs at an end with chance `tail`; 0: no
--- interval is finite.
local function trim(n, m, tail)
    local key = ("%d %d %.17g"):format(n, m, tail)
    trims[key] = trims[key] or (math.max(n, m) > LARGE and normal_trim or exact_trim)(n, m, tail)
    return trims[key]
end

--- The smallest number of runs of each variant with which an interval that errs with chance alpha is finite.
function statistics.runs_needed(alpha)
    local n = 2
    while 2 / binomial(2 * n, n) > alpha do
        n = n + 1
    end
    return n
end

-- ---- two samples ---------------------------------------------------------------------------------------------------

--- The logarithm of a positive figure; 0 counts as a tiny one, so that it is below all others.
local function log_of(value)
    return math.log(math.max(value, 1e-12))
end

--- The logarithms of all ratios of y to x within a group, sorted.
local function log_ratios(x, y, groups)
    local ratios = {}
    for i, from in ipairs(x) do
        for j, to in ipairs(y) do
            ratios[#ratios + 1] = (not groups or groups[i] == groups[j]) and log_of(to) - log_of(from) or nil
        end
    end
    table.sort(ratios)
    return ratios
end

--- How many runs of each sample each group has, in order.
local function group_sizes(groups)
    local count, sizes = {}, {}
    for _, group in ipairs(groups) do
        count[group] = (count[group] or 0) + 1
    end
    for _, n in pairs(count) do
        sizes[#sizes + 1] = n
    end
    table.sort(sizes)
    return sizes
end

local function convolve(a, b)
    local sums = {}
    for i = 1, #a + #b - 1 do
        sums[i] = 0.0
    end
    for i, x in ipairs(a) do
        for j, y in ipairs(b) do
            sums[i + j - 1] = sums[i + j - 1] + x * y
        end
    end
    return sums
end

local function exact_grouped_trim(sizes, tail)
    local chances = { 1.0 }
    for _, n in ipairs(sizes) do
        local counts, total = rank_counts(n, n, n * n), binomial(2 * n, n)
        for u = 1, #counts do
            counts[u] = counts[u] / total
        end
        chances = convolve(chances, counts)
    end
    local sum, k = 0.0, 0
    while k < #chances // 2 and sum + chances[k + 1] <= tail do
        sum, k = sum + chances[k + 1], k + 1
    end
    return k
end

local function normal_grouped_trim(sizes, tail)
    local middle, variance = 0.0, 0.0
    for _, n in ipairs(sizes) do
        middle, variance = middle + n * n / 2, variance + n * n * (2 * n + 1) / 12
    end
    return math.max(0, math.floor(middle - normal_point(tail) * math.sqrt(variance)))
end

--- As trim(), for samples of the same groups.
local function grouped_trim(groups, tail)
    local sizes = group_sizes(groups)
    if #sizes == 1 then
        return trim(sizes[1], sizes[1], tail)
    end
    local key = table.concat(sizes, " ") .. (" %.17g"):format(tail)
    trims[key] = trims[key] or (#groups > LARGE and normal_grouped_trim or exact_grouped_trim)(sizes, tail)
    return trims[key]
end

--- The ratio of y to x, and the interval that holds it, except with chance alpha: 0 and infinity if there are too few.
--- `groups`: for each run of x, and of y, its host; nil: all ran on one.
function statistics.compare(x, y, alpha, groups)
    local ratios = log_ratios(x, y, groups)
    local k = groups and grouped_trim(groups, alpha / 2) or trim(#x, #y, alpha / 2)
    local ratio = math.exp(statistics.median(ratios))
    if k == 0 then
        return ratio, 0.0, math.huge
    end
    return ratio, math.exp(ratios[k]), math.exp(ratios[#ratios + 1 - k])
end

-- ---- pairs ---------------------------------------------------------------------------------------------------------

--- chances[w + 1]: that the ranks of the pairs in which y is larger have the sum w, if any sign is as likely.
local function sign_chances(n)
    local chances, most = { 1.0 }, 0
    for rank = 1, n do
        for w = most + rank, 0, -1 do
            local without = w <= most and chances[w + 1] or 0.0
            chances[w + 1] = (without + (w >= rank and chances[w - rank + 1] or 0.0)) / 2
        end
        most = most + rank
    end
    return chances
end

local paired_trims = {}

--- How many of the n * (n + 1) / 2 means are left out at each end.
local function paired_trim(n, tail)
    local key = ("%d %.17g"):format(n, tail)
    if not paired_trims[key] then
        local chances, sum, k = sign_chances(n), 0.0, 0
        while k < #chances // 2 and sum + chances[k + 1] <= tail do
            sum, k = sum + chances[k + 1], k + 1
        end
        paired_trims[key] = k
    end
    return paired_trims[key]
end

--- The smallest number of pairs with which an interval that errs with chance alpha is finite.
function statistics.pairs_needed(alpha)
    local n = 1
    while 2 / 2 ^ n > alpha do
        n = n + 1
    end
    return n
end

--- The logarithms of y[i] / x[i].
function statistics.log_pairs(x, y)
    local logs = {}
    for i = 1, math.min(#x, #y) do
        logs[i] = log_of(y[i]) - log_of(x[i])
    end
    return logs
end

statistics.DEVIATION = 1.4826 -- that of a normal distribution, of 1 for the median distance from the middle
local ALIKE <const> = 0.4      -- of the variance that pairs of any two runs would have

--- A robust standard deviation.
function statistics.deviation(values)
    local middle, distances = statistics.median(values), {}
    for i, value in ipairs(values) do
        distances[i] = math.abs(value - middle)
    end
    return statistics.DEVIATION * statistics.median(distances)
end

local function logs_of(values)
    local logs = {}
    for i, value in ipairs(values) do
        logs[i] = log_of(value)
    end
    return logs
end

--- Are neighbours clearly more alike than any two runs?
function statistics.are_alike(x, y)
    local apart = statistics.deviation(logs_of(x)) ^ 2 + statistics.deviation(logs_of(y)) ^ 2
    return statistics.deviation(statistics.log_pairs(x, y)) ^ 2 < ALIKE * apart
end

local function signed_ranks(logs, alpha)
    local means = {}
    for i = 1, #logs do
        for j = i, #logs do
            means[#means + 1] = (logs[i] + logs[j]) / 2
        end
    end
    table.sort(means)
    local k, ratio = paired_trim(#logs, alpha / 2), math.exp(statistics.median(means))
    if k == 0 then
        return ratio, 0.0, math.huge
    end
    return ratio, math.exp(means[k]), math.exp(means[#means + 1 - k])
end

--- As statistics.compare(): x[i] and y[i] ran one after the other, on one host.
function statistics.paired(x, y, alpha, groups)
    if #x == #y and statistics.are_alike(x, y) then
        return signed_ranks(statistics.log_pairs(x, y), alpha)
    end
    return statistics.compare(x, y, alpha, groups)
end

return statistics
