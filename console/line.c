/*
 * line.c -- see line.h.
 *
 * On a terminal this uses readline's callback interface, which returns after every key: a blocking readline() could
 * drop its line on Ctrl-C only by a longjmp out of a signal handler. Between keys the process sleeps in poll.
 * Readline's own signal handlers stay installed (they restore terminal modes on Ctrl-Z, and notice resizing). They only
 * set a flag; rl_check_signals then does the work. For SIGINT it calls the handler of interrupt.c, which sets the flag
 * that interrupt_take reads.
 */
#include "line.h"

#include "complete.h"
#include "history.h"
#include "interrupt.h"
#include "terminal.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <readline/readline.h>

enum {
    PROMPT_SIZE = 128 /* bytes of a prompt, without colour */
};

static char prompts[2][PROMPT_SIZE] = {[PROMPT_FIRST] = "lunalloc> ", [PROMPT_MORE] = "       >> "};

static bool editing;

/* Set by readline's callback: the line is complete, and its text (NULL at the end of input). */
static bool finished;
static char *received;

static volatile sig_atomic_t continued; /* SIGCONT: the process was stopped, and the shell has written over the line */

static void
on_line(char *text) {
    rl_callback_handler_remove();
    received = text;
    finished = true;
}

/*
 * Reads one key for readline. If Ctrl-C arrives in the middle of a key sequence, or while readline waits for the answer
 * to a question, it is read as Ctrl-G, which aborts either. The flag stays set for edit_line.
 */
static int
read_key(FILE *in) {
    unsigned char key;
    for (;;) {
        ssize_t n = read(fileno(in), &key, 1);
        if (n == 1) {
            return key;
        }
        if (n == 0 || errno != EINTR) {
            return EOF;
        }
        rl_check_signals();
        if (interrupt_pending()) {
            return '\a';
        }
    }
}

static void
on_continue(int signal_number) {
    (void)signal_number;
    continued = 1;
}

/*
 * Sleeps until there is input (true) or a signal arrives. Signals are handled before any input is read: Ctrl-C must not
 * drop keys that were typed after it.
 */
static bool
wait_for_key(void) {
    struct pollfd input = {.fd = fileno(rl_instream), .events = POLLIN};
    bool ready = poll(&input, 1, -1) > 0;
    rl_check_signals();
    if (continued) {
        continued = 0;
        rl_forced_update_display();
    }
    return ready;
}

static void
abandon_line(void) {
    rl_callback_sigcleanup();
    rl_callback_handler_remove();
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
}

static line_status_t
edit_line(const char *prompt, char **text) {
    finished = false;
    received = NULL;
    rl_callback_handler_install(prompt, on_line);
    while (!finished) {
        bool ready = !interrupt_pending() && wait_for_key();
        if (interrupt_take()) {
            abandon_line();
            return LINE_INTERRUPTED;
        }
        if (ready) {
            rl_callback_read_char();
        }
    }
    if (received == NULL) {
        fputc('\n', rl_outstream);
        return LINE_END;
    }
    *text = received;
    return LINE_TEXT;
}

/* Reads without readline. The prompt is written to stderr, and only to a terminal, so that stdout has results only. */
static line_status_t
plain_line(const char *prompt, char **text) {
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        fputs(prompt, stderr);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n = getline(&line, &capacity, stdin);
    if (n < 0) {
        free(line);
        bool interrupted = interrupt_take();
        clearerr(stdin);
        return interrupted ? LINE_INTERRUPTED : LINE_END;
    }
    line[strcspn(line, "\n")] = '\0';
    *text = line;
    return LINE_TEXT;
}

void
line_open(lua_State *L) {
    editing = terminal_editable();
    if (!editing) {
        return;
    }
    setlocale(LC_CTYPE, "");       /* for characters of several bytes */
    rl_readline_name = "lunalloc"; /* for "$if lunalloc" in ~/.inputrc */
    rl_catch_signals = 1;
    rl_persistent_signal_handlers = 1;
    rl_getc_function = read_key;
    struct sigaction action = {.sa_handler = on_continue};
    sigaction(SIGCONT, &action, NULL);
    complete_open(L);
    history_open();
}

void
line_set_prompt(const char *text) {
    snprintf(prompts[PROMPT_FIRST], PROMPT_SIZE, "%s", text);
    int width = (int)strlen(prompts[PROMPT_FIRST]);
    snprintf(prompts[PROMPT_MORE], PROMPT_SIZE, "%*s", width, ">> ");
}

/* The prompt with its colours. \001 and \002 tell readline that the bytes between them take
 * no room on the screen. */
static const char *
coloured(line_prompt_t prompt) {
    static char text[PROMPT_SIZE + 32];
    snprintf(text, sizeof text, "\001\033[%s36m\002%.*s\001\033[0m\002", prompt == PROMPT_FIRST ? "1;" : "",
             PROMPT_SIZE - 1, prompts[prompt]);
    return text;
}

/* Ends a line that was begun, whoever wrote it: Lua, or a program that it ran. As many blanks as the terminal has
 * columns wrap from the middle of a line, and only from there: from the first column they fill the line, and the cursor
 * waits at its end. */
static void
leave_line(int columns) {
    printf("%*s\r\033[K", columns, "");
}

/* Where the cursor cannot be moved, text of an unfinished line is known only while it is in the stream's buffer. */
void
line_finish_output(void) {
    int columns = terminal_columns();
    if (terminal_editable() && terminal_addressable() && columns > 0) {
        leave_line(columns);
    } else if (terminal_editable() && __fpending(stdout) > 0) {
        putchar('\n');
    }
    fflush(stdout);
}

line_status_t
line_read(line_prompt_t prompt, char **text) {
    line_finish_output();
    if (!editing) {
        return plain_line(prompts[prompt], text);
    }
    return edit_line(terminal_colour() ? coloured(prompt) : prompts[prompt], text);
}

void
line_remember(const char *text) {
    if (editing) {
        history_record(text);
    }
}
