/*
 * work - what one request, timer or event does to cases, while it does it.
 *
 * The cases it concerns, each loaded once; the acts that follow from acts (a child
 * opened, an event fired at the parent), worked off one after the other in bounds;
 * and the one door through which anything changes: work_emit puts an event and
 * applies it (fold.h).
 */
#ifndef WORK_H
#define WORK_H

#include "engine/directory.h"
#include "engine/kase.h"

enum {
    WORK_CASES_MAX = 64, /* cases that one request may concern */
    WORK_ACTS_MAX = 64,  /* acts that may follow from it */
    WORK_DEPTH_MAX = 8,  /* act of an act of an act … */
    WORK_DUTIES_MAX = 8, /* posts that one person may have at a time */
    WORK_STAFF_MAX = 8,  /* people looked up once */
};

/* On whose word something happens. */
struct asker {
    const char *staff; /* number, "system", or "customer:<unit>" */
    const char *estate;
    const char *const *roles;
    size_t role_count;
    bool system;          /* a timer, a rule, another procedure */
    bool child;           /* a child of the case */
    bool paged;           /* answers a page about the case */
    const char *customer; /* in the name of the customer of this unit; or NULL */
};

/* One thing to do. */
struct act {
    bool opens;          /* open a case; else fire an event */
    const char *case_no; /* fire: target.  open: parent, or "" */
    const char *name;    /* event, or procedure */
    const char *unit;    /* open */
    Wire__Value **fields;
    size_t field_count;
    struct asker asker;
    int64_t event_ms;
    int depth;
    bool given;     /* fields come from outside: typed and checked; refusals count */
    bool childless; /* its operations open nothing: the child is there */
    bool kept_out;  /* a refusal is no error: what follows from an act is dropped */
};

struct work {
    struct call *call;
    const struct manual *manual; /* in force */
    struct kase *cases[WORK_CASES_MAX];
    size_t case_count;
    struct act acts[WORK_ACTS_MAX];
    size_t act_count, act_next;
    struct duty_row duties[WORK_DUTIES_MAX]; /* of `duties_of` */
    struct staff staff[WORK_STAFF_MAX];      /* those looked up so far */
    size_t staff_count;
    int duty_count;
    const char *duties_of;
    int depth;          /* of the act that is being done */
    const char *opened; /* number of the case that the last opening act opened */
};

/* work_begin - NULL with err set when there is no manual. */
struct work *work_begin(struct call *call, struct err *err);

/* work_end - write what changed. */
int work_end(struct work *work, struct err *err);

/* work_case - load a case, once.  ERR_NOT_FOUND "case_unknown". */
int work_case(struct work *work, const char *number, struct kase **kase, struct err *err);

/* work_add - a new case, not yet in the store. */
struct kase *work_add(struct work *work);

/* work_asker - the asker that a call's actor is. */
struct asker work_asker(const struct call *call);

/* work_later - put an act at the end of the queue.  ERR_EXHAUSTED "cascade". */
int work_later(struct work *work, const struct act *act, struct err *err);

/* What an event is about, beside its topic and fields. */
struct news {
    Wire__Lane lane;
    const char *staff; /* actor; "": the call's */
    const char *role;
    int64_t event_ms;
};

/* work_emit - put an event of a case and apply it. */
int work_emit(struct work *work, struct kase *kase, const char *topic, const struct news *news,
              const struct values *fields, struct err *err);

/* work_children - the children of a case, those of this very request included, oldest first. */
int work_children(struct work *work, const char *number, size_t max, struct child *children,
                  struct err *err);

/* work_staff - directory_staff, asked once for each of the people of a request. */
int work_staff(struct work *work, const char *no, struct staff *staff, struct err *err);

/* work_on_duty - has this person this post ("post" or "post/shift") at this time?  1, 0, -1. */
int work_on_duty(struct work *work, const char *staff, const char *post, int64_t at_ms,
                 struct err *err);

/* work_name - a name of the manual in the caller's language; the key when it has none. */
const char *work_name(const struct work *work, const Manual__Name *name, const char *key);

/* work_here - does this service keep the cases of a procedure? */
bool work_here(const struct work *work, const Manual__Procedure *procedure);

#endif
