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

enum { COUNT_ITEMS_MAX = 128 }; /* of one case */

struct item {
    const char *kpi;
    const char *part;
    int64_t at_ms;
    int64_t num, den;
};

enum { COUNT_KEY_MAX = 64, COUNT_SUMS_MAX = 1024 };

/* Changes of sums that are written together, at the end of a slice. */
struct sums {
    struct sum {
        char kpi[COUNT_KEY_MAX];
        char estate[COUNT_KEY_MAX];
        int64_t day;
        int64_t num, den;
    } list[COUNT_SUMS_MAX];
    size_t count;
};

/* On whose account: the event that is being taken in. */
struct cause {
    int64_t entered_ms;
    int offset_min;
    bool live;    /* corrections of closed months are told */
    bool recount; /* by another manual: what differs is no correction */
    /* Events of this source up to this position have been applied; rows of the journal
     * after last_id have not come yet. */
    int64_t source;
    uint64_t applied;
    int64_t last_id;
    struct sums *sums; /* NULL: sums are written at once */
    /* The days of the month that was asked about last, and whether it is closed. */
    int64_t month_first, month_end;
    bool closed;
};

/* count_flush - write the sums. */
int count_flush(struct call *call, struct sums *sums, struct err *err);

/* count_case - these are the items of the case now. */
int count_case(struct call *call, const char *case_no, const char *estate, const struct item *items,
               size_t count, struct cause *cause, struct err *err);

/* count_tell - an event of this service's own, which is in the journal at once. */
int count_tell(struct call *call, Wire__Event *event, struct err *err);

/* count_restart - no items, no sums, no corrections; closed months are open again. */
int count_restart(struct call *call, struct err *err);

#endif
