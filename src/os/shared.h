/*
 * shared.h -- memory that another process has made for this one to write to (observe/record_area.h): opened by a path,
 * or received as a descriptor.
 *
 * Only a memfd that can neither shrink nor grow is mapped: then no write to it can fail. Results of type int are a
 * descriptor or 0, or a negative error number. Nothing is allocated, errno is kept, no function is a cancellation
 * point.
 */
#ifndef LUNALLOC_OS_SHARED_H
#define LUNALLOC_OS_SHARED_H

#include "base/config.h"

/* Opens a file of the effective user's or of root's. EPERM: it is somebody else's. ENOSYS where there are no memfds. */
int shared_open(const char *path);
void shared_close(int fd);

/* Which file it is. */
typedef struct {
    uint64_t device, inode; /* Synchronization: constant once it is filled in: these fields. */
} shared_id_t;

/* Maps the whole file for reading and writing, and sets *size and *id. NULL, and *error (positive): EINVAL if it is no
 * memfd with both seals. */
void *shared_map(int fd, size_t *size, shared_id_t *id, int *error);
/* Does the path still lead to this file? True, too, where the system does not tell. */
bool shared_is_at(const char *path, const shared_id_t *id);
/* Puts private memory in the place of the shared one: later writes reach nobody. False if the system refuses. */
bool shared_hide(void *area, size_t size);
void shared_unmap(void *area, size_t size);

/* Private pages that read as zeros; in the child of a fork, too, where the system can do that. NULL if it refuses. */
void *shared_private(size_t size);

#endif
