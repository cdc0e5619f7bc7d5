/*
 * household - how many units have which status, over time: the denominator of what is
 * counted per 1,000 moved-in households.  Which statuses are "moved in" says the
 * parameter kpi.moved_in.
 */
#ifndef REPORTS_HOUSEHOLD_H
#define REPORTS_HOUSEHOLD_H

#include "core/core.h"
#include "manual/manual.h"

#define HOUSEHOLD_PARAMETER "kpi.moved_in"

/* household_apply - takes in "unit.changed"; days are of UTC here, as a manual may come later. */
int household_apply(struct call *call, const Wire__Event *event, struct err *err);

/* Days, and the sum over them of the moved-in households of each. */
struct household_days {
    int64_t first, end;
    int64_t sum;
};

/* household_count - fills in the sums; one walk for all of them. */
int household_count(struct call *call, const struct manual *manual, struct household_days *days,
                    size_t count, struct err *err);

#endif
