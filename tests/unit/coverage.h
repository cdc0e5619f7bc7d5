/*
 * coverage - what histories have done so far, of all that the manual lets happen: every
 * way of every event from state to state, every mark and every result of every clock.
 * From what is still wanting it says what each state and each way is worth.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "core/event.h"
#include "manual/manual.h"

enum { WAY_STEPS_MAX = 8, WAY_NAME_SIZE = 40 };

/* One event of a procedure from one state to another; several steps may do it. */
struct way {
    const Manual__Procedure *procedure;
    const Manual__Step *steps[WAY_STEPS_MAX]; /* none: the procedure is opened */
    size_t step_count;
    const char *event, *from, *to; /* to "@before": where it was */
    bool people;                   /* not only for the system to take */
    bool timed;                    /* a clock fires it */
    int64_t times, tried, done;
    double gain;
    char refused[WAY_NAME_SIZE]; /* why, the last time */
};

/* One result, or mark, of a clock. */
struct lapse {
    const Manual__Procedure *procedure;
    const Manual__Clock *clock;
    char what[12]; /* met late stopped overdue 70 100 150 200 */
    int64_t times;
};

void coverage_start(const struct manual *manual, int64_t goal);

/* coverage_event - count an event of a case. */
void coverage_event(const Wire__Event *event);

/* coverage_value - make anew what is worth what. */
void coverage_value(void);

/* coverage_ways - the ways of a procedure; out of one state if `from`. */
size_t coverage_ways(const Manual__Procedure *procedure, const char *from, size_t max,
                     struct way **ways);
double coverage_worth(const Manual__Procedure *procedure, const char *state);
double coverage_lack(const Manual__Procedure *procedure); /* of all its ways together */
double coverage_chance(const struct way *way);            /* that it is carried out when tried */
double coverage_score(const struct way *way);             /* of trying it now */
bool coverage_wanting(const struct way *way);

/* coverage_wants - how much of this clock's result or mark is wanting: 0 to 1. */
double coverage_wants(const char *procedure, const char *clock, const char *what);

/* What cannot be reached here, and why; a name ending in "*" stands for all that begin so. */
struct unreachable {
    const char *name, *why;
};

/* coverage_report - the table, least first.  How many are short of the goal that need not be. */
size_t coverage_report(const struct unreachable *list, size_t count, bool all);
bool coverage_complete(const struct unreachable *list, size_t count);

#endif
