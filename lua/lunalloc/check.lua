--- Checks of arguments. A complaint names the function that the user called, and the line of the user's call. An error
--- from the core or from Lua's library would name a primitive, and a line of this module.
---
--- Only a public function itself calls a check: the error is raised at the line of that function's caller.

local check = {}

local SHOWN <const> = 80

--- A value as a part of a message: a string in quotes, cut if it is long; of a table and the like, only its type.
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

--- The keys of a table, which are texts, sorted: for messages that list what is allowed, say.
function check.names(t)
    local names = {}
    for name in pairs(t) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

local CALLER <const> = 4 -- of the public function: complain(), the check and the function itself are 1 to 3

--- Call it from a check itself, not from a function that a check calls: it counts levels.
local function complain(call, n, why)
    error(("bad argument #%d to '%s' (%s)"):format(n, call, why), CALLER)
end

--- Complains unless the condition is true.
function check.that(condition, call, n, why)
    if not condition then
        complain(call, n, why)
    end
end

--- Complains unless the value is a table; `what`: "a table of settings".
function check.table(value, call, n, what)
    if type(value) ~= "table" then
        complain(call, n, ("%s expected, got %s"):format(what, type(value)))
    end
end

--- Complains unless the value is a string without zero bytes, at which the C library would cut it.
function check.text(value, call, n, what)
    if type(value) ~= "string" then
        complain(call, n, ("%s expected, got %s"):format(what or "string", type(value)))
    elseif value:find("\0", 1, true) then
        complain(call, n, (what or "a string") .. " without zero bytes expected")
    end
end

--- A plain copy of a table: each value is read once, so the value that was checked is the one that is used. Any other
--- value is returned as it is.
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

--- True if the value can be that of a control: a boolean, a number, or a string without zero bytes.
function check.is_value(value)
    local kind = type(value)
    return kind == "boolean" or kind == "number" or kind == "string" and not value:find("\0", 1, true)
end

--- A whole number that a process has sent, from 0 to `most`; `fallback` for anything else: its agent may send nonsense.
function check.sent(value, fallback, most)
    local number = math.type(value) and math.tointeger(value)
    return number and number >= 0 and number <= (most or math.maxinteger) and number or fallback
end

--- Complains unless the table has names of controls as keys, and values for them; `what`: "the name of a control".
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

--- Complains unless a method got its object, which it lacks if it was called with a dot.
function check.self(self, metatable, call)
    if getmetatable(self) ~= metatable then
        error(("calling '%s' on bad self (%s expected, got %s): it is called with a colon"):format(call,
            metatable.__name, type(self)), 3)
    end
end

return check
