--- lunalloc map: the address space of a heap as a picture.

local command = require "lunalloc.command"
local core = require "lunalloc.core"

local USAGE <const> = [[
map TARGET [LATER] [--by WAY] [--arena N] [--watch] [--json] [--save FILE]

Draws the addresses of a heap: each cell shows what most of its bytes are. A TARGET is a pid, the name of a process, the
path of a core file, or that of a saved instant. Ranges of addresses that are not the heap's are left out: "~" marks the
next one. With LATER, another target, it draws what changed: allocated, freed, purged, reused, new or gone.

  --by WAY         state (default), occupancy, age, residency, arena or class
  --arena N        only that arena
  --mode MODE      blocks, braille or ascii; by the terminal if it is left out
  --width N  --height N    of the picture, in columns and lines
  --watch          draws it again every second, until Ctrl-C; --every TIME: as often as that
  --json           cells, legend and ranges of addresses, for programs; --columns N  --rows N: cells (64 each)
  --save FILE      keeps the instant: la.instant.load, lunalloc map and lunalloc report read it]]

local OPTIONS <const> = { by = "text", arena = "count", mode = "text", width = "count", height = "count",
    watch = "flag", every = "time", json = "flag", columns = "count", rows = "count", save = "text" }

--- Calls it; an error of ours, which is misuse, ends the command.
local function try(f, ...)
    local results = table.pack(pcall(f, ...))
    if not results[1] then
        local message = tostring(results[2])
        if message:find "interrupted!" then
            error(message, 0)
        end
        command.misuse("map: %s", (message:match "%((.*)%)$" or message):gsub("^[^\n:]+:%d+: ", ""))
    end
    return command.try(table.unpack(results, 2, results.n))
end

--- True if it is the path of a file that is no core file.
local function is_saved(word)
    if core.file_kind(word) ~= "file" then
        return false
    end
    local file <close> = io.open(word, "rb")
    return file ~= nil and file:read(8) == "LUNALLOC"
end

--- A function that returns the instant that is to be drawn now.
local function source_of(word, options)
    if word and is_saved(word) then
        return function() return try(require("lunalloc").instant.load, word) end
    end
    local t = command.target(word)
    return function() return try(t.instant, { residency = options.by == "residency" or options.save ~= nil }) end
end

--- What is printed of an instant, or of changes.
local function text_of(drawn, options)
    if options.json then
        return core.json(try(drawn.raster, drawn, { by = options.by, arena = options.arena, columns = options.columns,
            rows = options.rows }))
    end
    return try(drawn.map, drawn, { by = options.by, arena = options.arena, mode = options.mode,
        width = options.width, height = options.height })
end

--- Draws what changed from one target to the other.
local function compare(words, options)
    if options.watch or options.every or options.save then
        command.misuse "map: --watch, --every and --save are for one target"
    end
    local before <close> = source_of(words[1], options)()
    local after <close> = source_of(words[2], options)()
    print(text_of(before:diff(after), options))
end

local function count_lines(text)
    return select(2, text:gsub("\n", "\n")) + 1
end

--- Draws again and again: in its place where the cursor can be moved, else below.
local function watch(take, options)
    local console = package.loaded["lunalloc.console"]
    local in_place, before = console and console.tty and os.getenv "TERM" ~= "dumb", 0
    while true do
        local instant <close> = take()
        local text = text_of(instant, options)
        io.write(in_place and before > 0 and ("\27[%dA\r\27[J"):format(before) or "", text, "\n")
        io.stdout:flush()
        before = count_lines(text)
        command.sleep(options.every or 1)
    end
end

local function run(args)
    local options, words = command.options(args, OPTIONS)
    command.no_more(words, 2)
    if words[2] then
        return compare(words, options)
    end
    local take = source_of(words[1], options)
    if options.watch or options.every then
        return watch(take, options)
    end
    local instant <close> = take()
    if options.save then
        command.try(instant:save(options.save))
    end
    print(text_of(instant, options))
end

return { summary = "the address space of a heap as a picture", usage = USAGE, run = run }
