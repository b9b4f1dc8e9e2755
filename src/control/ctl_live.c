/* ctl_live.c -- what is fixed under one name and live under another. Constant data without addresses, as the schema. */
#include "control/ctl_row.h"

#include <string.h>

static const struct {
    char name[32], live[32];
} pairs[] = {
#define LIVE(name, live) {name, live},
#include "control/schema/live.def"
#undef LIVE
};

const char *
ctl_live(const char *name) {
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i].name, name) == 0) {
            return pairs[i].live;
        }
    }
    return "";
}
