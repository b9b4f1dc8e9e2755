/* report_file.c -- names of the files, and their content. */
#include "control/report_file.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/options.h"
#include "control/report.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "os/thread.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_PREFIX "lunalloc"

/* Synchronization: the caller's: these variables. */
static file_t file;
static char name_buf[FILE_NAME_MAX];
static uint64_t numbers[REPORT_OCCASIONS];
static int last_error;

/* ---- names ---- */

/* J chooses JSON, O OpenMetrics. */
static lunalloc_format_t
present_format(void) {
    const char *opts = options.stats_interval_opts;
    return strchr(opts, 'J') != NULL ? LUNALLOC_JSON : strchr(opts, 'O') != NULL ? LUNALLOC_OPENMETRICS : LUNALLOC_TEXT;
}

/* A process may call itself anything: what is not printable, or a slash, becomes "_". */
static void
put_process_name(fmt_t *out) {
    char name[PROCESS_THREAD_NAME];
    process_thread_name(os_process_id(), name);
    for (const char *at = name; *at != '\0'; at++) {
        fmt_char(out, *at > ' ' && *at < 127 && *at != '/' ? *at : '_');
    }
}

static const char *
next_name(report_occasion_t occasion, lunalloc_format_t format) {
    static const char endings[][9] = {
        [LUNALLOC_TEXT] = ".txt", [LUNALLOC_JSON] = ".json", [LUNALLOC_OPENMETRICS] = ".metrics"};
    fmt_t out = fmt_begin(name_buf, sizeof name_buf);
    fmt_str(&out, options.report_prefix[0] != '\0' ? options.report_prefix : DEFAULT_PREFIX);
    fmt_char(&out, '.');
    fmt_u64(&out, os_process_id());
    fmt_char(&out, '.');
    put_process_name(&out);
    fmt_char(&out, '.');
    fmt_char(&out, "si"[occasion]);
    fmt_u64(&out, numbers[occasion]++);
    fmt_str(&out, endings[format]);
    return name_buf;
}

/* ---- content ---- */

static void
write_text(void *opaque, const char *text) {
    (void)opaque;
    file_write(&file, text, strlen(text));
}

static void
write_heading(report_occasion_t occasion) {
    char line[160];
    fmt_t out = fmt_begin(line, sizeof line);
    fmt_str(&out, "process ");
    fmt_u64(&out, os_process_id());
    fmt_char(&out, ' ');
    put_process_name(&out);
    fmt_str(&out, ", ");
    fmt_u64(&out, clock_wall_ns() / 1000000000);
    fmt_str(&out, " seconds after 1970, ");
    fmt_str(&out, occasion == REPORT_BY_SIGNAL ? "by signal " : "by opt.stats_interval");
    fmt_str(&out, occasion == REPORT_BY_SIGNAL ? options.dump_signal : "");
    fmt_char(&out, '\n');
    file_write(&file, out.buf, out.len);
}

static int
write_file(report_occasion_t occasion) {
    lunalloc_format_t format = present_format();
    int error = file_begin(&file, next_name(occasion, format), file_aside_new);
    if (error != 0) {
        return error;
    }
    if (format == LUNALLOC_TEXT) {
        write_heading(occasion);
    }
    error = report_write(format, write_text, NULL, options.stats_interval_opts);
    if (error != 0) {
        file_abandon(&file, error);
    }
    return file_end(&file);
}

/* ---- failures ---- */

static const char *
why(int error) {
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return "the process may not write there";
    case ENOENT:
    case ENOTDIR:
        return "there is no such directory";
    case EEXIST:
        return "something that is no regular file has the name";
    case ENOSPC:
        return "there is no room";
    case ENOMEM:
        return "there is no memory to read the statistics into";
    default:
        return "the system refuses it";
    }
}

static void
warn_of(int error) {
    char text[512];
    fmt_t out = fmt_begin(text, sizeof text);
    fmt_str(&out, "report: ");
    fmt_mem(&out, name_buf, strnlen(name_buf, 300));
    fmt_str(&out, " was not written: ");
    fmt_str(&out, why(error));
    fmt_str(&out, " (error ");
    fmt_u64(&out, (uint64_t)error);
    fmt_str(&out, "); opt.report_prefix says where reports go");
    warn(text);
}

void
report_file_write(report_occasion_t occasion) {
    int error = write_file(occasion);
    if (error != 0 && error != last_error) {
        warn_of(error);
    }
    last_error = error;
}

void
report_file_forked(void) {
    memset(numbers, 0, sizeof numbers);
    last_error = 0;
}
