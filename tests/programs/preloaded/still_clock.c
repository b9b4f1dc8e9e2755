/* still_clock.c -- clocks that stand still, as libfaketime can make them; every way in fails to see time pass. */
#include <sys/time.h>
#include <time.h>

int
clock_gettime(clockid_t id, struct timespec *out) {
    (void)id;
    *out = (struct timespec){.tv_sec = 1000000000};
    return 0;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone) {
    (void)zone;
    *out = (struct timeval){.tv_sec = 1000000000};
    return 0;
}
