/*
 * screen.c -- the full-screen terminal over ncurses; see screen.h.
 *
 * Ncurses puts its own handlers for SIGTSTP, SIGWINCH and, where nobody else handles them, SIGINT and SIGTERM, once in
 * a process. So they are taken away when the screen closes, and put back when it opens again. SIGTERM and the other
 * signals that end the process get our handler, which calls only async-signal-safe functions: it writes back the
 * terminal's settings and the two sequences that leave the picture.
 */
#include "screen.h"

#include "terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <lauxlib.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1
#include <curses.h>

enum {
    COLOUR_MASK = 7,
    BOLD = 8,
    DIM = 16,
    REVERSE = 32,
    LEAVE_MAX = 128 /* bytes of the sequences that leave the picture */
};

/* Signals that end the process; those that ncurses handles. */
static const int ending[] = {SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
static const int handled[] = {SIGTSTP, SIGWINCH};

enum {
    NENDING = sizeof(ending) / sizeof(ending[0]),
    NHANDLED = sizeof(handled) / sizeof(handled[0])
};

static SCREEN *screen; /* NULL: not open */
static bool coloured;
static struct sigaction ending_before[NENDING], handled_before[NHANDLED];
static struct sigaction handled_by_curses[NHANDLED];
static bool curses_has_handlers;

/* What the handler needs, prepared by open(). */
static struct termios settings_before;
static char leave_sequence[LEAVE_MAX];
static size_t leave_length;

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static void
on_ending(int signal_number) {
    tcsetattr(STDIN_FILENO, TCSANOW, &settings_before);
    ssize_t ignored = write(STDOUT_FILENO, leave_sequence, leave_length);
    (void)ignored;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void
append_sequence(const char *capability) {
    const char *text = tigetstr(capability);
    size_t length = text != NULL && text != (const char *)-1 ? strlen(text) : 0;
    if (length > 0 && leave_length + length <= sizeof(leave_sequence)) {
        memcpy(leave_sequence + leave_length, text, length);
        leave_length += length;
    }
}

static void
prepare_handler(void) {
    leave_length = 0;
    append_sequence("sgr0");
    append_sequence("cnorm");
    append_sequence("rmcup");
}

/* A signal that is ignored, as by nohup, stays ignored. */
static void
catch_signals(void) {
    struct sigaction action = {.sa_handler = on_ending, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < NENDING; i++) {
        if (ending_before[i].sa_handler != SIG_IGN) {
            sigaction(ending[i], &action, NULL);
        }
    }
    for (int i = 0; i < NHANDLED; i++) {
        if (curses_has_handlers) {
            sigaction(handled[i], &handled_by_curses[i], NULL);
        } else {
            sigaction(handled[i], NULL, &handled_by_curses[i]);
        }
    }
    curses_has_handlers = true;
}

static void
remember_signals(void) {
    for (int i = 0; i < NENDING; i++) {
        sigaction(ending[i], NULL, &ending_before[i]);
    }
    for (int i = 0; i < NHANDLED; i++) {
        sigaction(handled[i], NULL, &handled_before[i]);
    }
}

static void
restore_signals(void) {
    for (int i = 0; i < NENDING; i++) {
        sigaction(ending[i], &ending_before[i], NULL);
    }
    for (int i = 0; i < NHANDLED; i++) {
        sigaction(handled[i], &handled_before[i], NULL);
    }
}

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

static void
close_screen(void) {
    if (screen != NULL) {
        endwin();
        delscreen(screen);
        screen = NULL;
        restore_signals();
    }
}

static int
fail(lua_State *L, const char *message, const char *code) {
    luaL_pushfail(L);
    lua_pushstring(L, message);
    lua_pushstring(L, code);
    return 3;
}

static void
set_modes(void) {
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    curs_set(0);
    set_escdelay(25);
}

static void
set_colours(void) {
    coloured = terminal_colour() && has_colors() && start_color() == OK && COLORS >= 8;
    if (coloured) {
        use_default_colors();
        for (short i = 1; i <= COLOUR_MASK; i++) {
            init_pair(i, i, -1);
        }
    }
}

/* newterm() and not initscr(), which ends the process if it fails. */
static int
l_open(lua_State *L) {
    static bool at_exit;
    if (screen != NULL) {
        return fail(L, "the screen is open already", "EBUSY");
    }
    if (!terminal_editable()) {
        return fail(L, "standard input and output are not both a terminal", "ENOTTY");
    }
    setlocale(LC_CTYPE, "");
    fflush(stdout);
    remember_signals();
    tcgetattr(STDIN_FILENO, &settings_before);
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL || tigetstr("cup") == NULL || tigetstr("cup") == (char *)-1) {
        close_screen();
        return fail(L, "the type of the terminal, TERM, is unknown or has no full screen", "ENODEV");
    }
    set_modes();
    set_colours();
    prepare_handler();
    catch_signals();
    if (!at_exit) {
        at_exit = atexit(close_screen) == 0;
    }
    lua_pushboolean(L, true);
    return 1;
}

static int
l_close(lua_State *L) {
    (void)L;
    close_screen();
    return 0;
}

/* ---- drawing ---------------------------------------------------------------------------------------------------- */

static void
check_open(lua_State *L) {
    if (screen == NULL) {
        luaL_error(L, "the screen is not open");
    }
}

static int
l_size(lua_State *L) {
    check_open(L);
    lua_pushinteger(L, getmaxy(stdscr));
    lua_pushinteger(L, getmaxx(stdscr));
    return 2;
}

static int
l_colours(lua_State *L) {
    lua_pushboolean(L, coloured);
    return 1;
}

static int
l_utf8(lua_State *L) {
    setlocale(LC_CTYPE, "");
    lua_pushboolean(L, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
    return 1;
}

static int
l_clear(lua_State *L) {
    check_open(L);
    werase(stdscr);
    return 0;
}

static chtype
attributes_of(lua_Integer style) {
    static const struct {
        int bit;
        chtype attribute;
    } all[] = {{BOLD, A_BOLD}, {DIM, A_DIM}, {REVERSE, A_REVERSE}};
    chtype attributes = coloured ? (chtype)COLOR_PAIR(style & COLOUR_MASK) : A_NORMAL;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        attributes |= style & all[i].bit ? all[i].attribute : A_NORMAL;
    }
    return attributes;
}

/* Bytes of `text` that take at most `room` cells: characters of one cell each. */
static size_t
cut(const char *text, size_t length, lua_Integer room) {
    size_t i = 0;
    for (; i < length; i++) {
        bool starts = ((unsigned char)text[i] & 0xC0) != 0x80;
        if (starts && room-- == 0) {
            break;
        }
    }
    return i;
}

static int
l_put(lua_State *L) {
    check_open(L);
    lua_Integer row = luaL_checkinteger(L, 1);
    lua_Integer column = luaL_checkinteger(L, 2);
    size_t length;
    const char *text = luaL_checklstring(L, 3, &length);
    lua_Integer style = luaL_optinteger(L, 4, 0);
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    if (row >= 0 && row < rows && column >= 0 && column < columns) {
        wattrset(stdscr, (int)attributes_of(style));
        mvwaddnstr(stdscr, (int)row, (int)column, text, (int)cut(text, length, columns - column));
    }
    return 0;
}

static int
l_cursor(lua_State *L) {
    check_open(L);
    bool shown = !lua_isnoneornil(L, 1);
    curs_set(shown ? 1 : 0);
    if (shown) {
        wmove(stdscr, (int)luaL_checkinteger(L, 1), (int)luaL_checkinteger(L, 2));
    }
    return 0;
}

static int
l_flush(lua_State *L) {
    check_open(L);
    wrefresh(stdscr);
    return 0;
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static const char *
name_of_key(int key) {
    static const struct {
        int key;
        const char *name;
    } names[] = {
        {KEY_ENTER, "enter"},  {'\r', "enter"},         {'\n', "enter"},
        {27, "escape"},        {'\t', "tab"},           {KEY_BTAB, "backtab"},
        {127, "backspace"},    {8, "backspace"},        {KEY_UP, "up"},
        {KEY_DOWN, "down"},    {KEY_LEFT, "left"},      {KEY_RIGHT, "right"},
        {KEY_PPAGE, "pageup"}, {KEY_NPAGE, "pagedown"}, {KEY_HOME, "home"},
        {KEY_END, "end"},      {KEY_RESIZE, "resize"},  {KEY_BACKSPACE, "backspace"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].key == key) {
            return names[i].name;
        }
    }
    return "other";
}

static long long
now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for input until `deadline`. False if the terminal is gone. A signal ends the wait: a resize is a key. */
static bool
wait_for_input(long long deadline) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    long long left = deadline - now_ms();
    int n = poll(&input, 1, left > 0 ? (int)left : 0);
    return n <= 0 || (input.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

/* key([ms]) */
static int
l_key(lua_State *L) {
    check_open(L);
    lua_Integer ms = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, ms >= 0 && ms <= 1000000000, 1, "milliseconds, 0 to 1e9");
    int key = wgetch(stdscr);
    if (key == ERR) {
        if (!wait_for_input(now_ms() + ms)) {
            return fail(L, "the terminal is gone", "EIO");
        }
        key = wgetch(stdscr);
    }
    if (key == ERR) {
        luaL_pushfail(L);
    } else if (key >= ' ' && key < 127) {
        char text[] = {(char)key, '\0'};
        lua_pushstring(L, text);
    } else {
        lua_pushstring(L, name_of_key(key));
    }
    return 1;
}

int
screen_module_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"open", l_open},   {"close", l_close}, {"size", l_size}, {"colours", l_colours},
        {"utf8", l_utf8},   {"clear", l_clear}, {"put", l_put},   {"cursor", l_cursor},
        {"flush", l_flush}, {"key", l_key},     {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
