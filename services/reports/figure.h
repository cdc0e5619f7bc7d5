/*
 * figure - one figure of a period, as people see it.
 */
#ifndef REPORTS_FIGURE_H
#define REPORTS_FIGURE_H

#include "core/core.h"
#include "manual/manual.h"
#include "services/reports/period.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum { FIGURE_FEW = 10, FIGURE_ADJUSTMENTS_MAX = 24, FIGURE_PERIODS_MAX = 32 };

/* What was counted, still whole. */
struct ratio {
    int64_t num, den;
    int64_t scale; /* the value is num * scale / den: 1, or the days over which den adds up */
};

/* figure_shown - "99.2 %": one decimal, half up; "—" when there is nothing to divide by. */
const char *figure_shown(const struct ratio *ratio, bool per_mille, struct arena *arena);

/* figure_met - compared as it is, not as it is shown. */
bool figure_met(const struct ratio *ratio, const Manual__Kpi *kpi);

/* figure_find - the kpi of a name; NULL with err set (ERR_NOT_FOUND, "kpi_unknown"). */
const Manual__Kpi *figure_find(const struct manual *manual, const char *name, struct err *err);

/* figure_make - a period's figure; of a closed month the copy. */
int figure_make(struct call *call, const struct manual *manual, const Manual__Kpi *kpi,
                const struct period *period, const char *estate, Reports__Figure *figure,
                struct err *err);

/* figure_describe - name, target and the rest that is the manual's. */
void figure_describe(const struct call *call, const Manual__Kpi *kpi, const char *estate,
                     Reports__Figure *figure);

/* figure_households - what stands in the denominators of figures per household. */
int figure_households(struct call *call, const struct manual *manual, const struct period *periods,
                      size_t count, struct ratio *ratios, struct err *err);

/* figure_put - what was counted, and how it is shown. */
void figure_put(const struct call *call, const Manual__Kpi *kpi, const struct ratio *ratio,
                Reports__Figure *figure);

#endif
