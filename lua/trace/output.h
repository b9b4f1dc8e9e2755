/*
 * output.h -- a file that a command writes for its user: whole, or not there.
 *
 *   output_t out;
 *   if (output_begin(&out, path, message, sizeof message) == 0) {
 *       output_write(&out, data, size); ... error = output_end(&out);
 *   }
 *
 * A regular file is written beside its name (NAME.<process>.tmp) and renamed at the end; a file that it replaces hands
 * down its mode and, where the system allows it, its owner. A link is followed. What is no regular file is refused: a
 * device, a folder, a socket, a FIFO. The path "-" is the standard output, whatever that is.
 *
 * A full disk, a limit or a closed pipe is an error of output_write(), never a signal. The caller synchronises.
 */
#ifndef TRACE_OUTPUT_H
#define TRACE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OUTPUT_PATH_MAX = 4096
};

typedef struct {
    int fd;
    bool standard;                    /* it is the standard output */
    int error;                        /* the first one; nothing is written after it */
    uint64_t written;                 /* bytes of whole calls of output_write() */
    char path[OUTPUT_PATH_MAX];       /* of the file, behind links */
    char aside[OUTPUT_PATH_MAX + 32]; /* where it is written */
} output_t;

/* 0, or an errno value with one line in `message`; then there is nothing to end. */
int output_begin(output_t *out, const char *path, char *message, size_t message_size);

/* Writes all of it, or nothing: what was written of it before an error is cut off again, where that is possible. False
 * after an error. */
bool output_write(output_t *out, const void *data, size_t size);

/* Gives the file its name, also after an error of writing: what was written whole stays. 0, or the first error. */
int output_end(output_t *out);

/* The file is not to appear. */
void output_abandon(output_t *out);

#endif
