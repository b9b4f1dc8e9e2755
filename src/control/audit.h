/*
 * audit.h -- the last writes that other processes made through the agent: who, when, what, the value before and after.
 * The agent's thread adds; any thread reads, by way of the controls agent.audit.<i>.*.
 *
 * A ring without a lock: write n lies at n modulo AUDIT_KEPT until AUDIT_KEPT further ones, and so long its texts may
 * be used. Texts are cut to fit.
 */
#ifndef LUNALLOC_CONTROL_AUDIT_H
#define LUNALLOC_CONTROL_AUDIT_H

#include "base/atomic.h"
#include "control/text.h"

#define AUDIT_KEPT  64
#define AUDIT_VALUE 128

typedef struct {
    /* Synchronization: the agent writes, any thread reads; of a moment that audit_count has made visible: these
     * fields. */
    uint64_t time; /* ns since 1970 */
    uint32_t pid;  /* 0: not known here */
    uint32_t user;
    char name[TEXT_MAX_NAME];
    char old[AUDIT_VALUE]; /* "" if it cannot be read */
    char new[AUDIT_VALUE]; /* "" for an action */
} audit_t;

/* A place for the next write, to be filled in by the agent's thread; audit_add makes it visible. */
audit_t *audit_next(void);
void audit_add(void);

/* Writes since the start, and how many of them are kept. */
uint64_t audit_count(void);
size_t audit_kept(void);
/* i < audit_kept() */
const audit_t *audit_at(size_t i);

#endif
