/*
 * history.h -- what was typed, kept from session to session.
 *
 * The file is $XDG_STATE_HOME/lunalloc/history (~/.local/state/lunalloc/history), mode 0600 in a 0700 folder: one entry
 * a line, in which "\n" stands for a newline and "\\" for a backslash. Entries are appended as they are typed, so that
 * several consoles at once keep each other's; at most HISTORY_MAX are kept.
 */
#ifndef CONSOLE_HISTORY_H
#define CONSOLE_HISTORY_H

enum {
    HISTORY_MAX = 5000
};

/* Reads the file into readline's history. If it cannot be kept, says so once on stderr and works on in memory. */
void history_open(void);

/* Adds an entry (it may have several lines) unless it is blank or repeats the last one. */
void history_record(const char *text);

#endif
