/*
 * bench-replay.c [EVENTS] -- the program of scripts/bench-replay: compiles and replays synthetic traces on an allocator
 * that does nothing, so that the replay's own cost remains. Prints a line for each: name; then ns of processor time an
 * event of the compilation, a call of the replay, and a call of that allocator; and bytes of the plan an event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/null_heap.h"
#include "replay/compile.h"
#include "replay/replay.h"

enum {
    MOST_LIVE = 1 << 20
};

static uint64_t
processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t seed;

static uint64_t
draw(uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static _Noreturn void
fail(const char *message) {
    fprintf(stderr, "bench-replay: %s\n", message);
    exit(1);
}

/* Blocks of random age: each event frees the one of its place, or allocates one there. */
static double
compile(const char *path, uint64_t nevents, uint32_t nthreads, uint64_t nlive) {
    static uint32_t sizes[MOST_LIVE];
    plan_compiler_t *compiler;
    plan_head_t head;
    memset(sizes, 0, sizeof(sizes));
    seed = 1;
    if (plan_compiler_open(&compiler, path) != 0) {
        fail("no plan can be written");
    }
    uint64_t start = processor_time();
    for (uint64_t i = 0; i < nevents; i++) {
        uint64_t at = draw(nlive);
        record_event_t event = {.thread = (uint32_t)(i / 64 % nthreads), .time = i * 50, .touched = RECORD_UNKNOWN};
        event.addr = (at + 1) << 12;
        event.kind = sizes[at] != 0 ? RECORD_FREE : RECORD_MALLOC;
        sizes[at] = sizes[at] != 0 ? 0 : (uint32_t)(1 + draw(1000));
        event.size = sizes[at];
        if (plan_compiler_add(compiler, &event) != 0) {
            fail("the plan cannot be written");
        }
    }
    plan_compiler_finish(compiler, &head);
    plan_compiler_close(compiler);
    return (double)(processor_time() - start) / (double)nevents;
}

/* ns of a call of the null allocator, through pointers as a replay calls it. */
static double
call(uint64_t n) {
    const heap_t *volatile shown = &null_heap;
    uint64_t start = processor_time();
    for (uint64_t i = 0; i < n; i++) {
        shown->free(shown->malloc(64));
    }
    return (double)(processor_time() - start) / (double)n / 2;
}

static void
run(const char *name, uint64_t nevents, uint32_t nthreads, uint64_t nlive) {
    static replay_result_t result;
    char message[256], path[64];
    plan_file_t plan;
    snprintf(path, sizeof(path), "/tmp/bench-replay.%d.plan", (int)getpid());
    double compiled = compile(path, nevents, nthreads, nlive);
    if (plan_file_open(&plan, path, message, sizeof(message)) != 0) {
        fail(message);
    }
    unlink(path);
    replay_options_t options = {.sample = 1 << 30, .touch = REPLAY_TOUCH_NONE, .interval = 1000000000};
    uint64_t start = processor_time();
    replay_t *replay = replay_start(&plan, &null_heap, &options, message, sizeof(message));
    if (replay == NULL) {
        fail(message);
    }
    replay_wait(replay, UINT64_MAX);
    double spent = (double)(processor_time() - start) / (double)nevents;
    replay_result(replay, &result);
    replay_destroy(replay);
    printf("%s %.2f %.2f %.2f %.1f\n", name, compiled, spent, call(nevents / 2), (double)plan.size / (double)nevents);
    plan_file_close(&plan);
    if (result.deviations + result.violations != 0) {
        fail("the replay was not exact");
    }
}

int
main(int argc, char **argv) {
    uint64_t nevents = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    run("small", nevents, 1, 1000);
    run("large", nevents, 1, MOST_LIVE);
    run("threads", nevents, 4, 100000);
    run("many", nevents, 16, 100000);
    return 0;
}
