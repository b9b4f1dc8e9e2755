--- Recorded traces: la.trace. la.record makes them; la.trace.load opens one, whose methods are in trace_view.lua.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local view = require "lunalloc.trace_view"

local trace = {}

--- Opens a file of another form: imports it into a file that has no name any more once it is open.
local function open_imported(path)
    local import = require "lunalloc.trace_import"
    local name = os.tmpname()
    local done, message, code = import.run(path, name)
    local file
    if done then
        file, message, code = core.trace.open(name)
    end
    os.remove(name)
    return file, message, code
end

local function open(path)
    local file, message, code = core.trace.open(path)
    if not file and code == "EINVAL" and message:find("is no trace", 1, true) then
        return open_imported(path)
    end
    return file, message, code
end

--- Opens a trace. A text of Android's malloc debugging or of heaptrack is imported.
function trace.load(path)
    check.text(path, "trace.load", 1, "the path of a trace")
    local file, message, code = open(path)
    if not file then
        return nil, message, code
    end
    return view.new(file, path)
end

--- Writes what another program has recorded as a trace: a text of heaptrack, or of Android's malloc debugging.
function trace.import(path, out)
    check.text(path, "trace.import", 1, "the path of a file")
    check.text(out, "trace.import", 2, "the path of the trace to write")
    return require("lunalloc.trace_import").run(path, out)
end

return trace
