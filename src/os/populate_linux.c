/*
 * populate_linux.c -- MADV_POPULATE_WRITE (Linux 5.14), with or without huge pages, and MADV_COLLAPSE (Linux 6.1).
 *
 * The advice for huge pages stays with a mapping: where it does, khugepaged fills purged pages up again, and memory
 * that was given back returns. So the advice is given for the time of the call, and the opposite one afterwards. Pages
 * that are huge by then stay so.
 */
#include "os/populate.h"

#include "os/call.h"
#include "os/pages.h"

/* Not in older headers. */
#define ADVICE_POPULATE_WRITE 23
#define ADVICE_COLLAPSE       25

bool
pages_populate(void *addr, size_t size, bool huge) {
    if (fault(fault_commit)) {
        return false;
    }
    bool advised = huge && call_advise(addr, size, MADV_HUGEPAGE);
    bool done = call_advise(addr, size, ADVICE_POPULATE_WRITE);
    if (advised) {
        call_advise(addr, size, MADV_NOHUGEPAGE);
    }
    return done;
}

bool
pages_collapse(void *addr, size_t size) {
    return !fault(fault_commit) && call_advise(addr, size, ADVICE_COLLAPSE);
}
