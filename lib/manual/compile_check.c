/*
 * compile_check - what only the whole procedure shows: states that are never reached
 * or never left, steps that are never taken.
 */
#include <string.h>

#include "manual/compile_parts.h"

enum { STATES_MAX = 128 };

struct graph {
    struct part *part;
    const char *states[STATES_MAX];
    size_t count;
    bool reached[STATES_MAX];
    bool leads_to_end[STATES_MAX];
};

static size_t number_of(const struct graph *graph, const char *state) {
    for (size_t i = 0; i < graph->count; i++) {
        if (strcmp(graph->states[i], state) == 0) {
            return i;
        }
    }
    return STATES_MAX;
}

static bool mark(bool *marks, size_t number) {
    if (number >= STATES_MAX || marks[number]) {
        return false;
    }
    marks[number] = true;
    return true;
}

static bool starts_in(const Manual__Step *step, const char *state) {
    for (size_t i = 0; i < step->n_from; i++) {
        if (strcmp(step->from[i], state) == 0) {
            return true;
        }
    }
    return false;
}

/* Where a state that is left by "@before" was come from: any state with a way into it. */
static bool came_from(const struct graph *graph, const char *before, const char *state) {
    const Manual__Procedure *p = graph->part->p;

    for (size_t i = 0; i < p->n_steps; i++) {
        if (strcmp(p->steps[i]->to, state) == 0 && starts_in(p->steps[i], before)) {
            return true;
        }
    }
    return false;
}

static void reach(struct graph *graph) {
    const Manual__Procedure *p = graph->part->p;
    bool more = true;

    (void)mark(graph->reached, number_of(graph, p->start->staff));
    (void)mark(graph->reached, number_of(graph, p->start->other));
    for (size_t i = 0; i < p->start->n_alternatives; i++) {
        (void)mark(graph->reached, number_of(graph, p->start->alternatives[i]->to));
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < p->n_steps; i++) {
            for (size_t f = 0; f < p->steps[i]->n_from; f++) {
                size_t from = number_of(graph, p->steps[i]->from[f]);
                if (from < STATES_MAX && graph->reached[from]) {
                    more |= mark(graph->reached, number_of(graph, p->steps[i]->to));
                }
            }
        }
    }
}

static bool step_leads(const struct graph *graph, const Manual__Step *step, const char *from) {
    if (strcmp(step->to, "@before") != 0) {
        size_t to = number_of(graph, step->to);
        return to < STATES_MAX && graph->leads_to_end[to];
    }
    for (size_t i = 0; i < graph->count; i++) {
        if (graph->leads_to_end[i] && came_from(graph, graph->states[i], from)) {
            return true;
        }
    }
    return false;
}

static void reach_back(struct graph *graph) {
    const Manual__Procedure *p = graph->part->p;
    bool more = true;

    for (size_t i = 0; i < p->n_states; i++) {
        if (p->states[i]->end) {
            (void)mark(graph->leads_to_end, number_of(graph, p->states[i]->key));
        }
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < p->n_steps; i++) {
            for (size_t f = 0; f < p->steps[i]->n_from; f++) {
                const char *from = p->steps[i]->from[f];
                size_t number = number_of(graph, from);
                if (number < STATES_MAX && !graph->leads_to_end[number]
                    && step_leads(graph, p->steps[i], from)) {
                    more |= mark(graph->leads_to_end, number);
                }
            }
        }
    }
}

/* Where to point: the item of from, to or end in which the state stands. */
static const struct node *item_named(const struct node *list, const char *state) {
    for (const struct node *item = compile_first(list); item; item = compile_next(list, item)) {
        if (item->kind == NODE_TEXT && strcmp(item->text, state) == 0) {
            return item;
        }
    }
    return NULL;
}

static const struct node *place_of(struct compiler *c, const struct graph *graph,
                                   const char *state) {
    static const char *const keys[] = {"to", "from"};
    const struct node *root = graph->part->source->root;
    const struct node *found = NULL;

    c->file = graph->part->source->name;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < graph->part->p->n_steps; i++) {
            if (graph->part->step_files[i] != graph->part->source->name) {
                continue;
            }
            found = item_named(yaml_get(graph->part->step_nodes[i], keys[k]), state);
            if (found) {
                return found;
            }
        }
    }
    found = item_named(yaml_get(root, "end"), state);
    const struct node *groups = yaml_get(root, "groups");
    for (const struct node *group = groups ? groups->first : NULL; group && !found;
         group = group->next) {
        found = item_named(group, state);
    }
    if (!found) {
        const struct table_entry *entry = table_entry(&graph->part->states, state);
        c->file = entry && entry->file ? entry->file : c->file;
        found = entry ? entry->node : root;
    }
    return found;
}

/* At the value where it is one; at the key where the texts name it. */
static void state_mistake(struct compiler *c, const struct graph *graph, const char *state,
                          bool reached) {
    const struct node *place = place_of(c, graph, state);
    struct node at = *place;

    at.key = place->kind == NODE_TEXT ? NULL : place->key;
    compile_mistake_key(c, &at,
                        reached ? "state \"%s\" of %s has no way out to an end"
                                : "unreachable state \"%s\" of %s: no way leads there",
                        state, graph->part->key);
}

static void check_states(struct compiler *c, struct graph *graph) {
    for (size_t i = 0; i < graph->count; i++) {
        const char *state = graph->states[i];
        if (!graph->reached[i] || !graph->leads_to_end[i]) {
            state_mistake(c, graph, state, graph->reached[i]);
        }
    }
}

/* ---- steps that are never taken ---- */

static bool has_who(const Manual__Step *step, const char *who) {
    for (size_t i = 0; i < step->n_who; i++) {
        if (strcmp(step->who[i], who) == 0) {
            return true;
        }
    }
    return false;
}

/* Everybody who may take the later step may take the earlier one, which asks nothing. */
static bool hides(const Manual__Step *earlier, const Manual__Step *later) {
    if (strcmp(earlier->event, later->event) != 0 || earlier->n_when > 0
        || earlier->n_not_who > 0) {
        return false;
    }
    for (size_t i = 0; i < later->n_who; i++) {
        if (!has_who(earlier, later->who[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < later->n_from; i++) {
        if (!starts_in(earlier, later->from[i])) {
            return false;
        }
    }
    return later->n_from > 0;
}

static void check_hidden(struct compiler *c, struct part *part) {
    const Manual__Procedure *p = part->p;

    for (size_t i = 1; i < p->n_steps; i++) {
        for (size_t earlier = 0; earlier < i; earlier++) {
            if (hides(p->steps[earlier], p->steps[i])) {
                c->file = part->step_files[i];
                compile_mistake(
                    c, part->step_nodes[i],
                    "this step is never taken: \"%s\" in line %d is taken first, always",
                    p->steps[i]->event, part->step_nodes[earlier]->line);
                break;
            }
        }
    }
    c->file = part->source->name;
}

/* ---- pages that nobody could acknowledge ---- */

static bool paged_may(const Manual__Procedure *p, const char *event) {
    for (size_t i = 0; i < p->n_steps; i++) {
        if (strcmp(p->steps[i]->event, event) == 0
            && (has_who(p->steps[i], "paged") || has_who(p->steps[i], "staff"))) {
            return true;
        }
    }
    return false;
}

/* A ladder pages more people than the one it begins with: whoever acknowledges must be
 * allowed to do what his acknowledgement means. */
static void check_pages(struct compiler *c, struct part *part) {
    const Manual__Procedure *p = part->p;

    for (size_t i = 0; i < p->n_steps; i++) {
        const struct node *list = yaml_get(part->step_nodes[i], "do");
        for (const struct node *op = compile_first(list); op; op = compile_next(list, op)) {
            const struct node *ack = yaml_get(op, "ack");
            if (ack && ack->kind == NODE_TEXT && table_get(&part->events, ack->text)
                && !paged_may(p, ack->text)) {
                c->file = part->step_files[i];
                compile_mistake(c, ack, "who is paged may not do \"%s\": its `who` needs `paged`",
                                ack->text);
            }
        }
    }
    c->file = part->source->name;
}

void compile_check_graph(struct compiler *c, struct part *part) {
    struct graph *graph = ARENA_NEW(c->arena, struct graph);

    if (part->p->n_states > STATES_MAX) {
        compile_mistake(c, part->source->root, "more than %d states", STATES_MAX);
        return;
    }
    graph->part = part;
    for (const struct table_entry *entry = part->states.first; entry; entry = entry->next) {
        graph->states[graph->count++] = entry->key;
    }
    reach(graph);
    reach_back(graph);
    check_states(c, graph);
    check_hidden(c, part);
    check_pages(c, part);
    c->file = part->source->name;
}
