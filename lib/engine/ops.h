/*
 * ops - the operations of a step: open, fire, page, tell, hold, release, each.
 * (row is a part of the step's own event: given_row.)
 */
#ifndef OPS_H
#define OPS_H

#include "core/timer.h"
#include "engine/act.h"
#include "engine/given.h"

enum { OPS_SLICE = 32 }; /* things that one slice of `each` touches */

/* ops_do - carry them out, those whose condition holds. */
int ops_do(struct work *work, const struct moved *moved, struct err *err);

/* ops_tell_parent - a case has ended: its parent, here or elsewhere, hears of it. */
int ops_tell_parent(struct work *work, const struct moved *moved, struct err *err);

/* ops_child_ended - the same, of a child that another service keeps. */
int ops_child_ended(struct work *work, struct kase *parent, const Wire__Event *ended,
                    struct err *err);

/* ops_slice_due - the timer kind "each": the next slice of what concerns many. */
due_fn ops_slice_due;

#endif
