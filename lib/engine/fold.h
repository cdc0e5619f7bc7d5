/*
 * fold - what an event does to the tables.  The only code that changes a case: a
 * request puts an event and applies it here; a restored store applies its own
 * later events here, with the same result.
 *
 * The fields of an event of a case stand in a fixed order, so that a form may have
 * fields of the same names:
 *   <procedure>.open   procedure, state, unit, parent, opener, estate, matter, counts_as,
 *                      late_entry — then the form's
 *   <procedure>.<any>  from, state, round, contacts, trips, ended, matter — then the form's; one
 *                      without a value was cleared
 */
#ifndef FOLD_H
#define FOLD_H

#include "engine/kase.h"

enum { FOLD_OPEN_HEAD = 9, FOLD_STEP_HEAD = 7 };

/* fold_apply - apply an event to its case in memory, and to the tables beside. */
int fold_apply(struct call *call, struct kase *kase, const Wire__Event *event, struct err *err);

/* fold_event - service_def.fold of every service that has cases. */
handler_fn fold_event;

#endif
