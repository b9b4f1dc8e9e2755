/*
 * exec.h -- starts a program in the place of the console, or beside it: the module "lunalloc.exec", for `lunalloc run`.
 *
 *     exec.find(name)             the path of the program, as a shell finds it in PATH; nil, message
 *     exec.describe(path)         how it takes LD_PRELOAD: "dynamic" (it does), "static", "set-uid" (it does not, as it
 *                                 runs with other rights than its caller), or "script" and its interpreter;
 *                                 "unknown" where the file cannot be read
 *     exec.library()              the path of the allocator's shared library, on which the console itself runs
 *     exec.replace(path, words)   becomes the program, with the words as its arguments, its name at 1;
 *                                 returns only if that fails: nil, message
 *     exec.spawn(path, words)     starts the program as a child, with this process's terminal and streams: its number;
 *                                 nil, message. Signals that others send to this process are passed on to it
 *     exec.wait()                 nil while it runs; then its exit status (128 + signal, as a shell has it), the signal
 *                                 that ended it or 0, and the bytes that were resident at most
 *     exec.setenv(name, value)    sets a variable of the environment
 */
#ifndef CONSOLE_EXEC_H
#define CONSOLE_EXEC_H

#include <lua.h>

/* Opens the module: pushes its table. */
int exec_open(lua_State *L);

#endif
