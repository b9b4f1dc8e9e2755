/*
 * text.h -- the text form of traces, Android's of malloc debugging, as a plan of a replay.
 *
 * Each line tells one call of one thread, in the order in which they were recorded:
 *
 *   THREAD: malloc ADDRESS SIZE                   THREAD: free ADDRESS
 *   THREAD: calloc ADDRESS COUNT SIZE             THREAD: realloc NEW_ADDRESS OLD_ADDRESS SIZE
 *   THREAD: memalign ADDRESS ALIGNMENT SIZE       THREAD: thread_done 0x0
 *
 * Addresses are hexadecimal, the other numbers decimal. The times at which a call began and ended may follow (ns); a
 * replay keeps to the first of these if it is asked to. thread_done ends a thread: its number may be used again, by
 * another thread.
 *
 * The lines are events to the compiler of plans (compile.h), in the order of the file. Calls that had failed (they gave
 * no address) are left out.
 */
#ifndef REPLAY_TEXT_H
#define REPLAY_TEXT_H

#include "plan.h"

enum {
    TEXT_MOST_THREADS = 512 /* that live at once */
};

/* Bytes of the file. */
#define TEXT_LIMIT ((size_t)1 << 30)

/* Compiles the file into a plan in memory of its own, which plan_file_close() frees. *timed: each line of a call has
 * its times. 0, or an errno value with one line in `message`: TEXTFILE_WRONG (the line that is wrong, and what is
 * allowed), ENOMEM, or the error of opening the file. */
int text_load(plan_file_t *plan, bool *timed, const char *path, char *message, size_t message_size);

/* text_line.c: a line of the file. */
typedef enum {
    TEXT_MALLOC,
    TEXT_CALLOC,
    TEXT_MEMALIGN,
    TEXT_REALLOC,
    TEXT_FREE,
    TEXT_DONE
} text_kind_t;

typedef struct {
    text_kind_t kind;
    uint64_t thread, address;
    uint64_t old;       /* realloc */
    uint64_t alignment; /* memalign: a power of two, at least 8 */
    uint64_t size;      /* calloc: of all elements */
    uint64_t begin;     /* ns */
    bool timed;
} text_line_t;

/* Parses the line in [p, end). NULL, or what is wrong with it and what is allowed. */
const char *text_line_parse(text_line_t *line, const char *p, const char *end);

#endif
