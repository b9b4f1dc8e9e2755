/*
 * textfile.h -- reads a whole text file into memory of its own.
 *
 * Use it for the files that a description names: histograms, tables of sizes, traces. Only a regular file is read, so a
 * FIFO is not waited for and a device is not read without end. The file is copied, not mapped: a file that another
 * process shortens meanwhile does no harm. A file that gzip compressed is decompressed. No heap is used.
 */
#ifndef WORKLOAD_TEXTFILE_H
#define WORKLOAD_TEXTFILE_H

#include <errno.h>
#include <stddef.h>

/* The error of a file that is not what it should be. No fault of the description: Lua code gets nil, message, "EINVAL",
 * as if the file was missing, and no error is raised. */
#define TEXTFILE_WRONG EBADMSG

typedef struct {
    const char *text; /* no zero byte follows */
    size_t size;
    size_t mapped; /* bytes to unmap */
} textfile_t;

/* Enough for every table, and little enough for any machine. Bytes. */
#define TEXTFILE_LIMIT ((size_t)64 << 20)

/* Reads the file, which must not be empty and have at most `limit` bytes, also when it is decompressed. 0, or an errno
 * value with one line in `message`: TEXTFILE_WRONG (empty, binary, too large, damaged or not a regular file), ENOMEM,
 * ENOSYS without zlib, or the error of opening or reading it. */
int textfile_read(textfile_t *file, const char *path, size_t limit, char *message, size_t message_size);

void textfile_free(textfile_t *file);

#endif
