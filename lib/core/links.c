/*
 * links - the core's half of the talk with the bus: its own events out (relay),
 * others' in (pull), its own back after a restore (recover); and, when the bus
 * does not confirm an urgent event within 2 s, that event to notify directly.
 *
 * Every message here may be lost, repeated or late: one is in flight at a time,
 * and after a time-out the bus is asked where it stands.
 */
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "core/private.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "store/query.h"

enum {
    RELAY_EVENTS = 256,
    RELAY_BYTES = 160 * 1024,
    PULL_EVENTS = 256,
    PULL_EVENTS_LEAST = 8,
    PRUNED_WAIT_MS = 60000,
    HAND_OVER_MS = 2000,
    HAND_OVER_EVENTS = 64,
    HAND_OVER_BYTES = 40 * 1024,
    PATTERNS_MAX = 64,
};

static const char bus_peer[] = "bus";
static const char notify_peer[] = "notify";
static const char append_method[] = "shouwen.bus.v1.Bus/Append";
static const char pull_method[] = "shouwen.bus.v1.Bus/Pull";
static const char recover_method[] = "shouwen.bus.v1.Bus/Recover";
static const char hand_over_method[] = "shouwen.notify.v1.Notify/HandOver";

/* ---- loading ---- */

static void hash_patterns(struct core *core, int lane) {
    crypto_generichash_state state;
    struct puller *puller = &core->puller[lane];

    (void)crypto_generichash_init(&state, NULL, 0, CORE_ID_SIZE);
    for (size_t i = 0; i < core->subscription_count; i++) {
        const struct subscription *subscription = &core->subscriptions[i];
        if ((int)subscription->lane == lane) {
            puller->any = true;
            (void)crypto_generichash_update(&state, (const uint8_t *)subscription->name,
                                            strlen(subscription->name) + 1);
            (void)crypto_generichash_update(&state, (const uint8_t *)subscription->pattern,
                                            strlen(subscription->pattern) + 1);
        }
    }
    (void)crypto_generichash_final(&state, puller->patterns, CORE_ID_SIZE);
}

int links_load(struct core *core, struct err *err) {
    for (int lane = 0; lane < LANES; lane++) {
        struct puller *puller = &core->puller[lane];
        struct relay *relay = &core->relay[lane];
        uint64_t head = core->head.seq[lane];
        size_t size = 0;

        *puller = (struct puller){.max = PULL_EVENTS};
        *relay = (struct relay){.handed = head > CORE_GROUP_MAX ? head - CORE_GROUP_MAX : 0};
        hash_patterns(core, lane);
        struct query q = QUERY(core->store, "SELECT log, after FROM place"
                                            " WHERE lane = ?1 AND patterns = ?2");
        query_bind_i64(&q, 1, lane);
        query_bind_blob(&q, 2, puller->patterns, CORE_ID_SIZE);
        int found = query_step(&q, err);
        if (found == 1) {
            const uint8_t *log = query_blob(&q, 0, core->arena, &size);
            puller->after = (uint64_t)query_i64(&q, 1);
            if (size == CORE_ID_SIZE) {
                memcpy(puller->log, log, CORE_ID_SIZE);
            }
        }
        query_end(&q);
        if (found < 0) {
            return -1;
        }
    }
    return 0;
}

static int save_place(struct core *core, int lane, struct err *err) {
    const struct puller *puller = &core->puller[lane];
    struct query q = QUERY(core->store, "INSERT INTO place(lane, log, patterns, after)"
                                        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(lane) DO UPDATE SET"
                                        " log = excluded.log, patterns = excluded.patterns,"
                                        " after = excluded.after");

    query_bind_i64(&q, 1, lane);
    query_bind_blob(&q, 2, puller->log, CORE_ID_SIZE);
    query_bind_blob(&q, 3, puller->patterns, CORE_ID_SIZE);
    query_bind_i64(&q, 4, (int64_t)puller->after);
    return query_done(&q, err);
}

/* ---- saying ---- */

static bool timed_out(const struct core *core, const struct flight *flight, int64_t after_ms) {
    return flight->busy && core->now_ms - flight->sent_ms >= after_ms;
}

static ProtobufCBinaryData id_of(uint8_t *data) {
    return (ProtobufCBinaryData){.len = CORE_ID_SIZE, .data = data};
}

/* Own events of a lane after one, as an Append; how many there are. */
static int own_events(struct core *core, int lane, uint64_t after, size_t max, size_t bytes,
                      Bus__AppendRequest *request) {
    struct err err = {0};
    struct bytes *events = arena_alloc(core->out_arena, max * sizeof *events);
    int count = event_read(core->store, (Wire__Lane)lane, after, max, bytes, core->out_arena,
                           events, &err);

    if (count < 0) {
        return -1;
    }
    request->source = id_of(core->source);
    request->service = core->def->name;
    request->epoch = core->epoch;
    request->lane = (Wire__Lane)lane;
    request->first_seq = after + 1;
    request->n_events = (size_t)count;
    request->events = arena_alloc(core->out_arena, (size_t)count * sizeof *request->events + 1);
    for (int i = 0; i < count; i++) {
        request->events[i].len = events[i].size;
        request->events[i].data = (uint8_t *)(uintptr_t)events[i].data; /* read, not changed */
    }
    return count;
}

/* What is not urgent waits a little for more, unless there is enough for a whole Append. */
static int64_t relay_from(const struct core *core, int lane) {
    const struct relay *relay = &core->relay[lane];
    const bool gathers = lane == WIRE__LANE__NORMAL && relay->known && relay->waiting_since_ms != 0
                         && core->committed.seq[lane] - relay->confirmed < RELAY_EVENTS;
    const int64_t gathered_ms = relay->waiting_since_ms + core->config.gather_ms;

    return gathers && gathered_ms > relay->retry_ms ? gathered_ms : relay->retry_ms;
}

static void plan_relay(struct core *core, int lane) {
    struct relay *relay = &core->relay[lane];
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    bool behind = !relay->known || relay->confirmed < core->committed.seq[lane];

    if (timed_out(core, &relay->flight, LINK_TIMEOUT_MS)) {
        relay->flight.busy = false;
        relay->known = false;
    }
    if (!behind || core->committed.seq[lane] == 0) {
        relay->waiting_since_ms = 0;
    } else if (relay->waiting_since_ms == 0 && core->committed.seq[lane] > relay->confirmed) {
        relay->waiting_since_ms = core->now_ms;
    }
    if (relay->flight.busy || !behind || core->now_ms < relay_from(core, lane)) {
        return;
    }
    int count = own_events(core, lane, relay->confirmed, relay->known ? RELAY_EVENTS : 0,
                           RELAY_BYTES, &request);
    if (count < 0) { /* no memory to read them */
        relay->retry_ms = core->now_ms + DISK_WAIT_MS;
    } else {
        core_send(core, bus_peer, append_method, &request.base, &relay->flight);
    }
}

static void plan_hand_over(struct core *core) {
    struct relay *relay = &core->relay[WIRE__LANE__URGENT];
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    uint64_t after = relay->handed > relay->confirmed ? relay->handed : relay->confirmed;

    if (timed_out(core, &relay->hand_flight, LINK_TIMEOUT_MS)) {
        relay->hand_flight.busy = false;
    }
    if (strcmp(core->def->name, notify_peer) == 0 || relay->hand_flight.busy
        || relay->waiting_since_ms == 0 || core->now_ms < relay->hand_retry_ms
        || core->now_ms - relay->waiting_since_ms < HAND_OVER_MS
        || after >= core->committed.seq[WIRE__LANE__URGENT]) {
        return;
    }
    int count = own_events(core, WIRE__LANE__URGENT, after, HAND_OVER_EVENTS, HAND_OVER_BYTES,
                           &request);
    if (count < 0) {
        relay->hand_retry_ms = core->now_ms + DISK_WAIT_MS;
    } else if (count > 0) {
        Notify__HandOverRequest hand = NOTIFY__HAND_OVER_REQUEST__INIT;
        hand.n_events = request.n_events;
        hand.events = request.events;
        relay->handing = after + (uint64_t)count;
        relay->hand_retry_ms = core->now_ms + LINK_RETRY_MS;
        core_send(core, notify_peer, hand_over_method, &hand.base, &relay->hand_flight);
    }
}

static void plan_pull(struct core *core, int lane) {
    struct puller *puller = &core->puller[lane];
    Bus__PullRequest request = BUS__PULL_REQUEST__INIT;
    const char *patterns[PATTERNS_MAX];

    if (timed_out(core, &puller->flight, core->config.pull_wait_ms + LINK_TIMEOUT_MS)) {
        puller->flight.busy = false;
    }
    if (!puller->any || puller->flight.busy || core->now_ms < puller->retry_ms) {
        return;
    }
    for (size_t i = 0; i < core->subscription_count && request.n_patterns < PATTERNS_MAX; i++) {
        if ((int)core->subscriptions[i].lane == lane) {
            patterns[request.n_patterns++] = core->subscriptions[i].pattern;
        }
    }
    request.patterns = patterns;
    request.subscription = core->def->name;
    request.lane = (Wire__Lane)lane;
    request.log = id_of(puller->log);
    request.after = puller->after;
    /* Of a full disk one event finds out whether there is room again. */
    request.max = core->disk_doubt ? 1 : puller->max;
    /* The first answer comes at once: it tells the head to catch up with. */
    request.wait_ms = puller->head_seen && puller->tries == 0 ? (uint32_t)core->config.pull_wait_ms
                                                              : 0;
    core_send(core, bus_peer, pull_method, &request.base, &puller->flight);
}

static void plan_recover(struct core *core) {
    Bus__RecoverRequest request = BUS__RECOVER_REQUEST__INIT;

    if (timed_out(core, &core->recover_flight, LINK_TIMEOUT_MS)) {
        core->recover_flight.busy = false;
    }
    if (core->recover_flight.busy || core->now_ms < core->recover_retry_ms) {
        return;
    }
    request.source = id_of(core->source);
    request.lane = (Wire__Lane)core->recover_lane;
    request.after_seq = core->head.seq[core->recover_lane];
    core_send(core, bus_peer, recover_method, &request.base, &core->recover_flight);
}

void links_plan(struct core *core) {
    if (core->def->is_bus || core->fenced) {
        return;
    }
    if (core->restored) {
        plan_recover(core);
        return;
    }
    for (int lane = LANES - 1; lane >= 0; lane--) {
        plan_relay(core, lane);
        plan_pull(core, lane);
    }
    plan_hand_over(core);
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t links_wake(const struct core *core) {
    int64_t wake = never_ms;

    if (core->def->is_bus || core->fenced) {
        return wake;
    }
    if (core->restored) {
        return core->recover_flight.busy ? core->recover_flight.sent_ms + LINK_TIMEOUT_MS
                                         : core->recover_retry_ms;
    }
    for (int lane = 0; lane < LANES; lane++) {
        const struct relay *relay = &core->relay[lane];
        const struct puller *puller = &core->puller[lane];
        if (relay->flight.busy) {
            wake = sooner(wake, relay->flight.sent_ms + LINK_TIMEOUT_MS);
        } else if (!relay->known || relay->confirmed < core->committed.seq[lane]) {
            wake = sooner(wake, relay_from(core, lane));
        }
        if (puller->flight.busy) {
            wake = sooner(wake,
                          puller->flight.sent_ms + core->config.pull_wait_ms + LINK_TIMEOUT_MS);
        } else if (puller->any) {
            wake = sooner(wake, puller->retry_ms);
        }
    }
    const struct relay *urgent = &core->relay[WIRE__LANE__URGENT];
    if (urgent->waiting_since_ms != 0 && urgent->handed < core->committed.seq[WIRE__LANE__URGENT]
        && strcmp(core->def->name, notify_peer) != 0) {
        int64_t hand = urgent->waiting_since_ms + HAND_OVER_MS;
        hand = urgent->hand_flight.busy       ? urgent->hand_flight.sent_ms + LINK_TIMEOUT_MS
               : hand < urgent->hand_retry_ms ? urgent->hand_retry_ms
                                              : hand;
        wake = sooner(wake, hand);
    }
    return wake;
}

/* Asked again in so many ms; what waits for longer, for memory or the disk, goes on waiting. */
static void drop_flight(struct core *core, struct flight *flight, int64_t *retry_ms,
                        int64_t again_ms) {
    const int64_t at_ms = core->now_ms + again_ms;

    if (flight->busy || (at_ms < *retry_ms && *retry_ms <= core->now_ms + LINK_RETRY_MS)) {
        flight->busy = false;
        *retry_ms = at_ms;
    }
}

void links_lost(struct core *core, const char *peer, int64_t again_ms) {
    if (strcmp(peer, notify_peer) == 0) {
        struct relay *relay = &core->relay[WIRE__LANE__URGENT];
        drop_flight(core, &relay->hand_flight, &relay->hand_retry_ms, again_ms);
    }
    if (strcmp(peer, bus_peer) != 0) {
        return;
    }
    for (int lane = 0; lane < LANES; lane++) {
        struct relay *relay = &core->relay[lane];
        struct puller *puller = &core->puller[lane];
        relay->known = false;
        drop_flight(core, &relay->flight, &relay->retry_ms, again_ms);
        drop_flight(core, &puller->flight, &puller->retry_ms, again_ms);
    }
    drop_flight(core, &core->recover_flight, &core->recover_retry_ms, again_ms);
}

/* What a peer says could not be kept: it is not asked again before. */
void links_wait(struct core *core, int64_t until_ms) {
    for (int lane = 0; lane < LANES; lane++) {
        core->puller[lane].retry_ms = until_ms;
    }
    core->recover_retry_ms = until_ms;
}

/* ---- what an answer changed, when its transaction is undone ---- */

struct link_memory links_memory(const struct core *core) {
    struct link_memory memory = {
        .restored = core->restored,
        .epoch = core->epoch,
        .recover_flight = core->recover_flight,
        .recover_retry_ms = core->recover_retry_ms,
        .recover_lane = core->recover_lane,
    };

    memcpy(memory.relay, core->relay, sizeof memory.relay);
    memcpy(memory.puller, core->puller, sizeof memory.puller);
    memcpy(memory.recover_done, core->recover_done, sizeof memory.recover_done);
    return memory;
}

/* Fenced stays: that the bus has more is true whatever was undone. */
void links_undo(struct core *core, const struct link_memory *before) {
    memcpy(core->relay, before->relay, sizeof before->relay);
    memcpy(core->puller, before->puller, sizeof before->puller);
    memcpy(core->recover_done, before->recover_done, sizeof before->recover_done);
    core->restored = before->restored;
    core->epoch = before->epoch;
    core->recover_flight = before->recover_flight;
    core->recover_retry_ms = before->recover_retry_ms;
    core->recover_lane = before->recover_lane;
}

/* ---- hearing ---- */

/* The bus has more of this store than the store itself: an old copy, or a second one. */
static void fence(struct core *core, uint64_t head, uint64_t epoch) {
    core->fenced = true;
    log_error(
        "fenced",
        "why=\"the bus has later events of this store\" epoch=%llu bus_epoch=%llu bus_head=%llu"
        " do=\"restore it with: shouwen restore\"",
        (unsigned long long)core->epoch, (unsigned long long)epoch, (unsigned long long)head);
}

/* The bus heard a later life of this store, or other events under its numbers. */
static bool is_fenced_off(const Wire__Reply *reply) {
    return reply->code == WIRE__CODE__FAILED_PRECONDITION
           && (strcmp(reply->rule, "bus_epoch_low") == 0
               || strcmp(reply->rule, "bus_conflict") == 0);
}

static int hear_append(struct core *core, int lane, const Wire__Reply *reply) {
    struct relay *relay = &core->relay[lane];
    ProtobufCAllocator allocator = arena_protobuf(core->arena);

    relay->flight.busy = false;
    Bus__AppendReply *said = reply->code == WIRE__CODE__OK ? bus__append_reply__unpack(
                                 &allocator, reply->payload.len, reply->payload.data)
                                                           : NULL;
    if (!said && is_fenced_off(reply)) {
        fence(core, 0, 0);
        return 0;
    }
    if (!said) {
        relay->known = false;
        relay->retry_ms = core->now_ms + LINK_RETRY_MS;
        return 0;
    }
    if (said->head_seq > core->committed.seq[lane] || said->epoch > core->epoch) {
        fence(core, said->head_seq, said->epoch);
        return 0;
    }
    if (said->head_seq < relay->confirmed) {
        log_warn("the bus has lost events",
                 "lane=%d confirmed=%llu head=%llu lost=%llu do=\"they are sent again\"", lane,
                 (unsigned long long)relay->confirmed, (unsigned long long)said->head_seq,
                 (unsigned long long)(relay->confirmed - said->head_seq));
    }
    relay->known = true;
    relay->confirmed = said->head_seq;
    relay->waiting_since_ms = 0;
    relay->retry_ms = 0;
    return 0;
}

bool links_alone(const struct core *core) {
    for (int lane = 0; lane < LANES; lane++) {
        if (core->puller[lane].tries > 0 && core->puller[lane].flight.busy) {
            return true;
        }
    }
    return false;
}

/* What is asked for is no longer in the bus's log: that does not mend itself.  When again. */
static int64_t after_refusal(const struct core *core, const Wire__Reply *reply, const char *what) {
    if (strcmp(reply->rule, "log_pruned") != 0) {
        return core->now_ms + LINK_RETRY_MS;
    }
    log_error("the log of the bus does not reach back so far",
              "what=%s again_ms=%d do=\"see services/bus/README.md, log_pruned\"", what,
              PRUNED_WAIT_MS);
    return core->now_ms + PRUNED_WAIT_MS;
}

/* An answer that takes longer than a group may is too large: people wait behind it. */
static void fit(const struct core *core, struct puller *puller, size_t count) {
    const bool over = core->config.group_over && core->config.group_over(core->config.arg);

    if (over) {
        const size_t half = count / 2;
        puller->max = half > PULL_EVENTS_LEAST ? (uint32_t)half : PULL_EVENTS_LEAST;
    } else if (count >= puller->max && puller->max < PULL_EVENTS) {
        puller->max *= 2;
    }
}

static int hear_pull(struct core *core, int lane, const Wire__Reply *reply, struct err *err) {
    struct puller *puller = &core->puller[lane];
    ProtobufCAllocator allocator = arena_protobuf(core->arena);

    puller->flight.busy = false;
    puller->retry_ms = after_refusal(core, reply, "pull"); /* unless all goes well */
    Bus__PullReply *said = reply->code == WIRE__CODE__OK ? bus__pull_reply__unpack(
                               &allocator, reply->payload.len, reply->payload.data)
                                                         : NULL;
    if (!said || said->log.len != CORE_ID_SIZE) {
        return 0;
    }
    int rc = intake_events(core, puller, said->events, said->n_events, err);
    if (rc != 0) {
        return rc < 0 ? -1 : 0; /* asked again from where it was: the cursors skip what is done */
    }
    puller->tries = 0;
    if (!puller->head_seen) {
        puller->head_seen = true;
        puller->start_head = said->head;
    }
    if (said->head < puller->start_head) {
        puller->start_head = said->head; /* a log that lost its end need not reach it again */
    }
    /* Also when nothing was for us: the bus forgets what is behind the place it was told. */
    bool moved = puller->after != said->next
                 || memcmp(puller->log, said->log.data, CORE_ID_SIZE) != 0;
    memcpy(puller->log, said->log.data, CORE_ID_SIZE);
    puller->after = said->next;
    const bool gathers = (lane == WIRE__LANE__NORMAL || core->def->patient) && said->n_events > 0
                         && said->next >= said->head;
    const int64_t gather_ms = (core->def->patient ? 2 : 1) * core->config.gather_ms;
    puller->retry_ms = gathers ? core->now_ms + gather_ms : 0;
    fit(core, puller, said->n_events);
    return moved ? save_place(core, lane, err) : 0;
}

/* A request that had been carried out before the copy was made later: it is known as done. */
static int remember_done(struct core *core, const Wire__Event *event, struct err *err) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id = event->cause->request;
    reply.code = WIRE__CODE__ALREADY_EXISTS;
    reply.rule = "done_before_restore";
    reply.message = core_text(core, reply.rule, "", "zh", core->arena);
    struct bytes packed = core_pack(&reply.base, core->arena);
    struct query q = QUERY(core->store, "INSERT INTO request(actor, id, hash, reply)"
                                        " VALUES(?1, ?2, x'', ?3) ON CONFLICT DO NOTHING");
    query_bind_text(&q, 1, event->actor);
    query_bind_blob(&q, 2, event->cause->request.data, event->cause->request.len);
    query_bind_blob(&q, 3, packed.data, packed.size);
    return query_done(&q, err);
}

static int fold(struct core *core, Wire__Event *event, struct bytes body, struct err *err) {
    struct call call = core_call(core);

    if (event_restore(core, event, body, err)) {
        return -1;
    }
    call.event = event;
    call.recovering = true;
    if (core->def->fold && core->def->fold(&call, err)) {
        return -1;
    }
    const Wire__Cause *cause = event->cause;
    if (cause && cause->source.len == CORE_ID_SIZE && cause->subscription[0]) {
        (void)intake_set(core, cause->subscription, cause->source.data, cause->lane, cause->seq);
    }
    return cause && cause->request.len == CORE_ID_SIZE ? remember_done(core, event, err) : 0;
}

/* The new life has a number that none had before it: above those that the store and the bus
 * know, and by chance far from those that neither heard of, for the store may have been
 * started since the copy was made while the bus was down. */
static int end_recovery(struct core *core, uint64_t bus_epoch, struct err *err) {
    uint32_t unheard = 0;

    core_random(core, &unheard, sizeof unheard);
    core->epoch = (bus_epoch > core->epoch ? bus_epoch : core->epoch) + 1 + unheard;
    core->restored = false;
    log_info("recovered", "service=%s position=%llu epoch=%llu", core->def->name,
             (unsigned long long)core->head.position, (unsigned long long)core->epoch);
    return core_meta_put(core, "restored", 0, err)
                   || core_meta_put(core, "epoch", (int64_t)core->epoch, err)
               ? -1
               : 0;
}

static int hear_recover(struct core *core, const Wire__Reply *reply, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    int lane = core->recover_lane;

    core->recover_flight.busy = false;
    core->recover_retry_ms = after_refusal(core, reply, "recover");
    Bus__RecoverReply *said = reply->code == WIRE__CODE__OK ? bus__recover_reply__unpack(
                                  &allocator, reply->payload.len, reply->payload.data)
                                                            : NULL;
    if (!said) {
        return 0;
    }
    for (size_t i = 0; i < said->n_events; i++) {
        struct bytes body = {said->events[i].data, said->events[i].len};
        Wire__Event *event = wire__event__unpack(&allocator, body.size, body.data);
        if (!event || event->position != core->head.position + 1) {
            break; /* the other lane goes first */
        }
        if (fold(core, event, body, err)) {
            return -1;
        }
    }
    core->recover_retry_ms = 0;
    core->recover_done[lane] = core->head.seq[lane] >= said->head_seq;
    core->recover_lane = (lane + 1) % LANES;
    return core->recover_done[0] && core->recover_done[1] ? end_recovery(core, said->epoch, err)
                                                          : 0;
}

static bool answers(const struct flight *flight, const Wire__Reply *reply) {
    return flight->busy && reply->id.len == CORE_ID_SIZE
           && memcmp(flight->id, reply->id.data, CORE_ID_SIZE) == 0;
}

int links_reply(struct core *core, const struct input *input, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    const Wire__Reply *reply = wire__reply__unpack(&allocator, input->size, input->data);

    if (!reply) {
        return 0;
    }
    for (int lane = 0; lane < LANES; lane++) {
        if (answers(&core->relay[lane].flight, reply)) {
            return hear_append(core, lane, reply);
        }
        if (answers(&core->puller[lane].flight, reply)) {
            return hear_pull(core, lane, reply, err);
        }
        struct relay *relay = &core->relay[lane];
        if (answers(&relay->hand_flight, reply)) {
            relay->hand_flight.busy = false;
            if (reply->code == WIRE__CODE__OK) {
                relay->handed = relay->handing;
            }
            return 0;
        }
    }
    if (answers(&core->recover_flight, reply)) {
        return hear_recover(core, reply, err);
    }
    return 0; /* late: its question was asked again */
}

bool core_ready(const struct core *core) {
    if (core->restored || core->fenced || !core->manual_ready) {
        return false;
    }
    for (int lane = 0; lane < LANES; lane++) {
        const struct puller *puller = &core->puller[lane];
        if (puller->any && (!puller->head_seen || puller->after < puller->start_head)) {
            return false;
        }
    }
    return true;
}

int core_revoke(struct call *call, const Wire__Event *event, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO revoked(staff, generation) VALUES(?1, ?2)"
                                        " ON CONFLICT(staff) DO UPDATE SET"
                                        " generation = max(generation, excluded.generation)");

    query_bind_text(&q, 1, value_text(event->fields, event->n_fields, "staff"));
    query_bind_i64(&q, 2, value_i64(event->fields, event->n_fields, "generation", 0));
    dispatch_forget_tokens(call->core);
    return query_done(&q, err);
}

int links_revoked(struct call *call, struct err *err) {
    return core_revoke(call, call->event, err);
}
