--- How large the parts of a report may be. Together they stay below 5 MB, whatever the input.

return {
    file = 5000000,         -- bytes of the whole file
    points = 2000,          -- of a time line
    cells = 4096,           -- of the picture of an instant
    instants = 2000,        -- pictures
    map_bytes = 2200000,    -- of all pictures, as base64
    stacks = 10000,
    flame_bytes = 1000000,  -- of the flame graph, as JSON
    rows = 2000,            -- of a table
    table_bytes = 300000,   -- of a table, as JSON
    text = 200,             -- bytes of a name
}
