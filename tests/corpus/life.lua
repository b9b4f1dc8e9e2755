-- The game of life on an unbounded board: a set of cells as texts, which is made anew in each generation.

local function parse(picture)
    local cells, row = {}, 0
    for line in picture:gmatch "[^/]+" do
        for column = 1, #line do
            if line:sub(column, column) == "O" then
                cells[row .. "," .. column - 1] = { row, column - 1 }
            end
        end
        row = row + 1
    end
    return cells
end

local function step(cells)
    local counts, places = {}, {}
    for _, cell in pairs(cells) do
        for dr = -1, 1 do
            for dc = -1, 1 do
                local key = cell[1] + dr .. "," .. cell[2] + dc
                places[key] = places[key] or { cell[1] + dr, cell[2] + dc }
                counts[key] = (counts[key] or 0) + ((dr ~= 0 or dc ~= 0) and 1 or 0)
            end
        end
    end
    local following = {}
    for key, n in pairs(counts) do
        if n == 3 or n == 2 and cells[key] then
            following[key] = places[key]
        end
    end
    return following
end

local function bounds(cells)
    local top, left, bottom, right = math.maxinteger, math.maxinteger, math.mininteger, math.mininteger
    local n = 0
    for _, cell in pairs(cells) do
        top, left = math.min(top, cell[1]), math.min(left, cell[2])
        bottom, right = math.max(bottom, cell[1]), math.max(right, cell[2])
        n = n + 1
    end
    return n, top, left, bottom, right
end

local function draw(cells)
    local n, top, left, bottom, right = bounds(cells)
    for row = top, n > 0 and bottom or top - 1 do
        local line = {}
        for column = left, right do
            line[#line + 1] = cells[row .. "," .. column] and "O" or "."
        end
        print(table.concat(line))
    end
end

local patterns = {
    { "glider", ".O./..O/OOO", 60 },
    { "blinker", "OOO", 7 },
    { "r-pentomino", ".OO/OO./.O.", 120 },
    { "diehard", "......O./OO....../.O...OOO", 130 },
    { "acorn", ".O...../...O.../OO..OOO", 60 },
}
for _, pattern in ipairs(patterns) do
    local cells = parse(pattern[2])
    for generation = 1, pattern[3] do
        cells = step(cells)
        if generation % 20 == 0 then
            print(pattern[1], generation, bounds(cells))
        end
    end
    if bounds(cells) < 20 then
        draw(cells)
    end
end
