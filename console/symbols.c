/*
 * symbols.c -- lunalloc.symbols: names of the functions at addresses of a process (this one, if no number is given), or
 * of a core file, with file and line where there is debugging information. lunalloc/naming.lua uses it, if libdw was
 * there at build time.
 *
 *     s = symbols.open([pid])  symbols.open_core(path)      or nil, message
 *     s = symbols.open_maps(text)   of a process that has ended: the lines of its /proc/PID/maps
 *     s:name(address)    "function+0x1f (file.c:12)", "function+0x1f"; nil if no function is known there
 *     s:call(address)    the same of the call before a return address
 *     s:close()
 *
 * Libdw reads the files that the process has mapped; the process itself is not stopped or touched. Names of C++ are
 * demangled if a C++ library is installed: it is loaded when the first such name is seen.
 */
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYMBOLS "lunalloc.symbols"

typedef struct {
    Dwfl *dwfl;
    Elf *elf; /* of a core file */
    int fd;   /* of a core file; else -1 */
} symbols_t;

static const char *
base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- C++ ---- */

typedef char *demangle_t(const char *name, char *buffer, size_t *size, int *status);

/* NULL if there is no C++ library. */
static demangle_t *
demangler(void) {
    static demangle_t *found;
    static int looked;
    if (!looked) {
        void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
        void *function = library != NULL ? dlsym(library, "__cxa_demangle") : NULL;
        memcpy(&found, &function, sizeof(found));
        looked = 1;
    }
    return found;
}

/* Pushes the name of a function as people write it, without the types of its parameters. */
static void
push_function(lua_State *L, const char *name) {
    demangle_t *demangle = strncmp(name, "_Z", 2) == 0 ? demangler() : NULL;
    char *plain = demangle != NULL ? demangle(name, NULL, NULL, NULL) : NULL;
    if (plain != NULL) {
        lua_pushstring(L, plain);
    } else {
        lua_pushlstring(L, name, strcspn(name, "@")); /* without the version: "malloc@@GLIBC_2.2.5" */
    }
    free(plain);
}

/* ---- one address ---- */

/* Pushes " (file.c:12)", or nothing. Returns how many values. */
static int
push_line(lua_State *L, Dwfl_Module *module, Dwarf_Addr address) {
    int line = 0;
    Dwfl_Line *found = dwfl_module_getsrc(module, address);
    const char *file = found != NULL ? dwfl_lineinfo(found, NULL, &line, NULL, NULL, NULL) : NULL;
    if (file == NULL) {
        return 0;
    }
    lua_pushfstring(L, " (%s:%d)", base_name(file), line);
    return 1;
}

/* Looks up an address, `back` bytes before the one that is shown. */
static int
push_name(lua_State *L, Dwarf_Addr back) {
    const symbols_t *symbols = luaL_checkudata(L, 1, SYMBOLS);
    Dwarf_Addr address = (Dwarf_Addr)luaL_checkinteger(L, 2) - back;
    Dwfl_Module *module = symbols->dwfl != NULL ? dwfl_addrmodule(symbols->dwfl, address) : NULL;
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char *name =
        module == NULL ? NULL : dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);
    if (name == NULL) {
        lua_pushnil(L);
        return 1;
    }
    char where[32];
    push_function(L, name);
    snprintf(where, sizeof where, "+0x%llx", (unsigned long long)(offset + back));
    lua_pushstring(L, where);
    lua_concat(L, 2 + push_line(L, module, address));
    return 1;
}

static int
symbols_name(lua_State *L) {
    return push_name(L, 0);
}

static int
symbols_call(lua_State *L) {
    return push_name(L, 1);
}

/* ---- opening and closing ---- */

static void
release(symbols_t *symbols) {
    if (symbols->dwfl != NULL) {
        dwfl_end(symbols->dwfl);
    }
    if (symbols->elf != NULL) {
        elf_end(symbols->elf);
    }
    if (symbols->fd >= 0) {
        close(symbols->fd);
    }
    *symbols = (symbols_t){.fd = -1};
}

static int
symbols_close(lua_State *L) {
    release(luaL_checkudata(L, 1, SYMBOLS));
    return 0;
}

static symbols_t *
push_symbols(lua_State *L) {
    symbols_t *symbols = lua_newuserdatauv(L, sizeof(*symbols), 0);
    *symbols = (symbols_t){.fd = -1};
    luaL_setmetatable(L, SYMBOLS);
    return symbols;
}

/* The object at the top, if libdw's list of modules is complete; else nil and its message. */
static int
finish(lua_State *L, symbols_t *symbols, int status) {
    if (status < 0 || dwfl_report_end(symbols->dwfl, NULL, NULL) != 0) {
        const char *why = dwfl_errmsg(-1);
        lua_pushnil(L);
        lua_pushfstring(L, "symbols: %s", why != NULL ? why : "no module was found");
        release(symbols);
        return 2;
    }
    return 1;
}

static const Dwfl_Callbacks of_process = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
};

static const Dwfl_Callbacks of_core = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
};

static int
open_process(lua_State *L) {
    lua_Integer pid = luaL_optinteger(L, 1, getpid());
    symbols_t *symbols = push_symbols(L);
    symbols->dwfl = dwfl_begin(&of_process);
    return finish(L, symbols, symbols->dwfl == NULL || dwfl_linux_proc_report(symbols->dwfl, (pid_t)pid) != 0 ? -1 : 0);
}

static int
open_core(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    symbols_t *symbols = push_symbols(L);
    symbols->fd = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    symbols->elf = symbols->fd < 0 ? NULL : elf_begin(symbols->fd, ELF_C_READ_MMAP, NULL);
    symbols->dwfl = symbols->elf == NULL ? NULL : dwfl_begin(&of_core);
    return finish(L, symbols, symbols->dwfl == NULL ? -1 : dwfl_core_file_report(symbols->dwfl, symbols->elf, NULL));
}

static int
open_maps(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    symbols_t *symbols = push_symbols(L);
    FILE *file = size == 0 ? NULL : fmemopen((void *)(uintptr_t)text, size, "r");
    symbols->dwfl = file == NULL ? NULL : dwfl_begin(&of_process);
    int status = symbols->dwfl == NULL ? -1 : dwfl_linux_proc_maps_report(symbols->dwfl, file);
    if (file != NULL) {
        fclose(file);
    }
    return finish(L, symbols, status != 0 ? -1 : 0);
}

__attribute__((visibility("default"))) int
luaopen_lunalloc_symbols(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"name", symbols_name}, {"call", symbols_call}, {"close", symbols_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"open", open_process}, {"open_core", open_core}, {"open_maps", open_maps}, {NULL, NULL}};
    luaL_newmetatable(L, SYMBOLS);
    lua_pushcfunction(L, symbols_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
