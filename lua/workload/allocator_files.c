/*
 * allocator_files.c -- allocators that are installed: their files and the versions in these. See allocator.h.
 */
#include "allocator_known.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"

/* ---- versions, as texts in files ---- */

/* Copies "5.3.0" from the start of a text; 0 if no version is there. Its length: with two numbers or more. */
static size_t
version_length(const char *text, const char *end) {
    size_t n = 0, dots = 0;
    while (text + n < end && ((text[n] >= '0' && text[n] <= '9') || (n > 0 && text[n] == '.'))) {
        dots += text[n] == '.';
        n++;
    }
    return dots > 0 && text[n - 1] != '.' ? n : 0;
}

/* jemalloc's has no words before it: it is a string of its own, "5.3.0-0-g54eaed1d". */
static bool
is_version(const char *text, const char *end, const char *prefix, size_t n) {
    return n != 0 && (prefix[0] != '\0' || (text[-1] == '\0' && end - text > (ptrdiff_t)n + 4 && text[n] == '-' &&
                                            text[n + 2] == '-' && text[n + 3] == 'g'));
}

/* Finds the version after `prefix` in the bytes of a library. */
static void
find_version(const char *bytes, size_t size, const char *prefix, char *version, size_t version_size) {
    size_t skip = strlen(prefix);
    const char *end = bytes + size;
    for (const char *p = bytes + 1; p < end && version[0] == '\0'; p++) {
        if (skip != 0) {
            p = memmem(p, (size_t)(end - p), prefix, skip);
            if (p == NULL) {
                return;
            }
        }
        size_t n = version_length(p + skip, end);
        if (is_version(p + skip, end, prefix, n) && n < version_size) {
            memcpy(version, p + skip, n);
            version[n] = '\0';
        }
    }
}

static void
version_in_file(const char *path, const char *prefix, char *version, size_t version_size) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 1) {
        size_t size = (size_t)status.st_size;
        const char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes != MAP_FAILED) {
            find_version(bytes, size, prefix, version, version_size);
            munmap((void *)(uintptr_t)bytes, size);
        }
    }
    close(file);
}

/* The version of a library that is not loaded. */
static void
version_of_file(const allocator_known_t *row, allocator_t *out) {
    const char *digits = strstr(out->path, ".so.");
    if (row->prefix != NULL) {
        version_in_file(out->path, row->prefix, out->version, sizeof(out->version));
    } else if (digits != NULL && version_length(digits + 4, out->path + strlen(out->path)) != 0) {
        allocator_copy(out->version, sizeof(out->version), digits + 4);
    }
}

/* ---- where they are ---- */

/* True if one of the names is in the folder. out->path: the file, without links. */
static bool
find_in(const char *folder, size_t length, const allocator_known_t *row, allocator_t *out) {
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(row->files) / sizeof(row->files[0]) && row->files[i] != NULL; i++) {
        int n = snprintf(path, sizeof(path), "%.*s/%s", (int)length, folder, row->files[i]);
        if (n > 0 && (size_t)n < sizeof(path) && realpath(path, out->path) != NULL && access(out->path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* True if the library is in one of the folders of a list "a:b". */
static bool
find_in_list(const char *list, const allocator_known_t *row, allocator_t *out) {
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");
        if (length != 0 && find_in(list, length, row, out)) {
            return true;
        }
        list += length + (list[length] == ':');
    }
    return false;
}

/* The path of the object that has the address, without links. */
static bool
path_of(const void *address, char *path) {
    Dl_info info;
    return address != NULL && dladdr(address, &info) != 0 && realpath(info.dli_fname, path) != NULL;
}

/* Where the dynamic linker looks: not its cache, whose folders are that of the C library and /usr/local/lib. */
static bool
find_library(const allocator_known_t *row, allocator_t *out) {
    char libc[PATH_MAX];
    const char *slash = NULL;
    if (find_in_list(secure_getenv("LD_LIBRARY_PATH"), row, out)) {
        return true;
    }
    if (path_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), libc)) {
        slash = strrchr(libc, '/');
    }
    return (slash != NULL && find_in(libc, (size_t)(slash - libc), row, out)) ||
           find_in_list("/usr/local/lib:/usr/lib64:/usr/lib", row, out);
}

/* lunalloc is where this module has found it. */
static bool
find_lunalloc(const allocator_known_t *row, allocator_t *out) {
    const lunalloc_api_t *api = loader_api();
    void *address;
    if (api == NULL) {
        return false;
    }
    memcpy(&address, &api->ctl_get, sizeof(address));
    row->ask(address, out->version, sizeof(out->version));
    return path_of(address, out->path);
}

bool
allocator_installed(size_t i, allocator_t *out) {
    const allocator_known_t *row = &allocator_known[i];
    if (strcmp(row->name, allocator_of_process()->name) == 0) {
        *out = *allocator_of_process();
        return true;
    }
    *out = (allocator_t){.version = ""};
    allocator_copy(out->name, sizeof(out->name), row->name);
    if (strcmp(row->name, "lunalloc") == 0 && find_lunalloc(row, out)) {
        return true;
    }
    void *marker = strcmp(row->name, "glibc") == 0 ? dlsym(RTLD_DEFAULT, row->marker) : NULL;
    if (marker != NULL) {
        row->ask(marker, out->version, sizeof(out->version));
        return path_of(marker, out->path);
    }
    bool found = find_library(row, out);
    if (found) {
        version_of_file(row, out);
    }
    return found;
}
