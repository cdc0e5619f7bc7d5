/*
 * histories - random lives of cases in one service, steered by what is met least: acts of
 * those who may, with what is needed and asked about, and time to just before, at, and
 * after limits.  Equal seeds, equal histories; what was asked can be kept and asked again.
 */
#ifndef HISTORIES_H
#define HISTORIES_H

#include "engine_aid.h"
#include "manual/manual.h"

/* histories_load - the department's manual; kept for the process. */
const struct manual *histories_load(uint64_t seed);

/* histories_world - a new store, with a roster for months. */
void histories_world(struct engine *engine, const struct service_def *def, size_t group_max);

/* histories_run - a life in it.  `seen` hears every event, once, in order. */
typedef void histories_seen_fn(const Wire__Event *event);
struct history {
    int64_t acts;
    bool calm; /* weeks pass, and nothing falls due every hour */
    bool kept; /* for histories_again */
    histories_seen_fn *seen;
};
void histories_run(struct engine *engine, const struct history *history);

/* histories_again - what was asked in the last run, in another world: as many at a time as
 * were asked at one time. */
void histories_again(struct engine *engine);

/* histories_ask - one request; now and then a second time, which must change nothing. */
void *histories_ask(const char *who, const char *method, const ProtobufCMessage *request);
void histories_advance(int64_t to_ms);

size_t histories_below(size_t n); /* chance */
int64_t histories_repeats(void);  /* requests that were asked twice */
int64_t histories_acts(void);

/* For a failure: the last acts. */
void histories_tell(const char *who, const char *what, const char *number,
                    Wire__Value *const *fields, size_t count);
void histories_show(void);

#endif
