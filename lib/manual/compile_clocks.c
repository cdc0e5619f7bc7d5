/*
 * compile_clocks - clocks and facts.
 */
#include <string.h>

#include "manual/compile_parts.h"

/* ---- events that clocks listen to ---- */

static const char **events_of(struct compiler *c, struct part *part, const struct node *list,
                              bool open_too, size_t *count) {
    const char **events = compile_texts(c, list, count);

    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        const char *word = compile_text(c, item);
        if (!*word || table_get(&part->events, word) || (open_too && strcmp(word, "open") == 0)) {
            continue;
        }
        compile_unknown(c, item, "event", word, &part->events);
    }
    return events;
}

/* ---- facts ---- */

static Manual__CaseFact *case_fact(struct compiler *c, struct part *part, const struct node *map) {
    static const char *const keys[] = {"case", "same", "within", NULL};
    Manual__CaseFact *fact = ARENA_NEW(c->arena, Manual__CaseFact);
    const struct node *node = yaml_get(map, "case"), *same = yaml_get(map, "same");
    const struct node *within = yaml_get(map, "within");

    manual__case_fact__init(fact);
    (void)compile_keys(c, map, keys);
    fact->procedure = compile_text(c, node);
    if (!table_get(&c->procedures, fact->procedure)) {
        compile_unknown(c, node, "procedure", fact->procedure, &c->procedures);
    }
    fact->same = compile_texts(c, same, &fact->n_same);
    for (const struct node *item = compile_first(same); item; item = compile_next(same, item)) {
        const char *word = compile_text(c, item);
        if (strcmp(word, "unit") != 0 && !compile_field_of(part, word)) {
            compile_unknown(c, item, "field", word, &part->fields);
        }
    }
    if (fact->n_same == 0) {
        compile_mistake(c, map, "which other case?  `same:` names no field");
    }
    fact->within = within ? compile_limit(c, part, within, WANT_TIME) : NULL;
    return fact;
}

static Manual__RowsFact *rows_fact(struct compiler *c, struct part *part, const struct node *map) {
    static const char *const keys[] = {"rows", "min", "days", NULL};
    Manual__RowsFact *fact = ARENA_NEW(c->arena, Manual__RowsFact);
    const struct node *node = yaml_get(map, "rows");
    const struct node *min = yaml_get(map, "min"), *days = yaml_get(map, "days");

    manual__rows_fact__init(fact);
    (void)compile_keys(c, map, keys);
    fact->field = compile_text(c, node);
    const Manual__Field *list = table_get(&part->fields, fact->field);
    if (!list) {
        compile_unknown(c, node, "field", fact->field, &part->fields);
    } else if (list->type != MANUAL__TYPE__LIST) {
        compile_mistake(c, node, "wrong type: \"%s\" is no list", fact->field);
    }
    fact->min = min ? compile_limit(c, part, min, WANT_NUMBER) : NULL;
    fact->days = days ? compile_limit(c, part, days, WANT_NUMBER) : NULL;
    return fact;
}

static Manual__ChildrenFact *children_fact(struct compiler *c, const struct node *map) {
    static const char *const keys[] = {"children", "where", "open", NULL};
    Manual__ChildrenFact *fact = ARENA_NEW(c->arena, Manual__ChildrenFact);
    const struct node *node = yaml_get(map, "children"), *where = yaml_get(map, "where");
    size_t count = 0;

    manual__children_fact__init(fact);
    (void)compile_keys(c, map, keys);
    fact->procedure = compile_text(c, node);
    fact->open = compile_flag(c, yaml_get(map, "open"));
    struct part *child = table_get(&c->procedures, fact->procedure);
    if (!child) {
        compile_unknown(c, node, "procedure", fact->procedure, &c->procedures);
        return fact;
    }
    if (where && where->kind != NODE_MAP) {
        compile_mistake(c, where, "`where` is one map");
        return fact;
    }
    Manual__Any **any = compile_when(c, child, where, NULL, &count);
    if (count > 0) {
        fact->where = any[0]->all;
        fact->n_where = any[0]->n_all;
    }
    return fact;
}

static void fact_of(struct compiler *c, struct part *part, const struct node *node,
                    Manual__Fact *fact) {
    static const char *const count_keys[] = {"count", NULL};
    const struct node *count = yaml_get(node, "count");

    if (!compile_is_map(c, node)) {
        return;
    }
    if (count) {
        (void)compile_keys(c, node, count_keys);
        fact->count = compile_text(c, count);
        if (!table_get(&part->events, fact->count)) {
            compile_unknown(c, count, "event", fact->count, &part->events);
        }
    } else if (yaml_get(node, "case")) {
        fact->found = case_fact(c, part, node);
    } else if (yaml_get(node, "rows")) {
        fact->rows = rows_fact(c, part, node);
    } else if (yaml_get(node, "children")) {
        fact->children = children_fact(c, node);
    } else {
        compile_mistake(c, node, "a fact is count, case, rows or children");
    }
}

/* A fact may stand in for a field of its kind (repeat_of: a case number), not for another. */
static void check_field(struct compiler *c, struct part *part, const struct node *node,
                        const Manual__Fact *fact) {
    const Manual__Field *field = table_get(&part->fields, node->key);
    Manual__Type type = fact->found  ? MANUAL__TYPE__REF
                        : fact->rows ? MANUAL__TYPE__BOOL
                                     : MANUAL__TYPE__INT;

    if (field && field->type != type) {
        compile_mistake_key(c, node, "\"%s\" is a field already, of another type", node->key);
    }
}

void compile_facts(struct compiler *c, struct part *part) {
    const struct node *map = yaml_get(part->source->root, "facts");

    if (!map || !compile_is_map(c, map)) {
        return;
    }
    part->p->facts = COMPILE_ARRAY(c, Manual__Fact, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Fact *fact = ARENA_NEW(c->arena, Manual__Fact);
        manual__fact__init(fact);
        fact->name = node->key;
        (void)compile_word(c, node, node->key);
        fact_of(c, part, node, fact);
        check_field(c, part, node, fact);
        (void)table_put(c, &part->facts, node->key, fact, node);
        part->p->facts[part->p->n_facts++] = fact;
    }
}

/* ---- clocks ---- */

static Manual__Pause *pause_of(struct compiler *c, struct part *part, const struct node *map) {
    static const char *const keys[] = {"in", "when", NULL};
    Manual__Pause *pause = ARENA_NEW(c->arena, Manual__Pause);
    const struct node *in = yaml_get(map, "in");
    const char **states = COMPILE_ARRAY(c, const char, part->states.count * 2 + compile_count(in));

    manual__pause__init(pause);
    if (!compile_keys(c, map, keys)) {
        return pause;
    }
    for (const struct node *item = compile_first(in); item; item = compile_next(in, item)) {
        const char *word = compile_text(c, item);
        const struct node *group = table_get(&part->groups, word);
        if (table_get(&part->states, word)) {
            states[pause->n_in++] = word;
        } else if (!group) {
            const struct table *tables[] = {&part->states, &part->groups};
            compile_mistake(c, item, "unknown state \"%s\"%s", word,
                            compile_nearest(c, word, tables, 2));
        }
        for (const struct node *state = compile_first(group);
             state && pause->n_in < part->states.count; state = compile_next(group, state)) {
            states[pause->n_in++] = compile_text(c, state);
        }
    }
    if (!in) {
        compile_mistake(c, map, "the clock pauses in which state?  (in: …)");
    }
    pause->in = states;
    pause->when = compile_when(c, part, yaml_get(map, "when"), NULL, &pause->n_when);
    return pause;
}

static void limits_of(struct compiler *c, struct part *part, const struct node *node,
                      Manual__Clock *clock) {
    const struct node *limit = yaml_get(node, "limit"), *every = yaml_get(node, "every");

    clock->limit = COMPILE_ARRAY(c, Manual__Limit, compile_count(limit));
    for (const struct node *item = compile_first(limit); item; item = compile_next(limit, item)) {
        clock->limit[clock->n_limit++] = compile_limit(c, part, item, WANT_TIME);
    }
    clock->every = every ? compile_limit(c, part, every, WANT_TIME) : NULL;
    if (clock->n_limit == 0 && !every) {
        compile_mistake_key(c, node, "clock \"%s\" has no limit", node->key);
    }
}

/* May the timer do what it is set to do? */
static void check_fire(struct compiler *c, struct part *part, const struct node *node,
                       const Manual__Clock *clock) {
    const struct node *fire = yaml_get(node, "fire");
    bool known = false;

    if (!fire) {
        return;
    }
    if (!table_get(&part->events, clock->fire)) {
        compile_unknown(c, fire, "event", clock->fire, &part->events);
        return;
    }
    for (size_t i = 0; i < part->p->n_steps; i++) {
        const Manual__Step *step = part->p->steps[i];
        for (size_t w = 0; strcmp(step->event, clock->fire) == 0 && w < step->n_who; w++) {
            known = known || strcmp(step->who[w], "system") == 0;
        }
    }
    if (!known) {
        compile_mistake(c, fire, "a clock fires as \"system\", which may not do \"%s\"",
                        clock->fire);
    }
}

static void check_ladder(struct compiler *c, const struct node *node, Manual__Clock *clock) {
    const struct node *ladder = yaml_get(node, "ladder");

    clock->ladder = ladder ? compile_text(c, ladder) : "D";
    if (strcmp(clock->ladder, "none") != 0 && !table_get(&c->ladders, clock->ladder)) {
        const struct table *tables[] = {&c->ladders};
        if (ladder) {
            compile_unknown(c, ladder, "ladder", clock->ladder, &c->ladders);
        } else {
            compile_mistake_key(c, node,
                                "clock \"%s\" runs on ladder \"D\", which does not exist%s",
                                node->key, compile_nearest(c, "D", tables, 1));
        }
    }
}

static void label_of(struct compiler *c, struct part *part, const struct node *node,
                     Manual__Clock *clock) {
    const Manual__Name *name = compile_text_name(
        c, arena_text(c->arena, "clock.%s.%s", part->key, node->key));

    if (!name) {
        compile_mistake_key(c, node, "missing translation: clock \"%s\" of %s has no name in texts",
                            node->key, part->key);
        return;
    }
    clock->label = ARENA_NEW(c->arena, Manual__Name);
    *clock->label = *name;
}

static Manual__Clock *clock_of(struct compiler *c, struct part *part, const struct node *node) {
    static const char *const keys[] = {"from",  "until", "when",   "limit", "restart", "pause",
                                       "every", "fire",  "ladder", "kind",  NULL};
    static const char *const kinds[] = {"cal", "desk", "work", NULL};
    Manual__Clock *clock = ARENA_NEW(c->arena, Manual__Clock);
    const struct node *kind = yaml_get(node, "kind"), *pause = yaml_get(node, "pause");

    manual__clock__init(clock);
    clock->name = node->key;
    (void)compile_word(c, node, node->key);
    if (!compile_keys(c, node, keys)) {
        return clock;
    }
    label_of(c, part, node, clock);
    clock->start = events_of(c, part, yaml_get(node, "from"), true, &clock->n_start);
    clock->until = events_of(c, part, yaml_get(node, "until"), false, &clock->n_until);
    clock->restart = events_of(c, part, yaml_get(node, "restart"), false, &clock->n_restart);
    if (clock->n_start == 0) {
        compile_mistake_key(c, node, "clock \"%s\" never starts (from: …)", node->key);
    }
    if (clock->n_until == 0) {
        compile_mistake_key(c, node, "clock \"%s\" is without a stop (until: …)", node->key);
    }
    clock->when = compile_when(c, part, yaml_get(node, "when"), NULL, &clock->n_when);
    limits_of(c, part, node, clock);
    clock->pause = pause ? pause_of(c, part, pause) : NULL;
    clock->fire = compile_text(c, yaml_get(node, "fire"));
    check_fire(c, part, node, clock);
    check_ladder(c, node, clock);
    clock->kind = kind ? compile_text(c, kind) : "cal";
    if (!compile_one_of(clock->kind, kinds)) {
        compile_mistake(c, kind, "unknown kind of clock \"%s\"%s", clock->kind,
                        compile_nearest_word(c, clock->kind, kinds));
    }
    return clock;
}

static void check_clock_names(struct compiler *c, struct part *part) {
    const char *prefix = arena_text(c->arena, "clock.%s.", part->key);
    const struct node *map = yaml_get(part->source->root, "clocks");

    for (const struct table_entry *entry = c->texts.first; entry; entry = entry->next) {
        if (strncmp(entry->key, prefix, strlen(prefix)) == 0
            && !yaml_get(map, entry->key + strlen(prefix))) {
            c->file = entry->file;
            compile_mistake_key(c, entry->node, "%s has no clock \"%s\"", part->key,
                                entry->key + strlen(prefix));
        }
    }
    c->file = part->source->name;
}

void compile_clocks(struct compiler *c, struct part *part) {
    const struct node *map = yaml_get(part->source->root, "clocks");

    check_clock_names(c, part);
    if (!map || !compile_is_map(c, map)) {
        return;
    }
    part->p->clocks = COMPILE_ARRAY(c, Manual__Clock, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        part->p->clocks[part->p->n_clocks++] = clock_of(c, part, node);
    }
}
