/*
 * private - the inside of a core, for the files of lib/core only.
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include "base/text.h"
#include "core/core.h"
#include "core/event.h"
#include "core/timer.h"

enum {
    HASH_SIZE = 32,
    LANES = 2,
    ARENA_SIZE = 16 << 20,
    GROUP_ARENA_MAX = 4 << 20, /* a group that has taken so much is closed */
    OUT_ARENA_SIZE = 8 << 20,
    GROUP_REPLIES_MAX = 1 << 20,
    QUEUE_MAX = 8192,
    QUEUE_BYTES_MAX = 16 << 20,
    QUEUE_URGENT = 512, /* of the queue, kept free for urgent requests */
    QUEUE_URGENT_BYTES = 1 << 20,
    /* A person's request that has been passed over for so long is refused: he may ask again, and
     * what is answered is answered soon.  (Controlled delay: Nichols, Jacobson, RFC 8289.) */
    QUEUE_WAIT_MS = 150,
    PACE_MS = 2, /* between two groups of nothing but writes that are not urgent, */
    PACED = 64,  /* unless so many wait */
    PARKED_MAX = 512,
    TIMERS_A_GROUP = 64, /* between two requests of it */
    ROOM_BESIDE = 64,    /* for requests, beside the parked that are woken */
    JOBS_MAX = 64,       /* in flight, for each of urgent and not */
    /* Those that are not urgent begin so many at a time: a notice to a whole city leaves at
     * 2,666 a second at most, and whoever is urgent finds the machine free in between. */
    SLICE_JOBS = 16,
    SLICE_MS = 6,
    CAREFUL_GROUPS = 64, /* after one that had to run again */
    /* A worker's answer comes once: there is always room for it. */
    PARKED_ROOM = PARKED_MAX + 2 * JOBS_MAX,
    QUEUE_ROOM = QUEUE_MAX + 2 * JOBS_MAX + PARKED_ROOM,
    TOKENS_CACHED = 1024,
    ITEMS_MAX = CORE_GROUP_MAX + ROOM_BESIDE,
    OUTS_MAX = 2048,
    OUTS_A_STEP = 2 * ITEMS_MAX + 2 * JOBS_MAX + 8, /* of them: two groups, jobs, links */
    DISK_WAIT_MS = 1000,   /* until what a full disk undid is tried again, or found no memory */
    ARENA_FRESH = 2 << 20, /* in use: no more than what one thing brings with it */
    TRIES_MAX = 8,         /* of an event that finds no memory, 1 s, 2 s, 4 s, … apart */
    TRY_LAST_MS = 60000,
    LINK_TIMEOUT_MS = 2000,
    LINK_RETRY_MS = 200,
    PULL_WAIT_MS = 20000,
    KEPT_DAYS = 30, /* a reply is remembered; an older request id is refused */
};

static const int64_t never_ms = INT64_MAX;

/* What a savepoint that is undone must undo in memory. */
struct head {
    uint64_t seq[LANES];
    uint64_t position;
    uint8_t hash[HASH_SIZE];
};

enum input_kind { INPUT_REQUEST, INPUT_REPLY, INPUT_JOB, INPUT_TIMER };

struct input {
    enum input_kind kind;
    struct origin from;
    char peer[CORE_PEER_MAX]; /* copy of from.peer, or the peer that replied */
    uint8_t *data;
    size_t size;
    int64_t id;        /* job or timer */
    bool urgent;       /* a request that goes before the others */
    bool paced;        /* a write that is not urgent: it may wait a moment for others */
    int64_t passed_ms; /* a group had no room for it, first at this time; 0: none yet */
    bool failed;       /* job */
    struct err err;
    bool expired;       /* a parked request whose time is over */
    uint64_t park_mark; /* what it left when it parked */
};

/* One thing of a group. */
struct item {
    struct input *input;
    const struct method *method;
    Wire__Request *request;
    const void *payload;
    struct bytes reply;
    bool answered;
    bool park;
    char park_on[64];
    int64_t park_until_ms;
    uint64_t park_mark;
};

struct parked {
    struct input *input;
    char on[64];
    int64_t until_ms;
    bool woken;
};

/*
 * A handler of an event, timer or job runs in savepoint 1 as a trial.  What it refuses is
 * final, for it is deterministic; but for want of memory (or of the lock of the store) it says
 * nothing about what was asked, and is tried again.  An arena that was empty but for this and
 * did not suffice never will.
 */
enum trial_end { TRIAL_GONE = -1, TRIAL_DONE = 0, TRIAL_REFUSED = 1, TRIAL_SHORT = 2 };
struct trial {
    struct head before;
    size_t used, refused; /* of the arena */
};

/* A call to a peer, one in flight. */
struct flight {
    bool busy;
    uint8_t id[CORE_ID_SIZE];
    int64_t sent_ms;
};

struct relay {
    bool known;         /* the bus has said where it stands */
    uint64_t confirmed; /* by the bus */
    struct flight flight;
    int64_t retry_ms;         /* not before */
    int64_t waiting_since_ms; /* the oldest unconfirmed event was committed then; 0: none */
    uint64_t handed;          /* urgent: given to notify directly up to here */
    uint64_t handing;
    struct flight hand_flight;
    int64_t hand_retry_ms;
};

struct puller {
    bool any; /* there are subscriptions in this lane */
    uint8_t log[CORE_ID_SIZE];
    uint8_t patterns[CORE_ID_SIZE]; /* hash of the set */
    uint64_t after;
    uint64_t start_head; /* the first head seen */
    uint32_t max;        /* events asked for: as many as a group can take in */
    bool head_seen;
    struct flight flight;
    int64_t retry_ms;
    int tries; /* of an event for which there was no memory; 0: none is stuck */
    uint8_t stuck_source[CORE_ID_SIZE];
    uint64_t stuck_seq;
};

/* What a peer's answer changes in memory: undone with the savepoint or the group. */
struct link_memory {
    struct relay relay[LANES];
    struct puller puller[LANES];
    bool restored;
    uint64_t epoch;
    struct flight recover_flight;
    int64_t recover_retry_ms;
    int recover_lane;
    bool recover_done[LANES];
};

enum undo_level { UNDO_GROUP, UNDO_ITEM, UNDO_LEVELS };

struct cursor_slot {
    const struct subscription *subscription;
    uint8_t source[CORE_ID_SIZE];
    Wire__Lane lane;
    uint64_t seq;
    bool dirty;
    uint64_t kept[UNDO_LEVELS]; /* seq when the group and its present thing began */
};

struct token_slot {
    uint8_t hash[16];
    int64_t until_ms;
    int64_t from_ms;
    struct actor actor;
    uint64_t generation;
    struct arena *arena;
};

struct core {
    const struct service_def *def;
    struct core_config config;
    struct store *store;
    struct arena *arena;     /* of the group */
    struct arena *out_arena; /* of what leaves */
    uint8_t source[CORE_ID_SIZE];
    uint64_t epoch;
    int64_t now_ms;
    struct head head;
    struct head committed;

    struct input **queue;
    size_t queued, queue_bytes;
    uint64_t refused;
    int64_t group_ms; /* the last one with anything in it */

    struct item *items;
    size_t item_count;
    size_t reply_bytes;

    struct parked parked[PARKED_ROOM];
    size_t parked_count;
    char notes[16][64]; /* names told by core_notify in this group */
    size_t note_count;

    struct out *outs;
    size_t out_count, out_next;

    int64_t next_timer_ms; /* never later than the earliest row */
    bool waits_moved;      /* a timer or job was set, cleared, begun or ended: look again */
    size_t fired;          /* timers since the last other thing of a group */
    int64_t next_job_ms;
    int64_t disk_wait_ms; /* no timer before: the disk was full */
    bool disk_doubt;      /* and nothing has been written since: peers are asked for little */
    size_t careful;       /* so many groups give each request a savepoint */
    bool bare;            /* this one does not, */
    bool spoiled;         /* and a request of it was refused when it had changed something */
    struct running {
        int64_t id;
        int urgent;
    } running[2 * JOBS_MAX];
    size_t running_count;
    int jobs_running[2]; /* of them: normal, urgent */
    int64_t slice_ms;    /* when the slice of normal ones began, */
    int slice_jobs;      /* and how many of it have */

    struct relay relay[LANES];
    struct puller puller[LANES];
    struct cursor_slot *cursors;
    size_t cursor_count, cursor_room;
    const struct subscription *subscriptions; /* the service's and the core's own */
    size_t subscription_count;

    bool restored; /* a copy: recovers before it serves */
    bool renew;    /* core_renew was called */
    bool stopping; /* core_stop was called: no job begins */
    bool fenced;   /* the bus has later events of this store: it must not serve */
    struct flight recover_flight;
    int64_t recover_retry_ms;
    int recover_lane;
    bool recover_done[LANES];

    struct token_slot tokens[TOKENS_CACHED];
    uint64_t random_count;
    uint8_t random_key[HASH_SIZE];

    enum { BACKUP_NONE, BACKUP_WANTED, BACKUP_DONE, BACKUP_FAILED } backup;
    char backup_path[1024];
    struct err backup_err;

    bool manual_ready;
    text_fn *text;
    void *text_arg;
    permit_fn *permit;
    void *permit_arg;
    void *state;
};

/* A call of the system, for timers, events and jobs. */
struct call core_call(struct core *core);

/* core.c */
void core_out(struct core *core, const struct out *out);
struct bytes core_pack(const ProtobufCMessage *message, struct arena *arena);
void core_send(struct core *core, const char *peer, const char *method,
               const ProtobufCMessage *payload, struct flight *flight);
int core_meta_put(struct core *core, const char *key, int64_t value, struct err *err);
void core_undo_memory(struct core *core, const struct head *head);
int core_trial(struct core *core, struct trial *trial, struct err *err);
enum trial_end core_trial_end(struct core *core, const struct trial *trial, bool failed,
                              struct err *why);
struct input *core_input_new(enum input_kind kind, const char *peer, struct bytes frame);
void core_input_free(struct input *input);
bool core_refuse_full(struct core *core, const struct origin *from, struct bytes frame);

/* group.c: the woken; when with_input, also what was queued and timers that are due; one commit */
int group_run(struct core *core, bool with_input, struct err *err);
bool group_woken(const struct core *core);
bool group_paced(const struct core *core); /* what waits may wait for more */

/* dispatch.c: one request */
void dispatch_forget_tokens(struct core *core);
void dispatch_sort(struct core *core, struct input *input); /* sets urgent and paced */
void dispatch_run(struct core *core, struct item *item);
void dispatch_refuse(struct core *core, struct item *item, const struct err *err);

/* links.c: relay, pull, recover */
int links_load(struct core *core, struct err *err);
void links_plan(struct core *core);
int links_reply(struct core *core, const struct input *input, struct err *err);
void links_wait(struct core *core, int64_t until_ms);
void links_lost(struct core *core, const char *peer, int64_t again_ms);
struct link_memory links_memory(const struct core *core);
void links_undo(struct core *core, const struct link_memory *before);
int64_t links_wake(const struct core *core);
int links_revoked(struct call *call, struct err *err);
bool links_alone(const struct core *core); /* an answer is awaited that needs a group of its own */

/* intake.c: events of others, and the cursors */
int intake_load(struct core *core, struct err *err);
/* 0: each is applied, repeated or dead.  1: one has to wait for memory (puller->retry_ms), and
 * those behind it.  -1: the group is gone. */
int intake_events(struct core *core, struct puller *puller, const ProtobufCBinaryData *events,
                  size_t n, struct err *err);
int intake_flush(struct core *core, struct err *err);
/* What is undone in the store is undone in memory, and needs none: a cursor that was read again
 * in vain would stand at nothing, and each event would count twice. */
void intake_mark(struct core *core, enum undo_level level);
void intake_undo(struct core *core, enum undo_level level);
int intake_set(struct core *core, const char *subscription, const uint8_t *source, Wire__Lane lane,
               uint64_t seq);
int intake_retry(struct core *core, int64_t id, uint32_t *applied, struct err *err);

/* timer.c */
size_t timer_due(struct core *core, bool including, int64_t *ids, size_t max);
int timer_run(struct core *core, int64_t id, struct err *err);
int timer_next(struct core *core, struct err *err);
int job_start(struct core *core, struct err *err);
int job_done(struct core *core, const struct input *input, struct err *err);
int job_restart(struct core *core, bool copy, struct err *err);

/* forget.c: replies that nobody can ask for any more */
#define FORGET_TIMER "core.forget"
int forget_start(struct core *core, struct err *err);
int forget_due(struct call *call, const struct due *due, struct err *err);

/* builtin.c */
static const char backup_park[] = "core.backup";
extern const struct method builtin_methods[];

/* event.c */
int event_load_head(struct core *core, struct err *err);
int event_restore(struct core *core, const Wire__Event *event, struct bytes body, struct err *err);

extern const struct migration core_schema[];

#endif
