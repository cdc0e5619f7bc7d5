/*
 * compile_ops - `do`: what a step sets off.
 */
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

/* The word that says which act it is, with the others it may stand with. */
static const struct {
    const char *word;
    Manual__Op__Kind kind;
    const char *keys[8];
} acts[] = {
    /* `each` first: its map also has open or fire. */
    {"each", MANUAL__OP__KIND__EACH, {"each", "open", "fire", "with", "when", NULL}},
    {"open", MANUAL__OP__KIND__OPEN, {"open", "with", "when", NULL}},
    {"fire", MANUAL__OP__KIND__FIRE, {"fire", "at", "with", "when", NULL}},
    {"page", MANUAL__OP__KIND__PAGE, {"page", "ladder", "ack", "reject", "text", "when", NULL}},
    {"tell", MANUAL__OP__KIND__TELL, {"tell", "text", "when", NULL}},
    {"hold", MANUAL__OP__KIND__HOLD, {"hold", "key", "rank", "when", NULL}},
    {"release", MANUAL__OP__KIND__RELEASE, {"release", "key", "when", NULL}},
    {"row", MANUAL__OP__KIND__ROW, {"row", "with", "when", NULL}},
};

static const char *const act_words[] = {"open",    "fire", "page", "tell", "hold",
                                        "release", "row",  "each", NULL};

/* ---- open, fire, each ---- */

static struct part *procedure_of(struct compiler *c, const struct node *node, const char *key) {
    struct part *other = table_get(&c->procedures, key);

    if (!other) {
        compile_unknown(c, node, "procedure", key, &c->procedures);
    }
    return other;
}

static void open_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    struct part *child = procedure_of(c, yaml_get(map, "open"), op->target);

    if (child) {
        op->with = compile_sets(c, part, NULL, child, yaml_get(map, "with"), &op->n_with);
    }
}

static bool has_fields(const struct part *part, const struct node *with) {
    for (const struct node *node = with ? with->first : NULL; node; node = node->next) {
        if (!compile_field_of(part, node->key) && !table_entry(&part->flags, node->key)) {
            return false;
        }
    }
    return true;
}

/* Which procedure the parent is, or the case of a number, is not known: one that has the
 * event, and best one that has what is given along, too. */
static struct part *anybody_with(const struct compiler *c, const char *event,
                                 const struct node *with) {
    struct part *found = NULL;

    for (const struct table_entry *entry = c->procedures.first; entry; entry = entry->next) {
        struct part *part = entry->value;
        if (table_get(&part->events, event) && (!found || has_fields(part, with))) {
            found = part;
            if (has_fields(part, with)) {
                break;
            }
        }
    }
    return found;
}

static void check_number_field(struct compiler *c, struct part *part, const struct node *at,
                               const char *word) {
    const Manual__Field *field = compile_field_of(part, word);

    if (!field && !table_get(&part->facts, word)) {
        compile_unknown(c, at, "field", word, &part->fields);
    } else if (field && field->type != MANUAL__TYPE__REF && field->type != MANUAL__TYPE__TEXT) {
        compile_mistake(c, at, "wrong type: \"%s\" holds no case number", word);
    }
}

static void fire_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    const struct node *at = yaml_get(map, "at"), *fire = yaml_get(map, "fire");
    const struct node *with = yaml_get(map, "with");
    struct part *other = part;

    op->at = compile_text(c, at);
    if (strcmp(op->at, "parent") == 0 || *op->at == '$') {
        if (*op->at == '$') {
            check_number_field(c, part, at, op->at + 1);
        }
        other = anybody_with(c, op->target, with);
        if (!other) {
            compile_mistake(c, fire, "no procedure has the event \"%s\"", op->target);
        }
    } else if (at) {
        other = procedure_of(c, at, op->at);
    }
    if (!other) {
        return;
    }
    if (!table_get(&other->events, op->target)) {
        compile_unknown(c, fire, arena_text(c->arena, speak("event of %s"), other->key), op->target,
                        &other->events);
    }
    op->with = compile_sets(c, part, NULL, other, with, &op->n_with);
}

static void each_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    static const char *const words[] = {"holds", "children", NULL};
    const struct node *open = yaml_get(map, "open"), *fire = yaml_get(map, "fire");
    struct part *child = NULL;

    if (!compile_one_of(op->target, words)) {
        compile_mistake(c, yaml_get(map, "each"), "each of what?  holds or children, not \"%s\"",
                        op->target);
    }
    op->each_open = compile_text(c, open);
    op->each_fire = compile_text(c, fire);
    if ((open != NULL) == (fire != NULL)) {
        compile_mistake(c, map, "`each` needs open or fire, and only one of them");
        return;
    }
    if (open) {
        child = procedure_of(c, open, op->each_open);
    } else if (!anybody_with(c, op->each_fire, NULL)) {
        compile_mistake(c, fire, "no procedure has the event \"%s\"", op->each_fire);
    }
    if (child) {
        op->with = compile_sets(c, part, NULL, child, yaml_get(map, "with"), &op->n_with);
    }
}

/* ---- page and tell ---- */

/* A role, a relation or a field with a person; the word as the engine knows it. */
static const char *addressee(struct compiler *c, struct part *part, const struct node *node,
                             const char *word, const char *const *more) {
    static const char *const of_case[] = {"first_contact_owner", "dept_head", "opener", NULL};
    const Manual__Role *role = table_get(&c->roles, word);
    const Manual__Field *field = compile_field_of(part, word);

    if (role) {
        return role->key;
    }
    if (table_get(&part->relations, word) || compile_one_of(word, of_case)
        || compile_one_of(word, more)) {
        return word;
    }
    if (field && (field->type == MANUAL__TYPE__STAFF || field->type == MANUAL__TYPE__PERSON)) {
        return field->key;
    }
    const struct table *tables[] = {&c->roles, &part->relations, &part->fields};
    compile_mistake(c, node, "nobody is \"%s\": a role, a relation or a staff field%s", word,
                    compile_nearest(c, word, tables, sizeof tables / sizeof tables[0]));
    return word;
}

static const char *text_key(struct compiler *c, const struct node *map, const char *section,
                            const char *other) {
    const struct node *node = yaml_get(map, "text");
    const char *word = node ? compile_text(c, node) : other;
    const char *key = arena_text(c->arena, "%s.%s", section, word);

    if (!table_get(&c->texts, key)) {
        const struct table *tables[] = {&c->texts};
        compile_mistake(c, node ? node : map, "unknown text \"%s\" (%s: in texts)%s", key,
                        arena_text(c->arena, "%ss", section), compile_nearest(c, key, tables, 1));
    }
    return key;
}

static void answer_event(struct compiler *c, struct part *part, const struct node *node,
                         const char **event) {
    *event = compile_text(c, node);
    if (**event && !table_get(&part->events, *event)) {
        compile_unknown(c, node, "event", *event, &part->events);
    }
}

/* A ladder, or a parameter that names one — by class, perhaps. */
static void ladder_of(struct compiler *c, const struct node *map, Manual__Op *op) {
    const struct node *node = yaml_get(map, "ladder");
    const Manual__Parameter *parameter = NULL;

    op->ladder = compile_text(c, node);
    if (!node) {
        compile_mistake(c, map, "a page needs a ladder");
        return;
    }
    parameter = table_get(&c->parameters, op->ladder);
    if (!parameter && !table_get(&c->ladders, op->ladder)) {
        const struct table *tables[] = {&c->ladders, &c->parameters};
        compile_mistake(c, node, "unknown ladder \"%s\"%s", op->ladder,
                        compile_nearest(c, op->ladder, tables, 2));
    }
    for (size_t i = 0; parameter && i < parameter->n_value; i++) {
        if (!table_get(&c->ladders, parameter->value[i]->text)) {
            compile_mistake(c, node, "the parameter \"%s\" names \"%s\", which is no ladder",
                            op->ladder, parameter->value[i]->text);
        }
    }
}

static void page_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    static const char *const none[] = {NULL};
    bool own = compile_text_name(c, arena_text(c->arena, "page.%s", part->key)) != NULL;

    op->target = addressee(c, part, yaml_get(map, "page"), op->target, none);
    op->text = text_key(c, map, "page", own ? part->key : "case");
    ladder_of(c, map, op);
    answer_event(c, part, yaml_get(map, "ack"), &op->ack);
    answer_event(c, part, yaml_get(map, "reject"), &op->reject);
}

static void tell_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    static const char *const outside[] = {"reporter", "household", NULL};

    op->target = addressee(c, part, yaml_get(map, "tell"), op->target, outside);
    op->text = text_key(c, map, "tell", "event");
}

/* ---- hold and row ---- */

static const char *hold_value(struct compiler *c, struct part *part, const struct node *node) {
    const char *text = compile_text(c, node);

    if (*text == '$' && !compile_field_of(part, text + 1) && strcmp(text, "$unit") != 0) {
        compile_unknown(c, node, "field", text + 1, &part->fields);
    }
    return text;
}

static void hold_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    op->key = hold_value(c, part, yaml_get(map, "key"));
    op->rank = hold_value(c, part, yaml_get(map, "rank"));
    if (!*op->key) {
        compile_mistake(c, map, "a hold needs a key: which of \"%s\"", op->target);
    }
}

static void row_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    const struct node *node = yaml_get(map, "row");
    const Manual__Field *list = table_get(&part->fields, op->target);
    struct table *columns = ARENA_NEW(c->arena, struct table);

    if (!list) {
        compile_unknown(c, node, "field", op->target, &part->fields);
        return;
    }
    if (list->type != MANUAL__TYPE__LIST) {
        compile_mistake(c, node, "wrong type: \"%s\" is no list", op->target);
        return;
    }
    for (size_t i = 0; i < list->n_columns; i++) {
        Manual__Field *field = ARENA_NEW(c->arena, Manual__Field);
        manual__field__init(field);
        field->key = list->columns[i]->key;
        field->type = list->columns[i]->type;
        field->choices = list->columns[i]->choices;
        field->n_choices = list->columns[i]->n_choices;
        (void)table_put(c, columns, field->key, field, NULL);
    }
    op->with = compile_sets(c, part, columns, NULL, yaml_get(map, "with"), &op->n_with);
}

/* ---- one act ---- */

static void fill_op(struct compiler *c, struct part *part, const struct node *map, Manual__Op *op) {
    switch (op->kind) {
    case MANUAL__OP__KIND__OPEN:
        open_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__FIRE:
        fire_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__PAGE:
        page_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__TELL:
        tell_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__HOLD:
    case MANUAL__OP__KIND__RELEASE:
        hold_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__ROW:
        row_op(c, part, map, op);
        break;
    case MANUAL__OP__KIND__EACH:
        each_op(c, part, map, op);
        break;
    case _MANUAL__OP__KIND_IS_INT_SIZE:
        break;
    }
    op->when = compile_when(c, part, yaml_get(map, "when"), NULL, &op->n_when);
}

static Manual__Op *op_of(struct compiler *c, struct part *part, const struct node *map) {
    Manual__Op *op = ARENA_NEW(c->arena, Manual__Op);

    manual__op__init(op);
    if (!compile_is_map(c, map)) {
        return op;
    }
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const struct node *node = yaml_get(map, acts[i].word);
        if (node) {
            (void)compile_keys(c, map, acts[i].keys);
            op->kind = acts[i].kind;
            op->target = compile_text(c, node);
            fill_op(c, part, map, op);
            return op;
        }
    }
    const char *word = map->first ? map->first->key : "";
    compile_mistake(c, map, "unknown act \"%s\"%s", word, compile_nearest_word(c, word, act_words));
    return op;
}

Manual__Op **compile_ops(struct compiler *c, struct part *part, const struct node *list,
                         size_t *count) {
    Manual__Op **ops = COMPILE_ARRAY(c, Manual__Op, compile_count(list));

    *count = 0;
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        ops[(*count)++] = op_of(c, part, item);
    }
    return ops;
}
