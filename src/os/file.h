/*
 * file.h -- files that are written, and what is mapped. Allocates nothing; nothing here is a cancellation point, and
 * no signal that a write raises (SIGPIPE, SIGXFSZ) reaches the process. errno values as results; errno itself is left
 * alone.
 */
#ifndef LUNALLOC_OS_FILE_H
#define LUNALLOC_OS_FILE_H

#include "os/gzip.h"

#define FILE_NAME_MAX 4096

typedef enum {
    /* The name is ours. The file is written aside, under the name with ".<process>.tmp" after it, and then takes its
     * name: there is a whole one or none, and nobody can have prepared another file under the name. */
    file_aside,
    /* The name is the user's. What has it stays what it is, a device, a FIFO, a link, the file of a descriptor, and
     * keeps its mode and owner: it is written in place, in the stead of its content. A new one is written aside. */
    file_in_place
} file_way_t;

typedef struct {
    int fd;
    int error;        /* the first one; 0 */
    size_t len;       /* of buf, bytes */
    const char *name; /* stays valid until the end */
    bool compressed;
    bool in_place;
    bool made;        /* in place: it was not there, but at the end of a link */
    bool began;       /* something has been written; in place: what was there is gone */
    uint64_t signals; /* that the thread had blocked before */
    gzip_t gzip;
    char aside[FILE_NAME_MAX + 32];
    char buf[4096];
} file_t;

/* 0 or an error; after an error nothing has changed, and the file is not to be used. ENXIO: a FIFO that nobody reads,
 * or a socket. What is there stays until the first bytes are written. The thread that begins a file ends it. */
int file_begin(file_t *file, const char *name, file_way_t way);
/* Before anything is written: it will be compressed. Without zlib, an error at the end. */
void file_compress(file_t *file);
/* Errors are kept for the end. */
void file_write(file_t *file, const void *data, size_t len);
/* 0, or the first error. Then a new file is not there; one that was is as before, or if writing in place has begun,
 * empty. */
int file_end(file_t *file);

/* Calls visit with each line, terminated and without its newline, of what is mapped into this process, as /proc has it;
 * nothing where the system does not say. buf is for the lines; what does not fit is cut. */
typedef void visit_line_t(const char *line, void *context);
void file_mappings(char *buf, size_t size, visit_line_t *visit, void *context);

/* This process's number. */
uint32_t file_process(void);

#endif
