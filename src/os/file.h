/*
 * file.h -- files that are written whole or not at all, and what is mapped. Allocates nothing. errno values as results;
 * errno itself is left alone.
 */
#ifndef LUNALLOC_OS_FILE_H
#define LUNALLOC_OS_FILE_H

#include "os/gzip.h"

#define FILE_NAME_MAX 4096

/* Written aside, under the name with ".<process>.tmp" after it; the caller's alone. */
typedef struct {
    int fd;
    int error;        /* the first one; 0 */
    size_t len;       /* of buf, bytes */
    const char *name; /* stays valid until the end */
    bool compressed;
    gzip_t gzip;
    char aside[FILE_NAME_MAX];
    char buf[4096];
} file_t;

/* 0 or an error; after an error nothing is there and the file is not to be used. */
int file_begin(file_t *file, const char *name);
/* Before anything is written: it will be compressed. Without zlib, an error at the end. */
void file_compress(file_t *file);
/* Errors are kept for the end. */
void file_write(file_t *file, const void *data, size_t len);
/* The file takes its name, replacing what had it. 0, or the first error: then nothing has changed. */
int file_end(file_t *file);

/* Calls visit with each line, terminated and without its newline, of what is mapped into this process, as /proc has it;
 * nothing where the system does not say. buf is for the lines; what does not fit is cut. */
typedef void visit_line_t(const char *line, void *context);
void file_mappings(char *buf, size_t size, visit_line_t *visit, void *context);

/* This process's number. */
uint32_t file_process(void);

#endif
