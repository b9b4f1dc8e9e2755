/*
 * call.h -- Linux only: system calls by the processor's own instruction. os/ uses these instead of the C library's
 * functions, because a preloaded library (uid_wrapper, torsocks, libfaketime) may replace those with functions that
 * allocate: under our locks that is a deadlock, and at boot an endless recursion. Also, the C library's functions are
 * cancellation points and set errno; these are not, and do not.
 *
 * A call returns what the kernel returns: the result, or the negative error number.
 */
#ifndef LUNALLOC_OS_CALL_H
#define LUNALLOC_OS_CALL_H

#include "base/config.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
static inline long
call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long
call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
static inline long
call(long number, long a, long b, long c, long d, long e, long f) {
    int saved = errno;
    long result = syscall(number, a, b, c, d, e, f);
    result = result == -1 ? -errno : result;
    errno = saved;
    return result;
}
#endif

/* CALL(number, up to six arguments). */
#define CALL(...) CALL_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define CALL_PADDED(n, a, b, c, d, e, f, ...)                                                                          \
    call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* ---- memory ----
 *
 * ThreadSanitizer has to see what is mapped and unmapped, so in its builds these call the C library. */

/* Restores errno; returns whether the call succeeded. */
static inline bool
call_in_library(long result, int saved) {
    errno = saved;
    return result == 0;
}

/* Maps private anonymous memory; NULL if the system refuses. */
static inline void *
call_map(void *addr, size_t size, int protection, int flags) {
    int saved = config_tsan ? errno : 0;
    flags |= MAP_PRIVATE | MAP_ANONYMOUS;
    if (config_tsan) {
        void *mapped = mmap(addr, size, protection, flags, -1, 0);
        return call_in_library(mapped == MAP_FAILED, saved) ? mapped : NULL;
    }
    long mapped = CALL(SYS_mmap, addr, size, protection, flags, -1, 0);
    return mapped < 0 && mapped > -4096 ? NULL : (void *)mapped;
}

static inline bool
call_unmap(void *addr, size_t size) {
    int saved = config_tsan ? errno : 0;
    return config_tsan ? call_in_library(munmap(addr, size), saved) : CALL(SYS_munmap, addr, size) == 0;
}

static inline bool
call_advise(void *addr, size_t size, int advice) {
    int saved = config_tsan ? errno : 0;
    return config_tsan ? call_in_library(madvise(addr, size, advice), saved)
                       : CALL(SYS_madvise, addr, size, advice) == 0;
}

static inline bool
call_protect(void *addr, size_t size, int protection) {
    return CALL(SYS_mprotect, addr, size, protection) == 0;
}

/* Whether the word at an address can be read. The call always fails; with EFAULT if the kernel cannot read there. */
static inline bool
call_can_read(uintptr_t addr) {
    return CALL(SYS_rt_sigprocmask, -1, addr, 0, sizeof(uint64_t)) != -EFAULT;
}

/* mremap with all five arguments; NULL if the system refuses. */
static inline void *
call_remap(void *from, size_t old_size, size_t new_size, int flags, void *to) {
    long mapped = CALL(SYS_mremap, from, old_size, new_size, flags, to);
    return mapped < 0 && mapped > -4096 ? NULL : (void *)mapped;
}

#endif
