/* reader_past.c -- subtracts and adds cumulative counters word by word. */
#include "attach/reader_past.h"

#include "base/bits.h"

#include <stdlib.h>

static bool
is_kept(record_t record, const counter_row_t *counter) {
    bool of_lock = record == record_bin && counter->offset >= offsetof(stats_bin_t, mutex);
    return counter->kind == counter_cumulative && !of_lock;
}

static void
move(record_t record, const void *kept, void *arena, void *destroyed) {
    uint32_t n;
    const counter_row_t *counters = counters_of(record, &n);
    const uint64_t *words = kept;
    uint64_t *from = arena, *to = destroyed;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t word = is_kept(record, &counters[i]) ? words[i] : 0;
        from[i] -= word;
        to[i] += word;
    }
}

void
reader_share_past(reader_t *reader, stats_detail_t *arena, stats_detail_t *destroyed) {
    uint64_t addr = 0, blocks = foreign_variable(&reader->foreign, past_blocks);
    if (!picture_read(&reader->picture, blocks + arena->index * sizeof addr, &addr, sizeof addr) || addr == 0) {
        return;
    }
    stats_detail_t *kept = malloc(sizeof *kept);
    if (kept != NULL && picture_read(&reader->picture, addr, kept, sizeof *kept)) {
        move(record_arena, &kept->arena, &arena->arena, &destroyed->arena);
        for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
            move(record_bin, &kept->bins[i], &arena->bins[i], &destroyed->bins[i]);
        }
        for (uint32_t i = 0; i < reader->classes.nsizes - reader->classes.nsmall; i++) {
            move(record_large, &kept->large[i], &arena->large[i], &destroyed->large[i]);
        }
    }
    free(kept);
}

uint32_t
reader_page_class(const reader_t *reader, size_t npages) {
    unsigned lg = npages == 0 ? 0 : lg_floor(npages), g = reader->classes.config.lg_ngroup;
    return npages == 0 ? 0 : lg <= g ? (uint32_t)npages - 1 : (uint32_t)(((lg - g) << g) + (npages >> (lg - g)) - 1);
}
