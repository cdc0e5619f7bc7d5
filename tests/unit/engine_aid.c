#include "engine_aid.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/token.h"
#include "core/timer.h"
#include "manual/compile.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "store/query.h"

enum {
    SCRATCH = 384 << 20,
    BATCH = 64,
    BATCH_BYTES = 180 * 1024,
    STEPS_MAX = 20000,
    IDLE_STEPS = 12,
    TOKENS_KEPT = 128,
};

static const int64_t midnight = INT64_C(1752163200000); /* 2025-07-11 00:00 +08:00 */
static uint8_t bus_source[16] = "another source..";
static uint8_t log_id[16] = "the log, 16 byte";

struct person {
    const char *no, *name, *roles, *dept, *area, *deputy;
};

static const struct person people[] = {
    {"S101", "王丽", "desk;keyk", "cs", "", "S102"},
    {"S102", "张敏", "desk;keyk", "cs", "", "S101"},
    {"S201", "刘洋", "steward", "cs", "1", "S204"},
    {"S202", "陈静", "steward", "cs", "2", "S206"},
    {"S203", "赵磊", "steward", "cs", "3", "S208"},
    {"S301", "孙红", "cs_sup", "cs", "", "S101"},
    {"S401", "李强", "eng_disp", "engineering", "", "S402"},
    {"S402", "周涛", "eng", "engineering", "", "S403"},
    {"S403", "吴刚", "eng", "engineering", "", "S402"},
    {"S501", "何军", "ord_sup", "order", "", "S502"},
    {"S601", "林青", "env_sup", "environment", "", "S602"},
    {"S701", "钱芳", "fin", "finance", "", "S702"},
    {"S801", "高原", "duty_mgr", "management", "", "S301"},
    {"S901", "郑平", "pm", "management", "", "S801"},
    {"S902", "冯总", "gm", "company", "", "S901"},
};

static const char *const units[] = {"2-1-501", "3-2-1201", "9-1-302", "3-1-802", "5-1-702"};

int64_t engine_at(int hour, int minute) {
    return midnight + ((int64_t)hour * 60 + minute) * 60 * 1000;
}

/* ---- the host ---- */

static struct bytes packed(struct engine *engine, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(engine->scratch, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static ProtobufCBinaryData binary(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static void answer(struct engine *engine, const Wire__Request *call,
                   const ProtobufCMessage *message) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id = call->id;
    reply.payload = binary(packed(engine, message));
    core_push_reply(engine->core, "bus", packed(engine, &reply.base));
}

static void answer_pull(struct engine *engine, const Wire__Request *call,
                        const Bus__PullRequest *pull) {
    Bus__PullReply said = BUS__PULL_REPLY__INIT;
    ProtobufCBinaryData events[BATCH];
    const bool normal = pull->lane == WIRE__LANE__NORMAL;
    size_t from = normal ? (size_t)pull->after : 0;
    size_t bytes = 0;

    said.log = (ProtobufCBinaryData){16, log_id};
    said.events = events;
    said.head = normal ? engine->fed : 0;
    while (normal && from < engine->fed && said.n_events < BATCH
           && bytes + engine->feed[from].size < BATCH_BYTES) {
        bytes += engine->feed[from].size;
        events[said.n_events++] = binary(engine->feed[from++]);
    }
    said.next = normal ? from : 0;
    engine->taken = normal ? from : engine->taken;
    answer(engine, call, &said.base);
}

static void answer_append(struct engine *engine, const Wire__Request *call,
                          const Bus__AppendRequest *append) {
    Bus__AppendReply said = BUS__APPEND_REPLY__INIT;

    said.log = (ProtobufCBinaryData){16, log_id};
    uint64_t *head = &engine->appended[append->lane];
    if (append->n_events > 0 && append->first_seq == *head + 1) {
        *head += append->n_events;
    }
    said.head_seq = *head;
    said.epoch = append->epoch;
    answer(engine, call, &said.base);
}

/* True: the bus was asked something that it answers. */
static bool answer_call(struct engine *engine, const struct out *out) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    Wire__Request *call = wire__request__unpack(&allocator, out->frame.size, out->frame.data);

    CHECK(call);
    if (strstr(call->method, "/Append")) {
        Bus__AppendRequest *append = bus__append_request__unpack(&allocator, call->payload.len,
                                                                 call->payload.data);
        CHECK(append);
        answer_append(engine, call, append);
        return true;
    }
    if (!strstr(call->method, "/Pull")) {
        return false;
    }
    Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, call->payload.len,
                                                       call->payload.data);
    CHECK(pull);
    const bool more = pull->lane == WIRE__LANE__NORMAL && engine->fed > pull->after;
    if (!more && engine->heard[pull->lane]) {
        return false; /* it waits */
    }
    engine->heard[pull->lane] = true;
    answer_pull(engine, call, pull);
    return true;
}

/* Answers the calls to the bus; keeps the reply to a request.  True: the bus was asked. */
static bool carry(struct engine *engine) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    bool asked = false;

    for (const struct out *out = core_next(engine->core); out; out = core_next(engine->core)) {
        if (out->kind == OUT_REPLY) {
            engine->reply = wire__reply__unpack(&allocator, out->frame.size, out->frame.data);
            CHECK(engine->reply);
        }
        if (out->kind == OUT_CALL && strcmp(out->peer, "bus") == 0) {
            const size_t used = arena_used(engine->scratch); /* what is pushed is copied */
            asked = answer_call(engine, out) || asked;
            arena_rewind(engine->scratch, used);
        }
    }
    return asked;
}

static void step(struct engine *engine) {
    struct err err = {0};

    CHECK_OK(core_step(engine->core, engine->now_ms, &err), err);
}

static int64_t next_timer(struct engine *engine) {
    struct query q = QUERY(core_store(engine->core), "SELECT min(due_ms) FROM timer");
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    int64_t due = query_i64(&q, 0);
    query_end(&q);
    return due;
}

void engine_settle(struct engine *engine) {
    int idle = 0;

    for (int i = 0; i < STEPS_MAX; i++) {
        step(engine);
        idle = carry(engine) ? 0 : idle + 1;
        const int64_t due = next_timer(engine);
        if (idle < IDLE_STEPS || (due != 0 && due <= engine->now_ms)) {
            continue; /* a small group leaves something for the next step */
        }
        if (engine->taken == engine->fed) {
            return;
        }
        /* A pull that waits: it is asked again. */
        core_link(engine->core, "bus", false);
        engine->now_ms += 250;
        idle = 0;
    }
    CHECK(!"settled");
}

void engine_advance(struct engine *engine, int64_t to_ms) {
    for (int i = 0; i < STEPS_MAX; i++) {
        const int64_t due = next_timer(engine);
        if (due == 0 || due > to_ms) {
            break;
        }
        engine->now_ms = due > engine->now_ms ? due : engine->now_ms;
        step(engine);
        (void)carry(engine);
    }
    engine->now_ms = to_ms > engine->now_ms ? to_ms : engine->now_ms;
    step(engine);
    (void)carry(engine);
}

/* ---- what the bus brings ---- */

void engine_feed(struct engine *engine, Wire__Event *event) {
    CHECK(engine->fed < ENGINE_FEED_MAX);
    event->source = (ProtobufCBinaryData){16, bus_source};
    event->seq = event->position = ++engine->fed_seq;
    event->epoch = 1;
    event->service = event->service && *event->service ? event->service : "registry";
    event->event_ms = event->event_ms ? event->event_ms : engine->now_ms;
    engine->feed[engine->fed++] = packed(engine, &event->base);
}

static void feed_fields(struct engine *engine, const char *topic, const struct values *fields) {
    Wire__Event event = WIRE__EVENT__INIT;

    event.topic = topic;
    event.fields = fields->list;
    event.n_fields = fields->count;
    engine_feed(engine, &event);
}

void engine_manual(struct engine *engine, uint32_t revision, const char *folder) {
    static struct compiled compiled;
    struct err err = {0};

    memset(&compiled, 0, sizeof compiled);
    CHECK_OK(compile_dir(folder, &compiled, engine->scratch, &err), err);
    for (size_t i = 0; i < compiled.mistake_count; i++) {
        (void)fprintf(stderr, "# %s:%d: %s\n", compiled.mistakes[i].file, compiled.mistakes[i].line,
                      compiled.mistakes[i].text);
    }
    CHECK(compiled.mistake_count == 0);
    for (size_t i = 0; i < compiled.count; i++) {
        struct values fields = {.arena = engine->scratch};
        Wire__Value value = WIRE__VALUE__INIT;
        values_add_i64(&fields, "revision", revision);
        values_add_text(&fields, "name", compiled.names[i]);
        values_add_i64(&fields, "count", (int64_t)compiled.count);
        value.key = "compiled";
        value.kind_case = WIRE__VALUE__KIND_SEALED;
        value.sealed = binary(compiled.files[i]);
        values_add(&fields, &value);
        feed_fields(engine, "manual.published", &fields);
    }
}

static void feed_people(struct engine *engine) {
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
        struct values fields = {.arena = engine->scratch};
        values_add_text(&fields, "staff", people[i].no);
        values_add_text(&fields, "name", people[i].name);
        values_add_text(&fields, "roles", people[i].roles);
        values_add_text(&fields, "dept", people[i].dept);
        values_add_text(&fields, "area", people[i].area);
        values_add_text(&fields, "deputy", people[i].deputy);
        values_add_text(&fields, "channels", "webhook");
        values_add_flag(&fields, "active", true);
        feed_fields(engine, "staff.changed", &fields);
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct values fields = {.arena = engine->scratch};
        values_add_text(&fields, "unit", units[i]);
        values_add_text(&fields, "building", "2");
        values_add_text(&fields, "area", "1");
        values_add_text(&fields, "steward", "S201");
        values_add_text(&fields, "status", "occupied");
        feed_fields(engine, "unit.changed", &fields);
    }
}

static void feed_duty(struct engine *engine, const char *post, const char *staff, int64_t order,
                      int day) {
    struct values fields = {.arena = engine->scratch};
    const int64_t start = midnight + (int64_t)day * 24 * 3600 * 1000;

    values_add_text(&fields, "period", "2025-07");
    values_add_i64(&fields, "version", 1);
    values_add_text(&fields, "post", post);
    values_add_text(&fields, "shift", "all");
    values_add_ms(&fields, "start", start);
    values_add_ms(&fields, "end", start + (int64_t)24 * 3600 * 1000);
    values_add_text(&fields, "staff", staff);
    values_add_i64(&fields, "order", order);
    feed_fields(engine, "roster.duty", &fields);
}

void engine_start(struct engine *engine, const struct service_def *def, const char *manual,
                  size_t group_max) {
    struct err err = {0};

    *engine = (struct engine){
        .def = def, .scratch = arena_new((size_t)SCRATCH), .now_ms = engine_at(8, 0)};
    secrets_from_seed(&engine->secrets, 1);
    struct core_config config = {.path = ":memory:",
                                 .secrets = &engine->secrets,
                                 .seed = 7,
                                 .now_ms = engine->now_ms,
                                 .group_max = group_max};
    engine->core = core_new(def, &config, &err);
    CHECK_OK(engine->core == NULL, err);
    engine_manual(engine, 1, manual);
    feed_people(engine);
    for (int day = 0; day < 8; day++) {
        feed_duty(engine, "desk", "S101", 1, day);
        feed_duty(engine, "engineering", "S402", 1, day);
        feed_duty(engine, "engineering", "S403", 2, day);
        feed_duty(engine, "duty_mgr", "S801", 1, day);
    }
    engine_settle(engine);
    CHECK(core_ready(engine->core));
}

void engine_stop(struct engine *engine) {
    core_free(engine->core);
    arena_free(engine->scratch);
}

/* ---- asking ---- */

static struct bytes sign_token(struct engine *engine, const char *staff) {
    const char *roles[8];
    struct token token = {.staff = staff,
                          .estate = "E01",
                          .roles = roles,
                          .generation = 1,
                          .from_ms = midnight - 1000,
                          .until_ms = midnight + INT64_C(3600) * 24 * 400 * 1000};

    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
        if (text_eq(people[i].no, staff)) {
            char *list = arena_text(engine->scratch, "%s", people[i].roles);
            char *rest = NULL;
            for (char *role = strtok_r(list, ";", &rest); role; role = strtok_r(NULL, ";", &rest)) {
                roles[token.role_count++] = role;
            }
        }
    }
    if (text_starts(staff, "customer:")) {
        roles[token.role_count++] = "customer";
    }
    return token_sign(&engine->secrets, &token, engine->scratch);
}

/* One person's is always the same, and a signature costs as much as many an act. */
static struct bytes token_of(struct engine *engine, const char *staff) {
    static struct {
        char staff[64];
        uint8_t data[512];
        size_t size;
    } kept[TOKENS_KEPT];
    size_t place = 0;

    for (const char *at = staff; *at; at++) {
        place = (place * 31 + (unsigned char)*at) % TOKENS_KEPT;
    }
    if (strcmp(kept[place].staff, staff) != 0) {
        const struct bytes token = sign_token(engine, staff);
        if (token.size > sizeof kept[place].data || strlen(staff) >= sizeof kept[place].staff) {
            return token;
        }
        (void)snprintf(kept[place].staff, sizeof kept[place].staff, "%s", staff);
        memcpy(kept[place].data, token.data, token.size);
        kept[place].size = token.size;
    }
    return (struct bytes){kept[place].data, kept[place].size};
}

uint8_t *engine_id(struct engine *engine) {
    uint8_t random[10] = {0};
    uint8_t *id = arena_alloc(engine->scratch, 16);

    engine->ids++;
    memcpy(random + 4, &engine->ids, sizeof engine->ids);
    text_uuid7(id, engine->now_ms, random);
    return id;
}

bool engine_push(struct engine *engine, const char *staff, const char *method,
                 const ProtobufCMessage *request, uint8_t *id) {
    Wire__Request frame = WIRE__REQUEST__INIT;
    const struct origin from = {.route = 5};

    frame.id = (ProtobufCBinaryData){16, id ? id : engine_id(engine)};
    frame.method = arena_text(engine->scratch, "%s/%s", engine->def->api->name, method);
    frame.token = binary(token_of(engine, staff));
    frame.locale = "en";
    frame.payload = binary(packed(engine, request));
    return core_push_request(engine->core, &from, packed(engine, &frame.base));
}

void *engine_ask(struct engine *engine, const char *staff, const char *method,
                 const ProtobufCMessage *request, uint8_t *id) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);

    engine->reply = NULL;
    CHECK(engine_push(engine, staff, method, request, id));
    step(engine);
    (void)carry(engine);
    CHECK(engine->reply);
    if (engine->reply->code != WIRE__CODE__OK) {
        return NULL;
    }
    const ProtobufCMethodDescriptor *found = protobuf_c_service_descriptor_get_method_by_name(
        engine->def->api, method);
    CHECK(found);
    void *message = protobuf_c_message_unpack(found->output, &allocator, engine->reply->payload.len,
                                              engine->reply->payload.data);
    CHECK(message);
    return message;
}

Wire__Value **engine_fields(struct engine *engine, const char *const *pairs, size_t *count) {
    struct values fields = {.arena = engine->scratch};

    for (; *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        CHECK(equals);
        values_add_text(&fields, arena_copy(engine->scratch, *pairs, (size_t)(equals - *pairs)),
                        equals + 1);
    }
    *count = fields.count;
    return fields.list;
}

Cases__OpenCaseReply *engine_open(struct engine *engine, const char *staff, const char *procedure,
                                  const char *unit, const char *caller, const char *const *pairs) {
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller who = CASES__CALLER__INIT;

    request.procedure = procedure;
    request.unit = unit;
    if (caller) {
        who.name = caller;
        who.phone = "13800000000";
        request.caller = &who;
        request.channel = "call";
    }
    request.fields = engine_fields(engine, pairs, &request.n_fields);
    return engine_ask(engine, staff, "OpenCase", &request.base, NULL);
}

Cases__Case *engine_fire(struct engine *engine, const char *staff, const char *number,
                         const char *event, const char *const *pairs) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;

    request.case_no = number;
    request.event = event;
    request.fields = engine_fields(engine, pairs, &request.n_fields);
    if (text_starts(staff, "resident:")) {
        request.resident = staff + strlen("resident:");
        staff = "S101";
    }
    Cases__FireEventReply *reply = engine_ask(engine, staff, "FireEvent", &request.base, NULL);
    return reply ? reply->case_ : NULL;
}

static void show_refusal(const struct engine *engine, const char *what) {
    (void)fprintf(stderr, "# %s: %d %s: %s\n", what, (int)engine->reply->code, engine->reply->rule,
                  engine->reply->message);
}

Cases__Case *engine_must(struct engine *engine, const char *staff, const char *number,
                         const char *event, const char *const *pairs) {
    Cases__Case *kase = engine_fire(engine, staff, number, event, pairs);

    if (!kase) {
        show_refusal(engine, event);
        exit(1);
    }
    return kase;
}

void engine_refused(struct engine *engine, const char *staff, const char *number, const char *event,
                    const char *const *pairs, const char *rule) {
    char *before = engine_dump(engine);
    Cases__Case *kase = engine_fire(engine, staff, number, event, pairs);

    if (kase) {
        (void)fprintf(stderr, "# %s by %s was carried out\n", event, staff);
        exit(1);
    }
    if (!text_eq(engine->reply->rule, rule)) {
        show_refusal(engine, event);
    }
    CHECK_TEXT(engine->reply->rule, rule);
    CHECK(*engine->reply->message);
    CHECK_TEXT(engine_dump(engine), before);
}

Cases__Case *engine_get(struct engine *engine, const char *number) {
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;

    request.case_no = number;
    Cases__GetCaseReply *reply = engine_ask(engine, "S301", "GetCase", &request.base, NULL);
    if (!reply) {
        show_refusal(engine, number);
        exit(1);
    }
    return reply->case_;
}

/* ---- looking ---- */

const char *engine_field(const Cases__Case *kase, const char *key) {
    return value_text(kase->fields, kase->n_fields, key);
}

const Cases__CaseClock *engine_clock(const Cases__Case *kase, const char *name) {
    for (size_t i = kase->n_clocks; i > 0; i--) {
        if (text_eq(kase->clocks[i - 1]->name, name)) {
            return kase->clocks[i - 1];
        }
    }
    return NULL;
}

const char *engine_child(struct engine *engine, const char *number, const char *procedure) {
    struct query q = QUERY(core_store(engine->core),
                           "SELECT number FROM cases WHERE parent = ?1 AND procedure = ?2"
                           " ORDER BY id DESC LIMIT 1");
    struct err err = {0};

    query_bind_text(&q, 1, number);
    query_bind_text(&q, 2, procedure);
    int found = query_step(&q, &err);
    const char *child = found == 1 ? query_text(&q, 0, engine->scratch) : "";
    query_end(&q);
    return child;
}

static Wire__Event *find(struct engine *engine, const char *topic, const char *number, int *count) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    struct query q = QUERY(core_store(engine->core), "SELECT body FROM event ORDER BY position");
    struct err err = {0};
    Wire__Event *last = NULL;

    *count = 0;
    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine->scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine->scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        if (text_match(topic, event->topic) && (!number || text_eq(event->case_no, number))) {
            (*count)++;
            last = event;
        } else {
            arena_rewind(engine->scratch, used);
        }
    }
    return last;
}

int engine_count(struct engine *engine, const char *topic, const char *number) {
    int count = 0;

    (void)find(engine, topic, number, &count);
    return count;
}

Wire__Event *engine_last(struct engine *engine, const char *topic, const char *number) {
    int count = 0;

    return find(engine, topic, number, &count);
}

/* ---- dumps ---- */

struct dump {
    char *text;
    size_t size, room;
};

static void put(struct dump *dump, const char *text) {
    size_t length = strlen(text);

    if (dump->size + length + 1 > dump->room) {
        dump->room = 2 * (dump->size + length + 1) + 4096;
        dump->text = realloc(dump->text, dump->room);
        CHECK(dump->text);
    }
    memcpy(dump->text + dump->size, text, length + 1);
    dump->size += length;
}

static void put_rows(struct engine *engine, struct dump *dump, struct query *q, int columns) {
    struct err err = {0};

    while (query_step(q, &err) == 1) {
        const size_t used = arena_used(engine->scratch);
        for (int c = 0; c < columns; c++) {
            put(dump, query_text(q, c, engine->scratch));
            put(dump, c + 1 < columns ? "|" : "\n");
        }
        arena_rewind(engine->scratch, used);
    }
    put(dump, "--\n");
}

char *engine_dump(struct engine *engine) {
    struct store *store = core_store(engine->core);
    struct dump dump = {0};
    struct query q = QUERY(store, "SELECT number, home, procedure, state, unit, parent, owner,"
                                  " handler, open, overdue, due_ms, event_ms, closed_ms, hex(body)"
                                  " FROM cases ORDER BY number");

    put_rows(engine, &dump, &q, 14);
    q = QUERY(store, "SELECT pool, key, slot, rank, since_ms, case_no, holder FROM hold"
                     " ORDER BY pool, key, case_no");
    put_rows(engine, &dump, &q, 7);
    q = QUERY(store, "SELECT series, estate, day, last FROM series ORDER BY 1, 2, 3");
    put_rows(engine, &dump, &q, 4);
    q = QUERY(store, "SELECT kind, ref, name, mark, due_ms FROM timer WHERE kind = 'clock'"
                     " ORDER BY 1, 2, 3");
    put_rows(engine, &dump, &q, 5);
    char *text = arena_text(engine->scratch, "%s", dump.text);
    free(dump.text);
    return text;
}

char *engine_events(struct engine *engine) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    struct query q = QUERY(core_store(engine->core), "SELECT body FROM event ORDER BY position");
    struct err err = {0};
    struct dump dump = {0};

    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine->scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine->scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        event->source = (ProtobufCBinaryData){0, NULL};
        event->cause = NULL;
        const struct bytes bare = packed(engine, &event->base);
        put(&dump, text_hex(bare.data, bare.size, engine->scratch));
        put(&dump, "\n");
        arena_rewind(engine->scratch, used);
    }
    char *text = arena_text(engine->scratch, "%s", dump.text ? dump.text : "");
    free(dump.text);
    return text;
}
