--- What the doctor looks at: figures of one process, read once, and watched for a while.
---
---     look = look.new(api, options)
---     look.first, look.last     snapshots at the beginning and at the end of the watch; equal if there was none
---     look.least[i].dirty       fewest bytes of arena i's dirty (muzzy) pages in any of the snapshots
---     look.threads_before  look.threads_after    the threads at these times; nil if they cannot be listed
---     look.active.least  .most  of the snapshots: bytes of active pages
---     look.rss  look.state      resident memory; la.reconcile(), or nil
---     look:value(name)          a control, or nil
---     look:change(name)         what a control that was watched changed by; look:before(name), look:after(name)
---     look:proc(file)           the text of /proc/PID/file, or nil
---     look:is_much(bytes)       is it worth a finding?
---     look:find{...}            adds a finding
---     look:miss(what, why)      notes what could not be looked at
---
--- Only public functions of `api` and files of /proc are used, so it works on every target. What a target cannot tell
--- is nil, and a note says so.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"
local io = require("lunalloc.host").io

local Look = {}
Look.__index = Look

-- ---- readings ------------------------------------------------------------------------------------------------------

--- The value of a control; nil if the target has none of that name, or cannot tell.
function Look:value(name)
    local value = self.values[name]
    if value == nil then
        value = self.api.get(name)
        self.values[name] = value
    end
    return value
end

--- The same of a control that is a number; nil also if the target sends anything else, or one that is none.
function Look:number(name)
    local value = self:value(name)
    return math.type(value) and value == value and math.abs(value) < 2 ^ 62 and value or nil
end

--- Bytes of a page.
function Look:page()
    return math.max(1, check.sent(self:value "arenas.page", 4096, 1 << 30))
end

--- The text of a file of the process's folder in /proc; nil if there is none, as of a core, or it may not be read.
function Look:proc(name)
    if not self.folder then
        return nil
    end
    local file <close> = io.open(self.folder .. name, "rb")
    return file and file:read "a"
end

--- Bytes of a line such as "VmSize:   1234 kB" of a file in /proc.
function Look:kib(name, field)
    local text = self:proc(name)
    local kib = text and text:match(field .. ":%s*(%d+) kB")
    return kib and kib * 1024
end

--- Bytes that are resident, of the allocator's pages in a state: as many of `bytes` as the system has of all of them.
function Look:resident(state, bytes)
    local pages = self.state and self.state[state]
    if not pages or pages.counted == 0 then
        return bytes
    end
    return math.floor(bytes * math.min(1.0, pages.resident / pages.counted))
end

--- Is this much memory, for this process?
function Look:is_much(bytes)
    return bytes >= limits.bytes and bytes >= limits.share * self.rss
end

--- What is known of the reuse of free pages: "were not used again within 1 s".
function Look:not_reused()
    return self.watched > 0 and ("were not used again within %s"):format(units.human_time(self.watched * 1e9))
        or "are kept; one picture does not tell whether they are used again"
end

--- The call that a person types at the prompt: `api`'s name, then the rest.
function Look:call(format, ...)
    return self.name .. "." .. format:format(...)
end

--- A remedy that writes controls, one after the other: {name, value} each, or {name} for an action. `apply` returns
--- true, or nil, message, code of the first one that fails.
function Look:set(...)
    local steps, texts = { ... }, {}
    for i, step in ipairs(steps) do
        texts[i] = step[2] == nil and self:call('set("%s")', step[1])
            or self:call('set("%s", %s)', step[1], type(step[2]) == "string" and ("%q"):format(step[2]) or step[2])
    end
    return { text = table.concat(texts, "; "), apply = function()
        for _, step in ipairs(steps) do
            local ok, message, code = self.api.set(step[1], step[2])
            if not ok then
                return nil, message, code
            end
        end
        return true
    end }
end

--- A remedy that empties the threads' caches after these controls were written; a purge takes free pages with it.
function Look:set_and_purge(...)
    local first = self:set(...)
    return { text = first.text .. "; " .. self:call "purge{all = true}", apply = function()
        local ok, message, code = first.apply()
        if not ok then
            return nil, message, code
        end
        return self.api.purge { all = true }
    end }
end

--- The value of a control that a check watches, at the beginning and at the end; nil if it cannot be read.
function Look:before(name)
    return self.at_begin[name]
end

function Look:after(name)
    return self.at_end[name]
end

function Look:change(name)
    local before, after = self.at_begin[name], self.at_end[name]
    return before and after and after - before
end

-- ---- results -------------------------------------------------------------------------------------------------------

--- Adds a finding: kind, bytes, what, cause, where, gives_back, remedy = { text =, apply = }.
function Look:find(finding)
    finding.gives_back = finding.gives_back or 0
    finding.where = finding.where or "process"
    self.findings[#self.findings + 1] = finding
    return finding
end

--- Notes that something could not be looked at.
function Look:miss(what, why)
    self.notes[#self.notes + 1] = ("%s: not looked at: %s"):format(what, why)
end

--- Marks bytes of an arena's state as explained by a finding, so that no other finding counts them again.
function Look:claim(arena, state, bytes)
    local claimed = self.claimed[arena] or { dirty = 0, muzzy = 0 }
    claimed[state] = claimed[state] + bytes
    self.claimed[arena] = claimed
end

--- Bytes of an arena's state that stayed during the watch, and that no finding explains yet.
function Look:unclaimed(arena, state)
    local claimed = self.claimed[arena]
    return math.max(0, self.least[arena][state] - (claimed and claimed[state] or 0))
end

-- ---- the watch -----------------------------------------------------------------------------------------------------

local function note_least(least, snapshot, active)
    active.least, active.most = math.min(active.least, snapshot.active), math.max(active.most, snapshot.active)
    for index, row in pairs(snapshot.arenas) do
        local known = least[index] or { dirty = math.huge, muzzy = math.huge }
        known.dirty, known.muzzy = math.min(known.dirty, row.dirty), math.min(known.muzzy, row.muzzy)
        least[index] = known
    end
end

--- The values of these controls now. Names that this process does not have are left out.
local function read_all(api, names)
    local values = {}
    for _, name in ipairs(names) do
        local value = api.get(name)
        values[name] = math.type(value) and value == value and value or nil -- an agent may send anything
    end
    return values
end

--- The pause before picture i of n, n - 1 of which make `seconds`: uneven, since a program that breathes as regularly
--- as the pictures are taken would show the same face in each.
local function uneven(i, n, seconds)
    local even = seconds / (n - 1)
    return even * (i % 2 == 0 and 0.6 or 1.4) * (i == n and n % 2 == 0 and 1 / 0.6 or 1)
end

--- Takes snapshots for some seconds. nil, message, code if the target is lost.
local function take_pictures(look, seconds)
    local pictures = seconds > 0 and limits.pictures or 1
    for i = 1, pictures do
        if i > 1 then
            core.pause(uneven(i, pictures, seconds))
        end
        local snapshot, message, code = look.api.stats()
        if not snapshot then
            return nil, message, code
        end
        look.first, look.last = look.first or snapshot, snapshot
        note_least(look.least, snapshot, look.active)
    end
    look.seconds = (look.last - look.first).seconds
    return true
end

--- Watches the process: snapshots, and these controls at the beginning and at the end.
local function watch(look, seconds, names)
    look.at_begin, look.threads_before = read_all(look.api, names), look.api.threads and look.api.threads()
    local ok, message, code = take_pictures(look, seconds)
    look.at_end, look.threads_after = read_all(look.api, names), look.api.threads and look.api.threads()
    return ok, message, code
end

--- The moments of the agent's history, oldest first; nil if there is none.
local function moments_of(api)
    local history = api.history and api.history()
    local moments = history and history.moments or history
    return moments and moments[1] and moments[1].dirty and moments or nil
end

--- Fewest bytes of dirty pages in all arenas in the latest part of the history, after there were `enough` for the first
--- time: before, the pages that are dirty now were in use. And for how many seconds there were never fewer.
local function history_least(moments, enough)
    local newest, least, since = moments[1] and moments[#moments].time or 0, math.huge, nil
    for _, moment in ipairs(moments) do
        if newest - moment.time <= limits.history * 1e9 and (since or moment.dirty >= enough) then
            least, since = math.min(least, moment.dirty), since or moment.time
        end
    end
    return least, since and (newest - since) / 1e9 or 0
end

--- A process that breathes more slowly than the doctor watches: the history has the fewest dirty pages.
local function use_history(look)
    local moments, sum = moments_of(look.api), 0
    for _, known in pairs(look.least) do
        sum = sum + known.dirty
    end
    local least, seconds = history_least(moments or {}, sum / 2)
    look.watched = math.max(look.watched, seconds)
    if sum > least then
        for _, known in pairs(look.least) do
            known.dirty = math.floor(known.dirty * least / sum)
        end
    end
end

-- ---- making one ----------------------------------------------------------------------------------------------------

--- Resident memory of the process; without /proc, what the allocator itself keeps resident.
local function read_rss(look)
    look.state = look.api.reconcile()
    if look.state then
        return look.state.rss
    end
    look:miss("resident memory", "this way to the process cannot read it; the allocator's own figure is used")
    return look.last.resident
end

--- Where /proc has the process: nil of a core.
local function folder_of(api)
    if api.way == "core" then
        return nil
    end
    return ("/proc/%s/"):format(api.pid or "self")
end

local look = {}

--- Watches the process of `api` for `seconds`, and these controls. nil, message, code if it is lost.
function look.new(api, seconds, names)
    local self = setmetatable({ api = api, name = api.pid and "t" or "la", folder = folder_of(api), values = {},
        findings = {}, notes = {}, claimed = {}, least = {},
        active = { least = math.huge, most = 0 }, watched = seconds }, Look)
    if api.way == "core" then
        seconds, self.watched = 0, 0
    end
    local ok, message, code = watch(self, seconds, names)
    if not ok then
        return nil, message, code
    end
    self.rss = read_rss(self)
    use_history(self)
    self.classes = api.sizeclasses()
    return self
end

return look
