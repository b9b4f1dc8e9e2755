/*
 * file_test.c -- trace files: what is written is read again, thread by thread and merged; files that are cut or
 * damaged; rings that are fed in pieces; what may be the file of a trace.
 */
#include "synthetic.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "trace/crc.h"
#include "trace/format.h"

enum {
    EVENTS = 50000
};

static const char *path;

static int
set_up(void **state) {
    (void)state;
    path = synthetic_path();
    return 0;
}

static int
tear_down(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

/* ---- reading what was written ---- */

static void
test_merge_is_the_order_of_the_program(void **state) {
    (void)state;
    synthetic_write(path, 1, EVENTS);
    trace_file_t *file = synthetic_open(path);
    trace_merge_t *merge = trace_merge_open(file);
    synthetic_t program = {.seed = 1};
    record_event_t event;
    size_t n = 0;
    for (; trace_merge_next(merge, &event); n++) {
        record_event_t expected = synthetic_next(&program);
        if (!synthetic_same(&event, &expected)) {
            fail_msg("event %zu is another one", n);
        }
    }
    assert_int_equal(n, EVENTS);
    assert_int_equal(trace_merge_damaged(merge), 0);
    trace_merge_close(merge);
    trace_file_close(file);
}

static void
test_info_tells_the_sums(void **state) {
    (void)state;
    synthetic_write(path, 2, EVENTS);
    trace_file_t *file = synthetic_open(path);
    const trace_info_t *info = trace_file_info(file);
    assert_true(info->complete);
    assert_int_equal(info->events, EVENTS);
    assert_int_equal(info->nthreads, SYNTHETIC_THREADS);
    assert_int_equal(info->threads[3].tid, 103);
    assert_string_equal(info->threads[3].name, "worker 3");
    assert_int_equal(info->begin, 1);
    assert_int_equal(info->end, EVENTS);
    assert_int_equal(info->damaged, 0);
    assert_string_equal(trace_file_meta(file, "name"), "synthetic");
    assert_null(trace_file_meta(file, "nam"));
    trace_file_close(file);
}

/* A thread's stream has exactly its events of the merge. */
static void
test_streams_are_the_parts_of_the_merge(void **state) {
    (void)state;
    synthetic_write(path, 3, EVENTS);
    trace_file_t *file = synthetic_open(path);
    trace_stream_t *streams[SYNTHETIC_THREADS];
    for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
        streams[i] = trace_stream_open(file, i);
        assert_non_null(streams[i]);
    }
    trace_merge_t *merge = trace_merge_open(file);
    record_event_t event, alone;
    while (trace_merge_next(merge, &event)) {
        assert_true(trace_stream_next(streams[event.thread], &alone));
        assert_true(synthetic_same(&event, &alone));
    }
    for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
        assert_false(trace_stream_next(streams[i], &alone));
        trace_stream_close(streams[i]);
    }
    trace_merge_close(merge);
    trace_file_close(file);
}

/* At equal times a free comes before the allocation that gets its address, whatever the threads are called. */
static void
test_a_free_is_first_at_equal_times(void **state) {
    (void)state;
    trace_writer_t *writer = synthetic_writer(path);
    record_event_t allocation = {.kind = RECORD_MALLOC, .addr = 64, .size = 8, .time = 7, .touched = RECORD_UNKNOWN};
    record_event_t release = {.kind = RECORD_FREE, .addr = 64, .time = 7, .touched = RECORD_UNKNOWN};
    trace_writer_event(writer, 0, &allocation);
    trace_writer_event(writer, 1, &release);
    synthetic_close(writer);
    trace_file_t *file = synthetic_open(path);
    trace_merge_t *merge = trace_merge_open(file);
    record_event_t event;
    assert_true(trace_merge_next(merge, &event));
    assert_int_equal(event.kind, RECORD_FREE);
    assert_true(trace_merge_next(merge, &event));
    assert_int_equal(event.kind, RECORD_MALLOC);
    trace_merge_close(merge);
    trace_file_close(file);
}

/* The clock that is written last counts: stamps of a counter become ns. */
static void
test_stamps_become_ns(void **state) {
    (void)state;
    trace_writer_t *writer = synthetic_writer(path);
    trace_writer_clock(writer, &(record_clock_t){{1000, 2000}, {50, 51}, 2});
    record_event_t event = {.kind = RECORD_MALLOC, .addr = 64, .size = 8, .time = 500, .touched = RECORD_UNKNOWN};
    trace_writer_event(writer, 0, &event);
    trace_writer_clock(writer, &(record_clock_t){{1000, 3000}, {5000, 6000}, 2});
    synthetic_close(writer);
    trace_file_t *file = synthetic_open(path);
    trace_stream_t *stream = trace_stream_open(file, 0);
    assert_true(trace_stream_next(stream, &event));
    assert_int_equal(event.time, 5500); /* 500 << 2 = 2000 ticks, half way */
    assert_int_equal(trace_file_info(file)->begin, 5500);
    trace_stream_close(stream);
    trace_file_close(file);
}

static void
test_samples_and_losses(void **state) {
    (void)state;
    trace_writer_t *writer = synthetic_writer(path);
    for (uint64_t i = 0; i < 100; i++) {
        trace_sample_t sample = {.time = i * 10, .rss = i << 20, .dirty = TRACE_UNKNOWN};
        trace_writer_sample(writer, &sample);
    }
    record_event_t lost = {.kind = RECORD_LOST, .size = 17, .time = 3, .touched = RECORD_UNKNOWN};
    trace_writer_event(writer, 2, &lost);
    synthetic_close(writer);
    trace_file_t *file = synthetic_open(path);
    const trace_info_t *info = trace_file_info(file);
    assert_int_equal(info->nsamples, 100);
    assert_int_equal(info->samples[99].rss, (uint64_t)99 << 20);
    assert_true(info->samples[0].dirty == TRACE_UNKNOWN);
    assert_int_equal(info->lost, 17);
    assert_int_equal(info->threads[2].lost, 17);
    assert_int_equal(info->end, 990);
    trace_file_close(file);
}

/* ---- rings ---- */

/* Encodes a program of one thread as the target does: with padding, and with a second thread behind the first. */
static size_t
encode_ring(uint8_t *out, size_t room) {
    record_codec_t codec = {0};
    synthetic_t program = {.seed = 9};
    size_t len = 0;
    for (uint32_t thread = 1; thread <= 2; thread++) {
        record_event_t begin = {.kind = RECORD_THREAD, .thread = thread, .size = 40 + thread, .name = "ring"};
        begin.time = program.clock;
        len += record_encode(&codec, &begin, out + len);
        for (int i = 0; i < 3000; i++) {
            record_event_t event = synthetic_next(&program);
            len += record_encode(&codec, &event, out + len);
            memset(out + len, 0, 3);
            len += i % 100 == 0 ? 3 : 0;
        }
        record_event_t end = {.kind = RECORD_THREAD_END, .time = program.clock, .touched = RECORD_UNKNOWN};
        len += record_encode(&codec, &end, out + len);
    }
    assert_true(len < room);
    return len;
}

/* Feeds the bytes in pieces of all lengths; what is incomplete is fed again. */
static void
feed_in_pieces(trace_writer_t *writer, const uint8_t *bytes, size_t len) {
    trace_feed_t feed = {0};
    size_t at = 0, piece = 1;
    while (at < len) {
        size_t n = len - at < piece ? len - at : piece;
        long used = trace_writer_feed(writer, &feed, bytes + at, n);
        assert_in_range(used, 0, n);
        at += (size_t)used;
        piece = used == 0 ? piece + 1 : piece % 97 + 1;
    }
}

static void
test_a_ring_fed_in_pieces(void **state) {
    (void)state;
    static uint8_t ring[1 << 20];
    size_t len = encode_ring(ring, sizeof(ring));
    trace_writer_t *writer;
    assert_int_equal(trace_writer_open(&writer, path, message, sizeof(message)), 0);
    feed_in_pieces(writer, ring, len);
    assert_int_equal(trace_writer_written(writer).events, 6004);
    synthetic_close(writer);

    trace_file_t *file = synthetic_open(path);
    const trace_info_t *info = trace_file_info(file);
    assert_true(info->complete);
    assert_int_equal(info->nthreads, 2);
    assert_int_equal(info->threads[1].tid, 42);
    assert_string_equal(info->threads[1].name, "ring");
    assert_true(info->threads[0].ended && info->threads[1].ended);
    synthetic_t program = {.seed = 9};
    record_event_t event;
    trace_merge_t *merge = trace_merge_open(file);
    while (trace_merge_next(merge, &event)) {
        if (event.kind < RECORD_THREAD) {
            record_event_t expected = synthetic_next(&program);
            expected.thread = event.thread;
            assert_true(synthetic_same(&event, &expected));
        }
    }
    assert_int_equal(program.clock, 6000);
    trace_merge_close(merge);
    trace_file_close(file);
}

static void
test_a_feed_of_nonsense_ends(void **state) {
    (void)state;
    uint8_t nonsense[256];
    memset(nonsense, 0xff, sizeof(nonsense));
    trace_writer_t *writer;
    trace_feed_t feed = {0};
    assert_int_equal(trace_writer_open_nowhere(&writer), 0);
    assert_int_equal(trace_writer_feed(writer, &feed, nonsense, sizeof(nonsense)), -1);
    trace_writer_abandon(writer);
}

/* ---- files that are not whole ---- */

static size_t
read_file(uint8_t *to, size_t room) {
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t n = fread(to, 1, room, in);
    fclose(in);
    return n;
}

static void
write_file(const void *data, size_t size) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    fclose(out);
}

/* How many events of synthetic program 4 the file has, as a subsequence of each thread's events. */
static size_t
count_readable(void) {
    trace_file_t *file = synthetic_open(path);
    trace_merge_t *merge = trace_merge_open(file);
    record_event_t event;
    size_t n = 0;
    while (trace_merge_next(merge, &event)) {
        n++;
    }
    trace_merge_close(merge);
    trace_file_close(file);
    return n;
}

/* Cut anywhere: the events before the cut are there, and more bytes never have fewer events. */
static void
test_cut_at_every_byte(void **state) {
    (void)state;
    static uint8_t bytes[64 << 10];
    synthetic_write(path, 4, 1000);
    size_t size = read_file(bytes, sizeof(bytes)), last = 0;
    for (size_t cut = sizeof(trace_head_t); cut <= size; cut++) {
        assert_int_equal(truncate(path, (off_t)cut), 0);
        write_file(bytes, cut);
        size_t n = count_readable();
        assert_true(n >= last);
        last = n;
    }
    assert_int_equal(last, 1000);
    assert_int_equal(truncate(path, sizeof(trace_head_t) - 1), 0);
    trace_file_t *file;
    assert_int_equal(trace_file_open(&file, path, message, sizeof(message)), EINVAL);
}

/* One byte that is wrong costs one chunk at most, wherever it is, and is told. */
static void
test_a_wrong_byte_costs_a_chunk(void **state) {
    (void)state;
    static uint8_t bytes[4 << 20];
    synthetic_write(path, 5, EVENTS);
    size_t size = read_file(bytes, sizeof(bytes)), chunk = TRACE_CHUNK_MAX / 2;
    for (size_t at = sizeof(trace_head_t); at < size; at += 1 + size / 200) {
        bytes[at] ^= 0x10;
        write_file(bytes, size);
        trace_file_t *file = synthetic_open(path);
        trace_merge_t *merge = trace_merge_open(file);
        record_event_t event;
        size_t n = 0;
        while (trace_merge_next(merge, &event)) {
            n++;
        }
        assert_true(n + chunk > EVENTS);
        bool told = trace_file_info(file)->damaged + trace_merge_damaged(merge) > 0;
        assert_true(told || n == EVENTS); /* the zeros between chunks have no checksum */
        trace_merge_close(merge);
        trace_file_close(file);
        bytes[at] ^= 0x10;
    }
}

static void
test_other_files_are_refused_with_a_line(void **state) {
    (void)state;
    static const char *const texts[] = {"", "\x89lnatrc\n", "#!/bin/sh\nexit 1\n", "1: malloc 0x10 16\n"};
    trace_file_t *file;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        write_file(texts[i], strlen(texts[i]));
        assert_int_equal(trace_file_open(&file, path, message, sizeof(message)), EINVAL);
        assert_null(file);
        assert_null(strchr(message, '\n'));
    }
    assert_int_equal(trace_file_open(&file, "/", message, sizeof(message)), EINVAL);
    assert_int_equal(trace_file_open(&file, "/dev/null", message, sizeof(message)), EINVAL);
    assert_int_equal(trace_file_open(&file, "/nowhere/at/all", message, sizeof(message)), ENOENT);
}

/* A later version is named. */
static void
test_another_version_is_refused(void **state) {
    (void)state;
    synthetic_write(path, 6, 10);
    static uint8_t bytes[64 << 10];
    size_t size = read_file(bytes, sizeof(bytes));
    bytes[8]++;
    write_file(bytes, size);
    trace_file_t *file;
    assert_int_equal(trace_file_open(&file, path, message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "checksum"));
}

/* ---- the file itself ---- */

static void
test_mode_stays_and_nothing_is_left_aside(void **state) {
    (void)state;
    write_file("old", 3);
    assert_int_equal(chmod(path, 0640), 0);
    synthetic_write(path, 7, 10);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    trace_writer_t *writer = synthetic_writer(path);
    trace_writer_abandon(writer);
    assert_int_equal(count_readable(), 10);
    char aside[4200];
    snprintf(aside, sizeof(aside), "%s.%d.tmp", path, (int)getpid());
    assert_int_equal(access(aside, F_OK), -1);
}

static void
test_what_is_no_regular_file_stays(void **state) {
    (void)state;
    trace_writer_t *writer;
    assert_int_equal(trace_writer_open(&writer, "/dev/null", message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "device"));
    assert_int_equal(trace_writer_open(&writer, "/tmp", message, sizeof(message)), EINVAL);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(trace_writer_open(&writer, path, message, sizeof(message)), EINVAL);
    assert_non_null(strstr(message, "FIFO"));
    assert_int_equal(trace_writer_open(&writer, "/nowhere/at/all", message, sizeof(message)), ENOENT);
}

/* A file that may not grow: what was written whole is kept, and read. */
static void
test_a_full_disk_keeps_what_is_whole(void **state) {
    (void)state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){150000, old.rlim_max};
    trace_writer_t *writer = synthetic_writer(path);
    synthetic_t program = {.seed = 8};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (size_t i = 0; i < EVENTS; i++) {
        record_event_t event = synthetic_next(&program);
        trace_writer_event(writer, event.thread, &event);
    }
    assert_false(trace_writer_flush(writer));
    assert_int_equal(trace_writer_close(writer, message, sizeof(message)), EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_non_null(strstr(message, "kept"));
    trace_file_t *file = synthetic_open(path);
    assert_false(trace_file_info(file)->complete);
    assert_int_equal(trace_file_info(file)->damaged, 0);
    assert_true(trace_file_info(file)->events > 1000);
    trace_file_close(file);
}

/* Names that are too long are cut; a stack whose bytes were changed is left out. */
static void
test_stacks(void **state) {
    (void)state;
    static char names[TRACE_FILE_NAMES], long_names[TRACE_WRITE_NAMES + 100];
    trace_writer_t *writer = synthetic_writer(path);
    memset(long_names, 'x', sizeof(long_names));
    trace_writer_stack(writer, &(trace_stack_t){1, 20, 3, 40}, "parse\nmain", 10);
    trace_writer_stack(writer, &(trace_stack_t){UINT64_MAX, 2, 3, 4}, long_names, sizeof(long_names));
    synthetic_close(writer);
    trace_file_t *file = synthetic_open(path);
    uint64_t sums[4];
    size_t size;
    assert_true(trace_file_summed(file) && trace_file_info(file)->complete);
    assert_int_equal(trace_file_stacks(file), 2);
    assert_true(trace_file_stack(file, 0, sums, names, &size));
    assert_true(sums[0] == 1 && sums[1] == 20 && sums[2] == 3 && sums[3] == 40);
    assert_int_equal(size, 10);
    assert_memory_equal(names, "parse\nmain", 10);
    assert_true(trace_file_stack(file, 1, sums, names, &size));
    assert_true(sums[0] == UINT64_MAX && size == TRACE_WRITE_NAMES);
    trace_file_close(file);
}

/* Writes sections of stacks, of which the n-th says that it has sizes[n] and has has[n]; what is read of them. */
static size_t
stacks_of(const uint32_t *sizes, const uint32_t *has, size_t nsections, uint64_t *first) {
    trace_writer_t *writer = synthetic_writer(path);
    for (size_t i = 0; i < nsections; i++) {
        trace_writer_stacks(writer, sizes[i]);
        for (uint32_t k = 0; k < has[i]; k++) {
            trace_writer_stack(writer, &(trace_stack_t){10 * i + k, 1, 1, 1}, "main", 4);
        }
    }
    synthetic_close(writer);
    trace_file_t *file = synthetic_open(path);
    static char names[TRACE_FILE_NAMES];
    uint64_t sums[4] = {0};
    size_t size, n = trace_file_stacks(file);
    assert_true(n == 0 || trace_file_stack(file, 0, sums, names, &size));
    *first = sums[0];
    trace_file_close(file);
    unlink(path);
    return n;
}

static void
test_later_stacks_replace_earlier_ones(void **state) {
    (void)state;
    uint64_t first;
    assert_int_equal(stacks_of((uint32_t[]){2, 3}, (uint32_t[]){2, 3}, 2, &first), 3);
    assert_int_equal(first, 10);
    assert_int_equal(stacks_of((uint32_t[]){2, 1, 3}, (uint32_t[]){2, 1, 2}, 3, &first), 1);
    assert_int_equal(first, 10);
    assert_int_equal(stacks_of((uint32_t[]){3, 3}, (uint32_t[]){2, 1}, 2, &first), 1); /* none is whole */
    assert_int_equal(first, 10);
    assert_int_equal(stacks_of(NULL, NULL, 0, &first), 0);
}

/* ---- checksums ---- */

static uint32_t
crc_bit_by_bit(const uint8_t *bytes, size_t size) {
    uint32_t crc = ~0U;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
        }
    }
    return ~crc;
}

static void
test_checksums(void **state) {
    static uint8_t bytes[2000];
    (void)state;
    assert_int_equal(trace_crc("123456789", 9), 0xcbf43926);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * i * 31 >> 3);
    }
    for (size_t size = 0; size <= 1000; size++) {
        assert_int_equal(trace_crc(bytes + size % 17, size), crc_bit_by_bit(bytes + size % 17, size));
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksums),
        cmocka_unit_test_setup_teardown(test_later_stacks_replace_earlier_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_is_the_order_of_the_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_info_tells_the_sums, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams_are_the_parts_of_the_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_free_is_first_at_equal_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stamps_become_ns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_and_losses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_ring_fed_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_feed_of_nonsense_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wrong_byte_costs_a_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_are_refused_with_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_version_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mode_stays_and_nothing_is_left_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_regular_file_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_keeps_what_is_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
