/*
 * engine_aid - a service that keeps cases, in this process: a host of its core without
 * sockets, a bus that delivers what a test feeds it, and the people of the demo estate.
 */
#ifndef ENGINE_AID_H
#define ENGINE_AID_H

#include "base/seal.h"
#include "core/core.h"
#include "core/event.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum { ENGINE_FEED_MAX = 4096 };

struct engine {
    const struct service_def *def;
    struct core *core;
    struct arena *scratch;
    struct secrets secrets;
    int64_t now_ms;
    struct bytes feed[ENGINE_FEED_MAX]; /* the log of the bus */
    size_t fed, taken;
    uint64_t fed_seq;
    bool heard[2];        /* a pull of this lane has been answered */
    uint64_t appended[2]; /* what the bus has of this store, by lane */
    uint32_t ids;
    Wire__Reply *reply; /* to the last request */
};

/* Friday 2025-07-11, so many minutes after midnight in +08:00. */
int64_t engine_at(int hour, int minute);

/* engine_start - a new store; group_max 0: as many as fit.  `manual`: a folder. */
void engine_start(struct engine *engine, const struct service_def *def, const char *manual,
                  size_t group_max);
void engine_stop(struct engine *engine);

/* engine_feed - an event of another service; delivered by engine_settle. */
void engine_feed(struct engine *engine, Wire__Event *event);
void engine_manual(struct engine *engine, uint32_t revision, const char *folder);
void engine_settle(struct engine *engine);

/* engine_advance - let time pass; every timer fires at its time. */
void engine_advance(struct engine *engine, int64_t to_ms);

/* ---- asking ---- */

struct field {
    const char *key;
    const char *text;
};

/* engine_fields - "key=value" pairs, ended by NULL, as a list of text values. */
Wire__Value **engine_fields(struct engine *engine, const char *const *pairs, size_t *count);

/* engine_ask - one request by a person; `id` NULL: a new one.  The reply's payload, or NULL
 * when it was refused (engine->reply has why). */
void *engine_ask(struct engine *engine, const char *staff, const char *method,
                 const ProtobufCMessage *request, uint8_t *id);
uint8_t *engine_id(struct engine *engine);
bool engine_push(struct engine *engine, const char *staff, const char *method,
                 const ProtobufCMessage *request, uint8_t *id);

/* engine_open, engine_fire - NULL when refused.  Pairs end with NULL. */
Cases__OpenCaseReply *engine_open(struct engine *engine, const char *staff, const char *procedure,
                                  const char *unit, const char *caller, const char *const *pairs);
Cases__Case *engine_fire(struct engine *engine, const char *staff, const char *number,
                         const char *event, const char *const *pairs);
Cases__Case *engine_get(struct engine *engine, const char *number);

/* engine_must - the same, and it must be carried out. */
Cases__Case *engine_must(struct engine *engine, const char *staff, const char *number,
                         const char *event, const char *const *pairs);

/* engine_refused - fire, and it must be refused with this rule. */
void engine_refused(struct engine *engine, const char *staff, const char *number, const char *event,
                    const char *const *pairs, const char *rule);

#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PAIRS ((const char *const[]){NULL})

/* ---- looking ---- */

const char *engine_field(const Cases__Case *kase, const char *key); /* its text; "" none */
const Cases__CaseClock *engine_clock(const Cases__Case *kase, const char *name); /* newest */
const char *engine_child(struct engine *engine, const char *number, const char *procedure);

/* Events of this store: how many of a topic (and case, if not NULL), and the newest. */
int engine_count(struct engine *engine, const char *topic, const char *number);
Wire__Event *engine_last(struct engine *engine, const char *topic, const char *number);

/* engine_dump - what the tables of cases hold, as one text: equal stores, equal texts. */
char *engine_dump(struct engine *engine);

/* engine_events - every event without what differs between stores. */
char *engine_events(struct engine *engine);

#endif
