/*
 * ways - how processes of a running house are killed while callers go on: one, two, all of
 * them, while they recover, while they end in order, while the house is copied.
 */
#ifndef WAYS_H
#define WAYS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "aid/house.h"
#include "aid/ledger.h"

enum way {
    WAY_ONE,
    WAY_PAIR,       /* two services at once */
    WAY_ALL,        /* as when the machine's power fails, but for what the kernel still has */
    WAY_RECOVERING, /* again, some milliseconds after it was started: mostly before it serves */
    WAY_STOPPING,   /* some milliseconds after SIGTERM: finishing, answering, checkpointing */
    WAY_COPYING,    /* while `shouwen backup` runs */
    WAYS,
};

extern const char *const way_names[WAYS];

struct way_counts {
    size_t turns;
    size_t kills;
    size_t in_flight; /* turns that began while requests were under way */
    size_t caught;    /* recovering: not yet up; stopping: not yet ended; copying: not yet done */
};

/* A service's store as `shouwen backup` said that it is whole. */
enum { COPY_SERVICE_MAX = 32 };
struct whole_copy {
    char service[COPY_SERVICE_MAX];
    char path[PATH_MAX];
};

struct ways {
    struct house *house;
    struct ledger *ledger;
    uint64_t rng;
    size_t kills;
    struct way_counts counts[WAYS];
    size_t backups_whole, backups_broken; /* broken: and it was said */
    size_t copies;                        /* single stores that were said to be whole, and are */
    struct whole_copy last;               /* of a service that takes its later events back */
};

uint32_t ways_chance(struct ways *ways, uint32_t below);

/* ways_kill - once, in a way that chance says; `only` (or NULL): this service, alone.  All that
 * was killed is started again.  A copy that is not what it was said to be fails the test. */
void ways_kill(struct ways *ways, const char *only);

/* ways_say - a line for each way. */
void ways_say(const struct ways *ways);

#endif
