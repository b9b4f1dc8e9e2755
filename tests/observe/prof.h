/* prof.h -- what the tests of profiling share. */
#ifndef TESTS_OBSERVE_PROF_H
#define TESTS_OBSERVE_PROF_H

#include "../api/support.h"
#include "arena/sample.h"
#include "base/options.h"
#include "extent/pagemap.h"
#include "observe/prof.h"
#include "observe/prof_sampling.h"
#include "observe/prof_table.h"
#include "thread/tcache.h"

#include <errno.h>

static lunalloc_sample_t *
samples_buffer(void) {
    static lunalloc_sample_t buffer[64];
    return buffer;
}

/* Sums over all samples that live and meet a condition. */
typedef struct {
    size_t count;
    double objects, bytes;
} sum_t;

static inline sum_t
sum_samples(bool (*meets)(const lunalloc_sample_t *sample, const void *arg), const void *arg) {
    lunalloc_sample_cursor_t cursor = {0};
    lunalloc_sample_t *batch = samples_buffer();
    sum_t sum = {0};
    size_t n;
    while ((n = lunalloc_prof_samples(&cursor, batch, 64)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (meets(&batch[i], arg)) {
                sum.count++;
                sum.objects += batch[i].weight;
                sum.bytes += batch[i].weight * (double)batch[i].size;
            }
        }
    }
    return sum;
}

static inline bool
any_sample(const lunalloc_sample_t *sample, const void *arg) {
    (void)sample;
    (void)arg;
    return true;
}

static inline bool
has_address(const lunalloc_sample_t *sample, const void *addr) {
    return sample->addr == (uintptr_t)addr;
}

static inline bool
is_sampled(const void *ptr) {
    return sum_samples(has_address, ptr).count == 1;
}

static inline size_t
count_samples(void) {
    return sum_samples(any_sample, NULL).count;
}

/* On, with a mean of 2^lg bytes from sample to sample, and nothing known. 0: all that is allocated is sampled. */
static inline void
profile(unsigned lg) {
    assert_int_equal(prof_set_active(true), 0);
    prof_reset(lg);
}

static inline int
profile_off(void **state) {
    (void)state;
    prof_set_active(false);
    prof_reset(DEFAULT_LG_PROF_SAMPLE);
    return 0;
}

/* An allocation that is sampled: at lg 0, the first one. */
static inline void *
sampled_malloc(size_t size) {
    for (size_t i = 0; i < 4 * TCACHE_PERIOD; i++) {
        void *ptr = lunalloc_malloc(size);
        if (ptr == NULL || is_sampled(ptr)) {
            return ptr;
        }
        lunalloc_free(ptr);
    }
    return NULL;
}

#endif
