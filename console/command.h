/*
 * command.h -- subcommands: `lunalloc NAME ARGS`.
 *
 * Use it for the first word of a command line. A subcommand is a file lua/lunalloc/command/NAME.lua; the list of them,
 * and what such a file is, stand in lua/lunalloc/command/init.lua.
 */
#ifndef CONSOLE_COMMAND_H
#define CONSOLE_COMMAND_H

#include "run.h"

#include <lua.h>
#include <stdbool.h>

/* What is to be done after command_run(). */
typedef enum {
    COMMAND_DONE,   /* the status is the process's exit status */
    COMMAND_PROMPT, /* the subcommand wants a prompt: what it found stands in globals */
    COMMAND_SCRIPT  /* the word is no subcommand: it names a script */
} command_end_t;

/* Could the argument be the name of a subcommand? A word: letters, digits, '-', '_'. */
bool command_is_word(const char *argument);

/*
 * Runs the subcommand argv[0] with its nargs arguments argv[1..]. *status gets its exit status; STATUS_USAGE, after a
 * line on stderr, if the word is neither a subcommand nor a readable file. An interrupted subcommand prints nothing.
 */
command_end_t command_run(lua_State *L, char **argv, int nargs, status_t *status);

/* Prints the list of subcommands, grouped. */
status_t command_list(lua_State *L);

#endif
