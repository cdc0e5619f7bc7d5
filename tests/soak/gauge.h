/*
 * gauge - what each service of a running house uses: memory, descriptors, the log of its store.
 * Each life of a process is compared with its own beginning.
 */
#ifndef GAUGE_H
#define GAUGE_H

#include <stdint.h>

#include "aid/house.h"

struct gauge_reading {
    int64_t memory_kib;  /* RssAnon; -1: the kernel does not say */
    int64_t descriptors; /* -1: not ours to see */
    int64_t log_bytes;
};

struct gauge {
    pid_t pid;
    int64_t since_ms;           /* this life was first seen */
    struct gauge_reading first; /* when it had settled; memory and descriptors at their most */
    struct gauge_reading last, worst;
    int64_t grown_kib; /* of this life or an earlier one: the most above its beginning */
    int64_t more_descriptors;
    bool settled;
};

enum { GAUGE_SETTLE_MS = 20000 };

/* gauge_look - read all services; `gauges` has one for each of instance_services. */
void gauge_look(struct house *house, struct gauge *gauges);

/* gauge_say - a line for each service. */
void gauge_say(const struct gauge *gauges);

#endif
