/*
 * auditor - looks for pages that should have gone out and have not, and for its own
 * life: the heartbeat.
 *
 * It asks the tables of pages, not the timers and jobs that should have done it.  It
 * runs shortly after the next thing expected, and every few minutes anyway.
 */
#ifndef AUDITOR_H
#define AUDITOR_H

#include "core/timer.h"

enum {
    AUDITOR_GRACE_MS = 5 * 1000, /* so late a page may be */
    AUDITOR_BEAT_MS = 5 * 60 * 1000,
};

/* auditor_expect - something is due then: look soon after. */
int auditor_expect(struct call *call, int64_t due_ms, struct err *err);

/* auditor_start - from the start hook. */
int auditor_start(struct call *call, struct err *err);

due_fn auditor_on_look;      /* timer "audit" */
job_done_fn auditor_on_beat; /* job "beat" */

#endif
