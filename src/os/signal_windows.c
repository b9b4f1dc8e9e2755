/* signal_windows.c -- there are no signals from outside. */
#include "os/signal.h"

#include <errno.h>

int
signal_number(const char *text) {
    (void)text;
    return 0;
}

int
signal_handle(int number, void (*handler)(int number)) {
    (void)number;
    (void)handler;
    return ENOSYS;
}
