/*
 * plan - how to get from where a case stands to something that is wanting: the cheapest
 * acts over the states of its procedure, together with one of its clocks.
 */
#ifndef PLAN_H
#define PLAN_H

#include "coverage.h"

/* Of the clock that a plan is about. */
enum phase { PHASE_STILL, PHASE_RUNS, PHASE_OVER, PHASES };
enum { PLAN_FRESH = STATES_MAX, PLAN_PLACES }; /* not opened yet */

/* What is wanted: a way, any way of an event, or a result or mark of a clock. */
struct goal {
    struct way *way;
    const char *event;
    struct lapse *lapse;
};

struct move {
    struct way *way; /* NULL: wait for the clock */
    double cost;     /* from here to the goal */
};

struct plan {
    const Manual__Procedure *procedure;
    const Manual__Clock *clock;
    size_t place; /* of the clock, among the clocks */
    bool calm;    /* without clocks that fall due every hour or so */
    struct move moves[PLAN_PLACES][PHASES];
};

enum { PLAN_NEVER = 1000 };

void plan_make(struct plan *plan, const Manual__Procedure *procedure, const struct goal *goal,
               bool calm);

/* plan_caused - the first way on it that another act has to cause; NULL: none. */
const struct way *plan_caused(const struct plan *plan, size_t state, enum phase phase);

/* plan_never - is there no way at all in the machine to this result or mark, whoever acts and
 * whatever the steps ask about? */
bool plan_never(const struct lapse *lapse);

/* plan_touches - does this event meet the clock, begin it, or end its round? */
bool plan_touches(const Manual__Clock *clock, const char *event);
bool plan_starts(const Manual__Clock *clock, const struct way *way);

#endif
