/*
 * routing - escalations become page requests, in the transaction that takes them
 * into the log.  The rules are the manual's (lib/engine/route.h); what they make
 * are the bus's own events, and they go into the log with the rest.
 *
 * Without a manual in force nothing can be routed.  What came before it waits,
 * and is routed in slices as soon as there is one (a log that is filled again
 * by its sources may well see escalations before the manual).
 */
#ifndef BUS_ROUTING_H
#define BUS_ROUTING_H

#include "core/core.h"
#include "core/timer.h"
#include "services/bus/log.h"

/*
 * routing_take - what has just been appended to a lane is looked at: the manual
 * of "manual.published" is taken in, and what a rule fires on is routed.
 * Sets *told when the bus has made events of its own, which are in the log then.
 */
int routing_take(struct call *call, const struct log *log, Wire__Lane lane,
                 const struct log_entry *entries, size_t count, bool *told, struct err *err);

/* routing_own - the bus's own events that are not in the log yet go into it. */
int routing_own(struct call *call, const struct log *log, bool *told, struct err *err);

/* routing_again - what stands behind a position of a lane is routed (again), in slices. */
int routing_again(struct call *call, Wire__Lane lane, uint64_t after, struct err *err);

/* routing_due - the timer that works off what waited for a manual. */
int routing_due(struct call *call, const struct due *due, struct err *err);

#define ROUTING_TIMER "route"

#endif
