/*
 * simulate_test.c -- replays of pages: the simulated system and clock, settings, what does not fit together, hostile
 * events. PAGES_FUZZ=EVENTS in the environment: so many random events instead of 30,000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages/simulate.h"

#define SECOND UINT64_C(1000000000)

static const simulate_settings_t as_recorded = {
    .dirty_decay_ms = SIMULATE_AS_RECORDED,
    .muzzy_decay_ms = SIMULATE_AS_RECORDED,
    .dirty_max = SIMULATE_AS_RECORDED,
    .retain = SIMULATE_AS_RECORDED,
    .retain_grow_limit = SIMULATE_AS_RECORDED,
    .lg_extent_max_active_fit = SIMULATE_AS_RECORDED,
    .interval = 10000000,
};

/* A process simulates once, so each test has one of its own. Its assertions end it by status 1. */
static void
in_child(void (*body)(void)) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
check(bool condition, const char *what, int line) {
    if (!condition) {
        fprintf(stderr, "simulate_test.c:%d: %s\n", line, what);
        _exit(1);
    }
}
#define CHECK(condition) check(condition, #condition, __LINE__)

static simulate_result_t result;

static void
begin(simulate_settings_t settings) {
    CHECK(simulate_begin(&settings) == 0);
}

static void
page(uint64_t time, uint8_t kind, uint64_t addr, uint64_t size) {
    record_event_t event = {.time = time, .kind = kind, .addr = addr, .size = size, .touched = RECORD_UNKNOWN};
    CHECK(simulate_event(&event) == 0);
}

/* The entry of the timeline at that time, or the first one later. */
static const simulate_entry_t *
at(uint64_t time) {
    size_t i = 0;
    while (i + 1 < result.nentries && result.entries[i].time < time) {
        i++;
    }
    return &result.entries[i];
}

/* ---- decay ---- */

/* 1,000 extents of 40 KiB become free at 0 s. */
static void
free_many(void) {
    for (uint64_t i = 0; i < 1000; i++) {
        page(1, RECORD_PAGE_ALLOC, (i + 1) << 20, 40960);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        page(1, RECORD_PAGE_FREE, (i + 1) << 20, 40960);
    }
}

static void
decay_of_a_second(void) {
    simulate_settings_t settings = as_recorded;
    settings.dirty_decay_ms = 1000;
    begin(settings);
    free_many();
    page(5 * SECOND, RECORD_PAGE_PURGE, 0, 0);
    simulate_end(&result);
    uint64_t all = 1000 * 40960;
    CHECK(result.peak.active == all && result.peak.dirty >= all);
    CHECK(result.memory.faults * 4096 == all);
    CHECK(at(SECOND / 4)->dirty > all * 85 / 100 && at(SECOND / 4)->rss == at(SECOND / 4)->dirty);
    CHECK(at(SECOND / 2)->dirty > all * 45 / 100 && at(SECOND / 2)->dirty < all * 55 / 100);
    CHECK(at(SECOND + SECOND / 10)->dirty == 0 && at(SECOND + SECOND / 10)->rss == 0);
    CHECK(result.memory.purged_pages * 4096 == all);
    CHECK(result.entries[result.nentries - 1].retained == result.memory.reserved);
}

/* Extents that were there when the recording began. */
static void
extents_from_before(void) {
    begin(as_recorded);
    page(0, RECORD_LIVE, 0x100000, 40960);
    page(SECOND, RECORD_PAGE_FREE, 0x100000, 40960);
    simulate_end(&result);
    CHECK(result.peak.active == 40960 && result.unmatched + result.left_out == 0 && result.frees == 1);
}

static void
test_decay(void **state) {
    (void)state;
    in_child(decay_of_a_second);
    in_child(extents_from_before);
}

/* What the recording set, at its time; and another setting, which prevails. */
static void
settings_as_recorded(void) {
    begin(as_recorded);
    free_many();
    page(2 * SECOND, RECORD_DIRTY_MS, 0, 0); /* never */
    page(100 * SECOND, RECORD_DIRTY_MS, 0, 1);
    page(101 * SECOND, RECORD_PAGE_PURGE, 0, 0);
    simulate_end(&result);
    CHECK(at(99 * SECOND)->dirty > 1000 * 40960 * 9 / 10);
    CHECK(at(100 * SECOND + SECOND / 2)->dirty == 0);
}

static void
settings_instead(void) {
    simulate_settings_t settings = as_recorded;
    settings.dirty_decay_ms = 0;
    begin(settings);
    page(1, RECORD_DIRTY_MS, 0, 0);
    free_many();
    simulate_end(&result);
    CHECK(result.peak.dirty == 0 && result.memory.resident == 0);
    CHECK(result.user_purges == 0);
}

static void
test_settings(void **state) {
    (void)state;
    in_child(settings_as_recorded);
    in_child(settings_instead);
}

static void
cap(void) {
    simulate_settings_t settings = as_recorded;
    settings.dirty_max = 1 << 20;
    begin(settings);
    free_many();
    simulate_end(&result);
    CHECK(result.peak.dirty <= 1 << 20 && result.memory.purged_pages > 9000);
}

static void
no_retain(void) {
    simulate_settings_t settings = as_recorded;
    settings.retain = 0;
    settings.dirty_decay_ms = 0;
    begin(settings);
    free_many();
    simulate_end(&result);
    CHECK(result.memory.reserved == 0 && result.memory.maps == result.memory.unmaps);
}

static void
muzzy(void) {
    simulate_settings_t settings = as_recorded;
    settings.dirty_decay_ms = 0;
    settings.muzzy_decay_ms = -1;
    begin(settings);
    free_many();
    simulate_end(&result);
    CHECK(result.memory.lazy_pages == 10000 && result.peak.muzzy == 1000 * 40960);
    CHECK(result.memory.resident == 1000 * 40960);
}

static void
test_limits(void **state) {
    (void)state;
    in_child(cap);
    in_child(no_retain);
    in_child(muzzy);
}

/* ---- sizes that change, and what does not fit together ---- */

static void
resizes(void) {
    begin(as_recorded);
    page(1, RECORD_PAGE_ALLOC, 0x100000, 1 << 20);
    page(2, RECORD_PAGE_GROW, 0x100000, 2 << 20);
    page(3, RECORD_PAGE_ALLOC, 0x900000, 1 << 20);
    page(4, RECORD_PAGE_GROW, 0x100000, 64 << 20); /* elsewhere */
    page(5, RECORD_PAGE_GROW, 0x100000, 4096);
    page(6, RECORD_PAGE_FREE, 0x100000, 4096);
    page(7, RECORD_PAGE_FREE, 0x900000, 1 << 20);
    simulate_end(&result);
    CHECK(result.grows == 3 && result.moved_grows <= 2);
    CHECK(result.peak.active >= 65 << 20);
    CHECK(result.entries[result.nentries - 1].active == 0);
}

static void
nonsense(void) {
    begin(as_recorded);
    page(10, RECORD_PAGE_FREE, 0x1000, 4096);
    page(9, RECORD_PAGE_GROW, 0x1000, 4096);
    page(8, RECORD_PAGE_ALLOC, 0x1000, 0);
    page(7, RECORD_PAGE_ALLOC, 0x1000, UINT64_MAX);
    page(6, RECORD_PAGE_ALLOC, 0x1000, 1);
    page(5, RECORD_PAGE_ALLOC, 0x1000, 4096);
    page(4, RECORD_MALLOC, 0x1000, 4096);
    page(UINT64_MAX / 2, RECORD_PAGE_PURGE, 0, 0);
    simulate_end(&result);
    CHECK(result.unmatched == 2 && result.left_out == 3 && result.reused == 1);
    CHECK(result.entries[result.nentries - 1].active == 4096);
}

static void
test_what_does_not_fit(void **state) {
    (void)state;
    in_child(resizes);
    in_child(nonsense);
}

/* ---- any events ---- */

static uint64_t seed = 1;

static uint64_t
draw(uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static void
any_events(void) {
    static const uint64_t sizes[] = {0, 1, 4096, 12288, 1 << 16, 3 << 20, 1u << 30, UINT64_C(1) << 38, UINT64_MAX};
    const char *given = getenv("PAGES_FUZZ");
    begin(as_recorded);
    for (long n = given == NULL ? 30000 : atol(given); n > 0; n--) {
        record_event_t event = {.kind = (uint8_t)(draw(10) == 0 ? draw(256) : RECORD_PAGE_ALLOC + draw(6)),
                                .time = draw(100) == 0 ? seed >> 30 : (uint64_t)n * 1000,
                                .lg_align = (uint8_t)(draw(10) == 0 ? draw(256) : 12),
                                .addr = draw(60) << 12,
                                .size = sizes[draw(100) == 0 ? draw(9) : draw(5)],
                                .touched = draw(2) ? RECORD_UNKNOWN : 0};
        event.arena = draw(3) == 0 ? draw(8192) & 8191U : draw(3) & 8191U;
        CHECK(simulate_event(&event) == 0);
    }
    simulate_end(&result);
    CHECK(result.memory.resident <= result.memory.reserved);
}

static void
test_any_events(void **state) {
    (void)state;
    in_child(any_events);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay),      cmocka_unit_test(test_settings),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_any_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
