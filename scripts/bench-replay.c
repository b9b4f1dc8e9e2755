/*
 * bench-replay.c [EVENTS [NAME]] -- the program of scripts/bench-replay: compiles and replays synthetic traces on an
 * allocator that does nothing, so that the replay's own cost remains. Prints a line for each, or for that of the NAME:
 * name; then ns of processor time an event of the compilation, a call of the replay, and a call of that allocator in
 * the same order; bytes of the plan an event; and, of a replay of the same windows and threads without a call, ns of
 * processor time for each call that was taken away: what it costs to hand the windows to so many threads. With a NAME,
 * the switches of context for 1,000 calls and the windows follow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static void
open_plan(plan_file_t *plan, const char *path) {
    char message[256];
    if (plan_file_open(plan, path, message, sizeof(message)) != 0) {
        fail(message);
    }
    unlink(path);
}

static void
write_all(FILE *file, const void *data, size_t size) {
    if (fwrite(data, 1, size, file) != size) {
        fail("no plan can be written");
    }
}

/* Writes the plan without its operations: the windows and their runs. */
static void
write_empty(const plan_file_t *plan, const char *path) {
    static const plan_op_t padding[PLAN_AHEAD];
    FILE *file = fopen(path, "w+e");
    if (file == NULL) {
        fail("no plan can be written");
    }
    plan_head_t head = *plan->head;
    write_all(file, &head, sizeof(head));
    uint64_t offset = sizeof(head);
    const plan_window_t *window;
    while ((window = plan_next_window(plan, &offset)) != NULL) {
        plan_window_t empty = *window;
        empty.size = sizeof(empty) + window->nruns * sizeof(plan_run_t);
        write_all(file, &empty, sizeof(empty));
        for (uint32_t i = 0; i < window->nruns; i++) {
            plan_run_t run = plan_runs(window)[i];
            run.nops = 0;
            write_all(file, &run, sizeof(run));
        }
    }
    write_all(file, padding, sizeof(padding));
    head.size = (uint64_t)ftell(file);
    rewind(file);
    write_all(file, &head, sizeof(head));
    fclose(file);
}

/* ns of processor time. */
static double
replay_plan(const plan_file_t *plan, replay_result_t *result) {
    char message[256];
    replay_options_t options = {.sample = 1 << 30, .touch = REPLAY_TOUCH_NONE, .interval = 1000000000};
    uint64_t start = processor_time();
    replay_t *replay = replay_start(plan, &null_heap, &options, message, sizeof(message));
    if (replay == NULL) {
        fail(message);
    }
    replay_wait(replay, UINT64_MAX);
    double spent = (double)(processor_time() - start);
    replay_result(replay, result);
    replay_destroy(replay);
    return spent;
}

/* The kinds of the plan's calls, in the order of its windows and runs: a byte each. */
static uint8_t *
kinds_of(const plan_file_t *plan, uint64_t nevents) {
    uint8_t *kinds = malloc(nevents);
    uint64_t offset = sizeof(plan_head_t), n = 0;
    const plan_window_t *window;
    if (kinds == NULL) {
        fail("no memory");
    }
    while ((window = plan_next_window(plan, &offset)) != NULL) {
        const plan_op_t *op = plan_ops(window), *end = (const plan_op_t *)((const char *)window + window->size);
        for (; op < end && n < nevents; op++) {
            kinds[n++] = op->kind;
        }
    }
    return kinds;
}

/* ns of a call of the null allocator, through pointers as a replay calls it: one thread, in the order of the plan. */
static double
call(const plan_file_t *plan, uint64_t n) {
    const heap_t *volatile shown = &null_heap;
    uint8_t *kinds = kinds_of(plan, n);
    void *block = NULL;
    uint64_t start = processor_time();
    for (uint64_t i = 0; i < n; i++) {
        if (kinds[i] == CALL_MALLOC) {
            block = shown->malloc(64);
        } else {
            shown->free(block);
        }
    }
    double spent = (double)(processor_time() - start) / (double)n;
    free(kinds);
    return spent;
}

static long
switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

static const char *only; /* the name of the one trace, or NULL */

static void
run(const char *name, uint64_t nevents, uint32_t nthreads, uint64_t nlive) {
    static replay_result_t result, ignored;
    char path[64];
    plan_file_t plan, empty;
    if (only != NULL && strcmp(only, name) != 0) {
        return;
    }
    snprintf(path, sizeof(path), "/tmp/bench-replay.%d.plan", (int)getpid());
    double compiled = compile(path, nevents, nthreads, nlive);
    open_plan(&plan, path);
    write_empty(&plan, path);
    open_plan(&empty, path);
    long before = switches();
    double spent = replay_plan(&plan, &result) / (double)nevents;
    long after = switches();
    double handed = replay_plan(&empty, &ignored) / (double)nevents;
    printf("%s %.2f %.2f %.2f %.1f %.2f", name, compiled, spent, call(&plan, nevents),
           (double)plan.size / (double)nevents, handed);
    if (only != NULL) {
        printf(" %.2f, %llu windows", 1000.0 * (double)(after - before) / (double)nevents,
               (unsigned long long)result.windows);
    }
    putchar('\n');
    plan_file_close(&plan);
    plan_file_close(&empty);
    if (result.deviations + result.violations != 0) {
        fail("the replay was not exact");
    }
}

int
main(int argc, char **argv) {
    uint64_t nevents = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    only = argc > 2 ? argv[2] : NULL;
    run("small", nevents, 1, 1000);
    run("large", nevents, 1, MOST_LIVE);
    run("threads", nevents, 4, 100000);
    run("many", nevents, 16, 100000);
    return 0;
}
