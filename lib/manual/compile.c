/*
 * compile - reads the folder, calls the parts in the order in which they need each
 * other, packs the result.
 */
#include "manual/compile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

enum { PATH_SIZE = 1024 };

static const char suffix[] = ".yaml";
static const char common_file[] = "procedures/_common.yaml";
static const char parameters_file[] = "parameters.yaml";

/* ---- reading ---- */

/* Bounded before it is read: a manual is small, whatever stands in the folder. */
static int read_file(struct compiler *c, const char *path, struct bytes *bytes, struct err *err) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    size_t size = info.st_size > YAML_SIZE_MAX ? YAML_SIZE_MAX + 1 : (size_t)info.st_size;
    uint8_t *data = arena_alloc(c->arena, size + 1);
    size_t used = 0;
    while (used < size) {
        ssize_t got = read(fd, data + used, size - used);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    (void)close(fd);
    *bytes = (struct bytes){data, used};
    return 0;
}

static int add_source(struct compiler *c, const char *dir, const char *name, size_t *total,
                      struct err *err) {
    char path[PATH_SIZE];

    if (c->source_count == COMPILE_FILES_MAX) {
        return err_plain(err, ERR_INVALID, "%s: more than %d files", dir, COMPILE_FILES_MAX);
    }
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path) {
        return err_plain(err, ERR_INVALID, "%s: path too long", dir);
    }
    struct source *source = &c->sources[c->source_count++];
    source->name = arena_text(c->arena, "%s", name);
    if (read_file(c, path, &source->bytes, err)) {
        return -1;
    }
    *total += source->bytes.size;
    if (*total > COMPILE_BYTES_MAX) {
        return err_plain(err, ERR_INVALID, "%s: more than %d KiB in all", dir,
                         COMPILE_BYTES_MAX / 1024);
    }
    return 0;
}

static bool is_yaml(const char *name) {
    size_t length = strlen(name), end = strlen(suffix);

    return name[0] != '.' && length > end && strcmp(name + length - end, suffix) == 0;
}

static int keep_yaml(const struct dirent *entry) {
    return is_yaml(entry->d_name);
}

/* In the order of their names, so that the same folder always gives the same bytes. */
static int read_folder(struct compiler *c, const char *dir, const char *folder, size_t *total,
                       struct err *err) {
    char path[PATH_SIZE];
    struct dirent **names = NULL;
    int result = 0;

    (void)snprintf(path, sizeof path, "%s/%s", dir, folder);
    int count = scandir(path, &names, keep_yaml, alphasort);
    if (count < 0 && *folder) {
        return 0; /* there need be no texts/ */
    }
    if (count < 0) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    for (int i = 0; i < count; i++) {
        if (result == 0) {
            const char *name = arena_text(c->arena, "%s%s%s", folder, *folder ? "/" : "",
                                          names[i]->d_name);
            result = add_source(c, dir, name, total, err);
        }
        free(names[i]);
    }
    free(names);
    return result;
}

static int read_all(struct compiler *c, const char *dir, struct err *err) {
    static const char *const folders[] = {"", "forms", "procedures", "texts"};
    size_t total = 0;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (read_folder(c, dir, folders[i], &total, err)) {
            return -1;
        }
    }
    return 0;
}

static void parse_all(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        struct source *source = &c->sources[i];
        struct yaml_fault fault;
        c->file = source->name;
        source->file = ARENA_NEW(c->arena, Manual__File);
        manual__file__init(source->file);
        source->file->name = source->name;
        source->root = yaml_read(source->bytes.data, source->bytes.size, c->arena, &fault);
        if (!source->root) {
            const struct node at = {.line = fault.line, .column = fault.column};
            compile_mistake(c, &at, "%s", fault.text);
        } else if (source->root->kind != NODE_MAP) {
            compile_mistake(c, source->root, "here must be a map: key: value");
            source->root = NULL;
        }
    }
}

/* ---- compiling ---- */

typedef void file_fn(struct compiler *c, struct source *source);

static const struct {
    const char *name;
    file_fn *compile;
    bool after_procedures;
    bool needed;
} top_files[] = {
    {"parameters.yaml", compile_parameters, false, true},
    {"roles.yaml", compile_roles, false, true},
    {"ladders.yaml", compile_ladders, false, true},
    {"calendar.yaml", compile_calendar, false, true},
    {"routes.yaml", compile_routes, true, true},
    {"rounds.yaml", compile_rounds, true, false},
    {"kpis.yaml", compile_kpis, true, false},
    {"lists.yaml", compile_lists, true, false},
};

static const size_t top_count = sizeof top_files / sizeof top_files[0];

static struct source *source_named(struct compiler *c, const char *name) {
    for (size_t i = 0; i < c->source_count; i++) {
        if (strcmp(c->sources[i].name, name) == 0) {
            return &c->sources[i];
        }
    }
    return NULL;
}

static void compile_top(struct compiler *c, bool after_procedures) {
    for (size_t i = 0; i < top_count; i++) {
        struct source *source = source_named(c, top_files[i].name);
        if (top_files[i].after_procedures != after_procedures) {
            continue;
        }
        if (source && source->root) {
            top_files[i].compile(c, source);
        } else if (!source && top_files[i].needed) {
            c->file = top_files[i].name;
            compile_mistake(c, NULL, "this file is missing");
        }
    }
}

static bool in_folder(const char *name, const char *folder) {
    size_t length = strlen(folder);

    return strncmp(name, folder, length) == 0 && name[length] == '/';
}

static void compile_all_texts(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        struct source *source = &c->sources[i];
        bool texts = strcmp(source->name, "texts.yaml") == 0 || in_folder(source->name, "texts");
        bool procedure = in_folder(source->name, "procedures")
                         && strcmp(source->name, common_file) != 0;
        if (source->root && (texts || procedure)) {
            compile_texts_file(c, source);
        }
    }
}

static bool is_known_file(const char *name) {
    static const char *const others[] = {"texts.yaml", "enums.yaml", NULL};

    for (size_t i = 0; i < top_count; i++) {
        if (strcmp(top_files[i].name, name) == 0) {
            return true;
        }
    }
    return strchr(name, '/') || compile_one_of(name, others);
}

static void check_files(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        if (!is_known_file(c->sources[i].name)) {
            c->file = c->sources[i].name;
            compile_mistake(c, NULL, "no such file belongs to a manual");
        }
    }
}

static void compile_all(struct compiler *c) {
    static const char *const keys[] = {"people", "arguments", "flags", "steps", NULL};
    struct source *common = source_named(c, common_file);

    check_files(c);
    compile_all_texts(c);
    compile_forms(c);
    compile_top(c, false);
    if (common && common->root) {
        c->file = common->name;
        (void)compile_keys(c, common->root, keys);
        c->common = common->root;
    }
    compile_procedures(c);
    compile_top(c, true);
}

/* ---- packing ---- */

static struct bytes packed(struct compiler *c, const Manual__File *file) {
    size_t size = manual__file__get_packed_size(file);
    uint8_t *data = arena_alloc(c->arena, size + 1);

    (void)manual__file__pack(file, data);
    return (struct bytes){data, size};
}

static void pack_all(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        const struct source *source = &c->sources[i];
        struct bytes file = packed(c, source->file);
        if (file.size + source->bytes.size > COMPILE_PUBLISH_MAX) {
            c->file = source->name;
            compile_mistake(c, NULL,
                            "too large to publish: %zu bytes with its compiled form, at "
                            "most %d; split it",
                            file.size + source->bytes.size, COMPILE_PUBLISH_MAX);
        }
        c->out->files[i] = file;
        c->out->sources[i] = source->bytes;
        c->out->names[i] = source->name;
    }
    c->out->count = c->source_count;
}

/* In the order in which somebody mends them: by file, line, column. */
static int compare_mistakes(const void *a, const void *b) {
    const struct mistake *one = a, *other = b;
    int order = strcmp(one->file, other->file);

    if (order == 0) {
        order = (one->line > other->line) - (one->line < other->line);
    }
    return order != 0 ? order : (one->column > other->column) - (one->column < other->column);
}

int compile_dir(const char *dir, struct compiled *compiled, struct arena *arena, struct err *err) {
    struct compiler *c = ARENA_NEW(arena, struct compiler);

    memset(compiled, 0, sizeof *compiled);
    c->out = compiled;
    c->arena = arena;
    c->file = "";
    if (read_all(c, dir, err)) {
        return -1;
    }
    if (c->source_count == 0) {
        return err_plain(err, ERR_NOT_FOUND, "%s: there is no manual (no .yaml file)", dir);
    }
    parse_all(c);
    if (compiled->mistake_count
        == 0) { /* what a file that cannot be read has is missed everywhere */
        compile_all(c);
    }
    if (compiled->mistake_count == 0) {
        pack_all(c);
    }
    if (compiled->mistake_count > 1) {
        qsort(compiled->mistakes, compiled->mistake_count, sizeof(struct mistake),
              compare_mistakes);
    }
    return 0;
}

void compile_print(const struct compiled *compiled, const char *dir, FILE *out) {
    bool slash = dir && *dir && dir[strlen(dir) - 1] != '/';

    for (size_t i = 0; i < compiled->mistake_count; i++) {
        const struct mistake *mistake = &compiled->mistakes[i];
        (void)fprintf(out, "%s%s%s:%d:%d: %s\n", dir ? dir : "", slash ? "/" : "", mistake->file,
                      mistake->line, mistake->column, mistake->text);
    }
    if (compiled->mistake_count == COMPILE_MISTAKES_MAX) {
        (void)fprintf(out, speak("… and more: only the first %d are shown\n"),
                      COMPILE_MISTAKES_MAX);
    }
}

/* ---- parameter sets ---- */

static Manual__Parameter *parameter_named(const Manual__Parameters *parameters, const char *key) {
    for (size_t i = 0; i < parameters->n_parameter; i++) {
        if (strcmp(parameters->parameter[i]->key, key) == 0) {
            return parameters->parameter[i];
        }
    }
    return NULL;
}

static void check_same_kind(struct compiler *c, const struct node *node,
                            const Manual__Parameter *old, const Manual__Parameter *new_one) {
    bool old_text = old->n_value > 0 && *old->value[0]->text;
    bool new_text = new_one->n_value > 0 && *new_one->value[0]->text;

    if (strcmp(old->unit, new_one->unit) != 0 || old_text != new_text) {
        compile_mistake(c, node, "\"%s\" is %s in the manual", old->key,
                        old_text                       ? speak("a word")
                        : strcmp(old->unit, "ms") == 0 ? speak("a duration")
                        : strcmp(old->unit, "wd") == 0 ? speak("a number of working days")
                        : *old->unit                   ? speak("a sum of money")
                                                       : speak("a number"));
    }
}

/* Class by class; a value without classes takes the place of all. */
static void lay_over(struct compiler *c, Manual__Parameter *old, const Manual__Parameter *over) {
    if (over->n_value == 1 && !*over->value[0]->class_) {
        old->value = over->value;
        old->n_value = 1;
        return;
    }
    Manual__ClassValue **values = COMPILE_ARRAY(c, Manual__ClassValue,
                                                old->n_value + over->n_value);
    size_t count = 0;
    for (size_t i = 0; i < old->n_value; i++) {
        Manual__ClassValue *value = old->value[i];
        if (*value->class_) {
            values[count++] = value;
        } else if (old->n_value == 1) {
            value->class_ = "default";
            values[count++] = value;
        }
    }
    for (size_t i = 0; i < over->n_value; i++) {
        size_t at = 0;
        while (at < count && strcmp(values[at]->class_, over->value[i]->class_) != 0) {
            at++;
        }
        values[at] = over->value[i];
        count += at == count;
    }
    old->value = values;
    old->n_value = count;
}

static void override_one(struct compiler *c, const Manual__Parameters *parameters,
                         const struct node *node) {
    Manual__Parameter *old = parameter_named(parameters, node->key);

    if (!old) {
        for (size_t i = 0; i < parameters->n_parameter; i++) {
            (void)table_put(c, &c->parameters, parameters->parameter[i]->key, c, NULL);
        }
        const struct table *tables[] = {&c->parameters};
        compile_mistake_key(c, node, "unknown parameter \"%s\"%s", node->key,
                            compile_nearest(c, node->key, tables, 1));
        return;
    }
    Manual__Parameter *over = compile_parameter(c, node);
    check_same_kind(c, node, old, over);
    lay_over(c, old, over);
}

int compile_override(struct compiled *compiled, const char *name, const char *yaml, size_t size,
                     struct arena *arena, struct err *err) {
    struct compiler *c = ARENA_NEW(arena, struct compiler);
    struct yaml_fault fault;
    ProtobufCAllocator allocator = arena_protobuf(arena);
    size_t at = 0;

    c->out = compiled;
    c->arena = arena;
    c->file = arena_text(arena, "%s", name);
    while (at < compiled->count && strcmp(compiled->names[at], parameters_file) != 0) {
        at++;
    }
    if (at == compiled->count) {
        return err_plain(err, ERR_PRECONDITION, "%s: the manual has mistakes or no %s", name,
                         parameters_file);
    }
    Manual__File *file = manual__file__unpack(&allocator, compiled->files[at].size,
                                              compiled->files[at].data);
    if (!file || !file->parameters) {
        return err_plain(err, ERR_INTERNAL, "%s: cannot read the compiled parameters", name);
    }
    const struct node *root = yaml_read(yaml, size, arena, &fault);
    if (!root) {
        const struct node place = {.line = fault.line, .column = fault.column};
        compile_mistake(c, &place, "%s", fault.text);
        return 0;
    }
    if (compile_is_map(c, root)) {
        for (const struct node *node = root->first; node; node = node->next) {
            override_one(c, file->parameters, node);
        }
        compiled->files[at] = packed(c, file);
    }
    return 0;
}
