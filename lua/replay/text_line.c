/*
 * text_line.c -- parses one line of a text. See text.h.
 */
#include <string.h>

#include "workload/dist.h"
#include "text.h"

/* The forms of lines: the names of calls, and how many numbers follow the address. Times may follow these. */
static const struct {
    const char *name;
    text_kind_t kind;
    int nvalues;
    const char *wrong;
} forms[] = {
    {"malloc", TEXT_MALLOC, 1, "allowed: malloc 0xADDRESS SIZE [BEGIN END]"},
    {"calloc", TEXT_CALLOC, 2, "allowed: calloc 0xADDRESS COUNT SIZE [BEGIN END]"},
    {"memalign", TEXT_MEMALIGN, 2, "allowed: memalign 0xADDRESS ALIGNMENT SIZE [BEGIN END]"},
    {"realloc", TEXT_REALLOC, 2, "allowed: realloc 0xNEW 0xOLD SIZE [BEGIN END]"},
    {"free", TEXT_FREE, 0, "allowed: free 0xADDRESS [BEGIN END]"},
    {"thread_done", TEXT_DONE, 0, "allowed: thread_done 0x0 [END]"},
};

enum {
    NFORMS = sizeof(forms) / sizeof(forms[0]),
    MAX_NUMBERS = 6 /* of a line, after the name */
};

static const char *
skip_blanks(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

static int
digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20; /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads a number of that base at p, and what separates it from the next word; NULL if there is none, or on overflow. */
static const char *
scan_number(const char *p, const char *end, int base, uint64_t *value) {
    const char *start = p;
    *value = 0;
    while (p < end && digit_of(*p) < base) {
        if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit_of(*p), value)) {
            return NULL;
        }
        p++;
    }
    const char *next = skip_blanks(p, end);
    bool ended = next > p || p == end || *p == ':';
    return p > start && ended && *value != UINT64_MAX ? next : NULL; /* the largest number is no address */
}

/* "0x" and hexadecimal digits. */
static const char *
scan_address(const char *p, const char *end, uint64_t *value) {
    return end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x' ? scan_number(p + 2, end, 16, value) : NULL;
}

/* Reads the numbers up to the end: the first is an address, and so is the second of realloc. Their count, or -1. */
static int
scan_numbers(text_kind_t kind, const char *p, const char *end, uint64_t *values) {
    int n = 0;
    while (p < end && n < MAX_NUMBERS) {
        bool address = n == 0 || (n == 1 && kind == TEXT_REALLOC);
        p = address ? scan_address(p, end, &values[n]) : scan_number(p, end, 10, &values[n]);
        if (p == NULL) {
            return -1;
        }
        n++;
    }
    return p < end ? -1 : n;
}

/* Checks the values, and puts them into the line. NULL, or what is wrong. */
static const char *
finish(text_line_t *line, const uint64_t *values) {
    line->address = values[0];
    line->size = values[line->kind == TEXT_MALLOC ? 1 : 2];
    if (line->kind == TEXT_REALLOC) {
        line->old = values[1];
    } else if (line->kind == TEXT_MEMALIGN) {
        line->alignment = values[1] < 8 ? 8 : values[1];
        if (values[1] == 0 || (values[1] & (values[1] - 1)) != 0 || values[1] > (uint64_t)1 << 30) {
            return "allowed: an ALIGNMENT that is a power of two, at most 1G";
        }
    } else if (line->kind == TEXT_CALLOC && __builtin_mul_overflow(values[1], values[2], &line->size)) {
        line->size = UINT64_MAX;
    }
    bool sized = line->kind != TEXT_FREE && line->kind != TEXT_DONE;
    return sized && line->size > DIST_MAX_SIZE ? "allowed: a SIZE of at most 1T" : NULL;
}

const char *
text_line_parse(text_line_t *line, const char *p, const char *end) {
    static const char *const unknown =
        "allowed: THREAD: and malloc, calloc, memalign, realloc, free or thread_done with their numbers";
    uint64_t values[MAX_NUMBERS] = {0};
    p = scan_number(skip_blanks(p, end), end, 10, &line->thread);
    if (p == NULL || p == end || *p != ':') {
        return unknown;
    }
    p = skip_blanks(p + 1, end);
    const char *name_end = p;
    while (name_end < end && *name_end != ' ' && *name_end != '\t') {
        name_end++;
    }
    for (size_t i = 0; i < NFORMS; i++) {
        if (strlen(forms[i].name) == (size_t)(name_end - p) && memcmp(forms[i].name, p, (size_t)(name_end - p)) == 0) {
            line->kind = forms[i].kind;
            int n = scan_numbers(line->kind, skip_blanks(name_end, end), end, values);
            int times = n - 1 - forms[i].nvalues; /* END of thread_done stands alone; free may have a third number */
            bool right = n > 0 && (times == 0 || times == 2 || (forms[i].nvalues == 0 && (times == 1 || times == 3)));
            line->timed = right && times >= 2;
            line->begin = line->timed ? values[1 + forms[i].nvalues] : 0;
            return right ? finish(line, values) : forms[i].wrong;
        }
    }
    return unknown;
}
