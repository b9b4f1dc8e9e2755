/*
 * socket.c -- a program without Lua that can be tuned from outside: it starts the agent, which listens on a socket.
 *
 *   cc socket.c $(pkg-config --cflags --libs lunalloc) -o socket && ./socket &
 *   lunalloc get $! stats.dirty; lunalloc set $! arena.4096.dirty_decay_ms=0
 *
 * LUNALLOC_CONF=agent:true does the same for a program that knows nothing of it.
 */
#include <lunalloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The value of a control, as a text that is valid until the next call. */
static const char *
read_text(const char *name) {
    lunalloc_value_t value;
    return lunalloc_ctl_get(name, &value, NULL, 0) == 0 ? value.v.s : "";
}

/* Load: for each second a peak of 64 MiB. */
static void
work(void) {
    static char *blocks[64];
    for (int i = 0; i < 64; i++) {
        blocks[i] = memset(malloc(1 << 20), i, 1 << 20);
    }
    for (int i = 0; i < 64; i++) {
        free(blocks[i]);
    }
}

int
main(void) {
    char message[256];
    if (lunalloc_ctl_set("agent.active", "true", message, sizeof message) != 0) {
        fprintf(stderr, "socket: %s\n", message);
        return 1;
    }
    while (strcmp(read_text("agent.state"), "starting") == 0) {
        usleep(1000);
    }
    printf("process %d listens on %s\n", (int)getpid(), read_text("agent.path"));
    fflush(stdout);
    for (;;) {
        work();
        sleep(1);
    }
}
