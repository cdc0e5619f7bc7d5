/*
 * plan - the rounds of each day.  One timer, at the same hour of every day, opens the
 * day's rounds from the manual's plan; a round never comes from a call.
 */
#ifndef PLAN_H
#define PLAN_H

#include "core/core.h"
#include "core/timer.h"

/* plan_ensure - with a manual in force, the timer exists. */
int plan_ensure(struct call *call, struct err *err);

/* The timer kind "plan". */
due_fn plan_due;

/* After a restore: a day whose rounds were opened is not opened again. */
handler_fn plan_fold;

#endif
