/*
 * file_fuzz_test.c -- trace files that are damaged, foreign or hostile: opening, reading, summing up and saving them
 * ends, stays within bounds, and takes memory in proportion to the file.
 *
 * Each round changes a good file: bits flip, numbers become extreme, pieces are cut out, doubled or moved, chunks are
 * random. The good file has events, or sums. In most rounds the checksums are made right again, so that the reader
 * believes what it reads. All follows from the round's number. LUNALLOC_FUZZ_SECONDS=3600 goes on for that long with
 * each of both files; the last round is printed, and LUNALLOC_FUZZ_ROUND=N begins there.
 */
#include "synthetic.h"

#include <sys/mman.h>
#include <time.h>

#include "trace/cells.h"
#include "trace/crc.h"
#include "trace/format.h"
#include "trace/save.h"
#include "trace/sums.h"

enum {
    ROUNDS = 400,
    EVENTS = 3000,
    ROOM = 1 << 20
};

static uint8_t good[ROOM], bytes[2 * ROOM];
static size_t good_size;
static synthetic_t random_state;

static uint64_t
draw(uint64_t n) {
    return n == 0 ? 0 : (synthetic_random(&random_state) << 20 ^ synthetic_random(&random_state)) % n;
}

/* A number that a careless reader mishandles. */
static uint64_t
extreme(void) {
    static const uint64_t values[] = {
        0,          1,          0x7f,      0xff,       0x7fff,         0xffff, TRACE_CHUNK_MAX, TRACE_CHUNK_MAX + 1,
        0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, UINT64_MAX - 47};
    return values[draw(sizeof(values) / sizeof(*values))];
}

/* ---- changes ---- */

static void
flip_bits(size_t size) {
    for (uint64_t n = 1 + draw(8); n > 0; n--) {
        bytes[draw(size)] ^= (uint8_t)(1U << draw(8));
    }
}

static void
put_extremes(size_t size) {
    for (uint64_t n = 1 + draw(4); n > 0 && size > 8; n--) {
        uint64_t value = extreme();
        memcpy(bytes + draw(size - 8) / 4 * 4, &value, draw(2) == 0 ? 4 : 8);
    }
}

static size_t
cut_out(size_t size) {
    size_t from = draw(size), n = draw(size - from);
    memmove(bytes + from, bytes + from + n, size - from - n);
    return size - n;
}

static size_t
double_piece(size_t size) {
    size_t from = draw(size), n = draw(size - from);
    memmove(bytes + from + n, bytes + from, size - from);
    return size + n;
}

static void
make_noise(size_t size) {
    size_t from = draw(size), n = draw(size - from) % 2000;
    for (size_t i = 0; i < n; i++) {
        bytes[from + i] = (uint8_t)draw(256);
    }
}

/* ---- checksums ---- */

static void
mend_head(void) {
    trace_head_t head;
    memcpy(&head, bytes, sizeof(head));
    memcpy(head.magic, TRACE_FILE_MAGIC, 8);
    head.version = TRACE_FILE_VERSION;
    head.head_size = sizeof(head);
    head.event_code = TRACE_EVENT_CODE;
    head.crc = trace_crc(&head, offsetof(trace_head_t, crc));
    memcpy(bytes, &head, sizeof(head));
}

/* Makes the checksums of the chunk at `at` right; returns where the next one begins. */
static size_t
mend_chunk(size_t at, size_t size) {
    trace_chunk_t chunk;
    memcpy(&chunk, bytes + at, sizeof(chunk));
    if (chunk.magic != TRACE_CHUNK_MAGIC) {
        return at + TRACE_ALIGN;
    }
    chunk.length = chunk.length <= TRACE_CHUNK_MAX ? chunk.length : TRACE_CHUNK_MAX;
    size_t left = size - at - sizeof(chunk), length = chunk.length < left ? chunk.length : left;
    chunk.payload_crc = trace_crc(bytes + at + sizeof(chunk), length);
    chunk.header_crc = trace_crc(&chunk, offsetof(trace_chunk_t, header_crc));
    memcpy(bytes + at, &chunk, sizeof(chunk));
    return at + trace_chunk_size((uint32_t)length);
}

static void
mend(size_t size) {
    mend_head();
    for (size_t at = sizeof(trace_head_t); at + sizeof(trace_chunk_t) <= size;) {
        at = mend_chunk(at, size);
    }
}

/* Changes a copy of the good file; returns its size. */
static size_t
change(void) {
    size_t size = good_size;
    memcpy(bytes, good, size);
    for (uint64_t n = 1 + draw(3); n > 0 && size > sizeof(trace_head_t) && size < ROOM; n--) {
        switch (draw(6)) {
        case 0:
            flip_bits(size);
            break;
        case 1:
            put_extremes(size);
            break;
        case 2:
            size = cut_out(size);
            break;
        case 3:
            size = double_piece(size);
            break;
        case 4:
            make_noise(size);
            break;
        default:
            size = draw(size);
            break;
        }
    }
    if (size > sizeof(trace_head_t) && draw(4) != 0) {
        mend(size);
    }
    return size;
}

/* ---- reading ---- */

static int
open_bytes(size_t size, char *name, size_t room) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    snprintf(name, room, "/proc/self/fd/%d", fd);
    return fd;
}

/* All of the file in each way, with a filter that the round chooses. */
static void
read_file(const trace_file_t *file, size_t size) {
    trace_filter_t filter = TRACE_ALL;
    filter.min_size = draw(3) == 0 ? draw(3000) : 0;
    filter.thread = draw(3) == 0 ? (int64_t)draw(6) : -1;
    filter.from = draw(4) == 0 ? draw(3000) : 0;
    trace_tally_t *tally = trace_tally_open(trace_file_info(file)->begin, trace_file_info(file)->end);
    trace_cells_t *cells = trace_cells_open();
    trace_pass_t *pass = trace_pass_open(file, &filter);
    trace_step_t step;
    uint64_t events = 0;
    for (; trace_pass_next(pass, &step); events++) {
        assert_true(step.event.thread < trace_file_info(file)->nthreads && step.event.kind < RECORD_KINDS);
        trace_tally_add(tally, &step, trace_pass_bytes(pass));
        trace_cells_add(cells, &step, pass);
    }
    assert_true(events <= size); /* an event takes two bytes at least, but a chunk's bytes may be told of twice */
    trace_cells_end(cells, pass);
    trace_pass_close(pass);
    trace_cells_close(cells);
    trace_tally_close(tally);
}

/* What is saved of it is a good file. */
static void
save_file(const trace_file_t *file, const char *path) {
    trace_filter_t filter = TRACE_ALL;
    trace_save_t *save;
    trace_written_t written;
    filter.max_size = draw(2) == 0 ? draw(5000) : UINT64_MAX;
    assert_int_equal(trace_save_open(&save, file, &filter, path, message, sizeof(message)), 0);
    while (trace_save_step(save, 1000)) {
    }
    assert_int_equal(trace_save_close(save, &written, message, sizeof(message)), 0);
    trace_file_t *again = synthetic_open(path);
    assert_int_equal(trace_file_info(again)->events, written.events);
    assert_int_equal(trace_file_info(again)->damaged, 0);
    trace_file_close(again);
    unlink(path);
}

/* Sums of a file that says it has them, and of any other. */
static void
load_sums(const trace_file_t *file) {
    trace_tally_t *tally;
    trace_cells_t *cells;
    uint64_t damaged;
    assert_true(trace_sums_load(file, &tally, &cells, &damaged));
    assert_true(tally->threads.n <= TRACE_SUMS_THREADS);
    trace_tally_close(tally);
    trace_cells_close(cells);
    for (size_t i = 0; i < trace_file_stacks(file); i++) {
        static char names[TRACE_FILE_NAMES];
        uint64_t counts[4];
        size_t size = 0;
        assert_true(!trace_file_stack(file, i, counts, names, &size) || size <= sizeof(names));
    }
}

static void
run_round(uint64_t round, const char *path) {
    char name[64];
    random_state.seed = round * 2654435761U + 17;
    size_t size = change();
    int fd = open_bytes(size, name, sizeof(name));
    trace_file_t *file;
    int error = trace_file_open(&file, name, message, sizeof(message));
    if (error == 0) {
        read_file(file, size);
        load_sums(file);
        if (round % 8 == 0) {
            save_file(file, path);
        }
        trace_file_close(file);
    } else {
        assert_null(file);
        assert_null(strchr(message, '\n'));
    }
    close(fd);
}

static uint64_t
number_in(const char *variable) {
    const char *text = getenv(variable);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

/* A file of sums of the program whose events synthetic_write() writes. */
static void
write_sums(const char *path, uint64_t seed, size_t n) {
    static trace_sums_t sums;
    const record_clock_t clock = {{0, 1000000000}, {0, 1000000000}, 0};
    synthetic_t program = {.seed = seed};
    trace_writer_t *writer = synthetic_writer(path);
    assert_true(trace_sums_open(&sums, 1));
    trace_writer_drop(writer);
    trace_writer_tap(writer, trace_sums_tap, &sums);
    for (size_t i = 0; i < n; i++) {
        record_event_t event = synthetic_next(&program);
        trace_writer_event(writer, event.thread, &event);
    }
    trace_sums_end(&sums, &clock, writer);
    trace_writer_stack(writer, &(trace_stack_t){1, 2, 3, 4}, "parse\nmain", 10);
    trace_writer_stack(writer, &(trace_stack_t){0}, "", 0);
    trace_sums_close(&sums);
    synthetic_close(writer);
}

static void
change_file(const char *path) {
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    good_size = fread(good, 1, sizeof(good), in);
    fclose(in);
    uint64_t seconds = number_in("LUNALLOC_FUZZ_SECONDS"), round = number_in("LUNALLOC_FUZZ_ROUND");
    uint64_t last = round + ROUNDS;
    for (time_t end = time(NULL) + (time_t)seconds; round < last || time(NULL) < end; round++) {
        run_round(round, path);
    }
    printf("%llu rounds\n", (unsigned long long)round);
}

/* Files of all sizes, of nothing but zeros, ones or text. */
static void
test_foreign_files(void **state) {
    (void)state;
    static const uint8_t fills[] = {0, 0xff, 'a', 0x89};
    for (size_t i = 0; i < sizeof(fills); i++) {
        memset(bytes, fills[i], 70000);
        for (size_t size = 0; size < 70000; size = size * 2 + 1) {
            char name[64];
            trace_file_t *file;
            int fd = open_bytes(size, name, sizeof(name));
            assert_int_equal(trace_file_open(&file, name, message, sizeof(message)), EINVAL);
            close(fd);
        }
    }
}

static void
test_changed_files(void **state) {
    (void)state;
    const char *path = synthetic_path();
    synthetic_write(path, 3, EVENTS);
    change_file(path);
}

static void
test_changed_sums(void **state) {
    (void)state;
    const char *path = synthetic_path();
    write_sums(path, 3, EVENTS);
    change_file(path);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_files),
        cmocka_unit_test(test_changed_sums),
        cmocka_unit_test(test_foreign_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
