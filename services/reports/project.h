/*
 * project - from events to figures: what is done with each event, and the two kinds of
 * work in slices: everything anew from the journal (rebuild), and every case counted
 * anew by another manual (recount).
 */
#ifndef REPORTS_PROJECT_H
#define REPORTS_PROJECT_H

#include "core/core.h"
#include "core/timer.h"

#define PROJECT_REBUILD "rebuild"
#define PROJECT_RECOUNT "recount"
#define PROJECT_DRAIN "drain"

enum { PROJECT_SLICE = 128 };

/* The subscriptions: each event of both lanes; and the manual. */
handler_fn project_event, project_manual, project_start;

/* An event of this very store after a restore: the months that it closed. */
handler_fn project_own;

/* The timers. */
due_fn project_rebuild_due, project_recount_due, project_drain_due;

/* project_rebuild - begin to make everything anew.  *events: how many there are. */
int project_rebuild(struct call *call, uint64_t *events, struct err *err);

/* project_busy - 1: figures are being made anew; 0; -1. */
int project_busy(struct call *call, struct err *err);

struct project_state {
    bool rebuilding, recounting;
    int64_t done, of; /* journal rows of a rebuild */
};
int project_state(struct call *call, struct project_state *state, struct err *err);

#endif
