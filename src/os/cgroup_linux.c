/* cgroup_linux.c -- from the process's group up to the root. */
#include "os/cgroup.h"

#include "base/config.h"
#include "base/fmt.h"
#include "os/call.h"

#include <fcntl.h>
#include <string.h>

#define PATH_BYTES 512

static size_t
read_text(const char *path, char *buf, size_t size) {
    int fd = (int)CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? 0 : CALL(SYS_read, fd, buf, size - 1);
    if (fd >= 0) {
        CALL(SYS_close, fd);
    }
    buf[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Reads digits, and moves on behind them; 0 if there are none. */
static uint64_t
take_number(const char **at) {
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        value = value * 10 + (uint64_t)(**at - '0');
    }
    return value;
}

static unsigned
processors(uint64_t quota, uint64_t period) {
    if (quota == 0 || period == 0) {
        return CGROUP_UNLIMITED;
    }
    uint64_t n = (quota + period - 1) / period;
    return n < CGROUP_UNLIMITED ? (unsigned)n : CGROUP_UNLIMITED;
}

/* The numbers of a file of the group; none where it says "max" or -1. */
static const char *
read_file(const char *group, size_t len, const char *file, char *text, size_t size) {
    char path[PATH_BYTES];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_mem(&out, group, len);
    fmt_str(&out, file);
    read_text(path, text, size);
    return text;
}

static unsigned
quota_of(const char *group, size_t len, bool second) {
    char text[64], other[32];
    const char *at = read_file(group, len, second ? "/cpu.max" : "/cpu.cfs_quota_us", text, sizeof text);
    uint64_t quota = take_number(&at);
    if (second) {
        at += *at == ' ';
    } else if (quota != 0) {
        at = read_file(group, len, "/cpu.cfs_period_us", other, sizeof other);
    }
    return quota == 0 ? CGROUP_UNLIMITED : processors(quota, take_number(&at));
}

/* Of the group and those above it, up to the mount. A group that is not seen here (another namespace's) has none. */
static unsigned
least_quota(const char *mount, const char *group, size_t len, bool second) {
    char path[PATH_BYTES - 32];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, mount);
    size_t top = out.len;
    fmt_mem(&out, group, len == 1 ? 0 : len);
    unsigned least = CGROUP_UNLIMITED;
    for (size_t end = out.len;; end--) {
        if (end == top || path[end] == '/' || path[end] == '\0') {
            unsigned n = quota_of(path, end, second);
            least = n < least ? n : least;
        }
        if (end == top) {
            return least;
        }
    }
}

/* A line is "0::GROUP" in version 2, "NUMBER:CONTROLLERS:GROUP" in version 1. */
static unsigned
ncpus_by_line(const char *line, size_t len, const char *mount) {
    char path[PATH_BYTES - 64];
    const char *controllers = memchr(line, ':', len);
    const char *group =
        controllers == NULL ? NULL : memchr(controllers + 1, ':', len - (size_t)(controllers + 1 - line));
    if (group == NULL) {
        return CGROUP_UNLIMITED;
    }
    size_t n = (size_t)(group - controllers - 1);
    size_t rest = len - (size_t)(group + 1 - line);
    if (n == 0) {
        return least_quota(mount, group + 1, rest, true);
    }
    bool cpu = (n == 3 && memcmp(controllers, ":cpu", 4) == 0) ||
               (n > 3 && (memcmp(controllers, ":cpu,", 5) == 0 || memcmp(group - 4, ",cpu", 4) == 0));
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, mount);
    fmt_char(&out, '/');
    fmt_mem(&out, controllers + 1, n);
    return cpu ? least_quota(path, group + 1, rest, false) : CGROUP_UNLIMITED;
}

unsigned
cgroup_ncpus(const char *membership, const char *mount) {
    unsigned least = CGROUP_UNLIMITED;
    while (*membership != '\0') {
        size_t len = strcspn(membership, "\n");
        unsigned n = ncpus_by_line(membership, len, mount);
        least = n < least ? n : least;
        membership += len;
        membership += *membership == '\n';
    }
    return least;
}

unsigned
cgroup_own_ncpus(void) {
    char membership[1024];
    return read_text("/proc/self/cgroup", membership, sizeof membership) == 0
               ? CGROUP_UNLIMITED
               : cgroup_ncpus(membership, "/sys/fs/cgroup");
}
