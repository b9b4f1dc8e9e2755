/* cgroup_windows.c -- there are none. */
#include "os/cgroup.h"

unsigned
cgroup_ncpus(const char *membership, const char *mount) {
    (void)membership;
    (void)mount;
    return CGROUP_UNLIMITED;
}

unsigned
cgroup_own_ncpus(void) {
    return CGROUP_UNLIMITED;
}
