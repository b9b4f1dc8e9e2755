/* Text files: what is read, and compressed files, also damaged ones. */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload/textfile.h"

/* gzip's form of TEXT. */
static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                       0x33, 0x34, 0x53, 0x30, 0xe4, 0x32, 0xf4, 0x56, 0x30, 0xe6,
                                       0x02, 0x00, 0x3a, 0x53, 0xce, 0x93, 0x0a, 0x00, 0x00, 0x00};
#define TEXT "16 1\n1K 3\n"

static char path[64];
static char message[512];

static void
write_file(const void *data, size_t size) {
    strcpy(path, "/tmp/textfile_test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

/* Reads a file with this content, and returns the error; `text`: what is to be in it. */
static int
read_back(const void *data, size_t size, size_t limit, const char *text) {
    textfile_t file;
    write_file(data, size);
    int error = textfile_read(&file, path, limit, message, sizeof(message));
    unlink(path);
    if (error == 0) {
        assert_int_equal(file.size, strlen(text));
        assert_memory_equal(file.text, text, file.size);
        textfile_free(&file);
    }
    return error;
}

static void
test_plain(void **state) {
    (void)state;
    assert_int_equal(read_back(TEXT, strlen(TEXT), TEXTFILE_LIMIT, TEXT), 0);
    assert_int_equal(read_back("", 0, TEXTFILE_LIMIT, ""), TEXTFILE_WRONG);
    assert_int_equal(read_back("a\0b", 3, TEXTFILE_LIMIT, ""), TEXTFILE_WRONG);
}

static void
test_compressed(void **state) {
    (void)state;
    assert_int_equal(read_back(packed, sizeof(packed), TEXTFILE_LIMIT, TEXT), 0);
    unsigned char two[2 * sizeof(packed)];
    memcpy(two, packed, sizeof(packed));
    memcpy(two + sizeof(packed), packed, sizeof(packed));
    assert_int_equal(read_back(two, sizeof(two), TEXTFILE_LIMIT, TEXT TEXT), 0);
}

/* 3,000,000 bytes of text in a few kilobytes: the mapping grows, and the limit is that of the text. */
static void
test_limit_of_the_text(void **state) {
    (void)state;
    char command[256];
    textfile_t file;
    write_file("", 0);
    snprintf(command, sizeof(command), "yes '16 1' | head -c 3000000 | gzip >%s", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(textfile_read(&file, path, 3000000, message, sizeof(message)), 0);
    assert_int_equal(file.size, 3000000);
    assert_memory_equal(file.text + file.size - 5, "16 1\n", 5);
    textfile_free(&file);
    assert_int_equal(textfile_read(&file, path, 2999999, message, sizeof(message)), TEXTFILE_WRONG);
    assert_non_null(strstr(message, "is too large when it is decompressed"));
    unlink(path);
}

/* Each beginning is cut off; none is taken for the whole. */
static void
test_cut_off(void **state) {
    (void)state;
    for (size_t size = 2; size < sizeof(packed); size++) {
        assert_int_equal(read_back(packed, size, TEXTFILE_LIMIT, ""), TEXTFILE_WRONG);
        assert_non_null(strstr(message, "is cut off"));
    }
}

/* No flipped bit gives another text: there is a checksum. */
static void
test_damaged(void **state) {
    (void)state;
    for (size_t bit = 16; bit < 8 * sizeof(packed); bit++) {
        unsigned char copy[sizeof(packed)];
        memcpy(copy, packed, sizeof(packed));
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int error = read_back(copy, sizeof(copy), TEXTFILE_LIMIT, TEXT);
        assert_true(error == 0 || error == TEXTFILE_WRONG);
        assert_null(strchr(message, '\n'));
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_compressed), cmocka_unit_test(test_limit_of_the_text),
        cmocka_unit_test(test_cut_off), cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests_name("workload/textfile", tests, NULL, NULL);
}
