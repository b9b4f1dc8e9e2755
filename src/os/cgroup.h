/*
 * cgroup.h -- how many processors a control group's quota of time lets a process use (containers: --cpus=2).
 *
 * A group and each one above it may have a quota; the least counts. In version 2 that is cpu.max, "QUOTA PERIOD" or
 * "max PERIOD"; in version 1 cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us, below the controller's own mount.
 * Allocates nothing.
 */
#ifndef LUNALLOC_OS_CGROUP_H
#define LUNALLOC_OS_CGROUP_H

#include <limits.h>

#define CGROUP_UNLIMITED UINT_MAX

/* Rounded up, at least 1; CGROUP_UNLIMITED without a quota. `membership` is the text of /proc/self/cgroup, `mount`
 * where groups are mounted. */
unsigned cgroup_ncpus(const char *membership, const char *mount);
/* Of this process. */
unsigned cgroup_own_ncpus(void);

#endif
