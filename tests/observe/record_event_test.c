/*
 * record_event_test.c -- events of a recording: random ones there and back, cut off at every byte, damaged; sizes of
 * usual ones; clocks. LUNALLOC_FUZZ=SECONDS decodes damaged and random bytes for so long.
 */
#include "../base/testing.h"
#include "observe/record_event.h"

#include <stdlib.h>
#include <time.h>

#define EVENTS 20000

static uint8_t bytes[EVENTS * RECORD_EVENT_MAX + RECORD_ROOM];
static record_event_t events[EVENTS];

/* A number of any length. */
static uint64_t
any_number(uint64_t *seed, unsigned lg_most) {
    unsigned lg = random_below(seed, lg_most + 1);
    return random_next(seed) & ((UINT64_C(1) << lg) - 1);
}

static uint64_t
any_address(uint64_t *seed) {
    return any_number(seed, RECORD_LG_ADDR) & ~UINT64_C(7);
}

static void
fill_name(uint64_t *seed, record_event_t *event) {
    unsigned len = random_below(seed, RECORD_NAME + 1);
    for (unsigned i = 0; i < RECORD_NAME; i++) {
        event->name[i] = (char)(i < len ? 'a' + (int)random_below(seed, 26) : 0);
    }
}

/* Every third event has all fields, the others what a hit has. */
static record_event_t
any_event(uint64_t *seed, uint64_t *time, uint32_t *thread) {
    record_event_t e = {.kind = (uint8_t)(1 + random_below(seed, RECORD_KINDS - 1)), .touched = RECORD_UNKNOWN};
    bool rich = random_below(seed, 3) == 0;
    if (!rich && random_below(seed, 4) != 0) {
        e.kind = (uint8_t)(RECORD_MALLOC + random_below(seed, 4));
    }
    e.time = *time += any_number(seed, 40);
    e.hint = random_below(seed, 8) & 7;
    e.addr = any_address(seed);
    e.size = any_number(seed, RECORD_LG_SIZE - 1);
    if (rich) {
        e.lg_align = (uint8_t)random_below(seed, 48);
        e.arena = random_below(seed, 8192) & 0x1fff;
        e.old_addr = any_address(seed);
        e.touched = random_below(seed, 2) == 0 ? RECORD_UNKNOWN : any_number(seed, 40) << 12;
    }
    if (e.kind == RECORD_THREAD) {
        *thread = (uint32_t)any_number(seed, 32);
        *time = e.time = any_number(seed, 40);
        e.addr = 0;
        fill_name(seed, &e);
    }
    e.thread = *thread;
    return e;
}

static size_t
encode_random(uint64_t seed, size_t n) {
    record_codec_t codec = {0};
    uint64_t time = 0;
    uint32_t thread = 0;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        events[i] = any_event(&seed, &time, &thread);
        size_t added = record_encode(&codec, &events[i], bytes + len);
        assert_true(added >= 2 && added <= RECORD_EVENT_MAX);
        len += added;
    }
    return len;
}

static void
assert_same_event(const record_event_t *got, const record_event_t *sent) {
    assert_int_equal(got->kind, sent->kind);
    assert_int_equal(got->time, sent->time);
    assert_int_equal(got->thread, sent->thread);
    assert_int_equal(got->addr, sent->addr);
    assert_int_equal(got->size, sent->size);
    assert_int_equal(got->lg_align, sent->lg_align);
    assert_int_equal(got->arena, sent->arena);
    assert_int_equal(got->hint, sent->hint);
    assert_memory_equal(got->name, sent->name, RECORD_NAME);
}

static void
test_there_and_back(void **state) {
    (void)state;
    size_t len = encode_random(1, EVENTS), at = 0;
    record_codec_t codec = {0};
    record_event_t got;
    for (size_t i = 0; i < EVENTS; i++) {
        long n = record_decode(&codec, NULL, bytes + at, len - at, &got);
        assert_true(n > 0);
        assert_same_event(&got, &events[i]);
        at += (size_t)n;
    }
    assert_int_equal(at, len);
    assert_int_equal(record_decode(&codec, NULL, bytes + at, 0, &got), 0);
}

/* Skipping leaves the codec as decoding does, and ends before what it does not pass over. */
static void
test_skipping_is_decoding(void **state) {
    (void)state;
    size_t len = encode_random(7, EVENTS), at = 0, passed = 0;
    record_codec_t skips = {0}, decodes = {0};
    record_event_t got;
    record_skipped_t skipped;
    while (at < len) {
        size_t n = record_skip(&skips, bytes + at, len - at, &skipped), end = at + n;
        for (uint32_t i = 0; i < skipped.n; i++) {
            at += (size_t)record_decode(&decodes, NULL, bytes + at, len - at, &got);
            assert_true(i > 0 || skipped.first == got.time);
        }
        passed += skipped.n;
        assert_int_equal(at, end);
        assert_memory_equal(skips.addr, decodes.addr, sizeof(skips.addr));
        assert_int_equal(skips.time, decodes.time);
        if (at < len) {
            at += (size_t)record_decode(&decodes, NULL, bytes + at, len - at, &got);
            skips = decodes;
        }
    }
    assert_in_range(passed, EVENTS / 4, EVENTS);
    assert_int_equal(record_skip(&skips, bytes, RECORD_ROOM - 1, &skipped), 0);
}

/* Padding between any two events changes nothing. */
static void
test_padding_is_skipped(void **state) {
    (void)state;
    uint64_t seed = 2, time = 0;
    uint32_t thread = 0;
    record_codec_t to = {0}, from = {0};
    record_event_t got;
    for (int i = 0; i < 2000; i++) {
        record_event_t sent = any_event(&seed, &time, &thread);
        size_t pad = random_below(&seed, 70);
        memset(bytes, 0, pad);
        size_t len = pad + record_encode(&to, &sent, bytes + pad);
        assert_int_equal(record_decode(&from, NULL, bytes, len, &got), len);
        assert_same_event(&got, &sent);
        assert_int_equal(record_decode(&from, NULL, bytes, pad, &got), 0);
    }
}

/* A copy that ends where the bytes do, so that sanitizers see a read beyond them. */
static long
decode_copy(record_codec_t *codec, const uint8_t *in, size_t len, record_event_t *event) {
    uint8_t *copy = malloc(len + (len == 0));
    memcpy(copy, in, len);
    long n = record_decode(codec, NULL, copy, len, event);
    free(copy);
    return n;
}

static void
test_cut_off_at_every_byte(void **state) {
    (void)state;
    uint64_t seed = 3, time = 0;
    uint32_t thread = 0;
    record_codec_t to = {0};
    record_event_t got;
    for (int i = 0; i < 3000; i++) {
        record_event_t sent = any_event(&seed, &time, &thread);
        record_codec_t before = to;
        size_t len = record_encode(&to, &sent, bytes);
        for (size_t cut = 0; cut < len; cut++) {
            record_codec_t from = before;
            assert_int_equal(decode_copy(&from, bytes, cut, &got), 0);
            assert_memory_equal(&from, &before, sizeof from);
        }
    }
}

static void
decode_all(const uint8_t *in, size_t len) {
    record_codec_t codec = {0};
    record_event_t got;
    size_t at = 0;
    for (long n = 1; n > 0; at += n > 0 ? (size_t)n : 0) {
        n = record_decode(&codec, NULL, in + at, len - at, &got);
        assert_true(n <= (long)(len - at));
        if (n > 0) {
            assert_true(got.kind > RECORD_NONE && got.kind < RECORD_KINDS);
            assert_true(got.addr % 8 == 0 && got.addr >> RECORD_LG_ADDR == 0);
            assert_true(got.time >> RECORD_LG_SIZE == 0 && got.size >> RECORD_LG_SIZE == 0);
        }
    }
}

/* One round: events with some bits flipped, or random bytes. */
static void
decode_damaged(uint64_t *seed) {
    size_t len = random_below(seed, 2) == 0 ? encode_random(random_next(seed), 50) : 1 + random_below(seed, 600);
    uint8_t *copy = malloc(len);
    memcpy(copy, bytes, len);
    for (unsigned flips = random_below(seed, 20); flips > 0; flips--) {
        copy[random_below(seed, (unsigned)len)] ^= (uint8_t)(1U << random_below(seed, 8));
    }
    if (random_below(seed, 4) == 0) {
        for (size_t i = 0; i < len; i++) {
            copy[i] = (uint8_t)random_next(seed);
        }
    }
    decode_all(copy, len);
    free(copy);
}

static void
test_damaged(void **state) {
    (void)state;
    const char *fuzz = getenv("LUNALLOC_FUZZ");
    time_t end = time(NULL) + (fuzz != NULL ? atol(fuzz) : 0);
    uint64_t seed = fuzz != NULL ? (uint64_t)end : 4;
    for (int i = 0; i < 2000 || time(NULL) < end; i++) {
        decode_damaged(&seed);
    }
}

static void
test_unknown_kinds(void **state) {
    (void)state;
    record_codec_t codec = {0};
    record_event_t got;
    const uint8_t nibble[] = {0x05, 0, 1, 2, 3}, kind[] = {0x0f, 0, RECORD_KINDS, 0, 0}, none[] = {0x0f, 0, 0, 0, 0};
    assert_int_equal(record_decode(&codec, NULL, nibble, sizeof nibble, &got), -1);
    assert_int_equal(record_decode(&codec, NULL, kind, sizeof kind, &got), -1);
    assert_int_equal(record_decode(&codec, NULL, none, sizeof none, &got), -1);
    assert_string_equal(record_kind_name(RECORD_FREE_SIZED), "free_sized");
    assert_string_equal(record_kind_name(RECORD_KINDS), "?");
    for (uint32_t i = 0; i < RECORD_KINDS; i++) {
        assert_non_null(record_kind_name(i));
    }
}

/* Values beyond the limits are cut off, and a stamp never decreases. */
static void
test_limits(void **state) {
    (void)state;
    record_codec_t to = {0}, from = {0};
    record_event_t got, sent = {.kind = RECORD_MALLOC, .time = 100, .addr = 4096, .touched = RECORD_UNKNOWN};
    size_t len = record_encode(&to, &sent, bytes);
    sent.time = 99;
    sent.addr = UINT64_MAX;
    sent.size = UINT64_MAX;
    len += record_encode(&to, &sent, bytes + len);
    size_t first = (size_t)record_decode(&from, NULL, bytes, len, &got);
    assert_int_equal(record_decode(&from, NULL, bytes + first, len - first, &got), len - first);
    assert_int_equal(got.time, 100);
    assert_int_equal(got.addr, (UINT64_C(1) << RECORD_LG_ADDR) - 8);
    assert_int_equal(got.size, (UINT64_C(1) << RECORD_LG_SIZE) - 1);
}

static int
compare_sizes(const void *a, const void *b) {
    return (int)*(const uint8_t *)a - (int)*(const uint8_t *)b;
}

/* Random blocks of 16 B to 2 KiB among 4,096 slots, each class in 64 MiB of its own: at most 8 bytes in the median. */
static void
test_usual_events_are_small(void **state) {
    (void)state;
    static uint8_t sizes[EVENTS];
    static uint64_t slots[4096];
    uint64_t seed = 5;
    record_codec_t codec = {0};
    for (size_t i = 0; i < EVENTS; i++) {
        uint64_t *slot = &slots[random_below(&seed, LENGTH(slots))];
        uint64_t size = UINT64_C(16) << random_below(&seed, 8);
        unsigned hint = (unsigned)__builtin_ctzll(size) & 7;
        bool lives = *slot != 0;
        *slot = lives ? *slot : (UINT64_C(0x7f1200000000) + (size << 22) + random_below(&seed, 1 << 20) * UINT64_C(64));
        sizes[i] = (uint8_t)record_encode_common(&codec, lives ? RECORD_FREE : RECORD_MALLOC,
                                                 lives ? (unsigned)(*slot >> 26) & 7 : hint,
                                                 record_since(&codec, i * 20), *slot, lives ? 0 : size, bytes);
        *slot = lives ? 0 : *slot;
    }
    qsort(sizes, EVENTS, 1, compare_sizes);
    assert_true(sizes[EVENTS / 2] <= 8);
}

/* A clock whose first readings are interrupted: between the two of a try the time is longer, until the third one. */
static uint64_t interrupted_reads;

static uint64_t
interrupted_clock(void) {
    const uint64_t readings[] = {1000000, 9000000, 10000000, 10900000, 20000000, 20000400, 30000000, 90000000};
    assert_true(interrupted_reads < 8);
    return readings[interrupted_reads++];
}

static uint64_t
slow_clock(void) {
    return interrupted_reads++ * 5000;
}

static void
test_counter_beside_a_clock(void **state) {
    (void)state;
    uint64_t ticks = 1, ns = 1;
    interrupted_reads = 0;
    record_clock_read(interrupted_clock, &ticks, &ns);
    assert_int_equal(ns, 20000200);
    assert_int_equal(interrupted_reads, 6);
    interrupted_reads = 0;
    record_clock_read(slow_clock, &ticks, &ns);
    assert_int_equal(ns, 2500);
    assert_int_equal(interrupted_reads, 2 * RECORD_CLOCK_TRIES);
}

static void
test_clocks(void **state) {
    (void)state;
    record_clock_t tsc = {.ticks = {3000000, 3000000 + 3000000000}, .ns = {500, 500 + 1000000000}, .lg_unit = 4};
    assert_int_equal(record_clock_ns(&tsc, 3000000 >> 4), 500);
    assert_int_equal(record_clock_ns(&tsc, (3000000 + 6000000000) >> 4), 500 + 2000000000);
    assert_int_equal(record_clock_ns(&tsc, 0), 0);
    for (uint64_t ns = 500; ns < 5000000000; ns += 12345677) {
        uint64_t back = record_clock_ns(&tsc, record_clock_stamp(&tsc, ns));
        assert_true(back <= ns && ns - back <= 6);
    }
    record_clock_t plain = {.lg_unit = 2}, wild = {.ticks = {0, 1}, .ns = {0, UINT64_MAX}, .lg_unit = 7};
    assert_int_equal(record_clock_ns(&plain, 25), 100);
    assert_int_equal(record_clock_ns(&wild, UINT64_C(1) << 50), RECORD_LATEST);
    record_clock_t late = {.ns = {UINT64_MAX - 10, UINT64_MAX}};
    assert_int_equal(record_clock_ns(&late, 0), RECORD_LATEST);
    assert_int_equal(record_clock_ns(&late, 1000), RECORD_LATEST);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_padding_is_skipped),
        cmocka_unit_test(test_skipping_is_decoding),
        cmocka_unit_test(test_cut_off_at_every_byte),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_usual_events_are_small),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_counter_beside_a_clock),
    };
    return cmocka_run_group_tests_name("record_event", tests, NULL, NULL);
}
