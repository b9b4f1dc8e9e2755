/* scope.c -- accounts by name. Scopes are never deleted, so their numbers and names stay. */
#include "meter/meter.h"

#include <string.h>

#define FIRST_ROOM 4

/* Makes room for twice as many scopes. False if there is no memory: nothing changed. */
static bool
grow(lunalloc_meter_t *meter) {
    const lunalloc_api_t *api = meter->heap.memory.api;
    uint32_t room = meter->room == 0 ? FIRST_ROOM : meter->room * 2;
    char **names = api->calloc(room, sizeof(*names));
    size_t *accounts = api->calloc((size_t)room << METER_LG_TYPES, sizeof(*accounts));
    if (names == NULL || accounts == NULL) {
        api->free(names);
        api->free(accounts);
        return false;
    }
    if (meter->nscopes > 0) {
        memcpy(names, meter->names, meter->nscopes * sizeof(*names));
        memcpy(accounts, meter->accounts, (meter->nscopes << METER_LG_TYPES) * sizeof(*accounts));
    }
    api->free(meter->names);
    api->free(meter->accounts);
    meter->names = names;
    meter->accounts = accounts;
    meter->room = room;
    return true;
}

int
lunalloc_meter_scope(lunalloc_meter_t *meter, const char *name) {
    for (uint32_t i = 0; i < meter->nscopes; i++) {
        if (strcmp(meter->names[i], name) == 0) {
            return (int)i;
        }
    }
    if (meter->nscopes == LUNALLOC_LUA_SCOPES || (meter->nscopes == meter->room && !grow(meter))) {
        return -1;
    }
    size_t size = strlen(name) + 1;
    char *copy = meter->heap.memory.api->malloc(size);
    if (copy == NULL) {
        return -1;
    }
    memcpy(copy, name, size);
    meter->names[meter->nscopes] = copy;
    return (int)meter->nscopes++;
}

bool
meter_open_scopes(lunalloc_meter_t *meter) {
    return lunalloc_meter_scope(meter, "main") == 0;
}

void
meter_close_scopes(lunalloc_meter_t *meter) {
    const lunalloc_api_t *api = meter->heap.memory.api;
    for (uint32_t i = 0; i < meter->nscopes; i++) {
        api->free(meter->names[i]);
    }
    api->free(meter->names);
    api->free(meter->accounts);
}

int
lunalloc_meter_enter(lunalloc_meter_t *meter, int scope) {
    int was = (int)(meter->scope_tag >> METER_LG_TYPES);
    if (scope >= 0 && (uint32_t)scope < meter->nscopes) {
        meter->scope_tag = (uint32_t)scope << METER_LG_TYPES;
    }
    return was;
}

size_t
lunalloc_meter_scope_bytes(lunalloc_meter_t *meter, int scope) {
    size_t bytes = 0;
    for (uint32_t type = 0; scope >= 0 && (uint32_t)scope < meter->nscopes && type < LUNALLOC_LUA_TYPES; type++) {
        bytes += meter->accounts[((uint32_t)scope << METER_LG_TYPES) + type];
    }
    return bytes;
}

const char *
lunalloc_meter_scope_name(lunalloc_meter_t *meter, int scope) {
    return scope >= 0 && (uint32_t)scope < meter->nscopes ? meter->names[scope] : NULL;
}
