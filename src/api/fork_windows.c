/* fork_windows.c -- processes are not forked there: nothing to prepare for. */
#include "api/init.h"

void
fork_boot(void) {
}
