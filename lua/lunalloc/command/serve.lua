--- lunalloc serve: an exporter for Prometheus, pprof and their like, beside the processes.

local command = require "lunalloc.command"

local USAGE <const> = [[
serve [TARGET...] [--all] [--listen ADDRESS:PORT] [--interval TIME] [--web] [--write]

Serves the figures of processes over HTTP, and changes nothing in them:

  /metrics            counters of all of them, labelled with pid and command, for Prometheus
  /debug/pprof/heap   the heap profile of one (?pid=), for pprof, Pyroscope or Parca; it must be switched on:
                      lunalloc prof TARGET start
  /healthz, /         ok; a page with links

A TARGET is a pid, or the name of processes: one that appears later is served, too.

  --all               every process that can be attached, also those that appear later
  --listen A:P        where; [::1]:9177, or 0.0.0.0:9177 for other machines; port 0 is any that is free
                      (default 127.0.0.1:9177). Whoever can connect can read: there is no password
  --interval TIME     figures are read when they are asked for, at most once in that time (default 1s)
  --web               besides, a page for a browser that shows one process while it runs, as lunalloc report does. Its
                      address has a secret token; only this machine can connect
  --write             the page can change settings and purge

Ctrl-C or SIGTERM ends it.]]

local DEFAULT <const> = "127.0.0.1:9177"
local TURN <const> = 1 -- seconds between two looks at whether to end

--- Host and port of "127.0.0.1:9177" or "[::1]:9177".
local function address_of(text)
    local host, port = text:match "^%[([%x:.%%%w]+)%]:(%d+)$"
    if not host then
        host, port = text:match "^([^:%s]+):(%d+)$"
    end
    port = math.tointeger(tonumber(port))
    if not port or port > 65535 then
        command.misuse("serve: --listen takes ADDRESS:PORT, such as %s or [::1]:9177, not '%s'", DEFAULT, text)
    end
    return host, port
end

local function load_http()
    local found, http = pcall(require, "lunalloc.http")
    if not found then
        command.stop("serve: this console was built without libmicrohttpd or zlib (Debian: libmicrohttpd-dev, " ..
            "zlib1g-dev)")
    end
    return http
end

local function url_of(server)
    local host, port, loopback = server:address()
    return ("http://%s:%d/"):format(host:find(":", 1, true) and "[" .. host .. "]" or host, port), loopback
end

--- Attaches what is named. A pid must be there; a name may appear later.
local function attach_all(exporter)
    for _, word in ipairs(exporter.words) do
        local ok, message = exporter:add(word)
        if not ok and tonumber(word) then
            command.stop("%s", message)
        elseif not ok then
            io.stderr:write("lunalloc: serve: ", message, "; waiting for it\n")
        end
    end
end

--- The page of the one process that is named; nil without --web.
local function page_of(options, words, server, la, http)
    if not options.web then
        return nil
    end
    local host, port, loopback = server:address()
    if not loopback then
        command.stop("serve: --web is for this machine alone: --listen 127.0.0.1:%d", port)
    end
    host = host:find(":", 1, true) and "[" .. host .. "]" or host
    return command.try(require("lunalloc.report.live").new { write = options.write, clock = http.clock,
        t = command.try(la.attach(math.tointeger(tonumber(words[1])) or words[1])), interval = options.interval or 1,
        hosts = { ("%s:%d"):format(host, port), ("localhost:%d"):format(port) } })
end

local function announce(server, exporter, page)
    local url, loopback = url_of(server)
    if not loopback then
        io.stderr:write("lunalloc: serve: other machines can read this: ", url, " is not a loopback address\n")
    end
    exporter:refresh()
    print(("serving %d %s on %smetrics"):format(#exporter.targets,
        #exporter.targets == 1 and "process" or "processes", url))
    if page then
        print(("a live page%s: %s%s"):format(page.write and ", which can change settings" or "", url,
            page.path:sub(2)))
    end
    io.stdout:flush()
end

--- Serves until SIGTERM or Ctrl-C. A mistake of ours in one answer ends that answer only.
local function serve(server, exporter, page)
    local function answer(method, path, accept, pid, request)
        local results = page and table.pack(page:answer(method, path, request))
        if results and results[1] then
            return table.unpack(results, 1, results.n)
        end
        return exporter:answer(method, path, accept, pid)
    end
    while true do
        local ok, more = pcall(server.run, server, TURN, answer)
        if ok and not more or not ok and tostring(more):find("interrupted!", 1, true) then
            return
        elseif not ok then
            io.stderr:write("lunalloc: serve: ", tostring(more), "\n")
        end
    end
end

local function run(args)
    local la = require "lunalloc"
    local options, words = command.options(args, { all = "flag", listen = "text", interval = "time", web = "flag",
        write = "flag" })
    if #words == 0 and not options.all then
        command.misuse("serve: which processes? pids, names, or --all")
    end
    if options.web and #words ~= 1 or options.write and not options.web then
        command.misuse(options.web and "serve: --web shows one process: name one" or "serve: --write is for --web")
    end
    local host, port = address_of(options.listen or DEFAULT)
    local http = load_http()
    local exporter = require("lunalloc.exporter").new { words = words, attach = la.attach, ps = la.ps,
        clock = http.clock, gzip = http.gzip, all = options.all, interval = options.interval or 1 }
    attach_all(exporter)
    local server <close> = command.try(http.listen(host, port,
        options.web and require("lunalloc.report.live").BODY_MAX or 0))
    local page = page_of(options, words, server, la, http)
    announce(server, exporter, page)
    serve(server, exporter, page)
end

return { summary = "figures of processes over HTTP, for Prometheus and pprof", usage = USAGE, run = run }
