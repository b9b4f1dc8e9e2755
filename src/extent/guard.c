/* guard.c -- guard pages, made and removed. */
#include "extent/guard.h"

#include "extent/coalesce.h"
#include "extent/mappings.h"
#include "os/pages.h"

static void *
guard_page(const extent_t *e) {
    return (void *)(extent_end(e) - sc.page);
}

/* The field is written under a lock of extents, by the layout rule. */
static void
set_guarded(page_alloc_t *pa, extent_t *e, bool guarded) {
    extents_lock(&pa->dirty.extents);
    e->guarded = guarded;
    extents_unlock(&pa->dirty.extents);
    atomic_add(&pa->guard_pages, guarded ? 1 : (size_t)-1);
}

bool
guard_available(void) {
    return mappings_has_guards();
}

bool
guard_add(page_alloc_t *pa, extent_t *e) {
    bool done = mappings_add_guard();
    if (done && !pages_guard(guard_page(e), sc.page)) {
        mappings_remove_guard();
        done = false;
    }
    if (done) {
        set_guarded(pa, e, true);
    }
    return done;
}

bool
guard_remove(page_alloc_t *pa, extent_t *e) {
    bool accessible = pages_unguard(guard_page(e), sc.page);
    set_guarded(pa, e, false);
    mappings_remove_guard();
    return accessible;
}

/* The system refuses when RLIMIT_DATA has been lowered, for example. */
void
guard_retain(page_alloc_t *pa, extent_t *e) {
    bool cleared = pages_decommit((void *)e->addr, e->size) || pages_purge_forced((void *)e->addr, e->size);
    pa_put(pa, &pa->retained, e, false, cleared);
}
