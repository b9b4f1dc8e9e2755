-- The eight queens and more of them, by backtracking over arrays, over bits, and over immutable lists.

local function by_arrays(n)
    local count, columns, up, down, first = 0, {}, {}, {}, nil
    local place = {}
    local function try(row)
        if row > n then
            count = count + 1
            first = first or table.concat(place, " ")
            return
        end
        for column = 1, n do
            if not (columns[column] or up[row + column] or down[row - column]) then
                columns[column], up[row + column], down[row - column], place[row] = true, true, true, column
                try(row + 1)
                columns[column], up[row + column], down[row - column] = nil, nil, nil
            end
        end
    end
    try(1)
    return count, first
end

local function by_bits(n)
    local all = (1 << n) - 1
    local function try(columns, up, down)
        if columns == all then
            return 1
        end
        local count, free = 0, all & ~(columns | up | down)
        while free ~= 0 do
            local bit = free & -free
            free = free ~ bit
            count = count + try(columns | bit, (up | bit) << 1, (down | bit) >> 1)
        end
        return count
    end
    return try(0, 0, 0)
end

local function by_lists(n)
    local function fits(column, list)
        local distance = 1
        while list do
            if list[1] == column or list[1] - column == distance or column - list[1] == distance then
                return false
            end
            list, distance = list[2], distance + 1
        end
        return true
    end
    local boards = { false }
    for _ = 1, n do
        local next_boards = {}
        for _, board in ipairs(boards) do
            for column = 1, n do
                if fits(column, board) then
                    next_boards[#next_boards + 1] = { column, board }
                end
            end
        end
        boards = next_boards
    end
    return #boards
end

for n = 1, 8 do
    local count, first = by_arrays(n)
    print(n, count, by_bits(n), by_lists(n), first)
end

local function draw(text)
    local columns = {}
    for column in text:gmatch "%d+" do
        columns[#columns + 1] = tonumber(column)
    end
    for _, column in ipairs(columns) do
        print((" ."):rep(column - 1) .. " Q" .. (" ."):rep(#columns - column))
    end
end
draw(select(2, by_arrays(8)))
