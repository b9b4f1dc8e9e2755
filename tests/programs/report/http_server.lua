-- http_server.lua -- a server of the console's HTTP layer alone (console/http.c), for tests/programs/http.sh. It prints
-- its port, and answers each request with what it was, POSTs with the bytes of the body. /raise raises an error,
-- /nothing gives no answer, /wrong one that is none. It ends with SIGTERM, and prints how many errors run() raised.

local http = require "lunalloc.http"

local server <close> = assert(http.listen("127.0.0.1", 0, 4096))
local _, port = server:address()
print(port)
io.stdout:flush()

local function answer(method, path, accept, pid, request)
    if path == "/raise" then
        error "raised"
    elseif path == "/nothing" then
        return nil
    elseif path == "/wrong" then
        return 200, "text/plain", "x", "X-A: \r\nX-B", "1"
    elseif method == "POST" then
        return request.body and 200 or 413, "text/plain", ("%d %s"):format(#(request.body or ""),
            tostring(request.token)), "Cache-Control", "no-store"
    end
    return 200, "text/plain", ("%s %s %s %s %s"):format(method, path, tostring(accept), tostring(pid),
        tostring(request.host))
end

local errors = 0
while true do
    local ok, going = pcall(server.run, server, 1.0, answer)
    if ok and not going then
        break
    end
    errors = errors + (ok and 0 or 1)
end
server:close()
print("ended", errors)
