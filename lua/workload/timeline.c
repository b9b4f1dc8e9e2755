/*
 * timeline.c -- entries of a timeline. See timeline.h.
 *
 * RSS is read from statm, not from smaps_rollup, which walks the page tables under a lock that page faults need, and so
 * would disturb the run. (Kernels that first count per thread let statm lag by some pages a thread.)
 */
#include "timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
timeline_open(timeline_t *timeline, const heap_t *heap, uint64_t interval) {
    timeline->entries = region_alloc(&timeline->region, TIMELINE_MAX_ENTRIES * sizeof(timeline_entry_t));
    if (timeline->entries == NULL) {
        return ENOMEM;
    }
    timeline->n = 0;
    timeline->nmarks = 0;
    timeline->peak_rss = 0;
    timeline->interval = interval;
    timeline->stats = heap->stats;
    timeline->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    return 0;
}

/* The number of pages behind the next blank; *p moves behind it. */
static uint64_t
parse_next(const char **p) {
    uint64_t pages = 0;
    while (**p != '\0' && **p != ' ') {
        ++*p;
    }
    for (*p += **p == ' '; **p >= '0' && **p <= '9'; ++*p) {
        pages = pages * 10 + (uint64_t)(**p - '0');
    }
    return pages;
}

uint64_t
timeline_rss(const timeline_t *timeline) {
    char text[128];
    ssize_t got = timeline->statm < 0 ? -1 : pread(timeline->statm, text, sizeof(text) - 1, 0);
    if (got <= 0) {
        return 0;
    }
    text[got] = '\0';
    const char *p = text; /* "size resident shared ..." */
    uint64_t resident = parse_next(&p), shared = timeline->private_only ? parse_next(&p) : 0;
    return (resident > shared ? resident - shared : 0) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Drops every second unmarked entry. */
static void
thin_out(timeline_t *timeline) {
    size_t kept = 0, unmarked = 0;
    for (size_t i = 0; i < timeline->n; i++) {
        if (timeline->entries[i].mark != NULL || unmarked++ % 2 == 0) {
            timeline->entries[kept++] = timeline->entries[i];
        }
    }
    timeline->n = kept;
    timeline->interval *= 2;
}

/* A copy of the mark in the timeline's region; NULL beyond the largest number of marks. */
static const char *
keep_mark(timeline_t *timeline, const char *mark) {
    char text[TIMELINE_MARK_SIZE];
    if (mark == NULL || timeline->nmarks == TIMELINE_MAX_MARKS) {
        return NULL;
    }
    size_t length = strnlen(mark, sizeof(text) - 1);
    memcpy(text, mark, length);
    text[length] = '\0';
    timeline->nmarks++;
    return region_string(&timeline->region, text);
}

/* The two are read one after the other: the part can be above the sum. */
static uint64_t
difference(uint64_t sum, uint64_t part) {
    return sum > part ? sum - part : 0;
}

/* Takes the bytes of the arena that is apart from the sums of all. */
static void
leave_out(const timeline_t *timeline, lunalloc_stats_t *sums) {
    lunalloc_stats_t apart;
    if (timeline->apart != 0 && timeline->stats(timeline->apart, &apart) == 0) {
        sums->allocated = difference(sums->allocated, apart.allocated);
        sums->active = difference(sums->active, apart.active);
        sums->dirty = difference(sums->dirty, apart.dirty);
        sums->muzzy = difference(sums->muzzy, apart.muzzy);
        sums->retained = difference(sums->retained, apart.retained);
    }
}

/* Fills in lunalloc's counters, if it is measured. */
static void
read_allocator(timeline_t *timeline, timeline_entry_t *entry) {
    lunalloc_stats_t stats;
    entry->allocator = timeline->stats != NULL && timeline->stats(LUNALLOC_ALL, &stats) == 0;
    if (entry->allocator) {
        leave_out(timeline, &stats);
        entry->allocated = stats.allocated;
        entry->active = stats.active;
        entry->dirty = stats.dirty;
        entry->muzzy = stats.muzzy;
        entry->retained = stats.retained;
    }
}

void
timeline_add(timeline_t *timeline, timeline_entry_t entry) {
    if (timeline->n == TIMELINE_MAX_ENTRIES) {
        thin_out(timeline);
    }
    entry.mark = keep_mark(timeline, entry.mark);
    entry.rss = timeline_rss(timeline);
    read_allocator(timeline, &entry);
    timeline->peak_rss = entry.rss > timeline->peak_rss ? entry.rss : timeline->peak_rss;
    timeline->entries[timeline->n++] = entry;
}

void
timeline_close(timeline_t *timeline) {
    if (timeline->statm >= 0) {
        close(timeline->statm);
    }
    timeline->statm = -1;
    region_free(&timeline->region);
}
