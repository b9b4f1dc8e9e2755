/*
 * target.h -- what another process finds in this one: a structure that says which library this is, where requests are
 * written, and whether an agent listens. A console reads and writes it with process_vm_readv and process_vm_writev; the
 * kernel decides which processes may.
 *
 * How it is found. The library, or a program that links the archive, has an ELF note (owner "lunalloc", type
 * TARGET_NOTE) in the first page of its file, which every process maps and every core file has. The note's content is
 * the distance from the content itself to the structure, 8 bytes, signed. The structure is also exported by name, for
 * debuggers.
 *
 * How a request is made. The other process adds 1 to the number at `requests`. Each thread notices that on its next
 * slow path, where it holds no lock, and calls the slot threads_requested (thread/refresh.h).
 *
 * Versions. A reader that does not know `version` reads no further than `size`. The first four fields never move.
 */
#ifndef LUNALLOC_CONTROL_TARGET_H
#define LUNALLOC_CONTROL_TARGET_H

#include "base/atomic.h"
#include "lunalloc.h"

#define TARGET_MAGIC   "lunalloc" /* 8 bytes, without a terminator */
#define TARGET_NOTE    1          /* type of the note */
#define TARGET_VERSION 1
#define TARGET_SOCKET  108 /* bytes of a socket's path, terminator included */

/* What the agent of a process does. */
typedef enum {
    AGENT_OFF,      /* no thread; a request starts one */
    AGENT_STARTING, /* its thread prepares the socket */
    AGENT_LISTENS,  /* on `socket` */
    AGENT_NEVER,    /* forbidden: opt.agent is "never", or the process has more rights than its user */
    AGENT_FAILED    /* the system refused something: `error` */
} agent_state_t;

typedef struct {
    /* Synchronization: constant: these fields. */
    char magic[8];
    uint32_t version;
    uint32_t size;     /* bytes of this structure */
    char library[32];  /* LUNALLOC_VERSION, terminated */
    uint64_t requests; /* address of the number of requests, 4 bytes */

    _Atomic uint32_t booted; /* Synchronization: boot writes; 1: the allocator works. */
    _Atomic uint32_t pid;    /* Synchronization: boot and fork write; in the process's own namespace. */

    /* Synchronization: the agent writes these fields, `agent` last (release). */
    _Atomic uint32_t agent;     /* agent_state_t */
    _Atomic uint32_t error;     /* errno value of AGENT_FAILED; else 0 */
    char socket[TARGET_SOCKET]; /* as this process sees it; valid while `agent` is AGENT_LISTENS */

    /* Synchronization: constant: these fields; addresses (layout.h). */
    uint64_t layout;    /* the table of layouts */
    uint64_t variables; /* the distances of variables */

    _Atomic uint32_t forced; /* Synchronization: another process writes; 1: a request starts the agent although the
                                process filters its system calls. */
} target_t;

extern LUNALLOC_API target_t lunalloc_target;

#endif
