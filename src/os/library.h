/* library.h -- libraries that are opened when they are first wanted, and not needed otherwise. */
#ifndef LUNALLOC_OS_LIBRARY_H
#define LUNALLOC_OS_LIBRARY_H

#include <stddef.h>

/* The flag of dlopen with which an object searches its own libraries first. */
extern const int library_deepbind;

/* Stays open; its handle. May load objects and so allocate; no lock is held that other threads take while they load an
 * object. NULL: it is not here, or the program has no dynamic linking. */
void *library_open(const char *name);
/* Writes the address of a function to a pointer to such, NULL if it is not there. library NULL: of any that is
 * loaded. */
void library_find(void *library, const char *name, void *function);

#endif
