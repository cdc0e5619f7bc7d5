/*
 * compile_forms - forms/<CODE>.yaml and enums.yaml.
 */
#include <string.h>

#include "manual/compile_parts.h"

/* In the order of Manual__Type. */
static const char *const type_words[] = {
    "text", "long",  "date",  "time",    "dt",   "int",      "dec",  "money", "phone",
    "idno", "bool",  "staff", "person",  "unit", "building", "area", "plate", "dept",
    "file", "photo", "sign",  "rating5", "enum", "check",    "list", "ref",   NULL};

static Manual__Type type_of(struct compiler *c, const struct node *field) {
    const struct node *node = yaml_get(field, "type");
    const char *word = compile_text(c, node);

    if (!node) {
        compile_mistake_key(c, field, "\"%s\" has no type", field->key);
        return MANUAL__TYPE__TEXT;
    }
    for (int i = 0; type_words[i]; i++) {
        if (strcmp(type_words[i], word) == 0) {
            return (Manual__Type)i;
        }
    }
    compile_mistake(c, node, "unknown type \"%s\"%s", word,
                    compile_nearest_word(c, word, type_words));
    return MANUAL__TYPE__TEXT;
}

/* "other_side" reads as "other side". */
static const char *in_words(struct compiler *c, const char *key) {
    char *words = arena_text(c->arena, "%s", key);

    for (char *at = words; *at; at++) {
        if (*at == '_') {
            *at = ' ';
        }
    }
    return words;
}

/* `key: zh` or `key: {zh, en}`. */
static Manual__Name *short_name(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh", "en", NULL};

    if (node->kind == NODE_MAP) {
        (void)compile_keys(c, node, keys);
        return compile_name(c, node);
    }
    Manual__Name *name = ARENA_NEW(c->arena, Manual__Name);
    manual__name__init(name);
    name->zh = compile_text(c, node);
    name->en = in_words(c, node->key);
    return name;
}

static Manual__Choice **choices_of(struct compiler *c, const struct node *map, size_t *count) {
    *count = 0;
    if (!compile_is_map(c, map)) {
        return NULL;
    }
    Manual__Choice **list = COMPILE_ARRAY(c, Manual__Choice, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Choice *choice = ARENA_NEW(c->arena, Manual__Choice);
        manual__choice__init(choice);
        choice->key = node->key;
        choice->name = short_name(c, node);
        list[(*count)++] = choice;
    }
    if (*count == 0) {
        compile_mistake(c, map, "an enumeration needs at least one value");
    }
    return list;
}

/* A name in enums.yaml, or the map itself. */
static Manual__Choice **enum_of(struct compiler *c, const struct node *node, size_t *count) {
    *count = 0;
    if (node->kind == NODE_MAP) {
        return choices_of(c, node, count);
    }
    const char *word = compile_text(c, node);
    if (strcmp(word, "any") == 0) {
        return NULL; /* a list that the estate keeps */
    }
    const struct node *map = table_get(&c->enums, word);
    if (!map) {
        compile_unknown(c, node, "enumeration", word, &c->enums);
        return NULL;
    }
    const char *file = c->file;
    c->file = "enums.yaml";
    Manual__Choice **list = choices_of(c, map, count);
    c->file = file;
    return list;
}

static Manual__Column *column_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh", "en", "type", "of", "many", NULL};
    Manual__Column *column = ARENA_NEW(c->arena, Manual__Column);
    const struct node *of = yaml_get(node, "of");

    manual__column__init(column);
    column->key = node->key;
    (void)compile_word(c, node, node->key);
    if (!compile_keys(c, node, keys)) {
        return column;
    }
    column->name = ARENA_NEW(c->arena, Manual__Name);
    manual__name__init(column->name);
    column->name->zh = compile_text(c, yaml_get(node, "zh"));
    column->name->en = yaml_get(node, "en") ? compile_text(c, yaml_get(node, "en"))
                                            : in_words(c, node->key);
    if (!yaml_get(node, "zh")) {
        compile_mistake_key(c, node, "missing translation: \"%s\" has no zh", node->key);
    }
    column->type = type_of(c, node);
    if (column->type == MANUAL__TYPE__LIST || column->type == MANUAL__TYPE__CHECK) {
        compile_mistake(c, yaml_get(node, "type"), "a column of a list cannot be a %s",
                        type_words[column->type]);
    }
    if (column->type == MANUAL__TYPE__ENUM && of) {
        column->choices = enum_of(c, of, &column->n_choices);
    } else if (column->type == MANUAL__TYPE__ENUM) {
        compile_mistake_key(c, node, "\"%s\" is an enum: say `of:` what", node->key);
    }
    return column;
}

static void columns_of(struct compiler *c, const struct node *of, Manual__Field *field) {
    if (!compile_is_map(c, of)) {
        return;
    }
    field->columns = COMPILE_ARRAY(c, Manual__Column, of->count);
    for (const struct node *node = of->first; node; node = node->next) {
        field->columns[field->n_columns++] = column_of(c, node);
    }
}

static void contents_of(struct compiler *c, const struct node *node, Manual__Field *field) {
    const struct node *of = yaml_get(node, "of"), *each = yaml_get(node, "each");
    bool needs_of = field->type == MANUAL__TYPE__ENUM || field->type == MANUAL__TYPE__CHECK
                    || field->type == MANUAL__TYPE__LIST;

    if (needs_of && !of) {
        compile_mistake_key(c, node, "\"%s\" has the type %s: say `of:` what", node->key,
                            type_words[field->type]);
        return;
    }
    if (of && !needs_of && field->type != MANUAL__TYPE__REF) {
        compile_mistake_key(c, of, "`of:` goes with enum, check, list and ref, not with %s",
                            type_words[field->type]);
    }
    if (field->type == MANUAL__TYPE__ENUM || field->type == MANUAL__TYPE__CHECK) {
        field->choices = enum_of(c, of, &field->n_choices);
    } else if (field->type == MANUAL__TYPE__LIST) {
        columns_of(c, of, field);
    }
    if (each && field->type != MANUAL__TYPE__CHECK) {
        compile_mistake_key(c, each, "`each:` goes with check only");
    } else if (each) {
        field->values = enum_of(c, each, &field->n_values);
    }
}

static Manual__Field *field_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh",         "en",       "type", "of",   "each", "many",
                                       "calculated", "required", "part", "post", NULL};
    static const char *const parts[] = {"S", "H", "R", NULL};
    Manual__Field *field = ARENA_NEW(c->arena, Manual__Field);
    const struct node *part = yaml_get(node, "part");

    manual__field__init(field);
    field->key = node->key;
    (void)compile_word(c, node, node->key);
    if (!compile_keys(c, node, keys)) {
        return field;
    }
    field->name = compile_name(c, node);
    field->type = type_of(c, node);
    contents_of(c, node, field);
    field->many = compile_flag(c, yaml_get(node, "many"));
    field->calculated = compile_flag(c, yaml_get(node, "calculated"));
    field->required = yaml_get(node, "required") ? compile_text(c, yaml_get(node, "required"))
                                                 : "-";
    field->part = compile_text(c, part);
    field->post = compile_text(c, yaml_get(node, "post"));
    if (*field->part && !compile_one_of(field->part, parts)) {
        compile_mistake(c, part, "a part of a form is S, H or R, not \"%s\"", field->part);
    }
    if (*field->post && field->type != MANUAL__TYPE__STAFF) {
        compile_mistake(c, yaml_get(node, "post"), "only a staff field has a post");
    }
    return field;
}

Manual__Field **compile_fields(struct compiler *c, const struct node *map, size_t *count) {
    *count = 0;
    if (!map || !compile_is_map(c, map)) {
        return NULL;
    }
    Manual__Field **list = COMPILE_ARRAY(c, Manual__Field, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        list[(*count)++] = field_of(c, node);
    }
    return list;
}

Manual__Form *compile_form(struct compiler *c, const struct node *root, const char *code) {
    Manual__Form *form = ARENA_NEW(c->arena, Manual__Form);
    const struct node *fields = yaml_get(root, "fields");
    const struct node *name = yaml_get(root, yaml_get(root, "title") ? "title" : "name");

    manual__form__init(form);
    form->code = code;
    form->series = compile_text(c, yaml_get(root, "series"));
    if (!*form->series) {
        compile_mistake(c, root, "form %s has no series (the middle of its case numbers)", code);
    }
    if (!name) {
        compile_mistake(c, root, "missing translation: form %s has no name", code);
    } else {
        form->name = compile_name(c, name);
    }
    if (!fields) {
        compile_mistake(c, root, "form %s has no fields", code);
    }
    form->fields = compile_fields(c, fields, &form->n_fields);
    const struct table_entry *before = table_put(c, &c->forms, code, form, root);
    if (before) {
        compile_mistake(c, root, "form %s is in %s already", code, before->file);
    }
    return form;
}

static void read_enums(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        struct source *source = &c->sources[i];
        if (strcmp(source->name, "enums.yaml") != 0 || !source->root) {
            continue;
        }
        c->file = source->name;
        for (struct node *node = source->root->first; node; node = node->next) {
            (void)compile_word(c, node, node->key);
            (void)table_put(c, &c->enums, node->key, node, node);
            size_t count = 0;
            (void)choices_of(c, node, &count); /* those that no form uses are checked too */
        }
    }
}

void compile_forms(struct compiler *c) {
    static const char *const keys[] = {"form", "series", "name", "fields", NULL};

    read_enums(c);
    for (size_t i = 0; i < c->source_count; i++) {
        struct source *source = &c->sources[i];
        if (strncmp(source->name, "forms/", strlen("forms/")) != 0 || !source->root) {
            continue;
        }
        c->file = source->name;
        if (!compile_keys(c, source->root, keys)) {
            continue;
        }
        const struct node *code = yaml_get(source->root, "form");
        const char *stem = source->name + strlen("forms/");
        if (!code) {
            compile_mistake(c, source->root, "the form's code is missing (form: …)");
            continue;
        }
        const char *word = compile_text(c, code);
        size_t length = strlen(word);
        if (strncmp(stem, word, length) != 0 || strcmp(stem + length, ".yaml") != 0) {
            compile_mistake(c, code, "form \"%s\" must stand in forms/%s.yaml", word, word);
        }
        source->file->form = compile_form(c, source->root, word);
    }
}
