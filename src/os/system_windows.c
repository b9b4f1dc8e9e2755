/* system_windows.c -- the process and its system through Windows' calls and the C library. */
#include "os/system.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Any user may create folders beside C:\Windows, but no files in it. */
const char system_config_path[] = "C:\\Windows\\lunalloc.conf";

/* A weak definition, which the application's replaces: weak references to variables do not link here. */
const char *lunalloc_conf __attribute__((weak));

const char *
system_application_conf(void) {
    return lunalloc_conf;
}

const char *
system_application_malloc_conf(void) {
    return NULL;
}

system_message_t *
system_application_message(void) {
    return NULL;
}

void *
system_next_symbol(const char *name) {
    (void)name;
    return NULL;
}

bool
system_is_privileged(void) {
    return false;
}

size_t
system_page_size(void) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

unsigned
system_ncpus(void) {
    DWORD_PTR process;
    DWORD_PTR machine;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &machine) == 0) {
        return 1;
    }
    int n = __builtin_popcountll(process);
    return n < 1 ? 1 : (unsigned)n;
}

void
system_exit(int status) {
    ExitProcess((UINT)status);
}

void
system_write_error(const char *text, size_t len) {
    DWORD saved = GetLastError();
    HANDLE file = GetStdHandle(STD_ERROR_HANDLE);
    DWORD n;
    while (len > 0 && WriteFile(file, text, (DWORD)len, &n, NULL) != 0 && n > 0) {
        text += n;
        len -= n;
    }
    SetLastError(saved);
}

/* A closed handle cannot be written to, so there is no copy to keep. */
void
system_keep_error(void) {
}

void
system_error_at_exit(void) {
}

void
system_forked(void) {
}

/* From the C library's copy of the environment, because the system's has no lasting address. Names are compared without
 * case, and no process runs with more rights than its user. */
const char *
system_env(const char *name) {
    size_t len = strlen(name);
    for (char **e = _environ; e != NULL && *e != NULL; e++) {
        if (_strnicmp(*e, name, len) == 0 && (*e)[len] == '=') {
            return *e + len + 1;
        }
    }
    return NULL;
}

/* Opens a file on a disk; INVALID_HANDLE_VALUE if there is none. */
static HANDLE
open_to_read(const char *path) {
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file != INVALID_HANDLE_VALUE && GetFileType(file) != FILE_TYPE_DISK) {
        CloseHandle(file);
        return INVALID_HANDLE_VALUE;
    }
    return file;
}

/* Links must lead to a file here, so they hold no text of their own. */
bool
system_find_config(const char *path, size_t *size) {
    DWORD saved = GetLastError();
    HANDLE file = open_to_read(path);
    DWORD found = INVALID_FILE_SIZE;
    if (file != INVALID_HANDLE_VALUE) {
        found = GetFileSize(file, NULL);
        CloseHandle(file);
    }
    SetLastError(saved);
    *size = found;
    return found != INVALID_FILE_SIZE;
}

size_t
system_read_config(const char *path, char *buf, size_t size) {
    DWORD saved = GetLastError();
    DWORD n = 0;
    HANDLE file = open_to_read(path);
    if (file != INVALID_HANDLE_VALUE) {
        n = ReadFile(file, buf, (DWORD)(size - 1), &n, NULL) != 0 ? n : 0;
        CloseHandle(file);
    }
    buf[n] = '\0';
    SetLastError(saved);
    return n;
}

size_t
system_read_file(const char *path, char *buf, size_t size) {
    return system_read_config(path, buf, size);
}
