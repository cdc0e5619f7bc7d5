/*
 * restore - a store put back from a backup takes its own later events in again.
 *
 * Pages, steps, records and answers come back as they were.  What was on its way when
 * the store was lost is not in the events: it is sent again, as a repeat.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include "core/core.h"

handler_fn restore_fold;

#endif
