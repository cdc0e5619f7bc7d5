/*
 * compile_pages - ladders, routes, rounds and figures.
 */
#include <string.h>

#include "base/speak.h"
#include "base/text.h"
#include "manual/compile_parts.h"

/* ---- ladders ---- */

static void add_wait(struct compiler *c, const struct node *node, const char *class_key,
                     Manual__Rung *rung) {
    static const char next[] = "next ";
    const char *text = compile_text(c, node), *unit = NULL;
    int64_t amount = 0;
    Manual__ClassValue *value = ARENA_NEW(c->arena, Manual__ClassValue);

    manual__class_value__init(value);
    value->class_ = class_key;
    if (strncmp(text, next, strlen(next)) == 0 && compile_time_of_day(text + strlen(next))) {
        value->text = text;
    } else if (!compile_term(text, &amount, &unit) || strcmp(unit, "wd") == 0) {
        compile_mistake(c, node, "\"%s\" is no wait: 3m, eod, next 09:00 or a parameter", text);
    } else if (strcmp(unit, "eod") == 0) {
        value->text = "eod";
    } else {
        value->number = ARENA_NEW(c->arena, int64_t);
        value->number[0] = amount;
        value->n_number = 1;
    }
    rung->after[rung->n_after++] = value;
}

/* A wait that is a parameter is filled in when the manual is loaded, because a
 * demo or a rehearsal may change the parameter. */
static void waits_of(struct compiler *c, const struct node *node, Manual__Rung *rung,
                     int position) {
    if (!node) {
        return;
    }
    const Manual__Parameter *parameter = node->kind == NODE_TEXT
                                             ? table_get(&c->parameters, node->text)
                                             : NULL;
    if (parameter) {
        rung->parameter = parameter->key;
        rung->position = position;
        if (strcmp(parameter->unit, "ms") != 0) {
            compile_mistake(c, node, "the parameter \"%s\" is no duration", parameter->key);
        }
        return;
    }
    if (node->kind == NODE_TEXT && strchr(node->text, '.') && !compile_time_of_day(node->text)) {
        compile_unknown(c, node, "parameter", node->text, &c->parameters);
        return;
    }
    rung->after = COMPILE_ARRAY(c, Manual__ClassValue, node->count + 1);
    if (node->kind != NODE_MAP) {
        add_wait(c, node, "", rung);
        return;
    }
    for (const struct node *item = node->first; item; item = item->next) {
        add_wait(c, item, item->key, rung);
    }
}

static void check_to(struct compiler *c, const struct node *item) {
    static const char *const words[] = {"assignee", "backup", "dept_head", "asked", NULL};
    static const char role[] = "role:", post[] = "post:";
    const char *to = compile_text(c, item);

    if (strncmp(to, role, strlen(role)) == 0) {
        if (!table_get(&c->roles, to + strlen(role))) {
            compile_unknown(c, item, "role", to + strlen(role), &c->roles);
        }
    } else if (*to && strncmp(to, post, strlen(post)) != 0 && !compile_one_of(to, words)) {
        compile_mistake(c, item,
                        "nobody is \"%s\": assignee, backup, dept_head, asked, role:… or post:…%s",
                        to, compile_nearest_word(c, to, words));
    }
}

static Manual__Rung *rung_of(struct compiler *c, const struct node *node, int position) {
    static const char *const keys[] = {"to", "after", "channel", "zh", "en", NULL};
    Manual__Rung *rung = ARENA_NEW(c->arena, Manual__Rung);
    const struct node *to = yaml_get(node, "to");

    manual__rung__init(rung);
    if (!compile_keys(c, node, keys)) {
        return rung;
    }
    rung->to = compile_texts(c, to, &rung->n_to);
    for (const struct node *item = compile_first(to); item; item = compile_next(to, item)) {
        check_to(c, item);
    }
    if (rung->n_to == 0) {
        compile_mistake(c, node, "this rung pages nobody (to: …)");
    }
    waits_of(c, yaml_get(node, "after"), rung, position);
    if (!yaml_get(node, "after")) {
        compile_mistake(c, node, "this rung does not say when (after: …)");
    }
    rung->channel = compile_texts(c, yaml_get(node, "channel"), &rung->n_channel);
    if (yaml_get(node, "zh") || yaml_get(node, "en")) {
        rung->text = compile_name(c, node);
    }
    return rung;
}

static void repeat_of(struct compiler *c, const struct node *node, Manual__Ladder *ladder) {
    const char *text = compile_text(c, node), *unit = NULL;

    if (!node) {
        return;
    }
    if (table_get(&c->parameters, text)) {
        ladder->repeat_parameter = text;
    } else if (!compile_term(text, &ladder->repeat_ms, &unit) || strcmp(unit, "ms") != 0) {
        compile_mistake(c, node, "\"%s\" is no duration and no parameter", text);
    }
}

static Manual__Ladder *ladder_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh", "en", "any_hour", "rungs", "repeat", NULL};
    Manual__Ladder *ladder = ARENA_NEW(c->arena, Manual__Ladder);
    const struct node *rungs = yaml_get(node, "rungs"), *hours = yaml_get(node, "any_hour");

    manual__ladder__init(ladder);
    ladder->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return ladder;
    }
    ladder->name = compile_name(c, node);
    if (hours && hours->kind == NODE_LIST) {
        ladder->any_hour_class = compile_texts(c, hours, &ladder->n_any_hour_class);
    } else {
        ladder->any_hour = compile_flag(c, hours);
    }
    ladder->rung = COMPILE_ARRAY(c, Manual__Rung, compile_count(rungs));
    for (const struct node *item = compile_first(rungs); item; item = compile_next(rungs, item)) {
        ladder->rung[ladder->n_rung] = rung_of(c, item, (int)ladder->n_rung);
        ladder->n_rung++;
    }
    if (ladder->n_rung == 0) {
        compile_mistake_key(c, node, "ladder \"%s\" has no rungs", node->key);
    }
    repeat_of(c, yaml_get(node, "repeat"), ladder);
    return ladder;
}

void compile_ladders(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"fallback", "ladders", NULL};
    const struct node *map = yaml_get(source->root, "ladders");
    const struct node *fallback = yaml_get(source->root, "fallback");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys) || !map || !compile_is_map(c, map)) {
        return;
    }
    Manual__Ladders *ladders = ARENA_NEW(c->arena, Manual__Ladders);
    manual__ladders__init(ladders);
    ladders->ladder = COMPILE_ARRAY(c, Manual__Ladder, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Ladder *ladder = ladder_of(c, node);
        ladders->ladder[ladders->n_ladder++] = ladder;
        (void)table_put(c, &c->ladders, node->key, ladder, node);
    }
    ladders->fallback = compile_text(c, fallback);
    if (!fallback) {
        compile_mistake(c, source->root, "nobody is the fallback for escalations that get lost");
    } else if (!table_get(&c->roles, ladders->fallback)) {
        compile_unknown(c, fallback, "role", ladders->fallback, &c->roles);
    }
    source->file->ladders = ladders;
}

/* ---- routes ---- */

/* proto/README.md: the topics that no procedure makes. */
static const char *const topics[] = {"manual.published", "staff.changed",     "staff.revoked",
                                     "person.on_leave",  "person.left",       "unit.changed",
                                     "person.changed",   "hold.taken",        "hold.released",
                                     "roster.duty",      "roster.dropped",    "clock.started",
                                     "clock.moved",      "clock.met",         "clock.stopped",
                                     "clock.warned",     "clock.due",         "clock.over",
                                     "page.asked",       "page.ended",        "page.requested",
                                     "page.sent",        "page.acknowledged", "page.rejected",
                                     "page.exhausted",   "page.withdrawn",    "page.failed",
                                     "tell.asked",       "told.sent",         "told.failed",
                                     "case.asked",       "case.done",         "case.refused",
                                     "case.fire_asked",  "case.ended",        "dead.letter",
                                     "weather.warning",  "fees.arrears",      NULL};

static void check_procedure_topic(struct compiler *c, const struct node *node, const char *topic) {
    const char *dot = strchr(topic, '.');
    const char *head = arena_text(c->arena, "%.*s", (int)(dot - topic), topic);
    const struct part *part = table_get(&c->procedures, head);

    if (!part) {
        compile_mistake(c, node, "unknown topic \"%s\"%s", topic,
                        compile_nearest_word(c, topic, topics));
    } else if (strcmp(dot + 1, "*") != 0 && strcmp(dot + 1, "open") != 0
               && !table_get(&part->events, dot + 1)) {
        compile_unknown(c, node, arena_text(c->arena, speak("event of %s"), head), dot + 1,
                        &part->events);
    }
}

static void check_topic(struct compiler *c, const struct node *node, const char *topic) {
    if (!*topic || strcmp(topic, "*") == 0 || compile_one_of(topic, topics)) {
        return;
    }
    for (size_t i = 0; topics[i]; i++) {
        if (text_match(topic, topics[i])) {
            return;
        }
    }
    if (!strchr(topic, '.')) {
        compile_mistake(c, node, "unknown topic \"%s\"%s", topic,
                        compile_nearest_word(c, topic, topics));
        return;
    }
    check_procedure_topic(c, node, topic);
}

static void check_route_to(struct compiler *c, const struct node *item) {
    const char *to = compile_text(c, item);

    if (*to && *to != '$' && strcmp(to, "dept_head") != 0 && !table_get(&c->roles, to)) {
        compile_unknown(c, item, "role", to, &c->roles);
    }
}

static void page_or_stop(struct compiler *c, const struct node *node, Manual__Route *route) {
    const struct node *ladder = yaml_get(node, "ladder"), *ends = yaml_get(node, "ends");

    if (route->stops) {
        if (route->n_to > 0 || *route->ladder) {
            compile_mistake_key(c, node, "route \"%s\" stops pages: it has no `to` and no `ladder`",
                                node->key);
        }
        for (const struct node *item = compile_first(ends); item; item = compile_next(ends, item)) {
            check_topic(c, item, compile_text(c, item));
        }
        return;
    }
    if (route->n_to == 0) {
        compile_mistake_key(c, node, "route \"%s\" pages nobody (to: …)", node->key);
    }
    if (!*route->ladder) {
        compile_mistake_key(c, node, "route \"%s\" names no ladder", node->key);
    } else if (*route->ladder != '$' && !table_get(&c->ladders, route->ladder)) {
        compile_unknown(c, ladder, "ladder", route->ladder, &c->ladders);
    }
    if (route->n_ends > 0) {
        compile_mistake_key(c, node, "route \"%s\": `ends` goes with `stops: true`", node->key);
    }
}

static Manual__Route *route_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh",     "en",    "event", "when", "to",
                                       "ladder", "stops", "ends",  NULL};
    Manual__Route *route = ARENA_NEW(c->arena, Manual__Route);
    const struct node *event = yaml_get(node, "event"), *to = yaml_get(node, "to");

    manual__route__init(route);
    route->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return route;
    }
    route->text = compile_name(c, node);
    route->event = compile_text(c, event);
    if (!event) {
        compile_mistake_key(c, node, "route \"%s\" has no event", node->key);
    }
    check_topic(c, event, route->event);
    route->when = compile_when(c, NULL, yaml_get(node, "when"), NULL, &route->n_when);
    route->to = compile_texts(c, to, &route->n_to);
    for (const struct node *item = compile_first(to); item; item = compile_next(to, item)) {
        check_route_to(c, item);
    }
    route->ladder = compile_text(c, yaml_get(node, "ladder"));
    route->stops = compile_flag(c, yaml_get(node, "stops"));
    route->ends = compile_texts(c, yaml_get(node, "ends"), &route->n_ends);
    page_or_stop(c, node, route);
    return route;
}

void compile_routes(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"routes", NULL};
    const struct node *map = yaml_get(source->root, "routes");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys) || !map || !compile_is_map(c, map)) {
        return;
    }
    Manual__Routes *routes = ARENA_NEW(c->arena, Manual__Routes);
    manual__routes__init(routes);
    routes->route = COMPILE_ARRAY(c, Manual__Route, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        routes->route[routes->n_route++] = route_of(c, node);
    }
    source->file->routes = routes;
}

/* ---- rounds ---- */

static Manual__Checkpoint *checkpoint_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"building", "entrance", "name", "area", NULL};
    Manual__Checkpoint *checkpoint = ARENA_NEW(c->arena, Manual__Checkpoint);

    manual__checkpoint__init(checkpoint);
    if (!compile_keys(c, node, keys)) {
        return checkpoint;
    }
    checkpoint->building = compile_text(c, yaml_get(node, "building"));
    checkpoint->entrance = compile_text(c, yaml_get(node, "entrance"));
    checkpoint->name = compile_text(c, yaml_get(node, "name"));
    checkpoint->area = compile_text(c, yaml_get(node, "area"));
    if (!*checkpoint->name || !*checkpoint->area) {
        compile_mistake(c, node, "a checkpoint needs a name and an area");
    }
    return checkpoint;
}

static const char *time_of(struct compiler *c, const struct node *round, const char *key) {
    const struct node *node = yaml_get(round, key);
    const char *text = compile_text(c, node);

    if (!compile_time_of_day(text)) {
        compile_mistake_key(c, node ? node : round,
                            "the %s of a round is a time of day like \"09:00\"", key);
    }
    return text;
}

static Manual__Round *round_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh",  "en",    "procedure",   "start",
                                       "end", "areas", "checkpoints", NULL};
    Manual__Round *round = ARENA_NEW(c->arena, Manual__Round);
    const struct node *procedure = yaml_get(node, "procedure");
    const struct node *points = yaml_get(node, "checkpoints");

    manual__round__init(round);
    round->key = node->key;
    if (!compile_keys(c, node, keys)) {
        return round;
    }
    round->name = compile_name(c, node);
    round->procedure = compile_text(c, procedure);
    if (!table_get(&c->procedures, round->procedure)) {
        compile_unknown(c, procedure ? procedure : node, "procedure", round->procedure,
                        &c->procedures);
    }
    round->start = time_of(c, node, "start");
    round->end = time_of(c, node, "end");
    round->area = compile_texts(c, yaml_get(node, "areas"), &round->n_area);
    round->checkpoint = COMPILE_ARRAY(c, Manual__Checkpoint, compile_count(points));
    for (const struct node *item = compile_first(points); item; item = compile_next(points, item)) {
        round->checkpoint[round->n_checkpoint++] = checkpoint_of(c, item);
    }
    if (round->n_area == 0 || round->n_checkpoint == 0) {
        compile_mistake_key(c, node, "round \"%s\" needs areas and checkpoints", node->key);
    }
    return round;
}

void compile_rounds(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"rounds", NULL};
    const struct node *map = yaml_get(source->root, "rounds");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys) || !map || !compile_is_map(c, map)) {
        return;
    }
    Manual__Rounds *rounds = ARENA_NEW(c->arena, Manual__Rounds);
    manual__rounds__init(rounds);
    rounds->round = COMPILE_ARRAY(c, Manual__Round, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        rounds->round[rounds->n_round++] = round_of(c, node);
    }
    source->file->rounds = rounds;
}
