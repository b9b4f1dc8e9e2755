--- lunalloc extents: runs of pages of a process, by state or another field.

local command = require "lunalloc.command"
local units = require "lunalloc.units"

local USAGE <const> = [[
extents TARGET [--by FIELD] [--state STATE] [--arena N] [--json]

Counts the runs of pages of a process and their bytes. A TARGET is a pid, the name of a process, or the path of a core
file.

  --by FIELD       state (default), arena, szind (size class), slab, or another field of la.extents
  --state STATE    only those that are active, dirty, muzzy, retained or busy
  --arena N        only those of one arena]]

local function rows_of(groups)
    local rows = {}
    for key, group in pairs(groups) do
        rows[#rows + 1] = { key = key, count = group.count, bytes = group.bytes }
    end
    table.sort(rows, function(a, b)
        return a.bytes == b.bytes and tostring(a.key) < tostring(b.key) or a.bytes > b.bytes
    end)
    return rows
end

local function run(args)
    local options, words = command.options(args, { by = "text", state = "text", arena = "count", json = "flag" })
    command.no_more(words, 1)
    local by = options.by or "state"
    local t <close> = command.target(words[1])
    local ok, groups, message, code = pcall(t.extents_summary, { by = by, state = options.state,
        arena = options.arena })
    if not ok then -- an unknown field or state
        command.stop("%s", (groups:gsub("^[^:]*:%d+: ", "")))
    end
    local rows = rows_of(command.try(groups, message, code))
    if options.json then
        print(command.json(rows))
        return
    end
    command.grid(rows, {
        { by:upper(), function(row) return row.key end },
        { "COUNT", function(row) return row.count end },
        { "BYTES", function(row) return row.bytes end },
        { "", function(row) return units.human(row.bytes) end, right = true },
    })
end

return { summary = "runs of pages by state, arena or size class", usage = USAGE, run = run }
