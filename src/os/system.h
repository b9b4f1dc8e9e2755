/*
 * system.h -- the rest of what the allocator asks of its process and system: processors, exit, standard error, the
 * sources of the configuration, and libraries that are loaded only when they are needed. Thread-safe, allocates
 * nothing, unless said otherwise. Memory, time, threads and files have headers of their own.
 */
#ifndef LUNALLOC_OS_SYSTEM_H
#define LUNALLOC_OS_SYSTEM_H

#include "base/config.h"

/* Asks the system for its page size, bytes. Use pages_size() (os/pages.h), which remembers it. */
size_t system_page_size(void);
/* Processors that this process may run on, at least 1. */
unsigned system_ncpus(void);
/* Ends the process at once; no exit handler runs. */
_Noreturn void system_exit(int status);

/* ---- standard error ---- */

/* Writes text to standard error, all of it if possible. Async-signal-safe. */
void system_write_error(const char *text, size_t len);
/* Keeps a copy of descriptor 2, so that what is written at exit goes where standard error leads now, even if the
 * program closes or redirects descriptor 2; nowhere if it is closed already. Once, at boot. */
void system_keep_error(void);
/* From now on system_write_error writes to the copy. Makes no system call: the process may have forbidden itself all
 * but writing. */
void system_error_at_exit(void);
/* In the child of a fork: closes the copy unless it is a regular file; the child's lines at exit then go to descriptor
 * 2. Otherwise a daemon's caller, which waits until all copies of a pipe are closed, would wait for ever. */
void system_forked(void);

/* ---- sources of the configuration ---- */

/* Does the process run with more rights than its user (set-uid)? */
bool system_is_privileged(void);
/* An environment variable, or NULL; always NULL in a process that runs with more rights than its user (set-uid). */
const char *system_env(const char *name);
/* The configuration that the application has compiled in, as its variable `const char *lunalloc_conf`; or NULL. */
const char *system_application_conf(void);
/* The same under jemalloc's name, malloc_conf; or NULL. */
const char *system_application_malloc_conf(void);
/* The application's malloc_message, which gets lines of text instead of standard error; NULL if it defines none. */
typedef void system_message_t(void *opaque, const char *text);
system_message_t *system_application_message(void);
/* The file of the machine's configuration, in a folder that only its administrator writes. */
extern const char system_config_path[];

/* Finds a configuration text: a link's target (where links may hold any text), or else the content of a regular file.
 * *size: the most bytes that it has. False if there is none. */
bool system_find_config(const char *path, size_t *size);
/* Reads the beginning of such a text into buf. Returns its length without the terminator; 0 if there is none. */
size_t system_read_config(const char *path, char *buf, size_t size);
/* Reads the beginning of a file of the system's own (/proc, /sys) into buf. As system_read_config. */
size_t system_read_file(const char *path, char *buf, size_t size);

/* ---- libraries ---- */

/* A function of this name in a library that the process searches after this one; NULL if there is none. */
void *system_next_symbol(const char *name);
/* Loads a library for good and returns its handle; NULL if it is not installed, or the program has no dynamic linking.
 * May load other objects and so allocate: the caller holds no lock that another thread takes while it loads an
 * object. */
void *system_open_library(const char *name);
/* Stores the address of a function in *function, a pointer to a function; NULL if there is none. library NULL: searches
 * all that are loaded. */
void system_find_function(void *library, const char *name, void *function);
/* The flag of dlopen by which an object searches its own libraries first. */
extern const int system_deepbind;

#endif
