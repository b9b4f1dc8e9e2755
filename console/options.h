/*
 * options.h -- the console's command line, as plain data.
 *
 *     lunalloc [-e CODE | -l MODULE | -i]... [--] [SCRIPT [ARGS...] | -]
 *
 * Parsing has no effects but for the error line: nothing runs before the whole line is known to be good.
 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include <stdbool.h>

typedef struct {
    bool help;
    bool version;
    bool tour;
    bool interactive; /* -i: a prompt follows whatever else was asked for */
    int nactions;     /* -e and -l, which stand in argv[1 .. end) in their order */
    int end;          /* index of the first argument that is no option; argc if there is none */
    int script;       /* index of the script's name ("-" is standard input); 0 if there is none */
} options_t;

typedef enum {
    ACTION_EXECUTE,
    ACTION_REQUIRE
} action_kind_t;

typedef struct {
    action_kind_t kind;
    const char *text; /* the code, or the module's name; points into argv */
} action_t;

/* Fills `options`. On a bad line prints one line on stderr (what, and what is allowed) and returns false. */
bool options_parse(int argc, char **argv, options_t *options);

/* Steps through the -e and -l of a parsed line: start with *cursor = 1; false at the end. */
bool options_next_action(char **argv, const options_t *options, int *cursor, action_t *action);

/* The text that -h prints. */
extern const char options_usage[];

#endif
