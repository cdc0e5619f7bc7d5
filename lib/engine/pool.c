#include "engine/pool.h"

#include <string.h>

#include "base/text.h"
#include "store/query.h"

/* How many may hold a key of this pool at a time: a parameter of the pool's name, or one. */
static int64_t capacity(const struct work *work, const char *pool) {
    int64_t number = 1;

    (void)manual_number(work->manual, pool, NULL, &number);
    return number < 1 ? 1 : number;
}

/* The lowest free slot; 0: all are taken. */
static int free_slot(struct work *work, const char *pool, const char *key, int64_t *slot,
                     struct err *err) {
    struct query q = QUERY(work->call->store, "SELECT slot FROM hold WHERE pool = ?1 AND key = ?2"
                                              " AND slot > 0 ORDER BY slot");
    int64_t wanted = 1;
    int more = 0;

    query_bind_text(&q, 1, pool);
    query_bind_text(&q, 2, key);
    while ((more = query_step(&q, err)) == 1) {
        wanted += query_i64(&q, 0) == wanted;
    }
    *slot = wanted <= capacity(work, pool) ? wanted : 0;
    return more;
}

static int emit(struct work *work, struct kase *kase, const char *topic,
                const struct pool_wish *wish, int64_t slot, struct err *err) {
    struct values fields = {.arena = work->call->arena};
    const struct news news = {.event_ms = wish->at_ms, .staff = "system"};
    const char *handler = kase_text(kase, KASE_HANDLER);

    values_add_text(&fields, "pool", wish->pool);
    values_add_text(&fields, "key", wish->key);
    values_add_text(&fields, "holder", *handler ? handler : kase->row.opener);
    values_add_text(&fields, "unit", kase->row.unit);
    values_add_i64(&fields, "slot", slot);
    values_add_i64(&fields, "rank", wish->rank);
    return work_emit(work, kase, topic, &news, &fields, err);
}

int pool_hold(struct work *work, struct kase *kase, const struct pool_wish *wish, bool *granted,
              struct err *err) {
    int64_t slot = 0;

    if (free_slot(work, wish->pool, wish->key, &slot, err) < 0) {
        return -1;
    }
    *granted = slot > 0;
    return emit(work, kase, slot > 0 ? "hold.taken" : "hold.waiting", wish, slot, err);
}

/* The first that waits; "" none. */
static int first_waiting(struct work *work, const char *pool, const char *key, const char **number,
                         struct err *err) {
    struct query q = QUERY(work->call->store,
                           "SELECT case_no FROM hold WHERE pool = ?1 AND key = ?2 AND slot = 0"
                           " ORDER BY rank, since_ms, id LIMIT 1");

    query_bind_text(&q, 1, pool);
    query_bind_text(&q, 2, key);
    int found = query_step(&q, err);
    *number = found == 1 ? query_text(&q, 0, work->call->arena) : "";
    query_end(&q);
    return found < 0 ? -1 : 0;
}

/* 1: the case has, or waits for, this key. */
static int has(struct work *work, const char *number, const char *pool, const char *key,
               struct err *err) {
    struct query q = QUERY(work->call->store, "SELECT 1 FROM hold WHERE case_no = ?1"
                                              " AND pool = ?2 AND key = ?3");

    query_bind_text(&q, 1, number);
    query_bind_text(&q, 2, pool);
    query_bind_text(&q, 3, key);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

int pool_release(struct work *work, struct kase *kase, const struct pool_wish *wish,
                 const char **next, struct err *err) {
    struct kase *waiting = NULL;
    const char *number = "";
    int64_t slot = 0;

    *next = NULL;
    int held = has(work, kase->row.case_no, wish->pool, wish->key, err);
    if (held <= 0) {
        return held; /* it never had it: nothing to give back */
    }
    if (emit(work, kase, "hold.released", wish, 0, err)
        || free_slot(work, wish->pool, wish->key, &slot, err) < 0
        || first_waiting(work, wish->pool, wish->key, &number, err)) {
        return -1;
    }
    if (slot == 0 || !*number) {
        return 0;
    }
    if (work_case(work, number, &waiting, err)
        || emit(work, waiting, "hold.taken", wish, slot, err)) {
        return -1;
    }
    *next = number;
    return 0;
}

static const char *text(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static int remove_hold(struct call *call, const Wire__Event *event, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM hold WHERE case_no = ?1 AND pool = ?2"
                                        " AND key = ?3");

    query_bind_text(&q, 1, event->case_no);
    query_bind_text(&q, 2, text(event, "pool"));
    query_bind_text(&q, 3, text(event, "key"));
    return query_done(&q, err);
}

int pool_apply(struct call *call, const Wire__Event *event, struct err *err) {
    if (text_eq(event->topic, "hold.released")) {
        return remove_hold(call, event, err);
    }
    struct query q = QUERY(call->store,
                           "INSERT INTO hold(pool, key, slot, rank, since_ms, case_no, holder,"
                           " unit) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                           " ON CONFLICT(case_no, pool, key) DO UPDATE SET slot = excluded.slot,"
                           " since_ms = excluded.since_ms");
    query_bind_text(&q, 1, text(event, "pool"));
    query_bind_text(&q, 2, text(event, "key"));
    query_bind_i64(&q, 3, value_i64(event->fields, event->n_fields, "slot", 0));
    query_bind_i64(&q, 4, value_i64(event->fields, event->n_fields, "rank", 0));
    query_bind_i64(&q, 5, event->event_ms);
    query_bind_text(&q, 6, event->case_no);
    query_bind_text(&q, 7, text(event, "holder"));
    query_bind_text(&q, 8, text(event, "unit"));
    return query_done(&q, err);
}
