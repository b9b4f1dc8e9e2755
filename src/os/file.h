/*
 * file.h -- writes a file that is either whole or not there. For profiles and other dumps.
 *
 *   file_t f;
 *   if (file_begin(&f, name, file_aside) == 0) { file_write(&f, ...); error = file_end(&f); }
 *
 * Allocates nothing and is no cancellation point. A signal that a write raises (SIGPIPE, SIGXFSZ) does not reach the
 * process. Results are errno values; errno itself is kept. The thread that begins a file also ends it.
 */
#ifndef LUNALLOC_OS_FILE_H
#define LUNALLOC_OS_FILE_H

#include "os/gzip.h"

#define FILE_NAME_MAX 4096

typedef enum {
    /* For a name that the allocator makes. The file is written under a temporary name, NAME.<process>.tmp, and then
     * renamed, so a whole file appears or none; and no file that somebody has prepared under the name is followed. */
    file_aside,
    /* The same, but only a regular file of that name is replaced: EEXIST if it is anything else, a link too. */
    file_aside_new,
    /* For a name that the user gives. What has the name stays what it is (a device, a FIFO, a link, the file of a
     * descriptor) and keeps its mode and owner: its content is replaced in place. If nothing has the name, the file is
     * written aside. */
    file_in_place
} file_way_t;

typedef struct {
    int fd;
    int error;        /* the first one; 0 */
    size_t len;       /* bytes in buf */
    const char *name; /* must stay valid until file_end */
    bool compressed;
    bool in_place;
    bool careful;     /* aside; what has the name must be a regular file */
    bool made;        /* in place: the name is a link whose target did not exist */
    bool began;       /* something has been written; in place: the old content is gone */
    uint64_t signals; /* signals that the thread had blocked before */
    gzip_t gzip;
    char aside[FILE_NAME_MAX + 32];
    char buf[4096];
} file_t;

/* Opens the file. 0 or an error; after an error nothing has changed, and the file must not be used. ENXIO: the name is
 * a FIFO that nobody reads, or a socket. Old content stays until the first bytes are written. */
int file_begin(file_t *file, const char *name, file_way_t way);
/* Compresses what will be written; call it before the first file_write. Without zlib, file_end returns an error. */
void file_compress(file_t *file);
/* Errors are kept for file_end. */
void file_write(file_t *file, const void *data, size_t len);
/* Nothing more is to be written, and the file is not to appear: file_end returns `error`, unless there is one. */
void file_abandon(file_t *file, int error);
/* Closes the file. 0, or the first error; then a new file does not exist, and an existing one is as it was, or empty if
 * writing in place had begun. */
int file_end(file_t *file);

#endif
