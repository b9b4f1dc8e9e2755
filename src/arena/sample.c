/* sample.c -- the slot, empty until a profiler fills it. */
#include "arena/sample.h"

const sampler_t *_Atomic sampler;
_Atomic bool sampling;
_Atomic uint32_t sample_generation;
