/*
 * compile_set - `set` and `with`: what is put into fields.
 */
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

static bool is_words(Manual__Type type) {
    return type == MANUAL__TYPE__TEXT || type == MANUAL__TYPE__LONG || type == MANUAL__TYPE__REF;
}

/* A person may be kept as staff, person or signature; texts take everything. */
static bool fits(Manual__Type to, Manual__Type from) {
    bool person_to = to == MANUAL__TYPE__STAFF || to == MANUAL__TYPE__PERSON
                     || to == MANUAL__TYPE__SIGN;
    bool person_from = from == MANUAL__TYPE__STAFF || from == MANUAL__TYPE__PERSON
                       || from == MANUAL__TYPE__SIGN;
    bool time_to = to == MANUAL__TYPE__DT || to == MANUAL__TYPE__DATE || to == MANUAL__TYPE__TIME;
    bool time_from = from == MANUAL__TYPE__DT || from == MANUAL__TYPE__DATE
                     || from == MANUAL__TYPE__TIME;

    return to == from || is_words(to) || is_words(from) || (person_to && person_from)
           || (time_to && time_from);
}

static bool is_person(Manual__Type type) {
    return type == MANUAL__TYPE__STAFF || type == MANUAL__TYPE__PERSON || type == MANUAL__TYPE__SIGN
           || is_words(type);
}

static bool is_time(Manual__Type type) {
    return type == MANUAL__TYPE__DT || type == MANUAL__TYPE__DATE || type == MANUAL__TYPE__TIME;
}

/* "$on_duty" of a field with a post, or "$on_duty.engineering". */
static const char *on_duty(struct compiler *c, const struct node *node, const char *text,
                           const Manual__Field *target) {
    const char *dot = strchr(text, '.');

    if (target->type != MANUAL__TYPE__STAFF) {
        compile_mistake(c, node, "wrong type: \"%s\" is no staff field", target->key);
    }
    if (dot) {
        return text;
    }
    if (!*target->post) {
        compile_mistake(c, node,
                        "$on_duty of which post?  Give the field \"%s\" a post, or say "
                        "$on_duty.<post>",
                        target->key);
        return text;
    }
    return arena_text(c->arena, "$on_duty.%s", target->post);
}

/* What every case has, besides its fields. */
static bool of_the_case(const char *word, Manual__Type *type) {
    static const struct {
        const char *word;
        Manual__Type type;
    } list[] = {{"unit", MANUAL__TYPE__UNIT},       {"opened_at", MANUAL__TYPE__DT},
                {"closed_at", MANUAL__TYPE__DT},    {"opener", MANUAL__TYPE__STAFF},
                {"dept_head", MANUAL__TYPE__STAFF}, {"first_contact_owner", MANUAL__TYPE__STAFF},
                {"number", MANUAL__TYPE__TEXT},     {"round", MANUAL__TYPE__INT},
                {"state", MANUAL__TYPE__TEXT}};

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (strcmp(list[i].word, word) == 0) {
            *type = list[i].type;
            return true;
        }
    }
    return false;
}

static const char *field_reference(struct compiler *c, struct part *part, const struct node *node,
                                   const char *word, const Manual__Field *target) {
    const Manual__Field *field = compile_field_of(part, word);
    const Manual__Fact *fact = table_get(&part->facts, word);
    Manual__Type type = MANUAL__TYPE__TEXT;

    if (field) {
        type = field->type;
        word = field->key;
    } else if (fact) {
        type = fact->found ? MANUAL__TYPE__REF : MANUAL__TYPE__INT;
    } else if (!of_the_case(word, &type)) {
        const struct table *tables[] = {&part->fields, &part->relations, &part->facts};
        compile_mistake(c, node, "unknown field \"$%s\" (form %s)%s", word, part->p->form,
                        compile_nearest(c, word, tables, sizeof tables / sizeof tables[0]));
        return "";
    }
    if (!fits(target->type, type)) {
        compile_mistake(c, node, "wrong type: \"%s\" cannot take \"%s\"", target->key, word);
    }
    return arena_text(c->arena, "$%s", word);
}

static const char *reference(struct compiler *c, struct part *part, const struct node *node,
                             const char *text, const Manual__Field *target) {
    static const char duty[] = "$on_duty";
    size_t length = strlen(duty);

    if (strcmp(text, "$actor") == 0) {
        if (!is_person(target->type)) {
            compile_mistake(c, node, "wrong type: \"%s\" is no person", target->key);
        }
        return text;
    }
    if (strcmp(text, "$now") == 0) {
        if (!is_time(target->type)) {
            compile_mistake(c, node, "wrong type: \"%s\" is no time", target->key);
        }
        return text;
    }
    if (strcmp(text, "$parent") == 0) {
        return text;
    }
    if (strncmp(text, duty, length) == 0 && (text[length] == '\0' || text[length] == '.')) {
        return on_duty(c, node, text, target);
    }
    return field_reference(c, part, node, text + 1, target);
}

static void change_of(struct compiler *c, const struct node *node, const Manual__Field *target,
                      Manual__Set *set) {
    static const char *const keys[] = {"up", "clear", NULL};
    const struct node *up = yaml_get(node, "up");

    (void)compile_keys(c, node, keys);
    set->up = (int32_t)compile_int(c, up);
    set->clear = compile_flag(c, yaml_get(node, "clear"));
    if (up && target->type != MANUAL__TYPE__ENUM && target->type != MANUAL__TYPE__INT) {
        compile_mistake(c, up, "wrong type: \"%s\" has no order to go up", target->key);
    }
    if (set->up == 0 && !set->clear) {
        compile_mistake(c, node, "nothing is done to \"%s\": {up: 1} or {clear: true}", node->key);
    }
}

/* The field that a word under `set` or `with` names; flags and counters as fields of
 * their type.  NULL: none. */
static const Manual__Field *target_of(struct compiler *c, const struct table *targets,
                                      struct part *target, const char *word) {
    static const char *const counters[] = {"contacts", "trips", "round", NULL};
    static const char *const settable[] = {"unit", "first_contact_owner", NULL};
    const Manual__Field *field = NULL;
    bool counter = target && compile_one_of(word, counters);

    if (!counter) {
        field = target ? compile_field_of(target, word) : table_get(targets, word);
    }
    if (field) {
        return field;
    }
    Manual__Field *made = ARENA_NEW(c->arena, Manual__Field);
    manual__field__init(made);
    made->key = word;
    if (counter) {
        made->type = MANUAL__TYPE__INT;
    } else if (target && table_entry(&target->flags, word)) {
        made->type = MANUAL__TYPE__BOOL;
    } else if (!target || !compile_one_of(word, settable) || !of_the_case(word, &made->type)) {
        return NULL;
    }
    return made;
}

static Manual__Set *set_of(struct compiler *c, struct part *part, const struct table *targets,
                           struct part *target, const struct node *node) {
    Manual__Set *set = ARENA_NEW(c->arena, Manual__Set);
    const Manual__Field *field = target_of(c, targets, target, node->key);

    manual__set__init(set);
    if (!field) {
        const struct table *tables[] = {target ? &target->fields : targets,
                                        target ? &target->flags : targets};
        compile_mistake_key(c, node, "unknown field \"%s\"%s%s%s", node->key,
                            target ? speak(" of ") : "", target ? target->key : "",
                            compile_nearest(c, node->key, tables, 2));
        return set;
    }
    set->field = field->key;
    if (node->kind == NODE_MAP) {
        change_of(c, node, field, set);
        return set;
    }
    const char *text = compile_text(c, node);
    if (*text == '$') {
        set->reference = reference(c, part, node, text, field);
    } else {
        set->literal = compile_value(c, node, field);
    }
    return set;
}

/* `part` is where $fields are looked for; `target`, or `targets` when it is NULL,
 * what may be set. */
Manual__Set **compile_sets(struct compiler *c, struct part *part, const struct table *targets,
                           struct part *target, const struct node *map, size_t *count) {
    *count = 0;
    if (!map || !compile_is_map(c, map)) {
        return NULL;
    }
    Manual__Set **list = COMPILE_ARRAY(c, Manual__Set, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        list[(*count)++] = set_of(c, part, targets, target, node);
    }
    return list;
}
