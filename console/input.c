/*
 * input.c -- see input.h.
 */
#include "input.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

/* A run of whole lines: bytes from .. to of the text. `line` is the number of lines before it. */
typedef struct {
    size_t from, to, line;
} piece_t;

/* The result of cutting the text into pieces. */
typedef struct {
    input_t state;
    size_t count;       /* of pieces that are not blank */
    piece_t last;       /* the last of these */
    piece_t local;      /* the first one that begins with "local" */
    size_t local_index; /* its index in the array; 0: no piece begins with "local" */
} cut_t;

/* Is the line the word alone, perhaps with "()" after it? */
static bool
is_word(const char *line, const char *word) {
    size_t length = strlen(word);
    if (strncmp(line, word, length) != 0) {
        return false;
    }
    line += length;
    line += strncmp(line, "()", 2) == 0 ? 2 : 0;
    return line[strspn(line, " \t")] == '\0' || line[strspn(line, " \t")] == '\n';
}

/* Is the line "quit" or "exit"? A global variable of that name comes first. */
static bool
is_farewell(lua_State *L, const char *line) {
    static const char *const words[] = {"quit", "exit"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_word(line, words[i])) {
            bool defined = lua_getglobal(L, words[i]) != LUA_TNIL;
            lua_pop(L, 1);
            return !defined;
        }
    }
    return false;
}

/* Is this a command? No Lua statement begins with a dot and a letter, or with a question mark. */
static bool
is_command(lua_State *L, const char *line) {
    return (line[0] == '.' && isalpha((unsigned char)line[1])) || line[0] == '?' || is_farewell(L, line);
}

/* Did the parser reach the end of the text too early? Then more lines may complete it. */
static bool
is_cut_short(lua_State *L, int status) {
    static const char mark[] = "<eof>";
    size_t length;
    const char *message = lua_tolstring(L, -1, &length);
    size_t tail = sizeof mark - 1;
    return status == LUA_ERRSYNTAX && length >= tail && strcmp(message + length - tail, mark) == 0;
}

/* ---- one piece -------------------------------------------------------------------------------------------------- */

/* Compiles a text with lunalloc.prompt.load(). Pushes the function, or the message. */
static int
load_source(lua_State *L, const char *source, size_t length) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "lunalloc.prompt");
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        return LUA_ERRRUN;
    }
    lua_getfield(L, -1, "load");
    lua_pushlstring(L, source, length);
    int status = lua_pcall(L, 1, 2, 0);
    if (status == LUA_OK) {
        status = lua_isfunction(L, -2) ? LUA_OK : LUA_ERRSYNTAX;
        lua_remove(L, status == LUA_OK ? -1 : -2);
    }
    lua_remove(L, -2);
    return status;
}

/* Compiles a piece with the text `inserted` at byte `at`. Newlines in front keep the input's line numbers. Pushes the
 * function, or the message. */
static int
load(lua_State *L, const piece_t *piece, size_t at, const char *inserted) {
    const char *text = lua_tostring(L, 1);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < piece->line; i++) {
        luaL_addchar(&buffer, '\n');
    }
    luaL_addlstring(&buffer, text + piece->from, at - piece->from);
    luaL_addstring(&buffer, inserted);
    luaL_addlstring(&buffer, text + at, piece->to - at);
    luaL_pushresult(&buffer);
    size_t length;
    const char *source = lua_tolstring(L, -1, &length);
    int status = load_source(L, source, length);
    lua_remove(L, -2);
    return status;
}

/* The piece without the "=" before an expression. */
static piece_t
without_equals(const char *text, const piece_t *piece) {
    piece_t rest = *piece;
    size_t at = piece->from + strspn(text + piece->from, " \t");
    if (text[at] == '=') {
        rest.from = at + 1;
    }
    return rest;
}

/* Compiles a piece as an expression if it is one, else as statements. Pushes the function, or the message that
 * compiling the statements gave. */
static input_t
compile(lua_State *L, const piece_t *with_equals) {
    piece_t rest = without_equals(lua_tostring(L, 1), with_equals), *piece = &rest;
    int status = load(L, piece, piece->from, "return ");
    bool incomplete = is_cut_short(L, status);
    if (status == LUA_OK) {
        return INPUT_READY;
    }
    lua_pop(L, 1);
    status = load(L, piece, piece->from, "");
    if (status == LUA_OK) {
        return INPUT_READY;
    }
    return incomplete || is_cut_short(L, status) ? INPUT_INCOMPLETE : INPUT_WRONG;
}

/* Pushes the function of a piece, or its first line if that is a command. */
static input_t
compile_piece(lua_State *L, const piece_t *piece) {
    const char *line = lua_tostring(L, 1) + piece->from;
    if (is_command(L, line)) {
        lua_pushlstring(L, line, strcspn(line, "\n"));
        return INPUT_READY;
    }
    return compile(L, piece);
}

/* ---- several ---------------------------------------------------------------------------------------------------- */

static bool
is_blank(const char *text, const piece_t *piece) {
    size_t i = piece->from;
    while (i < piece->to && isspace((unsigned char)text[i])) {
        i++;
    }
    return i == piece->to;
}

static bool
begins_with_local(const char *text, const piece_t *piece) {
    const char *word = text + piece->from + strspn(text + piece->from, " \t");
    return strncmp(word, "local", 5) == 0 && isspace((unsigned char)word[5]);
}

/* Appends the function on the top of the stack to the array below it, unless the piece is blank. */
static void
append(lua_State *L, cut_t *cut, const piece_t *piece) {
    const char *text = lua_tostring(L, 1);
    if (is_blank(text, piece)) {
        lua_pop(L, 1);
        return;
    }
    lua_rawseti(L, -2, (lua_Integer)++cut->count);
    cut->last = *piece;
    if (cut->local_index == 0 && begins_with_local(text, piece)) {
        cut->local = *piece;
        cut->local_index = cut->count;
    }
}

/* Cuts the text into pieces, each as short as possible. Pushes the array, or the message about the first wrong
 * piece. */
static cut_t
cut_up(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    cut_t cut = {.state = INPUT_READY};
    piece_t piece = {0};
    lua_newtable(L);
    for (size_t at = 0, line = 0; text[at] != '\0' && cut.state != INPUT_WRONG;) {
        at += strcspn(text + at, "\n");
        piece.to = at;
        at += text[at] == '\n';
        line++;
        cut.state = compile_piece(L, &piece);
        if (cut.state == INPUT_READY) {
            append(L, &cut, &piece);
            piece = (piece_t){.from = at, .line = line};
        } else if (text[at] != '\0' && cut.state == INPUT_INCOMPLETE) {
            lua_pop(L, 1);
        }
    }
    if (cut.state != INPUT_READY) {
        lua_replace(L, -2);
    }
    return cut;
}

/* Compiles several lines as one chunk, in which the text from `at` on may be an expression. Pushes the function; pushes
 * nothing and returns false if it does not compile. */
static bool
join(lua_State *L, const piece_t *piece, size_t at) {
    int status = load(L, piece, at, "return ");
    if (status != LUA_OK) {
        lua_pop(L, 1);
        status = load(L, piece, at, "");
    }
    if (status != LUA_OK) {
        lua_pop(L, 1);
    }
    return status == LUA_OK;
}

/* Replaces the pieces from the first "local" on by one chunk, in the array on the top of the stack, if that
 * compiles. */
static void
join_locals(lua_State *L, const cut_t *cut, size_t end) {
    piece_t rest = {.from = cut->local.from, .to = end, .line = cut->local.line};
    if (cut->local_index == 0 || cut->local_index == cut->count || !join(L, &rest, cut->last.from)) {
        return;
    }
    lua_rawseti(L, -2, (lua_Integer)cut->local_index);
    for (size_t i = cut->local_index + 1; i <= cut->count; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
}

static input_t
compile_several(lua_State *L, const piece_t *whole) {
    input_t state = compile(L, whole);
    if (state == INPUT_INCOMPLETE) {
        return state;
    }
    lua_pop(L, 1);
    cut_t cut = cut_up(L);
    if (cut.state == INPUT_READY) {
        join_locals(L, &cut, whole->to);
    } else if (join(L, whole, 0)) {
        lua_replace(L, -2);
        lua_createtable(L, 1, 0);
        lua_insert(L, -2);
        lua_rawseti(L, -2, 1);
        return INPUT_READY;
    }
    return cut.state;
}

input_t
input_compile(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    piece_t whole = {.to = strlen(text)};
    if (strchr(text, '\n') != NULL) {
        return compile_several(L, &whole);
    }
    lua_newtable(L);
    input_t state = compile_piece(L, &whole);
    if (state == INPUT_READY) {
        lua_rawseti(L, -2, 1);
    } else {
        lua_replace(L, -2);
    }
    return state;
}
