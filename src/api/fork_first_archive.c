/*
 * fork_first_archive.c -- has our handlers of fork registered before any others, in a program that links the archive.
 * The shared library has fork_first_shared.c instead.
 */
#include "api/init.h"

/* Runs before all other constructors of the program. */
__attribute__((constructor(101))) static void
register_early(void) {
    init_at_fork();
}
