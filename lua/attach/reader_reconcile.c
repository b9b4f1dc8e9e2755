/* reader_reconcile.c -- see reader_reconcile.h. */
#include "attach/reader_reconcile.h"

#include "base/bits.h"
#include "observe/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 8192, /* entries of pagemap that are read at a time */
    ROLLUP_MAX = 4096
};

/* In an entry of pagemap: the page is in memory. */
#define PRESENT (UINT64_C(1) << 63)

/* ---- smaps_rollup ---- */

static uint64_t
field_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10) * 1024;
}

static int
read_rollup(reader_t *reader, int directory, lunalloc_reconciliation_t *out) {
    char text[ROLLUP_MAX];
    int fd = openat(directory, "smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return reader_fail(reader,
                           n == 0            ? ESRCH
                           : error == EACCES ? EPERM
                                             : error,
                           "smaps_rollup cannot be read: %s", n == 0 ? "the process has ended" : strerror(error));
    }
    text[n] = '\0';
    out->rss = field_of(text, "\nRss:");
    out->anonymous = field_of(text, "\nAnonymous:");
    out->lazy_free = field_of(text, "\nLazyFree:");
    out->swap = field_of(text, "\nSwap:");
    return 0;
}

/* ---- pagemap ---- */

static uint64_t
resident(const reader_t *reader, int fd, const lunalloc_extent_t *e, uint64_t *entries) {
    size_t page = reader->classes.page, left = e->size / page;
    off_t at = (off_t)(e->addr / page * sizeof *entries);
    uint64_t pages = 0;
    while (left > 0) {
        size_t n = left < BATCH ? left : BATCH;
        ssize_t got = pread(fd, entries, n * sizeof *entries, at);
        if (got <= 0) {
            break;
        }
        n = (size_t)got / sizeof *entries;
        for (size_t i = 0; i < n; i++) {
            pages += (entries[i] & PRESENT) != 0;
        }
        at += got;
        left -= n;
    }
    return pages * page;
}

static int
add_extents(reader_t *reader, int fd, uint64_t *entries, lunalloc_reconciliation_t *out) {
    int error = 0;
    for (uint32_t arena = 0; error == 0 && arena < reader->narenas; arena++) {
        error = reader_walk(reader, arena);
        for (size_t i = 0; error == 0 && i < reader->walk.n; i++) {
            const lunalloc_extent_t *e = &reader->walk.all[i];
            lunalloc_residency_t *state = walk_residency(out, e->state);
            state->counted += e->size - e->discarded;
            state->resident += resident(reader, fd, e, entries);
        }
    }
    return error;
}

static int
read_pages(reader_t *reader, int directory, lunalloc_reconciliation_t *out) {
    int fd = openat(directory, "pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t *entries = malloc(BATCH * sizeof *entries);
    int error = fd < 0 ? errno : entries == NULL ? ENOMEM : 0;
    error = error == 0
                ? add_extents(reader, fd, entries, out)
                : reader_fail(reader, error == EACCES ? EPERM : error, "pagemap cannot be read: %s", strerror(error));
    free(entries);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static uint64_t
less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

int
reader_reconcile(reader_t *reader, int directory, lunalloc_reconciliation_t *out) {
    size_t metadata;
    *out = (lunalloc_reconciliation_t){0};
    int error = read_rollup(reader, directory, out);
    error = error == 0 ? read_pages(reader, directory, out) : error;
    error = error == 0 ? reader_variable(reader, metadata_used, &metadata) : error;
    if (error != 0) {
        return error;
    }
    out->metadata = align_up(metadata, reader->classes.page);
    out->file = less(out->rss, out->anonymous);
    out->explained =
        out->active.resident + out->dirty.resident + out->muzzy.resident + out->retained.resident + out->metadata;
    out->unexplained = less(out->anonymous, out->explained);
    return 0;
}
