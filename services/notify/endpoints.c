#include "endpoints.h"

#include <string.h>

#include <sodium.h>

#include "base/seal.h"
#include "core/event.h"
#include "store/query.h"

static void read_endpoint(struct query *q, struct endpoint *endpoint, struct arena *arena) {
    endpoint->staff = query_text(q, 0, arena);
    endpoint->channel = query_text(q, 1, arena);
    endpoint->address = query_text(q, 2, arena);
    endpoint->private = query_i64(q, 3) != 0;
}

int endpoints_find(struct call *call, const char *staff, const char *channel,
                   struct endpoint *endpoint, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts two */
                           "SELECT staff, channel, address, private FROM channel"
                           " WHERE channel = ?2 AND staff IN (?1, '*')"
                           " ORDER BY staff = '*' LIMIT 1");

    query_bind_text(&q, 1, staff);
    query_bind_text(&q, 2, channel);
    int found = query_step(&q, err);
    if (found == 1) {
        read_endpoint(&q, endpoint, call->arena);
        query_end(&q);
    }
    return found;
}

static int forget(struct call *call, const struct endpoint *endpoint, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM channel WHERE staff = ?1 AND channel = ?2");

    query_bind_text(&q, 1, endpoint->staff);
    query_bind_text(&q, 2, endpoint->channel);
    return query_done(&q, err);
}

int endpoints_put(struct call *call, const struct endpoint *endpoint, struct err *err) {
    if (!*endpoint->address) {
        return forget(call, endpoint, err);
    }
    struct query q = QUERY(call->store, "INSERT INTO channel(staff, channel, address, private)"
                                        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(staff, channel)"
                                        " DO UPDATE SET address = ?3, private = ?4");
    query_bind_text(&q, 1, endpoint->staff);
    query_bind_text(&q, 2, endpoint->channel);
    query_bind_text(&q, 3, endpoint->address);
    query_bind_i64(&q, 4, endpoint->private);
    return query_done(&q, err);
}

int endpoints_tell(struct call *call, const struct endpoint *endpoint, struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values values = {.arena = call->arena};

    values_add_text(&values, "staff", endpoint->staff);
    values_add_text(&values, "channel", endpoint->channel);
    values_add_text(&values, "address", endpoint->address);
    values_add_flag(&values, "private", endpoint->private);
    event.topic = "channel.changed";
    event.fields = values.list;
    event.n_fields = values.count;
    return event_put(call, &event, err);
}

int endpoints_list(struct call *call, const char *staff, struct endpoint *endpoints,
                   struct err *err) {
    struct query q = QUERY(call->store, /* scan: some channels each employee */
                           "SELECT staff, channel, address, private FROM channel"
                           " WHERE ?1 = '' OR staff = ?1 ORDER BY staff, channel");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, staff);
    while (count < ENDPOINTS_MAX && (more = query_step(&q, err)) == 1) {
        read_endpoint(&q, &endpoints[count++], call->arena);
    }
    query_end(&q);
    return more < 0 ? -1 : count;
}

void endpoints_key(const struct call *call, const char *address, uint8_t key[ENDPOINTS_KEY_SIZE]) {
    crypto_generichash_state state;
    static const char purpose[] = "channel signature";

    (void)crypto_generichash_init(&state, call->secrets->seal_key, SEAL_KEY_SIZE,
                                  ENDPOINTS_KEY_SIZE);
    (void)crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof purpose);
    (void)crypto_generichash_update(&state, (const uint8_t *)address, strlen(address));
    (void)crypto_generichash_final(&state, key, ENDPOINTS_KEY_SIZE);
}

int endpoints_attend(struct call *call, const char *staff, int64_t until_ms, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO attending(staff, until_ms) VALUES(?1, ?2)"
                                        " ON CONFLICT(staff) DO UPDATE SET until_ms = ?2");

    query_bind_text(&q, 1, staff);
    query_bind_i64(&q, 2, until_ms);
    return query_done(&q, err);
}

int endpoints_attending(struct call *call, const char *staff, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM attending WHERE staff = ?1"
                                        " AND until_ms > ?2");

    query_bind_text(&q, 1, staff);
    query_bind_i64(&q, 2, call->now_ms);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

int endpoints_prune(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, /* scan: one row each pager that is on */
                           "DELETE FROM attending WHERE staff IN (SELECT staff FROM"
                           " attending WHERE until_ms <= ?1 LIMIT 100)");

    query_bind_i64(&q, 1, call->now_ms);
    return query_done(&q, err);
}
