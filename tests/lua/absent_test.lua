-- The module without the allocator, and how it finds it. Each case is a child process with its own copy of core.so.

local test = ...

local core_so = assert(package.searchpath("lunalloc.core", package.cpath))
local lua_dir = assert(package.searchpath("lunalloc", package.path)):match("^(.*)/lunalloc/init%.lua$")

local function sh(command)
    local pipe <close> = assert(io.popen(command .. " 2>&1"))
    return pipe:read "a"
end

--- A fresh tree DIR/lua/5.4/lunalloc/core.so, removed when closed.
local function tree()
    local path = sh "mktemp -d":match("%S+")
    sh(("mkdir -p %s/lib/lua/5.4/lunalloc && cp %s %s/lib/lua/5.4/lunalloc/"):format(path, core_so, path))
    return setmetatable({ path = path }, {
        __close = function()
            sh("rm -rf " .. path)
        end,
    })
end

--- Output of a script in a stock lua5.4 whose core.so is the tree's.
local function run(at, environment, script)
    local file = at.path .. "/script.lua"
    local out <close> = assert(io.open(file, "w"))
    out:write(script)
    out:close()
    return sh(("env -u LD_PRELOAD -u LUNALLOC_SO %s LUA_PATH='%s/?.lua;%s/?/init.lua' " ..
        "LUA_CPATH='%s/lib/lua/5.4/?.so' lua5.4 %s"):format(environment, lua_dir, lua_dir, at.path, file))
end

local ABSENT <const> = [[
local la = require "lunalloc"
assert(la.loaded == false and la.replaced == false)
assert(la._VERSION:find "^lunalloc ")
local function refused(what, value, message, code)
    assert(value == nil and code == "ENOSYS", what)
    assert(message:find "the allocator is not loaded" and message:find "LUNALLOC_SO", what .. ": " .. message)
    assert(not message:find "\n")
end
refused("get", la.get "version")
refused("set", la.set("arena.0.purge"))
refused("describe", la.describe "version")
refused("names", la.names())
refused("with", la.with { version = 1 })
refused("sizeclasses", la.sizeclasses())
refused("sizeclass", la.sizeclass(1))
refused("extents", la.extents {})
refused("extents_summary", la.extents_summary {})
refused("find", la.find(1))
refused("arenas", la.arenas())
refused("arena", la.arena(0))
refused("arena.create", la.arena.create {})
refused("stats", la.stats())
refused("buffer", la.buffer(1))
for _, use in ipairs {
    function() return la.ctl.version end,
    function() la.ctl.version = 1 end,
    function() return #la.ctl end,
    function() for _ in pairs(la.ctl) do end end,
} do
    local ok, message = pcall(use)
    assert(not ok and message:find "script.lua:%d+: the allocator is not loaded", message)
end
assert(tostring(la.ctl):find "not loaded")
assert(not pcall(la.get))
print "as documented"
]]

test("LUNALLOC_SO names a file that is not there", function()
    local at <close> = tree()
    test.equal(run(at, "LUNALLOC_SO=/nowhere/liblunalloc.so", ABSENT), "as documented\n")
end)

test("LUNALLOC_SO names another library", function()
    local at <close> = tree()
    local out = run(at, "LUNALLOC_SO=libm.so.6", [[print(require("lunalloc").get "version")]])
    test.match(out, "libm.so.6 has no symbol lunalloc_malloc: it is another version than this module")
end)

test("no allocator anywhere", function()
    local at <close> = tree()
    if run(at, "", [[print(package.loadlib("liblunalloc.so", "*"))]]):find "^true" then
        test.skip "the system has a liblunalloc.so of its own"
    end
    test.equal(run(at, "", ABSENT), "as documented\n")
end)

-- Where the allocator that this process uses came from.
local function library()
    require "lunalloc"
    for line in io.lines "/proc/self/maps" do
        local path = line:match("(/%S*liblunalloc[^/]*%.so%S*)$")
        if path then
            return path
        end
    end
end

test("it is found beside an installed module, in a build tree, and in a rock", function()
    local so = library() or test.skip "liblunalloc.so is not mapped here"
    local report = [[local la = require "lunalloc"; print(la.loaded, la.replaced)]]
    local at <close> = tree()
    sh(("cp %s %s/lib/liblunalloc.so"):format(so, at.path))
    test.equal(run(at, "", report), "true\tfalse\n")
    local build <close> = tree()
    sh(("cp %s %s/lib/lua/liblunalloc.so"):format(so, build.path))
    test.equal(run(build, "", report), "true\tfalse\n")
    local rock <close> = tree()
    sh(("cp %s %s/lib/lua/5.4/lunalloc/"):format(so, rock.path))
    test.equal(run(rock, "", report), "true\tfalse\n")
end)

test("a wrong LUNALLOC_SO is refused, though a good library lies beside the module", function()
    local so = library() or test.skip "liblunalloc.so is not mapped here"
    local at <close> = tree()
    sh(("cp %s %s/lib/liblunalloc.so"):format(so, at.path))
    test.equal(run(at, "LUNALLOC_SO=/nowhere/liblunalloc.so", ABSENT), "as documented\n")
    local report = [[local la = require "lunalloc"; print(la.loaded, (select(2, la.get "version")))]]
    test.match(run(at, "LUNALLOC_SO=libm.so.6", report), "^false\t.*libm.so.6 has no symbol lunalloc_malloc")
    test.equal(run(at, "LUNALLOC_SO=", report):match "^%a+", "true")
end)

--- A library that is preloaded before the allocator and has these names of statistics, or nil without a compiler.
local function renaming_library(at, names)
    local file <close> = assert(io.open(at.path .. "/names.c", "w"))
    file:write(('static const char *names[] = {"%s", 0};\n'):format(table.concat(names, '", "')),
        "const char *const *lunalloc_stats_names(void) { return (const char *const *)names; }\n")
    file:close()
    local path = at.path .. "/names.so"
    return sh(("cc -shared -fPIC -o %s %s/names.c && echo done"):format(path, at.path)):find "done" and path
end

test("a library with one statistic more or less, or another one, is refused", function()
    local so = library() or test.skip "liblunalloc.so is not mapped here"
    local at <close> = tree()
    local names = {}
    for name, value in pairs(require "lunalloc".stats()) do
        names[#names + 1] = math.type(value) == "integer" and name or nil
    end
    local n = #names
    local less, more, other = { table.unpack(names, 1, n - 1) }, { table.unpack(names) }, { table.unpack(names) }
    more[n + 1], other[n] = "x", "x"
    local report = [[local la = require "lunalloc"; print(la.loaded, (select(2, la.get "version")))]]
    for _, case in ipairs { { names, true }, { less }, { more }, { other } } do
        local library = renaming_library(at, case[1]) or test.skip "there is no cc"
        local out = run(at, ("LD_PRELOAD='%s %s'"):format(library, so), report)
        if case[2] then
            test.match(out, "^true\t")
        else
            test.match(out, "^false\t.*the allocator in this process is another version than this module")
        end
    end
end)

test("LUNALLOC_SO and LD_PRELOAD", function()
    local so = library() or test.skip "liblunalloc.so is not mapped here"
    local at <close> = tree()
    local report = [[local la = require "lunalloc"; print(la.loaded, la.replaced, la.get "version" ~= nil)]]
    test.equal(run(at, "LUNALLOC_SO=" .. so, report), "true\tfalse\ttrue\n")
    test.equal(run(at, "LD_PRELOAD=" .. so, report), "true\ttrue\ttrue\n")
    test.equal(run(at, "LUNALLOC_SO=/nowhere LD_PRELOAD=" .. so, report), "true\ttrue\ttrue\n")
end)
