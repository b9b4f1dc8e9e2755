--- Size classes, and what an address belongs to: the backend's primitives as they stand.

local inspect = {}

--- Adds the functions to `api`.
function inspect.install(api, backend)
    api.sizeclasses = backend.sizeclasses -- array of records; class i is at i + 1
    api.sizeclass = backend.sizeclass -- index and usable size for a request of n bytes, or "64K"
    api.find = backend.find -- what an integer, buffer or light userdata points at
end

return inspect
