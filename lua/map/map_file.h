/*
 * map_file.h -- files with the extents of an instant: what instant:save() writes and la.instant.load() reads.
 *
 *   file   = "LUNALLOC INSTANT 1\n", chunks, the last of which is an end chunk
 *   chunk  = kind, bytes of the payload, records in it, CRC-32 of these xor that of the payload: 32 bits each,
 *            little-endian; payload
 *   header   a text: the other fields of the instant, as JSON
 *   classes  records: the size of a class
 *   extents  log2 of the unit; records: state and flags, gap to the one before and size in units, serial number and
 *            order of purging as differences, arena, class, and of a slab its regions and what was discarded
 *   runs     log2 of the unit; records: kind, gap to the one before, size
 *   end      the numbers of extents and runs
 *
 * Numbers in payloads are varints: 7 bits in a byte, the lowest first. An extent takes 8 bytes or so. Each chunk of
 * extents or runs begins anew, with the address 0, and is at most 64 KiB long; they ascend from chunk to chunk.
 *
 * A file may be damaged, foreign or hostile. Reading it ends, stays within bounds, and takes memory in proportion to
 * its size. It is read whole or refused.
 */
#ifndef LUNALLOC_LUA_MAP_MAP_FILE_H
#define LUNALLOC_LUA_MAP_MAP_FILE_H

#include "map/extent_set.h"
#include "map/residency.h"

/* 0, or an errno value and a line in `message`. The file is whole, or as it was (trace/output.h). */
int map_file_write(const char *path, const char *header, size_t header_size, const extent_set_t *set,
                   const residency_t *residency, char *message, size_t message_size);

/* All zero is an empty one. */
typedef struct {
    char *header; /* malloc's; terminated, and may contain zero bytes */
    size_t header_size;
    extent_set_t set; /* tidy */
    residency_t residency;
} map_content_t;

/* 0; or an errno value and a line in `message`, and out is empty: EINVAL if it is no such file, or damaged. */
int map_file_read(const char *path, map_content_t *out, char *message, size_t message_size);

/*
 * Reads a file whose extents need not be kept: drawing them as they are read takes half of the time. The functions
 * return false if they have no memory. What they were given counts only if the file turns out to be sound.
 */
typedef struct {
    void *context;
    bool (*begin)(void *context, uint64_t extents); /* the rest of the content is known; NULL: nothing to do */
    bool (*take)(void *context, const extent_entry_t *batch, size_t n); /* ascending, as in a tidy set */
} map_sink_t;

/* As map_file_read(), but out->set has classes only. */
int map_file_scan(const char *path, map_content_t *out, const map_sink_t *sink, char *message, size_t message_size);
void map_content_free(map_content_t *content);

#endif
