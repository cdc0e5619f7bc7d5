/*
 * flow - cases that begin at a steady rate and are worked on, step by step, each step at its
 * time whatever the answers do.  Who asked keeps the id of every request that was acknowledged.
 */
#ifndef FLOW_H
#define FLOW_H

#include "bench/loads.h"

enum { FLOW_FIELDS_MAX = 2 };

struct flow_step {
    const char *event;                       /* NULL ends */
    const char *as;                          /* name */
    const char *fields[2 * FLOW_FIELDS_MAX]; /* key, value, …; texts */
    size_t times;                            /* as often, one after the other; 0: once */
};

struct flow_kind {
    const char *service; /* "ticketing", "patrol" */
    double per_s;
    struct bytes (*open)(struct arena *arena, size_t n);
    const char *as;
    int64_t pause_ms; /* between two steps */
    const struct flow_step *steps;
};

struct flow;

/* flow_new - `ids` takes the ids of what was acknowledged. */
struct flow_ids {
    uint8_t (*list)[CLIENT_ID_SIZE];
    size_t count, room;
};
struct flow *flow_new(struct house *house, const struct flow_kind *kind, struct flow_ids *ids);
void flow_free(struct flow *flow);

/* flow_turn - begin what is due, if `begin`; take its steps and the answers. */
void flow_turn(struct flow *flow, bool begin);

size_t flow_asked(const struct flow *flow);           /* requests */
size_t flow_unfinished(const struct flow *flow);      /* cases */
void flow_took(struct flow *flow, struct sample *to); /* adds the times of its answers */

#endif
