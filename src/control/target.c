/* target.c -- the structure and the note. */
#include "control/target.h"

#include "base/options.h"
#include "control/layout.h"

target_t lunalloc_target = {
    .magic = TARGET_MAGIC,
    .version = TARGET_VERSION,
    .size = sizeof(target_t),
    .library = LUNALLOC_VERSION,
    .requests = (uint64_t)(uintptr_t)&config_generation.part.requests,
    .layout = (uint64_t)(uintptr_t)&layout_table,
    .variables = (uint64_t)(uintptr_t)layout_variables,
};

#if defined(__ELF__)

/* The note refers to the structure by a name that no other library can take over. */
extern target_t target_here __attribute__((alias("lunalloc_target"), visibility("hidden")));

/* Sizes of the owner and of the content, and the type; the owner, padded to 4 bytes; the content. */
__asm__(".pushsection .note.lunalloc, \"a\", %note\n"
        ".balign 4\n"
        ".long 9, 8, 1\n"
        ".asciz \"lunalloc\"\n"
        ".balign 4\n"
        ".quad target_here - .\n"
        ".popsection\n");

#endif
