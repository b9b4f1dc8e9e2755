/*
 * record_read.c -- the readers of recordings, for scripts/bench-record: how many events a second of CPU time are
 * decoded, taken out of rings into a trace file, read from one thread of that file, and read from all threads merged by
 * time.
 *
 * record_read FILE prints a line for each, in millions: the best of RUNS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "trace/drain.h"
#include "trace/file.h"

#define THREADS 4
#define RUNS    5
#define SLOTS   4096

static const record_shape_t shape = {.nrings = THREADS, .lg_ring = 22};
static char message[512];
static double best[4];

/* A thread of a made-up program: allocates and frees blocks of sixteen sizes at random. */
typedef struct {
    uint64_t seed, time, blocks[SLOTS];
    record_codec_t codec;
} program_t;

static program_t programs[THREADS];

static uint64_t
draw(program_t *p) {
    p->seed = p->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return p->seed >> 33;
}

static record_event_t
next_event(program_t *p) {
    uint64_t *block = &p->blocks[draw(p) % SLOTS], class = draw(p) % 16;
    bool lives = *block != 0;
    p->time += lives ? 3 : 0;
    uint64_t addr = lives ? *block : 0x7f0000000000ULL + (class << 24) + draw(p) % 65536 * 64;
    record_event_t event = {.time = p->time,
                            .kind = lives ? RECORD_FREE : RECORD_MALLOC,
                            .hint = (addr >> 24) & 7,
                            .addr = addr,
                            .size = lives ? 0 : 16 + class * 24,
                            .touched = RECORD_UNKNOWN};
    *block = lives ? 0 : addr;
    return event;
}

/* Fills ring i as a thread does that nobody reads from; returns the events. */
static uint64_t
fill_ring(void *area, uint32_t i) {
    program_t *p = &programs[i];
    record_ring_t *ring = record_area_ring(area, i);
    uint8_t *bytes = record_area_bytes(area, &shape, i);
    size_t size = (size_t)1 << shape.lg_ring, segment = (size_t)1 << record_lg_segment(&shape), at = 0;
    uint64_t n = 0;
    if (p->seed == 0) {
        p->seed = i + 1;
        record_event_t begin = {.kind = RECORD_THREAD, .thread = i + 1, .size = 1000 + i, .name = "made up"};
        at += record_encode(&p->codec, &begin, bytes);
    }
    while (at < size) {
        size_t left = segment - (at & (segment - 1));
        if (left < RECORD_ROOM) {
            memset(bytes + at, 0, left);
            at += left;
        } else {
            record_event_t event = next_event(p);
            at += record_encode(&p->codec, &event, bytes + at);
            n++;
        }
    }
    counter_add(&ring->written, size);
    return n;
}

static double
cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
note(int what, uint64_t events, double since) {
    double rate = (double)events / (cpu_seconds() - since) / 1e6;
    best[what] = rate > best[what] ? rate : best[what];
}

/* The events of ring 0, one after the other. */
static void
decode(void *area, uint64_t read) {
    uint64_t n = 0, end = read + (UINT64_C(1) << shape.lg_ring);
    record_codec_t codec = {0};
    record_event_t event;
    const uint8_t *bytes;
    size_t len;
    double before = cpu_seconds();
    for (; read < end && record_ring_peek(area, &shape, 0, read, &bytes, &len) && len > 0; read += len) {
        long used;
        for (size_t at = 0; (used = record_decode(&codec, NULL, bytes + at, len - at, &event)) > 0;
             at += (size_t)used) {
            n++;
        }
    }
    note(0, n, before);
}

static void
take_out(trace_drain_t *drain) {
    for (int round = 0; round < 8; round++) {
        uint64_t n = 0, read = drain->sources[0].read;
        for (uint32_t i = 0; i < THREADS; i++) {
            n += fill_ring(drain->area, i);
        }
        decode(drain->area, read);
        double before = cpu_seconds();
        for (uint32_t fullest = 100; fullest > 0;) {
            trace_drain_slice(drain, &fullest);
        }
        note(1, n, before);
    }
}

static void
write_file(const char *path) {
    static trace_drain_t drain;
    size_t size = record_area_size(&shape);
    memset(&drain, 0, sizeof drain);
    memset(programs, 0, sizeof programs);
    drain.shape = shape;
    drain.area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (drain.area == MAP_FAILED || trace_writer_open(&drain.writer, path, message, sizeof message) != 0) {
        exit(1);
    }
    record_area_init(drain.area, &shape);
    record_head_t *head = drain.area;
    head->begin_ns = head->begin_ticks = 1;
    atomic_set_release(&head->state, record_on);
    take_out(&drain);
    trace_drain_end(&drain);
    if (trace_writer_close(drain.writer, message, sizeof message) != 0) {
        exit(1);
    }
    munmap(drain.area, size);
}

static void
read_file(const char *path) {
    trace_file_t *file;
    if (trace_file_open(&file, path, message, sizeof message) != 0) {
        exit(1);
    }
    record_event_t event;
    uint64_t n = 0;
    double before = cpu_seconds();
    trace_stream_t *stream = trace_stream_open(file, 0);
    for (; trace_stream_next(stream, &event); n++) {
    }
    trace_stream_close(stream);
    note(2, n, before);
    n = 0;
    before = cpu_seconds();
    trace_merge_t *merge = trace_merge_open(file);
    for (; trace_merge_next(merge, &event); n++) {
    }
    trace_merge_close(merge);
    note(3, n, before);
    trace_file_close(file);
}

int
main(int argc, char **argv) {
    for (int i = 0; argc == 2 && i < RUNS; i++) {
        write_file(argv[1]);
        read_file(argv[1]);
    }
    printf("reader     decodes %.1f, drains %.1f, reads a thread's %.1f, merges %.1f million events a second\n",
           best[0], best[1], best[2], best[3]);
    return argc != 2;
}
