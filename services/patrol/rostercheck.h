/*
 * rostercheck - what is wrong with a row of a roster, and what would be right.
 *
 * Who works here patrol knows from registry's events only (engine/directory): it never waits
 * for registry.  Somebody whom registry has just entered may therefore be unknown here for a
 * moment; the row is refused all the same, the sentence says so, and to try again is safe.
 */
#ifndef ROSTERCHECK_H
#define ROSTERCHECK_H

#include "core/core.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"

/*
 * rostercheck_row - 0; or -1 with ERR_INVALID: the row as it stands cannot be taken in, and
 * *field is the column (other codes: it could not be looked at).  *staff gets the number of whom
 * the row names, by number or by a name that only one has.
 */
int rostercheck_row(struct call *call, const Patrol__ImportRosterRequest *request, size_t row,
                    const char **staff, const char **field, struct err *err);

/* rostercheck_all - every row that is wrong goes into the reply. */
int rostercheck_all(struct call *call, const Patrol__ImportRosterRequest *request,
                    Patrol__ImportRosterReply *reply, struct err *err);

#endif
