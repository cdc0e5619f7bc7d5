/*
 * roster - who has which post when.  A period comes in parts and is published whole:
 * its rows become events of one version, and the version before is dropped after them.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include "core/core.h"
#include "core/timer.h"

handler_fn roster_import, roster_list;

/* The timer kind "roster": the next slice of a version that is being published. */
due_fn roster_due;

/* After a restore: what roster.* events of this store do. */
handler_fn roster_fold;

#endif
