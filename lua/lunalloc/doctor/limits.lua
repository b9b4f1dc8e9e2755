--- From which size on a finding is worth a word. All thresholds of the doctor are here.
---
--- A process that is well must get no finding. So memory is reported only if it is much in itself and much of the
--- process, and only what stayed while the doctor watched: pages that are reused within that time are no waste.

return {
    -- Every finding about memory: both must hold.
    bytes = 4 << 20,  -- at least 4 MiB
    share = 0.05,     -- at least 5 % of the process's resident memory

    -- The watch.
    seconds = 1.0,    -- how long the doctor watches, unless told otherwise
    pictures = 25,    -- how many snapshots it takes meanwhile
    history = 60,     -- seconds of the agent's history that must agree

    scattered_share = 0.75, -- of the dirty bytes in extents that are too small for what is requested
    long_decay_ms = 60000, -- a decay time that keeps pages longer than this needs a reason
    used_share = 0.5,      -- a class whose slabs are used less than this is fragmented
    cached = 16 << 10,     -- a cache with less is not worth a word
    idle_requests = 0.1,   -- a thread that requests fewer objects than this share of its cache would not miss it
    slabs = 500,           -- of a class that are looked at one by one
    pages = 1000,          -- of these slabs that are looked at, for whether they are free
    lookups = 8000,        -- of regions of a class, for that
    remedy_share = 0.05,   -- of a finding, or
    remedy_bytes = 1 << 20, -- so much: a remedy that gives back less is none
    pinned_share = 0.5,    -- a stack that answers for this share of a fragmented class is named as its cause

    threads_per_arena = 0.5, -- fewer threads than this for an arena: there are too many arenas
    arenas_at_least = 8,     -- fewer arenas than this are never too many

    wait_share = 0.03,     -- of the threads' time spent waiting for the locks of one class
    waits_at_least = 50,   -- waits while the doctor watched; fewer are chance

    space_share = 0.5,     -- of a limit of address space in use

    zeros = 400,           -- pages that are looked at, for whether they hold zeros only
    zero_share = 0.5,      -- of them: huge pages are in part use

    foreign_share = 0.3,   -- of the resident memory: not the allocator's, nor a file's
    foreign_bytes = 16 << 20,

    prof_lg_sample = 12,   -- sampling more often than each 2^12 bytes costs time that programs notice
    refault_share = 0.5,   -- purged per second, as a share of what may stay dirty: pages that come back at once
}
