/* wire.c -- a writer that never writes past its buffer's end, a reader that never reads past it, and the fields. */
#include "control/wire.h"

#include <string.h>

typedef struct {
    const char *name, *request, *reply;
} shape_t;

static const shape_t shapes[] = {
#define WIRE_KIND(name, number, request, reply) [number] = {#name, request, reply},
#include "control/wire.def"
#undef WIRE_KIND
};

static const shape_t *
shape_of(uint16_t kind) {
    return kind < sizeof shapes / sizeof *shapes && shapes[kind].name != NULL ? &shapes[kind] : NULL;
}

const char *
wire_kind_name(uint16_t kind) {
    const shape_t *shape = shape_of(kind);
    return shape != NULL ? shape->name : "?";
}

/* ---- bytes ---- */

/* at <= end. Failed: something did not fit, and nothing further is written. */
typedef struct {
    char *at, *end;
    bool failed;
} writer_t;

/* at <= end. Failed: something was not whole or wrong, and nothing further is read. */
typedef struct {
    const char *at, *end;
    bool failed;
} reader_t;

static void
put(writer_t *w, const void *data, size_t len) {
    w->failed = w->failed || len > (size_t)(w->end - w->at);
    if (!w->failed && len > 0) {
        memcpy(w->at, data, len);
        w->at += len;
    }
}

/* The next len bytes; NULL if there are fewer. */
static const char *
get(reader_t *r, uint64_t len) {
    r->failed = r->failed || len > (uint64_t)(r->end - r->at);
    if (r->failed) {
        return NULL;
    }
    r->at += len;
    return r->at - len;
}

static void
put_u32(writer_t *w, uint32_t value) {
    put(w, &value, sizeof value);
}

static void
put_u64(writer_t *w, uint64_t value) {
    put(w, &value, sizeof value);
}

/* 0 if they are not whole: here and below. */
static uint32_t
get_u32(reader_t *r) {
    uint32_t value = 0;
    const char *from = get(r, sizeof value);
    if (from != NULL) {
        memcpy(&value, from, sizeof value);
    }
    return value;
}

static uint64_t
get_u64(reader_t *r) {
    uint64_t value = 0;
    const char *from = get(r, sizeof value);
    if (from != NULL) {
        memcpy(&value, from, sizeof value);
    }
    return value;
}

static void
put_text(writer_t *w, const char *text) {
    text = text != NULL ? text : "";
    size_t len = strlen(text);
    w->failed = w->failed || len >= UINT32_MAX;
    put_u32(w, (uint32_t)len);
    put(w, text, len + 1);
}

static const char *
get_text(reader_t *r) {
    uint64_t len = get_u32(r);
    const char *text = get(r, len + 1);
    if (text == NULL || text[len] != '\0' || memchr(text, '\0', (size_t)len) != NULL) {
        r->failed = true;
        return "";
    }
    return text;
}

/* ---- fields ---- */

static void
put_value(writer_t *w, const lunalloc_value_t *value) {
    put_u32(w, value->type);
    switch (value->type) {
    case LUNALLOC_BOOL:
        put_u64(w, value->v.b);
        break;
    case LUNALLOC_UNSIGNED:
    case LUNALLOC_SIZE:
    case LUNALLOC_SSIZE:
    case LUNALLOC_U64:
        put_u64(w, value->v.u);
        break;
    case LUNALLOC_POINTER:
        put_u64(w, (uintptr_t)value->v.p);
        break;
    case LUNALLOC_STRING:
        put_u32(w, value->v.s != NULL);
        if (value->v.s != NULL) {
            put_text(w, value->v.s);
        }
        break;
    default:
        break;
    }
}

static const char *
get_string(reader_t *r) {
    uint32_t present = get_u32(r);
    r->failed = r->failed || present > 1;
    return present == 1 ? get_text(r) : NULL;
}

static void
get_value(reader_t *r, lunalloc_value_t *value) {
    uint32_t type = get_u32(r);
    r->failed = r->failed || type > LUNALLOC_STRUCT;
    value->type = r->failed ? LUNALLOC_VOID : (lunalloc_type_t)type;
    switch (value->type) {
    case LUNALLOC_VOID:
    case LUNALLOC_STRUCT:
        break;
    case LUNALLOC_STRING:
        value->v.s = get_string(r);
        break;
    default:
        value->v.u = get_u64(r);
        break;
    }
    if (value->type == LUNALLOC_BOOL) {
        uint64_t flag = value->v.u;
        r->failed = r->failed || flag > 1;
        value->v.b = flag == 1;
    } else if (value->type == LUNALLOC_POINTER) {
        value->v.p = (void *)(uintptr_t)value->v.u;
    }
}

static void
put_records(writer_t *w, const wire_records_t *records) {
    put_u32(w, records->size);
    put_u32(w, records->count);
    put(w, records->data, (size_t)records->size * records->count);
}

static void
get_records(reader_t *r, wire_records_t *records) {
    records->size = get_u32(r);
    records->count = get_u32(r);
    r->failed = r->failed || (records->size == 0 && records->count > 0);
    records->data = get(r, (uint64_t)records->size * records->count);
}

static void
get_bytes(reader_t *r, wire_bytes_t *bytes) {
    bytes->len = get_u32(r);
    bytes->data = get(r, bytes->len);
}

static void
put_bytes(writer_t *w, const wire_bytes_t *bytes) {
    put_u32(w, bytes->len);
    put(w, bytes->data, bytes->len);
}

/* ---- messages ---- */

/* Which slots the next fields take. */
typedef struct {
    unsigned numbers, texts, records;
} slots_t;

static void
put_field(writer_t *w, char field, slots_t *next, const wire_message_t *m) {
    switch (field) {
    case 'n':
        put_u64(w, m->number[next->numbers++]);
        break;
    case 't':
        put_text(w, m->text[next->texts++]);
        break;
    case 'v':
        put_value(w, &m->value);
        break;
    case 'r':
        put_records(w, &m->records[next->records++]);
        break;
    default:
        put_bytes(w, &m->bytes);
        break;
    }
}

static void
get_field(reader_t *r, char field, slots_t *next, wire_message_t *m) {
    switch (field) {
    case 'n':
        m->number[next->numbers++] = get_u64(r);
        break;
    case 't':
        m->text[next->texts++] = get_text(r);
        break;
    case 'v':
        get_value(r, &m->value);
        break;
    case 'r':
        get_records(r, &m->records[next->records++]);
        break;
    default:
        get_bytes(r, &m->bytes);
        break;
    }
}

/* The fields of a kind; NULL if it is unknown or does not travel this way. */
static const char *
fields_of(uint16_t kind, wire_way_t way) {
    const shape_t *shape = kind == WIRE_ERROR && way == wire_request ? NULL : shape_of(kind);
    return shape == NULL ? NULL : way == wire_request ? shape->request : shape->reply;
}

typedef struct {
    uint32_t len;
    uint16_t kind, zero;
    uint32_t id;
} header_t;

_Static_assert(sizeof(header_t) == WIRE_HEADER, "the header has no gaps");

size_t
wire_encode(void *buf, size_t size, wire_way_t way, const wire_message_t *message) {
    const char *fields = fields_of(message->kind, way);
    if (fields == NULL || size < WIRE_HEADER) {
        return 0;
    }
    size = size < WIRE_HEADER + WIRE_MAX ? size : WIRE_HEADER + WIRE_MAX;
    writer_t w = {.at = (char *)buf + WIRE_HEADER, .end = (char *)buf + size};
    slots_t next = {0};
    for (; *fields != '\0'; fields++) {
        put_field(&w, *fields, &next, message);
    }
    size_t payload = (size_t)(w.at - (char *)buf) - WIRE_HEADER;
    header_t header = {.len = (uint32_t)payload, .kind = message->kind, .id = message->id};
    memcpy(buf, &header, sizeof header);
    return w.failed ? 0 : WIRE_HEADER + payload;
}

long
wire_frame(const void *buf, size_t len, size_t max) {
    header_t header;
    if (len < sizeof header) {
        return 0;
    }
    memcpy(&header, buf, sizeof header);
    if (header.zero != 0 || header.len > max || header.len > WIRE_MAX) {
        return -1;
    }
    return len - sizeof header < header.len ? 0 : (long)(sizeof header + header.len);
}

bool
wire_decode(const void *buf, size_t len, wire_way_t way, wire_message_t *message) {
    *message = (wire_message_t){0};
    if (wire_frame(buf, len, WIRE_MAX) != (long)len) {
        return false;
    }
    header_t header;
    memcpy(&header, buf, sizeof header);
    message->kind = header.kind;
    message->id = header.id;
    const char *fields = fields_of(header.kind, way);
    reader_t r = {.at = (const char *)buf + WIRE_HEADER, .end = (const char *)buf + len, .failed = fields == NULL};
    slots_t next = {0};
    for (; !r.failed && *fields != '\0'; fields++) {
        get_field(&r, *fields, &next, message);
    }
    return !r.failed && r.at == r.end;
}

bool
wire_copy(const wire_records_t *records, uint32_t i, void *out, size_t size) {
    if (i >= records->count || records->size != size) {
        return false;
    }
    memcpy(out, (const char *)records->data + size * i, size);
    return true;
}

/* ---- rows ---- */

size_t
wire_put_row(void *buf, size_t size, const lunalloc_row_t *row) {
    writer_t w = {.at = buf, .end = (char *)buf + size};
    put_u32(&w, row->type);
    put_u32(&w, row->ranged);
    put_u64(&w, (uint64_t)row->min);
    put_u64(&w, (uint64_t)row->max);
    const char *texts[] = {row->name, row->unit, row->access, row->applies, row->default_text, row->doc, row->live};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_text(&w, texts[i]);
    }
    return w.failed ? 0 : (size_t)(w.at - (char *)buf);
}

bool
wire_get_row(const wire_bytes_t *rows, uint32_t *at, lunalloc_row_t *row) {
    *row = (lunalloc_row_t){0};
    if (*at >= rows->len) {
        return false;
    }
    reader_t r = {.at = rows->data + *at, .end = rows->data + rows->len};
    uint32_t type = get_u32(&r);
    uint32_t ranged = get_u32(&r);
    row->type = (lunalloc_type_t)type;
    row->ranged = ranged == 1;
    row->min = (int64_t)get_u64(&r);
    row->max = (int64_t)get_u64(&r);
    const char **texts[] = {&row->name,         &row->unit, &row->access, &row->applies,
                            &row->default_text, &row->doc,  &row->live};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = get_text(&r);
    }
    *at = (uint32_t)(r.at - rows->data);
    return !r.failed && type <= LUNALLOC_STRUCT && ranged <= 1;
}
