/*
 * months - a month is closed at desk closing of its third working day after: its
 * figures are copied, and the copy stays.
 */
#ifndef REPORTS_MONTHS_H
#define REPORTS_MONTHS_H

#include "core/core.h"
#include "core/timer.h"
#include "manual/manual.h"

#define MONTHS_TIMER "freeze"
#define MONTHS_TOPIC "month.frozen"

/* months_plan - the timer of the next month that is to be closed, if there is none. */
int months_plan(struct call *call, const struct manual *manual, struct err *err);

/* months_due - close the month. */
due_fn months_due;

/* months_apply - takes in "month.frozen": of this service when figures are made anew, of an
 * earlier store of this service when this one is new. */
int months_apply(struct call *call, const Wire__Event *event, struct err *err);

#endif
