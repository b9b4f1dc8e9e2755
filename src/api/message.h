/* message.h -- where the library's lines go: to the application's malloc_message, if it has set one, or to standard
 * error. */
#ifndef LUNALLOC_API_MESSAGE_H
#define LUNALLOC_API_MESSAGE_H

#include <stddef.h>

/* A text of so many bytes, which is terminated, too. */
void message_write(const char *text, size_t len);

#endif
