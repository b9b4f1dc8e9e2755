--- Texts for people, broken at words so that they fit a width.
---
---     wrap.paragraph(text, width, indent)   one paragraph: line breaks in it are blanks
---     wrap.text(text, width)                several: lines that begin with blanks, or have columns (two blanks), stay
---                                           lines of their own; the others between them are paragraphs

local utf8 = require("lunalloc.host").utf8

local wrap = {}

local function width_of(text)
    return utf8.len(text) or #text
end

--- Adds the words of the text to lines, the first of which may begin with `first`; the others begin with `indent`.
local function fill(lines, text, width, first, indent)
    local line, empty = first, true
    for word in text:gmatch "%S+" do
        if not empty and width_of(line) + 1 + width_of(word) > width then
            lines[#lines + 1] = line
            line, empty = indent, true
        end
        line = line .. (empty and "" or " ") .. word
        empty = false
    end
    lines[#lines + 1] = line
end

function wrap.paragraph(text, width, indent)
    local lines = {}
    indent = indent or ""
    fill(lines, text, width, indent, indent)
    return table.concat(lines, "\n")
end

--- Does the line stand for itself? It is blank, indented, or has columns.
local function stands_alone(line)
    return line == "" or line:find "^%s" ~= nil or line:find "%S  +%S" ~= nil
end

local function widest_word(text)
    local widest = 0
    for word in text:gmatch "%S+" do
        widest = math.max(widest, width_of(word))
    end
    return widest
end

--- A line that stands alone and is too wide: its end continues below its last column.
local function fold(lines, line, width)
    if width_of(line) <= width then
        lines[#lines + 1] = line
        return
    end
    local head = line:match "^(.*%S  +)%S"
    while head and width_of(head) + widest_word(line:sub(#head + 1)) > width do
        head = head:match "^(.*%S  +)%S"
    end
    head = head or line:match "^%s*"
    fill(lines, line:sub(#head + 1), width, head, (" "):rep(width_of(head)))
end

function wrap.text(text, width)
    local lines, paragraph = {}, {}
    local function flush()
        if #paragraph > 0 then
            fill(lines, table.concat(paragraph, " "), width, "", "")
            paragraph = {}
        end
    end
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        if stands_alone(line) then
            flush()
            fold(lines, line, width)
        else
            paragraph[#paragraph + 1] = line
        end
    end
    flush()
    return table.concat(lines, "\n")
end

return wrap
