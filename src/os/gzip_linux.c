/* gzip_linux.c -- looks up zlib's functions, and maps memory for them for as long as a stream lasts. */
#include "os/gzip.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/pages.h"
#include "os/system.h"

#include <errno.h>
#include <string.h>

/* Bytes mapped for zlib. With the settings below it takes some 270 KB; pages that it does not write take no memory. */
#define MEMORY ((size_t)2 << 20)

/* zlib's constants. */
enum {
    OK = 0,
    NO_FLUSH = 0,
    FINISH = 4,
    LEVEL = 6,
    DEFLATED = 8,
    GZIP_WINDOW = 15 + 16,
    MEMORY_LEVEL = 8
};

typedef int begin_t(gzip_stream_t *stream, int level, int method, int window, int memory_level, int strategy,
                    const char *version, int size);
typedef int deflate_t(gzip_stream_t *stream, int flush);
typedef int end_t(gzip_stream_t *stream);

/* Synchronization: `begin` publishes the others, which are constant then. */
static deflate_t *deflate;
static end_t *end;
static begin_t *_Atomic begin;

bool
gzip_load(void) {
    if (atomic_get_acquire(&begin) != NULL) {
        return true;
    }
    void *library = system_open_library("libz.so.1");
    if (library == NULL) {
        return false;
    }
    begin_t *found;
    system_find_function(library, "deflate", &deflate);
    system_find_function(library, "deflateEnd", &end);
    system_find_function(library, "deflateInit2_", &found);
    if (deflate == NULL || end == NULL || found == NULL) {
        return false;
    }
    atomic_set_release(&begin, found);
    return true;
}

static void *
gzip_alloc(void *context, unsigned items, unsigned size) {
    gzip_t *gzip = context;
    size_t bytes = align_up((size_t)items * size, CACHELINE);
    if (bytes > MEMORY - gzip->used) {
        return NULL;
    }
    void *at = gzip->memory + gzip->used;
    gzip->used += bytes;
    return at;
}

/* gzip_end unmaps all at once. */
static void
gzip_free(void *context, void *address) {
    (void)context;
    (void)address;
}

int
gzip_begin(gzip_t *gzip) {
    begin_t *found = atomic_get_acquire(&begin);
    if (found == NULL) {
        return ENOSYS;
    }
    gzip->used = 0;
    gzip->memory = pages_map(MEMORY, pages_size());
    if (gzip->memory == NULL) {
        return ENOMEM;
    }
    gzip->stream = (gzip_stream_t){.zalloc = gzip_alloc, .zfree = gzip_free, .opaque = gzip};
    if (found(&gzip->stream, LEVEL, DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, 0, "1", sizeof gzip->stream) != OK) {
        pages_unmap(gzip->memory, MEMORY);
        return ENOMEM;
    }
    return 0;
}

static void
gzip_run(gzip_t *gzip, int flush, gzip_put_t *put, void *context) {
    do {
        gzip->stream.next_out = gzip->out;
        gzip->stream.avail_out = sizeof gzip->out;
        deflate(&gzip->stream, flush);
        put(context, gzip->out, sizeof gzip->out - gzip->stream.avail_out);
    } while (gzip->stream.avail_out == 0);
}

void
gzip_write(gzip_t *gzip, const void *data, size_t len, gzip_put_t *put, void *context) {
    gzip->stream.next_in = data;
    gzip->stream.avail_in = (unsigned)len;
    gzip_run(gzip, NO_FLUSH, put, context);
}

void
gzip_end(gzip_t *gzip, gzip_put_t *put, void *context) {
    gzip->stream.avail_in = 0;
    gzip_run(gzip, FINISH, put, context);
    end(&gzip->stream);
    pages_unmap(gzip->memory, MEMORY);
}
