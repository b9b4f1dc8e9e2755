/* residency_read.c -- asks the system which pages of a process are in memory: see residency.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "attach/maps.h"
#include "map/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the ioctl, which headers older than Linux 6.7 lack ---- */

struct scan_region {
    uint64_t start, end, categories;
};

struct scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t inverted, mask, anyof, returned; /* categories */
};

#define SCAN _IOWR('f', 16, struct scan_arg)

enum {
    SCAN_FILE = 1 << 2,
    SCAN_PRESENT = 1 << 3,
    SCAN_SWAPPED = 1 << 4,
    SCAN_ZERO = 1 << 5,
    SCAN_HUGE = 1 << 6,
    SCAN_GUARD = 1 << 8 /* Linux 6.15 */
};

/* In an entry of pagemap. */
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_GUARD   (UINT64_C(1) << 58)

enum {
    REGIONS = 1024,
    ENTRIES = 8192,
    SMAPS_LINE = 512
};

/* The work: what all ways need. */
typedef struct {
    residency_job_t *job;
    int directory;
    int pagemap;
    uint64_t page;
    extent_span_t *spans;
    size_t nspans;
    extent_span_t *guards; /* mappings without any right */
    size_t nguarded;
    uint64_t end; /* of the last mapping */
    residency_builder_t builder;
} work_t;

/* ---- scan ---- */

static residency_kind_t
kind_of(uint64_t categories) {
    return (categories & SCAN_GUARD) != 0                                      ? RESIDENCY_GUARD
           : (categories & SCAN_SWAPPED) != 0                                  ? RESIDENCY_SWAPPED
           : (categories & SCAN_ZERO) != 0 || (categories & SCAN_PRESENT) == 0 ? RESIDENCY_ABSENT
           : (categories & SCAN_HUGE) != 0                                     ? RESIDENCY_HUGE
                                                                               : RESIDENCY_PRESENT;
}

static void
take_region(work_t *work, const struct scan_region *region) {
    residency_process_t *process = &work->job->process;
    residency_kind_t kind = kind_of(region->categories);
    bool counts = kind == RESIDENCY_PRESENT || kind == RESIDENCY_HUGE;
    uint64_t bytes = region->end - region->start;
    process->bytes[kind] += kind == RESIDENCY_ABSENT ? 0 : bytes;
    process->file += counts && (region->categories & SCAN_FILE) != 0 ? bytes : 0;
    residency_put(&work->builder, region->start, region->end, kind);
}

/* The categories that this kernel knows, besides guards. */
static int
scan_with(work_t *work, uint64_t guard) {
    struct scan_region regions[REGIONS];
    const uint64_t wanted = SCAN_PRESENT | SCAN_SWAPPED | guard;
    struct scan_arg arg = {.size = sizeof(arg),
                           .end = work->end,
                           .vec = (uintptr_t)regions,
                           .vec_len = REGIONS,
                           .anyof = wanted,
                           .returned = wanted | SCAN_FILE | SCAN_ZERO | SCAN_HUGE};
    while (arg.start < arg.end) {
        int n = ioctl(work->pagemap, SCAN, &arg);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        for (int i = 0; i < n; i++) {
            take_region(work, &regions[i]);
        }
        if (arg.walk_end <= arg.start) {
            break;
        }
        arg.start = arg.walk_end;
    }
    return work->builder.failed ? ENOMEM : 0;
}

static int
scan(work_t *work) {
    int error = scan_with(work, SCAN_GUARD);
    if (error == EINVAL) {
        error = scan_with(work, 0);
    }
    work->job->has_process = error == 0;
    return error;
}

/* ---- pagemap ---- */

static residency_kind_t
kind_of_entry(uint64_t entry) {
    return (entry & ENTRY_GUARD) != 0     ? RESIDENCY_GUARD
           : (entry & ENTRY_PRESENT) != 0 ? RESIDENCY_PRESENT
           : (entry & ENTRY_SWAPPED) != 0 ? RESIDENCY_SWAPPED
                                          : RESIDENCY_ABSENT;
}

static int
read_span(work_t *work, const extent_span_t *span, uint64_t *entries) {
    for (uint64_t at = span->start; at < span->end;) {
        uint64_t left = (span->end - at + work->page - 1) / work->page;
        size_t n = left < ENTRIES ? (size_t)left : ENTRIES;
        ssize_t got = pread(work->pagemap, entries, n * sizeof(*entries), (off_t)(at / work->page * sizeof(*entries)));
        if (got <= 0) {
            return got == 0 ? 0 : errno;
        }
        n = (size_t)got / sizeof(*entries);
        for (size_t i = 0; i < n; i++, at += work->page) {
            residency_put(&work->builder, at, at + work->page, kind_of_entry(entries[i]));
        }
    }
    return work->builder.failed ? ENOMEM : 0;
}

/* The size of a huge page. */
static uint64_t
huge_page(void) {
    unsigned long long size = 0;
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
    if (file != NULL) {
        size = fscanf(file, "%llu", &size) == 1 ? size : 0;
        fclose(file);
    }
    return size != 0 ? size : 2 << 20;
}

/* Divides a run of present pages: as many whole huge pages as the mapping has left are huge. */
static void
put_huge(residency_builder_t *builder, residency_run_t run, uint64_t huge, uint64_t *left) {
    uint64_t first = (run.start + huge - 1) / huge * huge, at = run.start;
    for (; first + huge <= run.end && *left >= huge; first += huge) {
        residency_put(builder, at, first, RESIDENCY_PRESENT);
        residency_put(builder, first, first + huge, RESIDENCY_HUGE);
        at = first + huge;
        *left -= huge;
    }
    residency_put(builder, at, run.end, RESIDENCY_PRESENT);
}

/* What is left of the runs. */
typedef struct {
    const residency_t *from;
    size_t run;
    uint64_t at; /* what lies below is done */
} rest_t;

/* The runs up to the end of a mapping that has so many bytes in huge pages. */
static void
put_mapping(residency_builder_t *builder, rest_t *rest, uint64_t end, uint64_t bytes, uint64_t huge) {
    for (; rest->run < rest->from->n && rest->from->all[rest->run].start < end; rest->run++) {
        residency_run_t one = rest->from->all[rest->run];
        uint64_t stop = one.end;
        one.start = one.start > rest->at ? one.start : rest->at;
        one.end = (end < stop ? end : stop) & (2 * EXTENT_ADDRESS_END - 1);
        if (one.kind == RESIDENCY_PRESENT) {
            put_huge(builder, one, huge, &bytes);
        } else {
            residency_put(builder, one.start, one.end, one.kind);
        }
        rest->at = one.end;
        if (end < stop) {
            return;
        }
    }
}

/* Marks what smaps counts as huge. Without smaps nothing is. */
static bool
mark_huge(work_t *work) {
    residency_t marked = {0}, *from = work->job->out;
    residency_builder_t builder = {.out = &marked, .spans = work->spans, .nspans = work->nspans};
    int fd = openat(work->directory, "smaps", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL) {
        return fd < 0 || close(fd) == 0;
    }
    char line[SMAPS_LINE];
    rest_t rest = {.from = from};
    uint64_t start, end = 0, next, kib, huge = huge_page();
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "AnonHugePages: %" SCNu64, &kib) == 1) {
            put_mapping(&builder, &rest, end, kib * 1024, huge);
        } else if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &next) == 2) {
            end = next;
        }
    }
    fclose(file);
    put_mapping(&builder, &rest, EXTENT_ADDRESS_END, 0, huge);
    residency_free(builder.failed ? &marked : from);
    *from = builder.failed ? *from : marked;
    return !builder.failed;
}

static int
read_entries(work_t *work) {
    uint64_t *entries = malloc(ENTRIES * sizeof(*entries));
    int error = entries == NULL ? ENOMEM : 0;
    for (size_t i = 0; i < work->nspans && error == 0; i++) {
        error = read_span(work, &work->spans[i], entries);
    }
    free(entries);
    return error == 0 && !mark_huge(work) ? ENOMEM : error;
}

/* ---- mincore ---- */

/* An extent alone: in a range with a hole the call tells nothing. */
static int
read_core(work_t *work) {
    unsigned char present[ENTRIES];
    const extent_set_t *set = work->job->set;
    for (size_t i = 0; i < set->n; i++) {
        uint64_t at = set->all[i].addr, end = at + set->all[i].size;
        while (at < end) {
            uint64_t n = (end - at) / work->page < ENTRIES ? (end - at) / work->page : ENTRIES;
            if (n == 0 || mincore((void *)(uintptr_t)at, n * work->page, present) != 0) {
                break;
            }
            for (uint64_t page = 0; page < n; page++, at += work->page) {
                residency_put(&work->builder, at, at + work->page,
                              (present[page] & 1) != 0 ? RESIDENCY_PRESENT : RESIDENCY_ABSENT);
            }
        }
    }
    return work->builder.failed ? ENOMEM : 0;
}

/* ---- the whole ---- */

/* Guards, and where the addresses end. A process without maps has none. */
static int
read_maps(work_t *work) {
    maps_t maps = {0};
    int fd = openat(work->directory, "maps", O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : maps_read(&maps, fd);
    if (fd >= 0) {
        close(fd);
    }
    work->guards = error == 0 ? malloc((maps.n + 1) * sizeof(*work->guards)) : NULL;
    error = error == 0 && work->guards == NULL ? ENOMEM : error;
    for (size_t i = 0; i < maps.n && error == 0; i++) {
        const memory_map_t *map = &maps.all[i];
        work->end = map->end < EXTENT_ADDRESS_END ? map->end : work->end;
        if (strncmp(map->permissions, "---", 3) == 0) {
            work->guards[work->nguarded++] = (extent_span_t){map->start, map->end};
        }
    }
    maps_free(&maps);
    return error;
}

/* Only guards inside of the heap's ranges. */
static bool
add_guards(work_t *work) {
    size_t kept = 0, span = 0;
    for (size_t i = 0; i < work->nguarded; i++) {
        extent_span_t guard = work->guards[i];
        while (span < work->nspans && work->spans[span].end <= guard.start) {
            span++;
        }
        if (span < work->nspans && work->spans[span].start < guard.end) {
            guard.start = guard.start > work->spans[span].start ? guard.start : work->spans[span].start;
            guard.end = guard.end < work->spans[span].end ? guard.end : work->spans[span].end;
            work->guards[kept++] = guard;
        }
    }
    return residency_add_guards(work->job->out, work->guards, kept);
}

static void
begin(work_t *work) {
    residency_free(work->job->out);
    work->builder = (residency_builder_t){.out = work->job->out, .spans = work->spans, .nspans = work->nspans};
    work->job->process = (residency_process_t){0};
}

/* By pagemap, in the one way or the other. */
static int
read_pagemap(work_t *work) {
    residency_way_t way = work->job->way;
    work->pagemap = openat(work->directory, "pagemap", O_RDONLY | O_CLOEXEC);
    int error = work->pagemap < 0 ? errno : read_maps(work);
    if (error == 0 && way != RESIDENCY_PAGEMAP) {
        begin(work);
        error = scan(work);
        work->job->way = RESIDENCY_SCAN;
    }
    bool unknown = error == ENOTTY || error == EINVAL || error == ENOSYS || error == EPERM;
    if (work->pagemap >= 0 && (way == RESIDENCY_PAGEMAP || (way == RESIDENCY_BEST && unknown))) {
        begin(work);
        error = read_entries(work);
        work->job->way = RESIDENCY_PAGEMAP;
    }
    if (work->pagemap >= 0) {
        close(work->pagemap);
    }
    return error == 0 && !add_guards(work) ? ENOMEM : error;
}

static int
read_by_way(work_t *work) {
    residency_way_t way = work->job->way;
    if (work->directory >= 0 && way != RESIDENCY_MINCORE) {
        return read_pagemap(work);
    }
    if (way == RESIDENCY_SCAN || way == RESIDENCY_PAGEMAP) {
        return ENOSYS;
    }
    begin(work);
    work->job->way = RESIDENCY_MINCORE;
    return read_core(work);
}

int
residency_read(residency_job_t *job, int directory) {
    work_t work = {.job = job, .directory = directory, .pagemap = -1, .page = (uint64_t)sysconf(_SC_PAGESIZE)};
    work.spans = residency_spans(job->set, &work.nspans);
    int error = work.spans == NULL ? ENOMEM : read_by_way(&work);
    free(work.spans);
    free(work.guards);
    if (error != 0) {
        residency_free(job->out);
    }
    return error == EACCES ? EPERM : error == ENOENT ? ESRCH : error == ENOTTY ? ENOSYS : error;
}
