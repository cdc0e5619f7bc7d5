#include "power/look.h"

#include <stdarg.h>
#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "cli/services.h"
#include "core/event.h"
#include "harness.h"
#include "sim/town.h"
#include "store/query.h"

extern const struct migration core_schema[];

enum {
    SAID_SIZE = 400,
    ARENA = 8 << 20,
    SCHEMAS_MAX = 16,
    IDS_SLOTS = 1 << 14,
    LAST_EVENTS = 32,
    WHOLE_KEPT = 256,
};

static char said[SAID_SIZE];

__attribute__((format(printf, 1, 2))) static const char *say(const char *format, ...) {
    va_list args;

    va_start(args, format);
    (void)vsnprintf(said, sizeof said, format, args);
    va_end(args);
    return said;
}

static const char *say_err(const char *what, const struct err *err) {
    return say("%s: %s %s", what, err->rule, err->args);
}

const char *look_path(size_t store) {
    static char path[64];

    (void)snprintf(path, sizeof path, LOOK_FOLDER "/%s", town_services[store]);
    return path;
}

static const struct service_def *def_of(size_t store) {
    for (size_t i = 0; services_all[i]; i++) {
        if (text_eq(services_all[i]->name, town_services[store])) {
            return services_all[i];
        }
    }
    CHECK(!"a service of the house");
    return NULL;
}

/* As core_new opens it. */
static struct store *open_store(size_t store, struct err *err) {
    const struct service_def *def = def_of(store);
    const struct migration *schemas[SCHEMAS_MAX] = {core_schema};
    char path[80];

    for (size_t i = 0; def->schemas && def->schemas[i]; i++) {
        CHECK(i + 2 < SCHEMAS_MAX);
        schemas[i + 1] = def->schemas[i];
    }
    (void)snprintf(path, sizeof path, "%s.db", look_path(store));
    return store_open(path, def->name, schemas, err);
}

/* ---- whole ---- */

static const char *look_integrity(struct store *store, bool thorough, struct arena *arena) {
    struct err err = {0};
    struct query q = thorough ? QUERY(store, "PRAGMA integrity_check(1000000)")
                              : QUERY(store, "PRAGMA quick_check(1000000)");
    int more = 0;

    while ((more = query_step(&q, &err)) == 1) {
        const size_t used = arena_used(arena);
        const char *line = query_text(&q, 0, arena);
        if (!text_eq(line, "ok")) {
            query_end(&q);
            return say("integrity_check: %s", line);
        }
        arena_rewind(arena, used);
    }
    return more < 0 ? say_err("integrity_check", &err) : NULL;
}

/* Each lane, and both together, count 1, 2, 3, …; what has left a service is among them. */
static const char *look_events(struct store *store, uint64_t promised) {
    struct err err = {0};
    struct query q = QUERY(store, "SELECT lane, count(*), max(seq), count(DISTINCT seq), min(seq)"
                                  " FROM event GROUP BY lane"
                                  " UNION ALL SELECT 2, count(*), coalesce(max(position), 0),"
                                  " count(*), 1 FROM event");
    int more = 0;

    while ((more = query_step(&q, &err)) == 1) {
        const int64_t lane = query_i64(&q, 0), count = query_i64(&q, 1), last = query_i64(&q, 2);
        const bool whole = count == last && query_i64(&q, 3) == count && query_i64(&q, 4) == 1;
        if (!whole || (lane == 2 && (uint64_t)last < promised)) {
            query_end(&q);
            return whole ? say("event %lld is not there; the last one is %lld", (long long)promised,
                               (long long)last)
                         : say("lane %lld has %lld events up to %lld", (long long)lane,
                               (long long)count, (long long)last);
        }
    }
    return more < 0 ? say_err("the events", &err) : NULL;
}

static const char *look_chain(struct store *store, uint64_t from, struct arena *arena) {
    struct err err = {0};
    uint64_t checked = 0;

    for (uint64_t next = from, more = 1; more > 0; next = more) {
        if (event_verify(store, next, arena, &checked, &more, &err)) {
            return say_err("the chain", &err);
        }
    }
    return NULL;
}

/* ---- acknowledged is present ---- */

/* The requests that the store remembers, and how many events of each are there. */
static uint8_t ids[IDS_SLOTS][JOURNAL_ID_SIZE];
static uint32_t ids_events[IDS_SLOTS];
static uint32_t ids_round[IDS_SLOTS], round_now; /* a slot of an earlier look is free */

/* The slot that holds the id, or the one that it would be put into. */
static size_t id_slot(const uint8_t *id) {
    uint64_t hash = 0;

    for (size_t i = 0; i < JOURNAL_ID_SIZE; i++) {
        hash = (hash ^ id[i]) * UINT64_C(1099511628211);
    }
    size_t slot = (size_t)(hash >> 32U) % IDS_SLOTS;
    while (ids_round[slot] == round_now && memcmp(ids[slot], id, JOURNAL_ID_SIZE) != 0) {
        slot = (slot + 1) % IDS_SLOTS;
    }
    return slot;
}

static const char *look_requests(const struct player *player, size_t store_no, struct store *store,
                                 struct arena *arena) {
    struct err err = {0};
    struct query q = QUERY(store, "SELECT id FROM request WHERE length(reply) > 0");
    size_t count = 0, missing = 0;
    int more = 0;

    round_now++;
    while ((more = query_step(&q, &err)) == 1) {
        const size_t used = arena_used(arena);
        size_t size = 0;
        const uint8_t *id = query_blob(&q, 0, arena, &size);
        CHECK(size == JOURNAL_ID_SIZE && ++count < IDS_SLOTS / 2);
        const size_t slot = id_slot(id);
        memcpy(ids[slot], id, JOURNAL_ID_SIZE);
        ids_round[slot] = round_now;
        ids_events[slot] = 0;
        arena_rewind(arena, used);
    }
    if (more < 0) {
        return say_err("the requests", &err);
    }
    for (size_t i = 0; i < player->promised[store_no].count; i++) {
        missing += ids_round[id_slot(player->promised[store_no].ids[i])] != round_now;
    }
    return missing == 0 ? NULL
                        : say("%zu of %zu acknowledged requests are not there", missing,
                              player->promised[store_no].count);
}

/* ---- nothing by halves ---- */

/* Is it acknowledged at some time, be it later than now? */
static bool is_remembered(const struct journal *journal, size_t store_no, const uint8_t *id) {
    for (size_t i = 0; i < journal->count; i++) {
        const struct entry *entry = &journal->entries[i];
        if (entry->store == store_no && journal_has_id(entry)
            && memcmp(entry->id, id, JOURNAL_ID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/* A request that is remembered and the events that it has made are there together, or not. */
static const char *look_halves(const struct journal *journal, size_t store_no, struct store *store,
                               struct arena *arena) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct err err = {0};
    struct query q = QUERY(store, "SELECT body FROM event ORDER BY position");
    int more = 0;

    while ((more = query_step(&q, &err)) == 1) {
        const size_t used = arena_used(arena);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, arena, &size);
        const Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        if (journal_is_of_request(event)) {
            const size_t slot = id_slot(event->cause->request.data);
            ids_events[slot]++;
            if (ids_round[slot] != round_now
                && is_remembered(journal, store_no, event->cause->request.data)) {
                query_end(&q);
                return say("event %llu is there without its request",
                           (unsigned long long)event->position);
            }
        }
        arena_rewind(arena, used);
    }
    for (size_t i = 0; i < journal->count && more == 0; i++) {
        const struct entry *entry = &journal->entries[i];
        const size_t slot = entry->store == store_no && journal_has_id(entry) ? id_slot(entry->id)
                                                                              : IDS_SLOTS;
        if (slot < IDS_SLOTS && ids_round[slot] == round_now && ids_events[slot] != entry->events) {
            return say("a request is there with %u of its %u events", ids_events[slot],
                       entry->events);
        }
    }
    return more < 0 ? say_err("the events", &err) : NULL;
}

/* Byte for byte what some commit had made of it, and none before the last that was relied on. */
static const char *look_commit(const struct player *player, size_t store_no, uint64_t sum) {
    const struct commits *commits = &player->commits[store_no];
    const size_t promised = player->promised[store_no].commits;

    for (size_t i = commits->count; i > 0; i--) {
        if (commits->list[i - 1].sum == sum) {
            return i >= promised ? NULL
                                 : say("commit %zu of %zu is the last one, and %zu were relied on",
                                       i, commits->count, promised);
        }
    }
    return commits->count == 0 ? NULL : say("it is not as any commit made it");
}

/* The log is folded in: then the file is all there is. */
static uint64_t folded(struct store *store, size_t store_no) {
    char path[80];
    size_t size = 0;

    store_checkpoint(store, true);
    (void)snprintf(path, sizeof path, "%s.db", look_path(store_no));
    const uint8_t *data = disk_look(path, &size);
    return commits_sum(data, size);
}

/* Many cuts leave the same database: its pages and its chain are walked once, and now and then
 * again. */
static bool was_whole(size_t store_no, uint64_t sum, bool set) {
    static uint64_t whole[PLAYER_STORES][WHOLE_KEPT];
    uint64_t *slot = &whole[store_no][sum % WHOLE_KEPT];

    *slot = set ? sum : *slot;
    return *slot == sum;
}

static const char *look_store(const struct player *player, size_t store_no, struct store *store,
                              bool thorough, struct arena *arena) {
    const uint64_t promised = player->promised[store_no].position;
    const uint64_t from = thorough || promised < LAST_EVENTS ? 0 : promised - LAST_EVENTS;
    /* A store that was cut while its first schemas ran was brought up to date just now. */
    const bool untouched = store_changes(store) == 0;
    const char *wrong = look_events(store, promised);

    wrong = wrong ? wrong : look_requests(player, store_no, store, arena);
    const uint64_t sum = folded(store, store_no);
    wrong = wrong || !untouched ? wrong : look_commit(player, store_no, sum);
    if (wrong || (!thorough && was_whole(store_no, sum, false))) {
        return wrong;
    }
    wrong = look_integrity(store, thorough, arena);
    wrong = wrong ? wrong : look_chain(store, from, arena);
    wrong = wrong ? wrong : look_halves(player->journal, store_no, store, arena);
    (void)was_whole(store_no, sum, wrong == NULL);
    return wrong;
}

/* The service itself: its first transaction reads what it needs. */
static const char *look_start(size_t store) {
    static struct secrets secrets;
    char path[80];
    struct err err = {0};

    secrets_from_seed(&secrets, 1);
    (void)snprintf(path, sizeof path, "%s.db", look_path(store));
    const struct core_config config = {.path = path, .secrets = &secrets, .seed = 1, .now_ms = 1};
    struct core *core = core_new(def_of(store), &config, &err);
    const char *wrong = !core ? say_err("the service does not start", &err)
                        : core_step(core, core_now(core), &err) ? say_err("its first step", &err)
                                                                : NULL;
    core_free(core);
    return wrong;
}

const char *look_at(const struct player *player, size_t store_no, bool thorough) {
    static struct arena *arena;
    struct err err = {0};

    arena = arena ? arena : arena_new(ARENA);
    arena_reset(arena);
    struct store *store = open_store(store_no, &err);
    const char *wrong = store ? look_store(player, store_no, store, thorough, arena)
                              : say_err("it does not open", &err);
    if (!thorough || wrong) {
        disk_kill(LOOK_FOLDER); /* what closing would fold in is of no interest */
    }
    store_close(store);
    return wrong || !thorough ? wrong : look_start(store_no);
}
