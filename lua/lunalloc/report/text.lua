--- Texts of other programs for a report: cut to a length, and without the folders of paths.

local limits = require "lunalloc.report.limits"

local text = {}

--- At most so many bytes, cut between two characters.
function text.cut(value, most)
    value, most = tostring(value), most or limits.text
    if #value <= most then
        return value
    end
    local start = value:sub(1, most - 3)
    return start:gsub("[\xC0-\xFF][\x80-\xBF]*$", "") .. "..."
end

--- Paths become the names of their files: "/home/ann/server/main.c:12" is "main.c:12".
function text.without_folders(value)
    return (tostring(value):gsub("~?/?[%w_.@+~-]*/[%w_.@+~/-]*/?", function(path)
        return path:find "^[%w_]*/$" and path or path:match "([^/]*)/?$"
    end))
end

--- A name as a report shows it; `private`: without folders.
function text.name(value, private)
    return text.cut(private and text.without_folders(value) or value)
end

return text
