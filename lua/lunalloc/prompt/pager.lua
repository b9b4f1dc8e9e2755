--- Texts that are longer than the window: shown by $PAGER, or by less, or else a page at a time.
---
---     pager.show(text)  ->  true if it has shown the text; false if the caller should print it
---     pager.enabled     false: never
---
--- Only on a terminal that can move its cursor. $PAGER may be empty or "cat": then texts are not paged.

local pager = { enabled = true }

local LESS <const> = "less -FRX" -- F: ends at once if all fits; X: the text stays on the screen

local function count_lines(text)
    local _, n = text:gsub("\n", "")
    return n + 1
end

--- Lines of a text on a screen of that width.
local function screen_lines(text, width)
    local n = 0
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        local plain = line:gsub("\27%[[%d;]*m", "")
        n = n + math.max(1, ((utf8.len(plain) or #plain) + width - 1) // width)
    end
    return n
end

local function can_page(console)
    local terminal = os.getenv "TERM" or ""
    return pager.enabled and console and console.editable and terminal ~= "" and terminal ~= "dumb"
end

--- The command line of the pager; nil if there is none, "" if the user wants none.
local function program()
    local wanted = os.getenv "PAGER"
    if wanted then
        return wanted == "cat" and "" or wanted
    end
    return os.execute "command -v less >/dev/null 2>&1" and LESS or nil
end

--- Runs the pager on the text, by way of a file: whoever leaves a pager early would break a pipe.
local function run(command, text)
    local path = os.tmpname()
    local file = io.open(path, "w")
    local written = file and file:write(text, "\n") and file:close()
    io.stdout:flush()
    local status = 127
    if written then
        status = select(3, os.execute(command .. " <'" .. path .. "' 2>/dev/null"))
    end
    os.remove(path)
    return status ~= 127 and status ~= 126 -- of the shell: no such program
end

--- Prints a page at a time. Space shows the next page, Enter the next line, q ends.
local function step_through(console, text)
    local height, room = console.height(), console.height() - 1
    local total, shown = count_lines(text), 0
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        print(line)
        shown, room = shown + 1, room - screen_lines(line, console.width())
        if room <= 0 and shown < total then
            io.write "-- more -- (space, enter, q)"
            local key = console.key(1e6)
            io.write("\r", (" "):rep(28), "\r")
            if not key or key == "q" or key == "\4" then
                return
            end
            room = (key == "\n" or key == "\r") and 1 or height - 1
        end
    end
end

function pager.show(text)
    local console = package.loaded["lunalloc.console"]
    if not can_page(console) or screen_lines(text, console.width()) < console.height() then
        return false
    end
    local command = program()
    if command == "" then
        return false
    end
    if not command or not run(command, text) then
        step_through(console, text)
    end
    return true
end

return pager
