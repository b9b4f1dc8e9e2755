/* wire_test.c -- messages of every kind there and back, cut off at every byte, damaged, and random. */
#include "../base/testing.h"
#include "control/wire.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint16_t kind;
    const char *fields[2]; /* by wire_way_t */
} shape_t;

static const shape_t shapes[] = {
#define WIRE_KIND(name, number, request, reply) {number, {request, reply}},
#include "control/wire.def"
#undef WIRE_KIND
};

static char buf[WIRE_HEADER + WIRE_MAX + 16];

/* Every slot is in use. */
static wire_message_t
example(uint16_t kind) {
    static const uint32_t records[] = {1, 2, 3, 4, 5, 6};
    return (wire_message_t){
        .kind = kind,
        .id = 0xfedcba98,
        .number = {1, UINT64_MAX, 3, 4},
        .text = {"arena.0.dirty_decay_ms", ""},
        .value = {.type = LUNALLOC_STRING, .v.s = "64M"},
        .records = {{4, 3, records}, {12, 2, records}, {24, 0, NULL}},
        .bytes = {5, "a\0b\0c"},
    };
}

static bool
travels(uint16_t kind, wire_way_t way) {
    return kind != WIRE_ERROR || way == wire_reply;
}

static void
assert_records(const wire_records_t *got, const wire_records_t *sent) {
    assert_int_equal(got->size, sent->size);
    assert_int_equal(got->count, sent->count);
    assert_memory_equal(got->data, sent->count > 0 ? sent->data : "", (size_t)sent->size * sent->count);
}

static void
assert_value(const lunalloc_value_t *got, const lunalloc_value_t *sent) {
    assert_int_equal(got->type, sent->type);
    if (sent->type == LUNALLOC_STRING && sent->v.s != NULL) {
        assert_string_equal(got->v.s, sent->v.s);
    } else if (sent->type == LUNALLOC_BOOL) {
        assert_int_equal(got->v.b, sent->v.b);
    } else if (sent->type != LUNALLOC_VOID) {
        assert_int_equal(got->v.u, sent->v.u);
    }
}

/* The fields that the kind has came through, and each is in its own slot. */
static void
assert_same(const wire_message_t *got, const wire_message_t *sent, const char *fields) {
    unsigned n = 0, t = 0, r = 0;
    assert_int_equal(got->kind, sent->kind);
    assert_int_equal(got->id, sent->id);
    for (; *fields != '\0'; fields++) {
        if (*fields == 'n') {
            assert_int_equal(got->number[n], sent->number[n]);
            n++;
        } else if (*fields == 't') {
            assert_string_equal(got->text[t], sent->text[t]);
            t++;
        } else if (*fields == 'r') {
            assert_records(&got->records[r], &sent->records[r]);
            r++;
        } else if (*fields == 'v') {
            assert_value(&got->value, &sent->value);
        } else {
            assert_int_equal(*fields, 'b');
            assert_int_equal(got->bytes.len, sent->bytes.len);
            assert_memory_equal(got->bytes.data, sent->bytes.data, sent->bytes.len);
        }
    }
    assert_true(n <= WIRE_NUMBERS && t <= WIRE_TEXTS && r <= WIRE_RECORDS);
}

static void
there_and_back(const wire_message_t *sent, wire_way_t way, const char *fields) {
    wire_message_t got;
    size_t len = wire_encode(buf, sizeof buf, way, sent);
    assert_true(len >= WIRE_HEADER);
    assert_int_equal(wire_frame(buf, len, WIRE_MAX), len);
    assert_true(wire_decode(buf, len, way, &got));
    assert_same(&got, sent, fields);
}

static void
test_round_trip_of_every_kind(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        for (int way = wire_request; way <= wire_reply; way++) {
            wire_message_t sent = example(shapes[i].kind);
            if (travels(sent.kind, (wire_way_t)way)) {
                there_and_back(&sent, (wire_way_t)way, shapes[i].fields[way]);
            }
            assert_string_not_equal(wire_kind_name(sent.kind), "?");
        }
    }
    assert_string_equal(wire_kind_name(WIRE_NONE), "?");
    assert_string_equal(wire_kind_name(UINT16_MAX), "?");
}

static void
test_round_trip_of_every_type(void **state) {
    (void)state;
    const lunalloc_value_t values[] = {
        {.type = LUNALLOC_VOID},
        {.type = LUNALLOC_BOOL, .v.b = true},
        {.type = LUNALLOC_BOOL, .v.b = false},
        {.type = LUNALLOC_UNSIGNED, .v.u = UINT32_MAX},
        {.type = LUNALLOC_SIZE, .v.u = SIZE_MAX},
        {.type = LUNALLOC_SSIZE, .v.i = -1},
        {.type = LUNALLOC_U64, .v.u = UINT64_MAX},
        {.type = LUNALLOC_STRING, .v.s = NULL},
        {.type = LUNALLOC_STRING, .v.s = ""},
        {.type = LUNALLOC_POINTER, .v.p = buf},
        {.type = LUNALLOC_STRUCT},
    };
    for (size_t i = 0; i < LENGTH(values); i++) {
        wire_message_t sent = {.kind = WIRE_GET, .value = values[i]};
        there_and_back(&sent, wire_reply, "v");
    }
}

static void
test_unknown_kinds(void **state) {
    (void)state;
    wire_message_t m = example(WIRE_ERROR);
    assert_int_equal(wire_encode(buf, sizeof buf, wire_request, &m), 0);
    m.kind = WIRE_NONE;
    assert_int_equal(wire_encode(buf, sizeof buf, wire_request, &m), 0);
    m.kind = UINT16_MAX;
    assert_int_equal(wire_encode(buf, sizeof buf, wire_reply, &m), 0);
    m.kind = WIRE_ERROR;
    size_t len = wire_encode(buf, sizeof buf, wire_reply, &m);
    assert_false(wire_decode(buf, len, wire_request, &m));
    memset(buf + 4, 0xff, 2);
    assert_false(wire_decode(buf, len, wire_reply, &m));
}

/* The frame lies at the end of a block of its own size, so that valgrind and asan see a read beyond it. */
static void
decode_tightly(const char *frame, size_t len, wire_way_t way, bool good) {
    char *tight = malloc(len);
    wire_message_t m;
    memcpy(tight, frame, len);
    assert_int_equal(wire_decode(tight, len, way, &m), good);
    free(tight);
}

/* Frames that end early, as they arrive, are not whole. Frames whose header says that they are whole are malformed. */
static void
test_cut_off_at_every_byte(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        wire_message_t sent = example(shapes[i].kind);
        size_t len = wire_encode(buf, sizeof buf, wire_reply, &sent);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(wire_frame(buf, cut, WIRE_MAX), 0);
        }
        for (size_t cut = len - 1; cut >= WIRE_HEADER; cut--) {
            uint32_t payload = (uint32_t)(cut - WIRE_HEADER);
            memcpy(buf, &payload, sizeof payload);
            decode_tightly(buf, cut, wire_reply, false);
        }
    }
}

static void
test_what_follows_the_fields_is_refused(void **state) {
    (void)state;
    wire_message_t sent = example(WIRE_GET);
    size_t len = wire_encode(buf, sizeof buf, wire_request, &sent);
    uint32_t payload = (uint32_t)(len - WIRE_HEADER) + 1;
    memcpy(buf, &payload, sizeof payload);
    buf[len] = 0;
    decode_tightly(buf, len + 1, wire_request, false);
}

static void
test_no_space_at_every_size(void **state) {
    (void)state;
    char copy[512];
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        wire_message_t sent = example(shapes[i].kind);
        size_t len = wire_encode(buf, sizeof buf, wire_reply, &sent);
        for (size_t size = 0; size < len; size++) {
            memset(copy, 0x5a, sizeof copy);
            assert_int_equal(wire_encode(copy, size, wire_reply, &sent), 0);
            assert_int_equal(copy[size], 0x5a);
        }
    }
}

static void
test_headers(void **state) {
    (void)state;
    wire_message_t sent = example(WIRE_GET);
    size_t len = wire_encode(buf, sizeof buf, wire_request, &sent);
    size_t payload = len - WIRE_HEADER;
    assert_int_equal(wire_frame(buf, len + 5, WIRE_MAX), len); /* the next one has begun to arrive */
    assert_int_equal(wire_frame(buf, len, payload), len);
    assert_int_equal(wire_frame(buf, len, payload - 1), -1);
    buf[6] = 1;
    assert_int_equal(wire_frame(buf, len, WIRE_MAX), -1);
    buf[6] = 0;
    const uint32_t lengths[] = {WIRE_MAX + 1, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        memcpy(buf, &lengths[i], sizeof lengths[i]);
        assert_int_equal(wire_frame(buf, WIRE_HEADER, SIZE_MAX), -1);
    }
}

/* Counts and lengths that are too large, in places where a sum or a product would wrap. */
static void
test_lengths_that_wrap(void **state) {
    (void)state;
    const uint32_t lengths[] = {UINT32_MAX, UINT32_MAX - 1, 1U << 31, 1U << 30, 0x10001, 64};
    wire_message_t m = {.kind = WIRE_RECONCILE, .records = {{4, 1, "abcd"}}};
    size_t len = wire_encode(buf, sizeof buf, wire_reply, &m);
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        for (size_t j = 0; j < LENGTH(lengths); j++) {
            memcpy(buf + WIRE_HEADER, &lengths[i], 4);
            memcpy(buf + WIRE_HEADER + 4, &lengths[j], 4);
            decode_tightly(buf, len, wire_reply, false);
        }
    }
    m = (wire_message_t){.kind = WIRE_GET, .text = {"abc"}};
    len = wire_encode(buf, sizeof buf, wire_request, &m);
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        memcpy(buf + WIRE_HEADER, &lengths[i], 4);
        decode_tightly(buf, len, wire_request, false);
    }
}

static void
test_texts_with_zeros_or_no_end(void **state) {
    (void)state;
    wire_message_t m = {.kind = WIRE_GET, .text = {"abc"}};
    size_t len = wire_encode(buf, sizeof buf, wire_request, &m);
    buf[len - 1] = 'd';
    decode_tightly(buf, len, wire_request, false);
    buf[len - 1] = 0;
    buf[len - 2] = 0;
    decode_tightly(buf, len, wire_request, false);
}

static void
test_values_out_of_range(void **state) {
    (void)state;
    wire_message_t m = {.kind = WIRE_GET, .value = {.type = LUNALLOC_BOOL, .v.b = true}};
    size_t len = wire_encode(buf, sizeof buf, wire_reply, &m);
    buf[WIRE_HEADER + 4] = 2;
    decode_tightly(buf, len, wire_reply, false);
    buf[WIRE_HEADER + 4] = 1;
    buf[WIRE_HEADER] = LUNALLOC_STRUCT + 1;
    decode_tightly(buf, len, wire_reply, false);
}

static void
test_copies(void **state) {
    (void)state;
    const uint32_t two[] = {7, 8};
    wire_records_t records = {sizeof *two, 2, two};
    uint32_t out = 0;
    assert_true(wire_copy(&records, 1, &out, sizeof out));
    assert_int_equal(out, 8);
    assert_false(wire_copy(&records, 2, &out, sizeof out));
    assert_false(wire_copy(&records, 0, &out, 2));
}

static void
test_rows(void **state) {
    (void)state;
    uint32_t len = 0;
    for (size_t i = 0; i < 5; i++) {
        lunalloc_row_t row;
        assert_int_equal(lunalloc_ctl_row(i, &row), 0);
        assert_int_equal(wire_put_row(buf + len, 10, &row), 0);
        len += (uint32_t)wire_put_row(buf + len, sizeof buf - len, &row);
    }
    wire_bytes_t rows = {len, buf};
    uint32_t at = 0;
    lunalloc_row_t got, row;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(lunalloc_ctl_row(i, &row), 0);
        assert_true(wire_get_row(&rows, &at, &got));
        assert_string_equal(got.name, row.name);
        assert_string_equal(got.doc, row.doc);
        assert_string_equal(got.live, row.live);
        assert_int_equal(got.type, row.type);
        assert_int_equal(got.max, row.max);
    }
    assert_false(wire_get_row(&rows, &at, &got));
    for (uint32_t cut = 1; cut < 40; cut++) {
        wire_bytes_t damaged = {cut, buf};
        at = 0;
        assert_false(wire_get_row(&damaged, &at, &got));
    }
}

/* Nothing that is decoded points outside of the frame. */
static bool
inside(const void *data, size_t len, const char *frame, size_t size) {
    return len == 0 || ((const char *)data >= frame && (const char *)data + len <= frame + size);
}

static void
check_pointers(const wire_message_t *m, const char *frame, size_t size) {
    for (size_t i = 0; i < WIRE_TEXTS; i++) {
        assert_true(m->text[i] == NULL || inside(m->text[i], strlen(m->text[i]) + 1, frame, size));
    }
    for (size_t i = 0; i < WIRE_RECORDS; i++) {
        size_t bytes = (size_t)m->records[i].size * m->records[i].count;
        assert_true(inside(m->records[i].data, bytes, frame, size));
    }
    assert_true(inside(m->bytes.data, m->bytes.len, frame, size));
}

/* A good frame of any kind with some bytes changed. */
static size_t
damaged_frame(uint64_t *seed) {
    const shape_t *shape = &shapes[random_below(seed, LENGTH(shapes))];
    wire_message_t m = example(shape->kind);
    size_t len = wire_encode(buf, sizeof buf, wire_reply, &m);
    for (unsigned n = random_below(seed, 4); n > 0; n--) {
        buf[random_below(seed, (unsigned)len)] = (char)(random_next(seed) >> random_below(seed, 64));
    }
    return len;
}

static size_t
random_frame(uint64_t *seed) {
    size_t len = (size_t)WIRE_HEADER + random_below(seed, 200);
    for (size_t i = 0; i < len; i++) {
        buf[i] = (char)(random_below(seed, 3) == 0 ? random_next(seed) : 0);
    }
    uint32_t payload = (uint32_t)(len - WIRE_HEADER);
    memcpy(buf, &payload, sizeof payload);
    return len;
}

static void
test_random_bytes(void **state) {
    (void)state;
    uint64_t seed = 12;
    size_t good = 0;
    for (int i = 0; i < 100000; i++) {
        size_t len = i % 2 == 0 ? damaged_frame(&seed) : random_frame(&seed);
        wire_message_t m;
        char *tight = malloc(len);
        memcpy(tight, buf, len);
        if (wire_decode(tight, len, i % 3 == 0 ? wire_request : wire_reply, &m)) {
            check_pointers(&m, tight, len);
            good++;
        }
        free(tight);
    }
    assert_true(good > 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_of_every_kind),
        cmocka_unit_test(test_round_trip_of_every_type),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_cut_off_at_every_byte),
        cmocka_unit_test(test_what_follows_the_fields_is_refused),
        cmocka_unit_test(test_no_space_at_every_size),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_lengths_that_wrap),
        cmocka_unit_test(test_texts_with_zeros_or_no_end),
        cmocka_unit_test(test_values_out_of_range),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
