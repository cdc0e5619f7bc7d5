#include "errands.h"

#include "acting.h"
#include "base/text.h"
#include "causes.h"
#include "histories.h"
#include "lives.h"
#include "plan.h"

enum {
    ERRANDS = 40,
    STEPS_MAX = 40, /* visits until an errand is given up */
    REFUSALS_MAX = 6,
    STAYING_AT_ONCE = 12,
    WAYS_OUT_MAX = 256,
    CALM_DAYS = 33,
    DAYS = 4,
    CHOICES = 3,
    TRIED_ENOUGH = 40,
    FAR_WORTH = 4, /* what can be set out for in few worlds */
};

static const int64_t second = 1000, hour = INT64_C(3600) * 1000, day = INT64_C(24) * 3600 * 1000;

struct errand {
    bool used;
    struct goal goal;
    struct tally *tally;
    int64_t times;     /* of the tally, when it set out */
    struct life *life; /* NULL: to be opened */
    struct plan plan;
    int steps, refusals;
    int64_t wake_ms;
    struct errand *waits_for, *asker;
    struct cause cause;   /* for whose sake its goal is done */
    struct needed before; /* what must have happened first, so and so often */
    struct plan before_plan;
};

static struct errand errands[ERRANDS * 2];
static struct engine *engine;
static bool calm;

static size_t below(size_t n) {
    return histories_below(n);
}

void errands_start(struct engine *of, const struct manual *manual, bool is_calm) {
    engine = of;
    calm = is_calm;
    memset(errands, 0, sizeof errands);
    lives_start(manual);
    acting_start(of, manual);
}

/* ---- setting out ---- */

static struct errand *free_errand(void) {
    for (size_t i = 0; i < sizeof errands / sizeof errands[0]; i++) {
        if (!errands[i].used) {
            return &errands[i];
        }
    }
    return NULL;
}

static void end_errand(struct errand *errand) {
    if (errand->tally->times <= errand->times) {
        errand->tally->misses++;
    }
    if (errand->life) {
        errand->life->busy = false;
    }
    if (errand->asker) {
        errand->asker->waits_for = NULL;
    }
    if (errand->waits_for) {
        errand->waits_for->asker = NULL;
    }
    errand->used = false;
}

static enum phase phase_of(const struct plan *plan, const struct life *life) {
    return plan->clock ? (enum phase)life->phases[plan->place] : PHASE_STILL;
}

static double cost_from(const struct plan *plan, const struct life *life) {
    return life->state < STATES_MAX ? plan->moves[life->state][phase_of(plan, life)].cost
                                    : PLAN_NEVER;
}

/* It asks for a case without a unit, which only a new one can be. */
static bool no_unit(const struct goal *goal) {
    for (size_t s = 0; goal->way && s < goal->way->step_count; s++) {
        if (acting_without_unit(goal->way->steps[s])) {
            return true;
        }
    }
    return false;
}

/* What has to be caused on its way can be. */
static bool can_begin(const struct plan *plan, const struct life *life) {
    const struct way *way = plan_caused(plan, life->state, phase_of(plan, life));

    return !way || !causes_hopeless(way, life);
}

/* The nearest of those that stand idle; NULL: a new one is nearer. */
static struct life *nearest(const struct plan *plan, const struct goal *goal) {
    double least = below(3) == 0 ? plan->moves[PLAN_FRESH][0].cost
                                 : plan->moves[PLAN_FRESH][0].cost + 2;
    const bool by_contact = goal->way && causes_by_contact(goal->way);
    struct life *best = NULL;
    size_t count = 0;
    struct life *all = lives_all(&count);

    if (no_unit(goal) && least < PLAN_NEVER) {
        return NULL;
    }
    for (size_t i = 0, from = below(count + 1); i < count; i++) {
        struct life *one = &all[(from + i) % count];
        if (one->procedure != plan->procedure || one->busy || (by_contact && one->contacts > 1)
            || (calm && one->ringing > 0)) {
            continue;
        }
        const double cost = cost_from(plan, one);
        if (cost < least && cost < PLAN_NEVER && can_begin(plan, one)) {
            least = cost;
            best = one;
        }
    }
    return best;
}

static void set_out(struct errand *errand, const struct goal *goal, struct life *life,
                    const struct plan *plan) {
    *errand = (struct errand){.used = true, .goal = *goal, .life = life, .plan = *plan};
    errand->tally = goal->lapse ? &goal->lapse->tally : &goal->way->tally;
    errand->times = errand->tally->times;
    errand->tally->aims++;
    if (life) {
        life->busy = true;
    }
}

static double worth(const struct tally *tally, const Manual__Procedure *procedure) {
    if (tally->excuse || tally->times >= tally->goal || (calm ? tally->near : tally->far)
        || !text_eq(procedure->owner, engine->def->name)) {
        return 0;
    }
    const double hits = (double)(tally->aims - tally->misses);

    return (0.1 + coverage_wanting(tally)) * (hits + 1) / ((double)tally->aims + 1.5)
           * (tally->far ? FAR_WORTH : 1);
}

static double worth_way(const struct way *way) {
    return calm && way->rings ? 0 : worth(&way->tally, way->procedure);
}

static double worth_lapse(const struct lapse *lapse) {
    return worth(&lapse->tally, lapse->procedure);
}

/* By lot, the more the more is wanting and the more often it comes off. */
static bool choose(struct goal *goal) {
    size_t way_count = 0, lapse_count = 0;
    struct way *ways = coverage_all_ways(&way_count);
    struct lapse *lapses = coverage_all_lapses(&lapse_count);
    double total = 0, left = 0;

    for (int draw = 0; draw < 2; draw++) {
        left = total * (double)below(100000) / 100000.0;
        for (size_t i = 0; i < way_count + lapse_count; i++) {
            const double one = i < way_count ? worth_way(&ways[i])
                                             : worth_lapse(&lapses[i - way_count]);
            total += draw == 0 ? one : 0;
            left -= draw == 1 ? one : 0;
            if (draw == 1 && one > 0 && left <= 0) {
                *goal = i < way_count ? (struct goal){.way = &ways[i]}
                                      : (struct goal){.lapse = &lapses[i - way_count]};
                return true;
            }
        }
    }
    return false;
}

static bool people_open(const Manual__Procedure *procedure) {
    struct way *ways[WAYS_OUT_MAX];

    return coverage_ways(procedure, "", WAYS_OUT_MAX, ways) > 0 && ways[0]->people;
}

/* False: nothing is wanting that can be set out for. */
static bool assign(struct errand *errand) {
    struct goal goal = {0};
    struct plan plan;

    if (!choose(&goal)) {
        return false;
    }
    plan_make(&plan, goal.way ? goal.way->procedure : goal.lapse->procedure, &goal, calm);
    struct life *life = nearest(&plan, &goal);
    if (life || plan.moves[PLAN_FRESH][0].cost < PLAN_NEVER) {
        set_out(errand, &goal, life, &plan);
        return true;
    }
    if (people_open(plan.procedure)) {
        struct tally *tally = goal.way ? &goal.way->tally : &goal.lapse->tally;
        if (calm) {
            tally->near = true; /* it starts what rings */
            tally->far = false;
        }
        return true;
    }
    /* Nobody opens it: what opens it is set out for. */
    struct cause cause = {0};
    struct tally *tally = goal.way ? &goal.way->tally : &goal.lapse->tally;
    tally->aims++;
    if (!causes_opening(plan.procedure, engine->def->name, &cause)) {
        tally->misses++;
        return true;
    }
    goal = (struct goal){.way = cause.way};
    plan_make(&plan, cause.way->procedure, &goal, calm);
    life = nearest(&plan, &goal);
    if (life || plan.moves[PLAN_FRESH][0].cost < PLAN_NEVER) {
        set_out(errand, &goal, life, &plan);
        errand->cause = cause;
    }
    return true;
}

/* ---- one visit ---- */

/* Wait until its clock has run so far. */
static void wait_for(struct errand *errand, const Cases__Case *kase, const Manual__Clock *clock) {
    const Cases__CaseClock *now = engine_clock(kase, clock->name);

    if (!now || now->ended_ms != 0) {
        errand->refusals++;
        return;
    }
    const int64_t length = now->due_ms - now->started_ms > hour ? now->due_ms - now->started_ms
                                                                : hour;
    int64_t wake_ms = now->due_ms > engine->now_ms ? now->due_ms : now->due_ms + length;
    if (wake_ms <= engine->now_ms) {
        wake_ms = engine->now_ms + length / 2;
    }
    wake_ms += below(4) == 0 && !errand->goal.lapse ? 0 : second;
    if (wake_ms > engine->now_ms + (calm ? CALM_DAYS : DAYS) * day) {
        errand->tally->far = !errand->tally->near;
        errand->refusals = REFUSALS_MAX;
        return;
    }
    errand->wake_ms = wake_ms;
}

/* What it may do where it stands, as far as it is wanting. */
static const Cases__Case *stay(const struct errand *errand, const Cases__Case *kase) {
    const Manual__Clock *clock = errand->plan.clock;
    const struct wish wish = {0};
    struct way *ways[WAYS_OUT_MAX];
    const size_t count = coverage_ways(errand->life->procedure, kase->state, WAYS_OUT_MAX, ways);
    const size_t from = count > 0 ? below(count) : 0;
    size_t done = 0;

    for (size_t i = 0; i < count && done < STAYING_AT_ONCE; i++) {
        struct way *way = ways[(from + i) % count];
        if (!text_eq(way->to, way->from) || !way->people || coverage_wanting(&way->tally) <= 0
            || way->tally.excuse || !text_eq(kase->state, way->from) || (calm && way->rings)
            || (clock && plan_touches(clock, way->event))
            || (way->tried > TRIED_ENOUGH
                && below(1 + (size_t)(way->tried / (20 * (way->done + 1)))) != 0)) {
            continue;
        }
        const Cases__Case *then = acting_fire(kase, errand->life, way, &wish);
        if (!then && text_eq(engine->reply->rule, "event_not_yours")) {
            (void)acting_appoint(kase, errand->life, way);
        }
        kase = then ? then : kase;
        done++;
    }
    return kase;
}

/* Another case has to do something first. */
static void send(struct errand *errand, const struct cause *cause) {
    struct errand *other = free_errand();
    const struct goal goal = {.way = cause->way};
    struct plan plan;

    plan_make(&plan, cause->way->procedure, &goal, calm);
    if (!other || cost_from(&plan, cause->life) >= PLAN_NEVER) {
        errand->refusals++;
        return;
    }
    for (size_t i = 0; i < sizeof errands / sizeof errands[0]; i++) {
        if (errands[i].used && errands[i].life == cause->life) {
            if (&errands[i] == errand || errands[i].waits_for) {
                errand->refusals++;
                return;
            }
            end_errand(&errands[i]);
        }
    }
    set_out(other, &goal, cause->life, &plan);
    other->cause = *cause;
    other->asker = errand;
    errand->waits_for = other;
}

static void cause(struct errand *errand, const Cases__Case *kase, struct way *way) {
    struct cause cause = {0};
    const Cases__CaseClock *clock = way->timed ? engine_clock(kase, way->timed->name) : NULL;

    if (clock && clock->ended_ms == 0 && text_eq(clock->result, "running") && below(4) != 0) {
        wait_for(errand, kase, way->timed);
        return;
    }
    if (!causes_find(way, errand->life, &cause)) {
        errand->refusals++;
        return;
    }
    if (cause.life != errand->life) {
        send(errand, &cause);
        return;
    }
    const struct wish wish = {
        .step = cause.step, .op = cause.op, .next = way->steps[0], .plain = true};
    if (!acting_fire(kase, errand->life, cause.way, &wish)) {
        errand->refusals++;
        (void)acting_appoint(kase, errand->life, cause.way);
    }
}

/* It does not hold yet: what its condition counts has to happen first. */
static void prepare(struct errand *errand, const struct way *way) {
    if (errand->before.left == 0 && causes_needed(way, &errand->before)) {
        const struct goal goal = {.event = errand->before.event};
        plan_make(&errand->before_plan, way->procedure, &goal, calm);
    }
}

static void fire(struct errand *errand, const Cases__Case *kase, struct way *way) {
    const Manual__Clock *clock = errand->plan.clock;
    const bool last = errand->goal.way == way;
    const struct wish wish = {
        .step = last ? errand->cause.step : NULL,
        .op = last ? errand->cause.op : NULL,
        .clock = clock && (plan_starts(clock, way) || below(3) == 0) ? clock : NULL,
        .plain = below(8) != 0,
    };
    if (acting_fire(kase, errand->life, way, &wish)) {
        if (errand->before.left > 0 && text_eq(way->event, errand->before.event)) {
            errand->before.left--;
            if (errand->before.left > 0 && errand->before.days > 1) { /* not all on one day */
                errand->before.days--;
                errand->wake_ms = engine->now_ms + day - (engine->now_ms + 8 * hour) % day + second;
            }
        }
        return;
    }
    errand->refusals++;
    if (text_eq(engine->reply->rule, "event_not_yours")) {
        (void)acting_appoint(kase, errand->life, way);
    } else if (text_eq(engine->reply->rule, "event_not_now")) {
        prepare(errand, way);
    }
}

/* What stands still goes on. */
static bool resume(struct errand *errand, const Cases__Case *kase) {
    struct way *ways[WAYS_OUT_MAX];
    const size_t count = coverage_ways(errand->life->procedure, kase->state, WAYS_OUT_MAX, ways);

    for (size_t i = 0; i < count; i++) {
        if (ways[i]->to_place == STATES_MAX && ways[i]->people) {
            fire(errand, kase, ways[i]);
            return true;
        }
    }
    return false;
}

static void begin(struct errand *errand) {
    struct way *way = errand->plan.moves[PLAN_FRESH][0].way;
    const Manual__Clock *clock = errand->plan.clock;
    size_t before = 0, count = 0;
    const struct way *last = errand->goal.way;
    const struct wish wish = {
        .clock = clock && (plan_starts(clock, way) || below(3) != 0) ? clock : NULL,
        .next = last && last->step_count > 0 && (no_unit(&errand->goal) || below(3) == 0)
                    ? last->steps[0]
                    : NULL,
        .plain = below(8) != 0,
    };

    (void)lives_all(&before);
    if (!acting_open(way, &wish)) {
        errand->refusals++;
        return;
    }
    struct life *all = lives_all(&count);
    for (size_t i = before; i < count && !errand->life; i++) {
        if (all[i].procedure == errand->plan.procedure) {
            errand->life = &all[i];
            all[i].busy = true;
        }
    }
}

static void visit(struct errand *errand) {
    if (errand->tally->times > errand->times || errand->refusals >= REFUSALS_MAX
        || errand->steps++ > STEPS_MAX) {
        end_errand(errand);
        return;
    }
    if (!errand->life) {
        begin(errand);
        return;
    }
    const Cases__Case *kase = stay(errand, engine_get(engine, errand->life->number));
    const struct plan *plan = errand->before.left > 0 ? &errand->before_plan : &errand->plan;
    const struct move *move = &plan->moves[errand->life->state][phase_of(plan, errand->life)];
    if (errand->tally->times > errand->times || errand->life->state >= STATES_MAX) {
        end_errand(errand);
    } else if (move->cost >= PLAN_NEVER) {
        if (!resume(errand, kase)) {
            end_errand(errand);
        }
    } else if (!move->way) {
        wait_for(errand, kase, plan->clock);
    } else if (move->way->people && (!(move->way->timed || move->way->caused) || below(3) != 0)) {
        fire(errand, kase, move->way);
    } else {
        cause(errand, kase, move->way);
    }
}

/* ---- the world ---- */

/* Whatever, in any case. */
static void act_at_random(void) {
    size_t count = 0;
    const struct wish wish = {0};
    struct way *ways[WAYS_OUT_MAX];
    struct life *all = lives_all(&count);

    if (count == 0) {
        return;
    }
    const struct life *life = &all[below(count)];
    if (life->busy) {
        return; /* it would be led astray */
    }
    const Cases__Case *kase = engine_get(engine, life->number);
    const size_t out = coverage_ways(life->procedure, kase->state, WAYS_OUT_MAX, ways);
    struct way *way = out > 0 ? ways[below(out)] : NULL;
    if (way && way->step_count > 0 && !(calm && way->rings)) {
        (void)acting_fire(kase, life, way, &wish);
    }
}

/* To the next errand that waits. */
static bool let_time_pass(void) {
    int64_t wake_ms = INT64_MAX;

    for (size_t i = 0; i < sizeof errands / sizeof errands[0]; i++) {
        if (errands[i].used && !errands[i].waits_for && errands[i].wake_ms < wake_ms) {
            wake_ms = errands[i].wake_ms;
        }
    }
    if (wake_ms == INT64_MAX) {
        return false;
    }
    histories_advance(wake_ms);
    return true;
}

bool errands_step(bool more) {
    const size_t all = sizeof errands / sizeof errands[0];
    size_t used = 0;

    for (size_t i = 0; i < all; i++) {
        used += errands[i].used;
    }
    for (int i = 0; more && used < ERRANDS && i < CHOICES; i++) {
        if (!assign(free_errand())) {
            break;
        }
        used++;
    }
    if (more && below(12) == 0) {
        act_at_random();
        return true;
    }
    for (size_t i = 0, from = below(all); i < all; i++) {
        struct errand *errand = &errands[(from + i) % all];
        if (errand->used && !errand->waits_for && errand->wake_ms <= engine->now_ms) {
            visit(errand);
            return true;
        }
    }
    return let_time_pass();
}
