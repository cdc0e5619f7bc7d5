/*
 * histories - random lives of cases in one service, steered by coverage: acts of those who
 * may, with what is needed and asked about, and time to just before, at, and after the
 * next limit.  Equal seeds, equal histories; what was asked is kept and can be asked again.
 */
#ifndef HISTORIES_H
#define HISTORIES_H

#include "engine_aid.h"
#include "manual/manual.h"

/* histories_load - the department's manual; kept for the process. */
const struct manual *histories_load(uint64_t seed);

/* histories_world - a new store, with a roster for months. */
void histories_world(struct engine *engine, const struct service_def *def, size_t group_max);

/* histories_run - so many acts in it.  `seen` hears every event, once, in order. */
typedef void histories_seen_fn(const Wire__Event *event);
void histories_run(struct engine *engine, int64_t acts, histories_seen_fn *seen);

/* histories_again - what was asked in the last run, in another world: as many at a time as
 * were asked at one time. */
void histories_again(struct engine *engine);

size_t histories_below(size_t n); /* chance */
int64_t histories_repeats(void);  /* requests that were asked twice */
int64_t histories_acts(void);
void histories_show(void); /* the last acts, for a failure */

#endif
