/*
 * config.h -- the build variant as constants, compiler attributes, and the few numbers that all layers share. Test a
 * variant with a plain `if (config_debug)` instead of #if, so that all code compiles in every variant.
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

/* Assertions, the witness (base/witness.h) and the whole-structure checkers are on. */
static const bool config_debug = LUNALLOC_DEBUG != 0;
/* Tiny limits everywhere: caches of one or two objects, descriptors and regions in the smallest batches. All variants
 * but release share their objects, so it is a variable there: they link limits_tiny.c or limits_usual.c. */
#if LUNALLOC_DEBUG
extern const bool config_torture;
#else
static const bool config_torture = false;
#endif
/* Built with ThreadSanitizer: the owner's side of counters that are racy by design is atomic, too. */
static const bool config_tsan = LUNALLOC_TSAN != 0;
/* The library defines the standard names (malloc, free, ...). */
static const bool config_replace = LUNALLOC_REPLACE != 0;

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))
#define COLD        __attribute__((noinline, cold))
/* For functions that run in every process that loads the library, even if it never allocates. They share a page of
 * their own, the only code of the library that such a process touches (src/at_load.ld). */
#define AT_LOAD       __attribute__((noinline, section("at_load")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define CACHELINE     64

/* For constants that every process reads at boot. They lie on a page that the dynamic linker writes to anyway, apart
 * from the other constants (texts of messages), whose pages most processes never touch. */
#if defined(__ELF__)
#define BOOT_CONSTANT __attribute__((section(".data.rel.ro")))
#else
#define BOOT_CONSTANT
#endif

/* log2 of the page map's granule: 4 KiB whatever the system's page size, so that the fast path shifts by a constant. */
#define LG_GRANULE 12
/* The fast path has a bin index as an offset into a thread's cache: bin_index << LG_CACHE_BIN (thread/cache_bin.h). */
#define LG_CACHE_BIN 4
/* Number of bin indices (szind + 1) that a thread's cache has a bin for; index 0 stands for "none". */
#define CACHE_BINS 64
/* Bits of a user-space address. */
#if defined(__aarch64__)
#define LG_VADDR 48
#else
#define LG_VADDR 47
#endif

#endif
