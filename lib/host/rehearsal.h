/*
 * rehearsal - the world in one process: services as cores under virtual time, with
 * real stores, no threads and no waiting.  It carries what they say to each other,
 * plays the channels, and breaks things on order.  Equal seeds and equal calls give
 * equal events, byte for byte.
 *
 * Time stands still while anything happens; only rehearsal_advance moves it.
 *
 *     rehearsal_new → rehearsal_ask … rehearsal_settle
 *                     rehearsal_advance(22:19) → rehearsal_settle …
 *
 * Tests use it as well as `shouwen rehearse`.  Which services there are is the
 * caller's to say (cli/services.c), because lib knows none.
 */
#ifndef REHEARSAL_H
#define REHEARSAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/token.h"
#include "core/core.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    REHEARSAL_SERVICES_MAX = 8,
    REHEARSAL_FAULTS_MAX = 64, /* cut links, or channel faults */
    REHEARSAL_PATH_MAX = 400,
};

struct rehearsal;

struct rehearsal_config {
    const struct service_def *const *services; /* NULL ends */
    const char *folder; /* of the stores, "<service>.db"; made if it is not there */
    uint64_t seed;
    int64_t start_ms;
    size_t group_max; /* 0: as in life */
    /* How long a consumer's poll waits at the bus.  0: an hour, since in a fair world what comes
     * wakes it; where messages are lost, as in life. */
    int64_t poll_ms;
};

/* rehearsal_new - all services started, nothing said yet.  NULL with err set. */
struct rehearsal *rehearsal_new(const struct rehearsal_config *config, struct err *err);
void rehearsal_free(struct rehearsal *world);

int64_t rehearsal_now(const struct rehearsal *world);

/*
 * rehearsal_advance - let everything happen that is due before `to_ms`, in order;
 * then it is `to_ms`, and nothing of that instant has happened yet.
 * -1: a service ended with an I/O error, or does not come to rest.
 */
int rehearsal_advance(struct rehearsal *world, int64_t to_ms, struct err *err);

/* rehearsal_settle - what is due at this very instant, and all messages, until quiet. */
int rehearsal_settle(struct rehearsal *world, struct err *err);

/* Who asks: a person with a token, one at the local socket, or another service. */
struct rehearsal_caller {
    const char *staff; /* number; "system"; "customer:<unit>"; NULL: no token */
    const char *estate;
    const char *const *roles;
    size_t role_count;
    uint64_t generation; /* of his account */
    bool local;
    const char *peer;
    const char *locale; /* NULL: zh */
};

struct rehearsal_request {
    const struct rehearsal_caller *caller;
    const char *service;
    const char *method;   /* full name */
    struct bytes payload; /* packed */
    const uint8_t *id;    /* 16 bytes to send an earlier one again; NULL: a new one */
};

/*
 * rehearsal_ask - a request at this instant, before what is due at it; rehearsal_id
 * tells the id it had.  0 with *reply in the arena, also when it is a refusal; a
 * service that is down or cut off answers UNAVAILABLE, as a client would say.
 */
int rehearsal_ask(struct rehearsal *world, const struct rehearsal_request *request,
                  Wire__Reply **reply, struct arena *arena, struct err *err);
const uint8_t *rehearsal_id(const struct rehearsal *world);

/* ---- faults ---- */

/* rehearsal_kill - at once: the core is dropped, nothing is closed.  rehearsal_stop - in
 * order.  Either way it is down until rehearsal_start. */
int rehearsal_kill(struct rehearsal *world, const char *service, struct err *err);
int rehearsal_stop(struct rehearsal *world, const char *service, struct err *err);
int rehearsal_start(struct rehearsal *world, const char *service, struct err *err);

/* rehearsal_cut, rehearsal_mend - the link between two; "caller" is everybody's device. */
int rehearsal_cut(struct rehearsal *world, const char *a, const char *b, struct err *err);
int rehearsal_mend(struct rehearsal *world, const char *a, const char *b, struct err *err);

/* rehearsal_cut_way - only what goes from one to the other is lost; rehearsal_mend ends it. */
int rehearsal_cut_way(struct rehearsal *world, const char *from, const char *to, struct err *err);

/*
 * rehearsal_weather - what becomes of each message between two services from now on, in
 * 1/1000: lost, there twice, or late by up to late_ms, so that later ones overtake it.  Drawn
 * from the world's seed.  All 0: fair.
 */
struct rehearsal_weather {
    uint32_t lost, repeated, late;
    int64_t late_ms;
};
void rehearsal_weather(struct rehearsal *world, const struct rehearsal_weather *weather);

/* rehearsal_lose - each message between two services, and each answer to somebody outside, is
 * put to `lose` when it is sent: true: it is lost.  NULL: nobody is asked any more. */
typedef bool rehearsal_loses(void *arg, bool outside);
void rehearsal_lose(struct rehearsal *world, rehearsal_loses *lose, void *arg);

/* rehearsal_mortal - a service whose store fails (an I/O error) ends as if killed, as it does
 * in life; without it the rehearsal ends.  `died` is told who, before its core goes; or NULL. */
void rehearsal_mortal(struct rehearsal *world, void (*died)(void *arg, const char *service),
                      void *arg);

/* rehearsal_disk_full - the store cannot grow any more; and can again. */
int rehearsal_disk_full(struct rehearsal *world, const char *service, bool full, struct err *err);

/* rehearsal_clock_jump - every wall clock of the house jumps; the kernel does not vouch for
 * it.  What services make of that is lib/host/clock.h. */
int rehearsal_clock_jump(struct rehearsal *world, int64_t by_ms, struct err *err);

enum rehearsal_channel { CHANNEL_WORKS, CHANNEL_FAILS, CHANNEL_HANGS, CHANNEL_UNKNOWN };

/* rehearsal_channel - what the next `first` messages (0: all) on a channel ("" any) to a
 * person ("" any; "residents") meet with. */
int rehearsal_channel(struct rehearsal *world, const char *channel, const char *to, size_t first,
                      enum rehearsal_channel does, struct err *err);

/* ---- looking ---- */

/* One message that was handed to a channel. */
struct rehearsal_send {
    int64_t at_ms;
    Notify__Send *send;
    Notify__Outcome outcome;
};
size_t rehearsal_sends(const struct rehearsal *world, const struct rehearsal_send **list);

/* rehearsal_events - the packed events of a service's store after a position, oldest
 * first; how many (at most `max`), or -1. */
int rehearsal_events(struct rehearsal *world, const char *service, uint64_t after, size_t max,
                     struct arena *arena, struct bytes *events, struct err *err);

/* rehearsal_core - of a running service; NULL: it is down, or not there. */
struct core *rehearsal_core(struct rehearsal *world, const char *service);
bool rehearsal_has(const struct rehearsal *world, const char *service);
const struct secrets *rehearsal_secrets(const struct rehearsal *world);

#endif
