/*
 * reports - figures from the events of all services, and the cases behind every
 * figure (README.md).
 */
#ifndef REPORTS_H
#define REPORTS_H

#include "core/core.h"
#include "shouwen/reports/v1/reports.pb-c.h"

extern const struct service_def reports_def;
extern const struct migration reports_schema[];

/* reports_period - of a request; ERR_INVALID "period_wrong". */
struct period;
int reports_period(const char *text, struct period *period, struct err *err);

/* Methods (ask.c). */
handler_fn reports_get_kpi, reports_list_kpis, reports_list_items, reports_query_events;
handler_fn reports_dashboard; /* dashboard.c */

/* reports_progress - how complete the figures are. */

int reports_progress(struct call *call, Reports__Progress **progress, struct err *err);

#endif
