/* classes.c -- size classes as people look at them. */
#include "observe/classes.h"

#include "thread/tcache.h"

#include <errno.h>

int
classes_describe(uint32_t index, lunalloc_sizeclass_t *out) {
    if (index >= sc.nsizes) {
        return ENOENT;
    }
    size_t size = sc.size[index];
    size_t least = index == 0 ? 1 : sc.size[index - 1] + 1;
    *out = (lunalloc_sizeclass_t){
        .index = index,
        .size = size,
        .cached_max = index < tcache_nclasses() ? tcache_max_slots(index) : 0,
        .max_waste = (double)(size - least) / (double)size,
    };
    if (sc_is_small(index)) {
        out->slab_size = atomic_get(&sc.slab_size[index]);
        out->nregs = sc_nregs(index, out->slab_size);
    }
    sc_decompose(index, &out->lg_group, &out->lg_delta, &out->ndelta);
    return 0;
}
