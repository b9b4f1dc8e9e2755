/*
 * options.h -- parses the console's command line into plain data.
 *
 *     lunalloc COMMAND [ARGS...]
 *     lunalloc [-e CODE | -l MODULE | -i]... [--] [SCRIPT [ARGS...] | -]
 *
 * Parsing only fills the structure, or prints one error line: nothing runs before the whole command line is known to be
 * valid.
 */
#ifndef CONSOLE_OPTIONS_H
#define CONSOLE_OPTIONS_H

#include <stdbool.h>

typedef struct {
    bool help;
    bool version;
    bool tour;
    bool interactive; /* -i: prompt after the script or code */
    int nactions;     /* how many -e and -l there are; they stand in argv[1 .. end), in order */
    int end;          /* index in argv of the first argument that is not an option; argc without one */
    int script;       /* index in argv of the script's name ("-" is standard input); 0 without a script */
    bool word;        /* the script's name is the first argument, so it may be a subcommand's */
} options_t;

typedef enum {
    ACTION_EXECUTE,
    ACTION_REQUIRE
} action_kind_t;

typedef struct {
    action_kind_t kind;
    const char *text; /* the code, or the name of the module; points into argv */
} action_t;

/* Fills `options`. If the command line is invalid, prints one line on stderr (the reason, and what is allowed) and
 * returns false. */
bool options_parse(int argc, char **argv, options_t *options);

/* Gets the next -e or -l of a parsed command line. Start with *cursor = 1; false after the last one. */
bool options_next_action(char **argv, const options_t *options, int *cursor, action_t *action);

/* The text of -h. */
extern const char options_usage[];

#endif
