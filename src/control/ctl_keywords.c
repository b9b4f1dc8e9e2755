/* ctl_keywords.c -- settings that are one of a few words. */
#include "control/ctl_keywords.h"

#include <string.h>

const ctl_keyword_t ctl_thp_words[] = {"default", "always", "never", ""};

const ctl_keyword_t ctl_junk_words[] = {"false", "true", "alloc", "free", ""};

const ctl_keyword_t ctl_zero_realloc_words[] = {"free", "alloc", "abort", ""};

const ctl_keyword_t ctl_unsupported_keywords[KEYWORDS_COUNT][5] = {
    [KEYWORDS_DSS] = {"disabled", "primary", "secondary"},
    [KEYWORDS_HUGIFY] = {"none", "lazy", "eager"},
    [WORDS_METADATA_THP] = {"disabled", "auto", "always"},
    [KEYWORDS_PERCPU] = {"disabled", "percpu", "phycpu"},
};

bool
ctl_choose(const ctl_keyword_t *words, const char *text, uint32_t *number, fmt_t *why) {
    for (uint32_t i = 0; text != NULL && words[i][0] != '\0'; i++) {
        if (strcmp(text, words[i]) == 0) {
            *number = i;
            return true;
        }
    }
    fmt_str(why, "allowed: ");
    for (uint32_t i = 0; words[i][0] != '\0'; i++) {
        fmt_str(why, i == 0 ? "" : ", ");
        fmt_str(why, words[i]);
    }
    return false;
}
