/*
 * config - a small YAML file → a struct, by a table of keys.
 *
 *     static const struct config_key keys[] = {
 *         {"store", CONFIG_TEXT, "store.db", offsetof(struct settings, store), 0, 0},
 *         {"limits.workers", CONFIG_INT, "2", offsetof(struct settings, workers), 1, 16},
 *         {"peers", CONFIG_MAP, "", offsetof(struct settings, peers), 0, 0},
 *         {0},
 *     };
 *
 * A key that the table does not name, a key said twice, a value of the wrong kind
 * or out of its limits, a list, an anchor, an alias or a tag: refused, with file
 * and line.  Whoever starts a service with a spelling mistake hears it at once.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum {
    CONFIG_FILE_MAX = 256 * 1024,
    CONFIG_EVENTS_MAX = 10000,
    CONFIG_DEPTH_MAX = 16,
    CONFIG_KEYS_MAX = 64,
    CONFIG_MAP_MAX = 32,
};

enum config_kind {
    CONFIG_TEXT, /* const char * */
    CONFIG_INT,  /* int64_t, in min … max */
    CONFIG_FLAG, /* bool: true or false */
    CONFIG_MAP,  /* struct config_map: any names, texts as values; may be left out */
};

struct config_map {
    size_t count;
    const char *names[CONFIG_MAP_MAX];
    const char *values[CONFIG_MAP_MAX];
};

struct config_key {
    const char *name; /* "store", or "limits.workers" for one inside a map; NULL ends the table */
    enum config_kind kind;
    const char *otherwise; /* value when it is not there; NULL: it must be there */
    size_t offset;         /* where in the struct */
    int64_t min, max;
};

/*
 * config_read - read the file at `path` into the struct `out`, whose texts then
 * live in the arena.  Returns 0, or -1 with err set to ERR_INVALID (a mistake in
 * it, as "file:line: …") or ERR_NOT_FOUND (cannot be read).
 */
int config_read(const char *path, const struct config_key *keys, void *out, struct arena *arena,
                struct err *err);

/* config_find - a value of a map; NULL if it is not there. */
const char *config_find(const struct config_map *map, const char *name);

#endif
