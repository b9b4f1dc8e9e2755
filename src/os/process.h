/* process.h -- what the system says of this process's memory. Thread-safe, allocates nothing. */
#ifndef LUNALLOC_OS_PROCESS_H
#define LUNALLOC_OS_PROCESS_H

#include "base/config.h"

/* Bytes. */
typedef struct {
    /* Synchronization: a copy, the reader's: these fields. */
    size_t rss;
    size_t anonymous; /* of that; the rest are pages of files */
    size_t lazy_free; /* anonymous pages that the system takes when it needs memory */
    size_t swap;
} process_memory_t;

/* False where the system does not tell. */
bool process_memory(process_memory_t *out);
/* Bytes of whole pages that are resident; of what is not mapped any more, 0. */
size_t process_resident(const void *addr, size_t size);

#endif
