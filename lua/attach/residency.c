/* residency.c -- see residency.h. */
#include "attach/residency.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *
reason(int error) {
    switch (error) {
    case EPERM:
        return "the kernel does not let you see which: as its user without capabilities, or as root";
    case ESRCH:
        return "the process has ended";
    case ENOSYS:
        return "this kernel has no such way";
    default:
        return strerror(error);
    }
}

int
residency_of_process(process_t *process, residency_job_t *job) {
    int error = residency_read(job, process_directory(process));
    return error == 0 ? 0
                      : memory_fail(memory_of(process), error, "which pages of %s are in memory: %s",
                                    process_title(process), reason(error));
}

static void
put_held(void *context, uint64_t start, uint64_t end) {
    residency_put(context, start, end, RESIDENCY_PRESENT);
}

int
residency_of_core(core_file_t *core, residency_job_t *job) {
    residency_builder_t builder = {.out = job->out};
    extent_span_t *spans = residency_spans(job->set, &builder.nspans);
    builder.spans = spans;
    if (spans != NULL) {
        core_held(core, put_held, &builder);
    }
    free(spans);
    if (spans == NULL || builder.failed) {
        residency_free(job->out);
        return memory_fail(core_memory(core), ENOMEM, "no memory for the pages of %s", core_title(core));
    }
    return 0;
}
