#include "services/bus/routing.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "engine/revision.h"
#include "engine/route.h"
#include "services/bus/bus.h"
#include "store/query.h"

enum { SLICE = 64 }; /* events of the backlog in one go; each may make ROUTE_PAGES_MAX pages */

#define MANUAL_TOPIC "manual.published"

static bool concerns(const struct manual *manual, const char *topic) {
    const Manual__Routes *routes = manual_routes(manual);

    for (size_t i = 0; routes && i < routes->n_route; i++) {
        if (text_match(routes->route[i]->event, topic)) {
            return true;
        }
    }
    return false;
}

static bool is_own(const struct call *call, const Wire__Event *event) {
    return event->source.len == CORE_ID_SIZE
           && memcmp(event->source.data, core_source(call->core), CORE_ID_SIZE) == 0;
}

/* The call that an event makes: its cause is the event. */
static struct call caused(const struct call *call, const Wire__Event *event, Wire__Cause *cause) {
    struct call made = *call;

    wire__cause__init(cause);
    cause->source = event->source;
    cause->lane = event->lane;
    cause->seq = event->seq;
    cause->epoch = event->epoch;
    made.event = event;
    made.cause = cause;
    return made;
}

static int route_one(const struct call *call, const struct manual *manual, const Wire__Event *event,
                     bool *told, struct err *err) {
    struct route_page pages[ROUTE_PAGES_MAX];
    Wire__Cause cause;
    struct call made = caused(call, event, &cause);
    size_t count = is_own(call, event) ? 0 : route_event(manual, event, pages, call->arena);

    for (size_t i = 0; i < count; i++) {
        Wire__Event *requested = route_requested(&pages[i], event, call->arena);
        if (event_put(&made, requested, err)) {
            return -1;
        }
        *told = true;
    }
    return 0;
}

/* The manual in force, or NULL: then nothing can be routed yet. */
static const struct manual *current(struct call *call) {
    struct err none;

    return revision_current(call, &none);
}

static int take_manual(const struct call *call, const Wire__Event *event, struct err *err) {
    Wire__Cause cause;
    struct call made = caused(call, event, &cause);

    return revision_on_published(&made, err);
}

static Wire__Event *unpack(const struct call *call, struct bytes body) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);

    return wire__event__unpack(&allocator, body.size, body.data);
}

static int look_at(struct call *call, const struct log_entry *entry, bool *told, struct err *err) {
    const struct manual *manual = current(call);
    bool published = text_eq(entry->topic, MANUAL_TOPIC);

    if (!published && !(manual && concerns(manual, entry->topic))) {
        return 0;
    }
    const Wire__Event *event = unpack(call, entry->body);
    if (!event) {
        return err_set(err, ERR_EXHAUSTED, "bus_event_unread", "seq=%llu",
                       (unsigned long long)entry->seq);
    }
    if (published && take_manual(call, event, err)) {
        return -1;
    }
    return manual ? route_one(call, manual, event, told, err) : 0;
}

/* ---- what waits for a manual ---- */

/* 1: events of this lane after *after wait.  0: none do. */
static int waiting(struct call *call, Wire__Lane lane, uint64_t *after, struct err *err) {
    struct query q = QUERY(call->store, "SELECT after FROM log_unrouted WHERE lane = ?1");

    query_bind_i64(&q, 1, (int64_t)lane);
    int found = query_step(&q, err);
    if (found == 1) {
        *after = (uint64_t)query_i64(&q, 0);
    }
    query_end(&q);
    return found;
}

static int wait_after(struct call *call, Wire__Lane lane, uint64_t after, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO log_unrouted(lane, after) VALUES(?1, ?2)"
                                        " ON CONFLICT(lane) DO UPDATE SET after = excluded.after");

    query_bind_i64(&q, 1, (int64_t)lane);
    query_bind_i64(&q, 2, (int64_t)after);
    return query_done(&q, err);
}

static int wait_no_more(struct call *call, Wire__Lane lane, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM log_unrouted WHERE lane = ?1");

    query_bind_i64(&q, 1, (int64_t)lane);
    return query_done(&q, err);
}

/* Sets the timer for each lane in which events wait. */
static int wake_backlog(struct call *call, struct err *err) {
    for (int lane = 0; lane < LOG_LANES; lane++) {
        uint64_t after = 0;
        int found = waiting(call, (Wire__Lane)lane, &after, err);
        if (found < 0) {
            return -1;
        }
        if (found == 1
            && timer_set(call, ROUTING_TIMER, "", lane ? "urgent" : "normal", lane, call->now_ms,
                         err)) {
            return -1;
        }
    }
    return 0;
}

int routing_again(struct call *call, Wire__Lane lane, uint64_t after, struct err *err) {
    uint64_t waits = 0;
    int found = waiting(call, lane, &waits, err);

    if (found < 0 || ((found == 0 || after < waits) && wait_after(call, lane, after, err))) {
        return -1;
    }
    return wake_backlog(call, err);
}

int routing_due(struct call *call, const struct due *due, struct err *err) {
    struct log log = bus_log(call);
    Wire__Lane lane = due->mark ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL;
    struct log_want want = {.lane = lane, .max = SLICE};
    struct log_found *found = ARENA_NEW(call->arena, struct log_found);
    const struct manual *manual = current(call);
    bool told = false;

    int waits = waiting(call, lane, &want.after, err);
    if (waits <= 0 || !manual) {
        return waits < 0 ? -1 : 0;
    }
    if (log.engine->read(&log, &want, call->arena, found, err)) {
        return -1;
    }
    for (size_t i = 0; i < found->count; i++) {
        const Wire__Event *event = unpack(call, found->entries[i].body);
        if (event && route_one(call, manual, event, &told, err)) {
            return -1;
        }
    }
    if (routing_own(call, &log, &told, err)) {
        return -1;
    }
    return found->next >= found->head ? wait_no_more(call, lane, err)
           : wait_after(call, lane, found->next, err)
               ? -1
               : timer_set(call, ROUTING_TIMER, "", due->name, due->mark, call->now_ms, err);
}

/* ---- what has just come ---- */

int routing_take(struct call *call, const struct log *log, Wire__Lane lane,
                 const struct log_entry *entries, size_t count, bool *told, struct err *err) {
    bool had_manual = current(call) != NULL;
    uint64_t after = 0;
    int behind = count > 0 ? waiting(call, lane, &after, err) : 0;

    if (behind < 0) {
        return -1;
    }
    if (behind == 0 && count > 0 && !had_manual
        && wait_after(call, lane, entries[0].position - 1, err)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool later = behind == 1 || !had_manual; /* the backlog comes first; it will come by */
        if (later && !text_eq(entries[i].topic, MANUAL_TOPIC)) {
            continue;
        }
        size_t used = arena_used(call->arena);
        bool routed = false;
        if (look_at(call, &entries[i], &routed, err)) {
            return -1;
        }
        *told = *told || routed;
        if (!routed && !text_eq(entries[i].topic, MANUAL_TOPIC)) {
            arena_rewind(call->arena, used);
        }
    }
    if (!had_manual && current(call) && wake_backlog(call, err)) {
        return -1;
    }
    return *told ? routing_own(call, log, told, err) : 0;
}

/* ---- the bus's own events ---- */

static int own_source(struct call *call, const struct log *log, struct log_source *own,
                      struct err *err) {
    int found = log->engine->find(log, core_source(call->core), own, call->arena, err);

    if (found < 0 || (found == 1 && own->epoch == core_epoch(call->core))) {
        return found < 0 ? -1 : 0;
    }
    memcpy(own->source, core_source(call->core), CORE_ID_SIZE);
    own->service = core_def(call->core)->name;
    own->epoch = core_epoch(call->core);
    return log->engine->put(log, own, err);
}

static int own_lane(struct call *call, const struct log *log, struct log_source *own,
                    Wire__Lane lane, struct err *err) {
    const size_t used = arena_used(call->arena);
    struct bytes *events = arena_alloc(call->arena, LOG_EVENTS_MAX * sizeof *events);
    struct log_entry *entries = arena_alloc(call->arena, LOG_EVENTS_MAX * sizeof *entries);
    uint64_t seq = own->head[lane];
    int count = event_read(call->store, lane, seq, LOG_EVENTS_MAX, LOG_BYTES_MAX, call->arena,
                           events, err);

    for (int i = 0; i < count; i++) {
        const Wire__Event *event = unpack(call, events[i]);
        entries[i].seq = ++seq;
        entries[i].topic = event ? event->topic : "";
        entries[i].body = events[i];
    }
    if (count < 0 || log->engine->append(log, own, lane, entries, (size_t)count, err)) {
        return -1;
    }
    arena_rewind(call->arena, used); /* a new store has all its old ones to append */
    return count;
}

int routing_own(struct call *call, const struct log *log, bool *told, struct err *err) {
    struct log_source own = {0};

    if (own_source(call, log, &own, err)) {
        return -1;
    }
    for (int lane = 0; lane < LOG_LANES; lane++) {
        int count;
        do {
            count = own_lane(call, log, &own, (Wire__Lane)lane, err);
            if (count < 0) {
                return -1;
            }
            if (count > 0) {
                *told = true;
                core_notify(call->core, bus_lane_name((Wire__Lane)lane));
            }
        } while (count == LOG_EVENTS_MAX);
    }
    return 0;
}
