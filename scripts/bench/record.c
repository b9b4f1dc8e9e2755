/*
 * record.c -- the recorder of scripts/bench-record: runs a command, records it or not, and prints what it cost.
 *
 * record LIBRARY 0|1 COMMAND... prints: CPU seconds of the command, events, bytes of them, events lost, and the most
 * bytes that half of the events take.
 */
#include "observe/record_area.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const record_shape_t shape = {.nrings = 20, .lg_ring = 22, .clock_allowed = record_clock_tsc};
static void *area;
static uint64_t positions[20], sizes[RECORD_EVENT_MAX + 1], bytes_read;
static record_codec_t codecs[20];

static int
make_area(void) {
    size_t size = record_area_size(&shape);
    int fd = memfd_create("bench", MFD_ALLOW_SEALING);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)size) != 0) {
        exit(1);
    }
    area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    record_area_init(area, &shape);
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return fd;
}

static void
count(uint32_t i, const uint8_t *bytes, size_t len) {
    record_event_t event;
    long n;
    for (size_t at = 0; (n = record_decode(&codecs[i], NULL, bytes + at, len - at, &event)) > 0; at += (size_t)n) {
        sizes[n < RECORD_EVENT_MAX ? n : RECORD_EVENT_MAX]++;
    }
    bytes_read += len;
}

static void
drain(void) {
    const uint8_t *bytes;
    size_t len;
    for (uint32_t i = 0; i < shape.nrings; i++) {
        while (record_ring_peek(area, &shape, i, positions[i], &bytes, &len) && len > 0) {
            count(i, bytes, len);
            record_ring_done(area, i, positions[i] += len);
        }
    }
}

static pid_t
run(const char *library, int fd, char **command) {
    char conf[64];
    snprintf(conf, sizeof conf, "record:/proc/%d/fd/%d", (int)getpid(), fd);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("LD_PRELOAD", library, 1);
        fd >= 0 ? setenv("LUNALLOC_CONF", conf, 1) : unsetenv("LUNALLOC_CONF");
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        execvp(command[0], command);
        _exit(127);
    }
    return pid;
}

static uint64_t
lost(void) {
    uint64_t sum = atomic_load(&((record_head_t *)area)->ringless);
    for (uint32_t i = 0; i < shape.nrings; i++) {
        sum += atomic_load(&record_area_ring(area, i)->lost);
    }
    return sum;
}

static void
print(double seconds) {
    uint64_t events = 0, below = 0;
    int median = 0;
    for (int i = 0; i <= RECORD_EVENT_MAX; i++) {
        events += sizes[i];
    }
    while (median < RECORD_EVENT_MAX && (below += sizes[median]) * 2 < events) {
        median++;
    }
    printf("%.6f %llu %llu %llu %d\n", seconds, (unsigned long long)events, (unsigned long long)bytes_read,
           (unsigned long long)(area != NULL ? lost() : 0), median);
}

int
main(int argc, char **argv) {
    int fd = argc > 3 && argv[2][0] == '1' ? make_area() : -1, status = 1;
    struct rusage usage = {0};
    pid_t pid = argc > 3 ? run(argv[1], fd, argv + 3) : -1, ended = 0;
    while (pid > 0 && ended == 0) {
        ended = wait4(pid, &status, area != NULL ? WNOHANG : 0, &usage);
        if (area != NULL) {
            drain();
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
    print((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    return status != 0;
}
