/*
 * prune - old events leave the log, when the bus is told to keep only so many days.
 *
 * keep_days 0, the default, keeps everything: then a new consumer, one whose patterns
 * have changed and a store from an old backup all find what they need.  With keep_days
 * (30 at least) a timer looks once a day and removes, in slices of LOG_EVENTS_MAX, what
 * was appended longer ago; but not
 *
 *   - what a known consumer has not taken yet (one who has not been seen for
 *     CONSUMER_DAYS is forgotten, with a line in the log),
 *   - what waits for a manual to be routed,
 *   - the last event of a lane, from which positions go on.
 *
 * Heads, epochs and positions stay as they are: gaps are still refused, repeats still
 * known.  Whoever asks for what was removed is refused with "log_pruned", never given
 * what comes after the hole.
 */
#ifndef BUS_PRUNE_H
#define BUS_PRUNE_H

#include "core/core.h"
#include "core/timer.h"

#define PRUNE_TIMER "prune"

int prune_start(struct call *call, struct err *err);
int prune_due(struct call *call, const struct due *due, struct err *err);

#endif
