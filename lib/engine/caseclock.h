/*
 * caseclock - the clocks of a case: started, held, met, warned of, over.
 *
 * A running clock is a part of its case's row and one timer row, which stands at its
 * next mark: 70 % (warned), 100 % (due, and its event is fired), 150 % but at least
 * half an hour past the limit, 200 % but at least an hour past (over).  At the limit
 * is in time.
 */
#ifndef CASECLOCK_H
#define CASECLOCK_H

#include "core/timer.h"
#include "engine/work.h"

enum {
    CASECLOCK_WARNED = 70,
    CASECLOCK_DUE = 100,
    CASECLOCK_OVER = 150,
    CASECLOCK_OVER_TWICE = 200,
};

/* One act of a case, as its clocks see it. */
struct passed {
    const char *events[2]; /* its name, and what it counts as; "" none */
    int64_t at_ms;
    bool ended; /* the case ended by it */
};

/* caseclock_passed - meet, stop, start, restart, hold and let go clocks after an act. */
int caseclock_passed(struct work *work, struct kase *kase, const struct passed *passed,
                     struct err *err);

/* caseclock_due - the timer kind "clock". */
due_fn caseclock_due;

/* caseclock_apply - what clock.* events do to the case and its timer. */
int caseclock_apply(struct call *call, struct kase *kase, const Wire__Event *event,
                    struct err *err);

/* caseclock_result - running overdue met late paused stopped */
const char *caseclock_result(const Engine__Running *clock);

#endif
