/*
 * intake - events of others: each to the subscriptions that want it, once.
 *
 * The cursors (one per subscription, source and lane) are kept in memory and
 * written with the group; not greater means repeat.  What a handler refuses is
 * final, for it is deterministic: the event becomes a dead letter, with an alarm,
 * and later events of the same case wait behind it.  What found no memory is not
 * refused: core.h, struct subscription.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/private.h"
#include "store/query.h"

enum { CURSORS_ROOM = 64 };

static const struct subscription *find_subscription(const struct core *core, const char *name) {
    for (size_t i = 0; i < core->subscription_count; i++) {
        if (strcmp(core->subscriptions[i].name, name) == 0) {
            return &core->subscriptions[i];
        }
    }
    return NULL;
}

static struct cursor_slot *slot_of(struct core *core, const struct subscription *subscription,
                                   const uint8_t *source, Wire__Lane lane) {
    for (size_t i = 0; i < core->cursor_count; i++) {
        struct cursor_slot *slot = &core->cursors[i];
        if (slot->subscription == subscription && slot->lane == lane
            && memcmp(slot->source, source, CORE_ID_SIZE) == 0) {
            return slot;
        }
    }
    if (core->cursor_count == core->cursor_room) {
        core->cursor_room = core->cursor_room ? 2 * core->cursor_room : CURSORS_ROOM;
        core->cursors = realloc(core->cursors, core->cursor_room * sizeof *core->cursors);
        assert(core->cursors);
    }
    struct cursor_slot *slot = &core->cursors[core->cursor_count++];
    *slot = (struct cursor_slot){.subscription = subscription, .lane = lane};
    memcpy(slot->source, source, CORE_ID_SIZE);
    return slot;
}

int intake_load(struct core *core, struct err *err) {
    struct query q = QUERY(core->store, /* scan: at start */
                           "SELECT subscription, source, lane, seq FROM cursor");
    int more = 0;

    core->cursor_count = 0;
    while ((more = query_step(&q, err)) == 1) {
        size_t size = 0;
        const struct subscription *subscription = find_subscription(core,
                                                                    query_text(&q, 0, core->arena));
        const uint8_t *source = query_blob(&q, 1, core->arena, &size);
        if (subscription && size == CORE_ID_SIZE) {
            slot_of(core, subscription, source, (Wire__Lane)query_i64(&q, 2))->seq = (uint64_t)
                query_i64(&q, 3);
        }
    }
    query_end(&q);
    return more;
}

int intake_flush(struct core *core, struct err *err) {
    for (size_t i = 0; i < core->cursor_count; i++) {
        struct cursor_slot *slot = &core->cursors[i];
        if (!slot->dirty) {
            continue;
        }
        struct query q = QUERY(core->store, "INSERT INTO cursor(subscription, source, lane, seq)"
                                            " VALUES(?1, ?2, ?3, ?4)"
                                            " ON CONFLICT(subscription, source, lane)"
                                            " DO UPDATE SET seq = excluded.seq");
        query_bind_text(&q, 1, slot->subscription->name);
        query_bind_blob(&q, 2, slot->source, CORE_ID_SIZE);
        query_bind_i64(&q, 3, (int64_t)slot->lane);
        query_bind_i64(&q, 4, (int64_t)slot->seq);
        if (query_done(&q, err)) {
            return -1;
        }
        slot->dirty = false;
    }
    return 0;
}

void intake_mark(struct core *core, enum undo_level level) {
    for (size_t i = 0; i < core->cursor_count; i++) {
        core->cursors[i].kept[level] = core->cursors[i].seq;
    }
}

void intake_undo(struct core *core, enum undo_level level) {
    for (size_t i = 0; i < core->cursor_count; i++) {
        core->cursors[i].seq = core->cursors[i].kept[level];
        core->cursors[i].dirty = false;
    }
}

int intake_set(struct core *core, const char *subscription, const uint8_t *source, Wire__Lane lane,
               uint64_t seq) {
    const struct subscription *known = find_subscription(core, subscription);

    if (known) {
        struct cursor_slot *slot = slot_of(core, known, source, lane);
        if (seq > slot->seq) {
            slot->seq = seq;
            slot->dirty = true;
        }
    }
    return 0;
}

/* The id of the dead letter that this case waits behind; 0: none. */
static int64_t waits_behind(struct core *core, const struct subscription *subscription,
                            const char *case_no, struct err *err) {
    if (!case_no || !case_no[0]) {
        return 0;
    }
    struct query q = QUERY(core->store, "SELECT id FROM dead WHERE subscription = ?1"
                                        " AND case_no = ?2 AND case_no <> '' ORDER BY id LIMIT 1");
    query_bind_text(&q, 1, subscription->name);
    query_bind_text(&q, 2, case_no);
    int found = query_step(&q, err);
    int64_t id = found == 1 ? query_i64(&q, 0) : found;
    query_end(&q);
    return id;
}

static int put_aside(struct core *core, const struct subscription *subscription,
                     const Wire__Event *event, struct bytes body, const char *why,
                     struct err *err) {
    struct query q = QUERY(core->store,
                           "INSERT INTO dead(subscription, case_no, topic, body, why, at_ms)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");

    query_bind_text(&q, 1, subscription->name);
    query_bind_text(&q, 2, event->case_no);
    query_bind_text(&q, 3, event->topic);
    query_bind_blob(&q, 4, body.data, body.size);
    query_bind_text(&q, 5, why);
    query_bind_i64(&q, 6, core->now_ms);
    return query_done(&q, err);
}

static int alarm_dead(struct core *core, const struct subscription *subscription,
                      const Wire__Event *event, const char *why, struct err *err) {
    struct call call = core_call(core);
    Wire__Event dead = WIRE__EVENT__INIT;
    struct values fields = {.arena = core->arena};

    log_error("dead letter", "subscription=%s topic=%s case=%s why=\"%s\"", subscription->name,
              event->topic, event->case_no, why);
    values_add_text(&fields, "subscription", subscription->name);
    values_add_text(&fields, "topic", event->topic);
    values_add_text(&fields, "why", why);
    values_add_flag(&fields, "urgent", event->lane == WIRE__LANE__URGENT);
    dead.topic = "dead.letter";
    dead.lane = event->lane;
    dead.case_no = event->case_no;
    dead.n_fields = fields.count;
    dead.fields = fields.list;
    return event_put(&call, &dead, err);
}

/* Runs one handler as a trial; *why when it did not end well. */
static enum trial_end apply(struct core *core, const struct subscription *subscription,
                            Wire__Event *event, struct err *why) {
    struct call call = core_call(core);
    Wire__Cause cause = WIRE__CAUSE__INIT;
    struct trial trial;

    cause.source = event->source;
    cause.lane = event->lane;
    cause.seq = event->seq;
    cause.epoch = event->epoch;
    cause.subscription = subscription->name;
    call.event = event;
    call.cause = &cause;
    if (core_trial(core, &trial, why)) {
        return TRIAL_GONE;
    }
    return core_trial_end(core, &trial, subscription->handler(&call, why) != 0, why);
}

static int give(struct core *core, const struct subscription *subscription, Wire__Event *event,
                struct bytes body, bool last, struct err *err) {
    char line[ERR_TEXT_MAX];
    struct err why = {0};
    int64_t behind = waits_behind(core, subscription, event->case_no, err);

    if (behind != 0) {
        (void)snprintf(line, sizeof line, "behind %lld", (long long)behind);
        return behind < 0 ? -1 : put_aside(core, subscription, event, body, line, err);
    }
    enum trial_end end = apply(core, subscription, event, &why);
    if (end == TRIAL_DONE) {
        return 0;
    }
    if (end == TRIAL_GONE || (end == TRIAL_SHORT && !last)) {
        *err = why;
        return end == TRIAL_GONE ? -1 : 1;
    }
    const char *text = arena_text(core->arena, "%s", err_line(&why, line));
    return put_aside(core, subscription, event, body, text, err)
                   || alarm_dead(core, subscription, event, text, err)
               ? -1
               : 0;
}

/* 0: applied, repeated or dead.  1: there was no memory for it (err): not applied, unless
 * `last`.  -1: the group is gone. */
static int take(struct core *core, Wire__Event *event, struct bytes body, bool last,
                struct err *err) {
    if (event->source.len != CORE_ID_SIZE
        || memcmp(event->source.data, core->source, CORE_ID_SIZE) == 0) {
        return 0; /* our own */
    }
    for (size_t i = 0; i < core->subscription_count; i++) {
        const struct subscription *subscription = &core->subscriptions[i];
        if (subscription->lane != event->lane || !text_match(subscription->pattern, event->topic)) {
            continue;
        }
        size_t slot = (size_t)(slot_of(core, subscription, event->source.data, event->lane)
                               - core->cursors);
        if (event->seq <= core->cursors[slot].seq) {
            continue;
        }
        int rc = give(core, subscription, event, body, last, err);
        if (rc != 0) {
            return rc;
        }
        core->cursors[slot].seq = event->seq;
        core->cursors[slot].dirty = true;
    }
    return 0;
}

/* ---- what finds no memory (core.h, struct subscription) ---- */

static bool is_stuck(const struct puller *puller, const Wire__Event *event) {
    return puller->tries > 0 && event->seq == puller->stuck_seq && event->source.len == CORE_ID_SIZE
           && memcmp(event->source.data, puller->stuck_source, CORE_ID_SIZE) == 0;
}

/* There was no memory for this event (NULL: not even to read it). */
static void put_off(struct core *core, struct puller *puller, const Wire__Event *event,
                    const struct err *why) {
    int64_t wait_ms = DISK_WAIT_MS;
    char line[ERR_TEXT_MAX];

    if (!event || !is_stuck(puller, event)) {
        puller->tries = 0;
        puller->stuck_seq = 0;
    }
    if (event) {
        memcpy(puller->stuck_source, event->source.data, CORE_ID_SIZE);
        puller->stuck_seq = event->seq;
    }
    for (int i = 0; i < puller->tries && wait_ms < TRY_LAST_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < TRY_LAST_MS ? wait_ms : TRY_LAST_MS;
    puller->tries++;
    puller->retry_ms = core->now_ms + wait_ms;
    log_error("no memory for an event", "topic=%s case=%s try=%d of=%d again_ms=%lld why=\"%s\"",
              event ? event->topic : "?", event ? event->case_no : "", puller->tries, TRIES_MAX,
              (long long)wait_ms, err_line(why, line));
}

/* 0: each is applied, known or dead.  1: one has to wait, and those behind it.  -1: err. */
int intake_events(struct core *core, struct puller *puller, const ProtobufCBinaryData *events,
                  size_t n, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(core->arena);

    for (size_t i = 0; i < n; i++) {
        const size_t used = arena_used(core->arena), refused = arena_refused(core->arena);
        struct bytes body = {events[i].data, events[i].len};
        Wire__Event *event = wire__event__unpack(&allocator, body.size, body.data);
        if (!event && arena_refused(core->arena) != refused && used > ARENA_FRESH) {
            (void)err_plain(err, ERR_EXHAUSTED, "the group has filled the arena");
            put_off(core, puller, NULL, err);
            return 1;
        }
        if (!event) {
            log_error("damaged event", "position=%zu of=%zu", i, n);
            continue;
        }
        bool last = is_stuck(puller, event) && puller->tries + 1 >= TRIES_MAX;
        int rc = take(core, event, body, last, err);
        if (rc > 0) {
            put_off(core, puller, event, err);
        }
        if (rc != 0) {
            return rc;
        }
        arena_rewind(core->arena, used);
    }
    return 0;
}

/* One dead letter again, and then those behind it, as long as they are taken. */
int intake_retry(struct core *core, int64_t id, uint32_t *applied, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    size_t size = 0;

    *applied = 0;
    for (int64_t next = id; next != 0;) {
        struct query q = QUERY(core->store, "DELETE FROM dead WHERE id = ?1"
                                            " RETURNING subscription, body, case_no");
        query_bind_i64(&q, 1, next);
        int found = query_step(&q, err);
        if (found != 1) {
            return found < 0
                       ? -1
                       : err_set(err, ERR_NOT_FOUND, "dead_unknown", "id=%lld", (long long)next);
        }
        const struct subscription *subscription = find_subscription(core,
                                                                    query_text(&q, 0, core->arena));
        struct bytes body = {.data = query_blob(&q, 1, core->arena, &size)};
        body.size = size;
        if (query_done(&q, err)) {
            return -1;
        }
        Wire__Event *event = wire__event__unpack(&allocator, body.size, body.data);
        if (!subscription || !event) {
            return err_plain(err, ERR_INTERNAL, "dead letter %lld is damaged", (long long)next);
        }
        if (apply(core, subscription, event, err) != TRIAL_DONE) {
            return -1; /* undone with the request: it stays dead */
        }
        ++*applied;
        next = waits_behind(core, subscription, event->case_no, err);
        if (next < 0 || *applied >= CORE_ROWS_MAX) {
            return next < 0 ? -1 : 0;
        }
    }
    return 0;
}
