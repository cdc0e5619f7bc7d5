#include "core/event.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "core/private.h"
#include "store/query.h"

enum { EVENT_MAX = 48 * 1024, VALUES_ROOM = 16 };

int event_load_head(struct core *core, struct err *err) {
    struct query q = QUERY(core->store, "SELECT position, hash, body FROM event"
                                        " ORDER BY position DESC LIMIT 1");
    int found = query_step(&q, err);

    memset(&core->head, 0, sizeof core->head);
    if (found == 1) {
        size_t size = 0;
        core->head.position = (uint64_t)query_i64(&q, 0);
        const uint8_t *hash = query_blob(&q, 1, core->arena, &size);
        assert(size == HASH_SIZE);
        memcpy(core->head.hash, hash, HASH_SIZE);
        const uint8_t *body = query_blob(&q, 2, core->arena, &size);
        query_end(&q);
        /* Time goes on from the newest event, however the machine's clock was set since. */
        ProtobufCAllocator allocator = arena_protobuf(core->arena);
        const Wire__Event *last = wire__event__unpack(&allocator, size, body);
        if (last && last->entered_ms > core->now_ms) {
            core->now_ms = last->entered_ms;
        }
    }
    for (int lane = 0; found >= 0 && lane < LANES; lane++) {
        q = QUERY(core->store, "SELECT coalesce(max(seq), 0) FROM event WHERE lane = ?1");
        query_bind_i64(&q, 1, lane);
        found = query_step(&q, err);
        if (found == 1) {
            core->head.seq[lane] = (uint64_t)query_i64(&q, 0);
            query_end(&q);
        }
    }
    core->committed = core->head;
    return found < 0 ? -1 : 0;
}

/* The chain: each hash covers the one before. */
static void chain(const uint8_t before[HASH_SIZE], struct bytes body, uint8_t hash[HASH_SIZE]) {
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    (void)crypto_generichash_update(&state, before, HASH_SIZE);
    (void)crypto_generichash_update(&state, body.data, body.size);
    (void)crypto_generichash_final(&state, hash, HASH_SIZE);
}

static int insert(struct core *core, const Wire__Event *event, struct bytes body, struct err *err) {
    struct head next = core->head;

    next.position = event->position;
    next.seq[event->lane] = event->seq;
    chain(core->head.hash, body, next.hash);
    struct query q = QUERY(core->store,
                           "INSERT INTO event(position, lane, seq, case_no, body, hash)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    query_bind_i64(&q, 1, (int64_t)event->position);
    query_bind_i64(&q, 2, (int64_t)event->lane);
    query_bind_i64(&q, 3, (int64_t)event->seq);
    query_bind_text(&q, 4, event->case_no ? event->case_no : "");
    query_bind_blob(&q, 5, body.data, body.size);
    query_bind_blob(&q, 6, next.hash, HASH_SIZE);
    if (query_done(&q, err)) {
        return -1;
    }
    core->head = next;
    if (strcmp(event->topic, CORE_REVOKED) == 0) { /* nobody pulls his own events */
        struct call call = core_call(core);
        return core_revoke(&call, event, err);
    }
    return 0;
}

int event_put(struct call *call, Wire__Event *event, struct err *err) {
    struct core *core = call->core;

    if (strlen(event->topic) > CORE_TOPIC_MAX) {
        return err_set(err, ERR_EXHAUSTED, "event_too_large", "topic=%.60s", event->topic);
    }
    event->source.data = core->source;
    event->source.len = CORE_ID_SIZE;
    event->seq = core->head.seq[event->lane] + 1;
    event->position = core->head.position + 1;
    event->epoch = core->epoch;
    event->entered_ms = call->now_ms;
    event->service = core->def->name;
    if (event->event_ms == 0) {
        event->event_ms = call->now_ms;
    }
    if (!event->actor || !event->actor[0]) {
        event->actor = call->actor->staff;
    }
    if (!event->cause) {
        event->cause = call->cause;
    }
    size_t size = wire__event__get_packed_size(event);
    if (size > EVENT_MAX) {
        return err_set(err, ERR_EXHAUSTED, "event_too_large", "topic=%s\nbytes=%zu", event->topic,
                       size);
    }
    uint8_t *data = arena_alloc(call->arena, size);
    (void)wire__event__pack(event, data);
    return insert(core, event, (struct bytes){data, size}, err);
}

int event_restore(struct core *core, const Wire__Event *event, struct bytes body, struct err *err) {
    if (event->position != core->head.position + 1
        || event->seq != core->head.seq[event->lane] + 1) {
        return err_plain(err, ERR_DATA_LOSS, "the bus has no event %llu of this store",
                         (unsigned long long)core->head.position + 1);
    }
    return insert(core, event, body, err);
}

int event_read(struct store *store, Wire__Lane lane, uint64_t after_seq, size_t max,
               size_t size_max, struct arena *arena, struct bytes *events, struct err *err) {
    struct query q = QUERY(store, "SELECT body FROM event WHERE lane = ?1 AND seq > ?2"
                                  " ORDER BY seq LIMIT ?3");
    size_t total = 0;
    int count = 0;
    int more = 0;

    query_bind_i64(&q, 1, (int64_t)lane);
    query_bind_i64(&q, 2, (int64_t)after_seq);
    query_bind_i64(&q, 3, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        size_t size = 0;
        const uint8_t *data = query_blob(&q, 0, arena, &size);
        if (count > 0 && total + size > size_max) {
            break;
        }
        total += size;
        events[count++] = (struct bytes){data, size};
    }
    query_end(&q);
    return more < 0 ? -1 : count;
}

int event_of_case(struct store *store, const char *case_no, size_t max, struct arena *arena,
                  Wire__Event **events, struct err *err) {
    struct query q = QUERY(store, "SELECT body FROM event WHERE case_no = ?1 AND case_no <> ''"
                                  " ORDER BY position LIMIT ?2");
    ProtobufCAllocator allocator = arena_protobuf(arena);
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, case_no);
    query_bind_i64(&q, 2, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        size_t size = 0;
        const uint8_t *data = query_blob(&q, 0, arena, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, data);
        if (!event) {
            more = err_plain(err, ERR_EXHAUSTED, "the events of %s do not fit", case_no);
            break;
        }
        events[count++] = event;
    }
    query_end(&q);
    return more < 0 ? -1 : count;
}

/* The hash that the chain goes on from. */
static int hash_at(struct store *store, uint64_t position, struct arena *arena,
                   uint8_t hash[HASH_SIZE], struct err *err) {
    struct query q = QUERY(store, "SELECT hash FROM event WHERE position = ?1");
    size_t size = 0;

    memset(hash, 0, HASH_SIZE);
    if (position == 0) {
        return 0;
    }
    query_bind_i64(&q, 1, (int64_t)position);
    int found = query_step(&q, err);
    if (found == 1) {
        const uint8_t *stored = query_blob(&q, 0, arena, &size);
        memcpy(hash, stored, size < HASH_SIZE ? size : HASH_SIZE);
    }
    query_end(&q);
    return found < 0           ? -1
           : size == HASH_SIZE ? 0
                               : err_plain(err, ERR_DATA_LOSS, "there is no event at position %llu",
                                           (unsigned long long)position);
}

int event_verify(struct store *store, uint64_t after, struct arena *arena, uint64_t *checked,
                 uint64_t *next, struct err *err) {
    uint8_t before[HASH_SIZE];
    int more = 0;

    *checked = *next = 0;
    if (hash_at(store, after, arena, before, err)) {
        return -1;
    }
    struct query q = QUERY(store, "SELECT position, body, hash FROM event WHERE position > ?1"
                                  " ORDER BY position LIMIT ?2");
    query_bind_i64(&q, 1, (int64_t)after);
    query_bind_i64(&q, 2, EVENT_VERIFY_MAX);
    while ((more = query_step(&q, err)) == 1) {
        size_t used = arena_used(arena);
        size_t size = 0;
        size_t hash_size = 0;
        uint64_t expected = after + *checked + 1;
        uint64_t position = (uint64_t)query_i64(&q, 0);
        struct bytes body = {.data = query_blob(&q, 1, arena, &size)};
        const uint8_t *stored = query_blob(&q, 2, arena, &hash_size);
        body.size = size;
        chain(before, body, before);
        bool same = hash_size == HASH_SIZE && memcmp(before, stored, HASH_SIZE) == 0;
        arena_rewind(arena, used);
        if (!same || position != expected) {
            more = err_plain(err, ERR_DATA_LOSS, "the chain of events is broken at position %llu",
                             (unsigned long long)expected);
            break;
        }
        ++*checked;
    }
    query_end(&q);
    *next = *checked == EVENT_VERIFY_MAX ? after + *checked : 0;
    return more;
}

const Wire__Value *value_find(Wire__Value *const *values, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i]->key, key) == 0) {
            return values[i];
        }
    }
    return NULL;
}

const char *value_text(Wire__Value *const *values, size_t count, const char *key) {
    const Wire__Value *value = value_find(values, count, key);

    return value && value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : "";
}

int64_t value_i64(Wire__Value *const *values, size_t count, const char *key, int64_t none) {
    const Wire__Value *value = value_find(values, count, key);

    if (value && value->kind_case == WIRE__VALUE__KIND_INTEGER) {
        return value->integer;
    }
    return value && value->kind_case == WIRE__VALUE__KIND_MS ? value->ms : none;
}

bool value_flag(Wire__Value *const *values, size_t count, const char *key) {
    const Wire__Value *value = value_find(values, count, key);

    return value && value->kind_case == WIRE__VALUE__KIND_FLAG && value->flag;
}

void values_add(struct values *values, const Wire__Value *value) {
    if (values->count == values->room) {
        size_t room = values->room ? 2 * values->room : VALUES_ROOM;
        Wire__Value **list = arena_alloc(values->arena, room * sizeof(Wire__Value *));
        if (values->count > 0) {
            memcpy(list, values->list, values->count * sizeof(Wire__Value *));
        }
        values->list = list;
        values->room = room;
    }
    Wire__Value *copy = arena_alloc(values->arena, sizeof *copy);
    *copy = *value;
    values->list[values->count++] = copy;
}

void values_add_text(struct values *values, const char *key, const char *text) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_TEXT;
    value.text = text;
    values_add(values, &value);
}

void values_add_i64(struct values *values, const char *key, int64_t integer) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_INTEGER;
    value.integer = integer;
    values_add(values, &value);
}

void values_add_ms(struct values *values, const char *key, int64_t ms) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_MS;
    value.ms = ms;
    values_add(values, &value);
}

void values_add_flag(struct values *values, const char *key, bool flag) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_FLAG;
    value.flag = flag;
    values_add(values, &value);
}
