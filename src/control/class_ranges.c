/* class_ranges.c -- parsing "from-to:n|...", and setting what n says for each class of the range. */
#include "control/class_ranges.h"

#include "arena/arenas.h"
#include "base/check.h"
#include "base/fmt.h"
#include "base/sc.h"
#include "base/units.h"
#include "control/ctl_args.h"

#include <string.h>

/* More than any size, and small enough that no sum of two overflows. */
#define NUMBER_MAX ((uint64_t)1 << 40)

/* How messages speak of an option, and what it takes. */
typedef struct {
    char name[12];
    char value[20];   /* what a piece sets */
    char unit[8];     /* of n */
    char allowed[20]; /* values of n */
    uint64_t most;    /* the largest n */
    bool clips;       /* sizes that slabs do not serve are ignored, not refused */
} option_t;

typedef struct {
    uint64_t from, to; /* bytes */
    uint64_t n;
} piece_t;

/* Parses a number and the character that must follow it, '\0' for the end. Returns what follows; NULL if malformed. */
static const char *
parse_number(const char *at, const char *end, char after, uint64_t *number) {
    size_t used;
    if (!units_parse_whole(at, (size_t)(end - at), number, &used) || *number >= NUMBER_MAX) {
        return NULL;
    }
    at += used;
    bool ended = after == '\0' ? at == end : at < end && *at == after;
    return !ended ? NULL : after == '\0' ? at : at + 1;
}

static bool
parse_piece(const char *text, size_t len, piece_t *piece) {
    const char *end = text + len;
    const char *at = parse_number(text, end, '-', &piece->from);
    at = at == NULL ? NULL : parse_number(at, end, ':', &piece->to);
    return at != NULL && parse_number(at, end, '\0', &piece->n) != NULL;
}

/* Appends what is wrong with a piece; false if nothing is. */
static bool
put_fault(const option_t *option, bool parsed, const piece_t *piece, fmt_t *out) {
    if (!parsed) {
        fmt_str(out, "is no ");
        fmt_str(out, option->value);
    } else if (!option->clips && (piece->from < 1 || piece->to > sc.small_max)) {
        fmt_str(out, "has sizes that slabs do not serve");
    } else if (piece->from > piece->to) {
        fmt_str(out, "ends before it begins");
    } else if (piece->n < 1 || piece->n > option->most) {
        fmt_str(out, piece->n < 1 ? "has no " : "has too many ");
        fmt_str(out, option->unit);
    } else {
        return false;
    }
    return true;
}

static void
put_allowed(const option_t *option, fmt_t *out) {
    fmt_str(out, "; allowed: from-to:");
    fmt_str(out, option->unit);
    fmt_str(out, ", with 1 <= from <= to <= ");
    fmt_u64(out, sc.small_max);
    fmt_str(out, " bytes and ");
    fmt_str(out, option->allowed);
}

/* Parses one piece. If it is bad, reports that and returns false. */
static bool
read_piece(const option_t *option, const char *text, size_t len, piece_t *piece) {
    char buf[512];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, option->name);
    fmt_str(&out, ": '");
    fmt_mem(&out, text, len);
    fmt_str(&out, "' ");
    bool bad = put_fault(option, parse_piece(text, len, piece), piece, &out);
    if (bad) {
        put_allowed(option, &out);
        warn(buf);
    }
    return !bad;
}

typedef void set_t(uint32_t szind, uint64_t n, ctl_source_t source);

static void
apply_piece(const piece_t *piece, ctl_source_t source, set_t *set) {
    uint64_t to = piece->to < sc.small_max ? piece->to : sc.small_max;
    for (uint64_t szind = piece->from > to ? sc.nsmall : sc_index(piece->from); szind <= sc_index(to); szind++) {
        set((uint32_t)szind, piece->n, source);
    }
}

static unsigned
apply_all(const option_t *option, const char *text, ctl_source_t source, set_t *set) {
    unsigned nbad = 0;
    while (*text != '\0') {
        piece_t piece;
        size_t len = strcspn(text, "|");
        if (read_piece(option, text, len, &piece)) {
            apply_piece(&piece, source, set);
        } else {
            nbad++;
        }
        text += len;
        text += *text == '|';
    }
    return nbad;
}

static void
set_slab_size(uint32_t szind, uint64_t n, ctl_source_t source) {
    sc_set_slab_size(szind, sc_nearest_slab_size(szind, n << sc.config.lg_page));
    ctl_set_class_source(BIN_SLAB_SIZE, szind, source);
}

unsigned
class_ranges_slab_sizes(const char *text, ctl_source_t source) {
    static const option_t option = {
        .name = "slab_sizes", .value = "slab size", .unit = "pages", .allowed = "1 page or more", .most = UINT64_MAX};
    return apply_all(&option, text, source, set_slab_size);
}

static void
set_nshards(uint32_t szind, uint64_t n, ctl_source_t source) {
    arenas_set_nshards(szind, (uint32_t)n);
    ctl_set_class_source(BIN_NSHARDS, szind, source);
}

unsigned
class_ranges_bin_shards(const char *text, ctl_source_t source) {
    static const option_t option = {.name = "bin_shards",
                                    .value = "number of shards",
                                    .unit = "shards",
                                    .allowed = "1 to 64 shards",
                                    .most = SHARDS_MAX,
                                    .clips = true};
    return apply_all(&option, text, source, set_nshards);
}
