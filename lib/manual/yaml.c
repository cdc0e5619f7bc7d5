#include "manual/yaml.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/speak.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct yaml_fault *fault;
    struct node *open[YAML_DEPTH_MAX]; /* the lists and maps we are in */
    size_t depth;
    struct node *root;
    const char *key; /* of the value that comes next */
    int key_line, key_column;
    size_t events;
    bool started; /* a document was begun */
};

static bool fail(struct reader *reader, yaml_mark_t mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct reader *reader, yaml_mark_t mark, const char *fmt, ...) {
    va_list args;

    reader->fault->line = (int)mark.line + 1;
    reader->fault->column = (int)mark.column + 1;
    va_start(args, fmt);
    (void)vsnprintf(reader->fault->text, sizeof reader->fault->text, speak(fmt), args);
    va_end(args);
    return false;
}

struct node *yaml_get(const struct node *map, const char *key) {
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (struct node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, key) == 0) {
            return node;
        }
    }
    return NULL;
}

/* Puts a node where the document stands: into the innermost open list or map. */
static struct node *put(struct reader *reader, enum node_kind kind, yaml_mark_t mark) {
    struct node *node = ARENA_NEW(reader->arena, struct node);
    struct node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

    node->kind = kind;
    node->line = (int)mark.line + 1;
    node->column = (int)mark.column + 1;
    if (!parent) {
        reader->root = node;
        return node;
    }
    if (parent->kind == NODE_MAP) {
        node->key = reader->key;
        node->key_line = reader->key_line;
        node->key_column = reader->key_column;
        reader->key = NULL;
    }
    if (parent->last) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
    return node;
}

static bool on_scalar(struct reader *reader, const yaml_event_t *event) {
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    const struct node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

    if (memchr(value, '\0', length)) {
        return fail(reader, event->start_mark, "a text may not hold a zero byte");
    }
    if (parent && parent->kind == NODE_MAP && !reader->key) {
        if (yaml_get(parent, value)) {
            return fail(reader, event->start_mark, "\"%.60s\" stands twice here", value);
        }
        reader->key = arena_copy(reader->arena, value, length);
        reader->key_line = (int)event->start_mark.line + 1;
        reader->key_column = (int)event->start_mark.column + 1;
        return true;
    }
    struct node *node = put(reader, NODE_TEXT, event->start_mark);
    node->text = arena_copy(reader->arena, value, length);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return true;
}

static bool on_open(struct reader *reader, const yaml_event_t *event, enum node_kind kind) {
    const struct node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;

    if (parent && parent->kind == NODE_MAP && !reader->key) {
        return fail(reader, event->start_mark, "a key must be a plain word");
    }
    if (reader->depth == YAML_DEPTH_MAX) {
        return fail(reader, event->start_mark, "nested deeper than %d", YAML_DEPTH_MAX);
    }
    struct node *node = put(reader, kind, event->start_mark);
    reader->open[reader->depth++] = node;
    return true;
}

/* Anchors, aliases and tags are how small files become large or circular ones. */
static bool refused(struct reader *reader, const yaml_event_t *event) {
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT) {
        return !fail(reader, event->start_mark, "aliases (*) are not used here");
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor) {
        return !fail(reader, event->start_mark, "anchors (&) are not used here");
    }
    if (tag) {
        return !fail(reader, event->start_mark, "tags (!) are not used here");
    }
    return false;
}

static bool on_event(struct reader *reader, const yaml_event_t *event) {
    if (++reader->events > YAML_EVENTS_MAX) {
        return fail(reader, event->start_mark, "more than %d nodes: split the file",
                    YAML_EVENTS_MAX);
    }
    if (refused(reader, event)) {
        return false;
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (reader->started) {
            return fail(reader, event->start_mark, "only one document in a file");
        }
        reader->started = true;
        return true;
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(reader, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(reader, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(reader->depth > 0);
        reader->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
        return true;
    }
    return true;
}

static bool read_events(struct reader *reader) {
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            const char *problem = reader->parser.problem ? reader->parser.problem : "not YAML";
            yaml_mark_t mark = reader->parser.problem_mark;
            return fail(reader, mark, "%s", speak(problem));
        }
        more = event.type != YAML_STREAM_END_EVENT;
        bool fine = on_event(reader, &event);
        yaml_event_delete(&event);
        if (!fine) {
            return false;
        }
    }
    return true;
}

struct node *yaml_read(const void *data, size_t size, struct arena *arena,
                       struct yaml_fault *fault) {
    struct reader reader = {.arena = arena, .fault = fault};

    if (size > YAML_SIZE_MAX) {
        (void)fail(&reader, (yaml_mark_t){0}, "larger than %d KiB", YAML_SIZE_MAX / 1024);
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        (void)fail(&reader, (yaml_mark_t){0}, "out of memory");
        return NULL;
    }
    /* Said, not guessed: a byte order mark must not make it UTF-16. */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, data, size);
    bool fine = read_events(&reader);
    yaml_parser_delete(&reader.parser);
    if (!fine) {
        return NULL;
    }
    if (!reader.root || (reader.root->kind == NODE_TEXT && !*reader.root->text)) {
        reader.root = ARENA_NEW(arena, struct node);
        *reader.root = (struct node){.kind = NODE_MAP, .line = 1, .column = 1};
    }
    return reader.root;
}
