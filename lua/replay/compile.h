/*
 * compile.h -- compiles the events of a trace into a plan (plan.h).
 *
 *   plan_compiler_t *compiler;
 *   int error = plan_compiler_open(&compiler, path);
 *   while (error == 0 && next event, all threads in the order of time) error = plan_compiler_add(compiler, &event);
 *   if (error == 0) error = plan_compiler_finish(compiler, &facts);
 *   plan_compiler_close(compiler);
 *
 * Events may be anything: a free without an allocation, an address handed out twice, times that fall. What cannot be
 * replayed is left out, and counted in the facts. Memory comes from the system, in proportion to the blocks that live
 * at once; the file takes 16 to 32 bytes an event.
 */
#ifndef REPLAY_COMPILE_H
#define REPLAY_COMPILE_H

#include "observe/record_event.h"
#include "plan.h"

typedef struct plan_compiler plan_compiler_t;

/* Makes the file, which must not exist; path NULL: a file without a name, in memory. 0, or an errno value. */
int plan_compiler_open(plan_compiler_t **compiler, const char *path);

/* Before the first event: the recorder first looked at the process's memory at this time, ns as in events. */
void plan_compiler_look_at(plan_compiler_t *compiler, uint64_t time);

/* 0, or an errno value: EMFILE if more than PLAN_MOST_THREADS threads live at once, ENOMEM, or the error of writing. */
int plan_compiler_add(plan_compiler_t *compiler, const record_event_t *event);

/* Completes the file. */
int plan_compiler_finish(plan_compiler_t *compiler, plan_head_t *head);

/* The descriptor of the file, until the compiler is closed. */
int plan_compiler_file(const plan_compiler_t *compiler);

/* Frees everything but the file. */
void plan_compiler_close(plan_compiler_t *compiler);

#endif
