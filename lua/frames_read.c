/*
 * frames_read.c -- reads which functions run in a state, inside of its allocation function.
 *
 * Lua forbids calls there. lua_getstack, lua_getinfo with "Sln", lua_status and lua_gettop only read, allocate nothing
 * and raise nothing; but a stack that is just being moved must not be read: its slots are either in the block that is
 * being moved, or (since Lua 5.4.6) offsets and no pointers. So each frame's slot is looked at before the frame is. A
 * frame (CallInfo) begins with the pointer to its slot in Lua 5.4 and 5.5; frames_probe() makes sure of that, or else
 * frames are read only while nothing is moved, and of the main thread only.
 *
 * The coroutine that runs is found from the main thread: if its innermost function is one of C whose first argument is
 * a coroutine that has not yielded and has functions (coroutine.resume), or whose first upvalue is one
 * (coroutine.wrap), that coroutine goes on where this one waits.
 */
#include "core.h"
#include "frames.h"

#include <stdio.h>
#include <string.h>

enum {
    STATES_MAX = 8, /* most coroutines that resume each other */
    LEVELS_MAX = 48,
    NAME_SIZE = 192
};

/* A slot of a stack: a value and its type. */
typedef struct {
    uintptr_t value;
    uint8_t type;
} slot_t;

/* Types in slots: with the bit of what is collected. */
#define SLOT_THREAD    (LUA_TTHREAD | 64)
#define SLOT_C_CLOSURE (LUA_TFUNCTION | 2 << 4 | 64)

static uintptr_t
slot_address(const lua_Debug *ar) {
    return *(const uintptr_t *)(const void *)ar->i_ci;
}

/* ---- what is known of the stack ---- */

/* The function of C that is running: its slot, the argument's and the upvalue's are where they are expected? */
static int
probe(lua_State *L) {
    frames_t *frames = lua_touserdata(L, 2);
    lua_Debug ar;
    lua_State *thread = lua_tothread(L, 1);
    if (sizeof(slot_t) != 16 || lua_getstack(L, 0, &ar) == 0 || slot_address(&ar) >> 32 == 0) {
        return 0;
    }
    const slot_t *slots = (const slot_t *)slot_address(&ar);
    frames->slots_known = slots[0].type == SLOT_C_CLOSURE && slots[1].type == SLOT_THREAD &&
                          slots[1].value == (uintptr_t)thread && slots[2].value == (uintptr_t)frames;
    for (size_t offset = 16; frames->slots_known && offset <= 32; offset += 8) {
        slot_t upvalue;
        memcpy(&upvalue, (const char *)slots[0].value + offset, sizeof(uintptr_t) + 1);
        if (upvalue.value == (uintptr_t)thread && upvalue.type == SLOT_THREAD) {
            frames->upvalue = offset;
        }
    }
    return 0;
}

void
frames_probe(lua_State *L, frames_t *frames) {
    frames->slots_known = false;
    frames->upvalue = 0;
    if (LUA_VERSION_NUM != 504 && LUA_VERSION_NUM != 505) {
        return;
    }
    lua_pushthread(L);
    lua_pushcclosure(L, probe, 1);
    lua_pushthread(L);
    lua_pushlightuserdata(L, frames);
    lua_call(L, 2, 0);
}

/* ---- reading ---- */

/* Can the frame be read now? Not if its stack is being moved. */
static bool
is_readable(const frames_t *frames, const lua_Debug *ar) {
    if (!frames->slots_known) {
        return frames->moved == NULL;
    }
    uintptr_t slot = slot_address(ar);
    return slot >> 32 != 0 && slot - (uintptr_t)frames->moved >= frames->moved_size;
}

static lua_State *
thread_in(const slot_t *slot) {
    return slot->type == SLOT_THREAD ? (lua_State *)slot->value : NULL;
}

/* The coroutine that the function of C refers to; NULL if it refers to none. */
static lua_State *
referred(const frames_t *frames, lua_State *L, const slot_t *function) {
    lua_State *thread = lua_gettop(L) >= 1 ? thread_in(&function[1]) : NULL;
    if (thread == NULL && function->type == SLOT_C_CLOSURE && frames->upvalue != 0) {
        slot_t upvalue;
        memcpy(&upvalue, (const char *)function->value + frames->upvalue, sizeof(uintptr_t) + 1);
        thread = thread_in(&upvalue);
    }
    return thread;
}

/* The coroutine that goes on where L waits; NULL if L itself runs. */
static lua_State *
resumed_by(const frames_t *frames, lua_State *L) {
    lua_Debug ar;
    if (!frames->slots_known || lua_getstack(L, 0, &ar) == 0 || !is_readable(frames, &ar) ||
        lua_getinfo(L, "S", &ar) == 0 || ar.what[0] != 'C') {
        return NULL;
    }
    lua_State *thread = referred(frames, L, (const slot_t *)slot_address(&ar));
    return thread != NULL && lua_status(thread) == LUA_OK && lua_getstack(thread, 0, &ar) != 0 ? thread : NULL;
}

/* The states that wait for each other, the main thread first. */
static unsigned
running_states(const frames_t *frames, lua_State **states) {
    unsigned n = 0;
    for (lua_State *L = frames->main; L != NULL && n < STATES_MAX; L = resumed_by(frames, L)) {
        for (unsigned i = 0; i < n; i++) {
            if (states[i] == L) {
                return n;
            }
        }
        states[n++] = L;
    }
    return n;
}

/* "build (script.lua:12)"; "main chunk (script.lua:1)"; "insert ([C])". */
static void
write_name(const lua_Debug *ar, char *name, size_t size) {
    if (ar->what[0] == 'C') {
        snprintf(name, size, "%s ([C])", ar->name != NULL ? ar->name : "function");
    } else if (ar->what[0] == 'm') {
        snprintf(name, size, "main chunk (%s:%d)", ar->short_src, ar->currentline);
    } else if (ar->name != NULL) {
        snprintf(name, size, "%.100s (%s:%d)", ar->name, ar->short_src, ar->currentline);
    } else {
        snprintf(name, size, "function <%d> (%s:%d)", ar->linedefined, ar->short_src, ar->currentline);
    }
}

static unsigned
read_state(const frames_t *frames, lua_State *L, uintptr_t *words, unsigned max) {
    lua_Debug ar;
    unsigned n = 0;
    for (int level = 0; level < LEVELS_MAX && n < max && lua_getstack(L, level, &ar) != 0; level++) {
        char name[NAME_SIZE];
        if (!is_readable(frames, &ar) || lua_getinfo(L, "Sln", &ar) == 0) {
            break;
        }
        write_name(&ar, name, sizeof(name));
        words[n] = loader_api()->prof_frame(name);
        n += words[n] != 0;
    }
    return n;
}

unsigned
frames_read(const frames_t *frames, uintptr_t *words, unsigned max) {
    lua_State *states[STATES_MAX];
    unsigned n = 0;
    for (unsigned i = running_states(frames, states); i > 0; i--) {
        n += read_state(frames, states[i - 1], words + n, max - n);
    }
    return n;
}
