/*
 * prof_text.c -- writes a profile as text, one line for each stack:
 *
 *   heap profile: LIVE: BYTES [ACCUM: BYTES] @ heap_v2/RATE
 *   # thread ID: LIVE: BYTES [ACCUM: BYTES] NAME
 *   LIVE: BYTES [ACCUM: BYTES] @ 0xIP 0xIP ...
 *   MAPPED_LIBRARIES:
 *   the lines of /proc/self/maps
 *
 * LIVE and ACCUM count samples, and BYTES are the samples' sizes; readers scale them up by RATE. To readers, the lines
 * of threads are comments. jemalloc's own form has "heap_v2/RATE" in front and lines "t*: ...", "t1: ..." after each
 * stack; jeprof shows it by thread, and google-pprof cannot read it. One file cannot be both: google-pprof accepts a
 * file only if its first line that is no %command, after a section of symbols if there is one, begins with "heap
 * profile:"; and jeprof does not look for threads in a file that begins like that.
 */
#include "base/fmt.h"
#include "observe/prof_format.h"
#include "observe/prof_state.h"
#include "os/process.h"

#include <string.h>

#define LINE_MAX_BYTES (LUNALLOC_STACK_MAX * 20 + 128)

static char line_buf[LINE_MAX_BYTES] GUARDED_BY(role_dump);

static void
put_pair(fmt_t *out, const prof_tally_t *tally, bool shown) {
    fmt_u64(out, shown ? tally->count : 0);
    fmt_str(out, ": ");
    fmt_u64(out, shown ? tally->bytes : 0);
}

/* Without prof_accum(), the second pair is 0. */
static void
put_sums(fmt_t *out, const prof_sums_t *sums) {
    put_pair(out, &sums->live, true);
    fmt_str(out, " [");
    put_pair(out, &sums->accum, prof_accum());
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
        if (prof_format_shows(stack)) {
            write_stack(file, stack);
        }
    }
    write_mapping("\nMAPPED_LIBRARIES:", file);
    process_mappings(line_buf, sizeof line_buf, write_mapping, file);
}
