/*
 * interrupt.c -- from SIGINT to a Lua error; see interrupt.h for the rules.
 *
 * A debug hook is the only thing that a signal handler may set in a Lua state, and each coroutine has its own hook. So
 * coroutine.resume and coroutine.wrap are replaced by functions that keep a chain of the coroutines being resumed, one
 * frame_t on the C stack each. The handler arms every state of the chain (sets its hook), since it cannot know which
 * one runs the next Lua instruction.
 */
#include "interrupt.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* A state that is executing, on the C stack of the function that resumed it. The innermost one is first. */
typedef struct frame {
    lua_State *L;
    struct frame *outer;
} frame_t;

enum {
    KILL_AT = 3 /* this many SIGINTs without a Lua instruction between them end the process */
};

static frame_t *volatile innermost;        /* NULL: no Lua runs. Written by the main thread, read by the handler */
static frame_t main_frame;                 /* the outermost one */
static int depth;                          /* nesting of interrupt_enter */
static volatile sig_atomic_t requests;     /* SIGINTs during the current outermost call */
static volatile sig_atomic_t undelivered;  /* those since the hook last ran */
static volatile sig_atomic_t prompt_break; /* SIGINTs while no Lua ran: 0 or 1 */

static void stop_hook(lua_State *L, lua_Debug *ar);

static void
arm(lua_State *L) {
    lua_sethook(L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void
disarm(lua_State *L) {
    if (lua_gethook(L) == stop_hook) {
        lua_sethook(L, NULL, 0, 0);
    }
}

static void
disarm_chain(void) {
    for (frame_t *frame = innermost; frame != NULL; frame = frame->outer) {
        disarm(frame->L);
    }
}

/* The hook, which runs before the next Lua instruction. From the second request on it stays armed, so that the error is
 * raised again in each pcall that catches it. */
static void
stop_hook(lua_State *L, lua_Debug *ar) {
    (void)ar;
    undelivered = 0;
    if (requests < 2) {
        disarm(L);
        disarm_chain();
    }
    luaL_error(L, "interrupted!");
}

static void
say(const char *text, size_t length) {
    ssize_t ignored = write(STDERR_FILENO, text, length);
    (void)ignored;
}

static void
on_sigint(int signal_number) {
    static const char waiting[] = "\n(C code is running: Ctrl-C once more ends lunalloc)\n";
    if (innermost == NULL) {
        prompt_break = 1;
        return;
    }
    requests = requests + 1;
    undelivered = undelivered + 1;
    if (undelivered == KILL_AT - 1) {
        say(waiting, sizeof waiting - 1);
    } else if (undelivered >= KILL_AT) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    for (frame_t *frame = innermost; frame != NULL; frame = frame->outer) {
        arm(frame->L);
    }
}

void
interrupt_enter(lua_State *L) {
    if (depth++ == 0) {
        requests = 0;
        undelivered = 0;
        main_frame = (frame_t){.L = L};
        atomic_signal_fence(memory_order_release);
        innermost = &main_frame;
    }
}

bool
interrupt_leave(void) {
    if (--depth == 0) {
        lua_State *L = main_frame.L;
        innermost = NULL;
        disarm(L);
    }
    return requests > 0;
}

bool
interrupt_pending(void) {
    return prompt_break != 0;
}

bool
interrupt_take(void) {
    bool taken = interrupt_pending();
    prompt_break = 0;
    return taken;
}

void
interrupt_restore(void) {
    signal(SIGINT, SIG_DFL);
}

void
interrupt_die(void) {
    interrupt_restore();
    raise(SIGINT);
    abort(); /* only if SIGINT is blocked */
}

/* ---- coroutines ------------------------------------------------------------------------------------------------- */

static void
enter_frame(frame_t *frame) {
    atomic_signal_fence(memory_order_release); /* the handler must not see a half-written frame */
    innermost = frame;
}

static void
leave_frame(frame_t *frame) {
    innermost = frame->outer;
    disarm(frame->L);
}

/*
 * Resumes co with the nargs values on the top of L, which are popped, while co's frame is in the chain. Moves the
 * values that co yields or returns, or its error value, to L. Returns how many values there are; -1 for an error value.
 *
 * It calls lua_resume and not the library's coroutine.resume in a protected call: that would use one more of the 200
 * levels that Lua has for nested calls from C. lua_resume raises no error, so nothing jumps over the frame.
 */
static int
resume(lua_State *L, lua_State *co, int nargs) {
    int nresults;
    if (!lua_checkstack(co, nargs)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    lua_xmove(L, co, nargs);
    frame_t frame = {.L = co, .outer = innermost};
    enter_frame(&frame);
    int status = lua_resume(co, L, nargs, &nresults);
    leave_frame(&frame);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, nresults + 1)) {
        lua_pop(co, nresults);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, nresults);
    return nresults;
}

/* coroutine.resume */
static int
tracked_resume(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co != NULL, 1, "coroutine");
    int n = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, n >= 0);
    n = n < 0 ? 1 : n;
    lua_insert(L, -(n + 1));
    return n + 1;
}

static int
close_thread(lua_State *L, lua_State *co) {
#if LUA_VERSION_RELEASE_NUM >= 50406
    return lua_closethread(co, L);
#else
    (void)L;
    return lua_resetthread(co);
#endif
}

/* Closes a coroutine that has failed with the error on the top of L; its to-be-closed variables may replace the error.
 * Returns its status. A coroutine that could not be resumed at all is left alone. */
static int
close_failed(lua_State *L, lua_State *co) {
    int status = lua_status(co);
    if (status == LUA_OK || status == LUA_YIELD) {
        return status;
    }
    lua_xmove(L, co, 1);
    frame_t frame = {.L = co, .outer = innermost};
    enter_frame(&frame);
    status = close_thread(L, co);
    leave_frame(&frame);
    lua_xmove(co, L, 1);
    return status;
}

/* The function that coroutine.wrap returns; its upvalue is the coroutine. It adds the place of the call to an error
 * message, as the library's function does. */
static int
tracked_call(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = resume(L, co, lua_gettop(L));
    if (n >= 0) {
        return n;
    }
    if (close_failed(L, co) != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* coroutine.wrap */
static int
tracked_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, tracked_call, 1);
    return 1;
}

void
interrupt_setup(lua_State *L) {
    static const luaL_Reg functions[] = {{"resume", tracked_resume}, {"wrap", tracked_wrap}, {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
    struct sigaction action = {.sa_handler = on_sigint}; /* no SA_RESTART: a blocking read or sleep must return */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}
