/*
 * coverage - what histories have done so far, of all that the manual lets happen: every
 * way of every event from state to state, every mark and every result of every clock.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "core/event.h"
#include "manual/manual.h"

enum { WAY_STEPS_MAX = 8, WAY_NAME_SIZE = 40, STATES_MAX = 40, PROCEDURES_MAX = 32 };

/* How often one thing was met, and how often it was set out for. */
struct tally {
    int64_t times, goal, aims, misses;
    bool far;           /* too long a wait for a world of days */
    bool near;          /* not to be met in a world of weeks */
    const char *excuse; /* why it cannot be met */
};

/* One event of a procedure from one state to another; several steps may do it. */
struct way {
    const Manual__Procedure *procedure;
    const Manual__Step *steps[WAY_STEPS_MAX]; /* none: the procedure is opened */
    size_t step_count;
    const char *event, *from, *to; /* to "@before": where it was */
    size_t from_place, to_place;   /* among the states; STATES_MAX: none */
    bool people;                   /* not only for the system to take */
    const Manual__Clock *timed;    /* this clock fires it */
    bool caused;                   /* another act fires it */
    bool rings;                    /* starts a clock that falls due again and again, and often */
    struct tally tally;
    int64_t tried, done;
    char refused[WAY_NAME_SIZE]; /* why, the last time */
};

/* One result, or mark, of a clock. */
struct lapse {
    const Manual__Procedure *procedure;
    const Manual__Clock *clock;
    char what[12]; /* met late stopped overdue 70 100 150 200 */
    struct tally tally;
};

void coverage_start(const struct manual *manual, int64_t goal);

/* coverage_event - count an event of a case. */
void coverage_event(const Wire__Event *event);

/* All of them; those of one procedure stand together. */
struct way *coverage_all_ways(size_t *count);
struct lapse *coverage_all_lapses(size_t *count);

/* coverage_ways - the ways of a procedure; out of one state if `from`. */
size_t coverage_ways(const Manual__Procedure *procedure, const char *from, size_t max,
                     struct way **ways);

/* coverage_way - the way that an event took; to anywhere if `to` is NULL. */
struct way *coverage_way(const Manual__Procedure *procedure, const char *event, const char *from,
                         const char *to);
size_t coverage_state(const Manual__Procedure *procedure, const char *state);
bool coverage_is_end(const Manual__Procedure *procedure, const char *state);

double coverage_chance(const struct way *way);      /* that it is carried out when tried */
double coverage_wanting(const struct tally *tally); /* 1: not met yet; 0: often enough */

/* What cannot be met, and why. */
struct unreachable {
    const char *name, *why;
    bool proved; /* by the machine alone */
};

/* coverage_excuse - each must be the name of something that is counted. */
void coverage_excuse(const struct unreachable *list, size_t count);

/* coverage_lapse - of this name; NULL: no clock has it. */
const struct lapse *coverage_lapse(const char *name);

/* coverage_report - how many are short of their goal.  Printed: what is short, what is
 * excused but was met, and the least met; or all of it. */
size_t coverage_report(bool all);
size_t coverage_excused_but_met(void);
size_t coverage_short(void);

/* coverage_wants_world - is something short that such a world of this service can meet? */
bool coverage_wants_world(const char *service, bool calm);

#endif
