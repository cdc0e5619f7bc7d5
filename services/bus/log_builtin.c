#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "services/bus/log.h"
#include "store/query.h"

/* Where the urgent lane begins in log.place. */
static const int64_t urgent_base = (int64_t)1 << 62;

static struct store *store_of(const struct log *log) {
    return log->arg;
}

static int64_t base_of(Wire__Lane lane) {
    return lane == WIRE__LANE__URGENT ? urgent_base : 0;
}

static int64_t stream_of(const struct log_source *source, Wire__Lane lane) {
    return source->id * LOG_LANES + (int64_t)lane;
}

bool log_wanted(const struct log_want *want, const char *topic) {
    for (size_t i = 0; i < want->pattern_count; i++) {
        if (text_match(want->patterns[i], topic)) {
            return true;
        }
    }
    return want->pattern_count == 0;
}

static void read_source(struct query *q, struct log_source *source, struct arena *arena) {
    size_t size = 0;

    source->id = query_i64(q, 0);
    const uint8_t *id = query_blob(q, 1, arena, &size);
    assert(size == LOG_SOURCE_SIZE);
    memcpy(source->source, id, LOG_SOURCE_SIZE);
    source->service = query_text(q, 2, arena);
    source->epoch = (uint64_t)query_i64(q, 3);
    source->head[WIRE__LANE__NORMAL] = (uint64_t)query_i64(q, 4);
    source->head[WIRE__LANE__URGENT] = (uint64_t)query_i64(q, 5);
}

static int find(const struct log *log, const uint8_t *id, struct log_source *source,
                struct arena *arena, struct err *err) {
    struct query q = QUERY(store_of(log), "SELECT id, source, service, epoch, head_normal,"
                                          " head_urgent FROM log_source WHERE source = ?1");

    query_bind_blob(&q, 1, id, LOG_SOURCE_SIZE);
    int found = query_step(&q, err);
    if (found == 1) {
        read_source(&q, source, arena);
    }
    query_end(&q);
    return found;
}

static int put(const struct log *log, struct log_source *source, struct err *err) {
    struct query q = QUERY(store_of(log),
                           "INSERT INTO log_source(source, service, epoch) VALUES(?1, ?2, ?3)"
                           " ON CONFLICT(source) DO UPDATE SET epoch = excluded.epoch"
                           " RETURNING id");

    query_bind_blob(&q, 1, source->source, LOG_SOURCE_SIZE);
    query_bind_text(&q, 2, source->service);
    query_bind_i64(&q, 3, (int64_t)source->epoch);
    int found = query_step(&q, err);
    if (found < 0) {
        return -1;
    }
    source->id = query_i64(&q, 0);
    return query_done(&q, err);
}

static int head(const struct log *log, Wire__Lane lane, uint64_t *position, struct err *err) {
    struct query q = QUERY(store_of(log), "SELECT ifnull(max(place), ?1) - ?1 FROM log"
                                          " WHERE place > ?1 AND place < ?2");

    query_bind_i64(&q, 1, base_of(lane));
    query_bind_i64(&q, 2, lane == WIRE__LANE__URGENT ? INT64_MAX : urgent_base);
    if (query_step(&q, err) < 0) {
        return -1;
    }
    *position = (uint64_t)query_i64(&q, 0);
    query_end(&q);
    return 0;
}

static int insert(const struct log *log, int64_t stream, int64_t place,
                  const struct log_entry *entry, struct err *err) {
    struct query q = QUERY(store_of(log), "INSERT INTO log(place, stream, seq, topic, body)"
                                          " VALUES(?1, ?2, ?3, ?4, ?5)");

    query_bind_i64(&q, 1, place);
    query_bind_i64(&q, 2, stream);
    query_bind_i64(&q, 3, (int64_t)entry->seq);
    query_bind_text(&q, 4, entry->topic);
    query_bind_blob(&q, 5, entry->body.data, entry->body.size);
    return query_done(&q, err);
}

static int append(const struct log *log, struct log_source *source, Wire__Lane lane,
                  struct log_entry *entries, size_t count, struct err *err) {
    uint64_t position = 0;

    if (count == 0) {
        return 0;
    }
    if (head(log, lane, &position, err)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].position = ++position;
        if (insert(log, stream_of(source, lane), base_of(lane) + (int64_t)position, &entries[i],
                   err)) {
            return -1;
        }
    }
    source->head[lane] = entries[count - 1].seq;
    struct query q = QUERY(store_of(log), "UPDATE log_source SET head_normal = ?2, head_urgent = ?3"
                                          " WHERE id = ?1");
    query_bind_i64(&q, 1, source->id);
    query_bind_i64(&q, 2, (int64_t)source->head[WIRE__LANE__NORMAL]);
    query_bind_i64(&q, 3, (int64_t)source->head[WIRE__LANE__URGENT]);
    return query_done(&q, err);
}

static int body(const struct log *log, const struct log_source *source, Wire__Lane lane,
                uint64_t seq, struct arena *arena, struct bytes *bytes, struct err *err) {
    struct query q = QUERY(store_of(log), "SELECT body FROM log WHERE stream = ?1 AND seq = ?2");

    query_bind_i64(&q, 1, stream_of(source, lane));
    query_bind_i64(&q, 2, (int64_t)seq);
    int found = query_step(&q, err);
    if (found == 1) {
        bytes->data = query_blob(&q, 0, arena, &bytes->size);
    }
    query_end(&q);
    return found;
}

/* Takes the row under the query if it is wanted.  False: the reply is full. */
static bool take(struct query *q, const struct log_want *want, struct log_found *found,
                 size_t *size, struct arena *arena) {
    size_t used = arena_used(arena);
    const char *topic = query_text(q, 1, arena);

    if (log_wanted(want, topic)) {
        size_t body_size = (size_t)query_i64(q, 4);
        if (found->count == want->max || (found->count > 0 && *size + body_size > LOG_BYTES_MAX)) {
            arena_rewind(arena, used);
            return false;
        }
        struct log_entry *entry = &found->entries[found->count]; /* there is one: count < max */
        entry->topic = topic;
        entry->seq = (uint64_t)query_i64(q, 2);
        entry->body.data = query_blob(q, 3, arena, &entry->body.size);
        entry->position = (uint64_t)(query_i64(q, 0) - base_of(want->lane));
        *size += entry->body.size;
        found->count++;
    } else {
        arena_rewind(arena, used);
    }
    found->next = (uint64_t)(query_i64(q, 0) - base_of(want->lane));
    found->first = found->first ? found->first : found->next;
    return true;
}

static int read(const struct log *log, const struct log_want *want, struct arena *arena,
                struct log_found *found, struct err *err) {
    size_t size = 0;
    int more;

    found->count = 0;
    found->first = 0;
    found->next = want->after;
    if (head(log, want->lane, &found->head, err)) {
        return -1;
    }
    if (want->after >= found->head) {
        return 0;
    }
    /* length(body) comes from the row's header: what is not wanted is not read. */
    struct query q = QUERY(store_of(log), "SELECT place, topic, seq, body, length(body) FROM log"
                                          " WHERE place > ?1 AND place <= ?2"
                                          " ORDER BY place LIMIT ?3");
    query_bind_i64(&q, 1, base_of(want->lane) + (int64_t)want->after);
    query_bind_i64(&q, 2, base_of(want->lane) + (int64_t)found->head);
    query_bind_i64(&q, 3, LOG_SCAN_MAX);
    while ((more = query_step(&q, err)) == 1 && take(&q, want, found, &size, arena)) {
    }
    query_end(&q);
    return more < 0 ? -1 : 0;
}

static int prune(const struct log *log, Wire__Lane lane, uint64_t upto, int max, struct err *err) {
    const int64_t before = store_changes(store_of(log));
    struct query q = QUERY(store_of(log), "DELETE FROM log WHERE place IN"
                                          " (SELECT place FROM log WHERE place > ?1 AND place <= ?2"
                                          "  ORDER BY place LIMIT ?3)");

    query_bind_i64(&q, 1, base_of(lane));
    query_bind_i64(&q, 2, base_of(lane) + (int64_t)upto);
    query_bind_i64(&q, 3, max);
    return query_done(&q, err) ? -1 : (int)(store_changes(store_of(log)) - before);
}

static int sources(const struct log *log, struct arena *arena, struct log_source *list,
                   struct err *err) {
    struct query q = QUERY(store_of(log), /* scan: a row each store */
                           "SELECT id, source, service, epoch, head_normal, head_urgent"
                           " FROM log_source ORDER BY service, source LIMIT ?1");
    int count = 0, more;

    query_bind_i64(&q, 1, LOG_SOURCES_MAX);
    while ((more = query_step(&q, err)) == 1) {
        read_source(&q, &list[count++], arena);
    }
    return more < 0 ? -1 : count;
}

static const struct log_engine builtin = {
    .name = "builtin",
    .find = find,
    .put = put,
    .append = append,
    .body = body,
    .head = head,
    .read = read,
    .prune = prune,
    .sources = sources,
};

struct log log_builtin(struct store *store) {
    return (struct log){.engine = &builtin, .arg = store};
}
