/*
 * yaml - the manual's part of YAML: maps, lists and scalars with the place of each,
 * or one mistake.  Over libyaml's events, because its own trees follow aliases,
 * accept keys twice and forget where a thing stood.
 *
 * Hostile text is refused in bounded time and memory: at most YAML_SIZE_MAX bytes,
 * YAML_DEPTH_MAX deep, YAML_EVENTS_MAX events; no anchors, aliases, tags, second
 * documents, bytes 0 or keys that stand twice.  Every scalar is text: the reader of
 * a place knows what it must be.
 */
#ifndef MANUAL_YAML_H
#define MANUAL_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum {
    YAML_SIZE_MAX = 256 * 1024,
    YAML_DEPTH_MAX = 16,
    YAML_EVENTS_MAX = 10000,
    YAML_FAULT_MAX = 400,
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    int line; /* from 1 */
    int column;
    const char *text; /* of NODE_TEXT */
    bool quoted;
    const char *key; /* in a map; else NULL */
    int key_line, key_column;
    size_t count; /* children */
    struct node *first, *last, *next;
};

struct yaml_fault {
    int line, column;
    char text[YAML_FAULT_MAX];
};

/* yaml_read - NULL with `fault` filled in if the text is not such YAML.  An empty
 * document is an empty map.  Nodes live in the arena. */
struct node *yaml_read(const void *data, size_t size, struct arena *arena,
                       struct yaml_fault *fault);

/* yaml_get - the child of a map; NULL if there is none, or `map` is no map or NULL. */
struct node *yaml_get(const struct node *map, const char *key);

#endif
