/*
 * find.c -- see find.h. It reads the first page of each mapped file, as ELF has there the header and the list of
 * segments, and follows the segments of notes.
 */
#include "attach/find.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum {
    PAGE = 4096,
    NOTES_MAX = 4096
};

#define OWNER "lunalloc"

/* ---- notes ---- */

static uint64_t
padded(uint64_t size) {
    return (size + 3) & ~(uint64_t)3;
}

/* The content of lunalloc's note in `size` bytes at `notes`: its offset; 0 if it is not there. */
static size_t
find_note(const char *notes, size_t size) {
    Elf64_Nhdr header;
    for (size_t at = 0; at + sizeof(header) <= size;) {
        memcpy(&header, notes + at, sizeof(header));
        size_t owner = at + sizeof(header);
        uint64_t content = owner + padded(header.n_namesz), next = content + padded(header.n_descsz);
        if (next > size) {
            return 0;
        }
        if (header.n_type == TARGET_NOTE && header.n_namesz == sizeof(OWNER) && header.n_descsz == sizeof(int64_t) &&
            memcmp(notes + owner, OWNER, sizeof(OWNER)) == 0) {
            return content;
        }
        at = next;
    }
    return 0;
}

/* The address of the structure, from one segment of notes; 0 if that has no such note. */
static int
follow_notes(memory_t *memory, uint64_t addr, uint64_t size, uint64_t *found) {
    char notes[NOTES_MAX];
    int64_t distance;
    size = size < sizeof(notes) ? size : sizeof(notes);
    int error = memory->ops->read(memory, addr, notes, size);
    size_t content = error == 0 ? find_note(notes, size) : 0;
    *found = 0;
    if (content != 0) {
        memcpy(&distance, notes + content, sizeof(distance));
        *found = addr + content + (uint64_t)distance;
    }
    return error;
}

/* ---- segments ---- */

/* The segments in the page that an ELF file begins with. NULL if it is no such file. */
static const Elf64_Phdr *
segments_of(const char *page, size_t *n) {
    Elf64_Ehdr header;
    memcpy(&header, page, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff % sizeof(uint64_t) != 0 || header.e_phoff > PAGE ||
        header.e_phnum > (PAGE - header.e_phoff) / sizeof(Elf64_Phdr)) {
        return NULL;
    }
    *n = header.e_phnum;
    return (const Elf64_Phdr *)(page + header.e_phoff);
}

/* The distance of the addresses in the file from those in memory, where it is mapped from `start` on. */
static uint64_t
base_of(const Elf64_Phdr *segments, size_t n, uint64_t start) {
    for (size_t i = 0; i < n; i++) {
        if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0) {
            return start - segments[i].p_vaddr;
        }
    }
    return start;
}

/* *found: the address of the structure in the file that is mapped from `start` on; 0 if that has none. */
static int
search_file(memory_t *memory, uint64_t start, uint64_t *found) {
    _Alignas(uint64_t) char page[PAGE];
    size_t n = 0;
    *found = 0;
    int error = memory->ops->read(memory, start, page, sizeof(page));
    const Elf64_Phdr *segments = error == 0 ? segments_of(page, &n) : NULL;
    uint64_t base = base_of(segments, n, start);
    for (size_t i = 0; i < n && *found == 0 && error == 0; i++) {
        if (segments[i].p_type == PT_NOTE) {
            error = follow_notes(memory, base + segments[i].p_vaddr, segments[i].p_filesz, found);
        }
    }
    return error == EFAULT ? 0 : error;
}

static bool
may_have_it(const memory_map_t *map) {
    return map->offset == 0 && map->permissions[0] == 'r' && map->path[0] == '/' && strncmp(map->path, "/dev/", 5) != 0;
}

/* ---- the structure ---- */

int
find_target_again(memory_t *memory, const char *title, uint64_t addr, target_t *copy) {
    *copy = (target_t){.size = offsetof(target_t, library)};
    int error = memory->ops->read(memory, addr, copy, copy->size);
    if (error != 0) {
        return error;
    }
    if (memcmp(copy->magic, TARGET_MAGIC, sizeof(copy->magic)) != 0) {
        return memory_fail(memory, EPROTO, "%s has overwritten what lunalloc tells other processes", title);
    }
    if (copy->version != TARGET_VERSION) {
        return memory_fail(memory, EPROTO, "%s runs a lunalloc that this one (%s) does not know: use its own console",
                           title, LUNALLOC_VERSION);
    }
    size_t size = copy->size < sizeof(*copy) ? copy->size : sizeof(*copy);
    error = memory->ops->read(memory, addr, copy, size);
    copy->library[sizeof(copy->library) - 1] = copy->socket[sizeof(copy->socket) - 1] = '\0';
    return error;
}

/* Not booted: as of a copy of the library whose malloc nobody calls. */
static int
search_all(memory_t *memory, const char *title, const memory_map_t *maps, size_t n, uint64_t *addr, target_t *copy) {
    int error = 0;
    *addr = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t found = 0;
        error = may_have_it(&maps[i]) ? search_file(memory, maps[i].start, &found) : 0;
        if (error == 0 && found != 0) {
            *addr = found;
            error = find_target_again(memory, title, found, copy);
        }
        if (error != 0 || (found != 0 && copy->booted != 0)) {
            break;
        }
    }
    return error;
}

/* The list of mappings is valid until it is read again, which nothing here does. */
int
find_target(memory_t *memory, const char *title, uint64_t *addr, target_t *copy) {
    const memory_map_t *maps;
    size_t n;
    int error = memory->ops->maps(memory, &maps, &n);
    if (error == 0) {
        error = search_all(memory, title, maps, n, addr, copy);
    }
    if (error == 0 && *addr == 0) {
        error = memory_fail(memory, ENOENT,
                            "%s does not run lunalloc: start it with `lunalloc run -- COMMAND`, or with "
                            "LD_PRELOAD",
                            title);
    }
    return error;
}
