/*
 * compile - the files of manual/ → manual.File messages, or every mistake by file, line
 * and column.  Used by `shouwen manual check`, by `publish`, by rehearsals and
 * tests; the services never see YAML.
 *
 * Hostile YAML is refused in bounded time: file ≤ 256 KiB, depth ≤ 16, ≤ 10,000
 * events, no anchors, aliases, tags or duplicate keys (reliability.md 2.4).
 */
#ifndef COMPILE_H
#define COMPILE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    COMPILE_FILES_MAX = 256,
    COMPILE_MISTAKES_MAX = 100,
    COMPILE_PUBLISH_MAX = 60 * 1024,       /* source and compiled form of one file */
    COMPILE_ARENA_SIZE = 64 * 1024 * 1024, /* enough for any manual within the limits */
};

struct mistake {
    const char *file; /* "procedures/repair.yaml" */
    int line;         /* from 1 */
    int column;
    const char *text; /* what is wrong, and what would be right: English */
};

struct compiled {
    struct bytes files[COMPILE_FILES_MAX]; /* packed manual.File */
    struct bytes sources[COMPILE_FILES_MAX];
    const char *names[COMPILE_FILES_MAX];
    size_t count;
    struct mistake mistakes[COMPILE_MISTAKES_MAX];
    size_t mistake_count;
};

/* compile_dir - read and check a whole manual folder.  -1 only when it cannot be read;
 * with mistakes, files are not to be used. */
int compile_dir(const char *dir, struct compiled *compiled, struct arena *arena, struct err *err);

/* compile_print - each mistake as "file:line:column: text", the files in `dir` (or NULL). */
void compile_print(const struct compiled *compiled, const char *dir, FILE *out);

/* compile_override - parameters of a rehearsal or a demo set: YAML text of `key: value`
 * lines, put over the compiled ones.  Mistakes are added. */
int compile_override(struct compiled *compiled, const char *name, const char *yaml, size_t size,
                     struct arena *arena, struct err *err);

#endif
