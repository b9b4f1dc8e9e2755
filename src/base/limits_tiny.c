/* limits_tiny.c -- linked into torture builds. */
#include "base/config.h"

#if LUNALLOC_DEBUG
const bool config_torture = true;
#endif
