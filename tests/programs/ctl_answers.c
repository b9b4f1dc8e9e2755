/*
 * ctl_answers.c -- what the process's mallctl answers: for each name of a list (tests/control/jemalloc-names.tsv), by
 * name and by mib, a line for each question: NAME HOW QUESTION: ERROR LENGTH, and whether what was copied is the
 * beginning of the value and nothing else was touched. Values differ between allocators, answers must not.
 *
 * Each name is asked in a process of its own: some questions end some allocators.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 64

static int (*ctl)(const char *, void *, size_t *, void *, size_t);
static int (*to_mib)(const char *, size_t *, size_t *);
static int (*by_mib)(const size_t *, size_t, void *, size_t *, void *, size_t);

/* What is being asked. */
static struct {
    char name[128];
    bool mib;
    size_t size; /* of the value */
} now;

static const char *
word(int error) {
    return error == 0        ? "0"
           : error == EINVAL ? "EINVAL"
           : error == EPERM  ? "EPERM"
           : error == ENOENT ? "ENOENT"
           : error == EFAULT ? "EFAULT"
           : error == EAGAIN ? "EAGAIN"
                             : "?";
}

static size_t
size_of(const char *ctype) {
    bool narrow = strcmp(ctype, "unsigned") == 0 || strcmp(ctype, "uint32_t") == 0 || strcmp(ctype, "fxp_t") == 0;
    bool pair = strcmp(ctype, "prof_stats_t") == 0;
    return pair ? 16 : strcmp(ctype, "bool") == 0 ? 1 : narrow ? 4 : strcmp(ctype, "void") == 0 ? 0 : 8;
}

/* The name with this index in the place of the first one, 0 in that of the second. */
static void
instantiate(const char *pattern, const char *index, char *name) {
    const char *with = index;
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '<') {
            *name++ = *pattern;
            continue;
        }
        name = stpcpy(name, with);
        with = "0";
        pattern += 2;
    }
    *name = '\0';
}

static int
ask(void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    size_t mib[10], len = 10;
    if (!now.mib) {
        return ctl(now.name, oldp, oldlenp, newp, newlen);
    }
    int error = to_mib(now.name, mib, &len);
    return error != 0 ? error : by_mib(mib, len, oldp, oldlenp, newp, newlen);
}

static void
say(const char *question, int error) {
    printf("%s %s %s: %s\n", now.name, now.mib ? "mib" : "name", question, word(error));
}

/* Is what is in `room` of a read the beginning of the value, or untouched, and the rest untouched? */
static const char *
touched(const unsigned char *room, size_t len) {
    unsigned char value[ROOM] = {0};
    size_t right = now.size, last = 0;
    for (size_t i = 0; i < ROOM; i++) {
        last = room[i] != 0x5a ? i + 1 : last;
    }
    if (last == 0) {
        return "untouched";
    }
    bool same = ask(value, &right, NULL, 0) == 0 && memcmp(room, value, len < right ? len : right) == 0;
    return last <= len && same ? "its beginning" : last <= len ? "other" : "too much";
}

static void
say_read(const char *question, size_t size, void *newp, size_t newlen) {
    unsigned char room[ROOM];
    char what[32];
    size_t len = size;
    memset(room, 0x5a, sizeof room);
    int error = ask(room, &len, newp, newlen);
    snprintf(what, sizeof what, "%s %zu", question, size);
    printf("%s %s %s: %s %zu %s\n", now.name, now.mib ? "mib" : "name", what, word(error), len, touched(room, len));
}

static void
say_reads(void) {
    unsigned char room[ROOM];
    for (size_t size = 0; size <= now.size + 1; size++) {
        say_read("read", size, NULL, 0);
    }
    say_read("read", 32, NULL, 0);
    size_t len = now.size;
    say("read without a length", ask(room, NULL, NULL, 0));
    say("read into nothing", ask(NULL, &len, NULL, 0));
    say("neither", ask(NULL, NULL, NULL, 0));
}

/* Values of wrong sizes, which must not be taken; and right ones where nothing may be written. */
static void
say_writes(const char *access) {
    uint64_t value[4] = {0};
    say("write 0", ask(NULL, NULL, value, 0));
    say("write 3", ask(NULL, NULL, value, 3));
    say("write 17", ask(NULL, NULL, value, 17));
    say("write of nothing", ask(NULL, NULL, NULL, 8));
    if (access[1] != 'w') {
        say("write", ask(NULL, NULL, value, now.size));
        say_read("read and write", now.size, value, now.size);
    }
}

static void
answer(const char *pattern, const char *index, const char *access) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        instantiate(pattern, index, now.name);
        for (unsigned i = 0; i < 2; i++) {
            now.mib = i == 1;
            if (access[0] == 'r') {
                say_reads();
            } else {
                say_read("read", 8, NULL, 0);
            }
            say_writes(access);
        }
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0) {
        printf("%s ended the process\n", pattern);
    }
}

/* The first components alone, and what is no index. */
static void
say_mibs(const char *pattern) {
    static const char *const indices[] = {"0", "3999", "4095", "4096", "4098", "5000", "999999", "x", "-1"};
    for (unsigned i = 0; i < (strchr(pattern, '<') == NULL ? 1 : sizeof indices / sizeof indices[0]); i++) {
        size_t mib[10], len = 10, cut = 1;
        instantiate(pattern, indices[i], now.name);
        int error = to_mib(now.name, mib, &len);
        printf("%s mib: %s %zu\n", now.name, word(error), error == 0 ? len : 0);
        error = to_mib(now.name, mib, &cut);
        printf("%s cut: %s %zu\n", now.name, word(error), error == 0 ? cut : 0);
    }
}

int
main(int argc, char **argv) {
    char line[512], name[100], access[8], ctype[120], versions[40];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    ctl = (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
    to_mib = (int (*)(const char *, size_t *, size_t *))dlsym(RTLD_DEFAULT, "mallctlnametomib");
    by_mib = (int (*)(const size_t *, size_t, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctlbymib");
    if (file == NULL || ctl == NULL || to_mib == NULL || by_mib == NULL) {
        return 2;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#' && sscanf(line, "%99[^\t]\t%7[^\t]\t%119[^\t]\t%39s", name, access, ctype, versions) == 4 &&
            strncmp(versions, "5.3.0", 5) == 0) {
            now.size = size_of(ctype);
            answer(name, "0", access);
            say_mibs(name);
        }
    }
    return 0;
}
