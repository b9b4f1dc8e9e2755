/*
 * configurations.h -- runs a body under every combination of page size and quantum.
 *
 * The allocator itself may be this process's malloc and reads the same table, so nothing may be allocated while another
 * configuration is in force. So bodies note failures with `expect`; after `sc` has been restored, the first one fails
 * the test.
 */
#ifndef TESTS_BASE_CONFIGURATIONS_H
#define TESTS_BASE_CONFIGURATIONS_H

#include "testing.h"

#include "base/sc.h"

typedef struct {
    const char *what; /* NULL: no failure yet */
    sc_config_t config;
    uint64_t at, got;
} failure_t;

static failure_t failure;

/* Notes the first failure: `at` is the input, `got` the result. */
static inline void
expect(bool condition, const char *what, uint64_t at, uint64_t got) {
    if (UNLIKELY(!condition) && failure.what == NULL) {
        failure = (failure_t){.what = what, .config = sc.config, .at = at, .got = got};
    }
}

static inline void
run_configurations(void (*body)(void)) {
    static sc_t saved;
    memcpy(&saved, &sc, sizeof sc);
    for (unsigned lg_page = 12; lg_page <= 16; lg_page += 2) {
        for (unsigned lg_quantum = 3; lg_quantum <= 4; lg_quantum++) {
            sc_boot((sc_config_t){.lg_page = lg_page, .lg_quantum = lg_quantum, .lg_ngroup = 2});
            body();
        }
    }
    memcpy(&sc, &saved, sizeof sc);
}

/* The body passes under every configuration. */
static inline void
for_each_configuration(void (*body)(void)) {
    failure = (failure_t){.what = NULL};
    run_configurations(body);
    if (failure.what != NULL) {
        fail_msg("page 2^%u, quantum 2^%u: %s; at %llu, got %llu", failure.config.lg_page, failure.config.lg_quantum,
                 failure.what, (unsigned long long)failure.at, (unsigned long long)failure.got);
    }
}

#endif
