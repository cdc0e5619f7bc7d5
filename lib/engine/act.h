/*
 * act - what is done to cases: opened, and moved by events.
 *
 * decide → put the event → apply: who may, from which state, with what given, under
 * which condition; then one event that holds all that changes; then the clocks; then
 * the operations of the step, as further events and further acts.
 */
#ifndef ACT_H
#define ACT_H

#include "engine/view.h"

enum {
    ACT_FIELDS_MAX = 256, /* given with one act */
    ACT_LATE_DAYS = 30,   /* how far back an entry may be */
    ACT_EVENTS_MAX = 64,  /* that a case offers at a time */
};

/* act_run - do the acts that wait, and those that follow from them. */
int act_run(struct work *work, struct err *err);

/* act_time - when it happened: now, or the time of a late entry, at most so far back. */
int act_time(const struct call *call, int64_t event_ms, int64_t *at_ms, struct err *err);

/* act_events - the events that this asker may fire now; at most `max`.  How many, or -1. */
int act_events(struct work *work, struct kase *kase, const struct asker *asker, size_t max,
               const char **events, struct err *err);

/* act_contact_event - the event that counts one more contact on the matter; NULL: none. */
const char *act_contact_event(const struct kase *kase);

/* What a case just did, for what must follow. */
struct moved {
    struct kase *kase;
    const char *events[2]; /* its name, and what it counts as */
    Manual__Op *const *ops;
    size_t op_count;
    const struct given *given;
    const struct asker *asker;
    const char *word;
    int64_t at_ms;
    bool left; /* the state changed */
    int64_t contacts_before;
    bool childless; /* opens nothing: the child is there */
};

/* act_follow - the clocks, pages that end, the parent told, and the operations. */
int act_follow(struct work *work, const struct moved *moved, struct err *err);

/* act_pages - does one of the operations page somebody? */
bool act_pages(Manual__Op *const *ops, size_t count);

/* act_given_values - all that an act sets, behind the head of its event. */
void act_given_values(struct values *out, const struct given *given);

#endif
