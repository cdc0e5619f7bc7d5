#include "plan.h"

#include "base/text.h"

enum { PASSES = 40, WAIT_COST = 3, CAUSE_COST = 4, DEAREST = 60 };

static bool among(char const *const *list, size_t count, const char *one) {
    for (size_t i = 0; i < count; i++) {
        if (text_eq(list[i], one)) {
            return true;
        }
    }
    return false;
}

bool plan_starts(const Manual__Clock *clock, const struct way *way) {
    const Manual__Start *start = way->procedure->start;

    return among(clock->start, clock->n_start, way->event)
           || (way->step_count == 0 && start && text_eq(way->to, start->staff)
               && among(clock->start, clock->n_start, start->counts_as));
}

bool plan_touches(const Manual__Clock *clock, const char *event) {
    return among(clock->start, clock->n_start, event) || among(clock->until, clock->n_until, event)
           || among(clock->restart, clock->n_restart, event);
}

/* What a way does to the clock; `result`: how it ended. */
static enum phase after(const Manual__Clock *clock, const struct way *way, enum phase phase,
                        const char **result) {
    const bool ended = coverage_is_end(way->procedure, way->to);
    const bool restarts = phase != PHASE_STILL
                          && among(clock->restart, clock->n_restart, way->event);
    const bool in_time = phase == PHASE_RUNS;

    *result = "";
    if (phase != PHASE_STILL && among(clock->until, clock->n_until, way->event)) {
        *result = in_time ? "met" : "late";
        phase = PHASE_STILL;
    } else if (phase != PHASE_STILL && (ended || restarts)) {
        *result = in_time ? "stopped" : "overdue";
        phase = PHASE_STILL;
    }
    if ((restarts && !ended) || (phase == PHASE_STILL && plan_starts(clock, way))) {
        phase = PHASE_RUNS;
    }
    return phase;
}

static double cost_of(const struct way *way, bool calm) {
    const double each = 1 / coverage_chance(way);

    if ((calm && way->rings) || (!way->people && (way->step_count == 0 || (!way->caused
                                                                           && !way->timed)))) {
        return PLAN_NEVER;
    }
    const double cost = way->people ? each : CAUSE_COST * each;
    return cost < DEAREST ? cost : DEAREST;
}

/* Back to where it was: whence it came here. */
static double cost_before(const struct plan *plan, const struct way *back, enum phase phase) {
    struct way *all = NULL;
    size_t count = 0;
    double least = PLAN_NEVER;

    all = coverage_all_ways(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].procedure == back->procedure && text_eq(all[i].to, back->from)
            && all[i].from_place < STATES_MAX && !text_eq(all[i].from, all[i].to)) {
            const double cost = plan->moves[all[i].from_place][phase].cost;
            least = cost < least ? cost : least;
        }
    }
    return least;
}

static bool improve(struct plan *plan, size_t place, enum phase phase, struct way *way,
                    double cost) {
    struct move *move = &plan->moves[place][phase];

    if (cost >= PLAN_NEVER || cost >= move->cost) {
        return false;
    }
    *move = (struct move){way, cost};
    return true;
}

static bool try_way(struct plan *plan, struct way *way, enum phase phase, const struct goal *goal,
                    bool calm) {
    const size_t place = way->from_place < STATES_MAX ? way->from_place : PLAN_FRESH;
    const char *result = "";
    const enum phase next = plan->clock ? after(plan->clock, way, phase, &result) : PHASE_STILL;
    const bool there = goal->lapse   ? *result && text_eq(result, goal->lapse->what)
                       : goal->event ? text_eq(goal->event, way->event)
                                     : goal->way == way;
    double cost = cost_of(way, calm);

    if (cost >= PLAN_NEVER || (place == PLAN_FRESH && phase != PHASE_STILL)) {
        return false;
    }
    if (!there) {
        cost += way->to_place < STATES_MAX ? plan->moves[way->to_place][next].cost
                                           : cost_before(plan, way, next);
    }
    return improve(plan, place, phase, way, cost);
}

static struct way *fired(const struct plan *plan, size_t place) {
    return *plan->clock->fire
               ? coverage_way(plan->procedure, plan->clock->fire,
                              plan->procedure->states[place]->key, NULL)
               : NULL;
}

static bool try_wait(struct plan *plan, size_t place, enum phase phase, const struct goal *goal) {
    const Manual__Clock *clock = plan->clock;
    const char *what = goal->lapse->what, *result = "";
    enum phase next = clock->every ? PHASE_RUNS : PHASE_OVER;
    double rest = plan->moves[place][next].cost;

    if (clock->pause && among(clock->pause->in, clock->pause->n_in,
                              plan->procedure->states[place]->key)) {
        return false; /* it stands still */
    }
    if (phase == PHASE_OVER) {
        return (*what == '1' || *what == '2') && improve(plan, place, phase, NULL, WAIT_COST);
    }
    if (text_eq(what, "70") || text_eq(what, "100")) {
        return improve(plan, place, phase, NULL, WAIT_COST);
    }
    const struct way *way = fired(plan, place);
    if (way) {
        next = after(clock, way, phase, &result);
        next = next == PHASE_RUNS && !clock->every ? PHASE_OVER : next;
        rest = text_eq(result, what)            ? 0
               : way->to_place < STATES_MAX ? plan->moves[way->to_place][next].cost
                                                : PLAN_NEVER;
    }
    return improve(plan, place, phase, NULL, WAIT_COST + rest);
}

void plan_make(struct plan *plan, const Manual__Procedure *procedure, const struct goal *goal,
               bool calm) {
    struct way *mine[512];
    const size_t count = coverage_ways(procedure, NULL, sizeof mine / sizeof mine[0], mine);
    const size_t phases = goal->lapse ? PHASES : 1;
    bool better = true;

    *plan = (struct plan){.procedure = procedure,
                          .clock = goal->lapse ? goal->lapse->clock : NULL};
    for (size_t s = 0; s < PLAN_PLACES; s++) {
        for (size_t p = 0; p < PHASES; p++) {
            plan->moves[s][p] = (struct move){NULL, PLAN_NEVER};
        }
    }
    for (int pass = 0; better && pass < PASSES; pass++) {
        better = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t p = 0; p < phases; p++) {
                better = try_way(plan, mine[i], (enum phase)p, goal, calm) || better;
            }
        }
        for (size_t s = 0; goal->lapse && s < procedure->n_states; s++) {
            better = try_wait(plan, s, PHASE_RUNS, goal) || better;
            better = try_wait(plan, s, PHASE_OVER, goal) || better;
        }
    }
}
