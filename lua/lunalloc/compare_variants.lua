--- The variants of a comparison: what la.compare's allocators=, a= and b= stand for.
---
--- A variant as child.run() needs it: { name =, allocator =, preload =, conf =, env = }.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local shown = check.shown

local variants = {}

-- The package of Debian that has the allocator.
local PACKAGES <const> = { jemalloc = "libjemalloc2", mimalloc = "libmimalloc2.0", tcmalloc = "libtcmalloc-minimal4",
    glibc = "libc6", lunalloc = nil }
local KNOWN <const> = { "lunalloc", "glibc", "jemalloc", "mimalloc", "tcmalloc" }

variants.known = KNOWN

local KEYS <const> = { name = "string", allocator = "string", preload = "string", env = "table" }
local EXPECTED <const> = "settings for LUNALLOC_CONF, or a table {conf=, allocator=, env=, preload=, name=}, expected"

-- Raises one line without a position; compare.lua adds the caller's.
local function fail(format, ...)
    error("compare: " .. format:format(...), 0)
end

local function is_known(name)
    for _, known in ipairs(KNOWN) do
        if name == known then
            return true
        end
    end
    return false
end

local function check_allocator(name, path)
    if not is_known(name) then
        fail("%s = %s: one of %s expected; of another library, preload is the path", path, shown(name),
            table.concat(KNOWN, ", "))
    end
end

-- ---- reading -------------------------------------------------------------------------------------------------------

--- { dirty_decay_ms = 500 } as "dirty_decay_ms:500"; a text remains.
local function conf_text(conf, path)
    if type(conf) == "string" or conf == nil then
        return conf
    elseif type(conf) ~= "table" then
        fail("%s = %s: settings as a text or a table expected", path, shown(conf))
    end
    local pairs_of = {}
    for name, value in pairs(conf) do
        if type(name) ~= "string" or not check.is_value(value) then
            fail("%s: a table { name = value } expected", path)
        end
        pairs_of[#pairs_of + 1] = name .. ":" .. tostring(value)
    end
    table.sort(pairs_of)
    return table.concat(pairs_of, ",")
end

local function check_env(env, path)
    for name, value in pairs(env or {}) do
        local good = type(name) == "string" and name ~= "" and not name:find "[=%z]"
        if not good or not (value == false or type(value) == "string") then
            fail("%s.env: { NAME = text, or false to remove it } expected", path)
        end
    end
end

local function read_table(value, path)
    for key, field in pairs(value) do
        if key ~= "conf" and key ~= 1 and not KEYS[key] then
            fail("%s: unknown key %s; allowed: name, allocator, conf, env, preload", path, shown(key))
        elseif KEYS[key] and type(field) ~= KEYS[key] then
            fail("%s.%s: a %s expected, got %s", path, key, KEYS[key], shown(field))
        end
    end
    if value.allocator then
        check_allocator(value.allocator, path .. ".allocator")
    end
    check_env(value.env, path)
    local conf = value.conf
    if conf == nil then
        conf = value[1]
    end
    return { name = value.name, allocator = value.allocator or not value.preload and "lunalloc" or nil,
        conf = conf_text(conf, path .. ".conf"), env = value.env, preload = value.preload }
end

--- Of a= and b=: settings of lunalloc, or a table.
local function read_side(value, path)
    local variant
    if type(value) == "string" then
        variant = { allocator = "lunalloc", conf = value }
    elseif type(value) == "table" then
        variant = read_table(value, path)
    else
        fail("%s = %s: %s", path, shown(value), EXPECTED)
    end
    variant.name = variant.name or path
    return variant
end

--- Of an element of allocators=: the name of one, or a table.
local function read_element(value, path)
    if type(value) == "string" then
        check_allocator(value, path)
        return { name = value, allocator = value }
    elseif type(value) == "table" then
        local variant = read_table(value, path)
        variant.name = variant.name or variant.allocator or variant.preload:match "[^/]*$"
        return variant
    end
    fail("%s = %s: one of %s, or a table, expected", path, shown(value), table.concat(KNOWN, ", "))
end

--- Names that occur twice get numbers.
local function number_names(list)
    local seen = {}
    for _, variant in ipairs(list) do
        local n = (seen[variant.name] or 0) + 1
        seen[variant.name] = n
        variant.name = n > 1 and ("%s #%d"):format(variant.name, n) or variant.name
    end
    return list
end

local function read_list(allocators)
    if type(allocators) ~= "table" then
        fail("allocators = %s: an array of names expected", shown(allocators))
    end
    local list, n = {}, 0
    for _ in pairs(allocators) do
        n = n + 1
    end
    if n ~= #allocators or n < 2 or n > 16 then
        fail("allocators: an array of 2 to 16 names expected")
    end
    for i, value in ipairs(allocators) do
        list[i] = read_element(value, ("allocators[%d]"):format(i))
    end
    return number_names(list)
end

-- ---- which library -------------------------------------------------------------------------------------------------

--- name -> the row of la.allocators()
local function installed()
    local by_name = {}
    for _, allocator in ipairs(require("lunalloc").allocators()) do
        by_name[allocator.name] = by_name[allocator.name] or allocator
    end
    return by_name
end

local function not_installed(name)
    local package = PACKAGES[name]
    local remedy = package and (" (Debian: package %s)"):format(package)
        or ": set LUNALLOC_SO to the path of liblunalloc.so"
    return nil, ("the allocator %s is not installed%s"):format(name, remedy), "ENOENT"
end

--- Sets variant.preload. The C library's malloc needs none, unless the interpreter is linked with another one.
local function find(variant, by_name, linked)
    if variant.preload then
        return core.child.is_file(variant.preload)
    end
    local found = by_name[variant.allocator]
    if not found then
        return not_installed(variant.allocator)
    end
    variant.preload = (variant.allocator ~= "glibc" or linked) and found.path or nil
    return true
end

--- The variants that the options name, without their libraries; none if they name none. Raises one line if they are
--- wrong.
function variants.named(options)
    if options.a ~= nil or options.b ~= nil then
        if options.allocators ~= nil then
            fail("either allocators, or a and b, expected")
        end
        return { read_side(options.a or "", "a"), read_side(options.b or "", "b") }
    end
    return options.allocators ~= nil and read_list(options.allocators) or {}
end

--- The variants of the options; nil, message, code if one is not installed. Raises one line if they are wrong.
--- `linked`: the interpreter of the children is linked with an allocator.
function variants.read(options, linked)
    local by_name, list = installed(), variants.named(options)
    for _, name in ipairs(#list == 0 and KNOWN or {}) do
        list[#list + 1] = by_name[name] and { name = name, allocator = name } or nil
    end
    for _, variant in ipairs(list) do
        local ok, message, code = find(variant, by_name, linked)
        if not ok then
            return nil, message, code
        end
    end
    return list
end

--- For la.replay: a table as an element of allocators=, checked; raises one line.
function variants.checked(value)
    return read_table(value, "options")
end

--- Finds the library of such a variant. True; nil, message, code if it is not installed.
function variants.complete(variant, linked)
    return find(variant, installed(), linked)
end

return variants
