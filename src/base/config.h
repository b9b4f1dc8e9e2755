/*
 * config.h -- what a build variant decides, as constants that plain `if` can test, so that every variant always
 * compiles; and the few compiler words that the rest uses.
 */
#ifndef LUNALLOC_BASE_CONFIG_H
#define LUNALLOC_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LUNALLOC_DEBUG
#define LUNALLOC_DEBUG 0
#endif
#ifndef LUNALLOC_TSAN
#define LUNALLOC_TSAN 0
#endif
#ifndef LUNALLOC_REPLACE
#define LUNALLOC_REPLACE 1
#endif

/* Assertions, the witness and the whole-structure checkers. */
static const bool config_debug = LUNALLOC_DEBUG != 0;
/* Tiny limits everywhere: caches of one or two objects, descriptors and regions in the smallest batches. All but
 * release builds share their objects, and link limits_tiny.c or limits_usual.c. */
#if LUNALLOC_DEBUG
extern const bool config_torture;
#else
static const bool config_torture = false;
#endif
/* Built with ThreadSanitizer: the owner's side of racy-by-design counters becomes atomic too. */
static const bool config_tsan = LUNALLOC_TSAN != 0;
/* The standard names (malloc, free, ...) are defined. */
static const bool config_replace = LUNALLOC_REPLACE != 0;

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))
#define COLD        __attribute__((noinline, cold))
/* Runs in every process that loads the library, even if it never allocates: such code has a page of its own, which is
 * all of the library's code that a small program touches then (src/at_load.ld). */
#define AT_LOAD       __attribute__((noinline, section("at_load")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define CACHELINE     64

/* For constants that every process reads at boot: beside what the linker writes to anyway, not among the other
 * constants, of which a process that has nothing to say touches none. */
#if defined(__ELF__)
#define BOOT_CONSTANT __attribute__((section(".data.rel.ro")))
#else
#define BOOT_CONSTANT
#endif

/* The page map's granule: 2^12 bytes whatever the system's page size, so that the fast path shifts by a constant. */
#define LG_GRANULE 12
/* A bin index is kept as an offset where the fast path reads it: bin_index << LG_CACHE_BIN (thread/cache_bin.h). */
#define LG_CACHE_BIN 4
/* Bin indices (szind + 1) that may be cached; 0 stands for "none". */
#define CACHE_BINS 64
/* Bits of a user-space address. */
#if defined(__aarch64__)
#define LG_VADDR 48
#else
#define LG_VADDR 47
#endif

#endif
