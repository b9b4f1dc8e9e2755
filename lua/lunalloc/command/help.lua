--- lunalloc help [NAME]: the list of commands, or the usage of one.

local command = require "lunalloc.command"

local function run(args)
    local _, words = command.options(args, {})
    if not words[1] then
        command.list()
        return
    end
    local found = command.load(words[1])
    if not found then
        command.stop("%s", command.unknown(words[1]))
    end
    print("usage: lunalloc " .. found.usage)
end

return {
    summary = "this list, or the usage of a command",
    usage = "help [NAME]\n\nLists the commands, or explains one.",
    run = run,
}
