/* layout_variables.c -- where the variables of the list of layouts are. Of the library alone. */
#include "control/layout.h"

#include "base/config.h"

/* How the library was built. Release builds have no variable for the second one. */
const bool layout_debug = config_debug;
#if defined(__ELF__) && !LUNALLOC_DEBUG
extern const bool layout_torture __asm__("config_torture");
const bool layout_torture = false;
#endif

/* Distances, which the linker computes: C has addresses only, each of which the dynamic linker would have to relocate
 * at start. */
#if defined(__ELF__)
#define VARIABLE(symbol) ".quad " #symbol " - .\n"
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        ".globl layout_variables\n"
        ".hidden layout_variables\n"
        "layout_variables:\n"
#include "control/layout.def"
        ".popsection\n");
#else
/* Nobody reads another process there. */
const int64_t layout_variables[LAYOUT_VARIABLES];
#endif
