/*
 * gzip.h -- compression by zlib, if it is here: libz.so.1 is loaded when it is first wanted. Takes no memory from the
 * arenas but for that.
 */
#ifndef LUNALLOC_OS_GZIP_H
#define LUNALLOC_OS_GZIP_H

#include "base/config.h"

/* zlib's z_stream. */
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
} gzip_stream_t;

/* The caller's alone. */
typedef struct {
    gzip_stream_t stream;
    uint8_t *memory; /* mapped for zlib; `used` bytes of it are in use */
    size_t used;
    uint8_t out[4096];
} gzip_t;

typedef void gzip_put_t(void *context, const void *data, size_t len);

/* Finds zlib; see library_open. False: it is not here. Once it was true, it stays. */
bool gzip_load(void);
/* 0; ENOSYS without zlib, ENOMEM: then the stream is not to be used. */
int gzip_begin(gzip_t *gzip);
/* Compresses, and hands what comes out to put. */
void gzip_write(gzip_t *gzip, const void *data, size_t len, gzip_put_t *put, void *context);
/* The rest comes out. */
void gzip_end(gzip_t *gzip, gzip_put_t *put, void *context);

#endif
