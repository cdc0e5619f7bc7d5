/*
 * directory - what a service knows about people, units and duties: its own
 * projection of registry's and patrol's events, in its own store
 * (tables staff, unit, duty; schema/ beside this file).
 *
 * A service that wants it puts DIRECTORY_SUBSCRIPTIONS in its table.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include "core/core.h"

struct staff {
    const char *no;
    const char *name;
    const char *const *roles;
    size_t role_count;
    const char *dept;
    const char *area;
    const char *deputy;
    const char *channels;               /* "desk;webhook" in order of preference */
    bool active;                        /* false: left the company */
    int64_t leave_from_ms, leave_to_ms; /* away; 0,0: not */
};

struct unit {
    const char *no;
    const char *building;
    const char *area;
    const char *steward;
    const char *status;
};

/* No shift is longer than this: it bounds every walk along the duties. */
extern const int64_t directory_shift_max_ms;

struct duty_row {
    const char *post, *shift, *staff;
    int64_t start_ms, end_ms;
    int order;
};

/* 1: found.  0: none.  -1: err set.  Strings live in call->arena. */
int directory_staff(struct call *call, const char *no, struct staff *staff, struct err *err);
int directory_staff_named(struct call *call, const char *name, struct staff *staff,
                          struct err *err);
int directory_unit(struct call *call, const char *no, struct unit *unit, struct err *err);

/* directory_role - active staff with a role, in order of number.  Returns how many, or -1. */
int directory_role(struct call *call, const char *role, size_t max, struct staff *staff,
                   struct err *err);

/* directory_post - who has this post at this time, first first.  Returns how many, or -1. */
int directory_post(struct call *call, const char *post, int64_t at_ms, size_t max,
                   struct duty_row *rows, struct err *err);

/* directory_duties_of - the duties of a person at this time. */
int directory_duties_of(struct call *call, const char *staff, int64_t at_ms, size_t max,
                        struct duty_row *rows, struct err *err);

/* directory_present - can he be reached at this time?  Active, not on leave, and — when his
 * post has a roster at this time — on shift. */
int directory_present(struct call *call, const struct staff *staff, int64_t at_ms, bool *present,
                      struct err *err);

handler_fn directory_on_staff, directory_on_leave, directory_on_left, directory_on_unit,
    directory_on_duty, directory_on_roster_dropped;

#define DIRECTORY_SUBSCRIPTIONS                                                                    \
    {"staff", "staff.changed", WIRE__LANE__NORMAL, directory_on_staff},                            \
        {"leave", "person.on_leave", WIRE__LANE__NORMAL, directory_on_leave},                      \
        {"left", "person.left", WIRE__LANE__NORMAL, directory_on_left},                            \
        {"unit", "unit.changed", WIRE__LANE__NORMAL, directory_on_unit},                           \
        {"duty", "roster.duty", WIRE__LANE__NORMAL, directory_on_duty}, {                          \
        "roster", "roster.dropped", WIRE__LANE__NORMAL, directory_on_roster_dropped                \
    }

/* Directory tables, for a service's schema list. */
extern const struct migration directory_schema[];

#endif
