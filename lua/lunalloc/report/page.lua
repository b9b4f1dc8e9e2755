--- The page of a report: the data put into the file that scripts/report-page made at build time, which stands beside
--- the module's core.

local core = require "lunalloc.core"
local host = require "lunalloc.host"
local limits = require "lunalloc.report.limits"

local io = host.io

local page = {}

--- The text of the page, with the places for data; nil, message, code.
local function template()
    local path = package.searchpath("lunalloc.core", package.cpath)
    path = path and path:gsub("[^/]*$", "report.html")
    local file <close>, why = io.open(path or "report.html", "rb")
    if not file then
        return nil, "report: the page is not there: " .. tostring(why), why == host.NO_IO and "ENOTSUP" or "ENOENT"
    end
    return file:read "a"
end

--- The text with `value` in the place of the first `mark`.
local function put(text, mark, value)
    local from, to = text:find(mark, 1, true)
    assert(from, "the page lacks " .. mark)
    return text:sub(1, from - 1) .. value .. text:sub(to + 1)
end

--- JSON that stands inside of HTML: no tag can begin in it.
function page.json(data)
    return (core.json(data):gsub("<", "\\u003c"))
end

--- The whole file. connect: whom the page may ask for more: 'none' or 'self'. nil, message, code.
function page.text(data, connect)
    local text, message, code = template()
    if not text then
        return nil, message, code
    end
    local from, to = text:find("@DATA@", 1, true)
    text = put(text:sub(1, from - 1), "@CONNECT@", connect or "'none'") .. page.json(data) .. text:sub(to + 1)
    if #text > limits.file then
        return nil, ("report: %d bytes, more than the %d that a report may have"):format(#text, limits.file), "EFBIG"
    end
    return text
end

--- Writes a file, whole or not at all. What is no regular file is refused. True; nil, message, code.
function page.save(path, text)
    local done, message, code = core.write_file(path, text)
    if not done then
        return nil, "report: " .. message, code
    end
    return true
end

return page
