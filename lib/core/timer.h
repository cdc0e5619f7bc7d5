/*
 * timer - a timer is a row, indexed by its time; nothing that matters waits in
 * memory.  Due ones are run by core_step in the order of (due, id), each in a
 * savepoint of its own, with call->now_ms at or after the time: the handler
 * records the step at `due_ms`.  One that is set for a time before now (a clock
 * that is entered late) fires before the next request of the group.
 */
#ifndef TIMER_H
#define TIMER_H

#include "core/core.h"

enum { TIMER_AGAIN_MS = 60000 }; /* of the house's own recurring timers */

struct due {
    int64_t id;
    const char *kind;
    const char *ref;  /* whose: a case number, a page number */
    const char *name; /* which of them: a clock's name */
    int64_t mark;     /* the kind's own number: which mark of the clock, which rung */
    int64_t due_ms;
};

/* timer_set - one row per (kind, ref, name): set it, or move it. */
int timer_set(struct call *call, const char *kind, const char *ref, const char *name, int64_t mark,
              int64_t due_ms, struct err *err);

/* timer_clear - remove it.  None there is fine. */
int timer_clear(struct call *call, const char *kind, const char *ref, const char *name,
                struct err *err);

/* timer_clear_all - remove all timers of a kind and ref. */
int timer_clear_all(struct call *call, const char *kind, const char *ref, struct err *err);

/*
 * job_put - carry out work outside, from `due_ms` on (0: at once), after the
 * commit.  Returns the id of the job, or -1.
 */
int64_t job_put(struct call *call, const char *kind, const char *ref, struct bytes input,
                int64_t due_ms, struct err *err);

/*
 * job_drop - forget a job, by the id that job_put gave.  One that a worker has
 * begun ends with no effect here; after a restart it neither runs again nor is lost.
 */
int job_drop(struct call *call, int64_t id, struct err *err);

/* job_cancel - forget it if no worker has begun it.  1: it never ran.  0: too late. */
int job_cancel(struct call *call, int64_t id, struct err *err);

/* A job of a kind that runs once at most, of which nobody knows whether it ran. */
struct lost_job {
    int64_t id;
    const char *ref;
};

/*
 * job_lost - after a restart, the lost jobs of a kind with higher ids than `after`, in
 * their order; they stay until they are dropped.  How many (at most `max`), or -1.
 */
int job_lost(struct call *call, const char *kind, int64_t after, size_t max, struct lost_job *jobs,
             struct err *err);

#endif
