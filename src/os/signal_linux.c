/* signal_linux.c -- names and numbers of signals; sigaction. */
#include "os/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

static const struct {
    char name[8];
    uint8_t number;
} known[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
    {"ALRM", SIGALRM}, {"TERM", SIGTERM},   {"CONT", SIGCONT}, {"URG", SIGURG},   {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"PWR", SIGPWR},
};

/* A decimal of one or two digits; -1 if the text is none. */
static int
decimal(const char *text) {
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 2 || text[len] != '\0') {
        return -1;
    }
    return len == 1 ? text[0] - '0' : (text[0] - '0') * 10 + text[1] - '0';
}

static int
allowed_number(int number) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].number == number) {
            return number;
        }
    }
    return number >= SIGRTMIN && number <= SIGRTMAX ? number : 0;
}

static int
named(const char *text) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].name) == 0) {
            return known[i].number;
        }
    }
    int above = strncmp(text, "RTMIN+", 6) == 0 ? decimal(text + 6) : -1;
    return above >= 0 && above <= SIGRTMAX - SIGRTMIN ? SIGRTMIN + above : 0;
}

int
signal_number(const char *text) {
    int number = decimal(text);
    return number >= 0 ? allowed_number(number) : named(strncmp(text, "SIG", 3) == 0 ? text + 3 : text);
}

int
signal_handle(int number, void (*handler)(int number)) {
    struct sigaction old, ours = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    if (sigaction(number, NULL, &old) != 0) {
        return errno;
    }
    if (old.sa_handler != SIG_DFL) {
        return EBUSY;
    }
    return sigaction(number, &ours, NULL) == 0 ? 0 : errno;
}
