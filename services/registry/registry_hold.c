/*
 * Who holds what: a projection of everybody's hold.taken and hold.released.  The
 * leaving list, the transfer checklist and the handover are read from it.
 */
#include "base/text.h"
#include "core/event.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

static const char *text(const struct call *call, const char *key) {
    return value_text(call->event->fields, call->event->n_fields, key);
}

int registry_on_hold_taken(struct call *call, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT OR REPLACE INTO held(pool, key, holder, unit, since_ms, case_no)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");

    query_bind_text(&q, 1, text(call, "pool"));
    query_bind_text(&q, 2, text(call, "key"));
    query_bind_text(&q, 3, text(call, "holder"));
    query_bind_text(&q, 4, text(call, "unit"));
    query_bind_i64(&q, 5, call->event->event_ms);
    query_bind_text(&q, 6, call->event->case_no);
    return query_done(&q, err);
}

/* Without a holder: whoever holds it. */
int registry_on_hold_released(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM held WHERE pool = ?1 AND key = ?2"
                                        " AND (?3 = '' OR holder = ?3)");

    query_bind_text(&q, 1, text(call, "pool"));
    query_bind_text(&q, 2, text(call, "key"));
    query_bind_text(&q, 3, text(call, "holder"));
    return query_done(&q, err);
}

static int read_all(struct call *call, struct query *q, Registry__Hold ***holds, size_t *count,
                    struct err *err) {
    int more = 0;

    *holds = arena_alloc(call->arena, REGISTRY_LIST_MAX * sizeof(Registry__Hold *));
    *count = 0;
    while (*count < REGISTRY_LIST_MAX && (more = query_step(q, err)) == 1) {
        Registry__Hold *hold = ARENA_NEW(call->arena, Registry__Hold);
        registry__hold__init(hold);
        hold->pool = query_text(q, 0, call->arena);
        hold->key = query_text(q, 1, call->arena);
        hold->holder = query_text(q, 2, call->arena);
        hold->unit = query_text(q, 3, call->arena);
        hold->since_ms = query_i64(q, 4);
        hold->case_no = query_text(q, 5, call->arena);
        (*holds)[(*count)++] = hold;
    }
    query_end(q);
    return more < 0 ? -1 : 0;
}

int registry_holds(struct call *call, const char *holder, const char *unit, Registry__Hold ***holds,
                   size_t *count, struct err *err) {
    struct query q = *holder
                         ? QUERY(call->store, "SELECT pool, key, holder, unit, since_ms, case_no"
                                              " FROM held WHERE holder = ?1"
                                              " ORDER BY pool, key LIMIT 100")
                         : QUERY(call->store, "SELECT pool, key, holder, unit, since_ms, case_no"
                                              " FROM held WHERE unit = ?1 AND unit <> ''"
                                              " ORDER BY pool, key LIMIT 100");

    query_bind_text(&q, 1, *holder ? holder : unit);
    return read_all(call, &q, holds, count, err);
}

#define HELD "SELECT pool, key, holder, unit, since_ms, case_no FROM held WHERE "
#define HELD_PAGE                                                                                  \
    " AND pool || '/' || key || '/' || holder > ?4"                                                \
    " ORDER BY pool || '/' || key || '/' || holder LIMIT ?5"

/* By the index of the narrowest filter. */
static struct query list_query(struct call *call, const Registry__ListHoldsRequest *request) {
    if (*request->holder) {
        return QUERY(call->store, /* scan: sorts what one holds */
                     HELD "holder = ?1 AND (?2 = '' OR unit = ?2)"
                          " AND (?3 = '' OR pool = ?3)" HELD_PAGE);
    }
    return *request->unit ? QUERY(call->store, /* scan: sorts what a unit holds */
                                  HELD "unit = ?2 AND unit <> '' AND ?1 = ''"
                                       " AND (?3 = '' OR pool = ?3)" HELD_PAGE)
                          : QUERY(call->store, /* scan: sorts one pool */
                                  HELD "pool = ?3 AND ?1 = '' AND ?2 = ''" HELD_PAGE);
}

int registry_list_holds(struct call *call, struct err *err) {
    const Registry__ListHoldsRequest *request = call->request;
    Registry__ListHoldsReply *reply = ARENA_NEW(call->arena, Registry__ListHoldsReply);
    uint32_t max = registry_page(request->max, REGISTRY_LIST_MAX);

    if (registry_may(call, "hold.read", err)) {
        return -1;
    }
    if (!*request->holder && !*request->unit && !*request->pool) {
        return err_set(err, ERR_INVALID, "field_missing", "field=holder");
    }
    struct query q = list_query(call, request);
    query_bind_text(&q, 1, request->holder);
    query_bind_text(&q, 2, request->unit);
    query_bind_text(&q, 3, request->pool);
    query_bind_text(&q, 4, request->after);
    query_bind_i64(&q, 5, max);
    registry__list_holds_reply__init(reply);
    call->reply = &reply->base;
    return read_all(call, &q, &reply->holds, &reply->n_holds, err);
}
