--- The growth of a figure over a run, robust against single jumps: is memory leaking?
---
---     slope.fit({ {x1, y1}, {x2, y2}, ... })  ->  growth of y per x, or nil, why     (Theil-Sen)
---     slope.of(timeline, figure, per)         ->  the same for the entries after the warm-up
---
--- The estimator of Theil and Sen is the median of the slopes between all pairs of points. Up to 29 % of the points may
--- be wrong without effect, so a purge or a burst of page faults does not decide, as it would with least squares.

local slope = {}

local MOST <const> = 200 -- points: 19,900 pairs
local LEAST <const> = 8
local WARM_UP <const> = 0.25 -- of the time until the end of operations

local function median(values)
    table.sort(values)
    local half = #values // 2
    return #values % 2 == 1 and values[half + 1] or (values[half] + values[half + 1]) / 2
end

--- At most MOST of the points, evenly spaced, with the last one.
local function thinned(points)
    if #points <= MOST then
        return points
    end
    local some = {}
    for i = 1, MOST do
        some[i] = points[#points * i // MOST]
    end
    return some
end

function slope.fit(points)
    local some, slopes = thinned(points), {}
    for i = 1, #some do
        for j = i + 1, #some do
            local run = some[j][1] - some[i][1]
            if run > 0 then
                slopes[#slopes + 1] = (some[j][2] - some[i][2]) / run
            end
        end
    end
    if #some < LEAST or #slopes == 0 then
        return nil, ("%d entries of the timeline after the warm-up: %d expected (a longer run, or a shorter interval)")
            :format(#some, LEAST)
    end
    return median(slopes)
end

--- The entry "end of operations", after which blocks are freed, is the last that counts.
local function last_of(timeline)
    for i = #timeline, 1, -1 do
        if timeline[i].mark == "end of operations" then
            return i
        end
    end
    return #timeline
end

--- figure(entry): the value, or nil; per: "s", or "Mop" for growth in a million operations.
function slope.of(timeline, figure, per)
    local last, points = last_of(timeline), {}
    local from = last > 0 and timeline[last].t * WARM_UP or 0
    for i = 1, last do
        local entry = timeline[i]
        local value = entry.t >= from and figure(entry)
        if value then
            points[#points + 1] = { per == "s" and entry.t or entry.ops / 1e6, value }
        end
    end
    return slope.fit(points)
end

return slope
