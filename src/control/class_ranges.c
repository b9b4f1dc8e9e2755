/* slab_sizes.c -- pieces of three numbers. */
#include "control/slab_sizes.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/sc.h"

#include <string.h>

/* More than any size, and still far from overflow. */
#define NUMBER_MAX ((uint64_t)1 << 40)

typedef struct {
    uint64_t from, to; /* bytes */
    uint64_t pages;
} piece_t;

/* Reads a decimal number and the character that must follow it. NULL if it is not there. */
static const char *
scan(const char *at, const char *end, char after, uint64_t *number) {
    const char *first = at;
    *number = 0;
    for (; at < end && *at >= '0' && *at <= '9' && *number < NUMBER_MAX; at++) {
        *number = *number * 10 + (uint64_t)(*at - '0');
    }
    bool ended = after == '\0' ? at == end : at < end && *at == after;
    return at == first || !ended ? NULL : after == '\0' ? at : at + 1;
}

static bool
parse(const char *text, size_t len, piece_t *piece) {
    const char *end = text + len;
    const char *at = scan(text, end, '-', &piece->from);
    at = at == NULL ? NULL : scan(at, end, ':', &piece->to);
    return at != NULL && scan(at, end, '\0', &piece->pages) != NULL;
}

/* What is wrong with a piece; NULL if nothing is. */
static const char *
fault(bool parsed, const piece_t *piece) {
    if (!parsed) {
        return "is no slab size";
    }
    if (piece->from < 1 || piece->to > sc.small_max) {
        return "has sizes that slabs do not serve";
    }
    return piece->from > piece->to ? "ends before it begins" : piece->pages < 1 ? "has no pages" : NULL;
}

static void
report(const char *text, size_t len, const char *what) {
    char buf[512];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "slab_sizes: '");
    fmt_mem(&out, text, len);
    fmt_str(&out, "' ");
    fmt_str(&out, what);
    fmt_str(&out, "; allowed: from-to:pages, with 1 <= from <= to <= ");
    fmt_u64(&out, sc.small_max);
    fmt_str(&out, " bytes and 1 page or more");
    warn(buf);
}

static void
apply(const piece_t *piece, ctl_source_t source) {
    for (uint32_t szind = sc_index(piece->from); szind <= sc_index(piece->to); szind++) {
        sc_set_slab_size(szind, sc_nearest_slab_size(szind, piece->pages << sc.config.lg_page));
        ctl_set_slab_size_source(szind, source);
    }
}

unsigned
slab_sizes_apply(const char *text, ctl_source_t source) {
    unsigned nbad = 0;
    while (*text != '\0') {
        piece_t piece;
        size_t len = strcspn(text, "|");
        const char *what = fault(parse(text, len, &piece), &piece);
        if (what == NULL) {
            apply(&piece, source);
        } else {
            report(text, len, what);
            nbad++;
        }
        text += len;
        text += *text == '|';
    }
    return nbad;
}
