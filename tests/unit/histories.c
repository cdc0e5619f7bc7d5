#include "histories.h"

#include <inttypes.h>

#include "base/text.h"
#include "causes.h"
#include "coverage.h"
#include "errands.h"
#include "lives.h"
#include "manual/compile.h"
#include "store/query.h"

enum {
    KEPT_MAX = 20000,
    SHOWN = 20,
    ROSTER_DAYS = 100,
    WORLD_DAYS = 70,
    AGAIN_EVERY = 40,
    AT_ONCE = 60,         /* what the service lets wait */
    SETTLES_AT_LEAST = 8, /* steps of one engine_settle */
};

static const int64_t hour = INT64_C(3600) * 1000;

static struct engine *engine;
static const struct manual *manual;
static struct arena *forever;
static uint64_t state;
static int64_t repeats, acts_done;
static int64_t counted; /* the events heard so far */
static histories_seen_fn *seen;

/* ---- chance ---- */

static uint64_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

size_t histories_below(size_t n) {
    return (size_t)(chance() % n);
}

int64_t histories_repeats(void) {
    return repeats;
}

int64_t histories_acts(void) {
    return acts_done;
}

/* ---- what was asked ---- */

struct asked {
    const char *who, *method;
    struct bytes request;
    uint8_t id[16];
    int64_t at_ms;
};
static struct asked kept[KEPT_MAX];
static size_t kept_count;
static struct arena *keeping;
static bool keeps; /* what is asked is to be asked again in another world */

static char shown[SHOWN][240];
static size_t shown_count;

void histories_show(void) {
    for (size_t i = shown_count > SHOWN ? shown_count - SHOWN : 0; i < shown_count; i++) {
        (void)fprintf(stderr, "# act: %s\n", shown[i % SHOWN]);
    }
}

void histories_tell(const char *who, const char *what, const char *number,
                    Wire__Value *const *fields, size_t count) {
    char *line = shown[shown_count++ % SHOWN];
    size_t used = (size_t)snprintf(line, sizeof shown[0], "%s %s %s %s",
                                   text_time(engine->now_ms, 480, engine->scratch), who, what,
                                   number);

    for (size_t i = 0; i < count && used < sizeof shown[0]; i++) {
        used += (size_t)snprintf(line + used, sizeof shown[0] - used, " %s=%s", fields[i]->key,
                                 fields[i]->kind_case == WIRE__VALUE__KIND_TEXT ? fields[i]->text
                                                                                : "?");
    }
}

static int64_t last_position(void) {
    struct query q = QUERY(core_store(engine->core), "SELECT max(position) FROM event");
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t position = query_i64(&q, 0);
    query_end(&q);
    return position;
}

/* The same request again: the same answer, and nothing more happened. */
static void ask_again(const char *who, const char *method, const ProtobufCMessage *request,
                      uint8_t *id) {
    engine_advance(engine, engine->now_ms); /* what fell due by it comes first */
    const int64_t position = last_position();
    const Wire__Reply *before = engine->reply;

    (void)engine_ask(engine, who, method, request, id);
    CHECK(last_position() == position);
    CHECK(engine->reply->code == before->code);
    repeats++;
}

/* Hears what was written since. */
static void listen(void) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    struct query q = QUERY(core_store(engine->core),
                           "SELECT body FROM event WHERE position > ?1 ORDER BY position");
    struct err err = {0};

    query_bind_i64(&q, 1, counted);
    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine->scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine->scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        counted = (int64_t)event->position;
        lives_event(event);
        coverage_event(event);
        seen(event);
        arena_rewind(engine->scratch, used);
    }
}

static void keep(const char *who, const char *method, const ProtobufCMessage *request,
                 const uint8_t *id) {
    const size_t size = protobuf_c_message_get_packed_size(request);
    uint8_t *data = arena_alloc(keeping, size + 1);

    CHECK(kept_count < KEPT_MAX);
    struct asked *one = &kept[kept_count++];
    (void)protobuf_c_message_pack(request, data);
    *one = (struct asked){.who = arena_text(keeping, "%s", who),
                          .method = method,
                          .request = {data, size},
                          .at_ms = engine->now_ms};
    memcpy(one->id, id, sizeof one->id);
}

void *histories_ask(const char *who, const char *method, const ProtobufCMessage *request) {
    uint8_t *id = engine_id(engine);

    acts_done++;
    if (keeps) {
        keep(who, method, request, id);
    }
    void *reply = engine_ask(engine, who, method, request, id);
    if (reply && histories_below(AGAIN_EVERY) == 0) {
        ask_again(who, method, request, id);
    }
    listen();
    return reply;
}

void histories_advance(int64_t to_ms) {
    engine_advance(engine, to_ms);
    listen();
}

/* ---- a history ---- */

const struct manual *histories_load(uint64_t seed) {
    static struct compiled compiled;
    struct err err = {0};

    state = seed * UINT64_C(2862933555777941757) | 1;
    forever = arena_new((size_t)64 << 20);
    keeping = arena_new((size_t)256 << 20);
    CHECK_OK(compile_dir("manual", &compiled, forever, &err), err);
    CHECK(compiled.mistake_count == 0);
    struct manual *made = manual_new(1, compiled.files, compiled.count, &err);
    CHECK_OK(made == NULL, err);
    manual = made;
    causes_start(made);
    return made;
}

static void feed_roster(void) {
    static const char *const posts[][2] = {
        {"desk", "S101"}, {"engineering", "S402"}, {"duty_mgr", "S801"}};

    for (int64_t day = 8; day < ROSTER_DAYS; day++) {
        for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
            Wire__Event event = WIRE__EVENT__INIT;
            struct values fields = {.arena = engine->scratch};
            const int64_t start = engine_at(0, 0) + day * 24 * hour;
            values_add_text(&fields, "period", "2025-07");
            values_add_i64(&fields, "version", 1);
            values_add_text(&fields, "post", posts[i][0]);
            values_add_text(&fields, "shift", "all");
            values_add_ms(&fields, "start", start);
            values_add_ms(&fields, "end", start + 24 * hour);
            values_add_text(&fields, "staff", posts[i][1]);
            values_add_i64(&fields, "order", 1);
            event.topic = "roster.duty";
            event.fields = fields.list;
            event.n_fields = fields.count;
            engine_feed(engine, &event);
        }
    }
    engine_settle(engine);
}

void histories_world(struct engine *of, const struct service_def *def, size_t group_max) {
    engine = of;
    engine_start(engine, def, "manual", group_max);
    feed_roster();
}

void histories_run(struct engine *of, const struct history *history) {
    const int64_t until = acts_done + history->acts;
    const int64_t last_ms = of->now_ms + WORLD_DAYS * 24 * hour;

    engine = of;
    seen = history->seen;
    keeps = history->kept;
    arena_reset(keeping);
    kept_count = 0;
    counted = 0;
    const size_t used = arena_used(engine->scratch);
    errands_start(engine, manual, history->calm);
    /* At the end, those that wait are waited for. */
    while (engine->now_ms < last_ms && errands_step(acts_done < until)) {
        arena_rewind(engine->scratch, used);
    }
    listen();
    arena_rewind(engine->scratch, used);
}

static const ProtobufCMessageDescriptor *input_of(const char *method) {
    return protobuf_c_service_descriptor_get_method_by_name(engine->def->api, method)->input;
}

void histories_again(struct engine *of) {
    ProtobufCAllocator allocator = arena_protobuf(of->scratch);

    engine = of;
    const size_t used = arena_used(engine->scratch);
    for (size_t i = 0; i < kept_count;) {
        engine_advance(engine, kept[i].at_ms);
        const int64_t at_ms = kept[i].at_ms;
        const size_t first = i;
        for (; i < kept_count && kept[i].at_ms == at_ms && i < first + AT_ONCE; i++) {
            const struct asked *one = &kept[i];
            ProtobufCMessage *request = protobuf_c_message_unpack(
                input_of(one->method), &allocator, one->request.size, one->request.data);
            CHECK(request);
            CHECK(engine_push(engine, one->who, one->method, request, kept[i].id));
        }
        for (size_t n = first; n <= i; n += SETTLES_AT_LEAST) {
            engine_settle(engine); /* alone, each needs a step of its own */
        }
        arena_rewind(engine->scratch, used);
    }
}
