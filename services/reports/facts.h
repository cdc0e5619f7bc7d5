/*
 * facts - what a condition of a figure can ask about an item: its clock or event, the
 * fields and words of its case, and the facts that its procedure derives.
 */
#ifndef REPORTS_FACTS_H
#define REPORTS_FACTS_H

#include "manual/manual.h"
#include "services/reports/count.h"
#include "services/reports/known.h"

struct seen {
    struct call *call;
    const struct manual *manual;
    const struct known *known;
    const struct known_clock *clock; /* or NULL */
    const Wire__Event *event;        /* or NULL */
    int64_t entered_ms;
    const struct cause *cause;
    bool plain;  /* of a child: its facts are not asked */
    bool failed; /* err is set */
    struct err *err;
};

/* facts_find - a subject_fn (manual/condition.h); `arg` is a struct seen. */
const Wire__Value *facts_find(void *arg, const char *subject);

#endif
