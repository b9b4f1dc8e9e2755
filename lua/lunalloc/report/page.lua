--- The page of a report: the data put into the file that scripts/report-page made at build time, which stands beside
--- the module's core.

local core = require "lunalloc.core"
local host = require "lunalloc.host"
local limits = require "lunalloc.report.limits"

local io, os = host.io, host.os

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

-- ---- saving --------------------------------------------------------------------------------------------------------

local function write(path, text)
    local file <close>, why = io.open(path, "wb")
    local ok = file
    if file then
        ok, why = file:write(text)
    end
    if ok then
        ok, why = file:flush() -- a full device says so here
    end
    return ok and true, why
end

--- Writes a file: beside its place first, then renamed, so it is whole or absent. What is no regular file is refused.
--- True; nil, message, code.
function page.save(path, text)
    local kind = core.file_kind(path)
    if kind and kind ~= "file" then
        return nil, ("report: '%s' is a %s, and a report is a file"):format(path, kind), "EINVAL"
    end
    local beside = ("%s.%d.part"):format(path, os.time())
    local ok, why = write(beside, text)
    if ok then
        ok, why = os.rename(beside, path)
    end
    if not ok then
        os.remove(beside)
        return nil, "report: " .. tostring(why), why == host.NO_IO and "ENOTSUP" or "EFAULT"
    end
    return true
end

return page
