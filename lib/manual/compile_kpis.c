/*
 * compile_kpis - kpis.yaml and lists.yaml: the figures and the work lists.
 */
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

/* What an item of a figure has besides the fields of its case. */
static const char *const clock_words[] = {"result", "late", "mark", "due", "ended", NULL};
static const char *const event_words[] = {"from", NULL};
static const char *const case_words[] = {"result", NULL};
static const char *const time_words[] = {"due", "ended", "opened", "closed", "event", "open", NULL};

static const char *const kinds[] = {"clock", "case", "event", NULL};

static void check_name(struct compiler *c, const struct part *part, const struct node *node,
                       const Manual__KpiPart *item) {
    const struct node *name = yaml_get(node, "name");
    struct table *clocks = ARENA_NEW(c->arena, struct table);

    if (strcmp(item->of, "case") == 0) {
        if (name) {
            compile_mistake_key(c, name, "a figure of cases has no `name`");
        }
        return;
    }
    if (!name) {
        compile_mistake_key(c, node, "a figure of which %s?  (name: …)", item->of);
        return;
    }
    if (strcmp(item->of, "event") == 0) {
        if (strcmp(item->name_of, "open") != 0 && !table_get(&part->events, item->name_of)) {
            compile_unknown(c, name, arena_text(c->arena, speak("event of %s"), part->key),
                            item->name_of, &part->events);
        }
        return;
    }
    for (size_t i = 0; i < part->p->n_clocks; i++) {
        (void)table_put(c, clocks, part->p->clocks[i]->name, part->p->clocks[i], NULL);
    }
    if (!table_get(clocks, item->name_of)) {
        compile_unknown(c, name, arena_text(c->arena, speak("clock of %s"), part->key),
                        item->name_of, clocks);
    }
}

static void at_of(struct compiler *c, const struct part *part, const struct node *node,
                  Manual__KpiPart *item) {
    const struct node *at = yaml_get(node, "at");

    item->at = compile_text(c, at);
    if (!at) {
        compile_mistake_key(c, node,
                            "this figure does not say to which time an item belongs (at: …)");
    } else if (!compile_one_of(item->at, time_words)) {
        const Manual__Field *field = compile_field_of(part, item->at);
        if (!field) {
            const struct table *tables[] = {&part->fields};
            compile_mistake(c, at, "unknown time \"%s\"%s", item->at,
                            compile_nearest(c, item->at, tables, 1));
        } else if (field->type != MANUAL__TYPE__DT && field->type != MANUAL__TYPE__DATE) {
            compile_mistake(c, at, "wrong type: \"%s\" is no time", item->at);
        } else {
            item->at = field->key;
        }
    }
}

/* What is counted: `of` to `at`.  NULL if its procedure is unknown. */
static struct part *item_of(struct compiler *c, const struct node *node, Manual__KpiPart *item) {
    const struct node *of = yaml_get(node, "of"), *procedure = yaml_get(node, "procedure");

    manual__kpi_part__init(item);
    item->of = compile_text(c, of);
    if (!compile_one_of(item->of, kinds)) {
        compile_mistake(c, of ? of : node, "a figure is of clock, case or event, not \"%s\"%s",
                        item->of, compile_nearest_word(c, item->of, kinds));
    }
    item->procedure = compile_text(c, procedure);
    item->name_of = compile_text(c, yaml_get(node, "name"));
    struct part *part = table_get(&c->procedures, item->procedure);
    if (!part) {
        compile_unknown(c, procedure ? procedure : node, "procedure", item->procedure,
                        &c->procedures);
        return NULL;
    }
    check_name(c, part, node, item);
    at_of(c, part, node, item);
    const char *const *words = strcmp(item->of, "clock") == 0   ? clock_words
                               : strcmp(item->of, "event") == 0 ? event_words
                                                                : case_words;
    item->when = compile_when(c, part, yaml_get(node, "when"), words, &item->n_when);
    item->hit = compile_when(c, part, yaml_get(node, "hit"), words, &item->n_hit);
    return part;
}

static void parts_of(struct compiler *c, const struct node *list, Manual__Kpi *kpi) {
    static const char *const keys[] = {"of", "procedure", "name", "when", "hit", "at", NULL};

    kpi->parts = COMPILE_ARRAY(c, Manual__KpiPart, compile_count(list));
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        Manual__KpiPart *made = ARENA_NEW(c->arena, Manual__KpiPart);
        if (compile_keys(c, item, keys)) {
            (void)item_of(c, item, made);
            kpi->parts[kpi->n_parts++] = made;
        }
    }
}

static const char *number_field(struct compiler *c, const struct part *part,
                                const struct node *node) {
    const char *word = compile_text(c, node);
    const Manual__Field *field = compile_field_of(part, word);

    if (!node) {
        return "";
    }
    if (!field) {
        compile_unknown(c, node, "field", word, &part->fields);
        return "";
    }
    if (field->type != MANUAL__TYPE__INT && field->type != MANUAL__TYPE__MONEY) {
        compile_mistake(c, node, "wrong type: \"%s\" is no number", word);
    }
    return field->key;
}

static void sum_of(struct compiler *c, const struct part *part, const struct node *map,
                   Manual__Kpi *kpi) {
    static const char *const keys[] = {"hit", "all", NULL};

    if (!map || !part || !compile_keys(c, map, keys)) {
        return;
    }
    kpi->sum_hit = number_field(c, part, yaml_get(map, "hit"));
    kpi->sum_all = number_field(c, part, yaml_get(map, "all"));
    if (!yaml_get(map, "hit") || !yaml_get(map, "all")) {
        compile_mistake(c, map, "a sum needs hit and all");
    }
}

/* Per cent may have decimals: 99.5 is 995 per mille. */
static int64_t target_of(struct compiler *c, const struct node *node, bool per_mille) {
    const int64_t per_mille_in_per_cent = 10;
    const struct node *target = yaml_get(node, "target");
    const char *text = compile_text(c, target);
    int64_t number = 0;

    if (target && !compile_decimal(text, per_mille ? 1 : per_mille_in_per_cent, &number)) {
        compile_mistake(c, target, "\"%s\" is no target", text);
    }
    return number;
}

static void items_of(struct compiler *c, const struct node *node, Manual__Kpi *kpi) {
    const struct node *parts = yaml_get(node, "parts");
    Manual__KpiPart item;

    if (parts) {
        if (yaml_get(node, "of") || yaml_get(node, "procedure")) {
            compile_mistake_key(c, parts, "a figure has `of` and `procedure`, or `parts`");
        }
        parts_of(c, parts, kpi);
        return;
    }
    struct part *part = item_of(c, node, &item);
    kpi->of = item.of;
    kpi->procedure = item.procedure;
    kpi->name_of = item.name_of;
    kpi->when = item.when;
    kpi->n_when = item.n_when;
    kpi->hit = item.hit;
    kpi->n_hit = item.n_hit;
    kpi->at = item.at;
    sum_of(c, part, yaml_get(node, "sum"), kpi);
}

static Manual__Kpi *kpi_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {
        "zh",      "en",   "of",        "procedure",     "name",  "when", "hit",   "at", "target",
        "greater", "less", "per_mille", "per_household", "basis", "sum",  "parts", NULL};
    Manual__Kpi *kpi = ARENA_NEW(c->arena, Manual__Kpi);

    manual__kpi__init(kpi);
    kpi->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return kpi;
    }
    (void)compile_word(c, node, node->key);
    kpi->name = compile_name(c, node);
    kpi->per_mille = compile_flag(c, yaml_get(node, "per_mille"));
    kpi->greater = compile_flag(c, yaml_get(node, "greater"));
    kpi->less = compile_flag(c, yaml_get(node, "less"));
    kpi->per_household = compile_flag(c, yaml_get(node, "per_household"));
    kpi->basis = compile_text(c, yaml_get(node, "basis"));
    kpi->target_per_mille = target_of(c, node, kpi->per_mille);
    if (kpi->greater && kpi->less) {
        compile_mistake_key(c, node, "a target is a lower bound or an upper one (greater, less)");
    }
    items_of(c, node, kpi);
    return kpi;
}

void compile_kpis(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"kpis", NULL};
    const struct node *map = yaml_get(source->root, "kpis");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys) || !map || !compile_is_map(c, map)) {
        return;
    }
    Manual__Kpis *kpis = ARENA_NEW(c->arena, Manual__Kpis);
    manual__kpis__init(kpis);
    kpis->kpi = COMPILE_ARRAY(c, Manual__Kpi, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        kpis->kpi[kpis->n_kpi++] = kpi_of(c, node);
    }
    source->file->kpis = kpis;
}

/* ---- work lists ---- */

static Manual__ListOf *list_of(struct compiler *c, const struct node *node,
                               const struct node *when) {
    Manual__ListOf *of = ARENA_NEW(c->arena, Manual__ListOf);
    struct part *part = table_get(&c->procedures, node->key);
    size_t count = 0;

    manual__list_of__init(of);
    of->procedure = node->key;
    if (!part) {
        const struct table *tables[] = {&c->procedures};
        compile_mistake_key(c, node, "unknown procedure \"%s\"%s", node->key,
                            compile_nearest(c, node->key, tables, 1));
        return of;
    }
    (void)compile_when(c, part, when, NULL, &count); /* only to check it */
    if (node->kind == NODE_TEXT && strcmp(node->text, "open") == 0) {
        of->open = true;
        return of;
    }
    of->state = compile_texts(c, node, &of->n_state);
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        const char *state = compile_text(c, item);
        if (*state && !table_get(&part->states, state)) {
            compile_unknown(c, item, "state", state, &part->states);
        }
    }
    return of;
}

static bool is_relation(struct compiler *c, const char *word) {
    static const char *const of_case[] = {"first_contact_owner", "opener", NULL};

    for (const struct table_entry *entry = c->procedures.first; entry; entry = entry->next) {
        const struct part *part = entry->value;
        if (table_get(&part->relations, word)) {
            return true;
        }
    }
    return compile_one_of(word, of_case);
}

static Manual__List *work_list_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"mine", "late", "today", "of", "when", NULL};
    Manual__List *list = ARENA_NEW(c->arena, Manual__List);
    const struct node *of = yaml_get(node, "of"), *mine = yaml_get(node, "mine");

    manual__list__init(list);
    list->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return list;
    }
    const Manual__Name *name = compile_text_name(c, arena_text(c->arena, "list.%s", node->key));
    if (!name) {
        compile_mistake_key(c, node, "missing translation: list \"%s\" has no name in texts",
                            node->key);
    } else {
        list->name = ARENA_NEW(c->arena, Manual__Name);
        *list->name = *name;
    }
    list->mine = compile_texts(c, mine, &list->n_mine);
    for (const struct node *item = compile_first(mine); item; item = compile_next(mine, item)) {
        if (!is_relation(c, compile_text(c, item))) {
            compile_mistake(c, item, "no procedure has the relation \"%s\"", compile_text(c, item));
        }
    }
    list->late = compile_flag(c, yaml_get(node, "late"));
    list->today = compile_text(c, yaml_get(node, "today"));
    list->when = compile_when(c, NULL, yaml_get(node, "when"), NULL, &list->n_when);
    if (!of || !compile_is_map(c, of)) {
        compile_mistake_key(c, node, "list \"%s\" is of no procedure (of: …)", node->key);
        return list;
    }
    list->of = COMPILE_ARRAY(c, Manual__ListOf, of->count);
    for (const struct node *item = of->first; item; item = item->next) {
        list->of[list->n_of++] = list_of(c, item, yaml_get(node, "when"));
    }
    return list;
}

void compile_lists(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"lists", NULL};
    const struct node *map = yaml_get(source->root, "lists");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys) || !map || !compile_is_map(c, map)) {
        return;
    }
    Manual__Lists *lists = ARENA_NEW(c->arena, Manual__Lists);
    manual__lists__init(lists);
    lists->list = COMPILE_ARRAY(c, Manual__List, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        lists->list[lists->n_list++] = work_list_of(c, node);
    }
    source->file->lists = lists;
}
