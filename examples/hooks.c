/*
 * hooks.c -- an arena whose memory is a file, by extent hooks: the system can write its pages out without swap space.
 *   cc hooks.c -llunalloc -o hooks && ./hooks
 */
#include <lunalloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static FILE *file;
static char *last; /* the last region, and its start in the file; no lock: a single thread allocates here */
static off_t start, used;

/* A region is a new piece of the file. The allocator treats each missing hook as one that refuses. */
static void *
from_file(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
          unsigned arena) {
    (void)hooks, (void)arena;
    char *place = mmap(new_addr, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED || ftruncate(fileno(file), used + (off_t)size) != 0) {
        return NULL;
    }
    char *addr = place + (-(uintptr_t)place & (alignment - 1));
    if (mmap(addr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fileno(file), used) == MAP_FAILED) {
        return NULL;
    }
    start = used, used += (off_t)size;
    *zero = *commit = true;
    return last = addr;
}

/* false means success: a region may be split anywhere. */
static bool
cut(extent_hooks_t *hooks, void *addr, size_t size, size_t a, size_t b, bool committed, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)a, (void)b, (void)committed, (void)arena;
    return false;
}

int
main(void) {
    static extent_hooks_t hooks = {.alloc = from_file, .split = cut}, *ours = &hooks;
    unsigned arena;
    size_t len = sizeof arena;
    char name[64], text[32] = "";
    if ((file = tmpfile()) == NULL || mallctl("arenas.create", &arena, &len, NULL, 0) != 0) {
        return 1;
    }
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    mallctl(name, NULL, NULL, &ours, sizeof ours);
    mallctl("thread.arena", NULL, NULL, &arena, sizeof arena); /* binds this thread to the arena */
    char *volatile block = malloc(64 << 20);
    strcpy(block, "this text is there");
    pread(fileno(file), text, sizeof text - 1, start + (block - last));
    printf("%ld MiB of memory in the file: \"%s\"\n", (long)(used >> 20), text);
    free(block);
    return 0;
}
