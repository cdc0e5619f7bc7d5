/* What must hold: at any time, and when all is over. */
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "harness.h"
#include "sim/disk.h"
#include "sim/town.h"
#include "store/query.h"

enum {
    DRAIN_STEP_MS = 5000,
    DRAIN_STEPS = 240, /* twenty minutes of its time */
    LAST_MS = 60000,
    EVENTS_AT_ONCE = 256,
    SEEN_MAX = 16384,
    WAL_MAX = 24 << 20,
    STORIES_MAX = 2048,
};

/* ---- looking ---- */

static int64_t number_of(struct query q) {
    struct err err = {0};
    CHECK_OK(query_step(&q, &err) != 1, err);
    const int64_t number = query_i64(&q, 0);
    query_end(&q);
    return number;
}

static struct store *store_of(struct town *town, const char *service) {
    return core_store(rehearsal_core(town->world, service));
}

typedef void look_fn(void *arg, const Wire__Event *event, struct bytes body);

static void each_event(struct town *town, const char *service, look_fn *look, void *arg) {
    ProtobufCAllocator allocator = arena_protobuf(town->scratch);
    struct bytes events[EVENTS_AT_ONCE];
    struct err err = {0};
    uint64_t after = 0;

    for (int count = EVENTS_AT_ONCE; count == EVENTS_AT_ONCE;) {
        const size_t used = arena_used(town->scratch);
        count = rehearsal_events(town->world, service, after, EVENTS_AT_ONCE, town->scratch, events,
                                 &err);
        CHECK_OK(count < 0, err);
        for (int i = 0; i < count; i++) {
            const Wire__Event *event = wire__event__unpack(&allocator, events[i].size,
                                                           events[i].data);
            CHECK(event);
            after = event->position;
            look(arg, event, events[i]);
        }
        arena_rewind(town->scratch, used);
    }
}

/* A set of short keys; how often each was added. */
struct seen {
    uint64_t key;
    uint32_t place; /* when it was last added */
};
static struct seen seen[SEEN_MAX];

static uint64_t hash_of(const void *data, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    }
    return hash | 1;
}

/* The slot of a key; its key is 0 when it is new. */
static struct seen *slot_of(uint64_t key) {
    size_t at = (size_t)(key % SEEN_MAX);

    for (size_t i = 0; i < SEEN_MAX && seen[at].key && seen[at].key != key; i++) {
        at = (at + 1) % SEEN_MAX;
    }
    CHECK(!seen[at].key || seen[at].key == key);
    return &seen[at];
}

/* ---- one store's events ---- */

struct walk {
    struct town *town;
    const char *service;
    uint64_t position, seq[2], epoch;
    uint32_t run; /* grows whenever the cause changes */
    uint64_t last_cause;
};

/* The effects of one cause are in one commit: they stand together, and nowhere else. */
static void check_cause(struct walk *walk, const Wire__Event *event) {
    char key[160];
    const Wire__Cause *cause = event->cause;

    if (!cause || (!cause->request.len && !cause->subscription[0])) {
        walk->last_cause = 0;
        return;
    }
    const int length = snprintf(key, sizeof key, "%s|%s|%d|%llu|", walk->service,
                                cause->subscription, /* of a request: none */
                                (int)cause->lane, (unsigned long long)cause->seq);
    size_t size = (size_t)length;
    const ProtobufCBinaryData from = cause->request.len ? cause->request : cause->source;
    CHECK(from.len == 16 && size + from.len < sizeof key);
    memcpy(key + size, from.data, from.len);
    size += from.len;
    const uint64_t hash = hash_of(key, size);
    if (hash == walk->last_cause) {
        return;
    }
    walk->last_cause = hash;
    struct seen *slot = slot_of(hash);
    CHECK(!slot->key); /* an effect a second time */
    slot->key = hash;
}

static void check_order(void *arg, const Wire__Event *event, struct bytes body) {
    struct walk *walk = arg;

    (void)body;
    CHECK(event->position == walk->position + 1);
    CHECK(event->seq == walk->seq[event->lane] + 1);
    CHECK(event->epoch >= walk->epoch);
    walk->position = event->position;
    walk->seq[event->lane] = event->seq;
    walk->epoch = event->epoch;
    check_cause(walk, event);
}

static void check_store(struct town *town, const char *service) {
    struct walk walk = {.town = town, .service = service};
    struct err err = {0};

    memset(seen, 0, sizeof seen);
    each_event(town, service, check_order, &walk);
    uint64_t next = 0;
    do {
        const size_t used = arena_used(town->scratch);
        uint64_t checked = 0;
        CHECK_OK(event_verify(store_of(town, service), next, town->scratch, &checked, &next, &err),
                 err);
        arena_rewind(town->scratch, used);
    } while (next > 0);
}

/* ---- the manual's own promises ---- */

struct story {
    uint64_t number; /* hash of the case's */
    char owner[16];
    bool owner_acted;
};
static struct story stories[STORIES_MAX];
static size_t story_count;

static void check_first_contact(void *arg, const Wire__Event *event, struct bytes body) {
    const Wire__Value *owner = value_find(event->fields, event->n_fields, "first_contact_owner");
    struct story *story = NULL;

    (void)arg, (void)body;
    if (!*event->case_no || text_starts(event->topic, "clock.")) {
        return;
    }
    const uint64_t number = hash_of(event->case_no, strlen(event->case_no));
    for (size_t i = 0; !story && i < story_count; i++) {
        story = stories[i].number == number ? &stories[i] : NULL;
    }
    const bool opens = strstr(event->topic, ".open") != NULL;
    if (!story) {
        CHECK(story_count < STORIES_MAX);
        story = &stories[story_count++];
        *story = (struct story){.number = number};
    }
    if (owner && owner->kind_case == WIRE__VALUE__KIND_TEXT) {
        /* Only the named act of the supervisor changes who he is. */
        CHECK(opens || !*story->owner || text_eq(owner->text, story->owner)
              || text_eq(event->topic + strcspn(event->topic, "."), ".change_first_owner"));
        (void)snprintf(story->owner, sizeof story->owner, "%s", owner->text);
    }
    CHECK(!opens || event->actor[0] != 'S' || text_eq(event->role, "customer") || *story->owner);
    story->owner_acted = story->owner_acted || text_eq(event->actor, story->owner);
    if (text_starts(event->topic, "contact.") && !opens
        && text_eq(value_text(event->fields, event->n_fields, "state"), "closed")) {
        CHECK(story->owner_acted);
    }
}

/* One send, for the first time, of each record: page, step, person, channel, turn. */
static void check_pages(void *arg, const Wire__Event *event, struct bytes body) {
    char key[200];

    (void)arg, (void)body;
    if (text_eq(event->topic, "page.sent")) {
        const int size = snprintf(key, sizeof key, "%s %lld %s %s %lld",
                                  value_text(event->fields, event->n_fields, "page"),
                                  (long long)value_i64(event->fields, event->n_fields, "step", 0),
                                  value_text(event->fields, event->n_fields, "to"),
                                  value_text(event->fields, event->n_fields, "channel"),
                                  (long long)value_i64(event->fields, event->n_fields, "times", 0));
        const uint64_t hash = hash_of(key, (size_t)size);
        struct seen *slot = slot_of(hash);
        CHECK(!slot->key);
        slot->key = hash;
    }
}

void checks_always(struct town *town) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        arena_reset(town->scratch);
        CHECK(disk_bytes(town_path(town, town_services[i])) < WAL_MAX);
    }
}

/* ---- the end ---- */

/* Why a service is not done yet; NULL: it is. */
static const char *waits_for(struct town *town, const char *service) {
    struct core *core = rehearsal_core(town->world, service);

    if (!core) {
        return "it is down";
    }
    if (!core_ready(core)) {
        return "it is not ready";
    }
    if (number_of(QUERY(core_store(core), "SELECT count(*) FROM job WHERE urgent = 1")) > 0) {
        return "a page is under way";
    }
    for (int lane = 0; lane < 2 && !text_eq(service, "bus"); lane++) {
        struct query q = QUERY(store_of(town, "bus"),
                               "SELECT ifnull(max(CASE ?2 WHEN 0 THEN head_normal"
                               " ELSE head_urgent END), 0) FROM log_source WHERE source = ?1");
        query_bind_blob(&q, 1, core_source(core), CORE_ID_SIZE);
        query_bind_i64(&q, 2, lane);
        const int64_t there = number_of(q);
        q = QUERY(core_store(core), "SELECT ifnull(max(seq), 0) FROM event WHERE lane = ?1");
        query_bind_i64(&q, 1, lane);
        if (number_of(q) != there) {
            return "the bus has not all of its events";
        }
    }
    return NULL;
}

static bool drained(struct town *town) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        if (!rehearsal_core(town->world, "bus") || waits_for(town, town_services[i])) {
            return false;
        }
    }
    return true;
}

static void say_undrained(struct town *town) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        const char *why = waits_for(town, town_services[i]);
        if (why) {
            (void)fprintf(stderr, "# %s: %s\n", town_services[i], why);
        }
    }
}

struct ledger {
    struct town *town;
    const char *service;
    uint8_t found[TOWN_ASKED_MAX];
};

static void find_request(void *arg, const Wire__Event *event, struct bytes body) {
    struct ledger *ledger = arg;
    const Wire__Cause *cause = event->cause;

    (void)body;
    for (size_t i = 0; cause && cause->request.len == 16 && i < ledger->town->asked_count; i++) {
        const struct asked *one = &ledger->town->asked[i];
        if (text_eq(one->service, ledger->service) && text_eq(one->staff, event->actor)
            && memcmp(one->id, cause->request.data, 16) == 0) {
            ledger->found[i] = 1;
        }
    }
}

/* What was acknowledged is there; what was refused has changed nothing. */
static void check_ledger(struct town *town, const char *service) {
    static struct ledger ledger;

    ledger = (struct ledger){.town = town, .service = service};
    each_event(town, service, find_request, &ledger);
    for (size_t i = 0; i < town->asked_count; i++) {
        const struct asked *one = &town->asked[i];
        if (!text_eq(one->service, service)) {
            continue;
        }
        CHECK(one->answered);
        if (strstr(one->method, "/OpenCase") || strstr(one->method, "/FireEvent")) {
            /* An offer of the same matter opens nothing and says so. */
            CHECK(ledger.found[i] || !one->acknowledged || strstr(one->method, "/OpenCase"));
        }
        /* Whose token is not taken any more learns nothing of what he asked before. */
        const bool unheard = text_starts(one->rule, "token_");
        if (!one->acknowledged && ledger.found[i] && !unheard) {
            (void)fprintf(stderr, "# refused by %s, and carried out: %s\n", one->rule, one->method);
            CHECK(!"what was refused has changed nothing");
        }
    }
}

/* The bus has what the sources have, byte for byte. */
static void add_hash(void *arg, const Wire__Event *event, struct bytes body) {
    (void)event;
    *(uint64_t *)arg += hash_of(body.data, body.size);
}

static void check_bus(struct town *town) {
    struct store *bus = store_of(town, "bus");

    for (size_t i = 1; i < TOWN_SERVICES; i++) {
        struct err err = {0};
        uint64_t mine = 0, there = 0;
        int more = 0;
        each_event(town, town_services[i], add_hash, &mine);
        struct query q = QUERY(bus, "SELECT body FROM log WHERE stream / 2 ="
                                    " (SELECT id FROM log_source WHERE source = ?1)");
        query_bind_blob(&q, 1, core_source(rehearsal_core(town->world, town_services[i])),
                        CORE_ID_SIZE);
        while ((more = query_step(&q, &err)) == 1) {
            const size_t used = arena_used(town->scratch);
            size_t size = 0;
            const uint8_t *body = query_blob(&q, 0, town->scratch, &size);
            there += hash_of(body, size);
            arena_rewind(town->scratch, used);
        }
        CHECK_OK(more < 0, err);
        CHECK(mine == there);
    }
}

/* Every page that a case asked for was opened, once. */
static void check_asked(void *arg, const Wire__Event *event, struct bytes body) {
    struct town *town = arg;

    (void)body;
    if (text_eq(event->topic, "page.asked")) {
        struct query q = QUERY(store_of(town, "notify"),
                               "SELECT count(*) FROM page WHERE cause_source = ?1"
                               " AND cause_lane = ?2 AND cause_seq = ?3");
        query_bind_blob(&q, 1, event->source.data, event->source.len);
        query_bind_i64(&q, 2, event->lane);
        query_bind_i64(&q, 3, (int64_t)event->seq);
        CHECK(number_of(q) == 1);
        town->pages++;
    }
}

static void trace_event(void *arg, const Wire__Event *event, struct bytes body) {
    struct town *town = arg;

    (void)event;
    town->events++;
    town->trace = (town->trace ^ hash_of(body.data, body.size)) * UINT64_C(1099511628211);
}

void checks_end(struct town *town) {
    int steps = 0;

    for (; steps < DRAIN_STEPS && !drained(town); steps++) {
        town_advance(town, DRAIN_STEP_MS);
    }
    if (!drained(town)) {
        say_undrained(town);
        CHECK(!"drained within twenty minutes after the last fault");
    }
    town_advance(town, LAST_MS); /* and what was told last has been heard by everybody */
    CHECK(drained(town));
    arena_reset(town->scratch);
    story_count = 0;
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        const char *service = town_services[i];
        CHECK(number_of(QUERY(store_of(town, service), "SELECT count(*) FROM dead")) == 0);
        check_store(town, service);
        check_ledger(town, service);
        each_event(town, service, trace_event, town);
    }
    each_event(town, "ticketing", check_first_contact, NULL);
    memset(seen, 0, sizeof seen);
    each_event(town, "notify", check_pages, NULL);
    check_bus(town);
    each_event(town, "ticketing", check_asked, town);
    each_event(town, "patrol", check_asked, town);
    CHECK(number_of(QUERY(store_of(town, "reports"), "SELECT count(*) FROM journal_source"
                                                     " WHERE waiting > 0"))
          == 0);
}
