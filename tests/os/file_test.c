/* file_test.c -- what has a name stays what it is when it is written; new files are there whole or not at all. */
#include "../base/testing.h"

#include "os/file.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char folder[] = "/tmp/lunalloc-file-XXXXXX";

/* The names that the tests use, in the working directory. */
static const char *const names[] = {"old", "link", "target", "new", "fifo", "node", "closed/file", "closed"};

static int
enter_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int
clean(void **state) {
    (void)state;
    chmod("closed", 0700);
    for (unsigned i = 0; i < LENGTH(names); i++) {
        remove(names[i]);
    }
    return 0;
}

static int
leave_folder(void **state) {
    (void)state;
    return chdir("/") != 0 || rmdir(folder) != 0;
}

/* Nothing is left aside. */
static void
assert_no_rest(const char *name) {
    char aside[64];
    snprintf(aside, sizeof aside, "%s.%d.tmp", name, getpid());
    assert_int_not_equal(access(aside, F_OK), 0);
}

static file_t file;

/* `size` bytes, "0123456789" again and again. */
static int
write_bytes(const char *name, file_way_t way, size_t size) {
    errno = EXDEV;
    int error = file_begin(&file, name, way);
    if (error == 0) {
        for (size_t i = 0; i < size; i++) {
            file_write(&file, &"0123456789"[i % 10], 1);
        }
        error = file_end(&file);
    }
    assert_int_equal(errno, EXDEV);
    return error;
}

static void
make_file(const char *name, mode_t mode, const char *text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(chmod(name, mode), 0);
}

static void
assert_text(int fd, const char *text) {
    char buf[64];
    ssize_t n = pread(fd, buf, sizeof buf - 1, 0);
    assert_true(n >= 0);
    buf[n] = '\0';
    assert_string_equal(buf, text);
}

static void
assert_file(const char *name, const char *text) {
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    assert_text(fd, text);
    close(fd);
}

static off_t
size_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? st.st_size : -1;
}

/* ---- new files ---- */

static void
test_new_file(void **state) {
    (void)state;
    for (file_way_t way = file_aside; way <= file_in_place; way++) {
        assert_int_equal(write_bytes("new", way, 5), 0);
        assert_file("new", "01234");
        assert_no_rest("new");
        assert_int_equal(unlink("new"), 0);
        assert_int_equal(write_bytes("new", way, 0), 0);
        assert_file("new", "");
        assert_int_equal(unlink("new"), 0);
        assert_int_equal(write_bytes("new", way, 100001), 0);
        assert_int_equal(size_of("new"), 100001);
        assert_int_equal(unlink("new"), 0);
    }
}

/* A process of the same number may have left one; nobody's link is followed. */
static void
test_rest_of_another_process_is_replaced(void **state) {
    (void)state;
    char aside[64];
    snprintf(aside, sizeof aside, "new.%d.tmp", getpid());
    make_file(aside, 0600, "half");
    assert_int_equal(write_bytes("new", file_aside, 3), 0);
    assert_file("new", "012");
    assert_int_equal(unlink("new"), 0);
    make_file("target", 0600, "precious");
    assert_int_equal(symlink("target", aside), 0);
    assert_int_equal(write_bytes("new", file_aside, 3), 0);
    assert_file("new", "012");
    assert_file("target", "precious");
    assert_no_rest("new");
}

/* Of other names only those of regular files are replaced. */
static void
test_a_careful_writer_replaces_regular_files_only(void **state) {
    (void)state;
    struct stat st;
    make_file("old", 0600, "old");
    assert_int_equal(write_bytes("old", file_aside_new, 3), 0);
    assert_file("old", "012");
    make_file("target", 0600, "precious");
    assert_int_equal(symlink("target", "new"), 0);
    assert_int_equal(write_bytes("new", file_aside_new, 3), EEXIST);
    assert_file("target", "precious");
    assert_int_equal(unlink("new"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(write_bytes("fifo", file_aside_new, 3), EEXIST);
    assert_int_equal(lstat("fifo", &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_no_rest("fifo");
}

/* What takes the name while the file is written stays, too. */
static void
test_a_careful_writer_looks_again_at_the_end(void **state) {
    (void)state;
    make_file("target", 0600, "precious");
    assert_int_equal(file_begin(&file, "new", file_aside_new), 0);
    file_write(&file, "012", 3);
    assert_int_equal(symlink("target", "new"), 0);
    assert_int_equal(file_end(&file), EEXIST);
    assert_file("target", "precious");
    struct stat st;
    assert_int_equal(lstat("new", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_no_rest("new");
}

static void
test_an_abandoned_file_does_not_appear(void **state) {
    (void)state;
    assert_int_equal(file_begin(&file, "new", file_aside_new), 0);
    file_write(&file, "012", 3);
    file_abandon(&file, ENOMEM);
    assert_int_equal(file_end(&file), ENOMEM);
    assert_int_not_equal(access("new", F_OK), 0);
    assert_no_rest("new");
}

/* A name of our own may have been foreseen by somebody. */
static void
test_aside_replaces_what_has_the_name(void **state) {
    (void)state;
    struct stat st;
    make_file("target", 0600, "precious");
    assert_int_equal(symlink("target", "new"), 0);
    assert_int_equal(write_bytes("new", file_aside, 3), 0);
    assert_int_equal(lstat("new", &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_file("new", "012");
    assert_file("target", "precious");
}

/* ---- what is there ---- */

/* The file that somebody holds open is the one that is written. */
static void
test_in_place_keeps_file_mode_and_descriptor(void **state) {
    (void)state;
    struct stat before, after;
    make_file("old", 0600, "longer than what follows");
    int fd = open("old", O_RDONLY);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(write_bytes("old", file_in_place, 5), 0);
    assert_text(fd, "01234");
    assert_int_equal(stat("old", &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(write_bytes("old", file_in_place, 0), 0);
    assert_text(fd, "");
    assert_int_equal(write_bytes("old", file_in_place, 10000), 0);
    assert_text(fd, "012345678901234567890123456789012345678901234567890123456789012");
    assert_int_equal(size_of("old"), 10000);
    close(fd);
    assert_no_rest("old");
}

static void
assert_link(const char *name) {
    struct stat st;
    assert_int_equal(lstat(name, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void
test_in_place_follows_links(void **state) {
    (void)state;
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(write_bytes("link", file_in_place, 3), 0);
    assert_link("link");
    assert_file("target", "012");
    assert_int_equal(write_bytes("link", file_in_place, 5), 0);
    assert_link("link");
    assert_file("target", "01234");
    unlink("link");
    assert_int_equal(symlink("no/such/folder", "link"), 0);
    assert_int_equal(write_bytes("link", file_in_place, 3), ENOENT);
    assert_link("link");
    unlink("link");
    assert_int_equal(symlink("link", "link"), 0);
    assert_int_equal(write_bytes("link", file_in_place, 3), ELOOP);
    assert_no_rest("link");
}

/* By its number in /proc, as /dev/stdout and /dev/fd lead there. */
static void
test_in_place_of_a_descriptor(void **state) {
    (void)state;
    char name[64];
    int fd = memfd_create("memory", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "longer than what follows", 24), 24);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    assert_int_equal(write_bytes(name, file_in_place, 5), 0);
    assert_text(fd, "01234");
    close(fd);
    char temporary[] = "XXXXXX";
    fd = mkstemp(temporary);
    unlink(temporary);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    assert_int_equal(write_bytes(name, file_in_place, 5), 0);
    assert_text(fd, "01234");
    close(fd);
}

static void
test_in_place_of_a_pipe(void **state) {
    (void)state;
    char name[64], text[16] = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    assert_int_equal(write_bytes(name, file_in_place, 5), 0);
    assert_int_equal(read(ends[0], text, sizeof text), 5);
    assert_string_equal(text, "01234");
    close(ends[0]);
    close(ends[1]);
}

/* A null device of the test's own: only root makes one. */
static void
test_in_place_of_a_device(void **state) {
    (void)state;
    struct stat st;
    if (mknod("node", S_IFCHR | 0600, makedev(1, 3)) != 0) {
        skip();
    }
    int fd = open("node", O_WRONLY);
    if (fd < 0) {
        skip(); /* mounted without devices */
    }
    close(fd);
    assert_int_equal(write_bytes("node", file_in_place, 5), 0);
    assert_int_equal(stat("node", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_no_rest("node");
}

static int
write_in_closed_folder(void *argument) {
    (void)argument;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
        return 1;
    }
    return write_bytes("closed/file", file_in_place, 5) != 0 || write_bytes("closed/new", file_in_place, 5) != EACCES;
}

/* What may be written may be written, though nothing new may be made beside it. */
static void
test_in_place_in_a_folder_that_may_not_be_written(void **state) {
    (void)state;
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(mkdir("closed", 0755), 0);
    make_file("closed/file", 0666, "before");
    assert_int_equal(chmod("closed", 0555), 0);
    assert_child_succeeds(write_in_closed_folder, NULL);
    assert_file("closed/file", "01234");
}

/* ---- FIFOs ---- */

/* Nobody reads: an error, at once. */
static void
test_fifo_without_a_reader(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    alarm(20);
    assert_int_equal(write_bytes("fifo", file_in_place, 5), ENXIO);
    alarm(0);
    assert_int_equal(stat("fifo", &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_no_rest("fifo");
}

typedef struct {
    int fd;
    size_t wanted, n;
} reader_t;

/* Reads so many bytes, or to the end, and leaves. */
static void *
read_fifo(void *argument) {
    reader_t *reader = argument;
    struct pollfd input = {.fd = reader->fd, .events = POLLIN};
    char buf[100];
    ssize_t n = 1;
    poll(&input, 1, -1);
    while (n > 0 && reader->n < reader->wanted) {
        n = read(reader->fd, buf, sizeof buf);
        reader->n += n > 0 ? (size_t)n : 0;
    }
    close(reader->fd);
    return NULL;
}

/* Writes n bytes to a FIFO with a reader beside. */
static int
write_to_reader(size_t n, reader_t *reader) {
    pthread_t thread;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    reader->fd = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader->fd >= 0);
    fcntl(reader->fd, F_SETFL, 0);
    assert_int_equal(pthread_create(&thread, NULL, read_fifo, reader), 0);
    int error = write_bytes("fifo", file_in_place, n);
    pthread_join(thread, NULL);
    return error;
}

/* More than the pipe holds: the writer waits. */
static void
test_fifo_with_a_slow_reader(void **state) {
    (void)state;
    reader_t reader = {.wanted = SIZE_MAX};
    assert_int_equal(write_to_reader(300000, &reader), 0);
    assert_int_equal(reader.n, 300000);
}

/* An error, and no SIGPIPE, neither now nor later. */
static void
test_fifo_whose_reader_leaves(void **state) {
    (void)state;
    sigset_t pending;
    reader_t reader = {.wanted = 100};
    assert_int_equal(write_to_reader(300000, &reader), EPIPE);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGPIPE), 0);
}

/* ---- failures ---- */

/* Files may not grow beyond so many bytes; the signal has its default effect, to end the process. */
static int
write_limited(const char *name, file_way_t way, rlim_t most) {
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = most, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    int error = write_bytes(name, way, 10000);
    setrlimit(RLIMIT_FSIZE, &before);
    return error;
}

static void
test_no_room_leaves_nothing(void **state) {
    (void)state;
    assert_int_equal(write_limited("new", file_aside, 5000), EFBIG);
    assert_int_equal(write_limited("new", file_in_place, 5000), EFBIG);
    assert_int_equal(access("new", F_OK), -1);
    assert_no_rest("new");
    make_file("old", 0600, "before");
    assert_int_equal(write_limited("old", file_aside, 5000), EFBIG);
    assert_file("old", "before");
    assert_int_equal(write_limited("old", file_in_place, 5000), EFBIG);
    assert_file("old", "");
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(write_limited("link", file_in_place, 5000), EFBIG);
    assert_link("link");
    assert_int_equal(access("target", F_OK), -1);
}

/* What fails before anything is written changes nothing. */
static void
test_early_failure_changes_nothing(void **state) {
    (void)state;
    make_file("old", 0600, "before");
    assert_int_equal(file_begin(&file, "old", file_in_place), 0);
    file_write(&file, "x", 1);
    file.error = ENOMEM;
    assert_int_equal(file_end(&file), ENOMEM);
    assert_file("old", "before");
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(file_begin(&file, "link", file_in_place), 0);
    file.error = ENOMEM;
    assert_int_equal(file_end(&file), ENOMEM);
    assert_int_equal(access("target", F_OK), -1);
}

static void
test_names_that_cannot_be(void **state) {
    (void)state;
    char name[FILE_NAME_MAX + 10];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    static const int of_a_folder[] = {[file_aside] = EBUSY, [file_aside_new] = EEXIST, [file_in_place] = EISDIR};
    for (file_way_t way = file_aside; way <= file_in_place; way++) {
        assert_int_equal(write_bytes("", way, 5), ENOENT);
        assert_int_equal(write_bytes(".", way, 5), of_a_folder[way]);
        assert_int_equal(write_bytes("no/such/folder", way, 5), ENOENT);
        assert_int_equal(write_bytes(name, way, 5), ENAMETOOLONG);
    }
    assert_no_rest("");
    assert_no_rest(".");
}

/* ---- cancellation ---- */

static void
count_line(const char *line, void *context) {
    *(size_t *)context += line[0] != '\0';
}

/* Not on the stack, which the address sanitizer does not see unwound. */
static char line[4096];
static size_t nlines;

static void *
write_cancelled(void *argument) {
    pthread_cancel(pthread_self());
    *(int *)argument = write_bytes("new", file_aside, 100000) + write_bytes("old", file_in_place, 100000);
    process_mappings(line, sizeof line, count_line, &nlines);
    pthread_testcancel();
    *(int *)argument = -1;
    return NULL;
}

/* A thread that is to be cancelled is not, on the way. */
static void
test_no_cancellation_point(void **state) {
    (void)state;
    pthread_t thread;
    void *result;
    int error = -2;
    make_file("old", 0600, "before");
    assert_int_equal(pthread_create(&thread, NULL, write_cancelled, &error), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(error, 0);
    assert_int_equal(size_of("new"), 100000);
    assert_int_equal(size_of("old"), 100000);
    assert_true(nlines > 10);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_new_file, clean),
        cmocka_unit_test_teardown(test_rest_of_another_process_is_replaced, clean),
        cmocka_unit_test_teardown(test_aside_replaces_what_has_the_name, clean),
        cmocka_unit_test_teardown(test_a_careful_writer_replaces_regular_files_only, clean),
        cmocka_unit_test_teardown(test_a_careful_writer_looks_again_at_the_end, clean),
        cmocka_unit_test_teardown(test_an_abandoned_file_does_not_appear, clean),
        cmocka_unit_test_teardown(test_in_place_keeps_file_mode_and_descriptor, clean),
        cmocka_unit_test_teardown(test_in_place_follows_links, clean),
        cmocka_unit_test_teardown(test_in_place_of_a_descriptor, clean),
        cmocka_unit_test_teardown(test_in_place_of_a_pipe, clean),
        cmocka_unit_test_teardown(test_in_place_of_a_device, clean),
        cmocka_unit_test_teardown(test_in_place_in_a_folder_that_may_not_be_written, clean),
        cmocka_unit_test_teardown(test_fifo_without_a_reader, clean),
        cmocka_unit_test_teardown(test_fifo_with_a_slow_reader, clean),
        cmocka_unit_test_teardown(test_fifo_whose_reader_leaves, clean),
        cmocka_unit_test_teardown(test_no_room_leaves_nothing, clean),
        cmocka_unit_test_teardown(test_early_failure_changes_nothing, clean),
        cmocka_unit_test_teardown(test_names_that_cannot_be, clean),
        cmocka_unit_test_teardown(test_no_cancellation_point, clean),
    };
    return cmocka_run_group_tests_name("os/file", tests, enter_folder, leave_folder);
}
