/* message.c -- one function, for boot to put where the lower layers write to. */
#include "api/message.h"

#include "os/system.h"

void
message_write(const char *text, size_t len) {
    system_message_t *write = system_application_message();
    if (write != NULL) {
        write(NULL, text);
    } else {
        system_write_error(text, len);
    }
}
