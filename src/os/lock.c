/*
 * lock.c -- waiting for a lock. A look at it takes its line away from the holder, and a lock that changes hands takes
 * along what it guards, line by line: several times what is done under it. So who waits looks seldom. The first look
 * comes when one holder will be done; if others were faster, the next ones are so much later that a thread can take the
 * lock many times over meanwhile without losing a line. Then the lock is slept on, which is counted.
 */
#include "base/lock.h"
#include "os/clock.h"
#include "os/thread.h"

/* Nanoseconds before a look; each next one is FACTOR times as many. All together about what a sleep costs. */
#define DELAY_FIRST 400
#define DELAY_LAST  6400
#define FACTOR      4

static inline void
spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* Each turn takes a nanosecond at least: it ends even if the clock stands still. */
static void
spin_until(uint64_t time, unsigned turns) {
    do {
        spin_pause();
    } while (--turns > 0 && clock_ns() < time);
}

static bool
spin(lock_t *lock) {
    uint64_t time = clock_ns();
    for (unsigned delay = DELAY_FIRST; delay <= DELAY_LAST; delay *= FACTOR) {
        spin_until(time += delay, delay);
        if (atomic_get(&lock->state) == LOCK_FREE && lock_take(lock)) {
            return true;
        }
    }
    return false;
}

static void
raise_to(_Atomic uint64_t *max, uint64_t value) {
    if (value > atomic_get(max)) {
        atomic_set(max, value);
    }
}

/* Who comes from sleep cannot know whether another still sleeps: the lock stays "awaited". */
static void
sleep_for(lock_t *lock) {
    uint64_t began = clock_ns();
    uint32_t nsleepers = atomic_add(&lock->nsleepers, 1) + 1;
    while (atomic_exchange_explicit(&lock->state, LOCK_AWAITED, memory_order_acquire) != LOCK_FREE) {
        os_sleep_on(&lock->state, LOCK_AWAITED);
    }
    atomic_sub(&lock->nsleepers, 1);
    uint64_t slept = clock_ns() - began;
    counter_add(&lock->nwaits, 1);
    counter_add(&lock->wait_ns, slept);
    raise_to(&lock->max_wait_ns, slept);
    if (nsleepers > atomic_get(&lock->max_sleepers)) {
        atomic_set(&lock->max_sleepers, nsleepers);
    }
}

COLD void
lock_contend(lock_t *lock) {
    if (spin(lock)) {
        counter_add(&lock->nspins, 1);
    } else {
        sleep_for(lock);
    }
}

COLD void
lock_wake(lock_t *lock) {
    os_wake_one(&lock->state);
}
