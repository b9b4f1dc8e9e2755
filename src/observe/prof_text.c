/*
 * prof_text.c -- one line for each stack:
 *
 *   heap profile: LIVE: BYTES [ACCUM: BYTES] @ heap_v2/RATE
 *   # thread ID: LIVE: BYTES [ACCUM: BYTES] NAME
 *   LIVE: BYTES [ACCUM: BYTES] @ 0xIP 0xIP ...
 *   MAPPED_LIBRARIES:
 *   what /proc/self/maps says
 *
 * Counts are those of samples; a reader scales them up by the rate. Threads are comments to it. jemalloc's manual has
 * another form ("heap_v2/RATE" first, and lines "t*: ...", "t1: ..." after each stack), which jeprof shows by thread
 * and google-pprof cannot read. No file is both: google-pprof takes a file for a heap profile only if its first line
 * that is no %command begins with "heap profile:", be it behind a section of symbols, and whatever begins so jeprof
 * takes for one without threads.
 */
#include "base/fmt.h"
#include "base/options.h"
#include "observe/prof.h"
#include "observe/prof_format.h"

#include <string.h>

#define LINE_MAX_BYTES (LUNALLOC_STACK_MAX * 20 + 128)

static char line_buf[LINE_MAX_BYTES] GUARDED_BY(role_dump);

static void
put_pair(fmt_t *out, const prof_tally_t *tally, bool shown) {
    fmt_u64(out, shown ? tally->count : 0);
    fmt_str(out, ": ");
    fmt_u64(out, shown ? tally->bytes : 0);
}

/* Without opt.prof_accum, what was allocated in all reads 0. */
static void
put_sums(fmt_t *out, const prof_sums_t *sums) {
    put_pair(out, &sums->live, true);
    fmt_str(out, " [");
    put_pair(out, &sums->accum, options.prof_accum);
    fmt_char(out, ']');
}

static void
end_line(file_t *file, fmt_t *out) {
    fmt_char(out, '\n');
    file_write(file, out->buf, out->len);
}

static void
write_header(file_t *file, const prof_sums_t *totals) REQUIRES(role_dump) {
    fmt_t out = fmt_begin(line_buf, sizeof line_buf);
    fmt_str(&out, "heap profile: ");
    put_sums(&out, totals);
    fmt_str(&out, " @ heap_v2/");
    fmt_u64(&out, UINT64_C(1) << prof_lg_sample());
    end_line(file, &out);
}

static void
write_thread(file_t *file, const prof_thread_copy_t *thread) REQUIRES(role_dump) {
    fmt_t out = fmt_begin(line_buf, sizeof line_buf);
    fmt_str(&out, "# thread ");
    fmt_u64(&out, thread->id);
    fmt_str(&out, ": ");
    put_sums(&out, &thread->sums);
    fmt_char(&out, ' ');
    fmt_str(&out, thread->name);
    end_line(file, &out);
}

static void
write_stack(file_t *file, const prof_stack_t *stack) REQUIRES(role_dump) {
    fmt_t out = fmt_begin(line_buf, sizeof line_buf);
    put_sums(&out, &stack->copy);
    fmt_str(&out, " @");
    for (uint32_t i = 0; i < stack->depth; i++) {
        fmt_str(&out, " 0x");
        fmt_hex(&out, stack->ips[i]);
    }
    end_line(file, &out);
}

static void
write_mapping(const char *line, void *context) {
    file_write(context, line, strlen(line));
    file_write(context, "\n", 1);
}

void
prof_write_text(file_t *file, const prof_sums_t *totals) {
    write_header(file, totals);
    prof_thread_copy_t thread;
    for (size_t i = 0; prof_table_thread(i, &thread); i++) {
        write_thread(file, &thread);
    }
    for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
        if (stack->copy.live.count > 0 || (options.prof_accum && stack->copy.accum.count > 0)) {
            write_stack(file, stack);
        }
    }
    write_mapping("\nMAPPED_LIBRARIES:", file);
    file_mappings(line_buf, sizeof line_buf, write_mapping, file);
}
