/* ctl_keywords.h -- settings that are one of a few words. */
#ifndef LUNALLOC_CONTROL_CTL_KEYWORDS_H
#define LUNALLOC_CONTROL_CTL_KEYWORDS_H

#include "base/config.h"
#include "base/fmt.h"

/* The words in the order of the numbers that they stand for; an empty one ends the list. */
typedef char ctl_keyword_t[12];

/* pages_thp_t */
extern const ctl_keyword_t ctl_thp_words[];

/* What is filled with junk. */
extern const ctl_keyword_t ctl_junk_words[];

/* zero_realloc_t */
extern const ctl_keyword_t ctl_zero_realloc_words[];

/* What options that read as their fallback may be given; the rows' args. */
typedef enum {
    KEYWORDS_ANY,
    KEYWORDS_DSS,
    KEYWORDS_HUGIFY,
    WORDS_METADATA_THP,
    KEYWORDS_PERCPU,
    KEYWORDS_COUNT
} words_t;

extern const ctl_keyword_t ctl_unsupported_keywords[KEYWORDS_COUNT][5];

/* The number of a word. False, with what is allowed in `why`, if it is none of them; text may be NULL. */
bool ctl_choose(const ctl_keyword_t *words, const char *text, uint32_t *number, fmt_t *why);

#endif
