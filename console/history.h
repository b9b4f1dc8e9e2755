/*
 * history.h -- the history of inputs, kept in a file from session to session.
 *
 * The file is $XDG_STATE_HOME/lunalloc/history (default: ~/.local/state/lunalloc/history), mode 0600 in a 0700 folder.
 * It has one entry a line, in which "\n" stands for a newline and "\\" for a backslash. An entry is appended as soon as
 * it is typed, so several consoles can share the file. At most HISTORY_MAX entries are kept.
 */
#ifndef CONSOLE_HISTORY_H
#define CONSOLE_HISTORY_H

enum {
    HISTORY_MAX = 5000
};

/* Reads the file into readline's history. If the file cannot be used, says so once on stderr; the history is then kept
 * in memory only. */
void history_open(void);

/* Adds an entry, of one or more lines, to readline's history and to the file. Skips one that is blank or equals the
 * last one. */
void history_record(const char *text);

#endif
