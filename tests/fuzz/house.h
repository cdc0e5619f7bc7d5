/*
 * house - a whole service under foreign bytes: its core over a copy of a prepared store, made anew
 * for each input, so that an input means the same wherever it is played.
 *
 * An input is a list of acts:
 *
 *     kind (1)  method (1)  who (1, and as many bytes)  size (2, little end first)  payload
 *
 * `method` is a row of the service's table, then of the core's own; `who` a person, a peer.
 */
#ifndef HOUSE_H
#define HOUSE_H

#include "core/core.h"
#include "fuzz.h"

enum house_act {
    HOUSE_PERSON, /* `who` asks, with the roles of the demo estate */
    HOUSE_PEER,   /* the service `who` asks */
    HOUSE_LOCAL,  /* over the local socket, with `who`'s token */
    HOUSE_RAW,    /* the payload is the whole frame; `who`: "" a tool, else a service */
    HOUSE_ANSWER, /* the service `who` answers its last call with this payload */
    HOUSE_JOB,    /* the payload is what came of the last job */
    HOUSE_TIME,   /* so many minutes pass (as many bytes as there are) */
    HOUSE_REPEAT, /* the last request comes once more */
    HOUSE_ACTS,
};

/* house_prepare - make the stores that all begin with; again is fine.  The process that did so
 * removes them when it ends. */
void house_prepare(void);

/* house_play - one input. */
int house_play(const struct service_def *def, struct bytes input);

/* house_methods - the rows that `method` counts through; how many. */
size_t house_methods(const struct service_def *def, const char **names, size_t max);

/* house_call - of HOUSE_ANSWER, `method` says which of its calls is answered: this one. */
size_t house_call(const Wire__Request *call);

#endif
