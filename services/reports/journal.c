#include "services/reports/journal.h"

#include "base/text.h"
#include "store/query.h"

/* Lanes come whole: a source whose first event here is not the first of its lane went on
 * under this id, and has nothing before it. */
static int new_source(struct call *call, const Wire__Event *event, struct journal_source *found,
                      struct err *err) {
    uint64_t base = event->seq > 1 ? event->position - 1 : 0;
    struct query q = QUERY(call->store, "INSERT INTO journal_source(source, base, applied)"
                                        " VALUES(?1, ?2, ?2) RETURNING id");

    query_bind_blob(&q, 1, event->source.data, event->source.len);
    query_bind_i64(&q, 2, (int64_t)base);
    if (query_step(&q, err) < 0) {
        return -1;
    }
    *found = (struct journal_source){.id = query_i64(&q, 0), .base = base, .applied = base};
    return query_done(&q, err);
}

int journal_source(struct call *call, const Wire__Event *event, struct journal_source *found,
                   struct err *err) {
    struct query q = QUERY(call->store, "SELECT id, base, applied, waiting FROM journal_source"
                                        " WHERE source = ?1");

    query_bind_blob(&q, 1, event->source.data, event->source.len);
    int known = query_step(&q, err);
    if (known == 1) {
        *found = (struct journal_source){
            .id = query_i64(&q, 0),
            .base = (uint64_t)query_i64(&q, 1),
            .applied = (uint64_t)query_i64(&q, 2),
            .waiting = query_i64(&q, 3),
        };
    }
    query_end(&q);
    return known == 0 ? new_source(call, event, found, err) : known < 0 ? -1 : 0;
}

int journal_source_by_id(struct call *call, int64_t id, struct journal_source *found,
                         struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT base, applied, waiting FROM journal_source WHERE id = ?1");

    query_bind_i64(&q, 1, id);
    int known = query_step(&q, err);
    *found = (struct journal_source){.id = id};
    if (known == 1) {
        found->base = (uint64_t)query_i64(&q, 0);
        found->applied = (uint64_t)query_i64(&q, 1);
        found->waiting = query_i64(&q, 2);
    }
    query_end(&q);
    return known < 0 ? -1 : 0;
}

int journal_applied(struct call *call, const struct journal_source *source, struct err *err) {
    struct query q = QUERY(call->store,
                           "UPDATE journal_source SET applied = ?2, waiting = ?3 WHERE id = ?1");

    query_bind_i64(&q, 1, source->id);
    query_bind_i64(&q, 2, (int64_t)source->applied);
    query_bind_i64(&q, 3, source->waiting);
    return query_done(&q, err);
}

int journal_restart(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, /* scan: a row each store */
                           "UPDATE journal_source SET applied = base, waiting = 0");

    return query_done(&q, err);
}

int journal_put(struct call *call, const Wire__Event *event, int64_t source, struct err *err) {
    const size_t used = arena_used(call->arena);
    const size_t size = wire__event__get_packed_size(event);
    uint8_t *body = arena_alloc(call->arena, size + 1);

    (void)wire__event__pack(event, body);
    struct query q = QUERY(call->store,
                           "INSERT INTO journal(source, position, case_no, topic, event_ms, body)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
                           " ON CONFLICT(source, position) DO NOTHING RETURNING id");
    query_bind_i64(&q, 1, source);
    query_bind_i64(&q, 2, (int64_t)event->position);
    query_bind_text(&q, 3, event->case_no);
    query_bind_text(&q, 4, event->topic);
    query_bind_i64(&q, 5, event->event_ms);
    query_bind_blob(&q, 6, body, size);
    int fresh = query_step(&q, err);
    if (fresh == 1 && query_done(&q, err)) {
        fresh = -1;
    }
    arena_rewind(call->arena, used);
    return fresh;
}

static Wire__Event *read_event(struct call *call, struct query *q, int column) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    size_t size = 0;
    const uint8_t *body = query_blob(q, column, call->arena, &size);

    return wire__event__unpack(&allocator, size, body);
}

static int read_rows(struct call *call, struct query *q, size_t max, struct journal_row *rows,
                     struct err *err) {
    size_t count = 0;
    int more = 0;

    while (count < max && (more = query_step(q, err)) == 1) {
        rows[count].id = query_i64(q, 0);
        rows[count].source = query_i64(q, 1);
        rows[count].event = read_event(call, q, 2);
        if (!rows[count].event) {
            query_end(q);
            return err_plain(err, ERR_EXHAUSTED, "journal row %lld does not fit",
                             (long long)rows[count].id);
        }
        count++;
    }
    query_end(q);
    return more < 0 ? -1 : (int)count;
}

int journal_following(struct call *call, const struct journal_source *source, int64_t last_id,
                      struct journal_row *row, struct err *err) {
    struct query q = QUERY(call->store, "SELECT id, source, body FROM journal"
                                        " WHERE source = ?1 AND position = ?2 AND id <= ?3");

    query_bind_i64(&q, 1, source->id);
    query_bind_i64(&q, 2, (int64_t)source->applied + 1);
    query_bind_i64(&q, 3, last_id);
    return read_rows(call, &q, 1, row, err);
}

int journal_after(struct call *call, int64_t after, size_t max, struct journal_row *rows,
                  struct err *err) {
    struct query q = QUERY(call->store, "SELECT id, source, body FROM journal WHERE id > ?1"
                                        " ORDER BY id LIMIT ?2");

    query_bind_i64(&q, 1, after);
    query_bind_i64(&q, 2, (int64_t)max);
    return read_rows(call, &q, max, rows, err);
}

int journal_of_case(struct call *call, const struct journal_case *of, size_t max,
                    struct journal_row *rows, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts one topic of a case */
                           "SELECT id, source, body FROM journal WHERE case_no = ?1"
                           " AND case_no <> '' AND topic = ?2 AND id <= ?3"
                           " AND (source <> ?4 OR position <= ?5) ORDER BY position LIMIT ?6");

    query_bind_text(&q, 1, of->case_no);
    query_bind_text(&q, 2, of->topic);
    query_bind_i64(&q, 3, of->last_id);
    query_bind_i64(&q, 4, of->source);
    query_bind_i64(&q, 5, (int64_t)of->applied);
    query_bind_i64(&q, 6, (int64_t)max);
    return read_rows(call, &q, max, rows, err);
}

int journal_last(struct call *call, int64_t *last, struct err *err) {
    struct query q = QUERY(call->store, "SELECT ifnull(max(id), 0) FROM journal");

    if (query_step(&q, err) < 0) {
        return -1;
    }
    *last = query_i64(&q, 0);
    query_end(&q);
    return 0;
}

/* ---- questions ---- */

static struct query scan(struct call *call, const struct journal_wish *wish) {
    struct query q;

    if (*wish->case_no) {
        q = wish->oldest_first ? QUERY(call->store, /* scan: sorts the events of a case */
                                       "SELECT id, topic, event_ms, body, length(body) FROM journal"
                                       " WHERE case_no = ?1 AND case_no <> '' AND id > ?2"
                                       " ORDER BY id LIMIT ?3")
                               : QUERY(call->store, /* scan: sorts the events of a case */
                                       "SELECT id, topic, event_ms, body, length(body) FROM journal"
                                       " WHERE case_no = ?1 AND case_no <> '' AND id < ?2"
                                       " ORDER BY id DESC LIMIT ?3");
    } else {
        q = wish->oldest_first
                ? QUERY(call->store, "SELECT id, topic, event_ms, body, length(body) FROM journal"
                                     " WHERE id > ?2 ORDER BY id LIMIT ?3")
                : QUERY(call->store, "SELECT id, topic, event_ms, body, length(body) FROM journal"
                                     " WHERE id < ?2 ORDER BY id DESC LIMIT ?3");
    }
    int64_t from = wish->after == 0 && !wish->oldest_first ? INT64_MAX : (int64_t)wish->after;
    if (*wish->case_no) {
        query_bind_text(&q, 1, wish->case_no);
    }
    query_bind_i64(&q, 2, from);
    query_bind_i64(&q, 3, JOURNAL_SCAN_MAX);
    return q;
}

static bool wanted(const struct journal_wish *wish, const char *topic, int64_t event_ms) {
    return (!*wish->topic || text_match(wish->topic, topic)) && event_ms >= wish->from_ms
           && (wish->to_ms == 0 || event_ms < wish->to_ms);
}

int journal_query(struct call *call, const struct journal_wish *wish, Wire__Event **events,
                  uint64_t *next, struct err *err) {
    struct query q = scan(call, wish);
    size_t count = 0, bytes = 0, looked_at = 0;
    bool full = false;
    int more = 0;

    *next = 0;
    while (count < wish->max && (more = query_step(&q, err)) == 1) {
        const size_t used = arena_used(call->arena);
        bool takes = wanted(wish, query_text(&q, 1, call->arena), query_i64(&q, 2));
        arena_rewind(call->arena, used);
        bytes += takes ? (size_t)query_i64(&q, 4) : 0;
        full = count > 0 && bytes > wish->bytes_max;
        if (full) {
            break;
        }
        looked_at++;
        *next = (uint64_t)query_i64(&q, 0);
        Wire__Event *event = takes ? read_event(call, &q, 3) : NULL;
        if (event) {
            events[count++] = event;
        }
    }
    query_end(&q);
    if (!full && count < wish->max && looked_at < JOURNAL_SCAN_MAX) {
        *next = 0; /* there was no more to look at */
    }
    return more < 0 ? -1 : (int)count;
}
