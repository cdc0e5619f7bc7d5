/*
 * condition - `when`: a list of which one must hold, each a map of which all must.
 * The same for steps, clocks, limits, routes and KPIs.
 */
#ifndef CONDITION_H
#define CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manual/manual.h"
#include "shouwen/wire/v1/wire.pb-c.h"

/* What a condition asks about: the value of a subject, or NULL when it has none. */
typedef const Wire__Value *subject_fn(void *arg, const char *subject);

struct subjects {
    subject_fn *find;
    void *arg;
    const char *actor; /* for "$actor" */
    int64_t now_ms;
    const struct manual *manual; /* for limits that are parameters */
};

/* condition_holds - true for an empty list. */
bool condition_holds(Manual__Any *const *any, size_t count, const struct subjects *subjects);

/* condition_term - one term. */
bool condition_term(const Manual__Term *term, const struct subjects *subjects);

#endif
