/*
 * known - what reports knows about a case: its state, its fields, its clocks.
 *
 * Whether an event is of a case can be seen from the event (proto/README.md); the
 * manual is not needed to take it in, only to count it.
 */
#ifndef REPORTS_KNOWN_H
#define REPORTS_KNOWN_H

#include "core/core.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum { KNOWN_CLOCKS_MAX = 64, KNOWN_TEXT_MAX = 64, KNOWN_LIKE_MAX = 32 };

struct known {
    const char *case_no;
    Reports__Known row;
};

struct known_clock {
    const char *clock;
    int64_t round;
    int64_t due_ms, ended_ms;
    bool met, late;
    int64_t mark;
};

/* known_load - 1: found; 0: not known (an empty one); -1: err set. */
int known_load(struct call *call, const char *case_no, struct known *known, struct err *err);
int known_save(struct call *call, const struct known *known, struct err *err);

/* known_apply - takes in an event of a case.  False: it is none, nothing changed. */
bool known_apply(struct known *known, const Wire__Event *event, struct arena *arena);

/* known_clock_apply - takes in "clock.*".  1: done; 0: it is none; -1: err set. */
int known_clock_apply(struct call *call, const Wire__Event *event, struct err *err);

/* known_clocks - all rounds of one clock of a case.  Returns how many, or -1. */
int known_clocks(struct call *call, const char *case_no, const char *clock, size_t max,
                 struct known_clock *list, struct err *err);

/* known_children - of a case, in the order of their numbers; returns how many, or -1. */
int known_children(struct call *call, const char *case_no, size_t max, struct known *list,
                   struct err *err);

/* known_like - other cases of this procedure and unit that were opened before, newest first. */
int known_like(struct call *call, const char *procedure, const struct known *known, size_t max,
               struct known *list, struct err *err);

/* known_later - cases of this procedure and unit that were opened after, oldest first. */
int known_later(struct call *call, const char *procedure, const struct known *known, size_t max,
                struct known *list, struct err *err);

const Wire__Value *known_field(const struct known *known, const char *key); /* NULL: none */
uint32_t known_tally(const struct known *known, const char *event);

#endif
