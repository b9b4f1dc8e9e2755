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
    owner_t **owners = api->calloc(room, sizeof(*owners));
    if (names == NULL || owners == NULL) {
        api->free(names);
        api->free(owners);
        return false;
    }
    if (meter->nscopes > 0) {
        memcpy(names, meter->names, meter->nscopes * sizeof(*names));
        memcpy(owners, meter->heap.owners, meter->nscopes * sizeof(*owners));
    }
    api->free(meter->names);
    api->free(meter->heap.owners);
    meter->names = names;
    meter->heap.owners = owners;
    meter->room = room;
    return true;
}

/* False if there is no memory. There is room. */
static bool
add(lunalloc_meter_t *meter, const char *name) {
    const lunalloc_api_t *api = meter->heap.memory.api;
    size_t size = strlen(name) + 1;
    char *copy = api->malloc(size);
    owner_t *owner = copy == NULL ? NULL : api->calloc(1, sizeof(*owner));
    if (owner == NULL) {
        api->free(copy);
        return false;
    }
    memcpy(copy, name, size);
    owner->kinds = &heap_no_kinds;
    owner->number = (uint16_t)meter->nscopes;
    meter->names[meter->nscopes] = copy;
    meter->heap.owners[meter->nscopes++] = owner;
    return true;
}

int
lunalloc_meter_scope(lunalloc_meter_t *meter, const char *name) {
    for (uint32_t i = 0; i < meter->nscopes; i++) {
        if (strcmp(meter->names[i], name) == 0) {
            return (int)i;
        }
    }
    bool full = meter->nscopes == LUNALLOC_LUA_SCOPES || (meter->nscopes == meter->room && !grow(meter));
    return !full && add(meter, name) ? (int)meter->nscopes - 1 : -1;
}

bool
meter_open_scopes(lunalloc_meter_t *meter) {
    bool ok = lunalloc_meter_scope(meter, "main") == 0;
    if (ok) {
        meter->owner = meter->heap.owners[0];
        meter->kinds = meter->owner->kinds;
    }
    return ok;
}

void
meter_close_scopes(lunalloc_meter_t *meter) {
    const lunalloc_api_t *api = meter->heap.memory.api;
    for (uint32_t i = 0; i < meter->nscopes; i++) {
        api->free(meter->names[i]);
        api->free(meter->heap.owners[i]);
    }
    api->free(meter->names);
    api->free(meter->heap.owners);
}

int
lunalloc_meter_enter(lunalloc_meter_t *meter, int scope) {
    int was = meter->owner->number;
    if (scope >= 0 && (uint32_t)scope < meter->nscopes) {
        meter->owner = meter->heap.owners[scope];
        meter->kinds = meter->owner->kinds;
    }
    return was;
}

size_t
lunalloc_meter_scope_bytes(lunalloc_meter_t *meter, int scope) {
    size_t bytes = 0;
    for (uint32_t type = 0; scope >= 0 && (uint32_t)scope < meter->nscopes && type < LUNALLOC_LUA_TYPES; type++) {
        bytes += meter->heap.owners[scope]->accounts[type];
    }
    return bytes;
}

const char *
lunalloc_meter_scope_name(lunalloc_meter_t *meter, int scope) {
    return scope >= 0 && (uint32_t)scope < meter->nscopes ? meter->names[scope] : NULL;
}
