#include "services/bus/bus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/revision.h"
#include "services/bus/prune.h"
#include "services/bus/routing.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "store/query.h"

enum {
    CONSUMERS_MAX = 128,
    SUBSCRIPTION_MAX = 64,
    PATTERNS_MAX = 64,
    WAIT_MAX_MS = 60 * 60 * 1000,
    LIVES_MAX = 4096, /* starts of the bus whose positions are still good */
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
    {PRUNE_TIMER, prune_due, false, TIMER_AGAIN_MS},
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

/* ---- consumers: who pulled, and how far he was.  A figure; and nothing behind it is pruned ----
 */

struct consumer {
    char subscription[SUBSCRIPTION_MAX];
    Wire__Lane lane;
    uint64_t after;
    int64_t seen_ms;
};

struct state {
    struct revisions revisions; /* first: lib/engine/revision.h */
    uint8_t life[CORE_ID_SIZE]; /* the present one of the log */
    uint64_t begun[LOG_LANES];  /* where the lanes stood when it began */
    bool fresh;                 /* this store has told nothing yet: no number can come twice */
    bool overtaken;             /* a consumer knows more of it than it does itself */
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

int bus_keep_consumers(struct call *call, int64_t since_ms, struct err *err) {
    const struct state *state = core_state(call->core);

    for (size_t i = 0; i < state->count; i++) {
        const struct consumer *consumer = &state->consumers[i];
        if (consumer->seen_ms < since_ms) {
            continue;
        }
        struct query q = QUERY(call->store,
                               "INSERT OR REPLACE INTO log_consumer(subscription, lane, after,"
                               " seen_ms) VALUES(?1, ?2, ?3, ?4)");
        query_bind_text(&q, 1, consumer->subscription);
        query_bind_i64(&q, 2, (int64_t)consumer->lane);
        query_bind_i64(&q, 3, (int64_t)consumer->after);
        query_bind_i64(&q, 4, consumer->seen_ms);
        if (query_done(&q, err)) {
            return -1;
        }
    }
    return 0;
}

/* ---- the lives of the log (schema/002_life.sql) ---- */

void bus_id(struct call *call, ProtobufCBinaryData *id) {
    const struct state *state = core_state(call->core);

    id->len = CORE_ID_SIZE;
    id->data = arena_copy(call->arena, state->life, CORE_ID_SIZE);
}

static int begin_life(struct call *call, struct err *err) {
    struct state *state = core_state(call->core);
    struct log log = bus_log(call);
    uint64_t *head = state->begun;
    struct query q = QUERY(call->store, "INSERT INTO log_life(id, normal, urgent)"
                                        " VALUES(?1, ?2, ?3)");

    for (int lane = 0; lane < LOG_LANES; lane++) {
        if (log.engine->head(&log, (Wire__Lane)lane, &head[lane], err)) {
            return -1;
        }
    }
    core_random(call->core, state->life, CORE_ID_SIZE);
    query_bind_blob(&q, 1, state->life, CORE_ID_SIZE);
    query_bind_i64(&q, 2, (int64_t)head[WIRE__LANE__NORMAL]);
    query_bind_i64(&q, 3, (int64_t)head[WIRE__LANE__URGENT]);
    if (query_done(&q, err)) {
        return -1;
    }
    q = QUERY(call->store, "DELETE FROM log_life WHERE number <="
                           " (SELECT max(number) FROM log_life) - ?1");
    query_bind_i64(&q, 1, LIVES_MAX);
    return query_done(&q, err);
}

/* Where a life other than the present one ended in a lane.  1: *end.  0: it is not of this log. */
static int end_of_life(struct call *call, ProtobufCBinaryData id, Wire__Lane lane, uint64_t *end,
                       struct err *err) {
    struct query q = QUERY(call->store, "SELECT after.normal, after.urgent FROM log_life AS life"
                                        " JOIN log_life AS after ON after.number > life.number"
                                        " WHERE life.id = ?1 ORDER BY after.number LIMIT 1");

    query_bind_blob(&q, 1, id.data, id.len);
    int found = query_step(&q, err);
    if (found == 1) {
        *end = (uint64_t)query_i64(&q, lane == WIRE__LANE__URGENT);
    }
    query_end(&q);
    return found;
}

/* A consumer has seen what this store does not know: it was put back from a plain copy. */
static void is_overtaken(struct call *call, const Bus__PullRequest *request) {
    struct state *state = core_state(call->core);

    if (state->fresh || request->after == 0) {
        return;
    }
    log_error("this store is older than what was read from it",
              "subscription=%s lane=%d after=%llu do=\"goes on as a new one\"",
              request->subscription, (int)request->lane, (unsigned long long)request->after);
    state->fresh = true;
    state->overtaken = true;
    core_renew(call->core);
}

/* 1: the position that a consumer names is one of this log.  0: he begins at the start.
 * One behind the head is none of ours, whatever it says: that end of the log was lost. */
static int knows_place(struct call *call, const Bus__PullRequest *request, struct err *err) {
    const struct state *state = core_state(call->core);
    struct log log = bus_log(call);
    uint64_t end = 0;

    if (request->log.len != CORE_ID_SIZE) {
        return 0;
    }
    int found = 1;
    if (memcmp(request->log.data, state->life, CORE_ID_SIZE) == 0) {
        found = log.engine->head(&log, request->lane, &end, err) ? -1 : 1;
    } else {
        found = end_of_life(call, request->log, request->lane, &end, err);
    }
    if (found == 1 && request->after > end) {
        log_warn("position of a lost end of the log",
                 "subscription=%s lane=%d after=%llu end=%llu do=\"it begins at the start\"",
                 request->subscription, (int)request->lane, (unsigned long long)request->after,
                 (unsigned long long)end);
        return 0;
    }
    return found;
}

/* The numbers that this life gave to its own events had been given before: notify would take
 * them for repeats.  Under the new source their causes are routed again; what had been told
 * already is known to it by its cause. */
static int route_again(struct call *call, const uint64_t begun[LOG_LANES], struct err *err) {
    struct state *state = core_state(call->core);
    const bool again = state->overtaken;

    state->overtaken = false;
    for (int lane = 0; again && lane < LOG_LANES; lane++) {
        if (state->begun[lane] > begun[lane]
            && routing_again(call, (Wire__Lane)lane, begun[lane], err)) {
            return -1;
        }
    }
    return 0;
}

static int start(struct call *call, struct err *err) {
    struct state *state = core_state(call->core);
    struct log log = bus_log(call);
    struct log_source own = {0};
    uint64_t begun[LOG_LANES];
    bool told = false;
    int known = log.engine->find(&log, core_source(call->core), &own, call->arena, err);

    memcpy(begun, state->begun, sizeof begun);
    state->fresh = known == 0;
    if (known < 0 || begin_life(call, err) || prune_start(call, err) || revision_start(call, err)
        || route_again(call, begun, err)) {
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

/* Nothing for this consumer up to the head: he waits, and costs nothing meanwhile.  When he is
 * woken, what was looked at already is not looked at again. */
static bool parks(struct call *call, const Bus__PullRequest *request, const struct log_found *found,
                  uint64_t after) {
    uint32_t wait_ms = request->wait_ms < WAIT_MAX_MS ? request->wait_ms : WAIT_MAX_MS;
    bool moved = found->next - after >= LOG_EVENTS_MAX; /* he should keep that place */

    if (call->expired || wait_ms == 0 || found->count > 0 || moved || found->next < found->head) {
        return false;
    }
    call->park_on = bus_lane_name(request->lane);
    call->park_until_ms = call->now_ms + wait_ms;
    call->park_mark = found->next;
    return true;
}

static int pull(struct call *call, struct err *err) {
    const Bus__PullRequest *request = call->request;
    Bus__PullReply *reply = ARENA_NEW(call->arena, Bus__PullReply);
    struct log log = bus_log(call);
    struct log_found *found = ARENA_NEW(call->arena, struct log_found);

    bus__pull_reply__init(reply);
    if (check_pull(request, err)) {
        return -1;
    }
    int known = knows_place(call, request, err);
    if (known < 0) {
        return -1;
    }
    if (known == 0) {
        is_overtaken(call, request);
    }
    bus_id(call, &reply->log);
    const uint64_t place = known ? request->after : 0;
    struct log_want want = {
        .lane = request->lane,
        .after = known && call->park_mark > place ? call->park_mark : place,
        .patterns = request->patterns,
        .pattern_count = request->n_patterns,
        .max = request->max > 0 && request->max < LOG_EVENTS_MAX ? request->max : LOG_EVENTS_MAX,
    };
    if (log.engine->read(&log, &want, call->arena, found, err)) {
        return -1;
    }
    if (found->first > want.after + 1) {
        return err_set(err, ERR_RANGE, "log_pruned", "service=%s\nafter=%llu\nfirst=%llu",
                       request->subscription, (unsigned long long)want.after,
                       (unsigned long long)found->first);
    }
    note_consumer(call, request, place);
    /* A consumer of another log is told so at once. */
    if (known && parks(call, request, found, place)) {
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
        if (there == 0 && found->count == 0) {
            return err_set(err, ERR_RANGE, "log_pruned", "service=%s\nafter=%llu\nfirst=0",
                           source->service, (unsigned long long)request->after_seq);
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
    if (count < 0) {
        return -1;
    }
    bus_id(call, &reply->log);
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
