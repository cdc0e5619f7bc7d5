/*
 * compile_procedures - what a procedure has: its form, people, states, events, groups,
 * matter and start.  Steps and clocks come after all procedures are known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

static const char procedures_dir[] = "procedures/";

/* ---- names: the states and events of a procedure are those with a name ---- */

static void take_names(struct compiler *c, struct part *part) {
    const char *state = arena_text(c->arena, "state.%s.", part->key);
    const char *event = arena_text(c->arena, "event.%s.", part->key);
    static const char common[] = "event._common.";
    size_t state_size = strlen(state), event_size = strlen(event), common_size = strlen(common);

    for (const struct table_entry *entry = c->texts.first; entry; entry = entry->next) {
        Manual__Text *text = entry->value;
        c->file = entry->file;
        if (strncmp(entry->key, state, state_size) == 0) {
            Manual__State *made = ARENA_NEW(c->arena, Manual__State);
            manual__state__init(made);
            made->key = entry->key + state_size;
            made->name = text->text;
            (void)table_put(c, &part->states, made->key, made, entry->node);
        } else if (strncmp(entry->key, event, event_size) == 0) {
            (void)table_put(c, &part->named, entry->key + event_size, text->text, entry->node);
        }
    }
    for (const struct table_entry *entry = c->texts.first; entry; entry = entry->next) {
        const Manual__Text *text = entry->value;
        if (strncmp(entry->key, common, common_size) == 0) {
            c->file = entry->file;
            (void)table_put(c, &part->named, entry->key + common_size, text->text, NULL);
        }
    }
    c->file = part->source->name;
}

/* ---- people ---- */

static void put_field(struct compiler *c, struct part *part, Manual__Field *field,
                      const struct node *node) {
    if (table_put(c, &part->fields, field->key, field, node)) {
        compile_mistake_key(c, node, "\"%s\" is a field already", field->key);
    }
}

/* A person whom no form field holds: the case keeps him under the relation's name. */
static void own_field(struct compiler *c, struct part *part, Manual__Relation *relation,
                      Manual__Type type, const struct node *node) {
    Manual__Field *field = ARENA_NEW(c->arena, Manual__Field);
    const Manual__Name *name = compile_text_name(c,
                                                 arena_text(c->arena, "people.%s", relation->name));

    manual__field__init(field);
    field->key = relation->name;
    field->type = type;
    field->required = "-";
    field->name = ARENA_NEW(c->arena, Manual__Name);
    manual__name__init(field->name);
    field->name->zh = name ? name->zh : relation->name;
    field->name->en = name ? name->en : relation->name;
    relation->own = true;
    relation->field = field->key;
    if (table_get(&part->fields, field->key)) {
        return;
    }
    put_field(c, part, field, node);
    part->p->arguments[part->p->n_arguments++] = field;
}

/* "own", "own text", "own dept": false if it is none of these. */
static bool own_type(const char *word, Manual__Type *type) {
    *type = strcmp(word, "own text") == 0   ? MANUAL__TYPE__TEXT
            : strcmp(word, "own dept") == 0 ? MANUAL__TYPE__DEPT
                                            : MANUAL__TYPE__STAFF;
    return *type != MANUAL__TYPE__STAFF || strcmp(word, "own") == 0;
}

static void add_relation(struct compiler *c, struct part *part, const struct node *node,
                         bool common) {
    Manual__Relation *relation = ARENA_NEW(c->arena, Manual__Relation);
    Manual__Type type = MANUAL__TYPE__STAFF;

    manual__relation__init(relation);
    relation->name = node->key;
    (void)compile_word(c, node, node->key);
    if (table_get(&part->relations, node->key)) {
        return; /* the procedure's own comes before the common one */
    }
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        const char *word = compile_text(c, item);
        if (own_type(word, &type) || table_get(&part->fields, word)) {
            relation->field = word;
            break;
        }
        if (!common) {
            compile_unknown(c, item, "field", word, &part->fields);
        }
    }
    if (!*relation->field || own_type(relation->field, &type)) {
        own_field(c, part, relation, type, node);
    }
    (void)table_put(c, &part->relations, relation->name, relation, node);
    part->p->people[part->p->n_people++] = relation;
}

static void people_of(struct compiler *c, struct part *part) {
    const struct node *own = yaml_get(part->source->root, "people");
    const struct node *common = yaml_get(c->common, "people");
    size_t count = (own ? own->count : 0) + (common ? common->count : 0);

    part->p->people = COMPILE_ARRAY(c, Manual__Relation, count);
    if (own && compile_is_map(c, own)) {
        for (const struct node *node = own->first; node; node = node->next) {
            add_relation(c, part, node, false);
        }
    }
    for (const struct node *node = common ? common->first : NULL; node; node = node->next) {
        add_relation(c, part, node, true);
    }
}

/* ---- fields, arguments, flags ---- */

static void form_of(struct compiler *c, struct part *part) {
    const struct node *node = yaml_get(part->source->root, "form");
    const char *code = compile_text(c, node);

    part->p->form = code;
    if (yaml_get(part->source->root, "fields")) {
        part->form = compile_form(c, part->source->root, code);
        part->source->file->form = part->form;
    } else {
        part->form = table_get(&c->forms, code);
    }
    if (!node) {
        compile_mistake(c, part->source->root, "procedure \"%s\" has no form", part->key);
    } else if (!part->form) {
        compile_unknown(c, node, "form", code, &c->forms);
    }
    for (size_t i = 0; part->form && i < part->form->n_fields; i++) {
        (void)table_put(c, &part->fields, part->form->fields[i]->key, part->form->fields[i], NULL);
    }
}

static void arguments_of(struct compiler *c, struct part *part) {
    const struct node *own = yaml_get(part->source->root, "arguments");
    const struct node *common = yaml_get(c->common, "arguments");
    const struct node *own_people = yaml_get(part->source->root, "people");
    const struct node *people = yaml_get(c->common, "people");
    size_t own_count = 0, common_count = 0;
    Manual__Field **fields = compile_fields(c, own, &own_count);
    size_t most = own_count + (common ? common->count : 0) + (people ? people->count : 0)
                  + (own_people ? own_people->count : 0);

    part->p->arguments = COMPILE_ARRAY(c, Manual__Field, most);
    for (size_t i = 0; i < own_count; i++) {
        put_field(c, part, fields[i], own);
        part->p->arguments[part->p->n_arguments++] = fields[i];
    }
    const char *file = c->file;
    c->file = "procedures/_common.yaml";
    fields = compile_fields(c, common, &common_count);
    for (size_t i = 0; i < common_count; i++) {
        if (!table_put(c, &part->fields, fields[i]->key, fields[i], common)) {
            part->p->arguments[part->p->n_arguments++] = fields[i];
        }
    }
    c->file = file;
}

static void flags_of(struct compiler *c, struct part *part) {
    const struct node *common = yaml_get(c->common, "flags");
    const struct node *own = yaml_get(part->source->root, "flags");
    size_t own_count = 0, count = 0;
    const char **own_flags = compile_texts(c, own, &own_count);
    const char **flags = compile_texts(c, common, &count);
    const char **all = COMPILE_ARRAY(c, const char, own_count + count);

    for (size_t i = 0; i < own_count + count; i++) {
        const char *flag = i < own_count ? own_flags[i] : flags[i - own_count];
        if (!table_put(c, &part->flags, flag, part, own)) {
            all[part->p->n_flags++] = flag;
        }
    }
    part->p->flags = all;
}

/* ---- states and groups ---- */

static void groups_of(struct compiler *c, struct part *part) {
    static const char *const words[] = {"any", "all", "before", "open", NULL};
    const struct node *map = yaml_get(part->source->root, "groups");

    if (!map || !compile_is_map(c, map)) {
        return;
    }
    for (struct node *node = map->first; node; node = node->next) {
        if (compile_one_of(node->key, words) || table_get(&part->states, node->key)) {
            compile_mistake_key(c, node, "a group cannot be called \"%s\": that is %s", node->key,
                                table_get(&part->states, node->key) ? speak("a state")
                                                                    : speak("a word of its own"));
        }
        (void)table_put(c, &part->groups, node->key, node, node);
        for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
            const char *state = compile_text(c, item);
            if (*state && !table_get(&part->states, state)) {
                compile_unknown(c, item, "state", state, &part->states);
            }
        }
    }
}

static void ends_of(struct compiler *c, struct part *part) {
    const struct node *list = yaml_get(part->source->root, "end");

    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        const char *key = compile_text(c, item);
        Manual__State *state = table_get(&part->states, key);
        if (!state) {
            compile_unknown(c, item, "state", key, &part->states);
        } else {
            state->end = true;
        }
    }
    if (compile_count(list) == 0) {
        compile_mistake(c, part->source->root, "procedure \"%s\" has no end states (end: …)",
                        part->key);
    }
}

static int compare_states(const void *a, const void *b) {
    return strcmp((*(Manual__State *const *)a)->key, (*(Manual__State *const *)b)->key);
}

static void states_of(struct compiler *c, struct part *part) {
    part->p->states = COMPILE_ARRAY(c, Manual__State, part->states.count);
    for (const struct table_entry *entry = part->states.first; entry; entry = entry->next) {
        part->p->states[part->p->n_states++] = entry->value;
    }
    if (part->p->n_states > 1) { /* manual_state searches them */
        qsort(part->p->states, part->p->n_states, sizeof(Manual__State *), compare_states);
    }
    if (part->p->n_states == 0) {
        compile_mistake(
            c, part->source->root,
            "missing translation: no state of \"%s\" has a name (states: {%s: …} in texts)",
            part->key, part->key);
    }
}

/* ---- matter ---- */

static void contact_of(struct compiler *c, struct part *part, const struct node *map) {
    Manual__Matter *matter = part->p->matter;

    if (!map || !compile_is_map(c, map)) {
        return;
    }
    matter->contact = COMPILE_ARRAY(c, Manual__Nth, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Nth *nth = ARENA_NEW(c->arena, Manual__Nth);
        int64_t number = 0;
        manual__nth__init(nth);
        if (compile_decimal(node->key, 1, &number) && number > 0) {
            nth->n = (int32_t)number;
        } else if (table_get(&c->parameters, node->key)) {
            nth->parameter = node->key;
        } else {
            const struct table *tables[] = {&c->parameters};
            compile_mistake_key(c, node, "\"%s\" is neither a number nor a parameter%s", node->key,
                                compile_nearest(c, node->key, tables, 1));
        }
        nth->event = compile_text(c, node);
        if (!table_get(&part->events, nth->event)) {
            compile_unknown(c, node, "event", nth->event, &part->events);
        }
        matter->contact[matter->n_contact++] = nth;
    }
}

static void matter_of(struct compiler *c, struct part *part) {
    static const char *const keys[] = {"same", "contact", NULL};
    const struct node *map = yaml_get(part->source->root, "matter");
    const struct node *same = yaml_get(map, "same");

    if (!map || !compile_keys(c, map, keys)) {
        return;
    }
    part->p->matter = ARENA_NEW(c->arena, Manual__Matter);
    manual__matter__init(part->p->matter);
    part->p->matter->same = compile_texts(c, same, &part->p->matter->n_same);
    for (const struct node *item = compile_first(same); item; item = compile_next(same, item)) {
        const char *word = compile_text(c, item);
        if (strcmp(word, "unit") != 0 && !compile_field_of(part, word)) {
            compile_unknown(c, item, "field", word, &part->fields);
        }
    }
    contact_of(c, part, yaml_get(map, "contact"));
}

/* ---- events: first only their names, so that every place can be checked ---- */

static void check_event_names(struct compiler *c, struct part *part) {
    const char *file = c->file;

    for (const struct table_entry *entry = part->named.first; entry; entry = entry->next) {
        if (entry->node && !table_get(&part->events, entry->key)) {
            const struct table *tables[] = {&part->events};
            c->file = entry->file;
            compile_mistake_key(c, entry->node, "event \"%s\" of %s has a name but no step%s",
                                entry->key, part->key, compile_nearest(c, entry->key, tables, 1));
        }
    }
    c->file = file;
}

/* ---- one file ---- */

static struct part *part_new(struct compiler *c, struct source *source) {
    struct part *part = ARENA_NEW(c->arena, struct part);
    const struct node *key = yaml_get(source->root, "procedure");
    const char *stem = source->name + strlen(procedures_dir);

    part->source = source;
    part->key = compile_text(c, key);
    part->p = ARENA_NEW(c->arena, Manual__Procedure);
    manual__procedure__init(part->p);
    part->p->key = part->key;
    size_t length = strlen(part->key);
    if (!key) {
        compile_mistake(c, source->root, "the procedure's key is missing (procedure: …)");
    } else if (strncmp(stem, part->key, length) != 0 || strcmp(stem + length, ".yaml") != 0) {
        compile_mistake(c, key, "procedure \"%s\" must stand in procedures/%s.yaml", part->key,
                        part->key);
    }
    part->p->owner = compile_text(c, yaml_get(source->root, "owner"));
    if (!*part->p->owner) {
        compile_mistake(c, source->root,
                        "procedure \"%s\" has no owner (the service that keeps it)", part->key);
    }
    return part;
}

static void name_of(struct compiler *c, struct part *part) {
    const Manual__Name *name = compile_text_name(c,
                                                 arena_text(c->arena, "procedure.%s", part->key));

    if (!name) {
        compile_mistake(c, yaml_get(part->source->root, "procedure"),
                        "missing translation: procedure \"%s\" has no name in texts", part->key);
        return;
    }
    part->p->name = ARENA_NEW(c->arena, Manual__Name);
    *part->p->name = *name;
}

/* RecordForm names the form and no procedure: only one may file it. */
static void files_of(struct compiler *c, struct part *part) {
    const struct node *node = yaml_get(part->source->root, "files");

    part->p->files = node && compile_flag(c, node);
    for (const struct table_entry *entry = c->procedures.first; entry && part->p->files;
         entry = entry->next) {
        const struct part *other = entry->value;
        if (other->p->files && strcmp(other->p->form, part->p->form) == 0) {
            compile_mistake(c, node, "form %s is filed by procedure \"%s\" already", part->p->form,
                            other->key);
        }
    }
}

static void first_pass(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"procedure", "owner",  "form",      "common", "people",
                                       "matter",    "groups", "facts",     "start",  "end",
                                       "steps",     "clocks", "arguments", "flags",  "texts",
                                       "fields",    "series", "title",     "files",  NULL};

    c->file = source->name;
    if (!compile_keys(c, source->root, keys)) {
        return;
    }
    struct part *part = part_new(c, source);
    take_names(c, part);
    form_of(c, part);
    arguments_of(c, part);
    flags_of(c, part);
    people_of(c, part);
    name_of(c, part);
    compile_take_events(c, part);
    files_of(c, part);
    source->file->procedure = part->p;
    (void)table_put(c, &c->procedures, part->key, part, source->root);
}

static void second_pass(struct compiler *c, struct part *part) {
    c->file = part->source->name;
    ends_of(c, part);
    groups_of(c, part);
    states_of(c, part);
    compile_facts(c, part);
    compile_steps(c, part);
    matter_of(c, part);
    compile_clocks(c, part);
    check_event_names(c, part);
    compile_check_graph(c, part);
}

static bool is_procedure(const struct source *source) {
    return strncmp(source->name, procedures_dir, strlen(procedures_dir)) == 0 && source->root
           && strcmp(source->name, "procedures/_common.yaml") != 0;
}

void compile_procedures(struct compiler *c) {
    for (size_t i = 0; i < c->source_count; i++) {
        if (is_procedure(&c->sources[i])) {
            first_pass(c, &c->sources[i]);
        }
    }
    for (const struct table_entry *entry = c->procedures.first; entry; entry = entry->next) {
        second_pass(c, entry->value);
    }
}
