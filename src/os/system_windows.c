/* system_windows.c -- Windows calls that are neither pages nor clocks. */
#include "os/system.h"

#include "base/bits.h"
#include "os/pages.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Anybody may make folders beside C:\Windows, but not files in it. */
const char system_config_path[] = "C:\\Windows\\lunalloc.conf";

/* Weak references to variables do not link here, weak definitions do; a definition of the application's own wins. */
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

uint32_t
system_thread_id(void) {
    return GetCurrentThreadId();
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

/* A handle that is closed is no place to write to any more. */
void
system_keep_error(void) {
}

void
system_error_at_exit(void) {
}

void
system_forked(void) {
}

/* The C library's copy, because what the system hands out has no lasting address. Names have no case here, and there
 * are no set-uid processes. */
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

static DWORD
read_file(HANDLE file, char *buf, size_t size) {
    DWORD n = 0;
    return GetFileType(file) == FILE_TYPE_DISK && ReadFile(file, buf, (DWORD)size, &n, NULL) != 0 ? n : 0;
}

/* A link has to lead to a file here, so there is no text in it to be read. */
system_text_t
system_open_config(const char *path) {
    DWORD saved = GetLastError();
    system_text_t out = {.text = NULL};
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file != INVALID_HANDLE_VALUE) {
        DWORD size = GetFileType(file) == FILE_TYPE_DISK ? GetFileSize(file, NULL) : INVALID_FILE_SIZE;
        out.mapped = size == INVALID_FILE_SIZE ? 0 : align_up((size_t)size + 1, pages_size());
        char *text = out.mapped == 0 ? NULL : pages_map(out.mapped, pages_size());
        if (text != NULL) {
            text[read_file(file, text, out.mapped - 1)] = '\0';
        }
        out.text = text;
        CloseHandle(file);
    }
    SetLastError(saved);
    return out;
}

void
system_close_config(const system_text_t *text) {
    if (text->text != NULL) {
        pages_unmap((void *)(uintptr_t)text->text, text->mapped);
    }
}

size_t
system_read_config(const char *path, char *buf, size_t size) {
    DWORD saved = GetLastError();
    size_t len = 0;
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file != INVALID_HANDLE_VALUE) {
        len = read_file(file, buf, size - 1);
        CloseHandle(file);
    }
    buf[len] = '\0';
    SetLastError(saved);
    return len;
}
