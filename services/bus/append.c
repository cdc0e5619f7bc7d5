#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "services/bus/bus.h"
#include "services/bus/routing.h"
#include "shouwen/bus/v1/bus.pb-c.h"

/*
 * What may be appended.  The log is each source's own history: contiguous, never
 * changed, never continued by an older life of the store.  A source that says
 * otherwise was restored without its later events, or runs twice; it is refused
 * and told where the log stands.
 */

enum { PEER_PREFIX = 5 /* "peer:" */ };

static int check_request(const struct call *call, const Bus__AppendRequest *request,
                         struct err *err) {
    const char *peer = call->actor->staff;

    if (request->source.len != LOG_SOURCE_SIZE) {
        return err_set(err, ERR_INVALID, "bus_source_wrong", "bytes=%zu", request->source.len);
    }
    if (request->lane != WIRE__LANE__NORMAL && request->lane != WIRE__LANE__URGENT) {
        return err_set(err, ERR_INVALID, "bus_lane_wrong", "lane=%d", (int)request->lane);
    }
    if (request->n_events > LOG_EVENTS_MAX) {
        return err_set(err, ERR_INVALID, "bus_too_many", "count=%zu\nmax=%d", request->n_events,
                       LOG_EVENTS_MAX);
    }
    if (request->n_events > 0 && request->first_seq == 0) {
        return err_set(err, ERR_INVALID, "bus_event_wrong", "seq=0");
    }
    if (!text_starts(peer, "peer:") || !text_eq(peer + PEER_PREFIX, request->service)
        || memcmp(request->source.data, core_source(call->core), LOG_SOURCE_SIZE) == 0) {
        return err_set(err, ERR_DENIED, "bus_not_yours", "peer=%s\nservice=%s", peer,
                       request->service);
    }
    return 0;
}

/* The log says where it stands with everything that it refuses. */
static int refuse(const Bus__AppendRequest *request, const struct log_source *source,
                  const char *rule, struct err *err) {
    unsigned long long head = source->head[request->lane];

    log_error("append refused",
              "rule=%s service=%s lane=%d first=%llu head=%llu epoch=%llu"
              " log_epoch=%llu",
              rule, request->service, (int)request->lane, (unsigned long long)request->first_seq,
              head, (unsigned long long)request->epoch, (unsigned long long)source->epoch);
    return err_set(err, ERR_PRECONDITION, rule, "service=%s\nhead=%llu\nepoch=%llu",
                   request->service, head, (unsigned long long)source->epoch);
}

/* The source as the log knows it; a new one or a new epoch is written down. */
static int find_source(struct call *call, const struct log *log, const Bus__AppendRequest *request,
                       struct log_source *source, struct err *err) {
    int found = log->engine->find(log, request->source.data, source, call->arena, err);

    if (found < 0) {
        return -1;
    }
    if (found == 1 && !text_eq(source->service, request->service)) {
        return err_set(err, ERR_DENIED, "bus_not_yours", "peer=%s\nservice=%s", call->actor->staff,
                       source->service);
    }
    if (found == 1 && request->epoch < source->epoch) {
        return refuse(request, source, "bus_epoch_low", err);
    }
    if (found == 1 && request->epoch == source->epoch) {
        return 0;
    }
    memcpy(source->source, request->source.data, LOG_SOURCE_SIZE);
    source->service = request->service;
    source->epoch = request->epoch;
    return log->engine->put(log, source, err);
}

/* Events that are in the log already must be the same ones; of those that were removed from it
 * nobody can say.  Returns how many, or -1. */
static int skip_repeats(struct call *call, const struct log *log, const Bus__AppendRequest *request,
                        const struct log_source *source, struct err *err) {
    size_t count = 0;

    while (count < request->n_events && request->first_seq + count <= source->head[request->lane]) {
        const ProtobufCBinaryData *event = &request->events[count];
        size_t used = arena_used(call->arena);
        struct bytes stored = {0};
        int found = log->engine->body(log, source, request->lane, request->first_seq + count,
                                      call->arena, &stored, err);
        if (found < 0) {
            return -1;
        }
        bool same = found == 0
                    || (stored.size == event->len
                        && memcmp(stored.data, event->data, event->len) == 0);
        arena_rewind(call->arena, used);
        if (!same) {
            return refuse(request, source, "bus_conflict", err);
        }
        count++;
    }
    return (int)count;
}

/* The event's own source may be an older id of this store: one that accepted a loss goes
 * on under a new one, and its old events stay what they are. */
static bool event_fits(const Wire__Event *event, const Bus__AppendRequest *request, uint64_t seq) {
    size_t topic = strlen(event->topic);

    return event->source.len == LOG_SOURCE_SIZE && event->lane == request->lane && event->seq == seq
           && event->epoch <= request->epoch && topic > 0 && topic <= CORE_TOPIC_MAX
           && !text_check(event->topic, topic, CORE_TOPIC_MAX, false)
           && text_eq(event->service, request->service);
}

/* One event of the request, checked; only its topic stays in the arena. */
static int check_event(struct call *call, const Bus__AppendRequest *request, size_t index,
                       struct log_entry *entry, struct err *err) {
    const ProtobufCBinaryData *data = &request->events[index];
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    size_t used = arena_used(call->arena);
    char topic[CORE_TOPIC_MAX + 1] = "";

    entry->seq = request->first_seq + index;
    entry->body = (struct bytes){.data = data->data, .size = data->len};
    Wire__Event *event = data->len <= LOG_EVENT_MAX
                             ? wire__event__unpack(&allocator, data->len, data->data)
                             : NULL;
    bool fits = event && event_fits(event, request, entry->seq);
    if (fits) {
        memcpy(topic, event->topic, strlen(event->topic) + 1);
    }
    arena_rewind(call->arena, used);
    if (!fits) {
        return err_set(err, ERR_INVALID, "bus_event_wrong", "seq=%llu",
                       (unsigned long long)entry->seq);
    }
    entry->topic = arena_copy(call->arena, topic, strlen(topic));
    return 0;
}

/* The bus pulls nothing: an account that ends is ended here by what is appended. */
static int take_revoked(struct call *call, const struct log_entry *entries, size_t count,
                        struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);

    for (size_t i = 0; i < count; i++) {
        if (!text_eq(entries[i].topic, CORE_REVOKED)) {
            continue;
        }
        const Wire__Event *event = wire__event__unpack(&allocator, entries[i].body.size,
                                                       entries[i].body.data);
        if (event && core_revoke(call, event, err)) {
            return -1;
        }
    }
    return 0;
}

static int take(struct call *call, const struct log *log, const Bus__AppendRequest *request,
                struct log_source *source, struct err *err) {
    struct log_entry *entries = arena_alloc(call->arena, LOG_EVENTS_MAX * sizeof *entries);
    bool told = false;
    int repeats = skip_repeats(call, log, request, source, err);
    size_t count = 0;

    if (repeats < 0) {
        return -1;
    }
    for (size_t i = (size_t)repeats; i < request->n_events; i++) {
        if (check_event(call, request, i, &entries[count++], err)) {
            return -1;
        }
    }
    if (count > 0 && entries[0].seq != source->head[request->lane] + 1) {
        return refuse(request, source, "bus_gap", err);
    }
    if (log->engine->append(log, source, request->lane, entries, count, err)
        || take_revoked(call, entries, count, err)
        || routing_take(call, log, request->lane, entries, count, &told, err)) {
        return -1;
    }
    if (count > 0) {
        core_notify(call->core, bus_lane_name(request->lane));
    }
    return 0;
}

int bus_append(struct call *call, struct err *err) {
    const Bus__AppendRequest *request = call->request;
    Bus__AppendReply *reply = ARENA_NEW(call->arena, Bus__AppendReply);
    struct log log = bus_log(call);
    struct log_source source = {0};

    if (check_request(call, request, err) || find_source(call, &log, request, &source, err)
        || take(call, &log, request, &source, err)) {
        return -1;
    }
    bus__append_reply__init(reply);
    reply->head_seq = source.head[request->lane];
    reply->epoch = source.epoch;
    call->reply = &reply->base;
    bus_id(call, &reply->log);
    return 0;
}
