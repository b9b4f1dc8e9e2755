-- manual.lua -- parts of the manual pages of section 3, in roff: of the C interface from its headers, and of the Lua
-- module from its help texts, its options and the types of luacats_types.lua.
--
--     manual.header(path)       every declaration of a header, with the comments above and beside it
--     manual.functions()        every function, method and value that help knows
--     manual.objects()          the fields of every object
--     manual.topics(names)      topics of help
--     manual.roff(text)         a text with roff's own characters escaped

local check = require "lunalloc.check"
local help = require "lunalloc.help"
local options = require "lunalloc.options"
local types = require "luacats_types"

local manual = {}

local ESCAPES <const> = { ["\\"] = "\\e", ["-"] = "\\-", ["^"] = "\\(ha", ["~"] = "\\(ti", ["`"] = "\\(ga" }

function manual.roff(text)
    return (text:gsub("[\\^~`%-]", ESCAPES):gsub("^([.'])", "\\&%1"))
end

local roff <const> = manual.roff

local function bold(text)
    return "\\fB" .. roff(text) .. "\\fR"
end

-- Lines as they are, in place of a paragraph.
local function put_code(out, lines)
    out[#out + 1] = ".PP\n.RS 2\n.nf"
    for _, line in ipairs(lines) do
        out[#out + 1] = line == "" and ".sp" or bold(line)
    end
    out[#out + 1] = ".fi\n.RE"
end

-- ---- texts with paragraphs, lists and examples ----

-- The lines of a block: those that are not indented are a paragraph; "  NAME  text" begins an entry, which lines that
-- are indented further continue; other indented lines stay as they are.
local function put_block(out, lines)
    local indent, code = nil, {}
    local function flush()
        if #code > 0 then
            put_code(out, code)
            out[#out + 1], code = ".PP", {}
        end
    end
    for _, line in ipairs(lines) do
        local blanks, item, rest = line:match "^(%s+)(%S.-)%s%s+(%S.*)$"
        if blanks and (not indent or #blanks <= indent) then
            flush()
            indent = #blanks
            out[#out + 1] = ".TP\n" .. bold(item) .. "\n" .. roff(rest)
        elseif indent and #line:match "^%s*" > indent then
            out[#out + 1] = roff((line:gsub("^%s+", "")))
        elseif line:find "^%s" then
            code[#code + 1] = line
        else
            flush()
            out[#out + 1] = (indent and ".PP\n" or "") .. roff(line)
            indent = nil
        end
    end
    flush()
end

local function put_text(out, text)
    for block in (text .. "\n\n"):gmatch "(.-)\n%s*\n" do
        local lines = {}
        for line in (block .. "\n"):gmatch "([^\n]*)\n" do
            lines[#lines + 1] = line ~= "" and line or nil
        end
        out[#out + 1] = #lines > 0 and ".PP" or nil
        put_block(out, lines)
    end
end

-- ---- headers ----

local WIDTH <const> = 70

-- A line of code, broken after commas.
local function put_folded(lines, line)
    while #line > WIDTH do
        local at = line:match ",() "
        for place in line:sub(1, WIDTH):gmatch ",() " do
            at = place
        end
        if not at then
            break
        end
        lines[#lines + 1] = line:sub(1, at - 1)
        line = "       " .. line:sub(at)
    end
    lines[#lines + 1] = line
end

-- Comments within code go into a list below it: each belongs to the code on its line, or to the line below.
local function split_code(code)
    local lines, notes, waiting = {}, {}, nil
    code = code:gsub("/%*(.-)%*/", function(comment)
        notes[#notes + 1] = comment:gsub("\n%s*%*?", " "):gsub("%s+", " "):match "^%s*(.-)%s*$"
        return "\1" .. #notes .. "\1"
    end)
    local list = {}
    for line in (code .. "\n"):gmatch "([^\n]*)\n" do
        local note = tonumber(line:match "\1(%d+)\1")
        local bare = line:gsub("%s*\1%d+\1%s*", "")
        if bare:find "%S" then
            lines[#lines + 1] = bare
            note, waiting = note or waiting, nil
            list[#list + 1] = note and { bare:match "^%s*(.-)[,;]?%s*$", notes[note] } or nil
        else
            waiting = note or waiting
        end
    end
    return lines, list
end

local function put_declarations(out, code)
    local lines, list = split_code(code:gsub("LUNALLOC_%u-_?API ", ""))
    local folded, whole = {}, nil
    for _, line in ipairs(lines) do
        local open = line:find "%([^)]*$" and not line:find "^#"
        whole = whole and whole .. " " .. line:match "^%s*(.*)$" or line
        if not (open or whole ~= line and not whole:find "%)[^(]*$") then -- a declaration that goes on below
            put_folded(folded, whole)
            whole = nil
        end
    end
    folded[#folded + 1] = whole
    if #folded > 0 then
        put_code(out, folded)
    end
    for _, entry in ipairs(list) do
        out[#out + 1] = ".TP\n" .. bold(entry[1]) .. "\n" .. roff(entry[2])
    end
end

-- A comment that stands alone: " * " at the beginnings of its lines is dropped.
local function put_comment(out, comment)
    local title = comment:match "^ %-%-%-%- (.-) %-+%s*$"
    if title then
        out[#out + 1] = ".SS " .. title:gsub("^%d+%. ", ""):gsub("^%l", string.upper)
    else
        put_text(out, (comment:gsub("\n %* ?", "\n"):gsub("^%s+", ""):gsub("\n   (%S)", "\n%1"):gsub("%s+$", "")))
    end
end

--- The declarations of a header, in its order.
function manual.header(path)
    local file <close> = assert(io.open((path:match "%S+")))
    local body = file:read "a":match '\nextern "C" {\n#endif\n(.-)\n#ifdef __cplusplus\n}'
    local out, code = {}, {}
    local function flush()
        if #code > 0 then
            put_declarations(out, table.concat(code, "\n"))
            code = {}
        end
    end
    local at = 1
    while at <= #body do
        local comment, past = body:match("^/%*(.-)%*/[ \t]*\n()", at)
        local line, after = body:match("^([^\n]*)\n?()", at)
        if comment then
            flush()
            put_comment(out, comment)
        elseif line == "" then
            flush()
        elseif not line:find "^#define LUNALLOC_%u*_?API" then
            code[#code + 1] = line
        end
        at = past or after
    end
    flush()
    return table.concat(out, "\n") .. "\n"
end

-- ---- the module ----

-- A tagged paragraph for each key; those of tables within it are indented, once.
local function put_keys(out, keys, known)
    for _, name in ipairs(check.names(keys)) do
        local option = keys[name]
        local inner = option.keys or option.rows
        out[#out + 1] = ".TP\n" .. bold(name) .. "\n" .. roff(option.does) .. "."
        if option.values then
            out[#out + 1] = roff(('One of "%s".'):format(table.concat(option.values, '", "')))
        elseif inner and not known[inner] then
            known[inner] = true
            out[#out + 1] = ".RS"
            put_keys(out, inner, known)
            out[#out + 1] = ".RE"
        end
    end
end

local ELSEWHERE <const> = { ["la.workload"] = true } -- lunalloc-test(1) explains its keys

local function put_function(out, name)
    local entry = help.functions[name]
    out[#out + 1] = ".TP\n" .. bold(entry[1]) .. "\n" .. roff((entry[2]:gsub("\n", " ")))
    local keys = options.of(name)
    if ELSEWHERE[name] then
        out[#out + 1] = "The keys: \\fBlunalloc\\-test\\fR(1)."
    elseif keys then
        out[#out + 1] = ".RS"
        put_keys(out, keys, {})
        out[#out + 1] = ".RE"
    end
    if entry[3] then
        out[#out + 1] = ".IP\n.nf\n" .. roff(entry[3]) .. "\n.fi"
    end
end

-- The groups of the page, in its order: how the documented names begin, and a title.
local GROUPS <const> = { { "la.", "The module" }, { "a:", "Methods of arenas" }, { "b:", "Methods of buffers" },
    { "c:", "Methods of comparisons" }, { "replay:", "Methods of replays" },
    { "guard:", "Methods of what la.with returns" },
    { "history:", "Methods of a history" }, { "instant:", "Methods of an instant" },
    { "changes:", "Methods of what changed between two instants" },
    { "m:", "Methods of a meter" }, { "tuning:", "Methods of tunings" },
    { "scope:", "Methods of scopes of a meter" }, { "s:", "Methods of snapshots" },
    { "recording:", "Methods of recordings" }, { "trace:", "Methods of traces" },
    { "samples:", "Methods of samples" }, { "groups:", "Methods of groups of samples" },
    { "t.", "Fields and functions of an attached process" }, { "thread:", "Methods of threads" },
    { "w:", "Methods of workloads" }, { "walker:", "Methods of what la.extents returns" } }

--- What help says of all functions, methods and values, in groups.
function manual.functions()
    local out = {}
    local names = check.names(help.functions)
    for _, group in ipairs(GROUPS) do
        out[#out + 1] = ".SS " .. group[2]
        for _, name in ipairs(names) do
            if name:sub(1, #group[1]) == group[1] then
                put_function(out, name)
            end
        end
    end
    return table.concat(out, "\n") .. "\n"
end

-- "size integer bytes" -> "size (integer: bytes)"
local function field_text(field)
    local name, what, text = field:match "^(%S+) (%S-%b<>%S*) ?(.*)$"
    if not name then
        name, what, text = field:match "^(%S+) (%S+) ?(.*)$"
    end
    name = name:gsub("%?$", "")
    name = name:match '^%["(.*)"%]$' or name
    return roff(("%s (%s%s)"):format(name, (what:gsub("lunalloc%.", "")), text == "" and "" or ": " .. text))
end

--- The fields of the objects that functions return.
function manual.objects()
    local out = {}
    for _, name in ipairs(check.names(types.classes)) do
        local class, fields = types.classes[name], {}
        for i = 2, #class do
            fields[i - 1] = field_text(class[i])
        end
        if #fields > 0 then
            out[#out + 1] = ".TP\n" .. bold(name) .. "\n" .. roff(class[1])
            out[#out + 1] = table.concat(fields, ",\n") .. "."
        end
    end
    return table.concat(out, "\n") .. "\n"
end

--- Topics of help; if there are several, each has its name as a title.
function manual.topics(names)
    local out, several = {}, names:find "%S%s+%S"
    for name in names:gmatch "%S+" do
        out[#out + 1] = several and ".SS " .. name:gsub("^%l", string.upper) or nil
        put_text(out, assert(help.topics[name], name .. " is no topic"))
    end
    return table.concat(out, "\n") .. "\n"
end

return manual
