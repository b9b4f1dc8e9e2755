/* page_watch.c -- see page_watch.h. */
#include "arena/page_watch.h"

page_watch_t *_Atomic page_watch;
