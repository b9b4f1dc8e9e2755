--- The replay of a view of a trace: trace:replay.
---
---     replay(of, filter, wanted, variant, slice)    of: the view's fields; filter: nil for all of the trace; wanted,
---                                                    variant: what replay_options.lua reads
---
--- A filtered view is saved first, in a file that is removed afterwards.

local runs = require "lunalloc.replay_run"

local saved = {}

--- The view as a file; nil, message, code.
local function save(of, filter, slice)
    local path = os.tmpname()
    os.remove(path)
    local writer <close>, message, code = of.file:save(filter, path)
    if not writer then
        return nil, message, code
    end
    while writer:step(slice) do end
    local done
    done, message, code = writer:finish()
    if not done then
        return nil, message, code
    end
    return setmetatable({ path = path }, saved)
end

function saved:__close()
    os.remove(self.path)
end

local function replay(wanted, variant)
    local prepared <close>, message, code = runs.prepare(wanted)
    if not prepared then
        return nil, message, code
    end
    local result
    result, message, code = runs.replay(prepared, wanted, variant) -- no tail call: `prepared` is closed after it
    return result, message, code
end

return function(of, filter, wanted, variant, slice)
    if not filter then
        return replay(wanted, variant)
    end
    local file <close>, message, code = save(of, filter, slice)
    if not file then
        return nil, message, code
    end
    wanted.trace = file.path
    local result
    result, message, code = replay(wanted, variant)
    if result then
        result.trace = of.path
    end
    return result, message, code
end
