/* limits_usual.c -- linked into debug, asan, tsan and regions builds. */
#include "base/config.h"

#if LUNALLOC_DEBUG
const bool config_torture = false;
#endif
