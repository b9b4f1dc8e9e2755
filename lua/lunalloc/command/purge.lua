--- lunalloc purge: gives back the memory that a process can do without.

local command = require "lunalloc.command"

local USAGE <const> = [[
purge TARGET [--all] [--timeout TIME] [--json]

Asks every thread of a process to empty its cache, then gives all free pages back to the system, also those of slabs in
part use. Prints resident memory before and after, and the threads that keep their caches because they sleep.
A TARGET is a pid or the name of a process.

  --all            also address space that holds nothing
  --timeout TIME   how long threads are waited for (default 1s)]]

local function run(args)
    local options, words = command.options(args, { all = "flag", timeout = "time", json = "flag" })
    command.no_more(words, 1)
    local t <close> = command.target(words[1])
    local result = command.try(t.purge { all = options.all, timeout = options.timeout })
    print(options.json and command.json(result) or tostring(result))
end

return { summary = "gives back all free memory, also that of threads' caches", usage = USAGE, run = run }
