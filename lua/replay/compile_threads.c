/*
 * compile_threads.c -- the threads of a plan that is compiled: a number of the trace may be several threads, one after
 * the other. See compiler.h.
 */
#include <errno.h>

#include "compiler.h"

enum {
    MOST_NUMBERS = 1 << 20 /* of threads */
};

static compiled_thread_t *
thread_at(const plan_compiler_t *compiler, uint32_t number) {
    return (compiled_thread_t *)compiler->threads.data + number;
}

/* Begins a window for the thread, which is new. */
static int
start_thread(plan_compiler_t *compiler, compiled_thread_t *thread) {
    plan_head_t *head = &compiler->head;
    if (compiler->nalive == PLAN_MOST_THREADS || head->nthreads == UINT32_MAX) {
        return EMFILE;
    }
    int error = compiler_end_window(compiler);
    compiler->nalive++;
    head->most_threads = compiler->nalive > head->most_threads ? compiler->nalive : head->most_threads;
    *thread = (compiled_thread_t){.thread = head->nthreads++, .alive = true};
    return error;
}

int
compiler_thread(plan_compiler_t *compiler, uint32_t number, compiled_thread_t **out) {
    if (number >= MOST_NUMBERS) {
        return EMFILE;
    }
    if (!growing_reserve(&compiler->threads, (number + (size_t)1) * sizeof(compiled_thread_t))) {
        return ENOMEM;
    }
    compiled_thread_t *thread = *out = thread_at(compiler, number);
    bool starts = !thread->alive;
    int error = starts                                       ? start_thread(compiler, thread)
                : compiler->writer.nruns == PLAN_WINDOW_RUNS ? compiler_end_window(compiler)
                                                             : 0;
    if (error == 0 && thread->window != compiler->writer.nwindows + 1) {
        thread->window = (uint32_t)compiler->writer.nwindows + 1;
        thread->run = plan_writer_run(&compiler->writer, thread->thread, starts, compiler->now);
        thread->last = compiler->now;
        thread->grown = thread->highest = 0;
    }
    return error;
}

int
compiler_end_thread(plan_compiler_t *compiler, uint32_t number) {
    compiled_thread_t *thread;
    int error = compiler_thread(compiler, number, &thread);
    if (error != 0) {
        return error;
    }
    compiler->writer.runs[thread->run].ends = true;
    blocks_end_owner(&compiler->blocks, thread->thread);
    *thread = (compiled_thread_t){0};
    compiler->nalive--;
    return compiler_end_window(compiler);
}
