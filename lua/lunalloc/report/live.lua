--- A page that shows one process while it runs: the report's page, fed once a second. `lunalloc serve --web` puts it on
--- a socket of this machine.
---
---     local page = live.new { t =, write =, interval = seconds, clock =, hosts = { "127.0.0.1:9177" } }
---     page.path                       "/<token>/": who has it may read
---     page:answer(method, path, request)    status, type, body, headers; nil if the path is another one's
---
--- The token is random. A request that changes something has it in a header, too, which no page of another origin can
--- send, and it must be allowed (write). Requests for another host's name are refused, so no name of an attacker's can
--- be made to mean this machine.
---
--- What is shown is read when a page asks, at most once an interval; a process that takes long to read is read less
--- often. When the process is gone, the last data remain, and say so.

local core = require "lunalloc.core"
local gather = require "lunalloc.report.gather"
local heap = require "lunalloc.report.heap"
local host = require "lunalloc.host"
local json = require "lunalloc.json"
local page = require "lunalloc.report.page"

local INSTANTS <const> = 60 -- the last ones are shown
local FINDINGS <const> = 10 -- seconds for which the doctor's findings are shown
local SHARE <const> = 5 -- reading takes at most one part in so many of the time

local JSON <const> = "application/json"
local HTML <const> = "text/html; charset=utf-8"

local Live = {}
Live.__index = Live

local live = {}

live.BODY_MAX = 4096 -- bytes of a request that changes something

--- 128 random bits; nil and a message.
local function new_token()
    local file <close>, why = host.io.open("/dev/urandom", "rb")
    local bytes = file and file:read(16)
    if not bytes or #bytes < 16 then
        return nil, "no random numbers: " .. tostring(why)
    end
    return (bytes:gsub(".", function(byte)
        return ("%02x"):format(byte:byte())
    end))
end

--- nil and a message if there are no random numbers.
function live.new(options)
    local token, message = new_token()
    if not token then
        return nil, message
    end
    local self = { token = token, path = "/" .. token .. "/", film = heap.new { most = INSTANTS, rolling = true },
        due = -math.huge, findings_at = -math.huge }
    for name, value in pairs(options) do
        self[name] = value
    end
    return setmetatable(self, Live)
end

--- True if the texts are equal; the time it takes does not tell how far they are.
local function is_same(a, b)
    local differ = #a ~ #b
    for i = 1, #b do
        differ = differ | (a:byte(i) or 0) ~ b:byte(i)
    end
    return differ == 0
end

-- ---- data ----------------------------------------------------------------------------------------------------------

--- Findings of one picture of the process, for some seconds.
function Live:findings(now)
    if now - self.findings_at >= FINDINGS then
        self.found, self.findings_at = self.t.doctor { seconds = 0 }, now
    end
    return self.found or {}
end

--- Reads the process; keeps the old data if it is lost.
function Live:read(now)
    local instant <close> = heap.take(self.t)
    if instant then
        self.film:add(instant)
    end
    local data, message = gather.data(self.t, { film = self.film, doctor = self:findings(now), allocated = false })
    if data and not self.t.alive() then
        data = nil
    end
    if data then
        self.data = data
        data.live = { interval = self.interval, write = self.write or false, token = self.write and self.token or "" }
    elseif self.data then
        self.data.lost = message or ("process %d (%s) has ended"):format(self.t.pid, self.t.name)
    end
    return self.data, message
end

--- The present data; nil and why if the process could never be read.
function Live:fresh()
    local now = self.clock()
    if now >= self.due then
        local _, message = self:read(now)
        self.why = message
        local taken = self.clock() - now
        self.due = now + math.max(self.interval * 0.9, taken * SHARE)
    end
    return self.data, self.why
end

-- ---- changes -------------------------------------------------------------------------------------------------------

--- Does what the page asks for: { set = name, value = text } or { purge = true }. A text; nil, message.
function Live:change(wanted)
    if type(wanted) ~= "table" then
        return nil, "no change"
    elseif wanted.purge == true then
        local result, message = self.t.purge { timeout = "200ms" }
        return result and "purged", message
    elseif type(wanted.set) ~= "string" or type(wanted.value) ~= "string" or wanted.set:find "%z" or
        wanted.value:find "%z" then
        return nil, 'a change is an object with the keys "set" and "value", or with "purge"'
    end
    local done, message = self.t.set(wanted.set, wanted.value)
    return done and ("%s = %s"):format(wanted.set, wanted.value), message
end

local function reply(status, value, ...)
    return status, JSON, core.json(value), "Cache-Control", "no-store", ...
end

function Live:answer_change(method, request)
    if method ~= "POST" then
        return reply(405, { error = "POST alone changes something" }, "Allow", "POST")
    elseif not self.write then
        return reply(403, { error = "read-only: lunalloc serve --web --write allows changes" })
    elseif not request.token or not is_same(request.token, self.token) then
        return reply(403, { error = "the header X-Lunalloc-Token is missing or wrong" })
    elseif request.origin and not self:is_own("http://", request.origin) then
        return reply(403, { error = "a page of another origin" })
    elseif not request.body then
        return reply(413, { error = ("more than %d bytes"):format(live.BODY_MAX) })
    end
    local done, message = self:change(json.decode(request.body))
    return reply(done and 200 or 400, { done = done or nil, error = not done and message or nil })
end

-- ---- requests ------------------------------------------------------------------------------------------------------

function Live:answer_page()
    local data, why = self:fresh()
    if not data then
        return 503, "text/plain; charset=utf-8", tostring(why) .. "\n"
    end
    local text, message = page.text(data, "'self'")
    if not text then
        return 503, "text/plain; charset=utf-8", message .. "\n"
    end
    return 200, HTML, text, "Cache-Control", "no-store", "X-Frame-Options", "DENY"
end

function Live:answer_data()
    local data, why = self:fresh()
    if not data then
        return reply(503, { error = tostring(why) })
    end
    return 200, JSON, page.json(data), "Cache-Control", "no-store"
end

--- Is that the address of this server, with that before it?
function Live:is_own(prefix, text)
    for _, own in ipairs(self.hosts) do
        if text == prefix .. own then
            return true
        end
    end
    return false
end

--- Answers a request: status, type, body, names and values of headers; nil if the path is not this page's.
function Live:answer(method, path, request)
    if not is_same(path:sub(1, #self.path), self.path) then
        return nil
    elseif not self:is_own("", request.host or "") then
        return reply(403, { error = "this server has another name" })
    end
    local rest = path:sub(#self.path + 1)
    if rest == "change" then
        return self:answer_change(method, request)
    elseif method ~= "GET" and method ~= "HEAD" then
        return reply(405, { error = "only GET and HEAD" }, "Allow", "GET, HEAD")
    elseif rest == "" then
        return self:answer_page()
    elseif rest == "data.json" then
        return self:answer_data()
    end
    return reply(404, { error = "there are: data.json, change" })
end

return live
