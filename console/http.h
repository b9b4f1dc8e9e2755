/*
 * http.h -- a small HTTP server for Lua, on libmicrohttpd and zlib: the module "lunalloc.http", for `lunalloc serve`.
 *
 *     server, message = http.listen(host, port[, body_max])
 *                                                 host: a numeric address or a name; port 0: any that is free;
 *                                                 body_max: bytes of a request's body, 0 if it is left out
 *     server:address()                            host, port, and whether the address is a loopback one
 *     server:run(seconds, answer)                 handles what arrives, and waits for at most that long; false after
 *                                                 SIGTERM. Returns early, so it is called in a loop
 *     server:close()
 *     http.clock()                                seconds, of a clock that never goes back
 *     http.gzip(text)                             the text in gzip's format
 *
 * For each request, answer(method, path, accept, pid, request) is called, with the header Accept and the query's
 * argument pid, or nil; request has the headers host, origin and token (X-Lunalloc-Token), as far as they were sent,
 * and the body. It returns a status, a content type, a body, and optionally names and values of further headers. An
 * error in it becomes a response 500, and is raised by run(). A body that is too long is nil.
 *
 * One thread does all: requests wait while Lua runs. Connections, their memory and their idle time are bounded. While a
 * server is open, SIGTERM does not end the process.
 *
 * It is a shared object of its own, so that no other use of the console loads the library. The build leaves it out
 * where one of the libraries is missing.
 */
#ifndef CONSOLE_HTTP_H
#define CONSOLE_HTTP_H

#include <lua.h>

/* Opens the module: pushes its table. */
__attribute__((visibility("default"))) int luaopen_lunalloc_http(lua_State *L);

#endif
