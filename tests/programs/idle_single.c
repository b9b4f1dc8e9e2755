/*
 * idle_single.c [COMMAND] -- a program of one thread writes to 64 MiB of small blocks, frees them, and does nothing but
 * sleep. Prints "back PERCENT threads N single 0|1": the share of its memory that came back, its threads, and what the
 * C library thinks of them.
 *
 *   wait     sleeps until three quarters are back, 20 s at most
 *   short    does not sleep
 *   exec     waits, and then is replaced by itself: short
 *   unshare  frees, gives the thread time to start, enters a user namespace; "unshare ERROR"
 *   filter   first has the system kill it for any call that malloc, free, and the end of the program do not need
 *   late     frees, gives the thread time to start, and then does so, and all of it again
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BLOCKS = 65536,
    SIZE = 1000,
    PATIENCE = 2000
};

static char *blocks[BLOCKS];

/* A number from a file of the system's, behind a word; 0 if it is not there. */
static long
number_after(const char *path, const char *word) {
    static char text[4096];
    FILE *f = fopen(path, "r");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);
    if (f != NULL) {
        fclose(f);
    }
    text[n] = '\0';
    const char *at = strstr(text, word);
    return at == NULL ? 0 : strtol(at + strlen(word), NULL, 10);
}

static long
resident_kib(void) {
    return number_after("/proc/self/status", "VmRSS:");
}

static void
fill(void) {
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        memset(blocks[i], 1, SIZE);
    }
}

static void
free_all(void) {
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}

static long
share_back(long before, long peak) {
    return 100 * (peak - resident_kib()) / (peak - before);
}

static void
print(long back) {
    printf("back %ld threads %ld single %d\n", back, number_after("/proc/self/status", "Threads:"),
           __libc_single_threaded);
    fflush(stdout);
}

/* Calls of malloc and free, of the clock, and those by which this program reads its numbers and prints them. */
static const unsigned allowed[] = {SYS_mmap,      SYS_munmap,     SYS_madvise,       SYS_mremap,
                                   SYS_mprotect,  SYS_futex,      SYS_clock_gettime, SYS_clock_nanosleep,
                                   SYS_nanosleep, SYS_openat,     SYS_read,          SYS_write,
                                   SYS_close,     SYS_newfstatat, SYS_fstat,         SYS_exit_group};

#define ALLOWED (sizeof allowed / sizeof *allowed)

static void
filter_calls(void) {
    struct sock_filter code[2 * ALLOWED + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (unsigned i = 0; i < ALLOWED; i++) {
        code[1 + 2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
        code[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[1 + 2 * ALLOWED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        printf("no filters here\n");
        exit(0);
    }
}

/* What a program that is filtered does with its memory. */
static void
work_filtered(void) {
    filter_calls();
    for (int i = 0; i < 3; i++) {
        fill();
        free_all();
        usleep(400000);
    }
}

int
main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "wait";
    long before = resident_kib();
    if (strcmp(command, "filter") == 0) {
        work_filtered();
    }
    fill();
    long peak = resident_kib();
    free_all();
    if (strcmp(command, "unshare") == 0) {
        usleep(100000);
        int error = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
        printf("unshare %d\n", error);
        return 0;
    }
    if (strcmp(command, "late") == 0) {
        usleep(100000);
        work_filtered();
    }
    bool waits = strcmp(command, "wait") == 0 || strcmp(command, "exec") == 0;
    for (int i = 0; waits && i < PATIENCE && share_back(before, peak) < 75; i++) {
        usleep(10000);
    }
    print(share_back(before, peak));
    if (strcmp(command, "exec") == 0) {
        execl("/proc/self/exe", argv[0], "short", (char *)NULL);
        return 1;
    }
    return 0;
}
