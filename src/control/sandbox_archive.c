/*
 * sandbox_archive.c -- a program that links the archive keeps the C library's functions that sandbox_shared.c replaces.
 * So the allocator does not learn of a sandbox, and no background thread starts that the user did not ask for.
 */
#include "control/background.h"

const bool background_unasked = false;
