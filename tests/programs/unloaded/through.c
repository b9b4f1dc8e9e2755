/* through.c -- a library that calls back, with a frame of ROOM bytes. */
#ifndef ROOM
#define ROOM 24
#endif

void through(void (*call)(void));

void
through(void (*call)(void)) {
    volatile char room[ROOM];
    room[0] = 1;
    call();
    room[1] = room[0];
}
