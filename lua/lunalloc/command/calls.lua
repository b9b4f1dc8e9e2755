--- Calls that take long, made by commands: a line on the terminal tells how far they are, wrong options end the command
--- with a message, and Ctrl-C ends it at any time.
---
---     local function progress(share) return ("%.0f %%"):format(100 * share) end
---     local result = command.try(calls.long(la.replay, options, calls.progress(progress)))

local command = require "lunalloc.command"

local calls = {}

--- A function for `on_progress`: shows the text that text_of makes of its arguments, in one line that is written anew.
--- nil where no terminal is.
function calls.progress(text_of)
    local console = require "lunalloc.console"
    if not console.colour then
        return nil
    end
    return function(...)
        io.stdout:write("\r", text_of(...):sub(1, console.width() - 1), "\27[K"):flush()
    end
end

--- The results of f(options), with on_progress = tell, whose line is taken away at the end. What f raises is misuse.
function calls.long(f, options, tell)
    options.on_progress = tell
    local results = table.pack(pcall(f, options))
    if tell then
        io.stdout:write "\r\27[K"
    end
    local problem = not results[1] and tostring(results[2])
    if problem and problem:find("interrupted!", 1, true) then
        error(results[2], 0)
    elseif problem then
        command.misuse("%s", (problem:gsub("^[^\n]-:%d+: ", "")))
    end
    return table.unpack(results, 2, results.n)
end

return calls
