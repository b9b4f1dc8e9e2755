-- The doctor on this process. tests/programs/doctor.sh has it look at others from outside.

local test = ...
local la = require "lunalloc"

--- The first finding of that kind.
local function finding_of(findings, kind)
    for _, finding in ipairs(findings) do
        if finding.kind == kind then
            return finding
        end
    end
end

--- A control of the arena that this thread allocates from.
local function own(field)
    return ("arena.%d.%s"):format(la.get "thread.arena", field)
end

local function look()
    return assert(la.doctor { seconds = 0.05 })
end

--- The interpreter that runs this file, with its preloads.
local function interpreter()
    local i = 0
    while arg[i - 1] do
        i = i - 1
    end
    return arg[i]
end

-- In a process of its own: here, the tests before may have left much in another malloc.
test("a process that is well gets no finding", function()
    local path = os.tmpname()
    do
        local file <close> = assert(io.open(path, "w"))
        file:write 'io.write(tostring(assert(require "lunalloc".doctor { seconds = 0.05 })))'
    end
    local pipe <close> = assert(io.popen(("%s %s 2>&1"):format(interpreter(), path)))
    test.equal(pipe:read "a", "nothing found: this process is well")
    os.remove(path)
end)

test("a hoard of dirty pages is found, and its remedy gives it back", function()
    local _ <close> = assert(la.with { [own "dirty_decay_ms"] = -1 })
    local block = la.buffer "64M"
    block:fill(1)
    block:free()
    local finding = assert(finding_of(look(), "dirty"), "no finding")
    test.equal(finding.bytes >= 60 << 20, true, "bytes")
    test.match(finding.what, "^[%d.]+ MiB of dirty pages in arena")
    test.match(finding.cause, "dirty_decay_ms keeps free pages for ever")
    test.match(finding.remedy.text, 'la%.set%("arena%.%d+%.dirty_decay_ms", 10000%); la%.set%("arena%.%d+%.purge"%)')
    local before = la.reconcile().rss
    test.equal(finding.remedy.apply(), true)
    local given = before - la.reconcile().rss
    test.equal(math.abs(given - finding.gives_back) <= finding.gives_back // 5, true, "given back " .. given)
    test.equal(finding_of(look(), "dirty"), nil, "afterwards")
end)

test("pages that are in use, and few pages, are no hoard", function()
    local _ <close> = assert(la.with { [own "dirty_decay_ms"] = -1 })
    la.set "arena.4096.purge"
    local kept = la.buffer "64M"
    kept:fill(1)
    la.buffer("2M"):free()
    test.equal(finding_of(look(), "dirty"), nil)
    kept:free()
    la.set "arena.4096.purge"
end)

--- Blocks of class 448, of which those stay for which keep(i, block) is true.
local function plant(keep)
    local blocks, kept = {}, {}
    for i = 1, 60000 do
        blocks[i] = la.buffer(448)
        blocks[i]:fill(1)
    end
    for i, block in ipairs(blocks) do
        if keep(i, block) then
            kept[#kept + 1] = block
        else
            block:free()
        end
    end
    return kept
end

local function one_of_a_slab(i)
    return i % 18 == 0
end

--- A function that is true of the first block in each page.
local function one_of_a_page()
    local seen = {}
    return function(_, block)
        local page = block:addr() // 4096
        local first = not seen[page]
        seen[page] = true
        return first
    end
end

local function free(blocks)
    for _, block in ipairs(blocks) do
        block:free()
    end
end

test("a class that is mostly in use is not fragmented", function()
    local kept = plant(function(i) return i % 3 ~= 0 end)
    for _, finding in ipairs(look()) do
        test.equal(finding.where ~= "class 448", true, tostring(finding))
    end
    free(kept)
end)

--- No call gives back what was found, and none is offered.
local function no_remedy(finding)
    test.equal(finding.gives_back, 0, tostring(finding))
    test.equal(finding.remedy.apply, nil, tostring(finding))
    test.match(finding.remedy.text, "^no call gives it back, ")
end

test("a fragmented class is found; with a profile, the stack that keeps it", function()
    local kept = plant(one_of_a_slab)
    local finding = assert(finding_of(look(), "fragmentation"), "no finding")
    test.equal(finding.where, "class 448")
    test.equal(finding.bytes > 16 << 20 and finding.gives_back > 8 << 20, true, "bytes")
    test.match(finding.remedy.text, '^la%.set%("arena%.4096%.purge_slabs"%)$')
    local before = la.reconcile().rss
    test.equal(finding.remedy.apply(), true)
    local given = before - la.reconcile().rss
    local after = finding_of(look(), "fragmentation")
    if not la.get "config.debug" then -- under VirtualAlloc's rules no page of a slab can be given back
        test.equal(math.abs(given - finding.gives_back) <= finding.gives_back // 5, true, "given back " .. given)
        no_remedy(assert(after, "no finding afterwards"))
        test.equal(after.bytes < finding.bytes - given // 2, true, "what is resident yet")
    end
    free(kept)
    la.prof.start { lg_sample = 14 }
    kept = plant(one_of_a_slab)
    la.prof.stop()
    local pinned = assert(finding_of(look(), "pinned"), "no pinned finding")
    test.equal(type(pinned.stack[1]), "string")
    test.match(pinned.cause, "%% is kept by objects up to .* old that were allocated at ")
    free(kept)
    la.prof.reset()
end)

test("where each page has an object in use, no call gives it back", function()
    local kept = plant(one_of_a_page())
    local finding = assert(finding_of(look(), "fragmentation"), "no finding")
    test.equal(finding.bytes > 16 << 20, true, "bytes")
    no_remedy(finding)
    free(kept)
end)

test("a remedy that gives back little of much, but more than a mebibyte, is one", function()
    local of_a_page = one_of_a_page()
    local kept = plant(function(i, block)
        if i < 14000 then
            return one_of_a_slab(i)
        end
        return of_a_page(i, block)
    end)
    local finding = assert(finding_of(look(), "fragmentation"), "no finding")
    test.equal(finding.remedy.apply ~= nil, true, tostring(finding))
    test.equal(finding.gives_back > 1 << 20 and finding.gives_back < finding.bytes // 4, true, tostring(finding))
    free(kept)
end)

test("a remedy gives back a twentieth of the finding, or a mebibyte", function()
    local is_worth = require "lunalloc.doctor.slab_pages".is_worth
    test.equal(is_worth(1 << 20, 1 << 40), true)
    test.equal(is_worth((1 << 20) - 1, 1 << 30), false)
    test.equal(is_worth(300 << 10, 4 << 20), true)
    test.equal(is_worth(200 << 10, 4 << 20), false)
    test.equal(is_worth(76, 16 << 20), false)
end)

test("settings that fight each other, and aids against misuse", function()
    local _ <close> = assert(la.with { [own "dirty_decay_ms"] = -1, background_thread = true })
    local finding = assert(finding_of(look(), "settings"), "no finding")
    test.equal(finding.bytes, 0)
    test.match(finding.what, "^background_thread is on, and dirty_decay_ms is %-1")
    local junk <close> = assert(la.with { ["arenas.junk"] = "free" })
    local found = false
    for _, one in ipairs(look()) do
        found = found or one.what:find("^arenas.junk is free") ~= nil
    end
    test.equal(found, true, "junk")
end)

test("findings are ordered by bytes, and print", function()
    local _ <close> = assert(la.with { [own "dirty_decay_ms"] = -1, background_thread = true })
    local block, kept = la.buffer "8M", plant(one_of_a_slab)
    block:fill(1)
    block:free()
    local findings = look()
    test.equal(#findings >= 3, true)
    for i = 2, #findings do
        test.equal(findings[i - 1].bytes >= findings[i].bytes, true, "order")
    end
    test.match(tostring(findings),
        "%d%. fragmentation: [%d.]+ MiB: .*\n  cause:  .*\n  remedy: .*%(gives%s+back%s+[%d.]+ MiB%)")
    test.match(tostring(findings), "%d%. dirty: [%d.]+ MiB: ")
    for line in tostring(findings):gmatch "[^\n]+" do
        test.equal(#line <= 90, true, line)
    end
    free(kept)
    la.set "arena.4096.purge"
end)

test("one picture says what it cannot tell", function()
    local findings = assert(la.doctor { seconds = 0 })
    test.match(table.concat(findings.notes, "\n"), "contention: not looked at: it takes two pictures")
end)

test("misuse is reported at the caller's line", function()
    test.raises("doctor_test.lua:%d+: bad argument #1 to 'doctor' %(no option 'second'%)",
        function() la.doctor { second = 1 } end)
    test.raises("doctor_test.lua:%d+: bad argument #1 to 'doctor' %(a table of options expected, got number%)",
        function() la.doctor(1) end)
    test.raises("doctor_test.lua:%d+: bad argument #1 to 'doctor' %(seconds is a number of seconds, or",
        function() la.doctor { seconds = "soon" } end)
end)
