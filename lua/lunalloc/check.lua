--- Complaints about arguments, by the name of the function that the user called and at the line of the call. An error
--- of the core's, or of Lua's own library, would name a primitive and a line in here.
---
--- Every check is called by the public function itself, whose caller is meant.

local check = {}

local SHOWN <const> = 80

--- A value as part of a line: text in quotes, cut if it is long, and only the kind of what is no plain value.
function check.shown(value)
    local kind = type(value)
    if kind == "string" then
        local start = value:sub(1, SHOWN):gsub("%c", function(c)
            return ("\\%d"):format(c:byte())
        end)
        return ("'%s%s'"):format(start, #value > SHOWN and "..." or "")
    elseif kind == "number" or kind == "boolean" or kind == "nil" then
        return tostring(value)
    end
    return "a " .. kind
end

local CALLER <const> = 4 -- of the public function: complain(), the check and the function itself are 1 to 3

--- Called by a check itself, and by nothing that it calls.
local function complain(call, n, why)
    error(("bad argument #%d to '%s' (%s)"):format(n, call, why), CALLER)
end

--- The condition holds.
function check.that(condition, call, n, why)
    if not condition then
        complain(call, n, why)
    end
end

--- A table; `what` says of what.
function check.table(value, call, n, what)
    if type(value) ~= "table" then
        complain(call, n, ("%s expected, got %s"):format(what, type(value)))
    end
end

--- A text; the C library would cut it at a zero byte.
function check.text(value, call, n, what)
    if type(value) ~= "string" then
        complain(call, n, ("%s expected, got %s"):format(what or "string", type(value)))
    elseif value:find("\0", 1, true) then
        complain(call, n, (what or "a string") .. " without zero bytes expected")
    end
end

--- A plain copy of what is in a table: each value is read once, so what was checked is what is used. Anything else, and
--- nil, stays as it is.
function check.plain(t)
    if type(t) ~= "table" then
        return t
    end
    local copy = {}
    for key, value in pairs(t) do
        copy[key] = value
    end
    return copy
end

--- True of what the allocator takes as a control's value.
function check.is_value(value)
    local kind = type(value)
    return kind == "boolean" or kind == "number" or kind == "string" and not value:find("\0", 1, true)
end

--- A table of name = value, a name being `what`: "the name of a control".
function check.settings(settings, call, what)
    for name, value in pairs(settings) do
        if type(name) ~= "string" or name:find("\0", 1, true) then
            complain(call, 1, ("%s expected, got %s"):format(what, type(name)))
        elseif not check.is_value(value) then
            complain(call, 1, ("%s takes a boolean, number or string, not %s"):format(check.shown(name),
                type(value) == "string" and "one with zero bytes" or type(value)))
        end
    end
end

--- The object of a method; what it is called with a dot, it lacks.
function check.self(self, metatable, call)
    if getmetatable(self) ~= metatable then
        error(("calling '%s' on bad self (%s expected, got %s): it is called with a colon"):format(call,
            metatable.__name, type(self)), 3)
    end
end

return check
