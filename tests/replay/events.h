/*
 * events.h -- synthetic traces for tests of replays: events, which compile() makes a plan of, in the file `path`.
 */
#ifndef REPLAY_TESTS_EVENTS_H
#define REPLAY_TESTS_EVENTS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "replay/compile.h"

static char path[256];
static plan_head_t head;
static record_event_t events[1 << 19];
static size_t nevents;
static uint64_t now;
static uint64_t look_at; /* 0: the recorder did not look */

static inline void
begin(void) {
    nevents = 0;
    now = 1000;
}

/* Appends the event, 100 ns later. */
static inline void
event(uint32_t thread, record_event_t e) {
    e.thread = thread;
    e.time = now += 100;
    if (e.touched == 0) {
        e.touched = RECORD_UNKNOWN;
    }
    events[nevents++] = e;
}

/* 0, or the error of the compiler. */
static inline int
compile(void) {
    plan_compiler_t *compiler;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/replay_test.%d.plan", folder == NULL ? "/tmp" : folder, (int)getpid());
    unlink(path);
    int error = plan_compiler_open(&compiler, path);
    if (error == 0 && look_at != 0) {
        plan_compiler_look_at(compiler, look_at);
    }
    for (size_t i = 0; i < nevents && error == 0; i++) {
        error = plan_compiler_add(compiler, &events[i]);
    }
    if (error == 0) {
        error = plan_compiler_finish(compiler, &head);
    }
    plan_compiler_close(compiler);
    return error;
}

/* Threads in turns allocate n blocks, and others free them 1,000 blocks later. */
static inline void
make_chain(uint32_t nthreads, size_t n) {
    uint64_t seed = 1;
    begin();
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t thread = (uint32_t)(i % nthreads);
        uint64_t addr = 0x10000 + 64 * (i % 1000);
        if (i >= 1000) {
            event((uint32_t)(thread + i / 1000 % 3) % nthreads, (record_event_t){.kind = RECORD_FREE, .addr = addr});
        }
        event(thread, (record_event_t){.kind = RECORD_MALLOC, .addr = addr, .size = 1 + (seed >> 33) % 2000});
    }
}

#endif
