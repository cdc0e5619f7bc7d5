#include "plan.h"

#include <string.h>

#include "base/text.h"

enum { WAYS_OF_ONE = 512, PASSES = 40, WAIT_COST = 3, CAUSE_COST = 4, DEAREST = 60, DETOUR = 100 };

static bool among(char const *const *list, size_t count, const char *one) {
    for (size_t i = 0; i < count; i++) {
        if (text_eq(list[i], one)) {
            return true;
        }
    }
    return false;
}

/* What an opening counts as, too; "" nothing. */
static const char *also(const struct way *way) {
    const Manual__Start *start = way->procedure->start;

    return way->step_count == 0 && start && text_eq(way->to, start->staff) ? start->counts_as : "";
}

/* Does the clock begin only in some states, and this is none of them? */
static bool wrong_state(const Manual__Clock *clock, const char *state) {
    for (size_t t = 0; clock->n_when == 1 && t < clock->when[0]->n_all; t++) {
        const Manual__Term *term = clock->when[0]->all[t];
        if (text_eq(term->subject, "state") && term->n_one_of > 0
            && among(term->one_of, term->n_one_of, state) == term->negate) {
            return true;
        }
    }
    return false;
}

bool plan_starts(const Manual__Clock *clock, const struct way *way) {
    return (among(clock->start, clock->n_start, way->event)
            || among(clock->start, clock->n_start, also(way)))
           && (way->to_place >= STATES_MAX || !wrong_state(clock, way->to));
}

bool plan_touches(const Manual__Clock *clock, const char *event) {
    return among(clock->start, clock->n_start, event) || among(clock->until, clock->n_until, event)
           || among(clock->restart, clock->n_restart, event);
}

/* What a way does to the clock; `result`: how it ended. */
static enum phase after(const Manual__Clock *clock, const struct way *way, enum phase phase,
                        const char **result) {
    const bool ended = coverage_is_end(way->procedure, way->to) && !text_eq(way->from, way->to);
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
    if (phase == PHASE_RUNS && among(clock->until, clock->n_until, also(way))) {
        *result = "met";
        phase = PHASE_STILL;
    }
    return phase;
}

static double cost_of(const struct plan *plan, const struct way *way) {
    const double each = 1 / coverage_chance(way);

    if ((plan->calm && way->rings)
        || (!way->people && (way->step_count == 0 || (!way->caused && !way->timed)))) {
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

static bool try_way(struct plan *plan, struct way *way, enum phase phase, const struct goal *goal) {
    const size_t place = way->from_place < STATES_MAX ? way->from_place : PLAN_FRESH;
    const char *result = "";
    const enum phase next = plan->clock ? after(plan->clock, way, phase, &result) : PHASE_STILL;
    const bool there = goal->lapse   ? *result && text_eq(result, goal->lapse->what)
                       : goal->event ? text_eq(goal->event, way->event)
                                     : goal->way == way && (!plan->clock || way->caused);
    double cost = cost_of(plan, way);

    if (cost >= PLAN_NEVER || (place == PLAN_FRESH && phase != PHASE_STILL)) {
        return false;
    }
    if (!there) {
        /* Where it was is not known here: no detour for its own sake, but for the clock's. */
        cost += way->to_place < STATES_MAX ? plan->moves[way->to_place][next].cost
                : next != phase            ? cost_before(plan, way, next)
                : phase == PHASE_OVER      ? cost_before(plan, way, next) + DETOUR
                                           : PLAN_NEVER;
    }
    return improve(plan, place, phase, way, cost);
}

static struct way *fired(const struct plan *plan, size_t place) {
    return *plan->clock->fire ? coverage_way(plan->procedure, plan->clock->fire,
                                             plan->procedure->states[place]->key, NULL)
                              : NULL;
}

static bool try_wait(struct plan *plan, size_t place, enum phase phase, const struct goal *goal) {
    const Manual__Clock *clock = plan->clock;
    const char *what = goal->lapse ? goal->lapse->what : "", *result = "";
    enum phase next = clock->every ? PHASE_RUNS : PHASE_OVER;
    double rest = plan->moves[place][next].cost;

    if (clock->pause
        && among(clock->pause->in, clock->pause->n_in, plan->procedure->states[place]->key)) {
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
        rest = way == goal->way || (*result && text_eq(result, what)) ? 0
               : way->to_place < STATES_MAX ? plan->moves[way->to_place][next].cost
                                            : PLAN_NEVER;
    }
    return improve(plan, place, phase, NULL, WAIT_COST + rest);
}

static void solve(struct plan *plan, const struct goal *goal) {
    struct way *mine[WAYS_OF_ONE];
    const size_t count = coverage_ways(plan->procedure, NULL, WAYS_OF_ONE, mine);
    const size_t phases = plan->clock ? PHASES : 1;
    bool better = true;

    for (size_t s = 0; s < PLAN_PLACES; s++) {
        for (size_t p = 0; p < PHASES; p++) {
            plan->moves[s][p] = (struct move){NULL, PLAN_NEVER};
        }
    }
    for (int pass = 0; better && pass < PASSES; pass++) {
        better = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t p = 0; p < phases; p++) {
                better = try_way(plan, mine[i], (enum phase)p, goal) || better;
            }
        }
        for (size_t s = 0; plan->clock && s < plan->procedure->n_states; s++) {
            better = try_wait(plan, s, PHASE_RUNS, goal) || better;
            better = try_wait(plan, s, PHASE_OVER, goal) || better;
        }
    }
}

static size_t place_of(const Manual__Procedure *procedure, const Manual__Clock *clock) {
    size_t place = 0;

    while (clock && procedure->clocks[place] != clock) {
        place++;
    }
    return place;
}

void plan_make(struct plan *plan, const Manual__Procedure *procedure, const struct goal *goal,
               bool calm) {
    /* What only a clock fires has to be waited for like a mark of that clock. */
    *plan = (struct plan){.procedure = procedure,
                          .clock = goal->lapse                       ? goal->lapse->clock
                                   : goal->way && !goal->way->people ? goal->way->timed
                                                                     : NULL,
                          .calm = calm};
    plan->place = place_of(procedure, plan->clock);
    solve(plan, goal);
}

const struct way *plan_caused(const struct plan *plan, size_t state, enum phase phase) {
    const char *result = "";

    for (int i = 0; i < PASSES && state < STATES_MAX; i++) {
        const struct way *way = plan->moves[state][phase].way;
        if (!way && !plan->clock) {
            return NULL;
        }
        if (way && !way->people) {
            return way->caused && !way->timed ? way : NULL;
        }
        if (way) {
            phase = plan->clock ? after(plan->clock, way, phase, &result) : phase;
            state = way->to_place;
        } else {
            phase = PHASE_OVER;
        }
    }
    return NULL;
}

/* ---- whether there is a way at all ---- */

/* Where a case may stand: in a state, that it came to from another, with a clock. */
struct spot {
    size_t state, before;
    enum phase phase;
};
struct spots {
    bool known[STATES_MAX + 1][STATES_MAX + 1][PHASES];
    struct spot open[(STATES_MAX + 1) * (STATES_MAX + 1) * PHASES];
    size_t count;
};

static void reach(struct spots *spots, struct spot spot) {
    bool *known = &spots->known[spot.state][spot.before][spot.phase];

    if (!*known) {
        *known = true;
        spots->open[spots->count++] = spot;
    }
}

/* True: this way, taken here, gives the result. */
static bool step_to(struct spots *spots, const struct lapse *lapse, const struct way *way,
                    struct spot spot) {
    const char *result = "";
    const enum phase next = after(lapse->clock, way, spot.phase, &result);
    const size_t to = text_eq(way->to, "@before") ? spot.before : way->to_place;
    const size_t before = to == spot.state ? spot.before : spot.state;

    reach(spots, (struct spot){to, before, next});
    return text_eq(result, lapse->what);
}

static bool without_condition(const struct way *way) {
    for (size_t s = 0; s < way->step_count; s++) {
        const Manual__Step *step = way->steps[s];
        if (step->n_when == 0 && step->n_needs == 0 && among(step->who, step->n_who, "system")) {
            return true;
        }
    }
    return false;
}

/* What the clock fires at its limit in this state, always carried out; NULL: nothing. */
static const struct way *fired_surely(const struct lapse *lapse, struct way *const *mine,
                                      size_t count, size_t state) {
    for (size_t w = 0; *lapse->clock->fire && w < count; w++) {
        if (mine[w]->from_place == state && text_eq(mine[w]->event, lapse->clock->fire)
            && coverage_way(lapse->procedure, lapse->clock->fire, mine[w]->from, NULL) == mine[w]
            && without_condition(mine[w])) {
            return mine[w];
        }
    }
    return NULL;
}

bool plan_never(const struct lapse *lapse) {
    static struct spots spots;
    struct way *mine[WAYS_OF_ONE];
    const size_t count = coverage_ways(lapse->procedure, NULL, WAYS_OF_ONE, mine);
    const char mark = lapse->what[0];

    memset(&spots, 0, sizeof spots);
    reach(&spots, (struct spot){STATES_MAX, STATES_MAX, PHASE_STILL});
    for (size_t i = 0; i < spots.count; i++) {
        const struct spot spot = spots.open[i];
        for (size_t w = 0; w < count; w++) {
            if (mine[w]->from_place == spot.state && step_to(&spots, lapse, mine[w], spot)) {
                return false;
            }
        }
        /* Time passes; what falls due again and again is never past its limit. */
        if (spot.phase == PHASE_RUNS && (mark == '7' || text_eq(lapse->what, "100"))) {
            return false;
        }
        if (spot.phase == PHASE_OVER && (mark == '1' || mark == '2')) {
            return false;
        }
        if (spot.phase == PHASE_RUNS && !lapse->clock->every
            && !fired_surely(lapse, mine, count, spot.state)) {
            reach(&spots, (struct spot){spot.state, spot.before, PHASE_OVER});
        }
    }
    return true;
}
