#include "services/bus/prune.h"

#include "base/log.h"
#include "services/bus/bus.h"
#include "store/query.h"

enum {
    DAY_MS = 86400000,
    PAUSE_MS = 100, /* between two slices: others have their turn */
    CONSUMER_DAYS = 180,
    MARKS_MAX = 4096, /* days */
};

int prune_start(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM timer WHERE kind = ?1");

    query_bind_text(&q, 1, PRUNE_TIMER);
    int found = query_step(&q, err);
    query_end(&q);
    return found == 0  ? timer_set(call, PRUNE_TIMER, "", "", 0, call->now_ms + DAY_MS, err)
           : found < 0 ? -1
                       : 0;
}

static int mark_day(struct call *call, const struct log *log, struct err *err) {
    uint64_t head[LOG_LANES];
    struct query q = QUERY(call->store, "INSERT OR REPLACE INTO log_mark(at_ms, normal, urgent)"
                                        " VALUES(?1, ?2, ?3)");

    for (int lane = 0; lane < LOG_LANES; lane++) {
        if (log->engine->head(log, (Wire__Lane)lane, &head[lane], err)) {
            return -1;
        }
    }
    query_bind_i64(&q, 1, call->now_ms);
    query_bind_i64(&q, 2, (int64_t)head[WIRE__LANE__NORMAL]);
    query_bind_i64(&q, 3, (int64_t)head[WIRE__LANE__URGENT]);
    if (query_done(&q, err)) {
        return -1;
    }
    q = QUERY(call->store, "DELETE FROM log_mark WHERE at_ms < ?1");
    query_bind_i64(&q, 1, call->now_ms - MARKS_MAX * (int64_t)DAY_MS);
    return query_done(&q, err);
}

static int forget_consumers(struct call *call, int64_t since_ms, struct err *err) {
    struct query q = QUERY(call->store, /* scan: a row each consumer */
                           "DELETE FROM log_consumer WHERE seen_ms < ?1"
                           " RETURNING subscription, lane, after");
    int more = 0;

    query_bind_i64(&q, 1, since_ms);
    while ((more = query_step(&q, err)) == 1) {
        log_warn("consumer forgotten", "subscription=%s lane=%lld after=%lld days=%d",
                 query_text(&q, 0, call->arena), (long long)query_i64(&q, 1),
                 (long long)query_i64(&q, 2), CONSUMER_DAYS);
    }
    return more;
}

/* Lowers *limit to the first column of a query's row, if it has one. */
static int lower(struct query *q, uint64_t *limit, struct err *err) {
    int found = query_step(q, err);

    if (found == 1 && (uint64_t)query_i64(q, 0) < *limit) {
        *limit = (uint64_t)query_i64(q, 0);
    }
    query_end(q);
    return found < 0 ? -1 : 0;
}

/* The last position of a lane that may go; 0: none. */
static int limit_of(struct call *call, const struct log *log, Wire__Lane lane, uint64_t *limit,
                    struct err *err) {
    struct query q = QUERY(call->store, "SELECT iif(?2, urgent, normal) FROM log_mark"
                                        " WHERE at_ms <= ?1 ORDER BY at_ms DESC LIMIT 1");

    if (log->engine->head(log, lane, limit, err)) {
        return -1;
    }
    *limit = *limit > 0 ? *limit - 1 : 0;
    query_bind_i64(&q, 1, call->now_ms - core_keep_days(call->core) * DAY_MS);
    query_bind_i64(&q, 2, lane == WIRE__LANE__URGENT);
    int found = query_step(&q, err);
    uint64_t old = found == 1 ? (uint64_t)query_i64(&q, 0) : 0; /* no mark is so old: nothing */
    query_end(&q);
    if (found < 0) {
        return -1;
    }
    *limit = old < *limit ? old : *limit;
    q = QUERY(call->store, /* scan: a row each consumer */
              "SELECT after FROM log_consumer WHERE lane = ?1 ORDER BY after LIMIT 1");
    query_bind_i64(&q, 1, (int64_t)lane);
    if (lower(&q, limit, err)) {
        return -1;
    }
    q = QUERY(call->store, "SELECT after FROM log_unrouted WHERE lane = ?1");
    query_bind_i64(&q, 1, (int64_t)lane);
    return lower(&q, limit, err);
}

int prune_due(struct call *call, const struct due *due, struct err *err) {
    struct log log = bus_log(call);
    const int64_t since_ms = call->now_ms - CONSUMER_DAYS * (int64_t)DAY_MS;
    bool more = false;

    if (bus_keep_consumers(call, since_ms, err) || forget_consumers(call, since_ms, err)) {
        return -1;
    }
    if (due->mark == 0 && mark_day(call, &log, err)) {
        return -1;
    }
    for (int lane = 0; lane < LOG_LANES && core_keep_days(call->core) > 0; lane++) {
        uint64_t limit = 0;
        if (limit_of(call, &log, (Wire__Lane)lane, &limit, err)) {
            return -1;
        }
        int gone = log.engine->prune(&log, (Wire__Lane)lane, limit, LOG_EVENTS_MAX / LOG_LANES,
                                     err);
        if (gone < 0) {
            return -1;
        }
        more = more || gone == LOG_EVENTS_MAX / LOG_LANES;
    }
    return timer_set(call, PRUNE_TIMER, "", "", more, call->now_ms + (more ? PAUSE_MS : DAY_MS),
                     err);
}
