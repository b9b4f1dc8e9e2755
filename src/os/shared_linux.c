/* shared_linux.c -- memfds. */
#include "os/shared.h"

#include "os/call.h"
#include "os/pages.h"

#include <fcntl.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* What the system says, or that it refuses. */
static long
answer(long result) {
    return fault(fault_share) ? -EPERM : result;
}

static bool
is_trusted(int fd) {
    struct stat st;
    return answer(CALL(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH)) == 0 &&
           (st.st_uid == 0 || st.st_uid == (uid_t)CALL(SYS_geteuid));
}

int
shared_open(const char *path) {
    long fd =
        fault(fault_share) ? -EPERM : CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && !is_trusted((int)fd)) {
        shared_close((int)fd);
        return -EPERM;
    }
    return (int)fd;
}

void
shared_close(int fd) {
    CALL(SYS_close, fd);
}

/* Bytes of the file; 0 if it is not sealed. Only memfds have seals. */
static size_t
sealed_size(int fd, shared_id_t *id) {
    struct stat st = {0};
    long seals = answer(CALL(SYS_fcntl, fd, F_GET_SEALS, 0));
    bool sealed = seals >= 0 && (seals & SEALS) == SEALS && (seals & F_SEAL_WRITE) == 0;
    bool known = sealed && answer(CALL(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH)) == 0;
    *id = (shared_id_t){st.st_dev, st.st_ino};
    return known && st.st_size > 0 ? (size_t)st.st_size : 0;
}

bool
shared_is_at(const char *path, const shared_id_t *id) {
    struct stat st;
    if (path[0] == '\0') {
        return true;
    }
    long error = CALL(SYS_newfstatat, AT_FDCWD, path, &st, 0);
    return error == 0 ? st.st_dev == id->device && st.st_ino == id->inode : error != -ENOENT && error != -ESRCH;
}

/* A negative error number is no address. ThreadSanitizer has to see what is mapped. */
static void *
map(void *addr, size_t size, int flags, int fd, int *error) {
    int saved = errno;
    long result;
    if (fault(fault_map)) {
        result = -ENOMEM;
    } else if (config_tsan) {
        void *mapped = mmap(addr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
        result = mapped == MAP_FAILED ? -errno : (long)mapped;
        errno = saved;
    } else {
        result = CALL(SYS_mmap, addr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    }
    bool refused = result < 0 && result > -4096;
    *error = refused ? (int)-result : 0;
    return refused ? NULL : (void *)result;
}

void *
shared_map(int fd, size_t *size, shared_id_t *id, int *error) {
    *size = sealed_size(fd, id);
    if (*size == 0) {
        *error = EINVAL;
        return NULL;
    }
    void *area = map(NULL, *size, MAP_SHARED, fd, error);
    if (area != NULL && !fault(fault_share)) {
        CALL(SYS_madvise, area, *size, MADV_DONTDUMP);
    }
    return area;
}

/* Threads may write meanwhile, which ThreadSanitizer would call a race if it saw the call. */
bool
shared_hide(void *area, size_t size) {
    long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    return CALL(SYS_mmap, area, size, PROT_READ | PROT_WRITE, flags, -1, 0) == (long)area;
}

void
shared_unmap(void *area, size_t size) {
    call_unmap(area, size);
}

void *
shared_private(size_t size) {
    void *pages = fault(fault_map) ? NULL : call_map(NULL, size, PROT_READ | PROT_WRITE, 0);
    if (pages != NULL && !fault(fault_share)) {
        CALL(SYS_madvise, pages, size, MADV_WIPEONFORK);
    }
    return pages;
}
