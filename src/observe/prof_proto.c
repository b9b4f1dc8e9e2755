/*
 * prof_proto.c -- writes a profile as a protocol buffer: the encoder (pprof.h) over the profiler's stacks. Values are
 * estimates of all allocations, not counts of samples.
 */
#include "base/bits.h"
#include "observe/pprof.h"
#include "observe/prof_format.h"
#include "observe/prof_frames.h"
#include "observe/prof_state.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/process.h"

#include <errno.h>
#include <string.h>

/* Synchronization: role_dump: these variables. */
static pprof_t profile;
static char lines[4096 + 256];

static void
put_to_file(void *context, const void *data, size_t len) {
    file_write(context, data, len);
}

static void
visit_mapping(const char *line, void *context) {
    pprof_mapping(context, line);
}

static const char *
name_of(void *context, uintptr_t ip) {
    (void)context;
    return prof_frame_name(ip);
}

static uint64_t
rounded(double value) {
    return (uint64_t)(value + 0.5);
}

static void
write_stack(const prof_stack_t *stack) REQUIRES(role_dump) {
    const prof_tally_t *accum = &stack->copy.accum, *live = &stack->copy.live;
    const uint64_t values[] = {rounded(accum->objects), rounded(accum->size), rounded(live->objects),
                               rounded(live->size)};
    bool all = prof_accum();
    pprof_stack(&profile, stack->ips, stack->depth, values + (all ? 0 : 2), all ? 4 : 2);
}

static void
write_all(void) REQUIRES(role_dump) {
    pprof_begin(&profile, prof_accum(), UINT64_C(1) << prof_lg_sample(), clock_wall_ns());
    process_mappings(lines, sizeof lines, visit_mapping, &profile);
    for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
        if (prof_format_shows(stack)) {
            write_stack(stack);
        }
    }
}

/* The binary logarithm of a table of addresses that is at most half full if all addresses of all stacks differ. */
static unsigned
lg_seen(void) REQUIRES(role_dump) {
    size_t n = 512;
    for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
        n += prof_format_shows(stack) ? stack->depth : 0;
    }
    return lg_ceil(n * 2);
}

#define MAPPINGS_BYTES ((size_t)1 << 20)

void
prof_write_proto(file_t *file) {
    unsigned lg = lg_seen();
    size_t seen = align_up(sizeof(uintptr_t) << lg, pages_size());
    profile = (pprof_t){.put = put_to_file, .context = file, .name_of = name_of, .lg_seen = lg};
    profile.mappings_max = MAPPINGS_BYTES / sizeof(pprof_range_t);
    profile.mappings = pages_map(MAPPINGS_BYTES, pages_size());
    profile.seen = pages_map(seen, pages_size());
    if (profile.mappings != NULL && profile.seen != NULL) {
        write_all();
    } else {
        file->error = ENOMEM;
    }
    if (profile.mappings != NULL) {
        pages_unmap(profile.mappings, MAPPINGS_BYTES);
    }
    if (profile.seen != NULL) {
        pages_unmap(profile.seen, seen);
    }
}
