/*
 * delivery - one record on its way through a channel.
 *
 *     planned → sending (committed before the first byte) → accepted
 *                 ↓ failed: the next channel, else again later, else given up
 *                 ↓ refused: the next channel, else given up
 *                 ↓ unknown: at any hour, at once again (重复) and the next channel too;
 *                            else again later
 *
 * A record is sent again only with the same reference; each time is counted.  What a
 * worker had when the process ended is unknown: its job never runs again, and until
 * that doubt is over nothing else is sent for the record, so that it is repeated once
 * at most.  What only waited for a worker is sent as if nothing had been.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "core/timer.h"
#include "pages.h"
#include "recipients.h"

/*
 * delivery_page - page a person for a step by the first of his channels that is open
 * (or of the rung's, if it names some); again, if he was paged for this step.
 * `merged`: record it only.  1: done.  0: no channel.  -1: err set.
 */
int delivery_page(struct call *call, struct page *page, const struct recipient *person,
                  int64_t step, int64_t due_ms, bool merged, struct err *err);

/* delivery_stop - the page has ended: what was planned is not sent. */
int delivery_stop(struct call *call, struct page_record *record, struct err *err);

/* delivery_rescue - the auditor found it late: another way, or the next step. */
int delivery_rescue(struct call *call, struct page_record *record, struct err *err);

/* delivery_doubt - after a restart: what a worker had is unknown. */
int delivery_doubt(struct call *call, struct err *err);

/* delivery_resume - of a restored page: the step ran, and nobody knows what came of this. */
int delivery_resume(struct call *call, const struct page *page, const char *staff, int64_t step,
                    int64_t due_ms, struct err *err);

/* delivery_link - the token that answers this record, and what is kept of it. */
void delivery_link(const struct call *call, const struct page_record *record,
                   uint8_t token[PAGES_LINK_SIZE]);
void delivery_link_hash(const uint8_t token[PAGES_LINK_SIZE], uint8_t hash[PAGES_LINK_SIZE]);

due_fn delivery_on_due, delivery_on_doubt; /* timers "send" and "doubt" */
job_done_fn delivery_on_result;            /* job "page" */

#endif
