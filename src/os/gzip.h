/*
 * gzip.h -- compresses a stream into gzip's format with zlib, if that is installed (libz.so.1, loaded on first use).
 * Used by file.h. zlib's working memory is mapped for as long as the stream lasts; loading zlib may allocate, nothing
 * else here does.
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

/* One stream; not synchronised. */
typedef struct {
    gzip_stream_t stream;
    uint8_t *memory; /* mapped for zlib */
    size_t used;     /* bytes of memory that zlib has taken */
    uint8_t out[4096];
} gzip_t;

/* Gets compressed bytes. */
typedef void gzip_put_t(void *context, const void *data, size_t len);

/* Loads zlib (system_open_library says when that is allowed). False if it is not installed. Once true, always true. */
bool gzip_load(void);
/* 0; ENOSYS without zlib, or ENOMEM: then the stream must not be used. */
int gzip_begin(gzip_t *gzip);
/* Compresses data, and hands output to put as it is produced. */
void gzip_write(gzip_t *gzip, const void *data, size_t len, gzip_put_t *put, void *context);
/* Hands the rest of the output to put, and unmaps zlib's memory. */
void gzip_end(gzip_t *gzip, gzip_put_t *put, void *context);

#endif
