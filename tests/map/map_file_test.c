/*
 * map_file_test.c -- saved instants: they are read as they were written; damaged, cut and made-up ones are refused, and
 * harm nothing.
 *
 *     map_file_test [ROUNDS]     rounds of the fuzzer, 2000 if left out; each changes bytes of a file at random
 */
#include "../workload/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map/map_file.h"
#include "map/map_format.h"
#include "trace/crc.h"

static char folder[] = "/tmp/map_file_test.XXXXXX";
static char path[64];
static uint64_t seed = 1;
static int rounds = 2000;

static uint64_t
random_below(uint64_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

/* ---- contents ---- */

static extent_entry_t
random_entry(uint64_t *at, uint64_t unit) {
    bool slab = random_below(2) == 0;
    extent_entry_t entry = {
        .addr = *at + (random_below(3) == 0 ? random_below(1000) * unit : 0),
        .size = (1 + random_below(random_below(20) == 0 ? 1 << 20 : 64)) * unit,
        .sn = random_below(1000),
        .arena = (uint32_t)random_below(5),
        .szind = EXTENT_NO_CLASS,
        .state = (uint8_t)random_below(EXTENT_STATES),
        .flags = (uint8_t)((slab ? EXTENT_SLAB : 0) | random_below(8) << 1),
    };
    bool used = entry.state == LUNALLOC_ACTIVE || entry.state == LUNALLOC_BUSY;
    if (used) {
        entry.szind = random_below(9) == 0 ? EXTENT_NO_CLASS : (uint16_t)random_below(EXTENT_CLASSES);
    } else {
        entry.lru = random_below(UINT64_C(1) << 40);
    }
    entry.nregs = slab ? (uint32_t)random_below(4096) : 0;
    entry.nfree = slab ? (uint32_t)random_below(entry.nregs + 1) : 0;
    if (slab && entry.state == LUNALLOC_ACTIVE && random_below(2) == 0) {
        entry.discarded = random_below(entry.size / 1024 + 1) * 1024;
    }
    *at = entry.addr + entry.size;
    return entry;
}

static void
make_content(map_content_t *content, size_t n, uint64_t unit) {
    *content = (map_content_t){.header = strdup("{\"at\":1}"), .header_size = 8, .set.nclasses = 300};
    uint64_t at = random_below(1 << 20) * unit;
    for (uint32_t i = 0; i < 300; i++) {
        content->set.class_size[i] = 16 * (uint64_t)(i + 1) * i;
    }
    for (size_t i = 0; i < n; i++) {
        extent_entry_t entry = random_entry(&at, unit);
        assert_true(extent_set_add(&content->set, &entry));
    }
    assert_true(extent_set_tidy(&content->set));
    const extent_span_t everywhere = {0, EXTENT_ADDRESS_END};
    residency_builder_t builder = {.out = &content->residency, .spans = &everywhere, .nspans = 1};
    for (uint64_t start = unit * 16; start < at && content->residency.n < n / 2; start += random_below(99) * unit) {
        uint64_t end = start + (1 + random_below(5000)) * unit;
        residency_put(&builder, start, end, (residency_kind_t)(1 + random_below(RESIDENCY_KINDS - 1)));
        start = end;
    }
}

static void
save(const map_content_t *content) {
    char message[256] = "";
    assert_int_equal(map_file_write(path, content->header, content->header_size, &content->set, &content->residency,
                                    message, sizeof(message)),
                     0);
}

static void
assert_same(const map_content_t *a, const map_content_t *b) {
    assert_int_equal(a->header_size, b->header_size);
    assert_memory_equal(a->header, b->header, a->header_size);
    assert_int_equal(a->set.nclasses, b->set.nclasses);
    assert_memory_equal(a->set.class_size, b->set.class_size, a->set.nclasses * sizeof(uint64_t));
    assert_int_equal(a->set.n, b->set.n);
    for (size_t i = 0; i < a->set.n; i++) {
        assert_memory_equal(&a->set.all[i], &b->set.all[i], sizeof(extent_entry_t));
    }
    assert_int_equal(a->residency.n, b->residency.n);
    for (size_t i = 0; i < a->residency.n; i++) {
        assert_int_equal(a->residency.all[i].start, b->residency.all[i].start);
        assert_int_equal(a->residency.all[i].end, b->residency.all[i].end);
        assert_int_equal(a->residency.all[i].kind, b->residency.all[i].kind);
    }
}

/* ---- files as bytes ---- */

typedef struct {
    uint8_t *bytes;
    size_t n;
} image_t;

static image_t
load_image(void) {
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &status), 0);
    image_t image = {malloc((size_t)status.st_size), (size_t)status.st_size};
    assert_int_equal(read(fd, image.bytes, image.n), image.n);
    close(fd);
    return image;
}

static void
store_image(const uint8_t *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static uint32_t
word_at(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Makes the sums of all chunks right again, as far as chunks can be found. */
static void
mend(image_t *image) {
    for (size_t at = MAP_MAGIC_SIZE; at + MAP_CHUNK_HEAD <= image->n;) {
        uint32_t size = word_at(&image->bytes[at + 4]);
        if (size > image->n - at - MAP_CHUNK_HEAD) {
            return;
        }
        uint32_t sum = trace_crc(&image->bytes[at], 12) ^ trace_crc(&image->bytes[at + MAP_CHUNK_HEAD], size);
        memcpy(&image->bytes[at + 12], &sum, sizeof(sum));
        at += MAP_CHUNK_HEAD + size;
    }
}

/* What was read is sound, whatever it was read from. */
static bool
read_and_check(void) {
    map_content_t content;
    char message[256] = "";
    int error = map_file_read(path, &content, message, sizeof(message));
    if (error != 0) {
        assert_true(message[0] != '\0' && strchr(message, '\n') == NULL);
        assert_int_equal(content.set.n, 0);
        return false;
    }
    uint64_t end = 0;
    for (size_t i = 0; i < content.set.n; i++) {
        const extent_entry_t *entry = &content.set.all[i];
        assert_true(entry->addr >= end && entry->size > 0 && entry->state < EXTENT_STATES);
        assert_true(entry->nfree <= entry->nregs && extent_used(&content.set, entry) <= entry->size);
        bool slab = (entry->flags & EXTENT_SLAB) != 0;
        assert_true(entry->state != LUNALLOC_ACTIVE || entry->discarded <= (slab ? entry->size : 0));
        end = entry->addr + entry->size;
        assert_true(end <= EXTENT_ADDRESS_END);
    }
    end = 0;
    for (size_t i = 0; i < content.residency.n; i++) {
        assert_true(content.residency.all[i].start >= end && content.residency.all[i].end > end);
        end = content.residency.all[i].end;
    }
    map_content_free(&content);
    return true;
}

/* ---- tests ---- */

static void
test_read_as_written(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        map_content_t content, again;
        char message[256] = "";
        make_content(&content, random_below(4) == 0 ? random_below(40000) : random_below(50), 1ull << random_below(14));
        save(&content);
        assert_int_equal(map_file_read(path, &again, message, sizeof(message)), 0);
        assert_same(&content, &again);
        map_content_free(&content);
        map_content_free(&again);
    }
}

static void
test_extents_are_small(void **state) {
    (void)state;
    map_content_t content = {.header = strdup("{}"), .header_size = 2};
    for (uint64_t i = 0; i < 100000; i++) {
        const extent_entry_t slab = {.addr = UINT64_C(0x7f0000000000) + i * 16384,
                                     .size = 16384,
                                     .sn = i / 1000,
                                     .szind = 20,
                                     .nregs = 128,
                                     .nfree = i % 128,
                                     .flags = EXTENT_SLAB | EXTENT_COMMITTED};
        assert_true(extent_set_add(&content.set, &slab));
    }
    save(&content);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 100000 * 10);
    map_content_free(&content);
}

static void
test_cut_anywhere(void **state) {
    (void)state;
    map_content_t content;
    make_content(&content, 30, 4096);
    save(&content);
    image_t image = load_image();
    for (size_t n = 0; n < image.n; n++) {
        store_image(image.bytes, n);
        assert_false(read_and_check());
    }
    store_image(image.bytes, image.n);
    assert_true(read_and_check());
    free(image.bytes);
    map_content_free(&content);
}

static void
test_every_flipped_bit_is_noticed(void **state) {
    (void)state;
    map_content_t content;
    make_content(&content, 12, 4096);
    save(&content);
    image_t image = load_image();
    for (size_t bit = 0; bit < 8 * image.n; bit++) {
        image.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        store_image(image.bytes, image.n);
        assert_false(read_and_check());
        image.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(image.bytes);
    map_content_free(&content);
}

/* Each chunk is sound, but the first two of extents are in the wrong order. */
static void
test_chunks_out_of_order(void **state) {
    (void)state;
    map_content_t content;
    size_t at = MAP_MAGIC_SIZE, size[2] = {0};
    make_content(&content, 20000, 4096);
    save(&content);
    image_t image = load_image();
    while (word_at(&image.bytes[at]) != MAP_EXTENTS) {
        at += MAP_CHUNK_HEAD + word_at(&image.bytes[at + 4]);
    }
    size[0] = MAP_CHUNK_HEAD + word_at(&image.bytes[at + 4]);
    assert_int_equal(word_at(&image.bytes[at + size[0]]), MAP_EXTENTS);
    size[1] = MAP_CHUNK_HEAD + word_at(&image.bytes[at + size[0] + 4]);
    uint8_t *first = malloc(size[0]);
    memcpy(first, &image.bytes[at], size[0]);
    memmove(&image.bytes[at], &image.bytes[at + size[0]], size[1]);
    memcpy(&image.bytes[at + size[1]], first, size[0]);
    store_image(image.bytes, image.n);
    assert_false(read_and_check());
    free(first);
    free(image.bytes);
    map_content_free(&content);
}

/* With sums that are right, so that what is behind them is reached. */
static void
test_hostile_files(void **state) {
    (void)state;
    int accepted = 0;
    for (int round = 0; round < rounds; round++) {
        map_content_t content;
        make_content(&content, 1 + random_below(60), 1ull << random_below(14));
        save(&content);
        image_t image = load_image();
        for (uint64_t n = 1 + random_below(4); n > 0; n--) {
            size_t at = MAP_MAGIC_SIZE + random_below(image.n - MAP_MAGIC_SIZE);
            image.bytes[at] = (uint8_t)(random_below(3) == 0 ? 255 : random_below(256));
        }
        mend(&image);
        store_image(image.bytes, image.n);
        accepted += read_and_check();
        free(image.bytes);
        map_content_free(&content);
    }
    assert_true(accepted > 0 && accepted < rounds);
}

static void
test_what_is_no_such_file(void **state) {
    (void)state;
    map_content_t content;
    char message[256], fifo[80];
    assert_int_equal(map_file_read("/no/such/file", &content, message, sizeof(message)), ENOENT);
    assert_string_equal(message, "'/no/such/file' cannot be read: No such file or directory");
    assert_int_equal(map_file_read(folder, &content, message, sizeof(message)), EINVAL);
    assert_int_equal(map_file_read("/dev/null", &content, message, sizeof(message)), EINVAL);
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(map_file_read(fifo, &content, message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "is no regular file"));
    unlink(fifo);
    store_image((const uint8_t *)"LUNALLOC INSTANT 2\n", MAP_MAGIC_SIZE);
    assert_int_equal(map_file_read(path, &content, message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "later version"));
    store_image((const uint8_t *)"#!/bin/sh\n", 10);
    assert_int_equal(map_file_read(path, &content, message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "no saved instant"));
}

static int
make_folder(void **state) {
    (void)state;
    bool made = mkdtemp(folder) != NULL;
    snprintf(path, sizeof(path), "%s/instant", folder);
    return made ? 0 : -1;
}

static int
remove_folder(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int
main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_as_written),      cmocka_unit_test(test_extents_are_small),
        cmocka_unit_test(test_cut_anywhere),         cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_chunks_out_of_order),  cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_what_is_no_such_file),
    };
    rounds = argc > 1 ? atoi(argv[1]) : rounds;
    seed = (uint64_t)rounds;
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
