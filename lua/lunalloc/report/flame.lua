--- Stacks as a tree for the flame graph: bytes in use by the profiler's samples, the waste that they keep from being
--- given back, and what they allocated in all.
---
--- A tree holds so many stacks, and so many bytes of JSON, as a report may have: the largest first. The others are one
--- frame, "rest".

local given = require "lunalloc.report.given"
local limits = require "lunalloc.report.limits"
local samples = require "lunalloc.samples"
local text = require "lunalloc.report.text"

local Tree = {}
Tree.__index = Tree

local flame = {}

--- views: an array of { name =, unit = }.
function flame.new(views)
    local tree = setmetatable({ names = { "all" }, known = { all = 0 }, parents = { 0 }, functions = { 0 },
        children = { {} }, bytes = 0, views = {} }, Tree)
    for v, view in ipairs(views) do
        tree.views[v] = { name = view.name, unit = view.unit, values = { 0 } }
    end
    return tree
end

--- The index of a name, from 0.
function Tree:name(name)
    if not self.known[name] then
        self.known[name] = #self.names
        self.names[#self.names + 1] = name
        self.bytes = self.bytes + #name + 3
    end
    return self.known[name]
end

--- The node, from 1, of a function below another node.
function Tree:child(node, name)
    local index = self:name(name)
    local child = self.children[node][index]
    if not child then
        child = #self.parents + 1
        self.children[node][index], self.children[child] = child, {}
        self.parents[child], self.functions[child] = node - 1, index
        for _, view in ipairs(self.views) do
            view.values[child] = 0
        end
        self.bytes = self.bytes + 18 + 3 * #self.views
    end
    return child
end

--- Adds values, one for each view, to a stack: names from the outermost to the innermost function.
function Tree:add(frames, values)
    local node = 1
    for _, frame in ipairs(frames) do
        node = self:child(node, frame)
    end
    for v, view in ipairs(self.views) do
        view.values[node] = view.values[node] + math.floor((values[v] or 0) + 0.5)
        self.bytes = self.bytes + 8
    end
end

local function size_of(frames)
    local bytes = 0
    for _, frame in ipairs(frames) do
        bytes = bytes + #frame + 24
    end
    return bytes
end

local function sum_of(stack)
    local sum = 0
    for _, value in pairs(stack.values) do
        sum = sum + value
    end
    return sum
end

--- Adds stacks { frames =, values = }, the largest first, as long as there is room; then the rest. Returns how many are
--- in the rest.
function Tree:add_all(stacks)
    local rest, left = {}, 0
    table.sort(stacks, function(a, b) return sum_of(a) > sum_of(b) end)
    for i, stack in ipairs(stacks) do
        if i <= limits.stacks and self.bytes + size_of(stack.frames) <= limits.flame_bytes then
            self:add(stack.frames, stack.values)
        else
            left = left + 1
            for v in ipairs(self.views) do
                rest[v] = (rest[v] or 0) + (stack.values[v] or 0)
            end
        end
    end
    if left > 0 then
        self:add({ ("rest: %d stacks"):format(left) }, rest)
    end
    return left
end

function Tree:chart(title, rest)
    return { kind = "flame", title = title, names = self.names, parents = self.parents, functions = self.functions,
        views = self.views, rest = rest }
end

--- Frames from names, innermost first; functions without offsets, each once where it calls itself.
function flame.frames(names, private)
    local frames = {}
    for i = #names, 1, -1 do
        local name = text.name(samples.frame_of(names[i] or "?"), private)
        frames[#frames + 1] = name ~= frames[#frames] and name or nil
    end
    return frames
end

--- Values of stacks by their frames, so that two sources can be put beside each other.
local function collect(stacks, known, names, view, value, private)
    local frames = flame.frames(names, private)
    local key = table.concat(frames, "\n")
    local stack = known[key]
    if not stack then
        stack = { frames = frames, values = {} }
        known[key], stacks[#stacks + 1] = stack, stack
    end
    stack.values[view] = (stack.values[view] or 0) + value
end

--- The chart of collected stacks: a view for each of the names.
local function chart_of(stacks, names, title)
    local views = {}
    for i, name in ipairs(names) do
        views[i] = { name = name, unit = "bytes" }
    end
    local tree = flame.new(views)
    local rest = tree:add_all(stacks)
    return tree:chart(title, rest)
end

--- What each stack has allocated since the profiler was switched on, as rows for flame.allocated(); nil if the process
--- does not tell.
local function accumulated(t)
    return t.prof.stacks and t.prof.stacks() or nil
end

--- The section of a process's profile, with what was allocated if it is asked for; nil and why if there is none.
function flame.section(t, private, allocated)
    local groups, message = t.prof.samples():by "stack"
    if not groups then
        return nil, message
    elseif #groups == 0 then
        return nil, "the profiler has no samples: prof.start() switches it on"
    end
    local stacks, known, names = {}, {}, { "in use", "waste" }
    for _, group in ipairs(groups) do
        collect(stacks, known, group.stack, 1, group.bytes, private)
    end
    for _, row in ipairs(t.waste { by = "stack" } or {}) do
        if row.stack then
            collect(stacks, known, row.stack, 2, row.bytes, private)
        end
    end
    for _, row in ipairs(allocated and accumulated(t) or {}) do
        names[3] = "allocated"
        collect(stacks, known, row.stack, 3, row.bytes, private)
    end
    return { id = "flame", title = "Code",
        charts = { chart_of(stacks, names, "Flame graph: which code allocated what lives") },
        note = ("%d stacks of the sampling profiler; bytes are estimates."):format(#groups) }
end

--- The section of sums by stack: rows { stack = names, innermost first, count =, bytes =, live_count =, live_bytes = },
--- of all that was allocated and of what of it lives. nil and why.
function flame.allocated(rows, private)
    local stacks, known = {}, {}
    for _, row in ipairs(rows) do
        if type(row.stack) == "table" then
            collect(stacks, known, row.stack, 1, given.number(row.bytes) or 0, private)
            collect(stacks, known, row.stack, 2, given.number(row.live_bytes) or 0, private)
        end
    end
    if #stacks == 0 then
        return nil, "it has no stacks"
    end
    return { id = "flame", title = "Code",
        charts = { chart_of(stacks, { "allocated", "in use" }, "Flame graph: which code allocated") },
        note = ("%d stacks of the sampling profiler; bytes are estimates."):format(#stacks) }
end

return flame
