/*
 * process.h -- this process as the system sees it: its forks, its memory and mappings, and how many
 * processors its control group lets it use. For boot, reports, profiles and the default number of arenas; never on a
 * path of malloc. Thread-safe, allocates nothing.
 */
#ifndef LUNALLOC_OS_PROCESS_H
#define LUNALLOC_OS_PROCESS_H

#include "base/config.h"

#include <limits.h>

/* Registers functions that each fork calls: `prepare` before it, then `parent` and `child` in the two processes. For as
 * long as the process lives. Does nothing on systems that do not fork. */
void process_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* unshare(2) and setns(2) of the calling thread, on Linux: 0, or the negative error number. */
long process_unshare(int flags);
long process_enter_namespace(int fd, int kinds);
/* prctl(2): the result, or the negative error number. */
long process_control(int option, const unsigned long values[4]);
/* Is that option one by which a process gets ready to filter its system calls? */
bool process_control_confines(int option);

/* Copies the name of one of the process's threads, as the system's tools show it: at most 15 characters and the
 * terminator; "" if the system does not tell, or the thread has ended. */
#define PROCESS_THREAD_NAME 16
void process_thread_name(uint32_t tid, char name[PROCESS_THREAD_NAME]);
/* The same of the calling thread, without a file. */
void process_own_thread_name(char name[PROCESS_THREAD_NAME]);

/* Lists the threads of the process that have not ended, by the system's numbers, at most n. Returns how many it found;
 * 0 if the system does not tell. */
size_t process_threads(uint32_t *ids, size_t n);

/* Bytes. */
typedef struct {
    /* Synchronization: a copy, the reader's: these fields. */
    size_t rss;
    size_t anonymous; /* part of rss; the rest are pages of files */
    size_t lazy_free; /* part of anonymous: pages that the system takes when it needs memory */
    size_t swap;
} process_memory_t;

/* False where the system does not tell. */
bool process_memory(process_memory_t *out);
/* Bytes of [addr, addr + size) that are resident. Looks at 1,024 pages at a time, which count as 0 if any of them is
 * not mapped. */
size_t process_resident(const void *addr, size_t size);

/* Bytes that are resident, and page faults so far; quick, to be asked again and again. False where the system does not
 * tell: then nothing is written. */
bool process_rss(uint64_t *rss);
bool process_faults(uint64_t *faults);

/* Calls visit for each line of /proc/self/maps, terminated and without its newline; for none where the system has no
 * such file. buf holds the lines; of a line that does not fit, only the end is passed. */
typedef void process_visit_line_t(const char *line, void *context);
void process_mappings(char *buf, size_t size, process_visit_line_t *visit, void *context);

/*
 * Processors that the quota of a control group (containers: --cpus=2) lets a process use: rounded up, at least 1;
 * CGROUP_UNLIMITED without a quota. A group and each one above it may have a quota; the least counts. In version 2 it
 * is cpu.max, "QUOTA PERIOD" or "max PERIOD"; in version 1 cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us, below the
 * controller's own mount.
 */
#define CGROUP_UNLIMITED UINT_MAX

/* membership: the text of /proc/self/cgroup; mount: where control groups are mounted. */
unsigned cgroup_ncpus(const char *membership, const char *mount);
/* For this process. */
unsigned cgroup_own_ncpus(void);

#endif
