/*
 * core - what every service is made of, without the world.
 *
 * A service is a store (its schema), handlers (functions of one message), and
 * tables: methods, subscriptions, timers, jobs.  Everything else is here, the
 * same for all: decoding, tokens and permissions, repeated requests, savepoints,
 * the group commit, events on their way to the bus, events pulled from it,
 * timers, jobs, parked requests, errors in the caller's language.
 *
 * The core has no socket, clock, thread or environment.  A host feeds it
 * (core_push, core_step) and carries away what it says (core_next).  The hosts
 * are lib/host/live.c (ZeroMQ) and lib/host/rehearsal.c (virtual time); tests
 * and fuzzers are hosts too.
 *
 *     host            core_push(request) … core_push(request)
 *                     core_step(now)       one transaction; each stands or falls as a whole
 *                     core_next() …        replies, calls to peers, jobs — after the commit
 *                     sleep until core_wake() or input
 *
 * Nothing leaves the core before the transaction that made it is on the disk.
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "shouwen/wire/v1/wire.pb-c.h"
#include "store/store.h"

enum {
    CORE_FRAME_MAX = 64 * 1024,       /* bytes of a request, and of most replies */
    CORE_BULK_FRAME_MAX = 256 * 1024, /* of an Append and of a Pull reply */
    CORE_GROUP_MAX = 256,             /* requests in one commit */
    CORE_ROWS_MAX = 256,              /* rows that one handler may touch */
    CORE_ID_SIZE = 16,
    CORE_TOPIC_MAX = 200,
    CORE_PEER_MAX = 24, /* bytes of a service's name, with its end */
};

struct core;
struct secrets; /* base/seal.h: the keys that seal phones, and registry's public key */

/* Who asks.  Of a timer or an event it is the system. */
struct actor {
    const char *staff; /* number, "system", "peer:<service>", "customer:<unit>" */
    const char *estate;
    const char *const *roles;
    size_t role_count;
    bool system;
    bool peer;  /* another service, known by its key */
    bool local; /* came over the 0600 socket of this machine */
};

bool actor_has_role(const struct actor *actor, const char *role);

/* What a handler is given.  It has no other way to reach the world. */
struct call {
    struct core *core;
    struct store *store; /* in a transaction of the core's */
    struct arena *arena; /* lives until the end of the group */
    int64_t now_ms;      /* of this group; never below an earlier one */
    const struct actor *actor;
    const struct secrets *secrets;
    const char *locale;       /* "zh" or "en" */
    const void *request;      /* of a method: the unpacked message its descriptor names */
    ProtobufCMessage *reply;  /* set by the handler; NULL: an empty reply */
    const Wire__Event *event; /* of a subscription or a cause: what happened; else NULL */
    Wire__Cause *cause;       /* of the events that it puts: call->event, or the request */
    bool recovering;          /* an event of this very store is applied again (restore) */
    /* A method may set these and return 0 with no changes made: it then runs again,
     * from the start, when core_notify(park_on) is called or park_until_ms passes
     * (then with `expired`). */
    const char *park_on;
    int64_t park_until_ms;
    uint64_t park_mark; /* as it was left when it parked, to begin where it ended; 0 at first */
    bool expired;
};

/* Returns 0, or -1 with err set: then nothing it did has happened. */
typedef int handler_fn(struct call *call, struct err *err);

enum method_kind {
    METHOD_READ,   /* changes nothing */
    METHOD_WRITE,  /* carried out once per actor and request id; the reply is remembered */
    METHOD_SECRET, /* as WRITE, not remembered: the reply is secret, or repeating it harmless */
};

enum method_guard {
    GUARD_TOKEN, /* a valid token, and `permission` if it is named */
    GUARD_PEER,  /* only another service, by its key */
    GUARD_LOCAL, /* only over the local 0600 socket */
    GUARD_OPEN,  /* anybody whom the link lets in (Health) */
};

/* One row per rpc of the service block, in any order; core_new refuses a gap. */
struct method {
    const char *name; /* "OpenCase"; NULL ends the table */
    enum method_kind kind;
    enum method_guard guard;
    const char *permission; /* act in manual/roles.yaml, or NULL */
    handler_fn *handler;
    bool urgent; /* taken before the others of a group */
};

/* What a method's request must have; without it the core refuses before the handler is asked. */
struct need {
    const char *method; /* NULL ends the table */
    const char *fields; /* "case_no event"; "page|case_no": one of the two */
};

/*
 * Events that this service consumes.  One cursor per subscription and source.
 *
 * What a handler refuses is final: the event becomes a dead letter, with an alarm.
 * Not so when memory was short: the store could have none or not its lock (a plain
 * ERR_UNAVAILABLE), or a decoder found no room in the arena.  Then the event stays
 * unapplied, what came before it stays applied, and it is tried again after 1 s, 2 s,
 * 4 s, … 60 s, each time said in the log, and each time in a group of its own, so in
 * an empty arena.  The lane waits for it meanwhile.  If the empty arena does not
 * suffice either, or after 8 tries (two minutes), it is a dead letter like any other.
 * A timer for which memory is short stays due and is tried again every second, and
 * so is the result of a job.
 */
struct subscription {
    const char *name;    /* unique in the service; NULL ends the table */
    const char *pattern; /* exact topic or "prefix.*" or "*" */
    Wire__Lane lane;
    handler_fn *handler; /* call->event; a refusal makes a dead letter */
};

/* A kind of timer row.  call->event is NULL; see timer.h for what fell due. */
struct due;
typedef int due_fn(struct call *call, const struct due *due, struct err *err);
struct timer_kind {
    const char *kind; /* NULL ends the table */
    due_fn *handler;
    bool urgent;
    /* What the house itself must go on doing (a look-out, a plan): refused, it makes an alarm
     * and is set again so much later.  0: a refused one is put aside. */
    int64_t again_ms;
};

/*
 * A kind of job: slow or outside work, bytes → bytes, carried out by a worker of
 * the host with no access to the store.  `run` may use anything in the world.
 * `done` gets the result in a savepoint.  When it refuses, what it did is undone, the
 * job is over, and an alarm ("dead.letter") says so.  A job that was running when the
 * process ended runs again, but for those that run once at most (`once`): what was
 * begun, or stands in a restored copy, is lost, until the service has dealt with it
 * (job_lost in timer.h).  `place` says which place outside a job talks to: one that
 * does not answer never holds more than half of the workers.
 */
struct job_result {
    int64_t id;
    const char *ref; /* as given to job_put */
    struct bytes input;
    struct bytes output;
    bool failed; /* run returned -1; err has why */
    const struct err *err;
};
typedef int job_run_fn(struct bytes input, uint8_t **output, size_t *size, struct err *err);
typedef uint64_t job_place_fn(struct bytes input); /* 0: none */
typedef int job_done_fn(struct call *call, const struct job_result *result, struct err *err);
struct job_kind {
    const char *kind; /* NULL ends the table */
    job_run_fn *run;  /* output by malloc */
    job_done_fn *done;
    bool urgent; /* has workers of its own, never behind the others */
    bool once;
    job_place_fn *place; /* or NULL: none */
};

struct service_def {
    const char *name;                       /* "ticketing" */
    const struct migration *const *schemas; /* lists after core_schema; NULL ends */
    const ProtobufCServiceDescriptor *api;
    const struct method *methods;
    const struct need *needs;                 /* or NULL */
    const struct subscription *subscriptions; /* or NULL */
    const struct timer_kind *timers;          /* or NULL */
    const struct job_kind *jobs;              /* or NULL */
    /* Runs in the first transaction after opening: timers that must exist, caches. */
    handler_fn *start; /* or NULL */
    /* Takes in an event of this very store after a restore; NULL: nothing to fold. */
    handler_fn *fold;
    bool is_bus;  /* it relays to nobody: its own events go into its own log */
    bool patient; /* nobody is paged by it: it gathers for longer, urgent events too, and others go
                     first */
    void *(*state_new)(void); /* in-memory caches of the service, or NULL */
    void (*state_free)(void *state);
    void (*state_reset)(void *state); /* after a rollback: forget what may be wrong */
};

struct core_config {
    const char *path;              /* of the store; ":memory:" in tests */
    const struct secrets *secrets; /* the caller's; lives as long as the core */
    uint64_t seed;                 /* for ids and jitter: equal seeds, equal runs */
    int64_t now_ms;
    size_t group_max;     /* 0: CORE_GROUP_MAX */
    int64_t pull_wait_ms; /* of a long poll; 0: as in life.  Virtual time has no use for polls */
    /* Events that are not urgent wait so long for others to travel with: one commit for many, at
     * both ends.  0: they leave at once, as it suits virtual time. */
    int64_t gather_ms;
    bool (*group_over)(void *arg); /* the host's 2 ms; or NULL */
    void *arg;
    bool accept_loss;  /* a restored store may start without the bus */
    int64_t keep_days; /* of the bus: how long its log keeps events; 0: for ever */
};

/* core_new - open the store and make the service ready.  NULL with err set. */
struct core *core_new(const struct service_def *def, const struct core_config *config,
                      struct err *err);
void core_free(struct core *core);

/* ---- for hosts ---- */

/* Where a request came from: the host's to make and to understand. */
struct origin {
    uint64_t route;   /* goes back with the reply */
    const char *peer; /* service name by its key, < CORE_PEER_MAX; NULL: a person's or tool's */
    bool local;       /* over the 0600 socket */
};

/*
 * core_push_request / core_push_reply / core_push_job - give it a frame; copied.
 * False: the queue is full (the request was answered with RESOURCE_EXHAUSTED
 * before any work; a reply is dropped and will come again).
 */
bool core_push_request(struct core *core, const struct origin *from, struct bytes frame);
void core_push_reply(struct core *core, const char *peer, struct bytes frame);
void core_push_job(struct core *core, int64_t id, bool failed, struct bytes output,
                   const struct err *err);
/* core_link - the link to a peer broke, or is there (again): what is in flight is asked again;
 * of a new link at once, for what was said before it was there has gone nowhere. */
void core_link(struct core *core, const char *peer, bool up);

/*
 * core_step - run what waits and what is due as one group, and commit it.
 * 0; or -1 with err set after an I/O error: end the process, nobody knows what
 * is on the disk.  A group that is refused by a full disk is no I/O error.
 */
int core_step(struct core *core, int64_t now_ms, struct err *err);

enum out_kind { OUT_REPLY, OUT_CALL, OUT_JOB };
struct out {
    enum out_kind kind;
    uint64_t route;     /* OUT_REPLY */
    const char *peer;   /* OUT_CALL: "bus", "notify" */
    struct bytes frame; /* OUT_REPLY, OUT_CALL */
    int64_t job;        /* OUT_JOB */
    const struct job_kind *kind_of_job;
    struct bytes input;
};

/* core_next - the next thing to carry away, or NULL.  Valid until the next core_step. */
const struct out *core_next(struct core *core);

/* core_wake - call core_step at this time at the latest, input or not. */
int64_t core_wake(const struct core *core);

/* core_ready - false until it has caught up with the heads seen at start and has a manual. */
bool core_ready(const struct core *core);

/* core_stop - the end is near: no job begins any more.  Steps go on as long as there is
 * something to answer or a worker's result to write down. */
void core_stop(struct core *core);

struct store *core_store(struct core *core);
const struct service_def *core_def(const struct core *core);
const uint8_t *core_source(const struct core *core); /* the store's id, 16 bytes */
uint64_t core_epoch(const struct core *core);
int64_t core_now(const struct core *core); /* of the last group; after core_new: its start */
void *core_state(struct core *core);
int64_t core_keep_days(const struct core *core);

/* ---- for handlers ---- */

/* core_random - deterministic bytes, from the seed. */
void core_random(struct core *core, void *data, size_t size);

/* core_notify - wake the requests parked on this name (after the commit). */
void core_notify(struct core *core, const char *name);

/*
 * core_renew - of the bus: this store turns out to be older than what others have from it
 * (it was put back from a plain copy).  After the group it goes on as a new one, as from a
 * marked copy: another source id, so that the numbers it gives a second time are not taken
 * for repeats; and def->start runs again.
 */
void core_renew(struct core *core);

/*
 * core_revoke - take in a CORE_REVOKED event: the account's older tokens end here.  The
 * core does it for what a service pulls and for what it says itself; the bus, which
 * pulls nothing, for what is appended.
 */
#define CORE_REVOKED "staff.revoked"
int core_revoke(struct call *call, const Wire__Event *event, struct err *err);

/* core_manual_ready - the engine has a manual in force (set by lib/engine/manual). */
void core_set_ready(struct core *core, bool ready);

/*
 * The text of an error or of any key, in a language.  Set by lib/engine/manual
 * when a manual is in force; before that, rule and arguments as they are.
 */
typedef const char *text_fn(void *arg, const char *key, const char *args, const char *locale,
                            struct arena *arena);
void core_set_text(struct core *core, text_fn *text, void *arg);
const char *core_text(struct core *core, const char *key, const char *args, const char *locale,
                      struct arena *arena);

/* The permission check of GUARD_TOKEN methods; set with the manual; before it, all are refused
 * but for methods without a permission. */
typedef bool permit_fn(void *arg, const struct actor *actor, const char *act);
void core_set_permit(struct core *core, permit_fn *permit, void *arg);

#endif
