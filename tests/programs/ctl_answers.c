/*
 * ctl_answers.c -- what the process's mallctl answers: for each name of a list (tests/control/jemalloc-names.tsv), one
 * line of error codes. Values differ between allocators, errors must not.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int (*ctl)(const char *, void *, size_t *, void *, size_t);
static int (*to_mib)(const char *, size_t *, size_t *);
static int (*by_mib)(const size_t *, size_t, void *, size_t *, void *, size_t);

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
    return strcmp(ctype, "bool") == 0 ? 1 : narrow ? 4 : strcmp(ctype, "void") == 0 ? 0 : 8;
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
read_as(const char *name, size_t size) {
    uint64_t buffer[8];
    return ctl(name, buffer, &size, NULL, 0);
}

/* A value of the wrong size, whatever it is. */
static int
write_wrong(const char *name) {
    uint64_t buffer[8] = {0};
    return ctl(name, NULL, NULL, buffer, 3);
}

static void
say(const char *what, int error) {
    printf(" %s=%s", what, word(error));
}

static void
say_mibs(const char *name, size_t size) {
    size_t mib[10], len = 10;
    uint64_t buffer[8];
    say("mib", to_mib(name, mib, &len));
    printf("(%zu)", len);
    say("by_mib", by_mib(mib, len, buffer, &size, NULL, 0));
    say("short_mib", by_mib(mib, len - 1, buffer, &size, NULL, 0));
    len = 1;
    say("cut", to_mib(name, mib, &len));
    printf("(%zu)", len);
}

static void
say_indices(const char *pattern, size_t size) {
    static const char *const indices[] = {"3999", "4096", "5000", "999999", "x", "-1"};
    for (unsigned i = 0; strchr(pattern, '<') != NULL && i < sizeof indices / sizeof indices[0]; i++) {
        char name[128];
        size_t mib[10], len = 10;
        instantiate(pattern, indices[i], name);
        say(indices[i], read_as(name, size));
        say("mib", to_mib(name, mib, &len));
    }
}

static void
answer(const char *pattern, const char *access, const char *ctype) {
    char name[128];
    size_t size = size_of(ctype);
    instantiate(pattern, "0", name);
    printf("%s:", pattern);
    if (access[0] == 'r') {
        say("read", read_as(name, size));
        say("small", read_as(name, size - 1));
        say("large", read_as(name, size + 1));
        say_mibs(name, size);
        say_indices(pattern, size);
    } else {
        say("read", read_as(name, 8));
    }
    say("write", write_wrong(name));
    printf("\n");
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
            answer(name, access, ctype);
        }
    }
    return 0;
}
