/* thread_light_linux.c -- clone, the area, and what the thread gives up. */
#include "os/thread_light.h"

#include "base/bits.h"
#include "os/call.h"
#include "os/pages.h"

#include <linux/capability.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#ifndef LUNALLOC_ASAN
#define LUNALLOC_ASAN 0
#endif

#if defined(__x86_64__) && defined(__LP64__) && !LUNALLOC_TSAN && !LUNALLOC_ASAN
static const bool supported = true;

/* The thread pointer. Thread-local variables lie below it, and it points to itself. */
static uintptr_t
thread_pointer(void) {
    uintptr_t tp;
    __asm__("mov %%fs:0, %0" : "=r"(tp));
    return tp;
}
#else
static const bool supported = false;

static uintptr_t
thread_pointer(void) {
    return 0;
}
#endif

/* ---- what it gives up ---- */

/* linux/close_range.h and linux/landlock.h, which older headers lack. */
#define CLOSE_RANGE_UNSHARE_FLAG 2
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif
/* Every right on files that the first version of Landlock knows. */
#define LANDLOCK_FILES ((UINT64_C(1) << 13) - 1)
/* Asks for Landlock's version instead of a set of rules. */
#define LANDLOCK_VERSION 1

/* A filter might end the process for calls that it does not know. */
static bool
is_filtered(void) {
    return CALL(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) != 0;
}

static void
lock_out_of_files(void) {
    uint64_t handled = LANDLOCK_FILES;
    CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long rules = CALL(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules >= 0) {
        CALL(SYS_landlock_restrict_self, rules, 0);
        CALL(SYS_close, rules);
    }
}

/* Its directory would keep a file system in use. */
static void
leave_directory(void) {
    if (CALL(SYS_unshare, CLONE_FS) == 0) {
        CALL(SYS_chdir, "/");
    }
}

/* The descriptors first: the rules need one. A system that cannot do one of these leaves the thread with more. */
static void
give_up(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (is_filtered()) {
        return;
    }
    CALL(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE_FLAG);
    leave_directory();
    CALL(SYS_capset, &header, none);
    lock_out_of_files();
}

/* As it was started: what its user may do, it may do for good. */
static bool
has_more_rights(void) {
    return getauxval(AT_SECURE) != 0 || getauxval(AT_UID) == 0 || getauxval(AT_EUID) == 0;
}

bool
os_thread_light_possible(void) {
    return supported &&
           (!has_more_rights() || (!is_filtered() && CALL(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION) > 0));
}

/* ---- its memory ---- */

#define STACK_BYTES ((size_t)128 << 10)
/* Around the variable that is known. */
#define LOCALS_NEAR ((size_t)64 << 10)
/* With more thread-local memory below the thread pointer, no thread is started. */
#define LOCALS_MOST ((size_t)64 << 20)

static __thread char here __attribute__((tls_model("initial-exec")));

/* Bytes below the thread pointer that hold the variables; 0: too many. */
static size_t
locals_size(const void *local) {
    uintptr_t tp = thread_pointer(), lowest = (uintptr_t)&here;
    lowest = (uintptr_t)local < lowest ? (uintptr_t)local : lowest;
    return tp - lowest < LOCALS_MOST ? align_up(tp - lowest + LOCALS_NEAR, pages_size()) : 0;
}

/* All zeros, also where an earlier thread has used it. */
static bool
prepare_area(os_thread_t *thread, size_t size) {
    if (thread->area != NULL && thread->area_size == size) {
        return call_advise(thread->area, size, MADV_DONTNEED);
    }
    void *area = call_map(NULL, size, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    if (area == NULL) {
        return false;
    }
    call_protect(area, pages_size(), PROT_NONE);
    thread->area = area;
    thread->area_size = size;
    return true;
}

/* ---- start and end ---- */

#define CLONE_FLAGS                                                                                                    \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |                 \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* What a new thread runs first. When it returns, the C library ends the thread, and the system clears `alive`. */
static int
begin(void *arg) {
    os_thread_t *thread = arg;
    uint32_t id = (uint32_t)CALL(SYS_gettid);
    os_thread_enter(id);
    atomic_set(&thread->self, id);
    CALL(SYS_prctl, PR_SET_NAME, thread->name);
    give_up();
    thread->run(thread->arg);
    atomic_set(&thread->self, 0);
    os_thread_leave(id);
    return 0;
}

/* The C library reads the thread pointer at its address, and again 16 bytes behind it. */
static bool
create(os_thread_t *thread, uintptr_t stack_end, uintptr_t tp) {
    uint64_t all = UINT64_MAX, before = 0;
    int saved = errno;
    ((uintptr_t *)tp)[0] = tp;
    ((uintptr_t *)tp)[2] = tp;
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    int id = clone(begin, (void *)stack_end, CLONE_FLAGS, thread, &thread->alive, (void *)tp, &thread->alive);
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    errno = saved;
    return id > 0;
}

bool
os_thread_start_light(os_thread_t *thread, const char *name, void (*run)(void *), void *arg, const void *local) {
    size_t locals = locals_size(local), page = pages_size();
    if (!supported || locals == 0 || !prepare_area(thread, page + STACK_BYTES + locals + page)) {
        return false;
    }
    uintptr_t stack_end = (uintptr_t)thread->area + page + STACK_BYTES;
    thread->name = name;
    thread->run = run;
    thread->arg = arg;
    thread->light = true;
    return create(thread, stack_end, stack_end + locals);
}

/* The system wakes whoever sleeps on the word, in any process: the sleep is not a private one. */
void
os_thread_join_light(os_thread_t *thread) {
    uint32_t id;
    while ((id = atomic_get_acquire(&thread->alive)) != 0) {
        CALL(SYS_futex, &thread->alive, FUTEX_WAIT, id, NULL);
    }
}
