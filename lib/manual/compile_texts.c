/*
 * compile_texts - texts.yaml and texts/: every word that people read.
 */
#include <string.h>

#include "manual/compile_parts.h"
#include "manual/sentence.h"

enum {
    KEY_DEPTH = 3, /* section, procedure, state */
    NAME_MAX_SIZE = 64,
};

const Manual__Name *compile_text_name(struct compiler *c, const char *key) {
    const Manual__Text *text = table_get(&c->texts, key);

    return text ? text->text : NULL;
}

/* Does `text` use {name}? */
static bool uses(const char *text, const char *name, size_t length) {
    size_t size = 0;

    for (const char *at = sentence_next(text, &size); at; at = sentence_next(at, &size)) {
        if (size == length && strncmp(at, name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* An argument that only one language shows is a slip of the other. */
static void same_arguments(struct compiler *c, const struct node *node, const char *has,
                           const char *lacks, const char *language) {
    size_t size = 0;

    for (const char *at = sentence_next(has, &size); at; at = sentence_next(at, &size)) {
        if (size < NAME_MAX_SIZE && !uses(lacks, at, size)) {
            compile_mistake_key(c, node, "\"%s\": {%.*s} is missing in %s", node->key, (int)size,
                                at, language);
        }
    }
}

static void put_text(struct compiler *c, const struct node *node, const char *key,
                     Manual__Texts *texts) {
    static const char *const keys[] = {"zh", "en", NULL};
    Manual__Text *text = ARENA_NEW(c->arena, Manual__Text);

    manual__text__init(text);
    (void)compile_keys(c, node, keys);
    text->key = key;
    text->text = compile_name(c, node);
    if (*text->text->zh && *text->text->en) {
        same_arguments(c, node, text->text->zh, text->text->en, "en");
        same_arguments(c, node, text->text->en, text->text->zh, "zh");
    }
    const struct table_entry *before = table_put(c, &c->texts, key, text, node);
    if (before) {
        compile_mistake_key(c, node, "the text \"%s\" stands in %s:%d already", key, before->file,
                            before->node->key_line);
        return;
    }
    texts->text[texts->n_text++] = text;
}

static const char *join(struct compiler *c, const char *prefix, const char *key) {
    return *prefix ? arena_text(c->arena, "%s.%s", prefix, key) : key;
}

static bool is_text(const struct node *node) {
    return node->kind == NODE_MAP && (yaml_get(node, "zh") || yaml_get(node, "en"))
           && node->first->kind == NODE_TEXT;
}

/* Walks down to the maps that hold zh and en; the path to each is its key. */
void compile_text_section(struct compiler *c, const struct node *section, const char *prefix,
                          Manual__Texts *texts, size_t capacity) {
    struct {
        const struct node *next;
        const char *prefix;
    } level[KEY_DEPTH + 1];
    int depth = 0;

    if (!compile_is_map(c, section)) {
        return;
    }
    level[0].next = section->first;
    level[0].prefix = prefix;
    while (depth >= 0) {
        const struct node *node = level[depth].next;
        if (!node) {
            depth--;
            continue;
        }
        level[depth].next = node->next;
        const char *key = join(c, level[depth].prefix, node->key);
        if (is_text(node) && texts->n_text < capacity) {
            put_text(c, node, key, texts);
        } else if (node->kind == NODE_MAP && node->count > 0 && depth < KEY_DEPTH) {
            depth++;
            level[depth].next = node->first;
            level[depth].prefix = key;
        } else {
            compile_mistake_key(c, node, "\"%s\" must have zh and en", node->key);
        }
    }
}

/* "states" → "state"; errors have no prefix: their key is the rule. */
static const char *prefix_of(struct compiler *c, const char *section) {
    size_t length = strlen(section);

    if (strcmp(section, "errors") == 0) {
        return "";
    }
    if (length > 1 && section[length - 1] == 's') {
        return arena_text(c->arena, "%.*s", (int)(length - 1), section);
    }
    return section;
}

/* Each text takes at least four nodes, so this is more than there can be. */
static size_t text_capacity(void) {
    const size_t nodes_a_text = 4;

    return YAML_EVENTS_MAX / nodes_a_text;
}

static Manual__Texts *texts_new(struct compiler *c) {
    Manual__Texts *texts = ARENA_NEW(c->arena, Manual__Texts);

    manual__texts__init(texts);
    texts->text = COMPILE_ARRAY(c, Manual__Text, text_capacity());
    return texts;
}

/* The names that a procedure file brings along. */
static void inline_texts(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"name",  "states", "events", "clocks",
                                       "tells", "pages",  NULL};
    const struct node *map = yaml_get(source->root, "texts");
    const char *key = compile_text(c, yaml_get(source->root, "procedure"));

    if (!map || !compile_keys(c, map, keys)) {
        return;
    }
    source->file->texts = texts_new(c);
    for (const struct node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, "name") == 0) {
            put_text(c, node, arena_text(c->arena, "procedure.%s", key), source->file->texts);
            continue;
        }
        bool own = strcmp(node->key, "tells") != 0 && strcmp(node->key, "pages") != 0;
        const char *prefix = prefix_of(c, node->key);
        compile_text_section(c, node, own ? arena_text(c->arena, "%s.%s", prefix, key) : prefix,
                             source->file->texts, text_capacity());
    }
}

void compile_texts_file(struct compiler *c, struct source *source) {
    c->file = source->name;
    if (strncmp(source->name, "procedures/", strlen("procedures/")) == 0) {
        inline_texts(c, source);
        return;
    }
    if (!compile_is_map(c, source->root)) {
        return;
    }
    source->file->texts = texts_new(c);
    for (const struct node *node = source->root->first; node; node = node->next) {
        compile_text_section(c, node, prefix_of(c, node->key), source->file->texts,
                             text_capacity());
    }
}
