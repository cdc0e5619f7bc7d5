/*
 * evaluate - which figures a case counts in, and as what: the manual's kpis over what
 * is known of the case, its clocks and its events.
 */
#ifndef REPORTS_EVALUATE_H
#define REPORTS_EVALUATE_H

#include "manual/manual.h"
#include "services/reports/count.h"
#include "services/reports/known.h"

/* evaluate_case - count the case anew. */
int evaluate_case(struct call *call, const struct manual *manual, const struct known *known,
                  struct cause *cause, struct err *err);

/* evaluate_asks_children - does a figure of this procedure depend on the case's children? */
bool evaluate_asks_children(const struct manual *manual, const char *procedure);

/* evaluate_asks_earlier - does a figure of this procedure depend on whether there was an
 * earlier case of that one? */
bool evaluate_asks_earlier(const Manual__Procedure *procedure, const char *earlier);

#endif
