/*
 * core_file.c -- an ELF core file as memory.
 *
 *   PT_LOAD           a range of addresses; its first bytes are in the core, the rest is not
 *   NT_FILE           which ranges were mapped from which file
 *   NT_PRPSINFO       name and number of the process
 *   NT_PRSTATUS       one for each thread
 *
 * An address is looked for in the contents of the core; then, if it belongs to a mapped file, in that file; else it is
 * a page that nobody had touched, or that the core was told to leave out: EFAULT.
 */
#include "attach/core_file.h"

#include "attach/core_notes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENTS_MAX = 1 << 20,
    NOTES_MAX = 64 << 20,
    TITLE = 256
};

typedef struct {
    uint64_t start, end; /* addresses */
    uint64_t offset, n;  /* contents in the core */
} segment_t;

struct core_file {
    memory_t base;
    int fd;
    uint64_t size;       /* of the file */
    segment_t *segments; /* by address */
    size_t nsegments;
    core_notes_t notes;
    char title[TITLE];
};

static core_file_t *
core_of(memory_t *memory) {
    return (core_file_t *)(void *)memory;
}

/* ---- the file ---- */

/* Reads all, or fails with EFAULT at the end of the file. */
static int
read_at(int fd, uint64_t offset, void *to, size_t size) {
    char *out = to;
    while (size > 0) {
        ssize_t n = pread(fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? EFAULT : errno;
        }
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static const segment_t *
segment_of(const core_file_t *core, uint64_t addr) {
    size_t from = 0, to = core->nsegments;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (core->segments[middle].end <= addr) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from < core->nsegments && core->segments[from].start <= addr ? &core->segments[from] : NULL;
}

/* Reads as much as one source has: at least a byte, at most size. */
static int
read_some(core_file_t *core, uint64_t addr, void *to, size_t size, size_t *n) {
    const segment_t *segment = segment_of(core, addr);
    uint64_t into = segment == NULL ? 0 : addr - segment->start;
    if (segment != NULL && into < segment->n) {
        *n = segment->n - into < size ? (size_t)(segment->n - into) : size;
        int error = read_at(core->fd, segment->offset + into, to, *n);
        return error == EFAULT ? memory_fail(&core->base, EFAULT, "%s is truncated", core->title)
               : error != 0    ? memory_fail(&core->base, error, "%s cannot be read: %s", core->title, strerror(error))
                               : 0;
    }
    size = segment != NULL && segment->end - addr < size ? (size_t)(segment->end - addr) : size;
    return core_notes_read_file(&core->notes, &core->base, addr, to, size, n);
}

/* ---- operations ---- */

static int
core_read(memory_t *memory, uint64_t addr, void *to, size_t size) {
    char *out = to;
    while (size > 0) {
        size_t n = 0;
        int error = read_some(core_of(memory), addr, out, size, &n);
        if (error != 0) {
            return error;
        }
        addr += n;
        out += n;
        size -= n;
    }
    return 0;
}

static int
core_read_parts(memory_t *memory, memory_part_t *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int error = core_read(memory, parts[i].addr, parts[i].to, parts[i].size);
        parts[i].error = error == 0 ? 0 : EFAULT;
    }
    return 0;
}

static int
core_write(memory_t *memory, uint64_t addr, const void *from, size_t size) {
    (void)addr;
    (void)from;
    (void)size;
    return memory_fail(memory, EPERM, "%s can only be read", core_of(memory)->title);
}

static int
core_maps(memory_t *memory, const memory_map_t **maps, size_t *n) {
    *maps = core_of(memory)->notes.maps;
    *n = core_of(memory)->notes.nmaps;
    return 0;
}

/* ---- what is there ---- */

/* A file system that knows no holes has one range of data. */
static void
visit_data(const core_file_t *core, const segment_t *segment, void (*visit)(void *, uint64_t, uint64_t),
           void *context) {
    uint64_t at = segment->offset, stop = segment->offset + segment->n;
    while (at < stop) {
        off_t data = lseek(core->fd, (off_t)at, SEEK_DATA);
        off_t hole = data < 0 ? -1 : lseek(core->fd, data, SEEK_HOLE);
        if (data < 0 && errno == ENXIO) {
            return;
        }
        uint64_t from = data < 0 ? at : (uint64_t)data, to = hole < 0 || (uint64_t)hole > stop ? stop : (uint64_t)hole;
        if (from < to) {
            visit(context, segment->start + (from - segment->offset), segment->start + (to - segment->offset));
        }
        at = to;
    }
}

void
core_held(const core_file_t *core, void (*visit)(void *context, uint64_t start, uint64_t end), void *context) {
    for (size_t i = 0; i < core->nsegments; i++) {
        visit_data(core, &core->segments[i], visit, context);
    }
}

void
core_close(core_file_t *core) {
    core_notes_free(&core->notes);
    free(core->segments);
    if (core->fd >= 0) {
        close(core->fd);
    }
    free(core);
}

static void
close_memory(memory_t *memory) {
    core_close(core_of(memory));
}

static const memory_ops_t operations = {
    .read = core_read,
    .read_parts = core_read_parts,
    .write = core_write,
    .maps = core_maps,
    .close = close_memory,
};

memory_t *
core_memory(core_file_t *core) {
    return &core->base;
}

const core_info_t *
core_info(const core_file_t *core) {
    return &core->notes.info;
}

const char *
core_title(const core_file_t *core) {
    return core->title;
}

/* ---- opening ---- */

static int
refuse(core_file_t *core, const char *why) {
    return memory_fail(&core->base, EINVAL, "%s: %s", core->title, why);
}

/* The machine of this process: structures of another one cannot be read. */
#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

static int
check_header(core_file_t *core, const Elf64_Ehdr *header) {
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return refuse(core, "it is no core file");
    }
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != MACHINE) {
        return refuse(core, "it is of another kind of processor");
    }
    if (header->e_type != ET_CORE) {
        return refuse(core, header->e_type == ET_EXEC || header->e_type == ET_DYN
                                ? "it is a program or a library, not a core file"
                                : "it is no core file");
    }
    return header->e_phentsize == sizeof(Elf64_Phdr) ? 0 : refuse(core, "its list of segments is damaged");
}

/* With 65,535 segments or more, the first section says how many there are. */
static int
count_segments(core_file_t *core, const Elf64_Ehdr *header, uint64_t *n) {
    Elf64_Shdr section;
    *n = header->e_phnum;
    if (header->e_phnum == PN_XNUM) {
        if (header->e_shoff == 0 || read_at(core->fd, header->e_shoff, &section, sizeof section) != 0) {
            return refuse(core, "its list of segments is damaged");
        }
        *n = section.sh_info;
    }
    return *n > 0 && *n <= SEGMENTS_MAX ? 0 : refuse(core, "its list of segments is damaged");
}

static void
add_segment(core_file_t *core, const Elf64_Phdr *header) {
    if (header->p_memsz == 0 || header->p_vaddr + header->p_memsz < header->p_vaddr) {
        return;
    }
    core->segments[core->nsegments++] = (segment_t){
        .start = header->p_vaddr,
        .end = header->p_vaddr + header->p_memsz,
        .offset = header->p_offset,
        .n = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz,
    };
}

static int
read_notes(core_file_t *core, const Elf64_Phdr *header) {
    if (header->p_filesz > NOTES_MAX) {
        return refuse(core, "its notes are damaged");
    }
    char *bytes = malloc(header->p_filesz + 1);
    if (bytes == NULL) {
        return memory_fail(&core->base, ENOMEM, "no memory for the notes of %s", core->title);
    }
    int error = read_at(core->fd, header->p_offset, bytes, header->p_filesz);
    if (error == 0) {
        error = core_notes_parse(&core->notes, bytes, header->p_filesz);
        error = error == 0 ? 0 : memory_fail(&core->base, error, "no memory for the notes of %s", core->title);
    } else {
        error = refuse(core, "it is truncated");
    }
    free(bytes);
    return error;
}

static int
compare_segments(const void *a, const void *b) {
    const segment_t *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static int
read_segments(core_file_t *core, uint64_t offset, uint64_t n) {
    Elf64_Phdr *headers = calloc(n, sizeof *headers);
    core->segments = calloc(n, sizeof *core->segments);
    int error = 0;
    if (headers == NULL || core->segments == NULL) {
        error = memory_fail(&core->base, ENOMEM, "no memory for the segments of %s", core->title);
    } else if (read_at(core->fd, offset, headers, n * sizeof *headers) != 0) {
        error = refuse(core, "it is truncated");
    }
    for (uint64_t i = 0; error == 0 && i < n; i++) {
        if (headers[i].p_type == PT_LOAD) {
            add_segment(core, &headers[i]);
        } else if (headers[i].p_type == PT_NOTE) {
            error = read_notes(core, &headers[i]);
        }
    }
    free(headers);
    if (error == 0) {
        qsort(core->segments, core->nsegments, sizeof *core->segments, compare_segments);
    }
    return error;
}

static int
open_file(core_file_t *core, const char *path) {
    struct stat status;
    core->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (core->fd < 0 || fstat(core->fd, &status) != 0) {
        int error = errno;
        return memory_fail(&core->base, error, "%s cannot be read: %s", core->title, strerror(error));
    }
    core->size = (uint64_t)status.st_size;
    return S_ISREG(status.st_mode) ? 0 : refuse(core, "it is no file");
}

static int
load(core_file_t *core, const char *path) {
    Elf64_Ehdr header;
    uint64_t n;
    int error = open_file(core, path);
    if (error == 0 && read_at(core->fd, 0, &header, sizeof header) != 0) {
        error = refuse(core, "it is no core file");
    }
    error = error == 0 ? check_header(core, &header) : error;
    error = error == 0 ? count_segments(core, &header, &n) : error;
    return error == 0 ? read_segments(core, header.e_phoff, n) : error;
}

int
core_open(const char *path, core_file_t **out, char *message, size_t size) {
    core_file_t *core = calloc(1, sizeof *core);
    if (core == NULL) {
        snprintf(message, size, "no memory for core file %s", path);
        return ENOMEM;
    }
    core->base.ops = &operations;
    core->fd = -1;
    snprintf(core->title, sizeof core->title, "core file %s", path);
    int error = load(core, path);
    if (error != 0) {
        snprintf(message, size, "%s", core->base.message);
        core_close(core);
        return error;
    }
    *out = core;
    return 0;
}
