/* import_roster - the roster's half of host/import.h: a month at a time, as patrol takes them. */
#ifndef IMPORT_ROSTER_H
#define IMPORT_ROSTER_H

#include "host/import.h"

/*
 * All rows are looked at before the first comes in, so that a file with a bad row changes
 * nothing.  A person whom registry knows and patrol does not yet is waited for, briefly; then
 * the whole is refused as roster_staff_behind (ERR_UNAVAILABLE: try again).
 */
int import_roster(const struct import_link *link, struct bytes file, struct import_result *result,
                  struct arena *arena, struct err *err);

#endif
