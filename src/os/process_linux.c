/* process_linux.c -- /proc/self/smaps_rollup, and mincore. */
#include "os/process.h"

#include "os/call.h"
#include "os/pages.h"

#include <fcntl.h>
#include <string.h>

/* Some 25 lines. */
#define ROLLUP_MAX 4096
/* Pages that one call looks at. */
#define LOOK 1024

static size_t
read_all(const char *path, char *buf, size_t size) {
    size_t len = 0;
    long n = 0;
    int fd = (int)CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = CALL(SYS_read, fd, buf + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    if (fd >= 0) {
        CALL(SYS_close, fd);
    }
    buf[len] = '\0';
    return len;
}

/* The bytes of a line "\nName:    123 kB"; 0 if there is none. */
static size_t
field(const char *text, const char *name) {
    const char *at = strstr(text, name);
    size_t kib = 0;
    if (at == NULL) {
        return 0;
    }
    at += strlen(name);
    at += strspn(at, " ");
    for (; *at >= '0' && *at <= '9'; at++) {
        kib = kib * 10 + (size_t)(*at - '0');
    }
    return kib << 10;
}

bool
process_memory(process_memory_t *out) {
    char text[ROLLUP_MAX];
    size_t len = read_all("/proc/self/smaps_rollup", text, sizeof text);
    *out = (process_memory_t){
        .rss = field(text, "\nRss:"),
        .anonymous = field(text, "\nAnonymous:"),
        .lazy_free = field(text, "\nLazyFree:"),
        .swap = field(text, "\nSwap:"),
    };
    return len > 0;
}

static size_t
look(const char *addr, size_t npages, size_t page) {
    unsigned char resident[LOOK];
    size_t n = 0;
    if (CALL(SYS_mincore, addr, npages * page, resident) != 0) {
        return 0;
    }
    for (size_t i = 0; i < npages; i++) {
        n += resident[i] & 1;
    }
    return n * page;
}

size_t
process_resident(const void *addr, size_t size) {
    size_t page = pages_size();
    size_t npages = size / page;
    size_t sum = 0;
    for (size_t i = 0; i < npages; i += LOOK) {
        sum += look((const char *)addr + i * page, npages - i < LOOK ? npages - i : LOOK, page);
    }
    return sum;
}
