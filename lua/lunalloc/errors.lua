--- Errors of users' code as text: the message, the line with a caret under its cause, and the calls that led there.
---
---     errors.remember("=input 3", text)   the text of a chunk, so that its lines can be shown
---     errors.current = "input 3"          this chunk is called "input" in texts
---     errors.syntax(message)              about code that does not compile
---     errors.runtime(message)             in a message handler: about the error that is being raised
---
--- Calls of the module and of the console are left out. An error at a line of theirs is a bug of ours, and shows every
--- call. The environment variable LUNALLOC_DEBUG shows all of them always.

local lexer = require "lunalloc.lexer"
local suggest = require "lunalloc.suggest"
local show_value = require "lunalloc.show_value"
local wrap = require "lunalloc.wrap"

local errors = { current = nil }

local MAX_SOURCES <const> = 1000   -- chunks of the prompt whose text is kept
local MAX_FILE <const> = 1 << 20   -- bytes of a script that is read to show a line
local MAX_CALLS <const> = 100      -- at each end of the stack
local MAX_TRIED <const> = 1 << 17  -- bytes of code that is compiled again and again to find the wrong token
local FIRST_CALLS <const>, LAST_CALLS <const> = 10, 11
local INDENT <const> = "    "
local PREFIX <const> = "lunalloc: " -- which the console writes before a message

local here = debug.getinfo(1, "S").source:match "^(@.*)errors%.lua$" -- "@/usr/share/lua/5.4/lunalloc/"

-- ---- the lines of a chunk ------------------------------------------------------------------------------------------

local sources, order = {}, {}

--- Functions that stand for the main chunk of an input; see prompt/locals.lua.
errors.mains = setmetatable({}, { __mode = "k" })

--- Keeps the text of a chunk of that name ("=input 3"). Of two texts of one name, neither is shown.
function errors.remember(name, text)
    if sources[name] == nil then
        order[#order + 1] = name
        sources[name] = text
    elseif sources[name] ~= text then
        sources[name] = false
    end
    if #order > MAX_SOURCES then
        sources[table.remove(order, 1)] = nil
    end
end

local function read_file(path)
    local file = io.open(path, "r")
    local size = file and file:seek "end"
    local text = size and size <= MAX_FILE and file:seek "set" and file:read "a"
    if file then
        file:close()
    end
    return text or nil
end

--- The text of a chunk by its source ("=input 3", "@script.lua"); nil if it is not known.
local function text_of(source)
    if source:sub(1, 1) == "@" then
        return read_file(source:sub(2))
    end
    return sources[source] or nil
end

local function line_of(text, number)
    local i = 0
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        i = i + 1
        if i == number then
            return (line:gsub("\r$", ""))
        end
    end
end

-- ---- the caret -----------------------------------------------------------------------------------------------------

local function width()
    local console = package.loaded["lunalloc.console"]
    return console and console.width() or 80
end

--- The message of one line, broken at words if lines are edited here and it is too wide for the terminal.
function errors.broken(message)
    local console = package.loaded["lunalloc.console"]
    if not (console and console.editable) or #message + #PREFIX <= width() or message:find "\n" then
        return message
    end
    return (wrap.paragraph(PREFIX .. message, width()):sub(#PREFIX + 1))
end

--- The part of a long line around the byte `at`, and the position of that byte in it.
local function window(line, at)
    local room = math.max(20, width() - #INDENT - 1)
    if (utf8.len(line) or #line) <= room then
        return line, at
    end
    local from = math.max(1, at - room * 2 // 3)
    from = utf8.len(line) and utf8.offset(line, 0, from) or from
    local stop = math.min(#line, from + room - 7)
    stop = utf8.len(line) and stop < #line and utf8.offset(line, 0, stop + 1) - 1 or stop
    local head = from > 1 and "..." or ""
    return head .. line:sub(from, stop) .. (stop < #line and "..." or ""), at - from + 1 + #head
end

--- The line, and a caret under its byte `at`.
local function marked(line, at)
    local shown, place = window(line, at)
    local before = shown:sub(1, place - 1)
    local blanks = before:gsub("[\x80-\xbf]", ""):gsub("[^\t]", " ")
    shown = shown:gsub("[^\t%C]", "?") -- what cannot be seen takes a column, too
    return ("%s%s\n%s%s^"):format(INDENT, shown, INDENT, blanks)
end

--- Can the token have this kind of name in a message? `before` is the text of the token before it.
local function fits(token, kind, before)
    if kind == "method" then
        return before == ":"
    elseif kind == "field" then
        return before == "." or before == "[" or before == "{" or before == ","
    end
    return kind == nil or token.kind == "name" and before ~= "." and before ~= ":"
end

--- The position of the name in the line; nil if it is not there.
local function find_name(line, name, kind)
    local before = ""
    for _, token in ipairs((lexer.scan(line))) do
        local word = token.kind == "string" and token.content or token.text
        if word == name and fits(token, kind, before) then
            return token.from
        end
        before = token.text
    end
end

--- The position of a quoted part of the message within a string of the line.
local function find_quoted(line, message)
    local tokens = lexer.scan(line)
    for quoted in message:gmatch "'([^']+)'" do
        for _, token in ipairs(tokens) do
            local at = token.kind == "string" and token.content:find(quoted, 1, true)
            if at then
                return token.from + at
            end
        end
    end
end

--- The position in the line that the message is about. `called`: the name of the function that the line called.
local function place_of(line, message, called)
    local kind, name = message:match "%((%l+) '([^']*)'%)"
    local argument_of = message:match "^bad argument #%d+ to '.-([%w_]+)'" or message:match "^calling '.-([%w_]+)' on"
    return name and find_name(line, name, kind) or find_quoted(line, message)
        or argument_of and find_name(line, argument_of) or called and find_name(line, called)
        or line:find "%S" or 1
end

--- The position of the first token at which `text` is no longer the beginning of a program; nil if all of it is one.
local function first_wrong(text, line)
    for _, token in ipairs((lexer.scan(text))) do
        if token.line >= line then
            local start = text:sub(1, token.to)
            local _, message = load(start, "=?", "t")
            local _, other = load("return " .. start, "=?", "t")
            if message and not message:find "<eof>$" and other and not other:find "<eof>$" then
                return token.from
            end
        end
    end
end

--- The position of the wrong token of line `number`, counted from the start of that line.
local function syntax_place(text, line, number, message)
    local at = #text <= MAX_TRIED and first_wrong(text, number)
    local start, i = 1, 1
    while i < number do
        start, i = (text:find("\n", start, true) or #text) + 1, i + 1
    end
    if at and at >= start and at <= start + #line then
        return at - start + 1
    end
    local near = message:match "near '(.*)'$"
    return near and line:find(near, 1, true) or message:find "<eof>$" and #line + 1 or line:find "%S" or 1
end

-- ---- messages ------------------------------------------------------------------------------------------------------

--- "input 3" is called "input" while it is the current one.
local function chunk_title(short_source)
    return short_source == errors.current and "input" or short_source
end

--- The chunk's name, the line and the rest of a message "NAME:LINE: TEXT"; nil if it does not begin like that.
local function split(message)
    local name, line, rest = message:match "^([^\n]-):(%d+): (.*)$"
    return name, tonumber(line), rest
end

--- The source ("=input 3", "@script.lua") of the chunk that a message calls `name`.
local function source_named(name)
    return sources["=" .. name] ~= nil and "=" .. name or "@" .. name
end

function errors.syntax(message)
    local name, number, rest = split(message)
    local text = name and text_of(source_named(name))
    local line = text and line_of(text, number)
    if not line then
        return message
    end
    local shown = marked(line, syntax_place(text:gsub("^#[^\n]*", ""), line, number, rest))
    local complaint = ("%s:%d: %s"):format(chunk_title(name), number, show_value.printable(rest))
    return errors.broken(complaint) .. "\n" .. shown
end

-- ---- calls ---------------------------------------------------------------------------------------------------------

local function is_ours(info)
    return info.source:sub(1, #here) == here or info.source == "=(start)"
end

--- The level of the outermost call, above a level that exists. Reaching a level takes time in proportion to it, so this
--- asks for few.
local function outermost(level)
    local low, high = level, level * 2
    while debug.getinfo(high, "l") do
        low, high = high, high * 2
    end
    while high - low > 1 do
        local middle = (low + high) // 2
        if debug.getinfo(middle, "l") then
            low = middle
        else
            high = middle
        end
    end
    return low - 1 -- as the caller counts
end

--- All calls from this level on, innermost first; of very many, the first and the last ones.
local function all_calls(level)
    local calls, first = {}, level
    local info = debug.getinfo(level, "Slnft")
    while info do
        info.level = level
        calls[#calls + 1] = info
        if level == first + MAX_CALLS then
            level = math.max(level, outermost(level) - MAX_CALLS)
        end
        level = level + 1
        info = debug.getinfo(level, "Slnft")
    end
    return calls
end

--- The calls without ours, and without the C functions that only ours call, or that raised the error.
local function users_calls(calls)
    local list, pending = {}, {}
    for _, info in ipairs(calls) do
        if info.what == "C" then
            pending[#pending + 1] = info
        elseif is_ours(info) then
            pending = {}
        else
            if #list > 0 then
                table.move(pending, 1, #pending, #list + 1, list)
            end
            pending = {}
            list[#list + 1] = info
        end
    end
    return list
end

--- "table.sort" of a function of a loaded module; nil of others.
local function library_name(f)
    for module, fields in pairs(package.loaded) do
        for name, value in next, type(fields) == "table" and fields or {} do
            if rawequal(value, f) and type(name) == "string" then
                return module == "_G" and name or module .. "." .. name
            end
        end
    end
end

local function function_title(info)
    local library = info.what == "C" and library_name(info.func)
    if library then
        return ("function '%s'"):format(library)
    elseif info.what == "main" or errors.mains[info.func] then
        return "main chunk"
    elseif info.name and info.namewhat ~= "" then
        return ("%s '%s'"):format(info.namewhat == "global" and "function" or info.namewhat, info.name)
    elseif info.what == "C" then
        return "?"
    end
    return ("function <%s:%d>"):format(chunk_title(info.short_src), info.linedefined)
end

local function call_line(info)
    local place = info.what == "C" and "[C]" or ("%s:%d"):format(chunk_title(info.short_src), info.currentline)
    local tail = info.istailcall and function_title(info) ~= "main chunk" and "\n\t(...tail calls...)" or ""
    return ("\t%s: in %s%s"):format(place, function_title(info), tail)
end

local function traceback(calls)
    local lines = { "stack traceback:" }
    for i, info in ipairs(calls) do
        if i <= FIRST_CALLS or i > #calls - LAST_CALLS then
            lines[#lines + 1] = call_line(info)
        elseif i == FIRST_CALLS + 1 then
            lines[#lines + 1] = "\t... (more calls)"
        end
    end
    return table.concat(lines, "\n")
end

--- Is the error at a line of the module or of the console, and not in how they are used?
local function is_bug(name)
    return name ~= nil and (here:sub(2) == name:sub(1, #here - 1) or name:find "lunalloc/[%w_/]+%.lua$" ~= nil)
end

local function is_input(info)
    return info.source:find "^=input %d+$" ~= nil
end

--- The name of the function that the innermost of the user's calls has called.
local function called_by(calls, first)
    for i, info in ipairs(calls) do
        if info == first then
            return i > 1 and calls[i - 1].name or nil
        end
    end
end

--- The line of the innermost call that is the user's, with its caret; nil if its text is not known.
local function shown_line(calls, first, message)
    local text = first and text_of(first.source)
    local line = text and line_of(text, first.currentline)
    if line and line:find "%S" then
        return marked(line, place_of(line, message, called_by(calls, first)))
    end
end

--- The variables of a call as a table, with the scope of the prompt behind them. Calls are counted from this function's
--- caller.
local function variables(level)
    local scope, i = {}, 1
    local name, value = debug.getlocal(level + 1, i)
    while name do
        scope[name] = value
        i = i + 1
        name, value = debug.getlocal(level + 1, i)
    end
    return setmetatable(scope, { __index = errors.scope() })
end

--- The table of all variables that an input sees. The prompt replaces it.
function errors.scope()
    return _G
end

--- What the user may have meant, as the end of the message.
local function suggestion(message, first, scope)
    local text = text_of(first.source)
    local line = text and line_of(text, first.currentline)
    return suggest.for_error(message, line, scope)
end

--- The text of the error that is being raised. Call it from a message handler, with the message as a string.
function errors.runtime(message)
    local calls = all_calls(4)
    local name, number, rest = split(message)
    if is_bug(name) and not message:find "interrupted!$" or os.getenv "LUNALLOC_DEBUG" then
        return message .. "\n" .. traceback(calls)
    end
    local mine = users_calls(calls)
    local first = mine[1]
    local lines = { message }
    if message:find "interrupted!$" then
        lines[1] = "interrupted!"
    elseif name and sources["=" .. name] ~= nil then
        lines[1] = ("%s:%d: %s"):format(chunk_title(name), number, rest)
    end
    if first then
        lines[1] = lines[1] .. suggestion(rest or message, first, variables(first.level - 1))
    end
    lines[1] = errors.broken(show_value.printable(lines[1]))
    lines[2] = lines[1] ~= "interrupted!" and shown_line(calls, first, rest or message) or nil
    if #mine > 1 or #mine == 1 and not is_input(first) then
        lines[#lines + 1] = traceback(mine)
    end
    return table.concat(lines, "\n")
end

return errors
