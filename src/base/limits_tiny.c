/* limits_tiny.c -- linked into torture builds. */
#include "base/config.h"

const bool config_torture = true;
