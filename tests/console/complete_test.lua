-- lunalloc.complete: what the Tab key offers.

local test = ...
local complete = require "lunalloc.complete"
local la = require "lunalloc"

-- The candidates, sorted and separated by spaces.
local function offers(line, env)
    local answer = complete(line, env)
    local texts = table.move(answer, 1, #answer, 1, {})
    table.sort(texts)
    return table.concat(texts, " "), answer
end

local function includes(line, candidate, env)
    local texts = offers(line, env)
    if not (" " .. texts .. " "):find(" " .. candidate .. " ", 1, true) then
        error(("%s offers '%s', not '%s'"):format(line, texts, candidate), 2)
    end
end

-- The line as it is with the only candidate taken.
local function taken(line, env)
    local texts, answer = offers(line, env)
    test.equal(#answer, 1, "number of candidates, " .. texts)
    return line:sub(1, answer.from - 1) .. answer[1] .. (answer.append or "")
end

local env = { table = table, apple = { pear = { plum = 1 }, [3] = { fig = 1 }, ["a b"] = { kiwi = 1 }, call = print } }

test("globals and keywords", function()
    test.equal(taken("app", env), "apple")
    test.equal(taken("x = (app", env), "x = (apple")
    test.equal(taken("whi", env), "while")
    test.equal(offers("t", env), "table then true")
    test.equal(offers("zzz", env), "")
    test.equal(offers("12", env), "")
end)

test("fields along a chain of names and constants", function()
    test.equal(taken("table.conc", env), "table.concat")
    test.equal(taken("apple.pear.p", env), "apple.pear.plum")
    test.equal(taken("apple . pear . p", env), "apple . pear . plum")
    test.equal(taken("apple[3].f", env), "apple[3].fig")
    test.equal(taken("f(apple['a b'].", env), "f(apple['a b'].kiwi")
    test.equal(taken('x.y = apple["pear"].', env), 'x.y = apple["pear"].plum')
    test.equal(offers("apple.none.", env), "")
    test.equal(offers("unknown.", env), "")
    test.equal(offers("f().x", env), "")
    test.equal(offers("...ap", env), "")
    test.equal(offers("goto ::ap", env), "")
    test.equal(offers("'a'..app", env), "apple")
end)

test("methods, through __index tables, are functions only", function()
    local class = { method = print, constant = 1 }
    local object = setmetatable({ mine = 1 }, { __index = setmetatable(class, { __index = { base = print } }) })
    test.equal(offers("o:", { o = object }), "base method")
    test.equal(offers("o.", { o = object }), "base constant method mine")
    includes("s:", "gsub", { s = "text" })
end)

test("nothing is called to find out", function()
    local called = false
    local trap = setmetatable({}, { __index = function() called = true return {} end })
    test.equal(offers("t.x.", { t = trap }), "")
    test.equal(called, false)
end)

test("objects that enumerate themselves are asked; if they fail, nothing is offered", function()
    local function next_pair(_, key)
        return not key and "alpha" or nil, 1
    end
    local proxy = setmetatable({}, { __pairs = function(self) return next_pair, self end,
        __index = function(_, key) return { ["in_" .. key] = 1 } end })
    test.equal(offers("p.", { p = proxy }), "alpha")
    test.equal(taken("p.any.", { p = proxy }), "p.any.in_any")
    test.equal(offers("p.", { p = setmetatable({}, { __pairs = function() error "no" end }) }), "")
    local endless = setmetatable({}, { __pairs = function() return function() return "again" end end })
    test.equal(offers("p.", { p = endless }), "again")
end)

test("comments and strings are not code", function()
    test.equal(offers("x = 1 -- app", env), "")
    test.equal(offers("--[[ app", env), "")
    test.equal(offers("--[[ x ]] app", env), "apple")
    test.equal(offers("x = 'appl", env), "")
    test.equal(offers([[x = "\"" .. app]], env), "apple")
    test.equal(offers("x = [[ ' ]] .. app", env), "apple")
    test.equal(offers("x = a - app", env), "apple")
end)

test("the module's functions, those that are loaded on demand too", function()
    includes("la.", "workload")
    includes("la.", "plot")
    test.equal(taken "la.extents_", "la.extents_summary")
end)

test("controls inside strings, one segment at a time", function()
    test.equal(offers 'la.get "aren', "arena. arenas.")
    includes('la.get "', "stats.")
    test.equal(offers 'la.get "no.such.', "")
end)

test("the last segment is closed by its quote, and shows the present value", function()
    test.equal(taken 'la.get "arena.0.dirty_d', 'la.get "arena.0.dirty_decay_ms"')
    test.equal(taken "la.set('arena.0.dirty_d", "la.set('arena.0.dirty_decay_ms'")
    test.equal(taken "la.get [[arena.0.dirty_d", "la.get [[arena.0.dirty_decay_ms]")
    local _, answer = offers 'la.get "arena.0.dirty_d'
    test.equal(answer.hint, ("dirty_decay_ms = %d ms"):format(la.get "arena.0.dirty_decay_ms"))
end)

test("indices are those that exist now", function()
    local count = la.get "arenas.narenas"
    includes('la.get "arena.', "0.")
    includes('la.get "arena.', (count - 1) .. ".")
    test.equal((" " .. offers 'la.get "arena.' .. " "):find(" " .. count .. ". ", 1, true), nil)
    test.equal(offers 'la.get "arena.4711.', offers 'la.get "arena.0.')
end)

test("la.ctl is completed by name, with values in the listing", function()
    test.equal(taken "la.ctl.arena[0].dirty_d", "la.ctl.arena[0].dirty_decay_ms")
    local texts, answer = offers "x = la.ctl.arena[0]."
    includes("x = la.ctl.arena[0].", "purge")
    test.equal(texts:find("<", 1, true), nil)
    test.match(answer.listing, "dirty_decay_ms%s+= ")
    includes("la.ctl.", "arenas")
    includes("la.ctl.arena[", "0]")
end)

test("a node of la.ctl in a variable too", function()
    test.equal(taken("a.dirty_d", { a = la.ctl.arena[0] }), "a.dirty_decay_ms")
    test.equal(taken("c.arena[0].dirty_d", { c = la.ctl }), "c.arena[0].dirty_decay_ms")
end)

test("completing never creates an arena", function()
    local before = la.get "arenas.narenas"
    for _, line in ipairs { "la.ctl.arenas.", "la.ctl.arenas.create", 'la.get "arenas.', 'la.get "arenas.create', "a.",
        "a.create." } do
        complete(line, { la = la, a = la.ctl.arenas })
    end
    test.equal(la.get "arenas.narenas", before)
end)

test("words of help, and commands", function()
    test.equal(taken 'help "deca', 'help "decay"')
    test.equal(taken 'help("deca', 'help("decay"')
    test.equal(taken ".help deca", ".help decay")
    test.equal(taken ".q", ".quit")
    test.equal(taken "? deca", "? decay")
    includes('help "arena.0.', "dirty_decay_ms")
end)

test("keys of tables of options, and their values", function()
    test.equal(offers "la.extents{", "arena= fields= min_size= slab= state= szind=")
    test.equal(offers "la.extents({state = 'dirty', s", "slab= szind=")
    test.equal(taken "x = la.extents{st", "x = la.extents{state=")
    test.equal(offers "la.extents{state=", '"active" "busy" "dirty" "muzzy" "retained"')
    test.equal(offers 'la.extents{state="', "active busy dirty muzzy retained")
    test.equal(taken 'la.extents{slab=true, state = "d', 'la.extents{slab=true, state = "dirty"')
    test.equal(offers "la.extents{slab=", "false true")
    test.equal(offers 'la.waste{by="', "arena class stack")
    test.equal(taken 'for e in a:extents{st', 'for e in a:extents{state=')
    test.equal(taken("t.extents{sl", { t = la }), "t.extents{slab=")
    test.equal(taken "la.arena.create{dirty_decay", "la.arena.create{dirty_decay_ms=")
    includes("la.workload{mix={{", "lifetime=")
    includes("la.workload{mix={{size=4, free_by={", "other=")
    test.equal(taken "la.workload{allocator='p", "la.workload{allocator='process'")
    includes("la.workload{phases={{set={['", "arena.")
    test.equal((" " .. offers "x = {st"):find " state=", nil)
    local _, answer = offers "la.extents{st"
    test.match(answer.hint, "^state= only extents in this state")
end)

test("methods of what a documented function returns", function()
    includes("la.arena(0):", "purge")
    test.equal(taken "la.arena(0):pur", "la.arena(0):purge")
    test.equal(taken "la.arena.create{dirty_decay_ms = 0}:pur", "la.arena.create{dirty_decay_ms = 0}:purge")
    test.equal(taken "la.stats():tojs", "la.stats():tojson")
    test.equal(taken 'la.buffer "1M":us', 'la.buffer "1M":usable')
    includes("la.workload{threads = (1 + 1)}:", "start")
    test.equal(offers "f(0):", "")
    test.equal(offers "la.get(0):", "")
    test.equal(offers "la.arenas():", "")
    test.equal(taken "la.history():pl", "la.history():plot")
end)

test("values of la.set, with the present one as a hint", function()
    test.equal(offers 'la.set("opt.thp", ', '"always" "default" "never"')
    test.equal(offers "la.set('opt.thp', '", "always default never")
    test.equal(taken 'la.set("opt.thp", "nev', 'la.set("opt.thp", "never"')
    test.equal(offers 'la.set("prof.active", ', "false true")
    local texts, answer = offers 'la.set("arena.0.dirty_decay_ms", '
    test.equal(texts, tostring(la.get "arena.0.dirty_decay_ms"))
    test.match(answer.hint, "^arena.0.dirty_decay_ms is %d+ ms now$")
    texts, answer = offers 'la.set("prof.active", '
    test.match(answer.listing, "\nprof.active is false now$")
    test.equal(offers 'la.set("no.such", ', offers "")
end)

test("names of files", function()
    test.equal(taken 'dofile "lua/lunalloc/complete.l', 'dofile "lua/lunalloc/complete.lua"')
    test.equal(taken 'io.open("lua/worklo', 'io.open("lua/workload/')
    test.equal(offers 'dofile "no/such/fi', "")
    includes("la.prof.dump 'tests/con", "tests/console/")
end)

test("commands and what follows them", function()
    includes(".", ".stats")
    test.equal(taken ".sizec", ".sizeclasses")
    test.equal(taken ".get arena.0.dirty_d", ".get arena.0.dirty_decay_ms")
    test.equal(offers ".set opt.thp ", "always default never")
    test.equal(taken ".time la.gettt = la.sizeclasse", ".time la.gettt = la.sizeclasses")
    test.equal(taken ".watch 1s .sizec", ".watch 1s .sizeclasses")
    test.equal(taken ".watch 1s la.sizeclasse", ".watch 1s la.sizeclasses")
    test.equal(taken ".extents st", ".extents state=")
    test.equal(taken ".extents by=state state=ac", ".extents by=state state=active")
    test.equal(taken "?deca", "?decay")
    includes(".workload ", "threads=")
    test.equal(offers ".nonsense x", "")
end)

test("every prefix of a long line is answered", function()
    local line = [==[local t = {la.get "arena.0.x", [ [=[ ]=] ] = a[1]['x'].y:z(--[[ c ]] "\"" .. 1 .. '\'' .. #a.b)]==]
    for i = 0, #line do
        test.equal(type(complete(line:sub(1, i), env)), "table")
    end
end)
