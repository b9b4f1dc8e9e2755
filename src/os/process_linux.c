/*
 * process_linux.c -- /proc/self, mincore, and the files of control groups. A control group is a folder; its quota holds
 * for the groups in it, so the search goes from the process's group up to the root.
 */
#include "os/process.h"

#include "base/fmt.h"
#include "os/call.h"
#include "os/pages.h"
#include "os/system.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Bytes of /proc/self/smaps_rollup: some 25 lines. */
#define ROLLUP_MAX 4096
/* Pages that one call of mincore tests. */
#define MINCORE_PAGES 1024
#define PATH_BYTES    512

/* The file has a newline behind the name. */
void
process_thread_name(uint32_t tid, char name[PROCESS_THREAD_NAME]) {
    char path[64], text[PROCESS_THREAD_NAME + 1];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, "/proc/self/task/");
    fmt_u64(&out, tid);
    fmt_str(&out, "/comm");
    system_read_file(path, text, sizeof text);
    size_t len = strcspn(text, "\n");
    len = len < PROCESS_THREAD_NAME ? len : PROCESS_THREAD_NAME - 1;
    memcpy(name, text, len);
    name[len] = '\0';
}

/* The number at *at, 0 if there is none; moves *at behind it. */
static uint64_t
take_number(const char **at) {
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        value = value * 10 + (uint64_t)(**at - '0');
    }
    return value;
}

/* ---- threads ---- */

/* What getdents64 returns. */
typedef struct {
    uint64_t inode, next;
    uint16_t size; /* bytes of this entry */
    uint8_t type;
    char name[];
} entry_t;

/* The first thread of a process stays in the list after its end, as long as others run. Its state follows its name,
 * which may have any characters: "12 (name) Z 1 ...". */
static bool
has_ended(const char *number) {
    char path[64], text[128];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, "/proc/self/task/");
    fmt_str(&out, number);
    fmt_str(&out, "/stat");
    system_read_file(path, text, sizeof text);
    const char *name_end = strrchr(text, ')');
    return name_end == NULL || name_end[1] == '\0' || strchr("ZX", name_end[2]) != NULL;
}

/* Adds the threads of a buffer of entries to the `found` ones that there are already. */
static size_t
list_threads(const char *buf, size_t len, uint32_t *ids, size_t n, size_t found) {
    for (const char *at = buf; at < buf + len && found < n;) {
        const entry_t *entry = (const entry_t *)(const void *)at;
        const char *number = entry->name;
        uint32_t id = (uint32_t)take_number(&number);
        if (id != 0 && !has_ended(entry->name)) {
            ids[found++] = id;
        }
        at += entry->size;
    }
    return found;
}

void
process_own_thread_name(char name[PROCESS_THREAD_NAME]) {
    name[0] = '\0';
    if (!fault(fault_share)) {
        CALL(SYS_prctl, PR_GET_NAME, name);
    }
}

size_t
process_threads(uint32_t *ids, size_t n) {
    _Alignas(entry_t) char buf[1024];
    size_t found = 0;
    long len;
    int fd = (int)CALL(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    while (found < n && (len = CALL(SYS_getdents64, fd, buf, sizeof buf)) > 0) {
        found = list_threads(buf, (size_t)len, ids, n, found);
    }
    CALL(SYS_close, fd);
    return found;
}

/* ---- memory ---- */

/* The bytes in a line "\nName:    123 kB"; 0 if there is no such line. */
static size_t
rollup_field(const char *text, const char *name) {
    const char *at = strstr(text, name);
    if (at == NULL) {
        return 0;
    }
    at += strlen(name);
    at += strspn(at, " ");
    return (size_t)take_number(&at) << 10;
}

bool
process_memory(process_memory_t *out) {
    char text[ROLLUP_MAX];
    size_t len = system_read_file("/proc/self/smaps_rollup", text, sizeof text);
    *out = (process_memory_t){
        .rss = rollup_field(text, "\nRss:"),
        .anonymous = rollup_field(text, "\nAnonymous:"),
        .lazy_free = rollup_field(text, "\nLazyFree:"),
        .swap = rollup_field(text, "\nSwap:"),
    };
    return len > 0;
}

/* statm: pages of address space, then pages that are resident. */
bool
process_rss(uint64_t *rss) {
    char text[128];
    const char *at = text;
    if (system_read_file("/proc/self/statm", text, sizeof text) == 0) {
        return false;
    }
    take_number(&at);
    at += *at == ' ';
    *rss = take_number(&at) * pages_size();
    return true;
}

bool
process_faults(uint64_t *faults) {
    struct rusage usage;
    if (CALL(SYS_getrusage, RUSAGE_SELF, &usage) != 0) {
        return false;
    }
    *faults = (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
    return true;
}

/* For at most MINCORE_PAGES pages. */
static size_t
resident_of(const char *addr, size_t npages, size_t page) {
    unsigned char resident[MINCORE_PAGES];
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
    for (size_t i = 0; i < npages; i += MINCORE_PAGES) {
        size_t n = npages - i < MINCORE_PAGES ? npages - i : MINCORE_PAGES;
        sum += resident_of((const char *)addr + i * page, n, page);
    }
    return sum;
}

/* ---- mappings ---- */

/* Hands the whole lines of a buffer over and moves the rest to its start; returns the rest's length. */
static size_t
hand_over(char *buf, size_t len, size_t size, process_visit_line_t *visit, void *context) {
    char *at = buf, *end = buf + len, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        *newline = '\0';
        visit(at, context);
        at = newline + 1;
    }
    size_t rest = (size_t)(end - at);
    memmove(buf, at, rest);
    return rest < size ? rest : 0;
}

void
process_mappings(char *buf, size_t size, process_visit_line_t *visit, void *context) {
    int fd = (int)CALL(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    long n;
    while (fd >= 0 && ((n = CALL(SYS_read, fd, buf + len, size - len)) > 0 || n == -EINTR)) {
        len = hand_over(buf, len + (n > 0 ? (size_t)n : 0), size, visit, context);
    }
    if (fd >= 0) {
        CALL(SYS_close, fd);
    }
}

/* ---- control groups ---- */

static unsigned
processors(uint64_t quota, uint64_t period) {
    if (quota == 0 || period == 0) {
        return CGROUP_UNLIMITED;
    }
    uint64_t n = (quota + period - 1) / period;
    return n < CGROUP_UNLIMITED ? (unsigned)n : CGROUP_UNLIMITED;
}

/* The text of a file of the group: it begins with a number, or with "max" or "-1". */
static const char *
read_group_file(const char *group, size_t len, const char *file, char *text, size_t size) {
    char path[PATH_BYTES];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_mem(&out, group, len);
    fmt_str(&out, file);
    system_read_file(path, text, size);
    return text;
}

/* The quota of one group, in processors. v2: the group is of control groups version 2. */
static unsigned
quota_of(const char *group, size_t len, bool v2) {
    char text[64], other[32];
    const char *at = read_group_file(group, len, v2 ? "/cpu.max" : "/cpu.cfs_quota_us", text, sizeof text);
    uint64_t quota = take_number(&at);
    if (v2) {
        at += *at == ' ';
    } else if (quota != 0) {
        at = read_group_file(group, len, "/cpu.cfs_period_us", other, sizeof other);
    }
    return quota == 0 ? CGROUP_UNLIMITED : processors(quota, take_number(&at));
}

/* The least quota of the group and those above it, up to the mount. A group that is not visible here (it belongs to
 * another namespace) has none. */
static unsigned
least_quota(const char *mount, const char *group, size_t len, bool v2) {
    char path[PATH_BYTES - 32];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, mount);
    size_t top = out.len;
    fmt_mem(&out, group, len == 1 ? 0 : len);
    unsigned least = CGROUP_UNLIMITED;
    for (size_t end = out.len;; end--) {
        if (end == top || path[end] == '/' || path[end] == '\0') {
            unsigned n = quota_of(path, end, v2);
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
    return system_read_file("/proc/self/cgroup", membership, sizeof membership) == 0
               ? CGROUP_UNLIMITED
               : cgroup_ncpus(membership, "/sys/fs/cgroup");
}

/* ---- namespaces ---- */

long
process_unshare(int flags) {
    return CALL(SYS_unshare, flags);
}

long
process_enter_namespace(int fd, int kinds) {
    return CALL(SYS_setns, fd, kinds);
}

long
process_control(int option, const unsigned long values[4]) {
    return CALL(SYS_prctl, option, values[0], values[1], values[2], values[3]);
}

bool
process_control_confines(int option) {
    return option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP;
}
