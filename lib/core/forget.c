/*
 * forget - remembered replies go when nobody can ask for them again: a request id older
 * than KEPT_DAYS is refused, so its row is of no use a day later (by the id's own time).
 *
 * A timer of the house looks once a day, actor by actor in the order of the primary key:
 * one seek for each actor and what is deleted, no index beside it.  A slice deletes at
 * most CORE_ROWS_MAX rows; the next one goes on where it ended, a moment later.
 */
#include <string.h>

#include "core/private.h"
#include "store/query.h"

enum {
    DAY_MS = 86400000,
    PAUSE_MS = 100,       /* between two slices: others have their turn */
    ACTORS_A_SLICE = 256, /* whose rows are looked for */
};

int forget_start(struct core *core, struct err *err) {
    struct call call = core_call(core);
    struct query q = QUERY(core->store, "SELECT 1 FROM timer WHERE kind = ?1");

    query_bind_text(&q, 1, FORGET_TIMER);
    int found = query_step(&q, err);
    query_end(&q);
    return found == 0  ? timer_set(&call, FORGET_TIMER, "", "", 0, core->now_ms + DAY_MS, err)
           : found < 0 ? -1
                       : 0;
}

/* How many old rows of an actor went, at most max; or -1. */
static int64_t forget_of(struct call *call, const char *actor, int64_t max, struct err *err) {
    const int64_t before = store_changes(call->store);
    const uint8_t least[10] = {0};
    uint8_t id[CORE_ID_SIZE];
    struct query q = QUERY(call->store, "DELETE FROM request WHERE actor = ?1 AND id IN"
                                        " (SELECT id FROM request WHERE actor = ?1 AND id < ?2"
                                        "  ORDER BY id LIMIT ?3)");

    text_uuid7(id, call->now_ms - (KEPT_DAYS + 1) * (int64_t)DAY_MS, least);
    query_bind_text(&q, 1, actor);
    query_bind_blob(&q, 2, id, sizeof id);
    query_bind_i64(&q, 3, max);
    return query_done(&q, err) ? -1 : store_changes(call->store) - before;
}

/* 1: *actor is the next one who has rows.  0: there is none. */
static int next_actor(struct call *call, const char **actor, struct err *err) {
    struct query q = QUERY(call->store, "SELECT actor FROM request WHERE actor > ?1"
                                        " ORDER BY actor LIMIT 1");

    query_bind_text(&q, 1, *actor);
    int found = query_step(&q, err);
    if (found == 1) {
        *actor = query_text(&q, 0, call->arena);
    }
    query_end(&q);
    return found;
}

int forget_due(struct call *call, const struct due *due, struct err *err) {
    const char *actor = due->ref;
    int64_t left = CORE_ROWS_MAX;
    int more = 1;

    for (int i = 0; i < ACTORS_A_SLICE && left > 0 && more == 1; i++) {
        int64_t gone = forget_of(call, actor, left, err);
        if (gone < 0) {
            return -1;
        }
        left -= gone;
        if (left > 0) {
            more = next_actor(call, &actor, err);
        }
    }
    return more < 0    ? -1
           : more == 1 ? timer_set(call, FORGET_TIMER, actor, "", 0, call->now_ms + PAUSE_MS, err)
                       : timer_set(call, FORGET_TIMER, "", "", 0, call->now_ms + DAY_MS, err);
}
