/*
 * count - items and their sums.  What a case contributes to the figures is replaced
 * as a whole; only what differs is written, and moves from one day to another.
 *
 * A change in a closed month is written down beside it, in the month in which it
 * became known.
 */
#ifndef REPORTS_COUNT_H
#define REPORTS_COUNT_H

#include "core/core.h"

enum { COUNT_ITEMS_MAX = 256 }; /* of one case */

struct item {
    const char *kpi;
    const char *part;
    int64_t at_ms;
    int64_t num, den;
};

/* On whose account: the event that is being taken in. */
struct cause {
    int64_t entered_ms;
    int offset_min;
    bool live;    /* corrections of closed months are told */
    bool recount; /* by another manual: what differs is no correction */
};

/* count_case - these are the items of the case now. */
int count_case(struct call *call, const char *case_no, const char *estate, const struct item *items,
               size_t count, const struct cause *cause, struct err *err);

/* count_tell - an event of this service's own, which is in the journal at once. */
int count_tell(struct call *call, Wire__Event *event, struct err *err);

/* count_restart - no items, no sums, no corrections; closed months are open again. */
int count_restart(struct call *call, struct err *err);

#endif
