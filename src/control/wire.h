/*
 * wire.h -- the language of agent and console: frames, and messages as typed fields. Pure functions over the caller's
 * buffers: nothing is allocated, and a reader never leaves the bytes that it was given, whatever they are. The agent
 * uses it and, compiled into the module, the module's client; a test speaks it, too.
 *
 *   wire_message_t m = {.kind = WIRE_GET, .id = 1, .text = {"arenas.narenas"}};
 *   size_t len = wire_encode(buf, sizeof buf, wire_request, &m);        send(fd, buf, len, ...)
 *
 *   long len = wire_frame(buf, got, WIRE_MAX);                          0: receive more; < 0: close the connection
 *   if (wire_decode(buf, (size_t)len, wire_reply, &m)) ... m.value      texts and records lie in buf
 *
 * A frame is a header and a payload, in the byte order of the machine, which both sides share:
 *
 *   | payload bytes: u32 | kind: u16 | zero: u16 | id: u32 | payload ... |
 *
 * The payload has the fields that wire.def lists for the kind and the direction, without gaps:
 *
 *   number   u64
 *   text     bytes without the terminator: u32, the bytes, a zero; no zero is among the bytes
 *   value    lunalloc_type_t: u32, then nothing, a u64, or a text (0: absent)
 *   records  bytes of one: u32, count: u32, the records as C has them in memory
 *   bytes    count: u32, the bytes
 *
 * The console sends requests, the agent answers each with one reply of the same kind and id, or with an ERROR. Replies
 * come in the order of the requests. The first request is HELLO. The sizes of records tell the two sides whether their
 * structures are the same (wire_copy); all else that is not understood is an error of the frame.
 *
 * Thread-safe as far as the buffers are the caller's.
 */
#ifndef LUNALLOC_CONTROL_WIRE_H
#define LUNALLOC_CONTROL_WIRE_H

#include "lunalloc.h"

#define WIRE_VERSION 1
#define WIRE_HEADER  12
/* Most bytes of a payload: of a reply, and of a request. */
#define WIRE_MAX         ((64U << 10) - WIRE_HEADER)
#define WIRE_REQUEST_MAX 7680U
/* Most bytes of the message of an ERROR, terminator included. */
#define WIRE_MESSAGE_MAX 512

typedef enum {
#define WIRE_KIND(name, number, request, reply) WIRE_##name = (number),
#include "control/wire.def"
#undef WIRE_KIND
    WIRE_NONE = 0
} wire_kind_t;

typedef enum {
    wire_request,
    wire_reply
} wire_way_t;

#define WIRE_NUMBERS 4
#define WIRE_TEXTS   2
#define WIRE_RECORDS 3

typedef struct {
    uint32_t size, count; /* bytes of one record; records */
    const void *data;     /* not aligned after decoding: wire_copy */
} wire_records_t;

typedef struct {
    uint32_t len;
    const char *data;
} wire_bytes_t;

/* Only the slots that the kind's fields name are read and written; decoding sets all others to zeros. */
typedef struct {
    uint16_t kind; /* wire_kind_t */
    uint32_t id;   /* a reply has its request's */
    uint64_t number[WIRE_NUMBERS];
    const char *text[WIRE_TEXTS];
    lunalloc_value_t value;
    wire_records_t records[WIRE_RECORDS];
    wire_bytes_t bytes;
} wire_message_t;

/* Writes the frame of a message. Returns its bytes, header included; 0 if it does not fit into `size` or the kind is
 * unknown. An ERROR is always a reply. A text or a string value of NULL counts as "". */
size_t wire_encode(void *buf, size_t size, wire_way_t way, const wire_message_t *message);

/* Bytes of the frame that begins at buf, of which `len` have arrived: 0 if it is not whole yet, -1 if it is no frame or
 * its payload is larger than `max`. */
long wire_frame(const void *buf, size_t len, size_t max);

/* Reads one whole frame of `len` bytes. Pointers of the message point into it. False if a field is not whole, is
 * malformed or is followed by more than the kind has. A reply may be an ERROR. */
bool wire_decode(const void *buf, size_t len, wire_way_t way, wire_message_t *message);

/* Copies record i. False if there is no such record or its size is not `size`. */
bool wire_copy(const wire_records_t *records, uint32_t i, void *out, size_t size);

/* Rows of the schema, one behind the other, as WIRE_ROWS and WIRE_DESCRIBE carry them. wire_put_row returns the bytes
 * written, 0 if they do not fit. wire_get_row reads the row at *at, moves *at behind it and lets the row's texts point
 * into the bytes; false at the end, or if the row is malformed. */
size_t wire_put_row(void *buf, size_t size, const lunalloc_row_t *row);
bool wire_get_row(const wire_bytes_t *rows, uint32_t *at, lunalloc_row_t *row);

/* The name of a kind: "GET"; "?" if it is unknown. */
const char *wire_kind_name(uint16_t kind);

#endif
