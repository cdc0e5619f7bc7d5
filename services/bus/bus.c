#include "services/bus/bus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/revision.h"
#include "services/bus/routing.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "store/query.h"

enum {
    CONSUMERS_MAX = 128,
    SUBSCRIPTION_MAX = 64,
    PATTERNS_MAX = 64,
    WAIT_MAX_MS = 60 * 60 * 1000,
};

static handler_fn pull, recover, list_sources, start;
static void *state_new(void);
static void state_free(void *arg);
static void state_reset(void *arg);

static const struct method methods[] = {
    {"Append", METHOD_SECRET, GUARD_PEER, NULL, bus_append, true}, /* repeating it is harmless */
    {"Pull", METHOD_READ, GUARD_PEER, NULL, pull, false},
    {"Recover", METHOD_READ, GUARD_PEER, NULL, recover, false},
    {"ListSources", METHOD_READ, GUARD_TOKEN, "system.read", list_sources, false},
    {0},
};

static const struct timer_kind timers[] = {
    {ROUTING_TIMER, routing_due, true, TIMER_AGAIN_MS},
    {0},
};

static const struct migration *const schemas[] = {bus_schema, revision_schema, NULL};

const struct service_def bus_def = {
    .name = "bus",
    .schemas = schemas,
    .api = &bus__bus__descriptor,
    .methods = methods,
    .timers = timers,
    .start = start,
    .is_bus = true,
    .state_new = state_new,
    .state_free = state_free,
    .state_reset = state_reset,
};

struct log bus_log(const struct call *call) {
    return log_builtin(call->store);
}

const char *bus_lane_name(Wire__Lane lane) {
    return lane == WIRE__LANE__URGENT ? "lane:1" : "lane:0";
}

/* ---- consumers: who pulled, and how far he was.  A figure, nothing depends on it ---- */

struct consumer {
    char subscription[SUBSCRIPTION_MAX];
    Wire__Lane lane;
    uint64_t after;
    int64_t seen_ms;
};

struct state {
    struct revisions revisions; /* first: lib/engine/revision.h */
    struct consumer consumers[CONSUMERS_MAX];
    size_t count;
};

static void *state_new(void) {
    struct state *state = calloc(1, sizeof *state);

    assert(state);
    revision_init(&state->revisions);
    return state;
}

static void state_free(void *arg) {
    struct state *state = arg;

    if (state) {
        revision_release(&state->revisions);
        free(state);
    }
}

static void state_reset(void *arg) {
    struct state *state = arg;

    revision_forget(&state->revisions);
}

static void note_consumer(const struct call *call, const Bus__PullRequest *request,
                          uint64_t after) {
    struct state *state = core_state(call->core);
    size_t i = 0;

    while (i < state->count
           && (state->consumers[i].lane != request->lane
               || !text_eq(state->consumers[i].subscription, request->subscription))) {
        i++;
    }
    if (i == CONSUMERS_MAX || strlen(request->subscription) >= SUBSCRIPTION_MAX) {
        return;
    }
    if (i == state->count) {
        state->count++;
        (void)stpcpy(state->consumers[i].subscription, request->subscription);
        state->consumers[i].lane = request->lane;
    }
    state->consumers[i].after = after;
    state->consumers[i].seen_ms = call->now_ms;
}

/* ---- the log's id ---- */

int bus_id(struct call *call, ProtobufCBinaryData *id, struct err *err) {
    struct query q = QUERY(call->store, /* scan: one row */
                           "SELECT id FROM log_id");
    int found = query_step(&q, err);

    if (found == 1) {
        id->data = query_blob(&q, 0, call->arena, &id->len);
    }
    query_end(&q);
    return found < 0 ? -1 : 0; /* start has made it */
}

/* 1: the log needs a new id.  A bus that starts from a copy is a new store: it has lost
 * the positions that it gave away after the copy. */
static int needs_id(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, /* scan: one row */
                           "SELECT NOT EXISTS(SELECT 1 FROM log_id WHERE source = ?1)");

    query_bind_blob(&q, 1, core_source(call->core), CORE_ID_SIZE);
    int found = query_step(&q, err);
    int needs = found == 1 ? (int)query_i64(&q, 0) : -1;
    query_end(&q);
    return needs;
}

static int new_id(struct call *call, struct err *err) {
    uint8_t id[CORE_ID_SIZE];
    struct query q = QUERY(call->store, "INSERT OR REPLACE INTO log_id(one, id, source)"
                                        " VALUES(1, ?1, ?2)");

    core_random(call->core, id, sizeof id);
    query_bind_blob(&q, 1, id, sizeof id);
    query_bind_blob(&q, 2, core_source(call->core), CORE_ID_SIZE);
    return query_done(&q, err);
}

static int start(struct call *call, struct err *err) {
    struct log log = bus_log(call);
    bool told = false;
    int needs = needs_id(call, err);

    if (needs < 0 || (needs == 1 && new_id(call, err)) || revision_start(call, err)) {
        return -1;
    }
    return routing_own(call, &log, &told, err);
}

/* ---- reading ---- */

static int check_pull(const Bus__PullRequest *request, struct err *err) {
    if (request->lane != WIRE__LANE__NORMAL && request->lane != WIRE__LANE__URGENT) {
        return err_set(err, ERR_INVALID, "bus_lane_wrong", "lane=%d", (int)request->lane);
    }
    if (request->n_patterns > PATTERNS_MAX) {
        return err_set(err, ERR_INVALID, "bus_too_many", "count=%zu\nmax=%d", request->n_patterns,
                       PATTERNS_MAX);
    }
    return 0;
}

static void fill_events(struct call *call, const struct log_found *found, size_t *count,
                        ProtobufCBinaryData **events) {
    *count = found->count;
    *events = arena_alloc(call->arena, (found->count + 1) * sizeof **events);
    for (size_t i = 0; i < found->count; i++) {
        const struct bytes *body = &found->entries[i].body;
        (*events)[i].len = body->size;
        (*events)[i].data = (uint8_t *)(uintptr_t)body->data; /* packed, not changed */
    }
}

/* Nothing for this consumer up to the head: he waits, and costs nothing meanwhile. */
static bool parks(struct call *call, const Bus__PullRequest *request, const struct log_found *found,
                  uint64_t after) {
    uint32_t wait_ms = request->wait_ms < WAIT_MAX_MS ? request->wait_ms : WAIT_MAX_MS;
    bool moved = found->next - after >= LOG_EVENTS_MAX; /* else each waking looks at them again */

    if (call->expired || wait_ms == 0 || found->count > 0 || moved || found->next < found->head) {
        return false;
    }
    call->park_on = bus_lane_name(request->lane);
    call->park_until_ms = call->now_ms + wait_ms;
    return true;
}

static int pull(struct call *call, struct err *err) {
    const Bus__PullRequest *request = call->request;
    Bus__PullReply *reply = ARENA_NEW(call->arena, Bus__PullReply);
    struct log log = bus_log(call);
    struct log_found *found = ARENA_NEW(call->arena, struct log_found);

    bus__pull_reply__init(reply);
    if (check_pull(request, err) || bus_id(call, &reply->log, err)) {
        return -1;
    }
    bool same = request->log.len == reply->log.len
                && memcmp(request->log.data, reply->log.data, reply->log.len) == 0;
    struct log_want want = {
        .lane = request->lane,
        .after = same ? request->after : 0,
        .patterns = request->patterns,
        .pattern_count = request->n_patterns,
        .max = request->max > 0 && request->max < LOG_EVENTS_MAX ? request->max : LOG_EVENTS_MAX,
    };
    if (log.engine->read(&log, &want, call->arena, found, err)) {
        return -1;
    }
    note_consumer(call, request, want.after);
    /* A consumer of another log is told so at once. */
    if (same && parks(call, request, found, want.after)) {
        return 0;
    }
    fill_events(call, found, &reply->n_events, &reply->events);
    reply->next = found->next;
    reply->head = found->head;
    call->reply = &reply->base;
    return 0;
}

/* ---- a restored store takes its own later events back ---- */

static int own_events(struct call *call, const Bus__RecoverRequest *request,
                      const struct log_source *source, Bus__RecoverReply *reply, struct err *err) {
    struct log log = bus_log(call);
    struct log_found *found = ARENA_NEW(call->arena, struct log_found);
    size_t size = 0;

    for (uint64_t seq = request->after_seq + 1;
         seq <= source->head[request->lane] && found->count < LOG_EVENTS_MAX; seq++) {
        struct bytes *body = &found->entries[found->count].body;
        int there = log.engine->body(&log, source, request->lane, seq, call->arena, body, err);
        if (there < 0) {
            return -1;
        }
        if (there == 0 || (found->count > 0 && size + body->size > LOG_BYTES_MAX)) {
            break;
        }
        size += body->size;
        found->count++;
    }
    fill_events(call, found, &reply->n_events, &reply->events);
    return 0;
}

static int recover(struct call *call, struct err *err) {
    const Bus__RecoverRequest *request = call->request;
    Bus__RecoverReply *reply = ARENA_NEW(call->arena, Bus__RecoverReply);
    struct log log = bus_log(call);
    struct log_source source = {0};
    const char *peer = call->actor->staff + strlen("peer:");

    bus__recover_reply__init(reply);
    call->reply = &reply->base;
    if (request->source.len != LOG_SOURCE_SIZE) {
        return err_set(err, ERR_INVALID, "bus_source_wrong", "bytes=%zu", request->source.len);
    }
    if (request->lane != WIRE__LANE__NORMAL && request->lane != WIRE__LANE__URGENT) {
        return err_set(err, ERR_INVALID, "bus_lane_wrong", "lane=%d", (int)request->lane);
    }
    int known = log.engine->find(&log, request->source.data, &source, call->arena, err);
    if (known <= 0) {
        return known; /* a log that does not know it has none of its events */
    }
    if (!text_eq(peer, source.service)) {
        return err_set(err, ERR_DENIED, "bus_not_yours", "peer=%s\nservice=%s", call->actor->staff,
                       source.service);
    }
    reply->head_seq = source.head[request->lane];
    reply->epoch = source.epoch;
    return own_events(call, request, &source, reply, err);
}

/* ---- for operators ---- */

static void add_source(struct call *call, const struct log_source *source, Wire__Lane lane,
                       Bus__ListSourcesReply *reply) {
    Bus__Source *row = ARENA_NEW(call->arena, Bus__Source);

    bus__source__init(row);
    row->source.data = arena_copy(call->arena, source->source, LOG_SOURCE_SIZE);
    row->source.len = LOG_SOURCE_SIZE;
    row->service = source->service;
    row->lane = lane;
    row->epoch = source->epoch;
    row->head_seq = source->head[lane];
    reply->sources[reply->n_sources++] = row;
}

static int add_consumer(struct call *call, const struct consumer *consumer,
                        Bus__ListSourcesReply *reply, struct err *err) {
    struct log log = bus_log(call);
    Bus__Consumer *row = ARENA_NEW(call->arena, Bus__Consumer);

    bus__consumer__init(row);
    row->subscription = consumer->subscription;
    row->lane = consumer->lane;
    row->after = consumer->after;
    row->seen_ms = consumer->seen_ms;
    reply->consumers[reply->n_consumers++] = row;
    return log.engine->head(&log, consumer->lane, &row->head, err);
}

static int list_sources(struct call *call, struct err *err) {
    Bus__ListSourcesReply *reply = ARENA_NEW(call->arena, Bus__ListSourcesReply);
    const struct state *state = core_state(call->core);
    struct log log = bus_log(call);
    struct log_source *list = arena_alloc(call->arena, LOG_SOURCES_MAX * sizeof *list);
    int count = log.engine->sources(&log, call->arena, list, err);

    bus__list_sources_reply__init(reply);
    call->reply = &reply->base;
    if (count < 0 || bus_id(call, &reply->log, err)) {
        return -1;
    }
    reply->sources = arena_alloc(call->arena, LOG_SOURCES_MAX * LOG_LANES * sizeof(void *));
    reply->consumers = arena_alloc(call->arena, CONSUMERS_MAX * sizeof(void *));
    for (int i = 0; i < count; i++) {
        add_source(call, &list[i], WIRE__LANE__NORMAL, reply);
        add_source(call, &list[i], WIRE__LANE__URGENT, reply);
    }
    for (size_t i = 0; i < state->count; i++) {
        if (add_consumer(call, &state->consumers[i], reply, err)) {
            return -1;
        }
    }
    return 0;
}
