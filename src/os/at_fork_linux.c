/*
 * at_fork_linux.c -- registers handlers of fork with the C library itself: the shared library has a function of that
 * name, too (api/fork_first_shared.c). So this looks the function up, in the linker's list of loaded objects and in the
 * C library's hash table (DT_GNU_HASH). dlsym would do the same and map more of the C library.
 */
#include "os/process.h"

#include <link.h>
#include <pthread.h>

#pragma weak _r_debug

BOOT_CONSTANT static const char c_library[] = "libc.so.";
BOOT_CONSTANT static const char register_name[] = "__register_atfork";

/* The tables of an object that a lookup reads. */
typedef struct {
    const uint32_t *hash;
    const ElfW(Sym) * symbols;
    const char *names;
} tables_t;

/* The C library's own comparison lies in pages that a small program does not touch for anything else. */
static bool
begins_with(const char *text, const char *beginning) {
    size_t i = 0;
    while (beginning[i] != '\0' && text[i] == beginning[i]) {
        i++;
    }
    return beginning[i] == '\0';
}

static bool
is_same(const char *a, const char *b) {
    return begins_with(a, b) && begins_with(b, a);
}

static const char *
base_name(const char *path) {
    const char *base = path;
    for (; *path != '\0'; path++) {
        base = *path == '/' ? path + 1 : base;
    }
    return base;
}

static const struct link_map *
find_c_library(void) {
    const struct link_map *object = &_r_debug != NULL ? _r_debug.r_map : NULL;
    while (object != NULL && !begins_with(base_name(object->l_name), c_library)) {
        object = object->l_next;
    }
    return object;
}

/* The linker has turned the tables' addresses into those of this process. */
static tables_t
tables_of(const struct link_map *object) {
    tables_t tables = {0};
    for (const ElfW(Dyn) *entry = object->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_GNU_HASH) {
            tables.hash = (const uint32_t *)entry->d_un.d_ptr;
        } else if (entry->d_tag == DT_SYMTAB) {
            tables.symbols = (const ElfW(Sym) *)entry->d_un.d_ptr;
        } else if (entry->d_tag == DT_STRTAB) {
            tables.names = (const char *)entry->d_un.d_ptr;
        }
    }
    return tables;
}

static uint32_t
gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (; *name != '\0'; name++) {
        hash = hash * 33 + (uint8_t)*name;
    }
    return hash;
}

/*
 * The table: the number of buckets, the number of the first symbol in it, the words of a filter and a shift; the
 * filter; the buckets, each the number of its first symbol; a hash for each symbol, whose lowest bit ends its bucket.
 */
static const ElfW(Sym) * find_symbol(const tables_t *tables, const char *name) {
    uint32_t nbuckets = tables->hash[0], first = tables->hash[1], nfilter = tables->hash[2];
    const uint32_t *buckets = tables->hash + 4 + nfilter * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *hashes = buckets + nbuckets;
    uint32_t wanted = gnu_hash(name), i = buckets[wanted % nbuckets];
    if (i == 0) {
        return NULL;
    }
    do {
        const ElfW(Sym) *symbol = &tables->symbols[i];
        if ((hashes[i - first] | 1) == (wanted | 1) && is_same(tables->names + symbol->st_name, name)) {
            return symbol;
        }
    } while ((hashes[i++ - first] & 1) == 0);
    return NULL;
}

/* The function of the C library, also where others of that name precede it in the order of symbol search. NULL if there
 * is none, or no dynamic linking. */
static void *
c_library_function(const char *name) {
    const struct link_map *object = find_c_library();
    if (object == NULL) {
        return NULL;
    }
    tables_t tables = tables_of(object);
    const ElfW(Sym) *symbol = tables.hash != NULL ? find_symbol(&tables, name) : NULL;
    return symbol != NULL ? (void *)(object->l_addr + symbol->st_value) : NULL;
}

typedef int register_at_fork_t(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

/* What pthread_atfork calls, where the C library is glibc. pthread_atfork itself would be linked into the library,
 * behind all of its code, in a page that a small program touches for nothing else. */
__attribute__((weak)) register_at_fork_t __register_atfork;
/* The library that the handlers belong to; NULL: they stay for good, as the library does. The start files define it
 * where they are linked. */
__attribute__((weak, visibility("hidden"))) void *__dso_handle;

void
process_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    register_at_fork_t *enter;
    *(void **)&enter = c_library_function(register_name);
    enter = enter != NULL ? enter : __register_atfork;
    if (enter != NULL) {
        enter(prepare, parent, child, __dso_handle);
    } else {
        pthread_atfork(prepare, parent, child);
    }
}
