/* record_event.c -- see record_event.h. */
#include "observe/record_event.h"

#include "os/ticks.h"

/* Kinds up to CODED_PLAIN have no extra fields where these have nothing to say. */
#define CODED_PLAIN 4U
#define CODED_MORE  15U
#define HAS_ARENA   64U

#define LG_TOUCHED 12

_Static_assert(RECORD_FREE_SIZED == CODED_PLAIN, "the kinds of hits are plain");
_Static_assert(RECORD_KINDS <= UINT8_MAX, "a kind is a byte");
_Static_assert(2 + 3 * 7 + 3 + 2 + 2 * 7 <= RECORD_EVENT_MAX, "an event with all fields fits");
_Static_assert(2 + 3 * 7 + 3 + RECORD_NAME <= RECORD_EVENT_MAX, "an event with a name fits");
_Static_assert(RECORD_EVENT_MAX + 8 <= RECORD_ROOM, "whole words fit");

static const char *const kind_names[RECORD_KINDS] = {
    [RECORD_NONE] = "none",
    [RECORD_MALLOC] = "malloc",
    [RECORD_CALLOC] = "calloc",
    [RECORD_FREE] = "free",
    [RECORD_FREE_SIZED] = "free_sized",
    [RECORD_ALIGNED] = "aligned",
    [RECORD_REALLOC] = "realloc",
    [RECORD_LIVE] = "live",
    [RECORD_THREAD] = "thread",
    [RECORD_THREAD_END] = "thread_end",
    [RECORD_LOST] = "lost",
    [RECORD_IMAGE] = "image",
    [RECORD_PAGE_ALLOC] = "page_alloc",
    [RECORD_PAGE_FREE] = "page_free",
    [RECORD_PAGE_GROW] = "page_grow",
    [RECORD_PAGE_PURGE] = "page_purge",
    [RECORD_DIRTY_MS] = "dirty_ms",
    [RECORD_MUZZY_MS] = "muzzy_ms",
    [RECORD_MOVE] = "move",
};

const char *
record_kind_name(uint32_t kind) {
    return kind < RECORD_KINDS ? kind_names[kind] : "?";
}

/* ---- encoding ---- */

static uint64_t
cut(uint64_t value, uint32_t lg) {
    uint64_t most = (UINT64_C(1) << lg) - 1;
    return value < most ? value : most;
}

static uint64_t
cut_address(uint64_t addr) {
    return cut(addr, RECORD_LG_ADDR) & ~UINT64_C(7);
}

static bool
is_plain(const record_event_t *event) {
    return event->kind <= CODED_PLAIN && event->kind != RECORD_NONE && event->lg_align == 0 && event->arena == 0 &&
           event->old_addr == 0 && event->touched == RECORD_UNKNOWN;
}

static size_t
encode_name(const record_event_t *event, uint8_t *out) {
    memcpy(out, event->name, RECORD_NAME);
    return RECORD_NAME;
}

/* Old address and touched pages, whose lengths go into *lengths. */
static size_t
encode_old(const record_event_t *event, uint8_t *lengths, uint8_t *out) {
    uint64_t predictor = cut_address(event->addr);
    uint64_t old = event->old_addr == 0 ? 0 : record_predict(&predictor, cut_address(event->old_addr)) + 1;
    uint64_t pages = event->touched == RECORD_UNKNOWN ? 0 : (event->touched >> LG_TOUCHED) + 1;
    uint32_t old_bytes = record_bytes(old), pages_bytes = record_bytes(pages);
    record_store(out, old);
    record_store(out + old_bytes, pages);
    *lengths |= (uint8_t)(old_bytes | pages_bytes << 3);
    return old_bytes + pages_bytes;
}

static size_t
encode_extra(const record_event_t *event, uint8_t *out) {
    size_t len = 3;
    out[0] = event->kind;
    out[1] = 0;
    out[2] = event->lg_align;
    if (event->arena != 0) {
        out[1] = HAS_ARENA;
        out[len++] = (uint8_t)event->arena;
        out[len++] = (uint8_t)(event->arena >> 8);
    }
    bool named = event->kind == RECORD_THREAD;
    return len + (named ? encode_name(event, out + len) : encode_old(event, &out[1], out + len));
}

size_t
record_encode(record_codec_t *codec, const record_event_t *event, uint8_t *out) {
    bool begins = event->kind == RECORD_THREAD;
    if (begins) {
        memset(codec, 0, sizeof *codec);
        codec->thread = event->thread;
    }
    bool plain = is_plain(event);
    uint64_t stamp = cut(event->time, RECORD_LG_SIZE), addr = begins ? event->thread * UINT64_C(8) : event->addr;
    size_t len = record_encode_common(codec, plain ? event->kind : CODED_MORE, event->hint, record_since(codec, stamp),
                                      cut_address(addr), cut(event->size, RECORD_LG_SIZE), out);
    return plain ? len : len + encode_extra(event, out + len);
}

/* ---- decoding ---- */

/* Bytes that are read from the front; `short_of` once there were too few. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool short_of;
} bytes_t;

static uint64_t
take(bytes_t *in, size_t n) {
    uint64_t value = 0;
    in->short_of = in->short_of || n > in->left;
    if (in->short_of) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)in->at[i] << 8 * i;
    }
    in->at += n;
    in->left -= n;
    return value;
}

static void
skip_padding(bytes_t *in) {
    while (in->left > 0 && *in->at == 0) {
        in->at++;
        in->left--;
    }
}

/* The address that a zigzag difference leads to; hostile ones wrap around. */
static uint64_t
follow(uint64_t predictor, uint64_t zigzag) {
    uint64_t delta = zigzag >> 1 ^ (0 - (zigzag & 1));
    return (predictor + (delta << 3)) & ((UINT64_C(1) << RECORD_LG_ADDR) - 1);
}

static void
take_extra(bytes_t *in, record_event_t *event) {
    event->kind = (uint8_t)take(in, 1);
    uint32_t lengths = (uint32_t)take(in, 1);
    event->lg_align = (uint8_t)take(in, 1);
    event->arena = (uint16_t)(((lengths & HAS_ARENA) != 0 ? take(in, 2) : 0) & 0x1fff);
    if (event->kind == RECORD_THREAD) {
        uint64_t halves[2] = {take(in, 8), take(in, 8)};
        record_store((uint8_t *)event->name, halves[0]);
        record_store((uint8_t *)event->name + 8, halves[1]);
        return;
    }
    uint64_t old = take(in, lengths & 7);
    event->old_addr = old == 0 ? 0 : follow(event->addr, old - 1);
    uint64_t pages = take(in, lengths >> 3 & 7);
    event->touched = pages == 0 ? RECORD_UNKNOWN : (pages - 1) << LG_TOUCHED;
}

/* Fields that are common to all events; the time is the difference. */
static void
take_event(const record_codec_t *codec, bytes_t *in, record_event_t *event) {
    uint32_t control = (uint32_t)take(in, 2);
    *event = (record_event_t){.kind = control & 15, .hint = control >> 4 & 7, .touched = RECORD_UNKNOWN};
    event->time = take(in, control >> 7 & 7);
    event->addr = follow(codec->addr[event->hint], take(in, control >> 10 & 7));
    event->size = take(in, control >> 13 & 7);
    if (event->kind == CODED_MORE) {
        take_extra(in, event);
    } else if (event->kind > CODED_PLAIN) {
        event->kind = RECORD_NONE;
    }
}

/* A thread's first event has its number in the place of an address, and nothing before it. */
static void
begin_thread(record_codec_t *codec, const bytes_t *at, record_event_t *event) {
    bytes_t in = *at;
    *codec = (record_codec_t){0};
    take_event(codec, &in, event);
    codec->thread = (uint32_t)(event->addr >> 3);
    codec->addr[event->hint] = event->addr;
    event->addr = 0;
}

static uint64_t
time_of(const record_codec_t *codec, const record_clock_t *clock) {
    return clock != NULL ? record_clock_ns(clock, codec->time) : codec->time;
}

static long
decode_careful(record_codec_t *codec, const record_clock_t *clock, const void *bytes, size_t len,
               record_event_t *event) {
    bytes_t in = {bytes, len, false};
    skip_padding(&in);
    bytes_t at = in;
    take_event(codec, &in, event);
    if (in.short_of) {
        return 0;
    }
    if (event->kind == RECORD_NONE || event->kind >= RECORD_KINDS) {
        return -1;
    }
    if (event->kind == RECORD_THREAD) {
        begin_thread(codec, &at, event);
    } else {
        codec->addr[event->hint] = event->addr;
    }
    codec->time = cut(codec->time + event->time, RECORD_LG_SIZE);
    event->thread = codec->thread;
    event->time = time_of(codec, clock);
    return (long)(len - in.left);
}

/* The first `bytes` < 8 of the eight bytes at `in`. */
ALWAYS_INLINE uint64_t
load(const uint8_t *in, uint32_t bytes) {
    uint64_t value;
    memcpy(&value, in, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value & ((UINT64_C(1) << 8 * bytes) - 1);
}

/* A plain event, with RECORD_ROOM bytes to read: no byte is counted. */
static long
decode_plain(record_codec_t *codec, const record_clock_t *clock, const uint8_t *in, record_event_t *event) {
    uint32_t control = (uint32_t)in[0] | (uint32_t)in[1] << 8, hint = control >> 4 & 7;
    uint32_t time_bytes = control >> 7 & 7, addr_bytes = control >> 10 & 7, size_bytes = control >> 13;
    uint64_t addr = follow(codec->addr[hint], load(in + 2 + time_bytes, addr_bytes));
    codec->addr[hint] = addr;
    codec->time = cut(codec->time + load(in + 2, time_bytes), RECORD_LG_SIZE);
    *event = (record_event_t){.time = time_of(codec, clock),
                              .thread = codec->thread,
                              .kind = control & 15,
                              .hint = hint & 7,
                              .addr = addr,
                              .size = load(in + 2 + time_bytes + addr_bytes, size_bytes),
                              .touched = RECORD_UNKNOWN};
    return (long)(2 + time_bytes + addr_bytes + size_bytes);
}

long
record_decode(record_codec_t *codec, const record_clock_t *clock, const void *bytes, size_t len,
              record_event_t *event) {
    const uint8_t *in = bytes;
    if (LIKELY(len >= RECORD_ROOM) && LIKELY((in[0] & 15U) - 1 < CODED_PLAIN)) {
        return decode_plain(codec, clock, in, event);
    }
    return decode_careful(codec, clock, bytes, len, event);
}

/* Lengths are added up before anything else, since the next event begins behind them. */
size_t
record_skip(record_codec_t *codec, const void *bytes, size_t len, record_skipped_t *skipped) {
    const uint8_t *in = bytes, *end = in + len;
    uint64_t time = codec->time;
    *skipped = (record_skipped_t){0};
    while ((size_t)(end - in) >= RECORD_ROOM && (in[0] & 15U) - 1 < CODED_PLAIN) {
        uint32_t control = (uint32_t)in[0] | (uint32_t)in[1] << 8, hint = control >> 4 & 7;
        uint32_t time_bytes = control >> 7 & 7, addr_bytes = control >> 10 & 7;
        const uint8_t *fields = in + 2;
        in = fields + time_bytes + addr_bytes + (control >> 13);
        codec->addr[hint] = follow(codec->addr[hint], load(fields + time_bytes, addr_bytes));
        time = cut(time + load(fields, time_bytes), RECORD_LG_SIZE);
        skipped->first = skipped->n++ == 0 ? time : skipped->first;
    }
    codec->time = time;
    return (size_t)(in - (const uint8_t *)bytes);
}

/* ---- clocks ---- */

/* ns of a tick; 1 where the readings say nothing. */
static double
rate(const record_clock_t *clock) {
    bool known = clock->ticks[1] > clock->ticks[0] && clock->ns[1] > clock->ns[0];
    return known ? (double)(clock->ns[1] - clock->ns[0]) / (double)(clock->ticks[1] - clock->ticks[0]) : 1;
}

static uint64_t
along(uint64_t from, double by) {
    if (by < 0) {
        return -by < (double)from ? from - (uint64_t)-by : 0;
    }
    return by < 0x1p62 && from <= UINT64_MAX / 2 ? from + (uint64_t)by : UINT64_MAX;
}

uint64_t
record_clock_ns(const record_clock_t *clock, uint64_t stamp) {
    int64_t ticks = (int64_t)((stamp << clock->lg_unit) - clock->ticks[0]);
    uint64_t ns = along(clock->ns[0], (double)ticks * rate(clock));
    return ns < RECORD_LATEST ? ns : RECORD_LATEST;
}

uint64_t
record_clock_stamp(const record_clock_t *clock, uint64_t ns) {
    int64_t since = (int64_t)(ns - clock->ns[0]);
    return along(clock->ticks[0], (double)since / rate(clock)) >> clock->lg_unit;
}

#define QUICK 1000 /* ns of a try that was not interrupted */

void
record_clock_read(uint64_t (*clock)(void), uint64_t *ticks, uint64_t *ns) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < RECORD_CLOCK_TRIES && least > QUICK; i++) {
        uint64_t before = clock(), now = ticks_after(), took = clock() - before;
        if (took < least) {
            least = took;
            *ticks = now;
            *ns = before + took / 2;
        }
    }
}
