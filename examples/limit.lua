-- limit.lua: a script that limits itself. Its state moves onto an arena of its own, with a hard limit and with accounts
-- by name and by type. For any Lua 5.4:
--   lua5.4 limit.lua
local la = require "lunalloc"
local meter <close> = assert(la.adopt { limit = "8M" })

local function kib(bytes) return ("%5.0f KiB"):format(bytes / 1024) end

-- Accounts: what a scope allocates is charged to its name, until it is freed.
local words, index = {}, {}
do
    local _ <close> = meter:scope "words"
    for i = 1, 10000 do
        words[i] = ("word %06d"):format(i)
    end
end
do
    local _ <close> = meter:scope "index"
    for i, word in ipairs(words) do
        index[word] = { first = i, last = i }
    end
end
local stats = meter:stats()
print("words   " .. kib(stats.scopes.words))
print("index   " .. kib(stats.scopes.index))
print("strings " .. kib(stats.by_type.string))
print("tables  " .. kib(stats.by_type.table))
print(index["word 000042"].first)

-- The limit: an error like any other, and the script goes on.
local _, problem = pcall(function()
    local all = {}
    while true do
        all[#all + 1] = ("x"):rep(1000) .. #all
    end
end)
print("then    " .. problem)
collectgarbage()
stats = meter:stats()
print("peak    " .. kib(stats.peak))
print("now     " .. kib(stats.allocated))
