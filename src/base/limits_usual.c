/* limits_usual.c -- linked into debug, asan, tsan and regions builds. */
#include "base/config.h"

const bool config_torture = false;
