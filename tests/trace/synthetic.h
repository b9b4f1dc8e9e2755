/*
 * synthetic.h -- a made-up program for tests of traces: threads that allocate, resize and free blocks, also those of
 * other threads, and a trace file of them.
 *
 * Each event is a step of one clock, so the order of the merged trace is known: that in which the events were made. An
 * address is given out again only after it was freed. All follows from the seed.
 */
#ifndef TESTS_TRACE_SYNTHETIC_H
#define TESTS_TRACE_SYNTHETIC_H

#include "../workload/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/file.h"
#include "trace/write.h"

enum {
    SYNTHETIC_THREADS = 5,
    SYNTHETIC_SLOTS = 512
};

typedef struct {
    uint64_t seed, clock;
    uint64_t size[SYNTHETIC_SLOTS]; /* bytes of the live block of each slot; 0: none */
} synthetic_t;

static char message[512];

static inline uint64_t
synthetic_random(synthetic_t *program) {
    program->seed = program->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return program->seed >> 33;
}

static inline uint64_t
synthetic_address(uint32_t slot) {
    return 0x7f0000000000ULL + slot * 4096ULL;
}

static inline record_event_t
synthetic_allocation(synthetic_t *program, uint32_t slot) {
    static const uint8_t kinds[] = {RECORD_MALLOC, RECORD_MALLOC, RECORD_CALLOC, RECORD_ALIGNED};
    record_event_t event = {.kind = kinds[synthetic_random(program) % 4],
                            .addr = synthetic_address(slot),
                            .size = 1 + synthetic_random(program) % 5000,
                            .touched = RECORD_UNKNOWN};
    event.lg_align = event.kind == RECORD_ALIGNED ? 6 : 0;
    program->size[slot] = event.size;
    return event;
}

/* A live block is resized in place, moved to an empty slot, or freed. */
static inline record_event_t
synthetic_end(synthetic_t *program, uint32_t slot) {
    uint32_t way = (uint32_t)synthetic_random(program) % 8,
             other = (uint32_t)synthetic_random(program) % SYNTHETIC_SLOTS;
    record_event_t event = {.kind = RECORD_FREE, .addr = synthetic_address(slot), .touched = RECORD_UNKNOWN};
    bool moves = way == 0 && program->size[other] == 0;
    if (moves || way == 1) {
        uint32_t to = moves ? other : slot;
        event.kind = RECORD_REALLOC;
        event.old_addr = event.addr;
        event.addr = synthetic_address(to);
        program->size[slot] = 0;
        event.size = program->size[to] = 1 + synthetic_random(program) % 9000;
        return event;
    }
    event.kind = way == 2 ? RECORD_FREE_SIZED : RECORD_FREE;
    event.size = way == 2 ? program->size[slot] : 0;
    program->size[slot] = 0;
    return event;
}

/* The next event, of any thread. */
static inline record_event_t
synthetic_next(synthetic_t *program) {
    uint32_t slot = (uint32_t)synthetic_random(program) % SYNTHETIC_SLOTS;
    record_event_t event =
        program->size[slot] == 0 ? synthetic_allocation(program, slot) : synthetic_end(program, slot);
    event.time = ++program->clock;
    event.thread = (uint32_t)synthetic_random(program) % SYNTHETIC_THREADS;
    event.hint = slot % 8;
    return event;
}

static inline trace_writer_t *
synthetic_writer(const char *path) {
    trace_writer_t *writer;
    if (trace_writer_open(&writer, path, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
    trace_writer_meta(writer, "name", "synthetic");
    trace_writer_meta(writer, "pid", "4711");
    for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "worker %u", i);
        trace_writer_thread(writer, &(trace_begin_t){.tid = 100 + i, .name = name, .begin = 0});
    }
    return writer;
}

static inline void
synthetic_close(trace_writer_t *writer) {
    if (trace_writer_close(writer, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
}

/* Writes a trace of n events. */
static inline void
synthetic_write(const char *path, uint64_t seed, size_t n) {
    synthetic_t program = {.seed = seed};
    trace_writer_t *writer = synthetic_writer(path);
    for (size_t i = 0; i < n; i++) {
        record_event_t event = synthetic_next(&program);
        trace_writer_event(writer, event.thread, &event);
    }
    synthetic_close(writer);
}

static inline trace_file_t *
synthetic_open(const char *path) {
    trace_file_t *file;
    if (trace_file_open(&file, path, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
    return file;
}

/* A name for a file of the test; nothing has it yet. */
static inline const char *
synthetic_path(void) {
    static char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/trace.%d.lnt", folder != NULL ? folder : "/tmp", (int)getpid());
    unlink(path);
    return path;
}

static inline bool
synthetic_same(const record_event_t *a, const record_event_t *b) {
    return a->time == b->time && a->thread == b->thread && a->kind == b->kind && a->lg_align == b->lg_align &&
           a->addr == b->addr && a->size == b->size && a->old_addr == b->old_addr && a->touched == b->touched;
}

#endif
