/* futex.h -- threads of a replay wait for a word to change. Thread-safe. */
#ifndef REPLAY_FUTEX_H
#define REPLAY_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Waits while *word is `value`, for at most `ns`. */
void replay_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t ns);
void replay_wake(_Atomic uint32_t *word);

#endif
