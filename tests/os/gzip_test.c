/* gzip_test.c -- what is compressed is what gzip(1) gives back, also where it does not become smaller. */
#include "../base/testing.h"

#include "os/gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES ((size_t)600 << 10)

static unsigned char original[BYTES], unpacked[BYTES + 1];

/* Half of it random, half of it all the same. */
static void
make_original(void) {
    uint64_t seed = 5;
    memset(original, 'x', sizeof original);
    for (size_t i = 0; i < BYTES / 2; i++) {
        original[i] = (unsigned char)random_below(&seed, 256);
    }
}

static void
put(void *file, const void *data, size_t n) {
    assert_int_equal(fwrite(data, 1, n, file), n);
}

/* In pieces of so many bytes. */
static void
compress(const char *path, size_t piece) {
    static gzip_t gzip;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(gzip_begin(&gzip), 0);
    for (size_t at = 0; at < BYTES; at += piece) {
        gzip_write(&gzip, original + at, at + piece < BYTES ? piece : BYTES - at, put, file);
    }
    gzip_end(&gzip, put, file);
    assert_int_equal(fclose(file), 0);
}

static size_t
unpack(const char *path) {
    char command[128];
    snprintf(command, sizeof command, "gzip -dc < %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(unpacked, 1, sizeof unpacked, pipe);
    assert_int_equal(pclose(pipe), 0);
    return n;
}

static void
test_round_trip(void **state) {
    (void)state;
    const size_t pieces[] = {BYTES, 100001, 4096, 17};
    char path[] = "/tmp/gzip_test_XXXXXX";
    if (!gzip_load()) {
        print_message("skip: no libz.so.1 here\n");
        skip();
    }
    close(mkstemp(path));
    make_original();
    for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        compress(path, pieces[i]);
        assert_int_equal(unpack(path), BYTES);
        assert_memory_equal(unpacked, original, BYTES);
    }
    unlink(path);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests_name("os/gzip", tests, boot_allocator, NULL);
}
