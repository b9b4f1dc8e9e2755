--- Results of tests in the Test Anything Protocol, which test harnesses read, such as prove. The version is 13, which
--- all of them know; a reader of version 14 understands each line in the same way.
---
---     local out = tap.new(write)       write(text) takes each line
---     out:plan(2)
---     out:result(done)                 done: { name, ok, seconds, problem, facts }
---     out:bail_out "interrupted"

local tap = {}

local Tap = {}
Tap.__index = Tap

--- A name without what TAP gives a meaning to.
local function escaped(text)
    return (text:gsub("%c", "?"):gsub("[\\#]", "\\%0"))
end

--- A text as a value of YAML, in single quotes.
local function quoted(value)
    return "'" .. tostring(value):gsub("%c", " "):gsub("'", "''") .. "'"
end

function tap.new(write)
    return setmetatable({ write = write, n = 0 }, Tap)
end

function Tap:line(format, ...)
    self.write(format:format(...) .. "\n")
end

function Tap:plan(count)
    self:line "TAP version 13"
    self:line("1..%d", count)
end

--- Lines of text as comments.
function Tap:comment(text)
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        self:line("# %s", line)
    end
end

local function diagnosis(self, done)
    self:line "  ---"
    self:line("  message: %s", quoted(done.problem))
    self:line("  severity: %s", done.kind == "limit" and "fail" or "error")
    self:line("  duration_ms: %.0f", done.seconds * 1000)
    for _, fact in ipairs(done.facts or {}) do
        self:line("  %s: %s", fact[1], quoted(fact[2]))
    end
    if done.missed and #done.missed > 0 then
        self:line "  missed:"
        for _, line in ipairs(done.missed) do
            self:line("    - %s", quoted(line))
        end
    end
    self:line "  ..."
end

--- One test: name, ok, seconds; and of one that failed: problem (one line), kind ("limit", "error"), missed (an array
--- of lines), facts (an array of { key, value }).
function Tap:result(done)
    self.n = self.n + 1
    self:line("%s %d - %s # time=%.0fms", done.ok and "ok" or "not ok", self.n, escaped(done.name),
        done.seconds * 1000)
    if not done.ok then
        diagnosis(self, done)
    end
end

function Tap:bail_out(why)
    self:line("Bail out!  %s", why)
end

return tap
