/*
 * complete.c -- see complete.h.
 *
 * Readline's own idea of words is switched off: the "word" is the whole line up to the cursor, lunalloc.complete
 * decides how much of its end is to be replaced, and candidates are handed to readline as whole lines. What the user
 * sees listed is a text that Lua made (names, with the values of controls beside them).
 */
#include "complete.h"

#include "run.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <readline/readline.h>

static lua_State *state;

/*
 * The answer of lunalloc.complete, a table, while readline asks for it piece by piece; LUA_NOREF otherwise:
 *     from     byte position in the line from which the candidates replace it
 *     [1..n]   the candidates
 *     listing  what to show if there are several; a text with newlines
 *     hint     one line about the only candidate, or nil
 *     append   what follows the only candidate ('"' or nothing)
 */
static int answer = LUA_NOREF;
static char *listing;

/* Replaces the answer by lunalloc.complete(line); false, with nothing kept, if that fails. */
static bool
ask(lua_State *L, const char *line, size_t length) {
    luaL_unref(L, LUA_REGISTRYINDEX, answer);
    answer = LUA_NOREF;
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunalloc.complete");
    if (run_call(L, 1, 1) == STATUS_OK) {
        lua_pushlstring(L, line, length);
        if (run_call(L, 1, 1) == STATUS_OK && lua_istable(L, -1)) {
            answer = luaL_ref(L, LUA_REGISTRYINDEX);
            return true;
        }
    }
    lua_pop(L, 1);
    return false;
}

/* A copy of the answer's string field, to be freed, or NULL. */
static char *
answer_text(lua_State *L, const char *field) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, answer);
    lua_getfield(L, -1, field);
    const char *text = lua_tostring(L, -1);
    char *copy = text != NULL ? strdup(text) : NULL;
    lua_pop(L, 2);
    return copy;
}

/* Candidate i as a whole line, to be freed by readline; NULL past the last. */
static char *
candidate(lua_State *L, const char *line, int i) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, answer);
    lua_getfield(L, -1, "from");
    size_t kept = (size_t)lua_tointeger(L, -1) - 1;
    lua_rawgeti(L, -2, i);
    const char *text = lua_tostring(L, -1);
    char *whole = text != NULL ? malloc(kept + strlen(text) + 1) : NULL;
    if (whole != NULL) {
        memcpy(whole, line, kept);
        strcpy(whole + kept, text);
    }
    lua_pop(L, 3);
    return whole;
}

/* Readline's generator: `again` is 0 on the first call for a line. */
static char *
next_candidate(const char *line, int again) {
    static int position;
    position = again == 0 ? 1 : position + 1;
    return candidate(state, line, position);
}

/* Prints `text` below the line being edited, and has the prompt drawn again under it. */
static void
print_below(const char *text) {
    rl_crlf();
    fprintf(rl_outstream, "%s\n", text);
    rl_on_new_line();
}

static void
show_listing(char **matches, int count, int longest) {
    (void)matches;
    (void)count;
    (void)longest;
    if (listing != NULL) {
        print_below(listing);
    }
}

static void
finish_single(lua_State *L) {
    char *hint = answer_text(L, "hint");
    char *append = answer_text(L, "append");
    rl_completion_append_character = append != NULL ? append[0] : '\0';
    if (hint != NULL) {
        print_below(hint);
    }
    free(hint);
    free(append);
}

/* Readline's entry: start is always 0. */
static char **
attempt(const char *text, int start, int end) {
    (void)start;
    rl_attempted_completion_over = 1; /* never file names */
    rl_completion_append_character = '\0';
    if (!ask(state, text, (size_t)end)) {
        return NULL;
    }
    free(listing);
    listing = answer_text(state, "listing");
    char **matches = rl_completion_matches(text, next_candidate);
    if (matches != NULL && matches[1] == NULL) {
        finish_single(state);
    }
    return matches;
}

void
complete_open(lua_State *L) {
    state = L;
    rl_completer_word_break_characters = "";
    rl_attempted_completion_function = attempt;
    rl_completion_display_matches_hook = show_listing;
    rl_completion_query_items = 0; /* lists are bounded already */
}
