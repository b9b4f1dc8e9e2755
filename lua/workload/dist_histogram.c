/*
 * dist_histogram.c -- sizes from a file of lines "size count", drawn through an alias table.
 *
 * An alias table (A. J. Walker's method) turns n weights into n columns of equal height, each of which at most two
 * values share. A draw chooses a column and one of its two values. It reads one cache line, also for a long file.
 */
#include "dist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_LINES = 1 << 20
};

typedef struct {
    uint64_t value;
    double weight;
} entry_t;

/* Maps a regular file that is not empty. Any other gets a message. */
static int
map_file(const char *path, const char **text, size_t *size, char *message, size_t message_size) {
    /* A FIFO is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int error = errno;
        snprintf(message, message_size, "cannot open %s: %s", path, strerror(error));
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    *size = (size_t)status.st_size;
    void *map = S_ISREG(status.st_mode) && *size > 0 ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED) {
        snprintf(message, message_size, "%s is empty or not a regular file; a file of lines \"size count\" is needed",
                 path);
        return EINVAL;
    }
    *text = map;
    return 0;
}

static const char *
skip_blanks(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

/* The end of the word that starts at p. */
static const char *
word_end(const char *p, const char *end) {
    while (p < end && *p != ' ' && *p != '\t' && *p != '\r') {
        p++;
    }
    return p;
}

/* Parses a line without its comment: 1 and *entry, 0 if it is blank, -1 if it is malformed. */
static int
parse_line(const char *p, const char *end, entry_t *entry) {
    p = skip_blanks(p, end);
    if (p == end) {
        return 0;
    }
    const char *size_end = word_end(p, end);
    const char *count = skip_blanks(size_end, end);
    const char *count_end = word_end(count, end);
    double size;
    if (!dist_number(UNITS_BYTES, p, size_end, &size) || !dist_number(UNITS_COUNT, count, count_end, &entry->weight) ||
        skip_blanks(count_end, end) != end || entry->weight < 0 || size < 1 || size > (double)DIST_MAX_SIZE) {
        return -1;
    }
    entry->value = (uint64_t)size;
    return 1;
}

/* Parses all lines into entries (NULL: only counts them). EINVAL with the number of the bad line in *line. */
static int
parse_lines(const char *text, size_t size, entry_t *entries, size_t *n, size_t *line) {
    const char *end = text + size;
    *n = 0;
    *line = 0;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline == NULL ? end : newline;
        const char *comment = memchr(text, '#', (size_t)(line_end - text));
        entry_t entry;
        int got = parse_line(text, comment == NULL ? line_end : comment, &entry);
        ++*line;
        if (got < 0) {
            return EINVAL;
        }
        if (got > 0 && entry.weight > 0) {
            if (entries != NULL) {
                entries[*n] = entry;
            }
            ++*n;
        }
        text = line_end + 1;
    }
    return 0;
}

/* Fills up each column that is too low from one that is too high. */
static int
build_columns(dist_t *dist, entry_t *entries, size_t n, region_t *region) {
    dist_column_t *columns = region_alloc(region, n * sizeof(*columns));
    uint32_t *order = region_alloc(region, n * sizeof(*order));
    if (columns == NULL || order == NULL) {
        return ENOMEM;
    }
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += entries[i].weight;
    }
    size_t low = 0, high = n; /* order[0 .. low) are too low, order[high .. n) are not */
    for (size_t i = 0; i < n; i++) {
        entries[i].weight *= (double)n / total;
        order[entries[i].weight < 1 ? low++ : --high] = (uint32_t)i;
        columns[i] = (dist_column_t){.cut = UINT64_MAX, .value = entries[i].value, .other = entries[i].value};
    }
    /* Each step completes the column of a poor value, whose part above the cut goes to a rich value. A rich value that
     * has become poor by that is treated as such. The factor is the largest double below 2^64. */
    while (low > 0 && high < n) {
        uint32_t poor = order[--low], rich = order[high];
        columns[poor].cut = (uint64_t)(entries[poor].weight * 18446744073709549568.0);
        columns[poor].other = entries[rich].value;
        entries[rich].weight -= 1 - entries[poor].weight;
        if (entries[rich].weight < 1) {
            high++;
            order[low++] = rich;
        }
    }
    dist->columns = columns;
    dist->ncolumns = n;
    return 0;
}

/* Counts the lines, parses them into an array of that size, and builds the columns from it. */
static int
read_entries(dist_t *dist, const char *path, const char *text, size_t size, region_t *region, char *message,
             size_t message_size) {
    size_t n, line;
    if (parse_lines(text, size, NULL, &n, &line) != 0) {
        snprintf(
            message, message_size,
            "%s:%zu: not a line \"size count\"; allowed: a size of 1 to 1T, blanks, a count, then only a # comment",
            path, line);
        return EINVAL;
    }
    if (n == 0 || n > MAX_LINES) {
        snprintf(message, message_size, "%s has %zu lines with a count above 0; allowed: 1 to %d", path, n, MAX_LINES);
        return EINVAL;
    }
    entry_t *entries = region_alloc(region, n * sizeof(*entries));
    if (entries == NULL) {
        return ENOMEM;
    }
    parse_lines(text, size, entries, &n, &line);
    dist->least = DIST_MAX_SIZE;
    dist->most = 0;
    for (size_t i = 0; i < n; i++) {
        dist->least = entries[i].value < dist->least ? entries[i].value : dist->least;
        dist->most = entries[i].value > dist->most ? entries[i].value : dist->most;
    }
    return build_columns(dist, entries, n, region);
}

int
dist_histogram_load(dist_t *dist, const char *path, region_t *region, char *message, size_t message_size) {
    const char *text = NULL;
    size_t size = 0;
    int error = map_file(path, &text, &size, message, message_size);
    if (error != 0) {
        return error;
    }
    error = read_entries(dist, path, text, size, region, message, message_size);
    munmap((void *)(uintptr_t)text, size);
    if (error == ENOMEM) {
        snprintf(message, message_size, "no memory for the histogram in %s", path);
    }
    return error;
}
