/*
 * textfile.h -- reads a whole text file into memory of its own.
 *
 * Use it for the files that a description names: histograms, tables of sizes, traces. Only a regular file is read, so a
 * FIFO is not waited for and a device is not read without end. The file is copied, not mapped: a file that another
 * process shortens meanwhile does no harm. No heap is used.
 */
#ifndef WORKLOAD_TEXTFILE_H
#define WORKLOAD_TEXTFILE_H

#include <stddef.h>

typedef struct {
    const char *text; /* no zero byte follows */
    size_t size;
} textfile_t;

/* Enough for every table, and little enough for any machine. Bytes. */
#define TEXTFILE_LIMIT ((size_t)64 << 20)

/* Reads the file, which must not be empty and have at most `limit` bytes. 0, or an errno value with one line in
 * `message`: EINVAL (empty, binary, too large or not a regular file), ENOMEM, or the error of opening or reading it. */
int textfile_read(textfile_t *file, const char *path, size_t limit, char *message, size_t message_size);

void textfile_free(textfile_t *file);

#endif
