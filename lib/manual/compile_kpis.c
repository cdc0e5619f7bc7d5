/*
 * compile_kpis - kpis.yaml: the figures.
 */
#include <string.h>

#include "manual/compile_parts.h"

/* What an item of a figure has besides the fields of its case. */
static const char *const clock_words[] = {"result", "late", "mark", "due", "ended", NULL};
static const char *const event_words[] = {"from", NULL};
static const char *const case_words[] = {"result", NULL};
static const char *const time_words[] = {"due", "ended", "opened", "closed", "event", NULL};

static const char *const kinds[] = {"clock", "case", "event", NULL};

static bool has_clock(const struct part *part, const char *name) {
    for (size_t i = 0; i < part->p->n_clocks; i++) {
        if (strcmp(part->p->clocks[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_name(struct compiler *c, const struct part *part, const struct node *node,
                       const Manual__Kpi *kpi) {
    const struct node *name = yaml_get(node, "name");
    struct table *clocks = ARENA_NEW(c->arena, struct table);

    if (strcmp(kpi->of, "case") == 0) {
        if (name) {
            compile_mistake_key(c, name, "a figure of cases has no `name`");
        }
        return;
    }
    if (!name) {
        compile_mistake_key(c, node, "figure \"%s\": of which %s?  (name: …)", node->key, kpi->of);
        return;
    }
    if (strcmp(kpi->of, "event") == 0) {
        if (strcmp(kpi->name_of, "open") != 0 && !table_get(&part->events, kpi->name_of)) {
            compile_unknown(c, name, arena_text(c->arena, "event of %s", part->key), kpi->name_of,
                            &part->events);
        }
        return;
    }
    for (size_t i = 0; i < part->p->n_clocks; i++) {
        (void)table_put(c, clocks, part->p->clocks[i]->name, part->p->clocks[i], NULL);
    }
    if (!has_clock(part, kpi->name_of)) {
        compile_unknown(c, name, arena_text(c->arena, "clock of %s", part->key), kpi->name_of,
                        clocks);
    }
}

static void at_of(struct compiler *c, const struct part *part, const struct node *node,
                  Manual__Kpi *kpi) {
    const struct node *at = yaml_get(node, "at");

    kpi->at = compile_text(c, at);
    if (!at) {
        compile_mistake_key(
            c, node, "figure \"%s\" does not say to which time an item belongs (at: …)", node->key);
    } else if (!compile_one_of(kpi->at, time_words)) {
        const Manual__Field *field = compile_field_of(part, kpi->at);
        if (!field) {
            compile_mistake(c, at, "unknown time \"%s\"%s", kpi->at,
                            compile_nearest_word(c, kpi->at, time_words));
        } else if (field->type != MANUAL__TYPE__DT && field->type != MANUAL__TYPE__DATE) {
            compile_mistake(c, at, "wrong type: \"%s\" is no time", kpi->at);
        } else {
            kpi->at = field->key;
        }
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

static Manual__Kpi *kpi_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {
        "zh", "en",     "of",      "procedure", "name",          "when",  "hit",
        "at", "target", "greater", "per_mille", "per_household", "basis", NULL};
    Manual__Kpi *kpi = ARENA_NEW(c->arena, Manual__Kpi);
    const struct node *of = yaml_get(node, "of"), *procedure = yaml_get(node, "procedure");

    manual__kpi__init(kpi);
    kpi->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return kpi;
    }
    (void)compile_word(c, node, node->key);
    kpi->name = compile_name(c, node);
    kpi->of = compile_text(c, of);
    if (!compile_one_of(kpi->of, kinds)) {
        compile_mistake(c, of ? of : node, "a figure is of clock, case or event, not \"%s\"%s",
                        kpi->of, compile_nearest_word(c, kpi->of, kinds));
    }
    kpi->per_mille = compile_flag(c, yaml_get(node, "per_mille"));
    kpi->greater = compile_flag(c, yaml_get(node, "greater"));
    kpi->per_household = compile_flag(c, yaml_get(node, "per_household"));
    kpi->basis = compile_text(c, yaml_get(node, "basis"));
    kpi->target_per_mille = target_of(c, node, kpi->per_mille);
    kpi->procedure = compile_text(c, procedure);
    kpi->name_of = compile_text(c, yaml_get(node, "name"));
    struct part *part = table_get(&c->procedures, kpi->procedure);
    if (!part) {
        compile_unknown(c, procedure ? procedure : node, "procedure", kpi->procedure,
                        &c->procedures);
        return kpi;
    }
    check_name(c, part, node, kpi);
    at_of(c, part, node, kpi);
    const char *const *words = strcmp(kpi->of, "clock") == 0   ? clock_words
                               : strcmp(kpi->of, "event") == 0 ? event_words
                                                               : case_words;
    kpi->when = compile_when(c, part, yaml_get(node, "when"), words, &kpi->n_when);
    kpi->hit = compile_when(c, part, yaml_get(node, "hit"), words, &kpi->n_hit);
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
