/*
 * clock_linux.c -- reads the kernel's clocks through the vDSO: code of the kernel that is mapped into every process, an
 * ELF image whose address the process gets at its start. Without a vDSO, or without the function in it, a clock is read
 * by a system call.
 *
 * Why not the C library's clock_gettime, which does the same: a preloaded library (libfaketime) may replace it with one
 * that stands still, jumps, fails or allocates, while the kernel times sleeps by its own clock.
 */
#include "os/clock.h"

#include "base/atomic.h"
#include "os/call.h"

#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

typedef int read_t(clockid_t id, struct timespec *t);

#if defined(__aarch64__)
#define VDSO_READ "__kernel_clock_gettime"
#else
#define VDSO_READ "__vdso_clock_gettime"
#endif

typedef struct {
    uintptr_t bias; /* added to an address in the image gives the address in memory */
    const ElfW(Dyn) * dynamic;
} image_t;

static int read_by_call(clockid_t id, struct timespec *t);
static int read_first(clockid_t id, struct timespec *t);

static _Atomic uintptr_t vdso; /* Synchronization: boot writes; a thread that waits for boot may read meanwhile. */
static read_t *_Atomic reader = read_first; /* Synchronization: any thread. */

static int
read_by_call(clockid_t id, struct timespec *t) {
    return (int)CALL(SYS_clock_gettime, id, t);
}

/* Reads the image's program headers. */
static image_t
image_at(uintptr_t base) {
    const ElfW(Ehdr) *header = (const void *)base;
    const ElfW(Phdr) *segment = (const void *)(base + header->e_phoff);
    image_t image = {base, NULL};
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (segment[i].p_type == PT_LOAD && segment[i].p_offset == 0) {
            image.bias = base - segment[i].p_vaddr;
        } else if (segment[i].p_type == PT_DYNAMIC) {
            image.dynamic = (const void *)(base + segment[i].p_offset);
        }
    }
    return image;
}

/* The address that the dynamic section has for a tag; NULL if it has none. */
static const void *
entry(const image_t *image, ElfW(Sxword) tag) {
    const ElfW(Dyn) *at = image->dynamic;
    while (at != NULL && at->d_tag != DT_NULL) {
        if (at->d_tag == tag) {
            return (const void *)(image->bias + at->d_un.d_ptr);
        }
        at++;
    }
    return NULL;
}

/* The vDSO's function; the system call if it has none. */
static read_t *
find(uintptr_t base) {
    image_t image = image_at(base);
    const ElfW(Sym) *symbol = entry(&image, DT_SYMTAB);
    const char *names = entry(&image, DT_STRTAB);
    const uint32_t *hash = entry(&image, DT_HASH); /* [1]: the number of symbols */
    for (uint32_t i = 0; symbol != NULL && names != NULL && hash != NULL && i < hash[1]; i++) {
        if (symbol[i].st_shndx != SHN_UNDEF && strcmp(names + symbol[i].st_name, VDSO_READ) == 0) {
            return (read_t *)(image.bias + symbol[i].st_value);
        }
    }
    return read_by_call;
}

/* The first reading after boot looks the function up; later ones call it directly. */
static int
read_first(clockid_t id, struct timespec *t) {
    uintptr_t base = atomic_get(&vdso);
    if (base == 0) {
        return read_by_call(id, t);
    }
    read_t *found = find(base);
    atomic_set(&reader, found);
    return found(id, t);
}

/* 0 where the kernel has no such clock or a sandbox forbids it. */
static uint64_t
nanoseconds(read_t *read, clockid_t id) {
    struct timespec t = {0};
    return read(id, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec : 0;
}

void
clock_boot(void) {
    atomic_set(&vdso, __SIZEOF_LONG__ == 8 ? getauxval(AT_SYSINFO_EHDR) : 0);
}

uint64_t
clock_ns(void) {
    return nanoseconds(atomic_get(&reader), CLOCK_MONOTONIC);
}

uint64_t
clock_coarse_ns(void) {
    return nanoseconds(atomic_get(&reader), CLOCK_MONOTONIC_COARSE);
}

uint64_t
clock_coarse_ns_once(void) {
    return nanoseconds(read_by_call, CLOCK_MONOTONIC_COARSE);
}

uint64_t
clock_wall_ns(void) {
    return nanoseconds(atomic_get(&reader), CLOCK_REALTIME);
}
