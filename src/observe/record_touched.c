/* record_touched.c -- how much of a large block is resident, by the system. */
#include "observe/record_life.h"
#include "os/pages.h"
#include "os/process.h"
#include "os/system.h"

static _Atomic bool sees_residency; /* Synchronization: written by record_begin, read by any thread. */

void
record_probe_residency(void) {
    volatile char here = 1;
    uintptr_t page = (uintptr_t)&here & ~(uintptr_t)(system_page_size() - 1);
    atomic_set(&sees_residency, process_resident((void *)page, system_page_size()) > 0);
}

/* Pages of which the system is asked at a time, and how often it is asked for one block at most. */
#define WINDOW_PAGES 1024
#define WINDOWS_MAX  64

/* Of blocks with more windows than are asked for, some are, at equal distances. */
uint64_t
record_touched(const void *ptr, size_t size) {
    if (size < RECORD_MEDIUM || !atomic_get(&sees_residency)) {
        return RECORD_UNKNOWN;
    }
    size_t window = WINDOW_PAGES * pages_size(), n = size / window;
    if (n <= WINDOWS_MAX) {
        return process_resident(ptr, size);
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < WINDOWS_MAX; i++) {
        sum += process_resident((const char *)ptr + n * i / WINDOWS_MAX * window, window);
    }
    return (uint64_t)((double)sum * (double)n / WINDOWS_MAX) & ~(uint64_t)(pages_size() - 1);
}

uint64_t
record_touched_some(recorder_t *r, const void *ptr, size_t size) {
    bool skip = size < RECORD_LARGE && r->nmedium++ % RECORD_ONE_IN != 0;
    return skip ? RECORD_UNKNOWN : record_touched(ptr, size);
}
