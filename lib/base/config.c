#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/speak.h"

struct reading {
    const char *path;
    const struct config_key *keys;
    char *out;
    struct arena *arena;
    bool seen[CONFIG_KEYS_MAX];
    const char *names[CONFIG_DEPTH_MAX]; /* of the maps we are in; [0] is the file's */
    int depth;
    const char *name;       /* read, and waiting for its value */
    struct config_map *map; /* we are inside a CONFIG_MAP */
    int map_depth;
};

static int refuse(const struct reading *in, const yaml_event_t *event, struct err *err,
                  const char *what, const char *name) {
    return err_plain(err, ERR_INVALID, "%s:%zu: %s \"%s\"", in->path, event->start_mark.line + 1,
                     what, name);
}

/* The dotted name of a key at this depth. */
static const char *full_name(const struct reading *in, const char *name) {
    const char *full = name;

    for (int i = in->depth - 1; i > 0; i--) {
        full = arena_text(in->arena, "%s.%s", in->names[i], full);
    }
    return full;
}

static int find_key(const struct reading *in, const char *name) {
    for (int i = 0; in->keys[i].name; i++) {
        if (strcmp(in->keys[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Is it the first part of a key's name ("limits" of "limits.workers")? */
static bool is_prefix(const struct reading *in, const char *name) {
    size_t length = strlen(name);

    for (const struct config_key *key = in->keys; key->name; key++) {
        if (strncmp(key->name, name, length) == 0 && key->name[length] == '.') {
            return true;
        }
    }
    return false;
}

/* NULL, or what is wrong with the value. */
static const char *put(char *out, const struct config_key *key, const char *text) {
    char *end = NULL;
    long long number = 0;

    switch (key->kind) {
    case CONFIG_TEXT:
        memcpy(out + key->offset, &text, sizeof text);
        return NULL;
    case CONFIG_INT:
        errno = 0;
        number = strtoll(text, &end, 10);
        if (errno || end == text || *end) {
            return speak("not a whole number:");
        }
        if (number < key->min || number > key->max) {
            return speak("out of its limits:");
        }
        *(int64_t *)(void *)(out + key->offset) = number;
        return NULL;
    case CONFIG_FLAG:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            return speak("neither true nor false:");
        }
        *(bool *)(out + key->offset) = text[0] == 't';
        return NULL;
    case CONFIG_MAP:
        return *text ? speak("should be a map:") : NULL;
    default:
        return speak("no such kind:");
    }
}

static int map_put(struct reading *in, const yaml_event_t *event, const char *value,
                   struct err *err) {
    struct config_map *map = in->map;

    if (config_find(map, in->name)) {
        return refuse(in, event, err, speak("said twice:"), in->name);
    }
    if (map->count == CONFIG_MAP_MAX) {
        return refuse(in, event, err, speak("too many names in the map, from"), in->name);
    }
    map->names[map->count] = in->name;
    map->values[map->count] = value;
    map->count++;
    in->name = NULL;
    return 0;
}

static int on_scalar(struct reading *in, const yaml_event_t *event, struct err *err) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    if (event->data.scalar.anchor || event->data.scalar.tag) {
        return refuse(in, event, err, speak("no anchors or tags, please:"), text);
    }
    if (strlen(text) != length) {
        return refuse(in, event, err, speak("a zero byte after"), text);
    }
    if (in->depth == 0) {
        return refuse(in, event, err, speak("should be a map of keys, not"), text);
    }
    const char *copy = arena_copy(in->arena, text, length);
    if (!in->name) {
        in->name = copy;
        return 0;
    }
    if (in->map) {
        return map_put(in, event, copy, err);
    }
    const char *full = full_name(in, in->name);
    int i = find_key(in, full);
    if (i < 0) {
        return refuse(in, event, err,
                      is_prefix(in, full) ? speak("should be a map:") : speak("unknown key"), full);
    }
    if (in->seen[i]) {
        return refuse(in, event, err, speak("said twice:"), full);
    }
    in->seen[i] = true;
    in->name = NULL;
    const char *wrong = put(in->out, &in->keys[i], copy);
    if (wrong) {
        return err_plain(err, ERR_INVALID, "%s:%zu: %s: %s \"%s\"", in->path,
                         event->start_mark.line + 1, full, wrong, copy);
    }
    return 0;
}

static int on_map_start(struct reading *in, const yaml_event_t *event, struct err *err) {
    if (event->data.mapping_start.anchor || event->data.mapping_start.tag) {
        return refuse(in, event, err, speak("no anchors or tags, please:"),
                      in->name ? in->name : "");
    }
    if (in->depth == CONFIG_DEPTH_MAX - 1) {
        return refuse(in, event, err, speak("nested too deeply:"), in->name ? in->name : "");
    }
    if (in->depth > 0) {
        if (!in->name) {
            return refuse(in, event, err, speak("a key should be a word, not a map"), "");
        }
        const char *full = full_name(in, in->name);
        int i = find_key(in, full);
        if (in->map || (i < 0 && !is_prefix(in, full))) {
            return refuse(in, event, err, speak("unknown key"), full);
        }
        if (i >= 0 && in->keys[i].kind != CONFIG_MAP) {
            return refuse(in, event, err, speak("should be one value, not a map:"), full);
        }
        if (i >= 0 && in->seen[i]) {
            return refuse(in, event, err, speak("said twice:"), full);
        }
        if (i >= 0) {
            in->seen[i] = true;
            in->map = (struct config_map *)(void *)(in->out + in->keys[i].offset);
            in->map_depth = in->depth + 1;
        }
    }
    in->names[in->depth] = in->name;
    in->depth++;
    in->name = NULL;
    return 0;
}

static void on_map_end(struct reading *in) {
    assert(in->depth > 0);
    if (in->map && in->depth == in->map_depth) {
        in->map = NULL;
    }
    in->depth--;
}

static int on_event(struct reading *in, const yaml_event_t *event, struct err *err) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(in, event, err);
    case YAML_MAPPING_START_EVENT:
        return on_map_start(in, event, err);
    case YAML_MAPPING_END_EVENT:
        on_map_end(in);
        return 0;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return refuse(in, event, err, speak("no lists here:"), in->name ? in->name : "");
    case YAML_ALIAS_EVENT:
        return refuse(in, event, err, speak("no anchors or tags, please:"), "*");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return 0;
    }
}

static int parse(struct reading *in, const char *text, size_t size, struct err *err) {
    yaml_parser_t parser;
    int documents = 0;
    int status = -1;
    bool ended = false;

    if (!yaml_parser_initialize(&parser)) {
        return err_plain(err, ERR_UNAVAILABLE, "out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (int events = 0; !ended; events++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            (void)err_plain(err, ERR_INVALID, "%s:%zu: %s", in->path, parser.problem_mark.line + 1,
                            speak(parser.problem ? parser.problem : "no YAML"));
            goto done;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        documents += event.type == YAML_DOCUMENT_START_EVENT;
        int rc = events >= CONFIG_EVENTS_MAX
                     ? refuse(in, &event, err, speak("too long a file"), in->path)
                 : documents > 1 ? refuse(in, &event, err, speak("more than one document"), "---")
                                 : on_event(in, &event, err);
        yaml_event_delete(&event);
        if (rc) {
            goto done;
        }
    }
    status = 0;

done:
    yaml_parser_delete(&parser);
    return status;
}

static int slurp(const char *path, char **text, size_t *size, struct arena *arena,
                 struct err *err) {
    FILE *file = fopen(path, "re");

    if (!file) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    long end = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    if (end < 0 || end > CONFIG_FILE_MAX || fseek(file, 0, SEEK_SET)) {
        (void)fclose(file);
        return err_plain(err, ERR_INVALID, "%s: larger than %d bytes, or no file", path,
                         CONFIG_FILE_MAX);
    }
    *text = arena_alloc(arena, (size_t)end + 1);
    *size = fread(*text, 1, (size_t)end, file);
    (void)fclose(file);
    return 0;
}

int config_read(const char *path, const struct config_key *keys, void *out, struct arena *arena,
                struct err *err) {
    struct reading in = {.path = path, .keys = keys, .out = out, .arena = arena};
    char *text = NULL;
    size_t size = 0;

    if (slurp(path, &text, &size, arena, err) || parse(&in, text, size, err)) {
        return -1;
    }
    for (int i = 0; keys[i].name; i++) {
        assert(i < CONFIG_KEYS_MAX);
        if (in.seen[i]) {
            continue;
        }
        if (!keys[i].otherwise) {
            return err_plain(err, ERR_INVALID, "%s: the key \"%s\" is missing", path, keys[i].name);
        }
        const char *wrong = put(out, &keys[i], keys[i].otherwise);
        assert(!wrong); /* the table's own values are right */
    }
    return 0;
}

const char *config_find(const struct config_map *map, const char *name) {
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->names[i], name) == 0) {
            return map->values[i];
        }
    }
    return NULL;
}
