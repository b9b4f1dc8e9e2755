/*
 * thread_light.h -- threads that the C library does not know. Use one for work that a process has not asked for, so
 * that a program of one thread keeps what it has as such.
 *
 * A program pays for a second thread of the C library's: from the first pthread_create on, stdio locks its files,
 * mutexes and C++'s shared_ptr use locked instructions, in programs that never needed that. A light thread is made by
 * the system call alone, with a stack and thread-local memory of its own, so all of that stays as it is. It can also be
 * started from inside of free, since no lock of the C library is taken and nothing is allocated.
 *
 *   area:   [ guard page | stack ... | thread-local variables | thread pointer, zeros ]
 *
 * Unless the process's system calls are filtered, it shares only memory with its process. It has no descriptors, and a
 * root and working directory of its own, so that the process's files close when the process closes them, and setns(2)
 * works. It gives up its capabilities and, where the system has Landlock, all files: it stays harmless where the
 * process drops its rights later, of which it learns nothing. All signals are blocked. It cannot print: a fatal message
 * of it is lost.
 *
 * What runs in it may use this library's code and thread-local variables, but nothing of the C library beyond copying
 * memory, so no hook of an application's.
 */
#ifndef LUNALLOC_OS_THREAD_LIGHT_H
#define LUNALLOC_OS_THREAD_LIGHT_H

#include "os/thread.h"

/* May this process have one? Not in builds with a sanitizer, which must know each thread, not on processors that this
 * is not written for, and not in a process with more rights than a user, unless they can be taken from the thread. The
 * answer does not change, but for a filter. At most two system calls. */
bool os_thread_light_possible(void);
/* As os_thread_start, but allocates nothing, and takes no lock. The thread's variables begin as zeros, not with their
 * initial values. `local`: a thread-local variable that the thread uses; the others lie within 64 KiB. */
bool os_thread_start_light(os_thread_t *thread, const char *name, void (*run)(void *), void *arg, const void *local);
/* os_thread_join of such a thread. */
void os_thread_join_light(os_thread_t *thread);

#endif
