--- lunalloc run: starts a program on the allocator, with an agent to which the other commands attach.

local command = require "lunalloc.command"

local USAGE <const> = [=[
run [--conf SETTINGS] [--agent MODE] [--record FILE [--for TIME] [--mode MODE] [--max-size SIZE]] [--]
    COMMAND [ARGUMENT...]

Runs the command with the allocator preloaded (LD_PRELOAD) and an agent in it, so that the other commands see into it.
Programs that it starts run in the same way. The exit status is the command's.

  --conf SETTINGS   settings of LUNALLOC_CONF, such as dirty_decay_ms:500,narenas:4; they are checked first.
                    Those of the environment's LUNALLOC_CONF remain where they are not set here
  --agent MODE      true (default): settings can be changed; read-only: they cannot; never: there is no agent
  --record FILE     records the command's calls from the first one as a trace; of a script, the calls of the program
                    that runs it. --for, --mode, --max-size, --rings, --ring-size: as of lunalloc record]=]

local agents <const> = { ["true"] = true, ["read-only"] = true, never = true }

local function quoted(text)
    return "'" .. text:gsub("'", [['\'']]) .. "'"
end

--- What the library says of the settings, a line for each bad one, in a process that does nothing else.
local function complaints(library, conf)
    local pipe <close> = io.popen(("LUNALLOC_CONF=%s LD_PRELOAD=%s MALLOC_CONF= sh -c : 2>&1"):format(quoted(conf),
        quoted(library)))
    return pipe and pipe:read("a") or ""
end

local function check_conf(library, conf)
    local problem = complaints(library, conf):match "^[^\n]+"
    if problem then
        command.stop("run: %s", (problem:gsub("^lunalloc: ", "")))
    end
end

local function warn(format, ...)
    io.stderr:write("lunalloc: run: ", format:format(...), "\n")
end

local reasons <const> = {
    static = "'%s' is statically linked: the allocator cannot be preloaded into it",
    ["set-uid"] = "'%s' gains rights (set-uid or capabilities): the system does not preload the allocator into it",
}

--- Warns of a program that will not run on the allocator.
local function warn_of(exec, path)
    local kind, interpreter = exec.describe(path)
    if kind == "script" and interpreter ~= "" then
        kind, path = exec.describe(interpreter), interpreter
    end
    if reasons[kind] then
        warn(reasons[kind], path)
    end
end

--- Those of the texts that are there, with the separator between them.
local function joined(separator, ...)
    local parts = {}
    for i = 1, select("#", ...) do
        local part = select(i, ...)
        parts[#parts + 1] = part ~= "" and part or nil
    end
    return table.concat(parts, separator)
end

--- LD_PRELOAD with the library in front.
local function preload(library)
    local present = os.getenv "LD_PRELOAD"
    for path in (present or ""):gmatch "[^:%s]+" do
        if path == library then
            return present
        end
    end
    return joined(":", library, present)
end

--- The library, and the settings that the command gets.
local function settings_of(exec, options)
    local agent = options.agent or "true"
    local library = command.try(exec.library())
    if library:find "[:%s]" then
        command.stop("run: LD_PRELOAD cannot name '%s', whose path has blanks or colons", library)
    end
    local conf = joined(",", os.getenv "LUNALLOC_CONF", options.conf)
    if options.agent or not conf:find "%f[%w]agent:" then
        conf = joined(",", conf, "agent:" .. agent)
    end
    check_conf(library, conf)
    return library, conf
end

local function check(options, words)
    if not words[1] then
        command.misuse("run: which command?")
    elseif options.agent and not agents[options.agent] then
        command.misuse("run: --agent is true, read-only or never, not '%s'", options.agent)
    end
    for _, name in ipairs { "for", "mode", "max-size", "rings", "ring-size" } do
        if options[name] and not options.record then
            command.misuse("run: --%s goes with --record", name)
        end
    end
end

local function run(args)
    local exec = require "lunalloc.exec"
    local spec = { "first", conf = { kind = "text", short = "c" }, agent = "text", record = "text" }
    for name, kind in pairs(require "lunalloc.command.record".shared.SPEC) do
        spec[name] = name ~= "o" and kind or nil
    end
    local options, words = command.options(args, spec)
    check(options, words)
    local library, conf = settings_of(exec, options)
    local path = command.try(exec.find(words[1]))
    warn_of(exec, path)
    exec.setenv("LD_PRELOAD", preload(library))
    exec.setenv("LUNALLOC_CONF", conf)
    if options.record then
        return require "lunalloc.command.record".shared.run(exec, options, path, words, conf)
    end
    command.try(exec.replace(path, words))
end

return { summary = "starts a program on the allocator, ready to be attached to", usage = USAGE, run = run }
