/*
 * gunzip.h -- decompresses gzip's format with zlib, if that is installed (libz.so.1, loaded on first use).
 *
 * Used by textfile.c, so that traces and tables may be compressed files. The text and zlib's working memory are mapped:
 * the heap may be the one that is measured. Only loading zlib uses it.
 */
#ifndef WORKLOAD_GUNZIP_H
#define WORKLOAD_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

/* Does the data begin as gzip's format does? */
bool gunzip_is_compressed(const char *data, size_t size);

/*
 * Decompresses all members of the data. *text: a mapping of *mapped bytes, of which *size are the text; the caller
 * unmaps it. 0, or an errno value and a *why that continues "FILE ...": TEXTFILE_WRONG (textfile.h: the data is cut
 * off or damaged, or the text would have more than `limit` bytes), ENOMEM, or ENOSYS without zlib.
 */
int gunzip(const char *data, size_t data_size, size_t limit, char **text, size_t *size, size_t *mapped,
           const char **why);

#endif
