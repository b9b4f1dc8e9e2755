--- Traces from the files of other programs.
---
---     import.run(path, out)     writes the trace `out`: { events=, bytes=, threads= }, or nil, message, code
---     import.form(path)         "heaptrack", "android", or nil: by the first bytes
---
--- Android's text of malloc debugging: a line for each call, "THREAD: malloc ADDRESS SIZE [BEGIN END]", which
--- lua/replay/text.h describes. Without times, calls are a microsecond apart.
---
--- heaptrack's data, versions 1 to 3, as heaptrack writes it for its own reader: "a SIZE TRACE" describes an
--- allocation, "+ N" makes one of the N-th description, "- N" frees one, "c MS" is the time, "R PAGES" the resident
--- memory; numbers are hexadecimal. It tells neither threads nor addresses, nor which one of several blocks of a
--- description is freed: the oldest one here. Stacks are left out. So sizes, live bytes and peaks are exact, lifetimes
--- are where blocks of one size and stack die in order, and all calls are one thread's.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local host = require "lunalloc.host"

local import = {}

local HEAD <const> = 4096
local ZSTD <const> = "\x28\xb5\x2f\xfd"
local GZIP <const> = "\x1f\x8b"
local TICK <const> = 1000 -- ns between calls without times

-- ---- files ---------------------------------------------------------------------------------------------------------

local function fail(code, format, ...)
    return nil, format:format(...), code
end

--- The first bytes of a regular file; nil, message, code.
local function head_of(path)
    local kind, message, code = core.file_kind(path)
    if not kind then
        return nil, ("%s: %s"):format(path, message), code
    elseif kind ~= "file" then
        return fail("EINVAL", "%s is a %s, and no trace", path, kind)
    end
    local file <close>, why = host.io.open(path, "rb")
    if not file then
        return fail("EACCES", "%s", why)
    end
    return file:read(HEAD) or ""
end

--- An iterator over the lines of a file, decompressed if gzip has compressed it; nil, message, code.
local function lines_of(path, head)
    if head:sub(1, #ZSTD) == ZSTD then
        return fail("ENOTSUP", "%s is compressed by zstd, which this program cannot read: zstd -d %s", path, path)
    elseif head:sub(1, #GZIP) ~= GZIP then
        return host.io.lines(path)
    end
    local text, message, code = core.workload.read(path)
    return text and text:gmatch "[^\n]+", message, code
end

local function form_of_line(line)
    return line:find "^v %x+" and "heaptrack" or line:find "^%s*%d+:%s*%a" and "android" or nil
end

-- ---- Android -------------------------------------------------------------------------------------------------------

local android = {}

-- Words behind the address.
local ANDROID <const> = { malloc = 1, calloc = 2, realloc = 2, memalign = 2, free = 0, thread_done = 0 }

local Android = {}
Android.__index = Android

--- The number of the thread in the new trace.
function Android:thread_of(tid, time)
    local number = self.threads[tid]
    if not number then
        number = self.writer:thread(tid & 0xffffffff, "", time)
        self.threads[tid] = number
    end
    return number
end

--- Each call: (self, thread, time, address, words). An allocation that gave no address had failed: it is left out.
local calls = {}

function calls.malloc(self, thread, time, addr, words)
    self.writer:event(thread, "malloc", time, addr, words[1])
end

function calls.calloc(self, thread, time, addr, words)
    self.writer:event(thread, "calloc", time, addr, words[1] * words[2])
end

function calls.memalign(self, thread, time, addr, words)
    self.writer:event(thread, "aligned", time, addr, words[2], 0, words[1])
end

function calls.realloc(self, thread, time, addr, words)
    self.writer:event(thread, words[1] == 0 and "malloc" or "realloc", time, addr, words[2], words[1])
end

function calls.free(self, thread, time, addr)
    self.writer:event(thread, "free", time, addr)
end

--- The words of a line after its address, as numbers; nil if there are too few, or one is none.
local function words_of(rest, n, is_realloc)
    local words = {}
    for word in rest:gmatch "%S+" do
        local hex = is_realloc and #words == 0
        words[#words + 1] = math.tointeger(tonumber(word, not hex and 10 or nil))
        if not words[#words] or words[#words] < 0 then
            return nil
        end
    end
    return #words >= n and words or nil
end

--- One line. False, and why.
function Android:line(line)
    local tid, call, address, rest = line:match "^%s*(%d+):%s*([%a_]+)%s+(0x%x+)%s*(.-)%s*$"
    local n = ANDROID[call]
    local words = n and words_of(rest, n, call == "realloc")
    local thread, addr = math.tointeger(tonumber(tid)), math.tointeger(tonumber(address or "x"))
    if not (words and thread and addr) then
        return false
    end
    self.time = words[n + 1] and words[n + 1] or self.time + TICK
    local number = self:thread_of(thread, self.time)
    if call == "thread_done" then
        self.writer:event(number, "thread_end", self.time)
        self.threads[thread] = nil
    elseif addr ~= 0 then
        calls[call](self, number, self.time, addr, words)
    elseif call == "realloc" and words[2] == 0 and words[1] ~= 0 then
        self.writer:event(number, "free", self.time, words[1])
    end
    return true
end

function android.run(writer, lines, path)
    local self = setmetatable({ writer = writer, threads = {}, time = 0 }, Android)
    local n = 0
    for line in lines do
        n = n + 1
        if line:find "%S" and not self:line(line) then
            return fail("EINVAL", "%s:%d: %s is no call; allowed: \"THREAD: malloc ADDRESS SIZE\" and its like", path,
                n, check.shown(line:sub(1, 80)))
        end
    end
    return true
end

-- ---- heaptrack -----------------------------------------------------------------------------------------------------

local heaptrack = {}

local NEWEST <const> = 3 -- version of its files
local SPACING <const> = 16

local Heaptrack = {}
Heaptrack.__index = Heaptrack

local handlers = {}

--- "v VERSION FILE_VERSION"
function handlers.v(self, _, file_version)
    self.version = file_version or 1
    return self.version <= NEWEST
end

--- "a SIZE TRACE": a description
function handlers.a(self, size)
    self.sizes[#self.sizes + 1] = size
    return size ~= nil
end

--- An address that nobody has: freed ones of the same size first.
function Heaptrack:address(size)
    local free = self.free[size]
    if free and #free > 0 then
        return table.remove(free)
    end
    local addr = self.top
    self.top = addr + math.max(SPACING, (size + SPACING - 1) // SPACING * SPACING)
    return addr
end

--- "+ N": a block of the description N
handlers["+"] = function(self, index)
    local size = index and self.sizes[index + 1]
    if not size then
        return false
    end
    local queue = self.live[index]
    if not queue then
        queue = { first = 1, last = 0 }
        self.live[index] = queue
    end
    queue.last = queue.last + 1
    queue[queue.last] = self:address(size)
    self.step = self.step + 1
    self.writer:event(self.thread, "malloc", self.time + self.step, queue[queue.last], size)
    return true
end

--- "- N": the oldest block of it is freed
handlers["-"] = function(self, index)
    local size, queue = index and self.sizes[index + 1], self.live[index]
    if not size then
        return false
    elseif not queue or queue.first > queue.last then
        return true -- allocated before heaptrack was there
    end
    local addr = queue[queue.first]
    queue[queue.first], queue.first = nil, queue.first + 1
    self.free[size] = self.free[size] or {}
    table.insert(self.free[size], addr)
    self.step = self.step + 1
    self.writer:event(self.thread, "free", self.time + self.step, addr)
    return true
end

--- "c MS": the time; calls in between are spread by a nanosecond each
function handlers.c(self, ms)
    local time = ms and math.min(ms, 1 << 40) * 1000000
    if time and time > self.time + self.step then
        self.time, self.step = time, 0
    end
    return ms ~= nil
end

--- "I PAGE PAGES": the size of a page
function handlers.I(self, page)
    self.page = page
    return true
end

--- "R PAGES": resident memory
function handlers.R(self, pages)
    if pages and pages < 1 << 40 then
        self.writer:sample { time = self.time + self.step, rss = pages * (self.page or 4096) }
    end
    return true
end

function heaptrack.run(writer, lines, path)
    local self = setmetatable({ writer = writer, sizes = {}, live = {}, free = {}, top = 0x100000, time = 0, step = 0,
        thread = writer:thread(0, "heaptrack", 0) }, Heaptrack)
    local n = 0
    for line in lines do
        n = n + 1
        local kind, first, second = line:match "^(%S) (%x*) ?(%x*)"
        local handler = handlers[kind]
        if handler and not handler(self, tonumber(first, 16), tonumber(second, 16)) then
            return fail("EINVAL", "%s:%d: %s is nothing that heaptrack (file versions 1 to %d) writes", path, n,
                check.shown(line:sub(1, 80)), NEWEST)
        end
    end
    return true
end

-- ---- the public function -------------------------------------------------------------------------------------------

local forms = { android = android, heaptrack = heaptrack }

--- Opens what is to be imported: its form, and an iterator over its lines; nil, message, code.
local function open(path)
    local head, message, code = head_of(path)
    if not head then
        return nil, message, code
    end
    local lines
    lines, message, code = lines_of(path, head)
    if not lines then
        return nil, message, code
    end
    local form = form_of_line(head)
    if head:sub(1, #GZIP) == GZIP then
        form = form_of_line(lines() or "")
        lines = lines_of(path, head)
    end
    if not form then
        return fail("EINVAL", "%s is no trace: neither lunalloc's, nor a text of heaptrack or of Android's malloc",
            path)
    end
    return form, lines
end

--- Writes what `path` has as the trace `out`.
function import.run(path, out)
    local form, lines, code = open(path)
    if not form then
        return nil, lines, code
    end
    local writer <close>, message, why = core.trace.writer(out)
    if not writer then
        return nil, message, why
    end
    writer:meta("name", path:match "[^/]*$")
    writer:meta("mode", "full")
    writer:meta("from", form)
    local done
    done, message, why = forms[form].run(writer, lines, path)
    if not done then
        return nil, message, why
    end
    return writer:finish()
end

--- The form of a file that is no trace of lunalloc's; nil, message, code.
function import.form(path)
    local form, message, code = open(path)
    return form, message, code
end

return import
