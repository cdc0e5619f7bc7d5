/*
 * event - what happened, for ever.
 *
 * The table `event` is history, audit trail and outbox in one: append-only,
 * hash-chained, complete.  Each lane counts its own sequence, 1, 2, 3, …
 * without gaps; `position` orders both lanes together.
 */
#ifndef EVENT_H
#define EVENT_H

#include "core/core.h"

/*
 * event_put - append one event in the current savepoint.  The caller fills
 * topic, lane, case_no, event_ms (0: now) and fields, and may fill actor, role
 * and revision (else the call's actor); the rest is filled in here: source,
 * seq, position, epoch, entered_ms, cause (call->event), service.
 * *event is complete afterwards.
 *
 * Returns 0, or -1 with err set:
 *   ERR_EXHAUSTED  larger than 48 KiB, or a topic over 200 bytes
 */
int event_put(struct call *call, Wire__Event *event, struct err *err);

/*
 * event_read - up to `max` events of a lane after `after_seq`, packed, oldest
 * first, at most `size_max` bytes together.  Returns how many, or -1.
 */
int event_read(struct store *store, Wire__Lane lane, uint64_t after_seq, size_t max,
               size_t size_max, struct arena *arena, struct bytes *events, struct err *err);

/* event_of_case - a case's events, oldest first.  Returns how many, or -1. */
int event_of_case(struct store *store, const char *case_no, size_t max, struct arena *arena,
                  Wire__Event **events, struct err *err);

/*
 * event_verify - walk the hash chain behind a position, at most EVENT_VERIFY_MAX events of it.
 * *checked: how many.  *next: where to go on, 0 at the end of the chain.
 * 0: intact; -1: err names the first broken position.
 */
enum { EVENT_VERIFY_MAX = 256 };
int event_verify(struct store *store, uint64_t after, struct arena *arena, uint64_t *checked,
                 uint64_t *next, struct err *err);

/* Values of an event or of a field list. */
const Wire__Value *value_find(Wire__Value *const *values, size_t count, const char *key);
const char *value_text(Wire__Value *const *values, size_t count, const char *key); /* "" if none */
int64_t value_i64(Wire__Value *const *values, size_t count, const char *key, int64_t none);
bool value_flag(Wire__Value *const *values, size_t count, const char *key);

/* A growing list of values, in an arena. */
struct values {
    struct arena *arena;
    Wire__Value **list;
    size_t count;
    size_t room;
};
void values_add(struct values *values, const Wire__Value *value); /* not copied deeply */
void values_add_text(struct values *values, const char *key, const char *text);
void values_add_i64(struct values *values, const char *key, int64_t integer);
void values_add_ms(struct values *values, const char *key, int64_t ms);
void values_add_flag(struct values *values, const char *key, bool flag);

#endif
