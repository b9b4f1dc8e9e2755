/* foreign.c -- reads and checks the table of layouts, and copies structures by it. */
#include "attach/foreign.h"

#include "arena/arenas.h"
#include "control/background.h"
#include "control/ctl_option.h"
#include "control/schema.h"
#include "extent/pagemap.h"
#include "observe/history.h"
#include "thread/quarantine.h"
#include "thread/tcaches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_MAX = 1 << 20
};

/* ---- the table ---- */

/* FNV-1a: a number that stands for the names in messages. */
static uint32_t
sum_of(const char *text, size_t n) {
    uint32_t sum = 2166136261U;
    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ (unsigned char)text[i]) * 16777619U;
    }
    return sum;
}

static int
refuse(memory_t *memory, const target_t *target, unsigned version, uint32_t sum) {
    const layout_t *own = &layout_table;
    return memory_fail(memory, EPROTO,
                       "its structures are those of lunalloc %.31s, layout %u.%08x, and this module reads layout "
                       "%u.%08x of %s; use the lunalloc command of that version",
                       target->library, version, sum, own->version, sum_of(layout_names(own), own->names_size),
                       LUNALLOC_VERSION);
}

/* Reads the beginning of the table, whose place never moves. */
static int
read_head(memory_t *memory, const target_t *target, layout_t *head) {
    memset(head, 0, sizeof *head);
    if (target->layout == 0) {
        return memory_fail(memory, EPROTO, "its library has no table of layouts");
    }
    int error = memory->ops->read(memory, target->layout, head, offsetof(layout_t, structs));
    if (error == 0 && (head->size > TABLE_MAX || head->names_offset > head->size ||
                       head->names_size > head->size - head->names_offset)) {
        return memory_fail(memory, EPROTO, "its table of layouts is damaged");
    }
    return error;
}

/* Names that are the same make tables of one length. */
static bool
is_known(const layout_t *layout) {
    const layout_t *own = &layout_table;
    return layout->version == own->version && layout->size == own->size && layout->names_offset == own->names_offset &&
           layout->names_size == own->names_size &&
           memcmp(layout_names(layout), layout_names(own), own->names_size) == 0 &&
           memcmp(layout->constants, own->constants, sizeof own->constants) == 0;
}

/* A field has the same size and structure, and lies within it. */
static bool
are_fields_sound(const layout_t *layout) {
    for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
        const layout_field_t *field = &layout->fields[i], *own = &layout_table.fields[i];
        if (field->size != own->size || field->of != own->of ||
            (uint64_t)field->offset + field->size > layout->structs[own->of]) {
            return false;
        }
    }
    for (unsigned i = 0; i < LAYOUT_STRUCTS; i++) {
        if (layout->structs[i] > 2 * layout_table.structs[i]) {
            return false;
        }
    }
    for (unsigned i = 0; i < LAYOUT_PLACES; i++) {
        if (layout->places[i] > 2 * layout_table.places[i]) {
            return false;
        }
    }
    return layout->places[layout_at_bins] >= layout->structs[layout_arena];
}

static int
read_table(foreign_t *foreign, memory_t *memory, const target_t *target) {
    layout_t head;
    int error = read_head(memory, target, &head);
    if (error != 0) {
        return error;
    }
    foreign->layout = malloc(head.size);
    if (foreign->layout == NULL) {
        return memory_fail(memory, ENOMEM, "no memory for its table of layouts");
    }
    error = memory->ops->read(memory, target->layout, foreign->layout, head.size);
    if (error != 0) {
        return error;
    }
    if (foreign->layout->size != head.size || !is_known(foreign->layout)) {
        return refuse(memory, target, head.version,
                      sum_of((const char *)foreign->layout + head.names_offset, head.names_size));
    }
    return are_fields_sound(foreign->layout) ? 0 : memory_fail(memory, EPROTO, "its table of layouts is damaged");
}

static int
read_variables(foreign_t *foreign, memory_t *memory, uint64_t addr) {
    int64_t distances[LAYOUT_VARIABLES];
    int error = memory->ops->read(memory, addr, distances, sizeof distances);
    for (unsigned i = 0; error == 0 && i < LAYOUT_VARIABLES; i++) {
        foreign->variables[i] = addr + i * sizeof distances[0] + (uint64_t)distances[i];
    }
    return error;
}

/* ---- copies ---- */

#define STRUCT(id, type) typedef type type_of_##id;
#include "control/layout.def"

/* A bool that has another value than 0 and 1 is undefined behaviour: which fields are made sound. */
static const bool bools[] = {
#define FIELD(of, path) _Generic(((type_of_##of *)NULL)->path, bool : true, default : false),
#include "control/layout.def"
};

static void
find_bools(foreign_t *foreign) {
    for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
        if (bools[i] && foreign->nbools < FOREIGN_BOOLS) {
            foreign->bools[foreign->nbools++] = &layout_table.fields[i];
        }
    }
    for (unsigned id = 0, i = 0; id <= LAYOUT_STRUCTS; id++) {
        for (; i < foreign->nbools && foreign->bools[i]->of < id; i++) {
        }
        foreign->first_bool[id] = i;
    }
}

static void
make_bools_sound(const foreign_t *foreign, layout_struct_t id, unsigned char *out) {
    for (unsigned i = foreign->first_bool[id]; i < foreign->first_bool[id + 1]; i++) {
        unsigned char *byte = out + foreign->bools[i]->offset;
        *byte = *byte != 0;
    }
}

static void
copy_fields(const foreign_t *foreign, layout_struct_t id, const char *bytes, char *out) {
    const layout_field_t *from = foreign->layout->fields, *to = layout_table.fields;
    for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
        if (to[i].of == id) {
            memcpy(out + to[i].offset, bytes + from[i].offset, to[i].size);
        }
    }
}

void
foreign_copy(const foreign_t *foreign, layout_struct_t id, const void *bytes, void *out) {
    if (foreign->same) {
        memcpy(out, bytes, layout_table.structs[id]);
    } else {
        memset(out, 0, layout_table.structs[id]);
        copy_fields(foreign, id, bytes, out);
    }
    make_bools_sound(foreign, id, out);
}

/* ---- beginning and end ---- */

int
foreign_open(foreign_t *foreign, memory_t *memory, const target_t *target) {
    *foreign = (foreign_t){0};
    int error = read_table(foreign, memory, target);
    if (error == 0) {
        error = read_variables(foreign, memory, target->variables);
    }
    if (error != 0) {
        foreign_close(foreign);
        return error;
    }
    find_bools(foreign);
    foreign->same = memcmp(foreign->layout, &layout_table, offsetof(layout_t, names)) == 0;
    return 0;
}

void
foreign_close(foreign_t *foreign) {
    free(foreign->layout);
    foreign->layout = NULL;
}
