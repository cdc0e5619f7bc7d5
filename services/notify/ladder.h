/*
 * ladder - a page climbs: step by step to more people, until one answers.
 *
 * One timer row for each open page: its next step.  Steps that fell due together
 * (a stop, a late entry, the night before desk opening) are recorded one by one,
 * but a person gets one page, naming the highest.  A step for which nobody can be
 * reached makes the next one run at once.
 */
#ifndef LADDER_H
#define LADDER_H

#include "core/timer.h"
#include "manual/manual.h"
#include "pages.h"

enum ladder_outcome { LADDER_OPENED, LADDER_REPEAT, LADDER_STOPPED };

/*
 * ladder_ask - what a rule asks for: open a page, or end pages.  LADDER_REPEAT: this
 * cause and rule were here before, nothing was done.
 */
int ladder_ask(struct call *call, const struct route_page *ask, const struct page_cause *cause,
               const char *case_no, int64_t event_ms, uint32_t revision,
               enum ladder_outcome *outcome, struct err *err);

/* ladder_next - the next step now: a person refused, or could not be reached. */
int ladder_next(struct call *call, struct page *page, struct err *err);

/* ladder_failed - a record was given up: when the whole step was, the next one runs now. */
int ladder_failed(struct call *call, int64_t page, struct err *err);

/* ladder_close - the page ends: nothing more is sent. */
int ladder_close(struct call *call, struct page *page, const char *state, const char *by,
                 struct err *err);

/* ladder_rung - what the manual says of a step; NULL: nothing (lives as long as the manual). */
int ladder_rung(struct call *call, const struct page *page, int64_t step, const Manual__Rung **rung,
                struct err *err);

/* ladder_event - tell what happened with a page (and one record of it, or NULL). */
int ladder_event(struct call *call, const char *topic, const struct page *page,
                 const struct page_record *record, const char *fire, const char *why,
                 struct err *err);

/* ladder_resume - a restored page goes on from this step at its time. */
int ladder_resume(struct call *call, struct page *page, int64_t step, struct err *err);

due_fn ladder_on_rung; /* timer "rung", ref: reference of the page */

#endif
