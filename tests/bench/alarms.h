/*
 * alarms - emergencies that are opened at a steady rate, whatever the answers do, and how late
 * their first pages arrive: from the moment at which each was to be opened to the first byte at
 * the channel's receiver.
 */
#ifndef ALARMS_H
#define ALARMS_H

#include "aid/receiver.h"
#include "bench/bench.h"

struct alarms;

/* alarms_new - pages of everybody lead to `receiver`. */
struct alarms *alarms_new(struct house *house, struct receiver *receiver);
void alarms_free(struct alarms *alarms);

/* alarms_run - so many a second for so many seconds; calls `beside` (or NULL) all the while. */
void alarms_run(struct alarms *alarms, double per_s, double seconds, void (*beside)(void *arg),
                void *arg);

/* alarms_late - of those of the last run; returns how many have no page after wait_ms. */
size_t alarms_late(struct alarms *alarms, int64_t wait_ms, struct sample *late);

#endif
