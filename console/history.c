/*
 * history.c -- see history.h for the file's form.
 */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <readline/history.h>

enum {
    TRIM_SLACK = 500 /* the file is rewritten when it has more than HISTORY_MAX + TRIM_SLACK entries */
};

static char path[PATH_MAX]; /* of the file; empty: the history is in memory only */

/* ---- the entry's form in the file ------------------------------------------------------------------------------- */

/* Makes the file's line for an entry, newline included; the caller frees it. NULL if there is no memory. */
static char *
encode(const char *text) {
    char *line = malloc(2 * strlen(text) + 2);
    char *out = line;
    for (; line != NULL && *text != '\0'; text++) {
        if (*text == '\n' || *text == '\\') {
            *out++ = '\\';
        }
        *out++ = (char)(*text == '\n' ? 'n' : *text);
    }
    if (line != NULL) {
        memcpy(out, "\n", 2);
    }
    return line;
}

/* Turns a line of the file back into the entry, in place. */
static void
decode(char *line) {
    char *out = line;
    for (const char *in = line; *in != '\0' && *in != '\n'; in++) {
        bool escaped = in[0] == '\\' && (in[1] == 'n' || in[1] == '\\');
        in += escaped;
        *out++ = (char)(escaped && *in == 'n' ? '\n' : *in);
    }
    *out = '\0';
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* path = base .. tail; false if it does not fit. */
static bool
set_path(const char *base, const char *tail) {
    int n = snprintf(path, sizeof path, "%s%s", base, tail);
    return n > 0 && (size_t)n < sizeof path;
}

/* By the XDG specification, a relative XDG_STATE_HOME is ignored. */
static bool
find_path(void) {
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state != NULL && state[0] == '/') {
        return set_path(state, "/lunalloc/history");
    }
    return home != NULL && home[0] == '/' && set_path(home, "/.local/state/lunalloc/history");
}

/* Creates the missing folders above the file, with mode 0700. */
static bool
make_folders(void) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made) {
            return false;
        }
    }
    return true;
}

static void
give_up(const char *why) {
    if (path[0] != '\0') {
        fprintf(stderr, "lunalloc: history is not kept: %s: %s\n", path, why);
    }
    path[0] = '\0';
}

/* Opens the file. On failure gives the history up and returns -1. O_NONBLOCK: if the path is a FIFO, open must not wait
 * for its other end. */
static int
open_file(int flags) {
    struct stat status;
    int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0) {
        give_up(strerror(errno));
    } else if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        give_up("not a regular file");
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool
write_all(int fd, const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        size_t written = n > 0 ? (size_t)n : 0;
        text += written;
        left -= written;
    }
    return true;
}

static bool
write_entry(int fd, const char *text) {
    char *line = encode(text);
    bool done = line != NULL && write_all(fd, line);
    free(line);
    return done;
}

/* Adds the newline that an editor may have left off the last line; without it, the next entry would join that line. */
static bool
end_last_line(int fd) {
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1) {
        return false;
    }
    return last == '\n' || write_all(fd, "\n");
}

/* Overwrites the file with readline's list, which is bounded. Writing in place keeps a symbolic link a link. The list
 * is a part of the file's old content, so the file system has room; a crash half-way leaves some entries twice. */
static void
rewrite(void) {
    int fd = open_file(O_WRONLY);
    bool done = fd >= 0;
    HIST_ENTRY **entries = history_list();
    for (int i = 0; entries != NULL && entries[i] != NULL && done; i++) {
        done = write_entry(fd, entries[i]->line);
    }
    if (done && ftruncate(fd, lseek(fd, 0, SEEK_CUR)) != 0) {
        give_up(strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Reads all entries into readline's list; returns how many the file has. */
static int
read_entries(FILE *file) {
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;
    while (getline(&line, &capacity, file) >= 0) {
        decode(line);
        add_history(line);
        count++;
    }
    free(line);
    return count;
}

/* ---- the contract ----------------------------------------------------------------------------------------------- */

void
history_open(void) {
    using_history();
    stifle_history(HISTORY_MAX);
    if (!find_path()) {
        return;
    }
    if (!make_folders()) {
        give_up(strerror(errno));
        return;
    }
    int fd = open_file(O_RDWR | O_APPEND);
    FILE *file = fd >= 0 ? fdopen(fd, "r+") : NULL;
    if (file == NULL) {
        return;
    }
    if (read_entries(file) > HISTORY_MAX + TRIM_SLACK) {
        rewrite();
    }
    fclose(file);
}

static bool
is_blank(const char *text) {
    return text[strspn(text, " \t\n")] == '\0';
}

static bool
is_repeated(const char *text) {
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    return last != NULL && strcmp(last->line, text) == 0;
}

void
history_record(const char *text) {
    if (is_blank(text) || is_repeated(text)) {
        return;
    }
    add_history(text);
    if (path[0] == '\0') {
        return;
    }
    int fd = open_file(O_RDWR | O_APPEND);
    if (fd < 0) {
        return;
    }
    if (!end_last_line(fd) || !write_entry(fd, text)) {
        give_up(strerror(errno));
    }
    close(fd);
}
