--- .watch: evaluates an input again and again, and shows its values.
---
---     watch(evaluate, text, seconds, times)    times: nil until a key is pressed or Ctrl-C
---
--- On a terminal the values are drawn in place, cut to the window. Elsewhere each round appends them.

local show = require "lunalloc.show"
local value = require "lunalloc.show_value"

--- Can the cursor be moved?
local function draws_in_place(console)
    local terminal = os.getenv "TERM" or ""
    return console.tty and terminal ~= "" and terminal ~= "dumb"
end

--- A line cut to the width; one with colours is left alone.
local function cut(line, width)
    if value.width(line) <= width or line:find "\27" then
        return line
    end
    return line:sub(1, (utf8.len(line) and utf8.offset(line, width + 1) or width + 1) - 1)
end

--- The lines of the text that fit the window.
local function fitting(text, width, height)
    local lines = {}
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        if #lines == height then
            lines[height] = "..."
            break
        end
        lines[#lines + 1] = cut(line, width)
    end
    return lines
end

--- The values of the input as a text. A failure (nil, message) is one, too.
local function look(evaluate, text)
    return show.text(evaluate(text))
end

--- Replaces what was drawn before, `before` lines of it. Returns how many lines there are now.
local function draw(console, head, text, before)
    local lines = fitting(text, console.width() - 1, math.max(2, console.height() - 3))
    table.insert(lines, 1, cut(head, console.width() - 1))
    io.write(before > 0 and ("\27[%dA\r\27[J"):format(before) or "", table.concat(lines, "\n"), "\n")
    io.stdout:flush()
    return #lines
end

local function watch(evaluate, text, seconds, times)
    local console = package.loaded["lunalloc.console"]
    local in_place, drawn = draws_in_place(console), 0
    local head = ("every %g s: %s   (a key ends)"):format(seconds, text)
    for round = 1, times or math.huge do
        local result = look(evaluate, text)
        if in_place then
            drawn = draw(console, head, result, drawn)
        else
            print(result)
            io.stdout:flush()
        end
        if round == times or console.key(seconds) then
            return
        end
    end
end

--- As watch(), but Ctrl-C ends it quietly.
return function(evaluate, text, seconds, times)
    local ok, problem = xpcall(watch, function(message)
        local errors = require "lunalloc.errors"
        return tostring(message):find "interrupted!$" and message or errors.runtime(tostring(message))
    end, evaluate, text, seconds, times)
    if not ok and not tostring(problem):find "interrupted!$" then
        error(problem, 0)
    end
end
