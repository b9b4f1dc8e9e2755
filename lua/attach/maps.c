/* maps.c -- see maps.h. */
#include "attach/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1 << 16
};

void
maps_free(maps_t *maps) {
    free(maps->all);
    free(maps->text);
    *maps = (maps_t){0};
}

/* Reads the whole file, terminated. 0, or an errno value. */
static int
read_all(int fd, char **text) {
    size_t len = 0, size = 0;
    ssize_t n;
    do {
        if (size - len < PIECE) {
            size = size * 2 + 2 * PIECE;
            char *grown = realloc(*text, size);
            if (grown == NULL) {
                return ENOMEM;
            }
            *text = grown;
        }
        n = read(fd, *text + len, size - len - 1);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    (*text)[len] = '\0';
    return n < 0 ? errno : 0;
}

/* "7f00-7f10 r-xp 00002000 08:01 1234    /path with blanks" */
static bool
parse_line(char *line, memory_map_t *map) {
    int path = 0;
    *map = (memory_map_t){.path = ""};
    int n = sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &map->start, &map->end, map->permissions,
                   &map->offset, &path);
    if (path > 0) {
        map->path = line + path;
    }
    return n == 4;
}

static size_t
count_lines(const char *text) {
    size_t n = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++) {
        n++;
    }
    return n;
}

int
maps_read(maps_t *maps, int fd) {
    maps_free(maps);
    int error = read_all(fd, &maps->text);
    if (error == 0) {
        maps->all = calloc(count_lines(maps->text) + 1, sizeof(*maps->all));
        error = maps->all == NULL ? ENOMEM : 0;
    }
    if (error != 0) {
        maps_free(maps);
        return error;
    }
    char *rest = maps->text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        maps->n += parse_line(line, &maps->all[maps->n]);
    }
    return 0;
}
