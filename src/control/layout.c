/* layout.c -- the table of layouts of this build. The module is linked with it, too. */
#include "control/layout.h"

#include "arena/arenas.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_option.h"
#include "control/schema.h"
#include "extent/pagemap.h"
#include "lunalloc.h"
#include "observe/history.h"
#include "thread/quarantine.h"
#include "thread/tcaches.h"

#define STRUCT(id, type) typedef type type_of_##id;
#include "control/layout.def"

#define SIZE_OF(of, path) (uint16_t)sizeof(((const type_of_##of *)NULL)->path)

enum {
    NAMES_SIZE = sizeof(
#include "control/layout_names.def"
    )
};

const layout_t layout_table = {.size = sizeof(layout_t) + NAMES_SIZE,
                               .version = LAYOUT_VERSION,
                               .names_offset = offsetof(layout_t, names),
                               .names_size = NAMES_SIZE,
                               .structs =
                                   {
#define STRUCT(id, type) sizeof(type),
#include "control/layout.def"
                                   },
                               .places =
                                   {
#define PLACE(id, of, field) offsetof(type_of_##of, field),
#include "control/layout.def"
                                   },
                               .fields =
                                   {
#define FIELD(of, path) {offsetof(type_of_##of, path), SIZE_OF(of, path), layout_##of},
#include "control/layout.def"
                                   },
                               .constants =
                                   {
#define CONSTANT(name) (uint64_t)(name),
#include "control/layout.def"
                                   },
                               .names =
#include "control/layout_names.def"
};
