/* core_notes.c -- see core_notes.h. */
#include "attach/core_notes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    BUILD_ID_MAX = 64,
    FILES_MAX = 1 << 20
};

static size_t
padded(size_t size) {
    return (size + 3) & ~(size_t)3;
}

/* ---- one note ---- */

static void
parse_process(core_notes_t *notes, const char *bytes, size_t size) {
    struct elf_prpsinfo process;
    if (size < sizeof process) {
        return;
    }
    memcpy(&process, bytes, sizeof process);
    notes->info.pid = process.pr_pid;
    snprintf(notes->info.name, sizeof notes->info.name, "%.*s", (int)sizeof process.pr_fname, process.pr_fname);
    for (char *c = notes->info.name; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
    }
}

/* NT_FILE: count and page size; then start, end and page offset of each; then the names, each terminated. */
static int
parse_files(core_notes_t *notes, const char *bytes, size_t size) {
    uint64_t head[2], range[3];
    if (notes->maps != NULL || size < sizeof head) {
        return 0;
    }
    memcpy(head, bytes, sizeof head);
    if (head[0] > FILES_MAX || head[0] * sizeof range > size - sizeof head) {
        return 0;
    }
    size_t names = sizeof head + head[0] * sizeof range;
    notes->maps = calloc(head[0] + 1, sizeof *notes->maps);
    notes->text = malloc(size - names + 1);
    if (notes->maps == NULL || notes->text == NULL) {
        return ENOMEM;
    }
    memcpy(notes->text, bytes + names, size - names);
    notes->text[size - names] = '\0';
    const char *name = notes->text, *end = notes->text + (size - names);
    for (uint64_t i = 0; i < head[0] && name < end; i++, name += strlen(name) + 1) {
        memcpy(range, bytes + sizeof head + i * sizeof range, sizeof range);
        notes->maps[notes->nmaps++] = (memory_map_t){
            .start = range[0], .end = range[1], .offset = range[2] * head[1], .permissions = "r--p", .path = name};
    }
    return 0;
}

static int
parse_note(core_notes_t *notes, uint32_t type, const char *bytes, size_t size) {
    switch (type) {
    case NT_PRPSINFO:
        parse_process(notes, bytes, size);
        return 0;
    case NT_PRSTATUS:
        notes->info.nthreads++;
        return 0;
    case NT_FILE:
        return parse_files(notes, bytes, size);
    default:
        return 0;
    }
}

int
core_notes_parse(core_notes_t *notes, const char *bytes, size_t n) {
    Elf64_Nhdr header;
    int error = 0;
    for (size_t at = 0; error == 0 && n - at >= sizeof header;) {
        memcpy(&header, bytes + at, sizeof header);
        size_t owner = at + sizeof header;
        if (header.n_namesz > n - owner || header.n_descsz > n - owner ||
            padded(header.n_namesz) + padded(header.n_descsz) > n - owner) {
            break;
        }
        size_t content = owner + padded(header.n_namesz);
        if (header.n_namesz == sizeof "CORE" && memcmp(bytes + owner, "CORE", sizeof "CORE") == 0) {
            error = parse_note(notes, header.n_type, bytes + content, header.n_descsz);
        }
        at = content + padded(header.n_descsz);
    }
    return error;
}

static void
close_file(core_notes_t *notes) {
    if (notes->opened != NULL && notes->fd >= 0) {
        close(notes->fd);
    }
    notes->opened = NULL;
}

void
core_notes_free(core_notes_t *notes) {
    close_file(notes);
    free(notes->maps);
    free(notes->text);
    *notes = (core_notes_t){0};
}

/* ---- is the file the one that was mapped? ---- */

/* A page, and how to get other parts of the same ELF file. */
typedef struct {
    int fd;           /* -1: from memory */
    memory_t *memory; /* of the core */
    uint64_t base;    /* where the file's beginning was mapped */
} elf_t;

static bool
read_elf(const elf_t *elf, uint64_t offset, void *to, size_t size) {
    if (elf->fd >= 0) {
        return pread(elf->fd, to, size, (off_t)offset) == (ssize_t)size;
    }
    return elf->memory->ops->read(elf->memory, elf->base + offset, to, size) == 0;
}

/* The build id in a segment of notes. */
static size_t
find_build_id(const char *notes, size_t size, char id[BUILD_ID_MAX]) {
    Elf64_Nhdr header;
    for (size_t at = 0; at + sizeof header <= size;) {
        memcpy(&header, notes + at, sizeof header);
        size_t content = at + sizeof header + padded(header.n_namesz), n = header.n_descsz;
        if (header.n_namesz > size || n > size || content + padded(n) > size) {
            return 0;
        }
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof "GNU" && n <= BUILD_ID_MAX &&
            memcmp(notes + at + sizeof header, "GNU", sizeof "GNU") == 0) {
            memcpy(id, notes + content, n);
            return n;
        }
        at = content + padded(n);
    }
    return 0;
}

/* Its length; 0 if there is none. Notes are in the first page. */
static size_t
build_id_of(const elf_t *elf, char id[BUILD_ID_MAX]) {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char notes[PAGE];
    if (!read_elf(elf, 0, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return 0;
    }
    for (unsigned i = 0; i < header.e_phnum && header.e_phoff + (i + 1) * sizeof segment <= PAGE; i++) {
        if (!read_elf(elf, header.e_phoff + i * sizeof segment, &segment, sizeof segment) ||
            segment.p_type != PT_NOTE || segment.p_offset >= PAGE) {
            continue;
        }
        size_t size = segment.p_filesz < PAGE - segment.p_offset ? segment.p_filesz : PAGE - segment.p_offset;
        size_t n = read_elf(elf, segment.p_offset, notes, size) ? find_build_id(notes, size, id) : 0;
        if (n > 0) {
            return n;
        }
    }
    return 0;
}

/* The address where the file began. */
static bool
find_base(const core_notes_t *notes, const char *path, uint64_t *base) {
    for (size_t i = 0; i < notes->nmaps; i++) {
        if (notes->maps[i].offset == 0 && strcmp(notes->maps[i].path, path) == 0) {
            *base = notes->maps[i].start;
            return true;
        }
    }
    return false;
}

/* Is the open file the one that was mapped? False, with the reason in notes->why. notes->fd is -1 meanwhile, so that
 * the first page is read from the core alone. */
static bool
is_same_file(core_notes_t *notes, memory_t *memory, int fd, const char *path) {
    char then[BUILD_ID_MAX], now[BUILD_ID_MAX];
    elf_t file = {.fd = fd}, core = {.fd = -1, .memory = memory};
    size_t n = find_base(notes, path, &core.base) ? build_id_of(&core, then) : 0;
    if (n == 0) {
        snprintf(notes->why, sizeof notes->why,
                 "the core does not have the first page of %.150s, which says which file it was", path);
        return false;
    }
    if (build_id_of(&file, now) != n || memcmp(then, now, n) != 0) {
        snprintf(notes->why, sizeof notes->why, "the core lacks parts of %.150s, and that is another file now", path);
        return false;
    }
    return true;
}

/* ---- reading it ---- */

static void
open_file(core_notes_t *notes, memory_t *memory, const char *path) {
    close_file(notes);
    notes->opened = path;
    notes->fd = -1;
    snprintf(notes->why, sizeof notes->why, "the core lacks parts of %.150s", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        snprintf(notes->why, sizeof notes->why, "the core lacks parts of %.150s, which cannot be read: %s", path,
                 strerror(errno));
        return;
    }
    if (is_same_file(notes, memory, fd, path)) {
        notes->fd = fd;
    } else {
        close(fd);
    }
}

static const memory_map_t *
map_of(const core_notes_t *notes, uint64_t addr) {
    for (size_t i = 0; i < notes->nmaps; i++) {
        if (addr >= notes->maps[i].start && addr < notes->maps[i].end) {
            return &notes->maps[i];
        }
    }
    return NULL;
}

int
core_notes_read_file(core_notes_t *notes, memory_t *memory, uint64_t addr, void *to, size_t size, size_t *n) {
    const memory_map_t *map = map_of(notes, addr);
    if (map == NULL) {
        return memory_fail(memory, EFAULT, "the core has nothing at 0x%llx", (unsigned long long)addr);
    }
    if (notes->opened == NULL || strcmp(notes->opened, map->path) != 0) {
        open_file(notes, memory, map->path);
    }
    if (notes->fd < 0) {
        return memory_fail(memory, EFAULT, "%s", notes->why);
    }
    *n = map->end - addr < size ? (size_t)(map->end - addr) : size;
    ssize_t got = pread(notes->fd, to, *n, (off_t)(map->offset + (addr - map->start)));
    if (got < 0) {
        return memory_fail(memory, EFAULT, "%.200s cannot be read: %s", map->path, strerror(errno));
    }
    /* Behind the end of the file, the last page reads as zeros. */
    memset((char *)to + got, 0, *n - (size_t)got);
    return 0;
}
