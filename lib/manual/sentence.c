#include "manual/sentence.h"

#include <string.h>

const char *sentence_next(const char *at, size_t *length) {
    for (const char *open = strchr(at, '{'); open; open = strchr(open + 1, '{')) {
        size_t size = strspn(open + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (size > 0 && open[1 + size] == '}') {
            *length = size;
            return open + 1;
        }
    }
    return NULL;
}

/* The value of a line "name=value"; NULL if there is no such line. */
static const char *value_of(const char *args, const char *name, size_t length, size_t *size) {
    for (const char *line = args; line && *line;) {
        const char *end = strchr(line, '\n');
        size_t line_size = end ? (size_t)(end - line) : strlen(line);
        if (line_size > length && strncmp(line, name, length) == 0 && line[length] == '=') {
            *size = line_size - length - 1;
            return line + length + 1;
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

/* Writes to `out` unless it is NULL; returns the size. */
static size_t fill(const char *pattern, const char *args, char *out) {
    size_t used = 0, length = 0;
    const char *at = pattern;

    for (const char *name = sentence_next(at, &length); name; name = sentence_next(at, &length)) {
        size_t size = 0, before = (size_t)(name - 1 - at);
        const char *value = value_of(args, name, length, &size);
        if (!value) {
            value = name - 1;
            size = length + 2;
        }
        if (out) {
            memcpy(out + used, at, before);
            memcpy(out + used + before, value, size);
        }
        used += before + size;
        at = name + length + 1;
    }
    size_t rest = strlen(at);
    if (out) {
        memcpy(out + used, at, rest + 1);
    }
    return used + rest;
}

const char *sentence_fill(const char *pattern, const char *args, struct arena *arena) {
    char *out = arena_alloc(arena, fill(pattern, args, NULL) + 1);

    (void)fill(pattern, args, out);
    return out;
}
