/*
 * dist_histogram.c -- weighted values from a file of lines "value count", or from the text of table(value:weight,...).
 */
#include "dist.h"
#include "textfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One of the two forms: what is between the entries of the text, and between an entry's value and its weight. */
typedef struct {
    const char *text, *end;
    char entry_end, value_end;
    dist_use_t use;
} source_t;

static bool
is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *
skip_blanks(const char *p, const char *end) {
    while (p < end && is_blank(*p)) {
        p++;
    }
    return p;
}

/* The end of the word that starts at p: a blank, or the character between value and weight. */
static const char *
word_end(const source_t *source, const char *p, const char *end) {
    while (p < end && !is_blank(*p) && *p != source->value_end) {
        p++;
    }
    return p;
}

/* Where the weight starts, behind the blanks and the separator that follow the value; NULL if there is none. */
static const char *
weight_start(const source_t *source, const char *value_end, const char *end) {
    const char *p = skip_blanks(value_end, end);
    if (source->value_end != ' ') {
        return p < end && *p == source->value_end ? skip_blanks(p + 1, end) : NULL;
    }
    return p;
}

static bool
in_range(dist_use_t use, double value) {
    return value >= (use == DIST_SIZE ? 1 : 0) && value <= (double)dist_limit(use);
}

/* Parses an entry: 1 and *entry, 0 if it is blank, -1 if it is malformed. */
static int
parse_entry(const source_t *source, const char *p, const char *end, dist_weight_t *entry) {
    p = skip_blanks(p, end);
    if (p == end) {
        return 0;
    }
    const char *value_end = word_end(source, p, end);
    const char *weight = weight_start(source, value_end, end);
    double value;
    if (weight == NULL || !dist_number(dist_units(source->use), p, value_end, &value) ||
        !in_range(source->use, value)) {
        return -1;
    }
    const char *weight_end = word_end(source, weight, end);
    if (!dist_number(UNITS_COUNT, weight, weight_end, &entry->weight) || skip_blanks(weight_end, end) != end ||
        entry->weight < 0 || entry->weight > 1e30) {
        return -1;
    }
    entry->value = (uint64_t)value;
    return 1;
}

/* The end of the entry at p, and in *text_end the end of its part before a comment. */
static const char *
entry_end(const source_t *source, const char *p, const char **text_end) {
    const char *end = memchr(p, source->entry_end, (size_t)(source->end - p));
    end = end == NULL ? source->end : end;
    const char *comment = source->entry_end == '\n' ? memchr(p, '#', (size_t)(end - p)) : NULL;
    *text_end = comment == NULL ? end : comment;
    return end;
}

/* Parses all entries (entries NULL: only counts them). EINVAL with the number of the bad one in *number. */
static int
parse_entries(const source_t *source, dist_weight_t *entries, size_t *n, size_t *number) {
    *n = 0;
    *number = 0;
    for (const char *p = source->text; p < source->end;) {
        const char *text_end, *end = entry_end(source, p, &text_end);
        dist_weight_t entry;
        int got = parse_entry(source, p, text_end, &entry);
        ++*number;
        if (got < 0) {
            return EINVAL;
        }
        if (got > 0 && entry.weight > 0) {
            if (entries != NULL) {
                entries[*n] = entry;
            }
            ++*n;
        }
        p = end + 1;
    }
    return 0;
}

/* Counts the entries, parses them into an array of that size, and builds the columns from it. 0 or ENOMEM. */
static int
build(dist_t *dist, const source_t *source, size_t n, region_t *region) {
    size_t number;
    dist_weight_t *entries = region_alloc(region, n * sizeof(*entries));
    if (entries == NULL) {
        return ENOMEM;
    }
    parse_entries(source, entries, &n, &number);
    return dist_columns_build(dist, entries, n, region);
}

static const char *
range_of(dist_use_t use) {
    return use == DIST_SIZE ? "a size of 1 to 1T" : "a lifetime of 0 to 1T";
}

/* The text of a file. */
static int
read_lines(dist_t *dist, const char *path, const source_t *source, region_t *region, char *message,
           size_t message_size) {
    size_t n, line;
    if (parse_entries(source, NULL, &n, &line) != 0) {
        snprintf(message, message_size,
                 "%s:%zu: not a line \"%s count\"; allowed: %s, blanks, a count, then only a # comment", path, line,
                 source->use == DIST_SIZE ? "size" : "lifetime", range_of(source->use));
        return TEXTFILE_WRONG;
    }
    if (n == 0 || n > DIST_MAX_WEIGHTS) {
        snprintf(message, message_size, "%s has %zu lines with a count above 0; allowed: 1 to %d", path, n,
                 DIST_MAX_WEIGHTS);
        return TEXTFILE_WRONG;
    }
    int error = build(dist, source, n, region);
    if (error != 0) {
        snprintf(message, message_size, "no memory for the histogram in %s", path);
    }
    return error;
}

int
dist_histogram_load(dist_t *dist, const char *path, dist_use_t use, region_t *region, char *message,
                    size_t message_size) {
    textfile_t file;
    int error = textfile_read(&file, path, TEXTFILE_LIMIT, message, message_size);
    if (error != 0) {
        return error;
    }
    source_t source = {
        .text = file.text, .end = file.text + file.size, .entry_end = '\n', .value_end = ' ', .use = use};
    error = read_lines(dist, path, &source, region, message, message_size);
    textfile_free(&file);
    return error;
}

int
dist_table_parse(dist_t *dist, const char *text, const char *end, dist_use_t use, region_t *region, char *why,
                 size_t why_size) {
    source_t source = {.text = text, .end = end, .entry_end = ',', .value_end = ':', .use = use};
    size_t n, number;
    if (parse_entries(&source, NULL, &n, &number) != 0) {
        snprintf(why, why_size, "entry %zu is not value:weight; allowed: %s, a weight of 0 or more", number,
                 range_of(use));
        return EINVAL;
    }
    if (n == 0 || n > DIST_MAX_WEIGHTS) {
        snprintf(why, why_size, "%zu entries with a weight above 0; allowed: 1 to %d", n, DIST_MAX_WEIGHTS);
        return EINVAL;
    }
    int error = build(dist, &source, n, region);
    if (error != 0) {
        snprintf(why, why_size, "no memory for its table");
    }
    return error;
}
