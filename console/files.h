/*
 * files.h -- names of files for the Tab key: the function files() of the module "lunalloc.console".
 */
#ifndef CONSOLE_FILES_H
#define CONSOLE_FILES_H

#include <lua.h>

enum {
    FILES_MAX = 2000 /* names that one call returns */
};

/* Adds files(text) to the table at the top: an array of the names that begin with the text; folders end with "/". */
void files_open(lua_State *L);

#endif
