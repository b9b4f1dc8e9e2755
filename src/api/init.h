/* init.h -- boot: everything that must be there before the first allocation, once, on the first thread that calls. */
#ifndef LUNALLOC_API_INIT_H
#define LUNALLOC_API_INIT_H

/* Returns when the allocator is ready; thread-safe. Ends the process with a message if the system has no memory at
 * all. */
void init_boot(void);
/* Registers the fork handlers, on systems that fork. */
void fork_boot(void);

#endif
