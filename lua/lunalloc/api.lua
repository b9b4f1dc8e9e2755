--- The public functions over a backend: one allocator, wherever it is.
---
--- A backend is a table of primitives, which `lunalloc.core` is for this process:
---
---     get(name)  set(name[, value])  row(name)  rows()  source(name)  limit(name)  suggest(name)
---     with(names, values)    sets all or none, and returns what puts them back: restore(), __close
---     arena_create(keys, values, counting)    a new arena's index, with all of its settings, or no arena
---     extents(arena, state, slab, min_size, szind)    a walker: next(), fill(table), close()
---     find(address)  sizeclasses()  sizeclass(bytes)  stats([arena])  report([opts])  reconcile()
---     samples([place])    a batch, and the place of the next one;  symbol(address)
---
--- Each returns nil, message, code on failure. Nothing here knows which process it is about.

local api = {}

local parts = { "settings", "inspect", "extents", "arena", "stats", "prof" }

function api.new(backend)
    local new = { ctl = require("lunalloc.ctl").new(backend) }
    for _, part in ipairs(parts) do
        require("lunalloc." .. part).install(new, backend)
    end
    return new
end

return api
