/*
 * remap_linux.c -- mremap(MREMAP_DONTUNMAP): page table entries change their place, and both ranges stay mapped.
 *
 * Only where a range may consist of several mappings (since Linux 6.17), since what has been moved is one of its own:
 * that is tried out. And only where nothing can be refused after the target has been unmapped, as it is where memory
 * must be promised (overcommit_memory 2).
 *
 * A process may have 65,530 mappings, of which it needs some itself. They are counted from time to time, and while
 * there are too many, no more are made.
 */
#include "os/remap.h"

#include "base/atomic.h"
#include "os/call.h"
#include "os/fault.h"
#include "os/pages.h"

#include <fcntl.h>

#define MAPPINGS_MAX 16384
/* Questions from count to count. */
#define PERIOD 1024

typedef enum {
    untried,
    able,
    crowded,
    unable
} state_t;

static _Atomic uint32_t state;  /* Synchronization: any thread; a state_t. */
static _Atomic uint32_t nasked; /* Synchronization: any thread adds. */

static size_t
read_chunk(int fd, char *buf, size_t size) {
    long n;
    do {
        n = CALL(SYS_read, fd, buf, size);
    } while (n == -EINTR);
    return n > 0 ? (size_t)n : 0;
}

static int
open_file(const char *path) {
    return (int)CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

static void
close_file(int fd) {
    CALL(SYS_close, fd);
}

static bool
promises_memory(void) {
    char mode = '2';
    int fd = open_file("/proc/sys/vm/overcommit_memory");
    if (fd >= 0) {
        read_chunk(fd, &mode, 1);
        close_file(fd);
    }
    return mode == '2';
}

/* One a line. SIZE_MAX if that cannot be known. */
static size_t
count_mappings(void) {
    char buf[4096];
    size_t n, count = 0;
    int fd = open_file("/proc/self/maps");
    if (fd < 0) {
        return SIZE_MAX;
    }
    while ((n = read_chunk(fd, buf, sizeof buf)) > 0) {
        for (size_t i = 0; i < n; i++) {
            count += buf[i] == '\n';
        }
    }
    close_file(fd);
    return count;
}

static bool
enter(char *from, char *to, size_t size) {
    return call_remap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

/* Two pages that are two mappings. If it fails, the target may be anybody's. */
static bool
moves_several(void) {
    size_t page = pages_size();
    char *from = call_map(NULL, 4 * page, PROT_READ | PROT_WRITE, 0);
    if (from == NULL) {
        return false;
    }
    bool done = call_protect(from, page, PROT_READ) && enter(from, from + 2 * page, 2 * page);
    call_unmap(from, done ? 4 * page : 2 * page);
    return done;
}

static state_t
examine(void) {
    uint32_t known = atomic_get(&state);
    if (known == unable || (known == untried && (promises_memory() || !moves_several()))) {
        return unable;
    }
    return count_mappings() > MAPPINGS_MAX ? crowded : able;
}

bool
remap_able(void) {
    if (UNLIKELY(atomic_get(&state) != unable && atomic_add(&nasked, 1) % PERIOD == 0)) {
        atomic_set(&state, (uint32_t)examine());
    }
    return atomic_get(&state) == able;
}

/* Fills what a failure may have left unmapped; page by page, since mappings that are there stay. */
static void
fill_holes(char *at, size_t size) {
    size_t page = pages_size();
    for (size_t done = 0; done < size; done += page) {
        call_map(at + done, page, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
    }
}

bool
remap(void *from, void *to, size_t size) {
    if (fault(fault_move)) {
        return false;
    }
    bool done = enter(from, to, size);
    if (UNLIKELY(!done)) {
        fill_holes(to, size);
        atomic_set(&state, unable);
    }
    return done;
}
