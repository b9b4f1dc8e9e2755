/*
 * classes.h -- describes size classes: the work of lunalloc_sizeclass. Thread-safe.
 */
#ifndef LUNALLOC_OBSERVE_CLASSES_H
#define LUNALLOC_OBSERVE_CLASSES_H

#include "base/sc.h"
#include "lunalloc.h"

/* 0, or ENOENT past the last class. */
int classes_describe(uint32_t index, lunalloc_sizeclass_t *out);

#endif
