--- The public functions over a backend: the access to one allocator, in this process or elsewhere.
---
--- Use api.new(backend) to get a table such as `la` for another backend. A backend is a table of primitives; that of
--- this process is `lunalloc.core`:
---
---     get(name)  set(name[, value])  row(name)  rows()  source(name)  limit(name)  suggest(name)
---     with(names, values)    sets all or none, and returns a guard that restores them: restore(), __close
---     arena_create(keys, values, counting)    creates an arena with all of these settings, or none: its index
---     extents(arena, state, slab, min_size, szind, fields)    a walker: next(), fill(table), close()
---     find(address)  sizeclasses()  sizeclass(bytes)  stats([arena])  report([opts])  reconcile()
---     samples([place])    a batch of samples, and the place of the next batch;  symbol(address)
---     fill_samples(set)   adds all samples to a set of the core (core.new_sample_set); may be missing
---     threads([place])  moments([place])  marks([place])    likewise
---
--- Each returns nil, message, code on failure. Only that of this process has hooks_counts(arena). Nothing here knows
--- which process the backend reaches.

local api = {}

local parts = {
    "settings", "extents", "arena", "stats", "prof", "waste", "doctor", "attach", "threads", "purge", "history", "conf",
    "instant", "record", "map", "report",
}

function api.new(backend)
    local new = {
        ctl = require("lunalloc.ctl").new(backend),
        sizeclasses = backend.sizeclasses, -- an array of tables; class i is at i + 1
        sizeclass = backend.sizeclass, -- the index and the size of the class for a request of n bytes, or "64K"
        find = backend.find, -- the extent, class and region of an address: an integer, buffer or light userdata
    }
    for _, part in ipairs(parts) do
        require("lunalloc." .. part).install(new, backend)
    end
    return new
end

return api
