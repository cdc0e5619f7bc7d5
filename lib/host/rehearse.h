/*
 * rehearse - plays rehearsals: YAML files that tell a story and what must come of it
 * (tests/rehearsals/, CONTRIBUTING.md).  Over the world in one process
 * (rehearsal.h), or over any stage that can do the same (live processes).
 */
#ifndef REHEARSE_H
#define REHEARSE_H

#include <stdbool.h>
#include <stdio.h>

#include "host/rehearsal.h"

/* Where a rehearsal is played.  Functions as their namesakes of rehearsal.h. */
struct rehearse_stage {
    void *arg;
    int64_t (*now)(void *arg);
    int (*advance)(void *arg, int64_t to_ms, struct err *err);
    int (*settle)(void *arg, struct err *err);
    int (*ask)(void *arg, const struct rehearsal_request *request, uint8_t *id_used,
               Wire__Reply **reply, struct arena *arena, struct err *err);
    int (*events)(void *arg, const char *service, uint64_t after, size_t max, struct arena *arena,
                  struct bytes *events, struct err *err);
    struct rehearsal *world; /* NULL: faults cannot be played here */
    /* Of stages outside this process; may be NULL or 0. */
    int (*begin)(void *arg, int64_t start_ms, struct err *err); /* the story begins then */
    int64_t slice_ms; /* time passes in such steps, and the timeline is shown after each */
    int64_t near_ms;  /* "at the same time" is so much, not a second */
};

struct rehearse_options {
    const struct service_def *const *services; /* NULL ends */
    const char *manual;                        /* folder */
    const char *demo;                          /* folder of `data: demo` */
    const char *store;  /* keep the stores here; NULL: a temporary folder, removed */
    const char *locale; /* "zh" or "en": of the timeline */
    bool explain;
    uint64_t seed;
    size_t group_max; /* 0: as in life */
    FILE *out;        /* failures and timeline */
    /* The events of the cases go into this file, one a line, without what depends on when and
     * where it was played: equal plays, equal files, live or not.  NULL: none. */
    const char *log;
    /* Play it there, where the manual is in force and the data are in; NULL: in a world
     * of its own. */
    const struct rehearse_stage *stage;
};

struct rehearse_result {
    bool played;     /* to the end */
    size_t failures; /* expectations that did not hold, and mistakes in the file */
    size_t held;     /* expectations that did */
    uint8_t log[32]; /* hash over all events of all stores: equal runs, equal logs */
    uint64_t bag[4]; /* the same without their order: two that crossed at one instant */
    size_t events;
    double seconds; /* of real time */
};

/* rehearse_file - play one.  What failed is on options->out as "file:line: …". */
void rehearse_file(const struct rehearse_options *options, const char *file,
                   struct rehearse_result *result);

/* rehearse_drop_templates - remove the worlds that were kept for copying; at the end. */
void rehearse_drop_templates(void);

#endif
