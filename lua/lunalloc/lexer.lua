--- Cuts Lua source text into tokens. Completion, the place of an error and the local variables of an input need them.
---
---     local tokens, open = lexer.scan(text)
---
--- A token is {kind=, text=, from=, to=, line=}; kind is "name" (keywords too), "number", "string" or "symbol". A
--- string has `content`, its text without quotes and with its escapes as written. Comments are left out. `open` is nil,
--- or what the text ends inside of: {kind = "comment"} or {kind = "string", from=, content=} where from is the position
--- of the opening quote, and content that behind it. Text that is no Lua gives tokens too: one symbol for each odd
--- byte.

local lexer = {}

--- The position behind a long bracket that begins at `at`, and that of its contents; false if there is none, nil if it
--- is not closed.
local function skip_long(text, at)
    local equals = text:match("^%[(=*)%[", at)
    if not equals then
        return false
    end
    local content = at + #equals + 2
    local _, stop = text:find("]" .. equals .. "]", content, true)
    return stop and stop + 1, content
end

--- The position behind a string whose contents begin at `at`; nil if it is not closed.
local function skip_quoted(text, at, quote)
    while true do
        local found = text:find("[\\\n" .. quote .. "]", at)
        if not found then
            return nil
        end
        local sign = text:sub(found, found)
        if sign == quote then
            return found + 1
        elseif sign == "\n" then
            return found
        end
        at = found + 2
    end
end

local SYMBOLS <const> = { "^%.%.%.", "^%.%.", "^[=~<>]=", "^::", "^//", "^<<", "^>>", "^." }

--- The token at `at`, which is no blank and no comment: kind, position behind it, position of a string's contents. No
--- position: the string is not closed.
local function next_token(text, at)
    local sign = text:sub(at, at)
    if sign == '"' or sign == "'" then
        return "string", skip_quoted(text, at + 1, sign), at + 1
    end
    local _, stop = text:find("^[%a_][%w_]*", at)
    if stop then
        return "name", stop + 1
    elseif text:find("^%.?%d", at) then
        _, stop = text:find("^%.?%d[%w.]*", at)
        local signed = text:sub(at, stop):find "^[^xX]*[eE]$" and select(2, text:find("^[+-]%d*", stop + 1))
        return "number", (signed or stop) + 1
    elseif sign == "[" then
        local behind, content = skip_long(text, at)
        if behind ~= false then
            return "string", behind, content
        end
    end
    for _, pattern in ipairs(SYMBOLS) do
        _, stop = text:find(pattern, at)
        if stop then
            return "symbol", stop + 1
        end
    end
end

--- The position behind a comment at `at`; false if there is none, nil if it is not closed.
local function skip_comment(text, at)
    if text:sub(at, at + 1) ~= "--" then
        return false
    end
    local long = skip_long(text, at + 2)
    if long ~= false then
        return long
    end
    return text:find("\n", at, true)
end

local function count_lines(text, from, to)
    local _, n = text:sub(from, to):gsub("\n", "")
    return n
end

--- The first position from `at` on that is neither blank nor comment; nil at the end, and whether in a comment.
local function skip_blanks(text, at)
    while true do
        at = text:find("%S", at)
        if not at then
            return nil, false
        end
        local behind = skip_comment(text, at)
        if behind == false then
            return at
        elseif behind == nil then
            return nil, true
        end
        at = behind
    end
end

function lexer.scan(text)
    local tokens, at, line, counted = {}, 1, 1, 1
    while true do
        local from, in_comment = skip_blanks(text, at)
        if not from then
            return tokens, in_comment and { kind = "comment" } or nil
        end
        local kind, behind, content = next_token(text, from)
        line, counted = line + count_lines(text, counted, from - 1), from
        if not behind then
            return tokens, { kind = "string", from = from, content = content }
        end
        tokens[#tokens + 1] = { kind = kind, text = text:sub(from, behind - 1), from = from, to = behind - 1,
            line = line, content = content and text:sub(content, behind - (content - from) - 1) }
        at = behind
    end
end

local KEYWORDS <const> = [[and break do else elseif end false for function goto if in local nil not or repeat return
then true until while]]

--- The reserved words, as a set.
lexer.keywords = {}
for word in KEYWORDS:gmatch "%S+" do
    lexer.keywords[word] = true
end

return lexer
