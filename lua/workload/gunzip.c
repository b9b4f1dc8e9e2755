/*
 * gunzip.c -- see gunzip.h. zlib's interface is declared here, so that its headers are not needed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap */
#endif
#include "gunzip.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "textfile.h"

enum {
    MEMBER = 16 + 15, /* window bits: gzip's format, the largest window */
    OK = 0,
    STREAM_END = 1,
    NO_MEMORY = -4,
    NO_PROGRESS = -5,
    WORKSPACE = 1 << 17, /* zlib takes some 44 KiB, once */
    FIRST_TEXT = 1 << 20
};

/* z_stream */
typedef struct {
    const uint8_t *next_in;
    unsigned avail_in;
    unsigned long total_in;
    uint8_t *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *msg;
    void *state;
    void *(*zalloc)(void *opaque, unsigned items, unsigned size);
    void (*zfree)(void *opaque, void *address);
    void *opaque;
    int data_type;
    unsigned long adler, reserved;
} stream_t;

typedef struct {
    int (*begin)(stream_t *stream, int window_bits, const char *version, int size);
    int (*run)(stream_t *stream, int flush);
    int (*reset)(stream_t *stream);
    int (*end)(stream_t *stream);
} zlib_t;

/* A decompression that is under way. */
typedef struct {
    zlib_t zlib;
    stream_t stream;
    char *workspace;  /* WORKSPACE bytes for zlib */
    size_t used;      /* bytes of it that zlib has taken */
    const char *rest; /* of the data, behind what the stream was given */
    size_t left;
    char *text;
    size_t size, mapped;
    size_t limit; /* the size that is too large */
} gunzip_t;

bool
gunzip_is_compressed(const char *data, size_t size) {
    return size >= 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

/* False if zlib is not installed. It remains loaded. */
static bool
load(zlib_t *zlib) {
    void *library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return false;
    }
    *(void **)&zlib->begin = dlsym(library, "inflateInit2_");
    *(void **)&zlib->run = dlsym(library, "inflate");
    *(void **)&zlib->reset = dlsym(library, "inflateReset");
    *(void **)&zlib->end = dlsym(library, "inflateEnd");
    return zlib->begin != NULL && zlib->run != NULL && zlib->reset != NULL && zlib->end != NULL;
}

static void *
take(void *opaque, unsigned items, unsigned size) {
    gunzip_t *gunzip = opaque;
    size_t bytes = ((size_t)items * size + 15) & ~(size_t)15;
    if (bytes > WORKSPACE - gunzip->used) {
        return NULL;
    }
    gunzip->used += bytes;
    return gunzip->workspace + gunzip->used - bytes;
}

static void
give(void *opaque, void *address) {
    (void)opaque;
    (void)address;
}

static void *
map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Makes room for more text, so that the stream has some. False without memory. */
static bool
grow(gunzip_t *gunzip) {
    if (gunzip->size == gunzip->mapped) {
        size_t more = gunzip->mapped < gunzip->limit / 2 ? 2 * gunzip->mapped : gunzip->limit;
        void *text = mremap(gunzip->text, gunzip->mapped, more, MREMAP_MAYMOVE);
        if (text == MAP_FAILED) {
            return false;
        }
        gunzip->text = text;
        gunzip->mapped = more;
    }
    size_t room = gunzip->mapped - gunzip->size;
    gunzip->stream.next_out = (uint8_t *)gunzip->text + gunzip->size;
    gunzip->stream.avail_out = room < INT_MAX ? (unsigned)room : INT_MAX;
    return true;
}

/* Gives the stream the next of the data. */
static void
feed(gunzip_t *gunzip) {
    if (gunzip->stream.avail_in == 0) {
        size_t piece = gunzip->left < INT_MAX ? gunzip->left : INT_MAX;
        gunzip->stream.next_in = (const uint8_t *)gunzip->rest;
        gunzip->stream.avail_in = (unsigned)piece;
        gunzip->rest += piece;
        gunzip->left -= piece;
    }
}

/* Decompresses until the room is full or the data ends. STREAM_END at the end of the last member. */
static int
step(gunzip_t *gunzip) {
    unsigned room = gunzip->stream.avail_out;
    feed(gunzip);
    int result = gunzip->zlib.run(&gunzip->stream, 0);
    gunzip->size += room - gunzip->stream.avail_out;
    bool more = gunzip->stream.avail_in > 0 || gunzip->left > 0;
    return result == STREAM_END && more ? gunzip->zlib.reset(&gunzip->stream) : result;
}

/* 0, or an errno value and the reason. */
static int
run(gunzip_t *gunzip, const char **why) {
    for (int result = OK; result != STREAM_END;) {
        if (!grow(gunzip)) {
            *why = "needs more memory than there is";
            return ENOMEM;
        }
        result = step(gunzip);
        if (gunzip->size == gunzip->limit) {
            *why = "is too large when it is decompressed";
            return TEXTFILE_WRONG;
        }
        if (result == NO_PROGRESS) {
            *why = "is cut off: its compressed data has no end";
            return TEXTFILE_WRONG;
        }
        if (result != OK && result != STREAM_END) {
            *why = result == NO_MEMORY ? "needs more memory than there is" : "is damaged: its data is not gzip's";
            return result == NO_MEMORY ? ENOMEM : TEXTFILE_WRONG;
        }
    }
    return 0;
}

static int
begin_and_run(gunzip_t *gunzip, const char **why) {
    if (gunzip->workspace == NULL || gunzip->text == NULL ||
        gunzip->zlib.begin(&gunzip->stream, MEMBER, "1", (int)sizeof(gunzip->stream)) != OK) {
        *why = "needs more memory than there is";
        return ENOMEM;
    }
    int error = run(gunzip, why);
    gunzip->zlib.end(&gunzip->stream);
    return error;
}

int
gunzip(const char *data, size_t data_size, size_t limit, char **text, size_t *size, size_t *mapped, const char **why) {
    gunzip_t gunzip = {.rest = data, .left = data_size, .limit = limit + 1};
    if (!load(&gunzip.zlib)) {
        *why = "is compressed, and zlib is not installed (libz.so.1; Debian's package zlib1g)";
        return ENOSYS;
    }
    gunzip.mapped = gunzip.limit < FIRST_TEXT ? gunzip.limit : FIRST_TEXT;
    gunzip.text = map(gunzip.mapped);
    gunzip.workspace = map(WORKSPACE);
    gunzip.stream.zalloc = take;
    gunzip.stream.zfree = give;
    gunzip.stream.opaque = &gunzip;
    int error = begin_and_run(&gunzip, why);
    if (gunzip.workspace != NULL) {
        munmap(gunzip.workspace, WORKSPACE);
    }
    if (error != 0 && gunzip.text != NULL) {
        munmap(gunzip.text, gunzip.mapped);
    }
    *text = gunzip.text;
    *size = gunzip.size;
    *mapped = gunzip.mapped;
    return error;
}
