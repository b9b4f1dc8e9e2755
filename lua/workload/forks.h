/*
 * forks.h -- whether this process is still the one in which something was started.
 *
 * A fork leaves all threads but its own behind in the parent. In the child their locks are held for ever, and waiting
 * for them never ends; so what has threads remembers the generation in which they were made, and leaves them alone when
 * it has changed.
 */
#ifndef WORKLOAD_FORKS_H
#define WORKLOAD_FORKS_H

#include <stdint.h>

/* To be called before the first use of forks_generation(). 0, or an errno value. */
int forks_watch(void);

/* Changes in every child of a fork. */
uint32_t forks_generation(void);

#endif
