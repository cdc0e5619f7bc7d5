/*
 * revision - the manual in a service's store: takes in "manual.published", keeps
 * the loaded revisions (service state), sets the core's texts and permissions.
 *
 * The loaded revisions live in the service's state.  A service with no other state
 * puts revision_state_new, _free and _reset into its service_def; one with more of
 * its own begins its struct with a `struct revisions` and calls revision_init,
 * revision_release and revision_forget on it.
 */
#ifndef REVISION_H
#define REVISION_H

#include "core/core.h"
#include "manual/manual.h"

enum { REVISIONS_LOADED_MAX = 16 }; /* different revisions that one request may need */

/* The beginning of the state of every service that has a manual. */
struct revisions {
    struct manual *loaded[REVISIONS_LOADED_MAX];
    uint64_t used[REVISIONS_LOADED_MAX];
    uint64_t uses;
    const struct manual *current;
    bool stale; /* look into the store which one is in force */
};

void revision_init(struct revisions *revisions);
void revision_release(struct revisions *revisions); /* frees the manuals, not the struct */
void revision_forget(struct revisions *revisions);  /* after a rollback */

/* The three of a service_def whose state is nothing else. */
void *revision_state_new(void);
void revision_state_free(void *state);
void revision_state_reset(void *state);

/* revision_current - the manual in force; NULL with err set (ERR_UNAVAILABLE, "no_manual"). */
const struct manual *revision_current(struct call *call, struct err *err);

/* revision_of - that of an older case. */
const struct manual *revision_of(struct call *call, uint32_t revision, struct err *err);

/* A subscription; and the start hook: loads what is in force into the core. */
handler_fn revision_on_published, revision_start;

#define REVISION_SUBSCRIPTION                                                                      \
    { "manual", "manual.published", WIRE__LANE__NORMAL, revision_on_published }

extern const struct migration revision_schema[];

#endif
