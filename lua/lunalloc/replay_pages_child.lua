--- The program that a replay of pages runs in a child process: it replies the result of lunalloc.pages (lua/pages/).

local child = require "lunalloc.child"

local job = assert(load(io.read "a", "=job", "t", {}))()
local ok, pages = pcall(require, "lunalloc.pages")
if not ok then
    child.fail "lunalloc/pages.so is not in package.cpath"
    os.exit(1)
end
local start = os.clock()
local result, message = pages.run(job.trace, job.settings)
if not result then
    child.fail(message)
    os.exit(1)
end
result.took = os.clock() - start
child.reply(result)
