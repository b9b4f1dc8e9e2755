/*
 * main.c -- the lunalloc console: a Lua 5.4 interpreter whose own malloc is lunalloc (it links the shared library),
 * with the module preset as the global `la`, and a prompt.
 *
 * The parts, each with its header: options (the command line), command (subcommands), exec (for one of them), paths
 * (finds the module), run (protected calls), interrupt (Ctrl-C), repl (the prompt), which uses input (compiles the
 * text) and line (reads it); line uses readline, history and complete; terminal (size and colour), files and keys,
 * which are functions for Lua; screen (the full screen of `lunalloc top`).
 *
 * The rest is written in Lua: lunalloc.show prints values, lunalloc.complete finds completions, lunalloc.help answers
 * help(), lunalloc.tour is the guided tour.
 */
#include "command.h"
#include "exec.h"
#include "files.h"
#include "interrupt.h"
#include "keys.h"
#include "options.h"
#include "paths.h"
#include "repl.h"
#include "run.h"
#include "screen.h"
#include "terminal.h"

#include "lunalloc.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int argc;
    char **argv;
    options_t options;
    status_t status; /* out */
} session_t;

/* ---- the state -------------------------------------------------------------------------------------------------- */

/* Sets the global `arg` as lua does: the script at 0, its arguments after it, the program and its options at negative
 * indices. Without a script, the program is at 0. */
static void
set_arguments(lua_State *L, const session_t *session) {
    int script = session->options.script;
    lua_createtable(L, session->argc - script, script + 1);
    for (int i = 0; i < session->argc; i++) {
        lua_pushstring(L, session->argv[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");
}

/* Sets the globals `la` and `help`. */
static status_t
open_module(lua_State *L) {
    luaL_requiref(L, "lunalloc.console", terminal_open, 0);
    files_open(L);
    keys_open(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, exec_open);
    lua_setfield(L, -2, "lunalloc.exec");
    lua_pushcfunction(L, screen_module_open);
    lua_setfield(L, -2, "lunalloc.screen");
    lua_pop(L, 2);
    static const char preset[] = "la = require 'lunalloc'; help = require 'lunalloc.help'; "
                                 "require 'lunalloc.errors'";
    return run_string(L, preset, "=(start)") == STATUS_OK ? STATUS_OK : STATUS_USAGE;
}

/* ---- the parts of a session -------------------------------------------------------------------------------------- */

static status_t
run_actions(lua_State *L, const session_t *session) {
    action_t action;
    status_t status = STATUS_OK;
    int cursor = 1;
    while (status == STATUS_OK && options_next_action(session->argv, &session->options, &cursor, &action)) {
        status =
            action.kind == ACTION_EXECUTE ? run_string(L, action.text, "=(command line)") : run_require(L, action.text);
    }
    return status;
}

static status_t
run_script(lua_State *L, const session_t *session) {
    int script = session->options.script;
    int nargs = session->argc - script - 1;
    luaL_checkstack(L, nargs + 8, "too many arguments to the script");
    for (int i = 1; i <= nargs; i++) {
        lua_pushstring(L, session->argv[script + i]);
    }
    const char *name = session->argv[script];
    return run_file(L, strcmp(name, "-") == 0 ? NULL : name, nargs);
}

static void
print_version(void) {
    printf("lunalloc %s, %s\n", LUNALLOC_VERSION, LUA_RELEASE);
}

/* Runs the prompt. On a terminal the status is 0, since the user has seen every error. Input from a pipe gives the
 * status of the first failure. */
static status_t
run_prompt(lua_State *L, bool greet, status_t before) {
    if (greet && terminal_editable()) {
        print_version();
        puts("'la' is the module. help() explains, Tab completes, Ctrl-D leaves.");
    }
    status_t status = repl_run(L);
    if (isatty(STDIN_FILENO)) {
        return STATUS_OK;
    }
    return before != STATUS_OK ? before : status;
}

/* Is the first word a subcommand? Then it has run, and *status is its exit status. */
static bool
ran_command(lua_State *L, const session_t *session, status_t *status) {
    int script = session->options.script;
    if (!session->options.word || !command_is_word(session->argv[script])) {
        return false;
    }
    command_end_t end = command_run(L, session->argv + script, session->argc - script - 1, status);
    if (end == COMMAND_PROMPT) {
        *status = run_prompt(L, false, *status);
    }
    return end != COMMAND_SCRIPT;
}

static status_t
run_session(lua_State *L, const session_t *session) {
    const options_t *options = &session->options;
    status_t done;
    if (options->help) {
        fputs(options_usage, stdout);
        return command_list(L);
    }
    if (ran_command(L, session, &done)) {
        return done;
    }
    status_t status = options->tour ? run_string(L, "require 'lunalloc.tour' ()", "=(tour)") : run_actions(L, session);
    if (status == STATUS_OK && options->script != 0) {
        status = run_script(L, session);
    }
    bool nothing = options->script == 0 && options->nactions == 0 && !options->tour;
    bool on_terminal = isatty(STDIN_FILENO);
    if (options->interactive || (options->tour && on_terminal) || (nothing && on_terminal)) {
        return run_prompt(L, nothing, status);
    }
    return nothing ? run_file(L, NULL, 0) : status;
}

/* All work is done inside this protected call, so that running out of memory is a Lua error like any other. */
static int
protected_main(lua_State *L) {
    session_t *session = lua_touserdata(L, 1);
    lua_settop(L, 0);
    luaL_openlibs(L);
    paths_setup(L);
    interrupt_setup(L);
    set_arguments(L, session);
    session->status = open_module(L);
    if (session->status == STATUS_OK) {
        session->status = run_session(L, session);
    }
    return 0;
}

/* Output that cannot be written is an error, which is said unless another one was. Of a failure before this flush only
 * the stream's flag is known, not the reason. */
static status_t
flush_output(status_t status) {
    bool failed_before = ferror(stdout) != 0;
    if ((fflush(stdout) == 0 && !failed_before) || status != STATUS_OK) {
        return status;
    }
    fprintf(stderr, "lunalloc: cannot write to standard output%s%s\n", failed_before ? "" : ": ",
            failed_before ? "" : strerror(errno));
    return STATUS_USAGE;
}

static status_t
run_lua(session_t *session) {
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fputs("lunalloc: cannot create a Lua state: out of memory\n", stderr);
        return STATUS_USAGE;
    }
    lua_pushcfunction(L, protected_main);
    lua_pushlightuserdata(L, session);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        run_report(L);
        session->status = STATUS_SCRIPT;
    }
    interrupt_restore();
    lua_close(L);
    return flush_output(session->status);
}

int
main(int argc, char **argv) {
    session_t session = {.argc = argc, .argv = argv};
    if (!options_parse(argc, argv, &session.options)) {
        return STATUS_USAGE;
    }
    if (session.options.version) {
        print_version();
        return (int)flush_output(STATUS_OK);
    }
    status_t status = run_lua(&session);
    if (status == STATUS_INTERRUPTED) {
        interrupt_die();
    }
    return (int)status;
}
