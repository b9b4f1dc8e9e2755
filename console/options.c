/*
 * options.c -- parses the command line; see options.h.
 */
#include "options.h"

#include <stdio.h>
#include <string.h>

const char options_usage[] =
    "usage: lunalloc COMMAND [arguments]\n"
    "       lunalloc [options] [script.lua [args] | -]\n"
    "\n"
    "Looks into processes that run on the lunalloc allocator. It is also a Lua 5.4 prompt and script runner on that\n"
    "allocator; the global 'la' is the lunalloc module.\n"
    "\n"
    "  -e CODE        run CODE; may be repeated\n"
    "  -l MODULE      global MODULE = require \"MODULE\"; may be repeated\n"
    "  -i             prompt after the script or CODE\n"
    "  -              run standard input as the script\n"
    "  --             end of the options; a word after it is a script, not a command\n"
    "      --tour     the guided tour, then the prompt\n"
    "  -v, --version  print the version\n"
    "  -h, --help     print this text\n"
    "\n"
    "Without a script or CODE: a prompt on a terminal, otherwise standard input is the script.\n"
    "Exit status: 0 success, 1 usage, unreadable script or refused, 2 the process ended meanwhile, 3 script error,\n"
    "4 a limit was missed; os.exit(n) gives n.\n"
    "\n";

static bool
is_flag(const char *argument, const char *brief, const char *full) {
    return (brief != NULL && strcmp(argument, brief) == 0) || strcmp(argument, full) == 0;
}

/* The value of the -e or -l at argv[i]: the rest of this argument ("-eCODE"), or the next one. *used: how many
 * arguments option and value are. NULL if the value is missing. */
static const char *
option_value(char **argv, int i, int *used) {
    bool glued = argv[i][2] != '\0';
    *used = glued ? 1 : 2;
    return glued ? argv[i] + 2 : argv[i + 1];
}

static bool
takes_value(const char *argument) {
    return argument[0] == '-' && (argument[1] == 'e' || argument[1] == 'l');
}

/* Parses the option at argv[i]. Returns how many arguments it takes, 0 if it is invalid. */
static int
parse_option(char **argv, int i, options_t *options) {
    const char *argument = argv[i];
    int used = 1;
    if (is_flag(argument, "-i", "--interactive")) {
        options->interactive = true;
    } else if (is_flag(argument, "-v", "--version")) {
        options->version = true;
    } else if (is_flag(argument, "-h", "--help")) {
        options->help = true;
    } else if (is_flag(argument, NULL, "--tour")) {
        options->tour = true;
    } else if (!takes_value(argument)) {
        fprintf(stderr, "lunalloc: unknown option '%s'; allowed: -e -l -i -v -h --tour - -- (lunalloc -h explains)\n",
                argument);
        return 0;
    } else if (option_value(argv, i, &used) == NULL) {
        fprintf(stderr, "lunalloc: '%s' needs %s after it\n", argument, argument[1] == 'e' ? "code" : "a module name");
        return 0;
    } else {
        options->nactions++;
    }
    return used;
}

static bool
is_option(const char *argument) {
    return argument[0] == '-' && argument[1] != '\0';
}

bool
options_parse(int argc, char **argv, options_t *options) {
    *options = (options_t){.end = argc};
    int i = 1;
    while (i < argc && is_option(argv[i]) && strcmp(argv[i], "--") != 0) {
        int used = parse_option(argv, i, options);
        if (used == 0) {
            return false;
        }
        i += used;
    }
    options->end = i;
    if (i < argc && strcmp(argv[i], "--") == 0) {
        i++;
    }
    options->script = i < argc ? i : 0;
    options->word = i == 1 && i < argc;
    if (options->tour && (options->script != 0 || options->nactions > 0)) {
        fprintf(stderr, "lunalloc: --tour takes no script and no -e or -l\n");
        return false;
    }
    return true;
}

bool
options_next_action(char **argv, const options_t *options, int *cursor, action_t *action) {
    while (*cursor < options->end) {
        int i = *cursor;
        int used = 1;
        bool found = takes_value(argv[i]);
        if (found) {
            action->kind = argv[i][1] == 'e' ? ACTION_EXECUTE : ACTION_REQUIRE;
            action->text = option_value(argv, i, &used);
        }
        *cursor = i + used;
        if (found) {
            return true;
        }
    }
    return false;
}
