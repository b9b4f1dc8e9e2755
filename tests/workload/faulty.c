/*
 * faulty.c -- a malloc that misbehaves on purpose, to be preloaded: tests expect that verification and limits notice
 * it. Everything else goes to the C library's own malloc.
 *
 * Always, for these sizes, in any thread:
 *
 *   7001 bytes   malloc: a block that overlaps the one before by half
 *   7002 bytes   calloc: a block whose last byte is not zero
 *   7003 bytes   realloc to it loses the contents
 *
 * And as FAULTY_MALLOC says, in all threads but the first, so that the interpreter that runs the test is spared:
 *
 *   FAULTY_MALLOC="slow_malloc=2000/100,leak=10"
 *
 *   slow_malloc=US/N    every N-th malloc takes US microseconds longer; likewise slow_calloc, slow_aligned,
 *                       slow_realloc, slow_free, and slow for all of them
 *   null=N              every N-th allocation fails (malloc, calloc, aligned_alloc, realloc)
 *   leak=N              every N-th free does nothing
 *   waste=PERCENT       each block is so much larger than asked for, and all of that is resident
 *   dirty=N             every N-th calloc gives a block that is not zero
 *   lost=N              every N-th realloc loses the contents
 *   unaligned=N         every N-th aligned_alloc aligns like malloc
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* glibc's malloc under the names by which an interposer can reach it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void __libc_free(void *ptr);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);

/* ---- faults ---- */

/* The first five are also the kinds of calls. */
typedef enum {
    SLOW_MALLOC,
    SLOW_CALLOC,
    SLOW_ALIGNED,
    SLOW_REALLOC,
    SLOW_FREE,
    SLOW,
    NULLS,
    LEAK,
    WASTE,
    DIRTY,
    LOST,
    UNALIGNED,
    FAULTS
} fault_t;

static const char *const names[FAULTS] = {"slow_malloc", "slow_calloc", "slow_aligned", "slow_realloc",
                                          "slow_free",   "slow",        "null",         "leak",
                                          "waste",       "dirty",       "lost",         "unaligned"};

/* Written by the constructor. every: 0: never. */
static struct { unsigned long amount, every; } faults[FAULTS];

static __thread unsigned long counts[FAULTS];

/* Reads "name=amount/every" or "name=every"; returns the end. */
static const char *
read_fault(const char *text) {
    size_t length = strcspn(text, "=,");
    for (size_t i = 0; i < FAULTS; i++) {
        if (strlen(names[i]) == length && strncmp(text, names[i], length) == 0 && text[length] == '=') {
            char *end;
            faults[i].amount = strtoul(text + length + 1, &end, 10);
            faults[i].every = *end == '/' ? strtoul(end + 1, NULL, 10) : i == WASTE ? 1 : faults[i].amount;
        }
    }
    return text + strcspn(text, ",");
}

__attribute__((constructor)) static void
read_faults(void) {
    const char *text = getenv("FAULTY_MALLOC");
    while (text != NULL && *text != '\0') {
        text = read_fault(text);
        text += *text == ',';
    }
}

/* True if the fault is due at this call. */
static bool
due(fault_t fault) {
    return faults[fault].every != 0 && ++counts[fault] % faults[fault].every == 0 && gettid() != getpid();
}

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Without a system call: the thread stays busy, as in a slow allocator. */
static void
delay(unsigned long us) {
    uint64_t end = now() + us * 1000u;
    while (now() < end) {
    }
}

/* What each call does first: `kind` is SLOW_MALLOC .. SLOW_FREE. False if it must fail. */
static bool
enter(fault_t kind) {
    if (due(kind)) {
        delay(faults[kind].amount);
    }
    if (due(SLOW)) {
        delay(faults[SLOW].amount);
    }
    if (kind != SLOW_FREE && due(NULLS)) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

/* The size with the waste, which wasted() makes resident. */
static size_t
enlarged(size_t size) {
    return size + (due(WASTE) ? size * faults[WASTE].amount / 100 : 0);
}

static void *
wasted(void *ptr, size_t size, size_t with_waste) {
    if (ptr != NULL) {
        memset((unsigned char *)ptr + size, 1, with_waste - size);
    }
    return ptr;
}

/* ---- blocks that overlap ---- */

static unsigned char pool[8 << 20] __attribute__((aligned(4096)));
static size_t used;

/* From the pool, in steps of `step`; NULL when it is used up. One thread at a time. */
static void *
from_pool(size_t size, size_t step) {
    if (used + size > sizeof(pool)) {
        return NULL;
    }
    void *ptr = pool + used;
    used += (step + 15) & ~(size_t)15;
    return ptr;
}

/* ---- the functions of malloc ---- */

void *
malloc(size_t size) {
    if (size == 7001) {
        return from_pool(size, size / 2);
    }
    if (!enter(SLOW_MALLOC)) {
        return NULL;
    }
    size_t with_waste = enlarged(size);
    return wasted(__libc_malloc(with_waste), size, with_waste);
}

void *
calloc(size_t count, size_t size) {
    if (!enter(SLOW_CALLOC)) {
        return NULL;
    }
    size_t bytes = count * size, with_waste = enlarged(bytes);
    unsigned char *ptr = with_waste == bytes ? __libc_calloc(count, size) : __libc_calloc(1, with_waste);
    if (ptr != NULL && bytes > 0 && (bytes == 7002 || due(DIRTY))) {
        ptr[bytes - 1] = 1;
    }
    return wasted(ptr, bytes, with_waste);
}

void *
aligned_alloc(size_t alignment, size_t size) {
    if (!enter(SLOW_ALIGNED)) {
        return NULL;
    }
    size_t with_waste = enlarged(size);
    void *ptr = due(UNALIGNED) ? __libc_malloc(with_waste) : __libc_memalign(alignment, with_waste);
    return wasted(ptr, size, with_waste);
}

void *
realloc(void *ptr, size_t size) {
    if (!enter(SLOW_REALLOC)) {
        return NULL;
    }
    size_t with_waste = enlarged(size);
    void *fresh = __libc_realloc(ptr, with_waste);
    if (fresh != NULL && (size == 7003 || due(LOST))) {
        memset(fresh, 0, size < 100 ? size : 100);
    }
    return wasted(fresh, size, with_waste);
}

void
free(void *ptr) {
    if ((uintptr_t)ptr - (uintptr_t)pool < sizeof(pool)) {
        return;
    }
    if (enter(SLOW_FREE) && !due(LEAK)) {
        __libc_free(ptr);
    }
}
