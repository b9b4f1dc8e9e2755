/*
 * make_trace.c FILE EVENTS THREADS [LOST] -- writes a synthetic trace for tests: threads in turns allocate blocks of 1
 * to 1,000 bytes, some of 100 KiB, and free those of each other. A block in eight is from calloc, resized, aligned or
 * freed with its size. LOST: so many events are said to be lost; "pages": extents of one arena are allocated and freed
 * instead, one event each millisecond, in bursts of 1,000 with pauses of ten seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/write.h"

enum {
    BLOCKS = 20000,
    MOST_THREADS = 64
};

static uint64_t seed = 1, now = 1000000;
static struct { uint64_t addr, size; } blocks[BLOCKS];

static uint64_t
draw(uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* The next event: of a block that is drawn. */
static record_event_t
next_event(void) {
    static const uint8_t kinds[8] = {RECORD_CALLOC, RECORD_ALIGNED, RECORD_MALLOC, RECORD_MALLOC,
                                     RECORD_MALLOC, RECORD_MALLOC,  RECORD_MALLOC, RECORD_MALLOC};
    uint64_t i = draw(BLOCKS), choice = draw(8);
    record_event_t event = {.time = now += 50, .touched = RECORD_UNKNOWN, .addr = blocks[i].addr};
    if (blocks[i].addr != 0 && choice != 0) {
        event.kind = choice == 1 ? RECORD_FREE_SIZED : RECORD_FREE;
        event.size = choice == 1 ? blocks[i].size : 0;
        blocks[i].addr = 0;
        return event;
    }
    event.kind = blocks[i].addr != 0 ? RECORD_REALLOC : kinds[choice];
    event.old_addr = blocks[i].addr;
    event.lg_align = event.kind == RECORD_ALIGNED ? 6 : 0;
    event.size = blocks[i].size = draw(1000) == 0 ? 100 << 10 : 1 + draw(1000);
    event.addr = blocks[i].addr = (1 + i) << 18;
    return event;
}

/* Allocates 500 extents of 4 KiB to 1 MiB, frees them, and pauses. */
static record_event_t
next_page_event(uint64_t i) {
    static uint64_t sizes[500];
    uint64_t at = i % 500;
    bool alloc = i / 500 % 2 == 0;
    now += i % 1000 == 0 ? 10000000000u : 1000000;
    sizes[at] = alloc ? (1 + draw(256)) << 12 : sizes[at];
    return (record_event_t){.time = now,
                            .kind = alloc ? RECORD_PAGE_ALLOC : RECORD_PAGE_FREE,
                            .addr = (1 + at) << 21,
                            .size = sizes[at],
                            .touched = RECORD_UNKNOWN};
}

int
main(int argc, char **argv) {
    char message[256];
    trace_writer_t *writer;
    uint32_t threads[MOST_THREADS], nthreads = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
    if (nthreads == 0 || nthreads > MOST_THREADS ||
        trace_writer_open(&writer, argv[1], message, sizeof(message)) != 0) {
        return 1;
    }
    bool pages = argc > 4 && strcmp(argv[4], "pages") == 0;
    trace_writer_meta(writer, "name", "synthetic");
    trace_writer_meta(writer, "mode", pages ? "pages" : "full");
    for (uint32_t i = 0; i < nthreads; i++) {
        threads[i] = trace_writer_thread(writer, &(trace_begin_t){.tid = 100 + i, .name = "worker", .begin = now});
    }
    for (uint64_t i = 0, n = strtoull(argv[2], NULL, 10); i < n; i++) {
        record_event_t event = pages ? next_page_event(i) : next_event();
        trace_writer_event(writer, threads[i / 16 % nthreads], &event);
    }
    if (argc > 4 && !pages) {
        trace_writer_event(writer, threads[0],
                           &(record_event_t){.kind = RECORD_LOST, .time = now, .size = strtoull(argv[4], NULL, 10)});
    }
    return trace_writer_close(writer, message, sizeof(message)) != 0;
}
