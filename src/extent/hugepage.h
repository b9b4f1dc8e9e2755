/*
 * hugepage.h -- huge pages: the `thp` setting of an arena, and hugepage-aware purging.
 *
 * An arena is *hugepage-aware* while its `thp` setting is `always`, it has no hooks of its own, and the system has huge
 * pages. pa_hugepage_size(pa) is their size then, else 0. In such an arena
 *   - new regions consist of whole huge pages;
 *   - decay and cap count and purge whole huge pages only. One that is used in part stays whole, and its age as a free
 *     one starts when its last page is freed. pa_purge_all purges single pages, too;
 *   - freeing pages makes the muzzy and retained pages beside them, in the same huge page, dirty. They are resident
 *     anyway, and so a huge page without live pages becomes one dirty extent, which can be purged.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_HUGEPAGE_H
#define LUNALLOC_EXTENT_HUGEPAGE_H

#include "extent/page_state.h"
#include "os/pages.h"

/* Sets how huge pages are used, for present and future regions. When the arena becomes hugepage-aware, all free pages
 * are purged. */
void pa_set_thp(page_alloc_t *pa, pages_thp_t mode);
/* Sets the hooks of an arena; NULL: the system. An arena with hooks is not hugepage-aware. */
void pa_set_hooks(page_alloc_t *pa, extent_hooks_t *hooks);
/* Call it before [from, to) is freed in a hugepage-aware arena: makes the muzzy and retained pages beside it dirty, as
 * far as they are in the huge pages where it starts and ends. */
void pa_gather(page_alloc_t *pa, uintptr_t from, uintptr_t to);

#endif
