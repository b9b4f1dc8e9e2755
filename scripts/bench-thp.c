/*
 * bench-thp.c -- the programs of scripts/bench-thp, which run on the malloc that the process has, and its measurement.
 *
 *   run COMMAND...   runs a command, which keeps its standard output; prints its processor time in seconds, page
 *                    faults and peak RSS in KiB on standard error
 *   chase            256 Ki nodes of 64 to 960 bytes in random order: 4 Mi steps from node to node
 *   shrink           the same nodes; of each run of 4 Ki nodes a random eighth stays and the others are freed; then a
 *                    second of waiting, and 4 Mi steps over the nodes that stayed
 *   churn            64 blocks of 64 KiB to 8 MiB, freed and refilled in random order, 1,000 times; all is written to
 *
 * chase, shrink and churn print the KiB that are resident at the end, and how many of them are huge pages.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NODES = 1 << 18,
    STEPS = 1 << 22,
    RUN = 1 << 12,
    BLOCKS = 64,
    REFILLS = 1000
};

typedef struct node {
    struct node *next;
} node_t;

static node_t *nodes[NODES];
static char *blocks[BLOCKS];

/* xorshift64 */
static uint64_t
next_random(void) {
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *
filled(size_t size) {
    void *p = malloc(size);
    if (p == NULL) {
        exit(1);
    }
    return memset(p, 1, size);
}

static void
make_nodes(void) {
    for (size_t i = 0; i < NODES; i++) {
        nodes[i] = filled(64 + next_random() % 897);
    }
}

/* Links the first n nodes into one ring, in random order. */
static void
link_ring(size_t n) {
    n = n == 0 ? 1 : n;
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = next_random() % (i + 1);
        node_t *other = nodes[j];
        nodes[j] = nodes[i];
        nodes[i] = other;
    }
    for (size_t i = 0; i < n; i++) {
        nodes[i]->next = nodes[(i + 1) % n];
    }
}

static void
walk(void) {
    node_t *volatile at = nodes[0];
    for (size_t i = 0; i < STEPS; i++) {
        at = at->next;
    }
}

static void
chase(void) {
    make_nodes();
    link_ring(NODES);
    walk();
}

static void
shrink(void) {
    size_t n = 0;
    bool stays = true;
    make_nodes();
    for (size_t i = 0; i < NODES; i++) {
        stays = i % RUN == 0 ? next_random() % 8 == 0 : stays;
        if (stays) {
            nodes[n++] = nodes[i];
        } else {
            free(nodes[i]);
        }
    }
    sleep(1);
    link_ring(n);
    walk();
}

static void
churn(void) {
    for (size_t i = 0; i < REFILLS; i++) {
        size_t at = next_random() % BLOCKS;
        free(blocks[at]);
        size_t power = (size_t)65536 << next_random() % 7;
        blocks[at] = filled(power + next_random() % power);
    }
}

static void
print_resident(void) {
    char line[256];
    unsigned long kib, rss = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        rss = sscanf(line, "Rss: %lu", &kib) == 1 ? kib : rss;
        if (sscanf(line, "AnonHugePages: %lu", &kib) == 1) {
            printf("%lu %lu\n", rss, kib);
        }
    }
}

static double
seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static int
run(char **command) {
    int status;
    struct rusage usage;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &usage) != pid || status != 0) {
        return 1;
    }
    fprintf(stderr, "%.3f %ld %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_minflt,
            usage.ru_maxrss);
    return 0;
}

int
main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "run") == 0) {
        return run(argv + 2);
    }
    static const struct {
        const char *name;
        void (*work)(void);
    } programs[] = {{"chase", chase}, {"shrink", shrink}, {"churn", churn}};
    for (size_t i = 0; argc == 2 && i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(argv[1], programs[i].name) == 0) {
            programs[i].work();
            print_resident();
            return 0;
        }
    }
    return 2;
}
