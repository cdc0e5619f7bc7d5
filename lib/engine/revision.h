/*
 * revision - the manual in a service's store: takes in "manual.published", keeps
 * the loaded revisions (service state), sets the core's texts and permissions.
 */
#ifndef REVISION_H
#define REVISION_H

#include "core/core.h"
#include "manual/manual.h"

/* revision_current - the manual in force; NULL with err set (ERR_UNAVAILABLE, "no_manual"). */
const struct manual *revision_current(struct call *call, struct err *err);

/* revision_of - that of an older case. */
const struct manual *revision_of(struct call *call, uint32_t revision, struct err *err);

/* A subscription; and the start hook: loads what is in force into the core. */
handler_fn revision_on_published, revision_start;

#define REVISION_SUBSCRIPTION                                                                      \
    {"manual", "manual.published", WIRE__LANE__NORMAL, revision_on_published}

extern const struct migration revision_schema[];

#endif
