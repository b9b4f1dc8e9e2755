/* prof_dump.c -- names of dumps, their events, and what happens at exit. */
#include "observe/prof_dump.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/fmt.h"
#include "base/options.h"
#include "observe/prof_format.h"
#include "observe/prof_state.h"
#include "os/thread.h"
#include "os/system.h"

#include <errno.h>
#include <string.h>

/* Why a dump is written. */
typedef enum {
    BY_FINAL,
    BY_INTERVAL,
    BY_REQUEST,
    BY_HIGH,
    OCCASIONS
} occasion_t;

/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_prof_dump = LOCK_INITIALIZER(RANK_DUMP);
static char prefix[PROF_PREFIX_MAX] GUARDED_BY(role_dump);
static bool prefix_given GUARDED_BY(role_dump);           /* else options.prof_prefix is used */
static uint64_t number GUARDED_BY(role_dump);             /* dumps so far */
static uint64_t numbers[OCCASIONS] GUARDED_BY(role_dump); /* by occasion */
static file_t file GUARDED_BY(role_dump);
static char name_buf[FILE_NAME_MAX] GUARDED_BY(role_dump);
static _Atomic uint64_t allocated; /* Synchronization: any thread; bytes since the last dump by interval. */

void
prof_dump_lock(void) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_prof_dump);
}

static bool
dump_try(void) TRY_ACQUIRE(true, role_dump) NO_THREAD_SAFETY {
    return lock_try(&lock_of_prof_dump);
}

void
prof_dump_unlock(void) NO_THREAD_SAFETY {
    lock_release(&lock_of_prof_dump);
}

/* ---- names ---- */

static const char *
present_prefix(void) REQUIRES(role_dump) {
    return prefix_given ? prefix : options.prof_prefix;
}

/* PREFIX.PROCESS.NUMBER.LETTER[NUMBER].heap; the letters are jemalloc's. */
static const char *
next_name(occasion_t occasion) REQUIRES(role_dump) {
    fmt_t out = fmt_begin(name_buf, sizeof name_buf);
    fmt_str(&out, present_prefix());
    fmt_char(&out, '.');
    fmt_u64(&out, os_process_id());
    fmt_char(&out, '.');
    fmt_u64(&out, number++);
    fmt_char(&out, '.');
    fmt_char(&out, "fimu"[occasion]);
    if (occasion != BY_FINAL) {
        fmt_u64(&out, numbers[occasion]++);
    }
    fmt_str(&out, ".heap");
    return name_buf;
}

bool
prof_dump_set_prefix(const char *text) {
    if (strlen(text) >= sizeof prefix) {
        return false;
    }
    prof_dump_lock();
    strcpy(prefix, text);
    prefix_given = true;
    prof_dump_unlock();
    return true;
}

/* ---- writing ---- */

static bool
ends_in(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Writes the profile as it is now. The name's ending chooses format and compression. */
static int
write_file(const char *name, file_way_t way) REQUIRES(role_dump) {
    int error = file_begin(&file, name, way);
    if (error == 0) {
        if (ends_in(name, ".gz")) {
            file_compress(&file);
        }
        prof_sums_t totals = prof_table_copy();
        if (ends_in(name, ".pb") || ends_in(name, ".pb.gz")) {
            prof_write_proto(&file);
        } else {
            prof_write_text(&file, &totals);
        }
        error = file_end(&file);
    }
    return error;
}

/* Writes a dump under the next numbered name, unless the prefix is empty. */
static int
write_next(occasion_t occasion) REQUIRES(role_dump) {
    return present_prefix()[0] == '\0' ? EINVAL : write_file(next_name(occasion), file_aside);
}

int
prof_dump(const char *name) {
    bool nested = prof_enter();
    if (name != NULL && ends_in(name, ".gz")) {
        gzip_load();
    }
    prof_dump_lock();
    int error = name != NULL ? write_file(name, file_in_place) : write_next(BY_REQUEST);
    prof_dump_unlock();
    if (!nested) {
        prof_leave();
    }
    return error;
}

/* Writes a dump at an event, unless another one is being written. The thread is marked busy. */
static void
dump_at(occasion_t occasion) EXCLUDES(role_dump) {
    if (dump_try()) {
        write_next(occasion);
        prof_dump_unlock();
    }
}

/* Several threads may see that the interval is over; the one whose exchange succeeds writes the dump. */
void
prof_dump_allocated(double bytes) {
    if (options.lg_prof_interval < 0) {
        return;
    }
    uint64_t interval = UINT64_C(1) << options.lg_prof_interval;
    uint64_t so_far = atomic_add(&allocated, (uint64_t)bytes) + (uint64_t)bytes;
    if (so_far >= interval && atomic_compare_exchange_strong_explicit(&allocated, &so_far, so_far % interval,
                                                                      memory_order_relaxed, memory_order_relaxed)) {
        dump_at(BY_INTERVAL);
    }
}

void
prof_dump_high(size_t mapped) {
    (void)mapped;
    if (!prof_is_active() || prof_enter()) {
        return;
    }
    dump_at(BY_HIGH);
    prof_leave();
}

/* ---- at exit ---- */

/* One line on standard error; with opt.prof_leak_error, leaks change the exit status of the process to 1. */
static void
report_leaks(void) {
    prof_dump_lock();
    prof_sums_t totals = prof_table_copy();
    prof_dump_unlock();
    char text[256];
    fmt_t out = fmt_begin(text, sizeof text);
    fmt_str(&out, "leak: about ");
    fmt_u64(&out, (uint64_t)totals.live.size);
    fmt_str(&out, " bytes in ");
    fmt_u64(&out, (uint64_t)totals.live.objects);
    fmt_str(&out, " allocations live at exit, by ");
    fmt_u64(&out, totals.live.count);
    fmt_str(&out, " samples");
    warn(text);
    if (options.prof_leak_error && totals.live.count > 0) {
        system_exit(1);
    }
}

static NOINLINE void
dump_at_exit(void) {
    bool nested = prof_enter();
    if (options.prof_final) {
        dump_at(BY_FINAL);
    }
    if (options.prof_leak) {
        system_error_at_exit();
        report_leaks();
    }
    if (!nested) {
        prof_leave();
    }
}

/* Runs in every process, so it lies on the page that is kept for such code (AT_LOAD); the rest lies elsewhere. */
__attribute__((destructor)) static AT_LOAD void
exits(void) {
    if (prof_has_begun()) {
        dump_at_exit();
    }
}

/* ---- fork ---- */

lock_t *
prof_dump_mutex(void) {
    return &lock_of_prof_dump;
}

void
prof_dump_prefork(void) {
    lock_prefork(&lock_of_prof_dump);
}

void
prof_dump_postfork(bool child) {
    lock_postfork(&lock_of_prof_dump, child);
}
