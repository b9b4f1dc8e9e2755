/*
 * complete.c -- see complete.h.
 *
 * Readline's own division into words is switched off: the "word" is the whole line up to the cursor. lunalloc.complete
 * decides how much of its end is replaced, and readline gets each candidate as a whole line. The list that the user
 * sees is a text made in Lua: names, with the values of controls beside them.
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
 * Registry reference of the table that lunalloc.complete returned, while readline fetches the candidates one by one;
 * LUA_NOREF otherwise. Its fields:
 *     from     byte position in the line; a candidate replaces the line from there on
 *     [1..n]   the candidates
 *     listing  the text to show if there are several candidates; may have newlines
 *     hint     one line about the only candidate, or nil
 *     append   a character to insert after the only candidate ('"'), or nil
 */
static int answer = LUA_NOREF;
static char *listing;

/* Replaces the answer with that for this line. False if the Lua call fails: then there is no answer. */
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

/* A copy of a string field of the answer; NULL if it has none. The caller frees it. */
static char *
answer_text(lua_State *L, const char *field) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, answer);
    lua_getfield(L, -1, field);
    const char *text = lua_tostring(L, -1);
    char *copy = text != NULL ? strdup(text) : NULL;
    lua_pop(L, 2);
    return copy;
}

/* Candidate i as a whole line; NULL past the last one. Readline frees it. */
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

/* Readline calls this for one candidate after another; `again` is 0 on the first call for a line. */
static char *
next_candidate(const char *line, int again) {
    static int position;
    position = again == 0 ? 1 : position + 1;
    return candidate(state, line, position);
}

/* Prints `text` below the line that is being edited; readline redraws the prompt under it. */
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

/* Readline calls this when Tab is pressed. `start` is always 0, since the word is the whole line. */
static char **
attempt(const char *text, int start, int end) {
    (void)start;
    rl_attempted_completion_over = 1; /* do not complete file names */
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
    rl_completion_query_items = 0; /* never ask "Display all ...?": lunalloc.complete bounds its lists */
}
