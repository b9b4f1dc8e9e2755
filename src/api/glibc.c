/*
 * glibc.c -- functions of glibc beside allocation that are replaced, too: statistics, reports, settings, the return of
 * free memory, and dlopen. Without these, a program that reads statistics would get those of the C library's unused
 * heap.
 *
 * mallopt applies the parameters that have a counterpart here, and returns 0 for the others.
 */
#include "api/init.h"
#include "arena/arenas.h"
#include "base/fmt.h"
#include "base/options.h"
#include "lunalloc.h"
#include "os/system.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>

#if LUNALLOC_REPLACE

/* Bytes that are resident, or that the system may take. */
static size_t
held(const lunalloc_stats_t *stats) {
    return stats->active + stats->dirty + stats->muzzy;
}

/* ---- the return of free memory ---- */

/* Purges all free pages. `pad`, the bytes that glibc keeps at the top of its heap, has no meaning here. 1 if any pages
 * were purged. */
static int
lunalloc_trim(size_t pad) {
    lunalloc_stats_t before, after;
    (void)pad;
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    lunalloc_stats(LUNALLOC_ALL, &before);
    lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
    lunalloc_stats(LUNALLOC_ALL, &after);
    return held(&after) < held(&before);
}

/* ---- statistics ---- */

static struct mallinfo2
lunalloc_mallinfo2(void) {
    lunalloc_stats_t stats = {0};
    lunalloc_stats(LUNALLOC_ALL, &stats);
    return (struct mallinfo2){
        .arena = held(&stats),
        .ordblks = stats.nextents,
        .fsmblks = stats.cached,
        .uordblks = stats.allocated,
        .fordblks = held(&stats) - stats.allocated,
        .keepcost = stats.dirty + stats.muzzy,
    };
}

static int
clipped(size_t value) {
    return value < INT_MAX ? (int)value : INT_MAX;
}

/* The older form, of type int: more than 2 GiB read as 2 GiB. */
static struct mallinfo
lunalloc_mallinfo(void) {
    struct mallinfo2 info = lunalloc_mallinfo2();
    return (struct mallinfo){
        .arena = clipped(info.arena),
        .ordblks = clipped(info.ordblks),
        .fsmblks = clipped(info.fsmblks),
        .uordblks = clipped(info.uordblks),
        .fordblks = clipped(info.fordblks),
        .keepcost = clipped(info.keepcost),
    };
}

/* ---- reports ---- */

static void
lunalloc_print_stats(void) {
    malloc_stats_print(NULL, NULL, NULL);
}

static void
put_sized(fmt_t *out, const char *element, const char *type, uint64_t count, uint64_t size) {
    fmt_char(out, '<');
    fmt_str(out, element);
    fmt_str(out, " type=\"");
    fmt_str(out, type);
    if (count != UINT64_MAX) {
        fmt_str(out, "\" count=\"");
        fmt_u64(out, count);
    }
    fmt_str(out, "\" size=\"");
    fmt_u64(out, size);
    fmt_str(out, "\"/>\n");
}

static void
put_counters(fmt_t *out, const lunalloc_stats_t *stats) {
    put_sized(out, "total", "fast", 0, stats->cached);
    put_sized(out, "total", "rest", stats->nextents, stats->dirty + stats->muzzy);
    put_sized(out, "system", "current", UINT64_MAX, held(stats));
    put_sized(out, "aspace", "total", UINT64_MAX, held(stats) + stats->retained);
}

typedef int put_text_t(const char *text, FILE *stream);

static void
put_arenas(put_text_t *put, FILE *stream) {
    char text[512];
    for (uint32_t i = 0; i < arenas_count(); i++) {
        lunalloc_stats_t stats;
        if (lunalloc_stats(i, &stats) == 0) {
            fmt_t out = fmt_begin(text, sizeof text);
            fmt_str(&out, "<heap nr=\"");
            fmt_u64(&out, i);
            fmt_str(&out, "\">\n<sizes>\n</sizes>\n");
            put_counters(&out, &stats);
            fmt_str(&out, "</heap>\n");
            put(text, stream);
        }
    }
}

/* Writes XML in glibc's form; an arena is a heap. fputs is looked up at the call, so that no other process pays for a
 * reference to it. */
static int
lunalloc_info(int none, FILE *stream) {
    char text[512];
    put_text_t *put = NULL;
    lunalloc_stats_t stats = {0};
    system_find_function(NULL, "fputs", &put);
    if (none != 0 || put == NULL) {
        errno = none != 0 ? EINVAL : ENOSYS;
        return -1;
    }
    put("<malloc version=\"1\">\n", stream);
    put_arenas(put, stream);
    lunalloc_stats(LUNALLOC_ALL, &stats);
    fmt_t out = fmt_begin(text, sizeof text);
    put_counters(&out, &stats);
    fmt_str(&out, "</malloc>\n");
    put(text, stream);
    return 0;
}

/* ---- settings ---- */

static int
set_arenas(int n) {
    char text[24];
    fmt_t out = fmt_begin(text, sizeof text);
    fmt_i64(&out, n);
    return lunalloc_ctl_set("arenas.nauto", text, NULL, 0) == 0;
}

static int
lunalloc_mallopt(int param, int value) {
    switch (param) {
    case M_ARENA_MAX:
        return set_arenas(value);
    case M_PERTURB:
        return lunalloc_ctl_set("arenas.junk", value != 0 ? "true" : "false", NULL, 0) == 0;
    default:
        return 0;
    }
}

#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

int malloc_trim(size_t pad) REPLACES(trim);
struct mallinfo2 mallinfo2(void) REPLACES(mallinfo2);
struct mallinfo mallinfo(void) REPLACES(mallinfo);
void malloc_stats(void) REPLACES(print_stats);
int malloc_info(int options, FILE *stream) REPLACES(info);
int mallopt(int param, int value) REPLACES(mallopt);

/*
 * ---- dlopen, without RTLD_DEEPBIND ----
 *
 * With that flag, an object finds the C library's free before ours and passes blocks of ours to it: PHP's modules end
 * their process that way. The C library's dlopen looks at its caller (its RUNPATH, its namespace), so ours ends in a
 * jump, which leaves the caller visible. opt.dlopen_deepbind keeps the flag. A program that links the archive keeps the
 * C library's dlopen.
 */

void *dlopen(const char *name, int flags);
typedef void *open_t(const char *name, int flags);

#ifdef __clang__
#define JUMPS
#define JUMP __attribute__((musttail))
#else
#define JUMPS __attribute__((optimize("optimize-sibling-calls")))
#define JUMP
#endif

/* Synchronization: any thread; the C library's dlopen, found once. */
static open_t *_Atomic next;

static open_t *
find_next(void) {
    open_t *found = atomic_get(&next);
    if (found == NULL) {
        found = (open_t *)system_next_symbol("dlopen");
        atomic_set(&next, found);
    }
    return found;
}

static COLD int
without_deepbind(int flags) {
    bool read = init_boot();
    return read && options.dlopen_deepbind ? flags : flags & ~system_deepbind;
}

static void *
open_nothing(const char *name, int flags) {
    (void)name;
    (void)flags;
    return NULL;
}

__attribute__((visibility("default"))) JUMPS void *
dlopen(const char *name, int flags) {
    open_t *found = find_next();
    found = found == NULL ? open_nothing : found;
    flags = (flags & system_deepbind) != 0 ? without_deepbind(flags) : flags;
    JUMP return found(name, flags);
}
#endif
