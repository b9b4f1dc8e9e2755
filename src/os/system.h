/* system.h -- what else the allocator asks of the process and its system. Thread-safe, allocates nothing. */
#ifndef LUNALLOC_OS_SYSTEM_H
#define LUNALLOC_OS_SYSTEM_H

#include "base/config.h"

/* Processors that this process may run on, at least 1. */
unsigned system_ncpus(void);
/* The thread's number as the system's tools show it. */
uint32_t system_thread_id(void);
/* Ends the process at once, with nothing done at exit. */
_Noreturn void system_exit(int status);
/* Writes text to standard error, all of it if possible. Async-signal-safe. */
void system_write_error(const char *text, size_t len);
/* What is written at exit will go to where standard error leads now, whatever descriptor 2 is by then; nowhere, if it
 * is closed now. For that a copy of it stays open. Once, at boot. */
void system_keep_error(void);
/* From now on lines go there. No call to the system is made: a process may have forbidden itself all but writing. */
void system_error_at_exit(void);
/* In the child of a fork: it keeps a copy only of a regular file, and what it writes at exit goes to descriptor 2. A
 * daemon's caller waits until all copies of a pipe are closed. */
void system_forked(void);
/* An environment variable, or NULL; always NULL in a process that runs with more rights than its user's. */
const char *system_env(const char *name);
/* The configuration that the application has compiled in, as its variable `const char *lunalloc_conf`; or NULL. */
const char *system_application_conf(void);
/* The same in jemalloc's name, malloc_conf; or NULL. */
const char *system_application_malloc_conf(void);
/* Where the application wants lines of text to go: its malloc_message; NULL if it does not say. */
typedef void system_message_t(void *opaque, const char *text);
system_message_t *system_application_message(void);
/* A function of this name in a library that the process searches after this one; NULL if there is none. */
void *system_next_symbol(const char *name);
/* Where the machine's configuration is, in a place that only its administrator writes. */
extern const char system_config_path[];
/* A configuration: a link's target (where the system's links hold any text), or else a regular file's whole text. */
typedef struct {
    const char *text; /* terminated; NULL: there is none */
    size_t mapped;    /* bytes */
} system_text_t;

system_text_t system_open_config(const char *path);
/* Its memory goes. */
void system_close_config(const system_text_t *text);
/* Reads the beginning of one: a link's target (where the system's links hold any text), or else a regular file's text.
 * Length without terminator; 0 if there is none. */
size_t system_read_config(const char *path, char *buf, size_t size);
/* Names the function that thread exit calls; once, at boot. False if the system refuses. */
bool system_thread_exit_boot(void (*destroy)(void *));
/* The calling thread's exit will call destroy(value); NULL takes that back. May allocate. */
bool system_at_thread_exit(void *value);

#endif
