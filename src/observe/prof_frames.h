/*
 * prof_frames.h -- functions of an interpreted language in the stacks of samples.
 *
 * For hosts of interpreters (the Lua module): they set prof_frames, which the sampler calls with each stack that it has
 * captured. A frame of the interpreter is a word as the return addresses beside it are, but one that no code can have:
 * bit 63, and the number of its name. Names are kept once each and for good, at most PROF_FRAMES_MAX of them.
 *
 * Thread-safe, without a lock; takes RANK_METADATA for a new name.
 */
#ifndef LUNALLOC_OBSERVE_PROF_FRAMES_H
#define LUNALLOC_OBSERVE_PROF_FRAMES_H

#include "base/atomic.h"
#include "lunalloc.h"

#define PROF_FRAMES_MAX     65536
#define PROF_FRAME_NAME_MAX 192 /* bytes, with the terminator; longer names are cut */

/* Empty (NULL): nobody adds frames. Synchronization: any thread; release. */
extern lunalloc_frames_t *_Atomic prof_frames;

/* The word for a name, such as "build (script.lua:12)"; 0 if memory or the table is exhausted. */
uintptr_t prof_frame(const char *name);
/* The name of a word, which lives as long as the process; NULL if it is none of prof_frame's. */
const char *prof_frame_name(uintptr_t ip);
/* The name with the number; NULL if there are fewer. */
const char *prof_frame_numbered(uint32_t number);

#endif
