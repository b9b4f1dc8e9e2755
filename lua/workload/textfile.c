/*
 * textfile.c -- see textfile.h.
 */
#include "textfile.h"

#include "gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads at most `size` bytes; fewer if the file has become shorter. 0 or an errno value. */
static int
read_all(int fd, char *text, size_t size, size_t *got) {
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, text + *got, size - *got);
        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0) {
            return errno;
        } else if (n == 0) {
            return 0;
        }
        *got += (size_t)n;
    }
    return 0;
}

/* A path, and where the message about it goes. */
typedef struct {
    const char *path;
    char *message;
    size_t message_size;
} subject_t;

static int
complain(const subject_t *subject, const char *why) {
    snprintf(subject->message, subject->message_size, "%s %s", subject->path, why);
    return TEXTFILE_WRONG;
}

static int
complain_errno(const subject_t *subject, const char *what, int error) {
    snprintf(subject->message, subject->message_size, "cannot %s %s: %s", what, subject->path, strerror(error));
    return error;
}

/* The size of the file, if it is to be read. 0 or an errno value. */
static int
check_size(const subject_t *subject, int fd, size_t limit, size_t *size) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return complain_errno(subject, "read", errno);
    }
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
        return complain(subject, "is empty or not a regular file; a text file is needed");
    }
    if ((unsigned long long)status.st_size > limit) {
        snprintf(subject->message, subject->message_size, "%s is too large; allowed: at most %zu MiB", subject->path,
                 limit >> 20);
        return TEXTFILE_WRONG;
    }
    *size = (size_t)status.st_size;
    return 0;
}

/* Reads the file into memory of `size` bytes. */
static int
fill(const subject_t *subject, int fd, char *text, size_t size) {
    size_t got;
    int error = read_all(fd, text, size, &got);
    if (error != 0) {
        return complain_errno(subject, "read", error);
    }
    if (got != size) {
        return complain(subject, "changes while it is read");
    }
    return 0;
}

/* Replaces a compressed file by its text. */
static int
decompress(textfile_t *file, const subject_t *subject, size_t limit) {
    textfile_t text;
    char *start;
    const char *why;
    if (!gunzip_is_compressed(file->text, file->size)) {
        return 0;
    }
    int error = gunzip(file->text, file->size, limit, &start, &text.size, &text.mapped, &why);
    if (error != 0) {
        complain(subject, why);
        return error;
    }
    text.text = start;
    textfile_free(file);
    *file = text;
    return 0;
}

static int
check_text(const textfile_t *file, const subject_t *subject) {
    if (file->size == 0) {
        return complain(subject, "is empty; a text file is needed");
    }
    bool binary = memchr(file->text, '\0', file->size) != NULL;
    return binary ? complain(subject, "is a binary file; a text file is needed") : 0;
}

static int
read_open_file(textfile_t *file, const subject_t *subject, int fd, size_t limit) {
    size_t size = 0;
    int error = check_size(subject, fd, limit, &size);
    if (error != 0) {
        return error;
    }
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text == MAP_FAILED) {
        return complain_errno(subject, "read", ENOMEM);
    }
    *file = (textfile_t){.text = text, .size = size, .mapped = size};
    error = fill(subject, fd, text, size);
    error = error == 0 ? decompress(file, subject, limit) : error;
    error = error == 0 ? check_text(file, subject) : error;
    if (error != 0) {
        textfile_free(file);
    }
    return error;
}

int
textfile_read(textfile_t *file, const char *path, size_t limit, char *message, size_t message_size) {
    subject_t subject = {.path = path, .message = message, .message_size = message_size};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return complain_errno(&subject, "open", errno);
    }
    int error = read_open_file(file, &subject, fd, limit);
    close(fd);
    return error;
}

void
textfile_free(textfile_t *file) {
    munmap((void *)(uintptr_t)file->text, file->mapped);
    *file = (textfile_t){0};
}
