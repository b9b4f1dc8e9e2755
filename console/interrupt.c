/*
 * interrupt.c -- from SIGINT to a Lua error; see interrupt.h for the rules.
 *
 * A debug hook is the one thing that a signal handler may set in a Lua state, and it is per coroutine. So the
 * coroutines that are being resumed right now are kept in a chain on the C stack (`frame_t`): coroutine.resume and
 * coroutine.wrap are wrapped by functions that push and pop a frame. The handler arms every state of the chain, since
 * it cannot know which one will be the next to run a Lua instruction.
 */
#include "interrupt.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* A state that is executing; the innermost is first. Lives on the C stack of its resume. */
typedef struct frame {
    lua_State *L;
    struct frame *outer;
} frame_t;

enum {
    KILL_AT = 3 /* SIGINTs that Lua did not get to see: the last one ends the process */
};

static frame_t *volatile innermost;        /* NULL: no Lua runs. Written by the main thread, read by the handler */
static frame_t main_frame;                 /* the outermost one */
static int depth;                          /* nesting of interrupt_enter */
static volatile sig_atomic_t requests;     /* SIGINTs in the present outermost call */
static volatile sig_atomic_t undelivered;  /* of these, since the hook last ran */
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

/* Runs at the next Lua instruction. From the second request on it stays armed: no pcall keeps the script alive. */
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
    static const char waiting[] = "\n(C code is running: once more ends lunalloc)\n";
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

/* Calls the function under the `nargs` arguments on the top of L with co's frame in the chain; returns its results. */
static int
call_in_frame(lua_State *L, lua_State *co, int nargs) {
    int base = lua_gettop(L) - nargs - 1;
    frame_t frame = {.L = co, .outer = innermost};
    atomic_signal_fence(memory_order_release); /* the handler must not see a half-written frame */
    innermost = &frame;
    int status = lua_pcall(L, nargs, LUA_MULTRET, 0);
    innermost = frame.outer;
    disarm(co);
    return status == LUA_OK ? lua_gettop(L) - base : lua_error(L);
}

/* coroutine.resume; upvalue 1 is the original. */
static int
tracked_resume(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co != NULL, 1, "coroutine");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return call_in_frame(L, co, lua_gettop(L) - 1);
}

/* What coroutine.wrap returns; upvalues: the original function, its coroutine. */
static int
tracked_call(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return call_in_frame(L, co, lua_gettop(L) - 1);
}

/* coroutine.wrap; upvalue 1 is the original, whose result keeps its coroutine as its first upvalue. */
static int
tracked_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_getupvalue(L, -1, 1) == NULL || !lua_isthread(L, -1)) {
        lua_settop(L, 2); /* another coroutine library: works as it is, only deaf to Ctrl-C */
        return 1;
    }
    lua_pushcclosure(L, tracked_call, 2);
    return 1;
}

/* coroutine[name] = wrapper, with the original as its upvalue; the coroutine table is on the top of the stack. */
static void
track(lua_State *L, const char *name, lua_CFunction wrapper) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

void
interrupt_setup(lua_State *L) {
    lua_getglobal(L, "coroutine");
    track(L, "resume", tracked_resume);
    track(L, "wrap", tracked_wrap);
    lua_pop(L, 1);
    struct sigaction action = {.sa_handler = on_sigint}; /* no SA_RESTART: a blocking read or sleep must return */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}
