/*
 * http.c -- see http.h.
 *
 * libmicrohttpd calls respond() for each request, from MHD_run_wait(). Everything that can raise a Lua error runs in
 * one protected call there, so that no error jumps over the library's frames.
 */
#include "http.h"

#include <errno.h>
#include <lauxlib.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define SERVER "lunalloc.http.server"

enum {
    CONNECTIONS_MAX = 128,
    CONNECTION_MEMORY = 16 * 1024, /* bytes, for a request's head */
    IDLE_SECONDS = 10,
    BACKLOG = 128,
    BODY_MAX = 1 << 20 /* bytes that a caller may allow */
};

typedef struct {
    struct MHD_Daemon *daemon; /* NULL: closed */
    int socket;
    size_t body_max;         /* bytes of a request's body that are kept; 0: bodies are not read */
    lua_State *L;            /* of the run() that is in progress, whose stack is: server, seconds, answer; or NULL */
    bool failed;             /* an answer has raised an error, which is at the top of that stack */
    struct sigaction before; /* of SIGTERM */
} server_t;

static volatile sig_atomic_t terminated;

static void
on_sigterm(int signal_number) {
    (void)signal_number;
    terminated = 1;
}

static server_t *
check_server(lua_State *L) {
    server_t *server = luaL_checkudata(L, 1, SERVER);
    luaL_argcheck(L, server->daemon != NULL, 1, "the server is closed");
    return server;
}

/* ---- answering -------------------------------------------------------------------------------------------------- */

/* What a request has sent behind its head. */
typedef struct {
    size_t len; /* more than the most: too long, and not kept */
    char text[];
} body_t;

typedef struct {
    struct MHD_Connection *connection;
    const char *method, *path;
    const body_t *body;            /* NULL: not read */
    struct MHD_Response *response; /* out */
    unsigned status;               /* out */
} request_t;

static struct MHD_Response *
text_response(const char *text, size_t len) {
    union {
        const char *in;
        void *out; /* the library takes no const, but copies */
    } body = {.in = text};
    return MHD_create_response_from_buffer(len, body.out, MHD_RESPMEM_MUST_COPY);
}

/* The headers at `from` and up: name, value, name, value. */
static bool
add_headers(lua_State *L, struct MHD_Response *response, int from) {
    for (int i = from; !lua_isnoneornil(L, i); i += 2) {
        if (MHD_add_response_header(response, luaL_checkstring(L, i), luaL_checkstring(L, i + 1)) != MHD_YES) {
            return false;
        }
    }
    return true;
}

/* The answer's values are at 3 and up: status, content type, body, names and values of headers. */
static void
make_response(lua_State *L, request_t *request) {
    size_t len;
    request->status = (unsigned)luaL_checkinteger(L, 3);
    const char *type = luaL_checkstring(L, 4);
    const char *body = luaL_checklstring(L, 5, &len);
    request->response = text_response(body, len);
    if (request->response == NULL || MHD_add_response_header(request->response, "Content-Type", type) != MHD_YES ||
        !add_headers(L, request->response, 6)) {
        luaL_error(L, "no memory for the response");
    }
}

static void
push_details(lua_State *L, const request_t *request) {
    static const char *const headers[][2] = {{"host", "Host"}, {"origin", "Origin"}, {"token", "X-Lunalloc-Token"}};
    lua_createtable(L, 0, 4);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        lua_pushstring(L, MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, headers[i][1]));
        lua_setfield(L, -2, headers[i][0]);
    }
    if (request->body != NULL) {
        lua_pushlstring(L, request->body->text, request->body->len);
        lua_setfield(L, -2, "body");
    }
}

/* Protected. At 1: the request; at 2: the function that answers. */
static int
call_answer(lua_State *L) {
    request_t *request = lua_touserdata(L, 1);
    lua_pushvalue(L, 2);
    lua_pushstring(L, request->method);
    lua_pushstring(L, request->path);
    lua_pushstring(L, MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Accept"));
    lua_pushstring(L, MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "pid"));
    push_details(L, request);
    lua_call(L, 5, LUA_MULTRET);
    make_response(L, request);
    return 0;
}

/* The response of Lua's answer, or 500; *request gets it. */
static void
answer(server_t *server, request_t *request) {
    static const char sorry[] = "the exporter has failed\n";
    lua_State *L = server->L;
    bool room = lua_checkstack(L, LUA_MINSTACK);
    if (room) {
        lua_pushcfunction(L, call_answer);
        lua_pushlightuserdata(L, request);
        lua_pushvalue(L, 3);
    }
    if (room && lua_pcall(L, 2, 0, 0) == LUA_OK) {
        return;
    }
    if (request->response != NULL) {
        MHD_destroy_response(request->response);
    }
    server->failed = room;
    request->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    request->response = text_response(sorry, sizeof sorry - 1);
}

/* Keeps a piece of a body. */
static void
add_to_body(body_t *body, const char *piece, size_t size, size_t max) {
    if (body->len > max || size > max - body->len) {
        body->len = max + 1;
        return;
    }
    memcpy(body->text + body->len, piece, size);
    body->len += size;
}

static void
forget_body(void *context, struct MHD_Connection *connection, void **memory, enum MHD_RequestTerminationCode why) {
    (void)context, (void)connection, (void)why;
    free(*memory);
    *memory = NULL;
}

/* The library calls it first with the head of a request, then with its body, then without more: it is answered at once
 * if it has a body to be refused, and else at the last call, so that the connection can stay open. */
static enum MHD_Result
respond(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
        const char *piece, size_t *size, void **memory) {
    server_t *server = context;
    (void)version;
    bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    size_t max = reads ? 0 : server->body_max;
    if (*memory == NULL && (reads || max > 0)) {
        *memory = calloc(1, sizeof(body_t) + max);
        return *memory != NULL ? MHD_YES : MHD_NO;
    }
    if (*memory != NULL && *size > 0) {
        add_to_body(*memory, piece, *size, max);
        *size = 0;
        return MHD_YES;
    }
    const body_t *body = max > 0 ? *memory : NULL;
    request_t request = {
        .connection = connection, .method = method, .path = path, .body = body && body->len <= max ? body : NULL};
    if (server->failed) { /* the error has to be raised first; the client may try again */
        return MHD_NO;
    }
    answer(server, &request);
    if (request.response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(connection, request.status, request.response);
    MHD_destroy_response(request.response);
    return result;
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

static int
fail(lua_State *L, const char *host, int port, const char *why) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot listen on %s port %d: %s", host, port, why);
    return 2;
}

/* A socket that listens on the address; -1 and errno. */
static int
open_socket(const struct addrinfo *address) {
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A socket that listens there; -1 and a reason. */
static int
listen_at(const char *host, int port, const char **why) {
    char service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    snprintf(service, sizeof service, "%d", port);
    int error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        *why = gai_strerror(error);
        return -1;
    }
    int fd = open_socket(found);
    *why = strerror(errno);
    freeaddrinfo(found);
    return fd;
}

static struct MHD_Daemon *
start(server_t *server) {
    return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, respond, server, MHD_OPTION_LISTEN_SOCKET, server->socket,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                            MHD_OPTION_NOTIFY_COMPLETED, forget_body, NULL, MHD_OPTION_END);
}

static int
l_listen(lua_State *L) {
    const char *host = luaL_checkstring(L, 1);
    int port = (int)luaL_checkinteger(L, 2);
    lua_Integer body_max = luaL_optinteger(L, 3, 0);
    luaL_argcheck(L, body_max >= 0 && body_max <= BODY_MAX, 3, "bytes, 0 to 1 MiB");
    const char *why;
    server_t *server = lua_newuserdatauv(L, sizeof *server, 0);
    *server = (server_t){.socket = -1, .body_max = (size_t)body_max};
    luaL_setmetatable(L, SERVER);
    server->socket = listen_at(host, port, &why);
    if (server->socket < 0) {
        return fail(L, host, port, why);
    }
    server->daemon = start(server);
    if (server->daemon == NULL) {
        close(server->socket);
        return fail(L, host, port, "libmicrohttpd cannot start");
    }
    terminated = 0;
    struct sigaction action = {.sa_handler = on_sigterm};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, &server->before);
    return 1;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static bool
is_loopback(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET6) {
        const struct in6_addr *ip = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(ip);
    }
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

static int
server_address(lua_State *L) {
    const server_t *server = check_server(L);
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[128] = "?", port[16] = "0";
    getsockname(server->socket, (struct sockaddr *)&address, &len);
    getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    lua_pushstring(L, host);
    lua_pushinteger(L, (lua_Integer)strtol(port, NULL, 10));
    lua_pushboolean(L, is_loopback(&address));
    return 3;
}

static int
server_run(lua_State *L) {
    server_t *server = check_server(L);
    lua_Number seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 2, "seconds, 0 to 3600");
    luaL_checktype(L, 3, LUA_TFUNCTION);
    luaL_argcheck(L, server->L == NULL, 1, "the server runs already");
    lua_settop(L, 3);
    server->L = L;
    server->failed = false;
    bool good = terminated || MHD_run_wait(server->daemon, (int32_t)(seconds * 1000)) == MHD_YES;
    server->L = NULL;
    if (server->failed) {
        return lua_error(L);
    }
    lua_pushboolean(L, good && !terminated);
    return 1;
}

static int
server_close(lua_State *L) {
    server_t *server = luaL_checkudata(L, 1, SERVER);
    luaL_argcheck(L, server->L == NULL, 1, "the server runs");
    if (server->daemon != NULL) {
        sigaction(SIGTERM, &server->before, NULL);
        MHD_stop_daemon(server->daemon); /* closes the socket, too */
        server->daemon = NULL;
    }
    return 0;
}

/* ---- functions beside a server ---------------------------------------------------------------------------------- */

static int
l_clock(lua_State *L) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

static int
l_gzip(lua_State *L) {
    enum {
        GZIP = 16
    }; /* added to the window's size: gzip's format */
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len < 1u << 30, 1, "longer than 1 GiB");
    luaL_Buffer out;
    uLong most = compressBound((uLong)len) + 64;
    char *to = luaL_buffinitsize(L, &out, most);
    z_stream stream = {.avail_in = (uInt)len, .next_out = (Bytef *)to, .avail_out = (uInt)most};
    stream.next_in = (z_const Bytef *)(uintptr_t)text;
    bool good = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, MAX_MEM_LEVEL,
                             Z_DEFAULT_STRATEGY) == Z_OK;
    good = good && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&stream);
    if (!good) {
        return luaL_error(L, "gzip: no memory");
    }
    luaL_pushresultsize(&out, stream.total_out);
    return 1;
}

int
luaopen_lunalloc_http(lua_State *L) {
    static const luaL_Reg functions[] = {{"listen", l_listen}, {"clock", l_clock}, {"gzip", l_gzip}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__gc", server_close}, {"__close", server_close}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"address", server_address}, {"run", server_run}, {"close", server_close}, {NULL, NULL}};
    luaL_newmetatable(L, SERVER);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
