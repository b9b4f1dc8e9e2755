/*
 * text.c -- see text.h.
 */
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compile.h"
#include "workload/textfile.h"

typedef struct {
    plan_compiler_t *compiler;
    uint64_t numbers[TEXT_MOST_THREADS]; /* of the threads that live, in the file; by their index in the events */
    bool lives[TEXT_MOST_THREADS];
    uint32_t last; /* index of the thread of the line before */
    uint64_t now;  /* time of the line before, ns */
    size_t ncalls;
    bool timed; /* each call so far */
} reader_t;

/* The index of the thread of that number, which is a new one if none of that number lives. TEXT_MOST_THREADS: there is
 * no room for it. */
static uint32_t
find_thread(reader_t *reader, uint64_t number) {
    uint32_t vacant = TEXT_MOST_THREADS;
    if (reader->lives[reader->last] && reader->numbers[reader->last] == number) {
        return reader->last;
    }
    for (uint32_t i = TEXT_MOST_THREADS; i-- > 0;) {
        if (!reader->lives[i]) {
            vacant = i;
        } else if (reader->numbers[i] == number) {
            return i;
        }
    }
    if (vacant != TEXT_MOST_THREADS) {
        reader->lives[vacant] = true;
        reader->numbers[vacant] = number;
    }
    return vacant;
}

/* The call as an event. False: it had failed, or had no effect. */
static bool
event_of(const text_line_t *line, record_event_t *event) {
    static const uint8_t kinds[] = {[TEXT_MALLOC] = RECORD_MALLOC,
                                    [TEXT_CALLOC] = RECORD_CALLOC,
                                    [TEXT_MEMALIGN] = RECORD_ALIGNED,
                                    [TEXT_REALLOC] = RECORD_REALLOC,
                                    [TEXT_FREE] = RECORD_FREE};
    event->kind = kinds[line->kind];
    event->addr = line->address;
    event->old_addr = line->old;
    event->size = line->size;
    if (line->kind == TEXT_MEMALIGN) {
        event->lg_align = (uint8_t)__builtin_ctzll(line->alignment);
    } else if (line->kind == TEXT_REALLOC && line->address == 0 && line->size == 0) {
        event->kind = RECORD_FREE;
        event->addr = line->old;
    }
    return event->addr != 0;
}

/* Ends the thread, at the time of the line before. */
static int
end_thread(reader_t *reader, uint32_t thread) {
    record_event_t event = {.kind = RECORD_THREAD_END, .thread = thread, .time = reader->now};
    reader->lives[thread] = false;
    return reader->ncalls == 0 ? 0 : plan_compiler_add(reader->compiler, &event);
}

/* 0, or an errno value; EMFILE: too many threads. */
static int
read_line(reader_t *reader, const text_line_t *line) {
    uint32_t thread = find_thread(reader, line->thread);
    record_event_t event = {.thread = thread, .time = line->begin, .touched = RECORD_UNKNOWN};
    if (thread == TEXT_MOST_THREADS) {
        return EMFILE;
    }
    reader->last = thread;
    if (line->kind == TEXT_DONE) {
        return end_thread(reader, thread);
    }
    reader->timed = reader->timed && line->timed;
    reader->now = line->begin;
    if (!event_of(line, &event)) {
        return 0;
    }
    reader->ncalls += event.kind != RECORD_FREE;
    return plan_compiler_add(reader->compiler, &event);
}

static bool
is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p == end;
}

/* The line in [p, end), if it is not blank. 0, an errno value, or TEXTFILE_WRONG with the reason in *why. */
static int
read_text_line(reader_t *reader, const char *p, const char *end, const char **why) {
    text_line_t line = {0};
    if (is_blank(p, end)) {
        return 0;
    }
    *why = text_line_parse(&line, p, end);
    int error = *why == NULL ? read_line(reader, &line) : TEXTFILE_WRONG;
    if (error == EMFILE) {
        *why = "a thread more; allowed: 512 at once, each of which thread_done may end";
        error = TEXTFILE_WRONG;
    }
    return error;
}

static int
read_lines(reader_t *reader, const textfile_t *file, const char *path, char *message, size_t message_size) {
    const char *end = file->text + file->size, *why = NULL;
    size_t number = 1;
    for (const char *p = file->text; p < end; number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = newline == NULL ? end : newline;
        int error = read_text_line(reader, p, line_end, &why);
        if (error == TEXTFILE_WRONG) {
            snprintf(message, message_size, "%s:%zu: %s", path, number, why);
        }
        if (error != 0) {
            return error;
        }
        p = line_end + 1;
    }
    if (reader->ncalls == 0) {
        snprintf(message, message_size, "%s has no allocation", path);
        return TEXTFILE_WRONG;
    }
    return 0;
}

/* Compiles the text, and maps the plan. */
static int
load(reader_t *reader, plan_file_t *plan, const textfile_t *file, const char *path, char *message,
     size_t message_size) {
    plan_head_t head;
    int error = plan_compiler_open(&reader->compiler, NULL);
    if (error != 0) {
        return error;
    }
    error = read_lines(reader, file, path, message, message_size);
    if (error == 0) {
        error = plan_compiler_finish(reader->compiler, &head);
    }
    if (error == 0) {
        error = plan_file_map(plan, plan_compiler_file(reader->compiler));
    }
    plan_compiler_close(reader->compiler);
    return error;
}

int
text_load(plan_file_t *plan, bool *timed, const char *path, char *message, size_t message_size) {
    textfile_t file;
    reader_t reader = {.timed = true};
    *plan = (plan_file_t){0};
    int error = textfile_read(&file, path, TEXT_LIMIT, message, message_size);
    if (error != 0) {
        return error;
    }
    error = load(&reader, plan, &file, path, message, message_size);
    *timed = reader.timed;
    textfile_free(&file);
    if (error != 0 && error != TEXTFILE_WRONG) {
        snprintf(message, message_size, "no memory for the trace in %s: %s", path, strerror(error));
    }
    return error;
}
