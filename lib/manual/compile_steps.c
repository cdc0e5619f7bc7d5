/*
 * compile_steps - steps and the start: who may do what from where, the common steps
 * merged in.
 */
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

static const char common_file[] = "procedures/_common.yaml";
static const char not_word[] = "not ";

/* ---- which common steps a procedure gets ---- */

static bool is_step_list(const struct node *steps) {
    return steps && steps->kind == NODE_LIST;
}

/* `common: none`, or a list that leaves this event out. */
static bool chosen(const struct part *part, const char *event) {
    const struct node *common = yaml_get(part->source->root, "common");

    if (!common || (common->kind == NODE_TEXT && strcmp(common->text, "all") == 0)) {
        return true;
    }
    for (const struct node *item = compile_first(common); item; item = compile_next(common, item)) {
        if (item->kind == NODE_TEXT && strcmp(item->text, event) == 0) {
            return true;
        }
    }
    return false;
}

static bool names_known_states(const struct part *part, const struct node *list) {
    static const char *const words[] = {"any", "all", "before", NULL};

    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        if (item->kind == NODE_TEXT && !compile_one_of(item->text, words)
            && strncmp(item->text, not_word, strlen(not_word)) != 0
            && !table_get(&part->states, item->text)) {
            return false;
        }
    }
    return true;
}

/* A common step that the procedure takes: not one that it has itself, nor one about a
 * state that it does not have. */
static bool takes_common(const struct part *part, const struct node *step) {
    const struct node *event = yaml_get(step, "event");
    const struct node *own = yaml_get(part->source->root, "steps");

    if (!event || event->kind != NODE_TEXT || !chosen(part, event->text)) {
        return false;
    }
    for (const struct node *node = is_step_list(own) ? own->first : NULL; node; node = node->next) {
        const struct node *name = yaml_get(node, "event");
        if (name && name->kind == NODE_TEXT && strcmp(name->text, event->text) == 0) {
            return false;
        }
    }
    return names_known_states(part, yaml_get(step, "from"))
           && names_known_states(part, yaml_get(step, "to"));
}

static void take_event(struct compiler *c, struct part *part, struct node *step) {
    const struct node *event = yaml_get(step, "event");

    if (event && event->kind == NODE_TEXT && *event->text) {
        (void)table_put(c, &part->events, event->text, step, event);
    }
}

void compile_take_events(struct compiler *c, struct part *part) {
    const struct node *own = yaml_get(part->source->root, "steps");
    const struct node *common = yaml_get(c->common, "steps");

    for (struct node *step = is_step_list(own) ? own->first : NULL; step; step = step->next) {
        take_event(c, part, step);
    }
    for (struct node *step = is_step_list(common) ? common->first : NULL; step; step = step->next) {
        if (takes_common(part, step)) {
            take_event(c, part, step);
        }
    }
}

/* ---- from ---- */

struct state_set {
    const char **list;
    size_t count;
};

static void add_state(struct state_set *set, const char *state) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->list[i], state) == 0) {
            return;
        }
    }
    set->list[set->count++] = state;
}

static void drop_state(struct state_set *set, const char *state) {
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->list[i], state) == 0) {
            memmove(&set->list[i], &set->list[i + 1], (set->count - i - 1) * sizeof(const char *));
            set->count--;
            return;
        }
    }
}

static void add_group(const struct part *part, const struct node *group, struct state_set *set) {
    for (const struct node *item = compile_first(group); item; item = compile_next(group, item)) {
        if (item->kind == NODE_TEXT && table_get(&part->states, item->text)) {
            add_state(set, item->text);
        }
    }
}

static void unknown_state(struct compiler *c, struct part *part, const struct node *item,
                          const char *word) {
    const struct table *tables[] = {&part->states, &part->groups};

    compile_mistake(c, item, "unknown state \"%s\"%s", word, compile_nearest(c, word, tables, 2));
}

static void add_from(struct compiler *c, struct part *part, const struct node *item,
                     struct state_set *set) {
    const char *word = compile_text(c, item);
    bool any = strcmp(word, "any") == 0, all = strcmp(word, "all") == 0;
    const struct node *group = table_get(&part->groups, word);

    if (any || all) {
        for (const struct table_entry *entry = part->states.first; entry; entry = entry->next) {
            const Manual__State *state = entry->value;
            if (all || !state->end) {
                add_state(set, state->key);
            }
        }
    } else if (group) {
        add_group(part, group, set);
    } else if (strncmp(word, not_word, strlen(not_word)) == 0) {
        const char *state = word + strlen(not_word);
        if (!table_get(&part->states, state) && c->file != common_file) {
            unknown_state(c, part, item, state);
        }
        drop_state(set, state);
    } else if (table_get(&part->states, word)) {
        add_state(set, word);
    } else if (*word) {
        unknown_state(c, part, item, word);
    }
}

static void from_of(struct compiler *c, struct part *part, const struct node *step,
                    Manual__Step *made) {
    const struct node *list = yaml_get(step, "from");
    struct state_set set = {COMPILE_ARRAY(c, const char, part->states.count), 0};

    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        add_from(c, part, item, &set);
    }
    if (!list) {
        compile_mistake(c, step, "the step \"%s\" does not say from where (from: …)", made->event);
    } else if (set.count == 0 && names_known_states(part, list)) {
        compile_mistake(c, list, "event \"%s\" is without a way: it starts from no state",
                        made->event);
    }
    made->from = set.list;
    made->n_from = set.count;
}

static void to_of(struct compiler *c, struct part *part, const struct node *step,
                  Manual__Step *made) {
    const struct node *node = yaml_get(step, "to");
    const char *word = compile_text(c, node);

    if (strcmp(word, "before") == 0) {
        made->to = "@before";
        return;
    }
    if (*word && !table_get(&part->states, word)) {
        compile_unknown(c, node, "state", word, &part->states);
        return;
    }
    made->to = word;
}

/* ---- who and needs ---- */

static const char *person_of(struct compiler *c, struct part *part, const struct node *item,
                             const char *word) {
    static const char *const words[] = {"staff",     "customer", "child",
                                        "system",    "paged",    "first_contact_owner",
                                        "dept_head", "opener",   NULL};
    const Manual__Role *role = table_get(&c->roles, word);

    if (role) {
        return role->key;
    }
    if (!compile_one_of(word, words) && !table_get(&part->relations, word)) {
        const struct table *tables[] = {&c->roles, &part->relations};
        compile_mistake(c, item, "unknown role \"%s\"%s", word,
                        compile_nearest(c, word, tables, 2));
    }
    return word;
}

const char **compile_who(struct compiler *c, struct part *part, const struct node *list,
                         size_t *count, const char ***not_who, size_t *not_count) {
    const char **who = COMPILE_ARRAY(c, const char, compile_count(list));
    const char **not_list = COMPILE_ARRAY(c, const char, compile_count(list));

    *count = 0;
    *not_count = 0;
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        const char *word = compile_text(c, item);
        if (strncmp(word, not_word, strlen(not_word)) == 0) {
            not_list[(*not_count)++] = person_of(c, part, item, word + strlen(not_word));
        } else if (*word) {
            who[(*count)++] = person_of(c, part, item, word);
        }
    }
    *not_who = not_list;
    return who;
}

static const char *need_of(struct compiler *c, struct part *part, const struct node *item,
                           const char *word) {
    static const char *const of_case[] = {"unit", "first_contact_owner", NULL};
    const Manual__Field *field = compile_field_of(part, word);

    if (field) {
        /* Who transfers reads what is missing in the word that he knows. */
        return strcmp(word, "assignee") == 0 ? word : field->key;
    }
    if (!compile_one_of(word, of_case)) {
        const struct table *tables[] = {&part->fields, &part->relations};
        compile_mistake(c, item, "unknown field \"%s\" (form %s)%s", word, part->p->form,
                        compile_nearest(c, word, tables, 2));
    }
    return word;
}

/* "caller_name or unit" becomes "caller_name|unit". */
const char **compile_needs(struct compiler *c, struct part *part, const struct node *list,
                           size_t *count) {
    static const char or_word[] = " or ";
    const char **needs = COMPILE_ARRAY(c, const char, compile_count(list));

    *count = 0;
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        const char *text = compile_text(c, item), *joined = "";
        while (*text) {
            const char *end = strstr(text, or_word);
            size_t size = end ? (size_t)(end - text) : strlen(text);
            const char *word = arena_text(c->arena, "%.*s", (int)size, text);
            joined = arena_text(c->arena, "%s%s%s", joined, *joined ? "|" : "",
                                need_of(c, part, item, word));
            text = end ? end + strlen(or_word) : "";
        }
        if (*joined) {
            needs[(*count)++] = joined;
        }
    }
    return needs;
}

/* ---- a step ---- */

static void event_of(struct compiler *c, struct part *part, const struct node *step,
                     Manual__Step *made) {
    const struct node *node = yaml_get(step, "event");
    const Manual__Name *name = NULL;

    made->event = compile_text(c, node);
    if (!node) {
        compile_mistake(c, step, "a step without an event (event: …)");
        return;
    }
    (void)compile_word(c, node, made->event);
    name = table_get(&part->named, made->event);
    if (!name && c->file == common_file) {
        compile_mistake(c, node,
                        "missing translation: event \"%s\" has no name in texts "
                        "(events: {_common: …})",
                        made->event);
        return;
    }
    if (!name) {
        const struct table *tables[] = {&part->named};
        compile_mistake(c, node, "missing translation: event \"%s\" of %s has no name in texts%s",
                        made->event, part->key, compile_nearest(c, made->event, tables, 1));
        return;
    }
    made->name = ARENA_NEW(c->arena, Manual__Name);
    *made->name = *name;
}

static void step_of(struct compiler *c, struct part *part, const struct node *step) {
    static const char *const keys[] = {"event", "from", "to", "who", "needs",
                                       "when",  "set",  "do", NULL};
    Manual__Step *made = ARENA_NEW(c->arena, Manual__Step);
    const struct node *who = yaml_get(step, "who");

    manual__step__init(made);
    if (!compile_keys(c, step, keys)) {
        return;
    }
    event_of(c, part, step, made);
    from_of(c, part, step, made);
    to_of(c, part, step, made);
    made->who = compile_who(c, part, who, &made->n_who, &made->not_who, &made->n_not_who);
    if (made->n_who == 0) {
        compile_mistake(c, who ? who : step, "nobody may do \"%s\" (who: …)", made->event);
    }
    made->needs = compile_needs(c, part, yaml_get(step, "needs"), &made->n_needs);
    made->when = compile_when(c, part, yaml_get(step, "when"), NULL, &made->n_when);
    made->set = compile_sets(c, part, NULL, part, yaml_get(step, "set"), &made->n_set);
    made->do_ = compile_ops(c, part, yaml_get(step, "do"), &made->n_do_);
    part->step_nodes[part->p->n_steps] = step;
    part->step_files[part->p->n_steps] = c->file;
    part->p->steps[part->p->n_steps++] = made;
}

static void add_steps(struct compiler *c, struct part *part, const struct node *steps,
                      bool common) {
    for (const struct node *step = is_step_list(steps) ? steps->first : NULL; step;
         step = step->next) {
        if (common && !takes_common(part, step)) {
            continue;
        }
        if (part->p->n_steps == COMPILE_STEPS_MAX) {
            compile_mistake(c, step, "more than %d steps", COMPILE_STEPS_MAX);
            return;
        }
        step_of(c, part, step);
    }
}

static void check_common_list(struct compiler *c, struct part *part) {
    static const char *const words[] = {"all", "none", NULL};
    const struct node *list = yaml_get(part->source->root, "common");
    struct table *known = ARENA_NEW(c->arena, struct table);
    const struct node *steps = yaml_get(c->common, "steps");

    for (struct node *step = is_step_list(steps) ? steps->first : NULL; step; step = step->next) {
        const struct node *event = yaml_get(step, "event");
        if (event && event->kind == NODE_TEXT) {
            (void)table_put(c, known, event->text, step, NULL);
        }
    }
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        const char *word = compile_text(c, item);
        if (!compile_one_of(word, words) && !table_get(known, word)) {
            compile_unknown(c, item, "common event", word, known);
        }
    }
}

void compile_steps(struct compiler *c, struct part *part) {
    const struct node *own = yaml_get(part->source->root, "steps");

    part->p->steps = COMPILE_ARRAY(c, Manual__Step, COMPILE_STEPS_MAX);
    compile_start(c, part);
    check_common_list(c, part);
    if (!is_step_list(own)) {
        compile_mistake(c, own ? own : part->source->root, "procedure \"%s\" has no list of steps",
                        part->key);
    }
    add_steps(c, part, own, false);
    c->file = common_file;
    add_steps(c, part, yaml_get(c->common, "steps"), true);
    c->file = part->source->name;
}

/* ---- start ---- */

static const char *start_state(struct compiler *c, struct part *part, const struct node *node) {
    const char *word = compile_text(c, node);

    if (*word && !table_get(&part->states, word)) {
        compile_unknown(c, node, "state", word, &part->states);
        return "";
    }
    return word;
}

/* The event that leads from where others begin to where an employee begins: his
 * opening is that act too, and its clocks start. */
static const char *counts_as(const struct part *part, const Manual__Start *start) {
    const struct node *steps = yaml_get(part->source->root, "steps");

    for (const struct node *step = is_step_list(steps) ? steps->first : NULL; step;
         step = step->next) {
        const struct node *to = yaml_get(step, "to"), *from = yaml_get(step, "from");
        const struct node *event = yaml_get(step, "event");
        if (!to || to->kind != NODE_TEXT || strcmp(to->text, start->staff) != 0 || !event
            || event->kind != NODE_TEXT) {
            continue;
        }
        for (const struct node *item = compile_first(from); item; item = compile_next(from, item)) {
            if (item->kind == NODE_TEXT && strcmp(item->text, start->other) == 0) {
                return event->text;
            }
        }
    }
    return "";
}

static void instead_of(struct compiler *c, struct part *part, const struct node *list,
                       Manual__Start *start) {
    static const char *const keys[] = {"when", "to", NULL};

    start->alternatives = COMPILE_ARRAY(c, Manual__Alternative, compile_count(list));
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        Manual__Alternative *made = ARENA_NEW(c->arena, Manual__Alternative);
        manual__alternative__init(made);
        if (!compile_keys(c, item, keys)) {
            continue;
        }
        made->when = compile_when(c, part, yaml_get(item, "when"), NULL, &made->n_when);
        made->to = start_state(c, part, yaml_get(item, "to"));
        if (!yaml_get(item, "to") || made->n_when == 0) {
            compile_mistake(c, item, "another first state needs when and to");
        }
        start->alternatives[start->n_alternatives++] = made;
    }
}

static void through_of(struct compiler *c, struct part *part, const struct node *map,
                       Manual__Start *start) {
    const struct node *through = yaml_get(map, "through"), *by = yaml_get(map, "by");
    struct part *contact = NULL;

    start->through = compile_text(c, through);
    start->by = compile_text(c, by);
    if (!through) {
        if (by || yaml_get(map, "with")) {
            compile_mistake(c, map, "`by` and `with` go with `through`");
        }
        return;
    }
    contact = table_get(&c->procedures, start->through);
    if (!contact) {
        compile_unknown(c, through, "procedure", start->through, &c->procedures);
    } else if (!by || !table_get(&contact->events, start->by)) {
        compile_unknown(c, by ? by : through,
                        arena_text(c->arena, speak("event of %s"), contact->key), start->by,
                        &contact->events);
    }
    if (contact) {
        start->with = compile_sets(c, part, NULL, contact, yaml_get(map, "with"), &start->n_with);
    }
}

void compile_start(struct compiler *c, struct part *part) {
    static const char *const keys[] = {"staff", "else",    "needs",   "who", "set",  "do",
                                       "as",    "instead", "through", "by",  "with", NULL};
    const struct node *node = yaml_get(part->source->root, "start");
    Manual__Start *start = ARENA_NEW(c->arena, Manual__Start);
    const char **not_who = NULL;
    size_t not_count = 0;

    manual__start__init(start);
    part->p->start = start;
    if (!node) {
        compile_mistake(c, part->source->root, "procedure \"%s\" does not say where it starts",
                        part->key);
        return;
    }
    if (node->kind == NODE_TEXT) {
        start->staff = start_state(c, part, node);
        start->other = start->staff;
        return;
    }
    if (!compile_keys(c, node, keys)) {
        return;
    }
    start->staff = start_state(c, part, yaml_get(node, "staff"));
    start->other = start_state(c, part, yaml_get(node, "else"));
    if (!*start->staff && !*start->other && !yaml_get(node, "instead")) {
        compile_mistake(c, node, "a start needs a state: staff or else");
    }
    start->needs = compile_needs(c, part, yaml_get(node, "needs"), &start->n_needs);
    start->who = compile_who(c, part, yaml_get(node, "who"), &start->n_who, &not_who, &not_count);
    start->set = compile_sets(c, part, NULL, part, yaml_get(node, "set"), &start->n_set);
    start->do_ = compile_ops(c, part, yaml_get(node, "do"), &start->n_do_);
    instead_of(c, part, yaml_get(node, "instead"), start);
    through_of(c, part, node, start);
    const struct node *as = yaml_get(node, "as");
    start->counts_as = as ? compile_text(c, as) : counts_as(part, start);
    if (as && !table_get(&part->events, start->counts_as)) {
        compile_unknown(c, as, "event", start->counts_as, &part->events);
    }
}
