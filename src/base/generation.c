/* generation.c -- the word. */
#include "base/generation.h"

_Atomic uint32_t config_generation;
