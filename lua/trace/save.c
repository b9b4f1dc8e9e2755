/* save.c -- see save.h. Times are written in ns, whatever clock the trace had. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "save.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "array.h"
#include "classes.h"

struct trace_save {
    const trace_file_t *file;
    trace_pass_t *pass;
    trace_writer_t *writer;
    trace_array_t numbers; /* uint32_t, of each thread: its number in the new file + 1; 0: it has none yet */
    trace_filter_t filter;
};

static void
copy_meta(trace_save_t *save) {
    const char *key, *value;
    for (size_t i = 0; (key = trace_file_meta_at(save->file, i, &value)) != NULL; i++) {
        trace_writer_meta(save->writer, key, value);
    }
    const trace_info_t *info = trace_file_info(save->file);
    trace_writer_clock(save->writer,
                       &(record_clock_t){{info->begin, info->begin + 1}, {info->begin, info->begin + 1}, 0});
    for (size_t i = 0; i < info->nsamples; i++) {
        if (info->samples[i].time >= save->filter.from && info->samples[i].time < save->filter.to) {
            trace_writer_sample(save->writer, &info->samples[i]);
        }
    }
}

static void
free_save(trace_save_t *save) {
    if (save->pass != NULL) {
        trace_pass_close(save->pass);
    }
    trace_array_free(&save->numbers);
    munmap(save, sizeof(*save));
}

int
trace_save_open(trace_save_t **opened, const trace_file_t *file, const trace_filter_t *filter, const char *path,
                char *message, size_t message_size) {
    trace_save_t *save = mmap(NULL, sizeof(*save), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *opened = NULL;
    if (save == MAP_FAILED) {
        snprintf(message, message_size, "no memory to save a trace");
        return ENOMEM;
    }
    save->file = file;
    save->filter = *filter;
    save->pass = trace_pass_open(file, filter);
    size_t n = trace_file_info(file)->nthreads;
    if (save->pass == NULL || !trace_array_grow(&save->numbers, n, sizeof(uint32_t))) {
        free_save(save);
        snprintf(message, message_size, "no memory to save a trace");
        return ENOMEM;
    }
    int error = trace_writer_open(&save->writer, path, message, message_size);
    if (error != 0) {
        free_save(save);
        return error;
    }
    copy_meta(save);
    *opened = save;
    return 0;
}

/* The thread's number in the new file, which has only the threads that occur. */
static uint32_t
number_of(trace_save_t *save, uint32_t thread) {
    uint32_t *number = (uint32_t *)save->numbers.data + thread;
    if (*number == 0) {
        const trace_thread_info_t *info = &trace_file_info(save->file)->threads[thread];
        trace_begin_t begin = {.tid = info->tid, .name = info->name, .begin = info->begin};
        *number = trace_writer_thread(save->writer, &begin) + 1;
    }
    return *number - 1;
}

static void
write_event(trace_save_t *save, record_event_t *event) {
    uint32_t number = number_of(save, event->thread);
    bool ends = event->kind == RECORD_THREAD_END;
    event->thread = number;
    event->hint = trace_class(event->size) & 7;
    trace_writer_event(save->writer, number, event);
    if (ends) {
        trace_writer_thread_end(save->writer, number);
    }
}

/* With conditions on sizes, one half of a realloc may be missing, so one that moves is written as a free and an
 * allocation. False: nothing is to be written. */
static bool
part_move(const trace_filter_t *filter, trace_step_t *step) {
    record_event_t *event = &step->event;
    if (trace_any_size(filter)) {
        return true;
    } else if (event->kind == RECORD_MOVE) {
        event->kind = RECORD_FREE;
    } else if (step->moved) {
        event->old_addr = 0;
        return !trace_frees(event->kind);
    }
    return true;
}

bool
trace_save_step(trace_save_t *save, uint64_t n) {
    trace_step_t step;
    for (; n > 0; n--) {
        if (!trace_pass_next(save->pass, &step) || trace_writer_written(save->writer).error != 0) {
            return false;
        }
        if (step.passes && part_move(&save->filter, &step)) {
            write_event(save, &step.event);
        }
    }
    return true;
}

int
trace_save_close(trace_save_t *save, trace_written_t *written, char *message, size_t message_size) {
    bool memory = !trace_pass_short(save->pass);
    *written = trace_writer_written(save->writer);
    if (!memory) {
        trace_save_abandon(save);
        snprintf(message, message_size, "no memory for the live blocks of the trace");
        return ENOMEM;
    }
    int error = trace_writer_close(save->writer, message, message_size);
    free_save(save);
    return error;
}

void
trace_save_abandon(trace_save_t *save) {
    trace_writer_abandon(save->writer);
    free_save(save);
}
