#include "reports_aid.h"

#include "base/json.h"
#include "base/text.h"
#include "base/token.h"
#include "core/event.h"
#include "services/reports/reports.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/manual/v1/manual.pb-c.h"
#include "store/query.h"

enum { TOKEN_MS = 12 * 60 * 60 * 1000, STEPS_MAX = 20000 };

static const char *const names[AID_SOURCES] = {"ticketing", "registry", "patrol", "reports"};

/* A test's own process ends with it; until then what it made can be reached. */
static void *kept[64];

static void keep(void *made) {
    static size_t count;

    kept[count++ % (sizeof kept / sizeof kept[0])] = made;
}

static void keep_no_more(const void *made) {
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        kept[i] = kept[i] == made ? NULL : kept[i];
    }
}

static int64_t ms_of(const char *when) {
    int64_t ms = 0;

    CHECK(text_time_read(when, &ms));
    return ms;
}

static const char *quoted(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, "%s", text);

    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return copy;
}

static ProtobufCMessage *read_json(struct arena *arena, const ProtobufCMessageDescriptor *type,
                                   const char *text) {
    struct err err = {0};
    const char *json = quoted(arena, text);
    ProtobufCMessage *message = json_read(type, json, strlen(json), arena, &err);

    CHECK_OK(!message, err);
    return message;
}

static struct bytes packed(struct arena *arena, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static ProtobufCBinaryData binary(struct bytes bytes) {
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

/* ---- the history ---- */

struct history *history_new(void) {
    struct history *history = calloc(1, sizeof *history);

    CHECK(history);
    keep(history);
    history->arena = arena_new((size_t)64 << 20);
    return history;
}

static bool is_urgent(const char *topic) {
    return text_eq(topic, "clock.due") || text_eq(topic, "clock.warned")
           || text_eq(topic, "clock.over");
}

static void say(struct history *history, int source, Wire__Event *event) {
    static uint8_t ids[AID_SOURCES][CORE_ID_SIZE];
    const size_t place = history->count++;

    CHECK(place < AID_EVENTS_MAX);
    memset(ids[source], 'a' + source, CORE_ID_SIZE);
    event->source = (ProtobufCBinaryData){.len = CORE_ID_SIZE, .data = ids[source]};
    event->lane = is_urgent(event->topic) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL;
    event->seq = ++history->seq[source][event->lane];
    event->position = ++history->position[source];
    event->epoch = 1;
    event->service = names[source];
    event->actor = "S101";
    history->said[place].event = packed(history->arena, &event->base);
    history->said[place].source = source;
    history->said[place].lane = event->lane;
}

void history_say_late(struct history *history, int source, const char *topic, const char *case_no,
                      const char *when, const char *entered, const char *fields) {
    Wire__Event *event = (Wire__Event *)read_json(
        history->arena, &wire__event__descriptor,
        arena_text(history->arena, "{'topic':'%s','caseNo':'%s','fields':%s}", topic, case_no,
                   fields));

    event->event_ms = ms_of(when);
    event->entered_ms = ms_of(entered);
    say(history, source, event);
}

void history_say(struct history *history, int source, const char *topic, const char *case_no,
                 const char *when, const char *fields) {
    history_say_late(history, source, topic, case_no, when, when, fields);
}

/* ---- the manual ---- */

static const char own_kpis[] =
    "{'name':'kpis.yaml','kpis':{'kpi':["
    "{'key':'fix','name':{'zh':'及时率','en':'in time'},'of':'clock','procedure':'job',"
    " 'nameOf':'fix','hit':[{'all':[{'subject':'late','oneOf':['false']}]}],'at':'due',"
    " 'targetPerMille':980,'basis':'fixes due'},"
    "{'key':'closure','of':'case','procedure':'job',"
    " 'when':[{'all':[{'subject':'state','oneOf':['closed']}]}],"
    " 'hit':[{'all':[{'subject':'trips','max':{'amount':1}}]}],'at':'closed'},"
    "{'key':'rated','of':'event','procedure':'job','nameOf':'rate',"
    " 'hit':[{'all':[{'subject':'overall','min':{'amount':3}}]}],'at':'event',"
    " 'targetPerMille':950,'greater':true},"
    "{'key':'per_home','of':'case','procedure':'job','at':'opened','perMille':true,"
    " 'perHousehold':true},"
    "{'key':'points','of':'case','procedure':'job',"
    " 'when':[{'all':[{'subject':'planned','present':true}]}],'at':'planned_from',"
    " 'sumHit':'recorded','sumAll':'planned'},"
    "{'key':'again','of':'case','procedure':'job',"
    " 'hit':[{'all':[{'subject':'earlier','present':true}]}],'at':'opened',"
    " 'targetPerMille':50,'less':true},"
    "{'key':'whole','of':'case','procedure':'job',"
    " 'hit':[{'all':[{'subject':'open_parts','oneOf':['0']}]}],'at':'opened'},"
    "{'key':'tries','of':'case','procedure':'job',"
    " 'hit':[{'all':[{'subject':'tries','max':{'amount':1}}]}],'at':'opened'},"
    "{'key':'both','parts':["
    " {'of':'case','procedure':'job','at':'opened',"
    "  'hit':[{'all':[{'subject':'urgency','oneOf':['E1']}]}]},"
    " {'of':'event','procedure':'job','nameOf':'rate','at':'event'}]}"
    "]}}";

static const char *const other_files[] = {
    "{'name':'job.yaml','procedure':{'key':'job','owner':'ticketing','facts':["
    " {'name':'tries','count':'nobody_home'},"
    " {'name':'open_parts','children':{'procedure':'part','open':true}},"
    " {'name':'earlier','found':{'procedure':'job','same':['unit','trade'],"
    "  'within':{'amount':2592000000,'unit':'ms'}}}]}}",
    "{'name':'part.yaml','procedure':{'key':'part','owner':'patrol'}}",
    "{'name':'roles.yaml','roles':{'role':[{'key':'boss'},{'key':'clerk'}],'permission':["
    "{'act':'report.read','role':['boss']},{'act':'event.read','role':['boss']},"
    "{'act':'system.manage','role':['boss']}]}}",
    "{'name':'parameters.yaml','parameters':{'parameter':["
    "{'key':'desk.open','value':[{'text':'08:00'}]},"
    "{'key':'desk.close','value':[{'text':'20:00'}]},"
    "{'key':'kpi.moved_in','value':[{'class':'occupied','number':[1]},"
    "{'class':'default','number':[0]}]}]}}",
    "{'name':'calendar.yaml','calendar':{'utcOffsetMin':480}}",
};

enum { OTHER_FILES = sizeof other_files / sizeof other_files[0] };

static void publish_file(struct history *history, int revision, size_t index, const char *json) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values values = {.arena = history->arena};
    Wire__Value compiled = WIRE__VALUE__INIT;
    const ProtobufCMessage *file = read_json(history->arena, &manual__file__descriptor, json);

    compiled.key = "compiled";
    compiled.kind_case = WIRE__VALUE__KIND_SEALED;
    compiled.sealed = binary(packed(history->arena, file));
    values_add_i64(&values, "revision", revision);
    values_add_i64(&values, "count", OTHER_FILES + 1);
    values_add_text(&values, "name", arena_text(history->arena, "file%zu", index));
    values_add(&values, &compiled);
    event.topic = "manual.published";
    event.event_ms = ms_of("2025-01-01T08:00:00+08:00");
    event.entered_ms = event.event_ms;
    event.fields = values.list;
    event.n_fields = values.count;
    say(history, REGISTRY, &event);
}

void history_publish(struct history *history, int revision, const char *kpis) {
    for (size_t i = 0; i < OTHER_FILES; i++) {
        publish_file(history, revision, i, other_files[i]);
    }
    publish_file(history, revision, OTHER_FILES, kpis ? kpis : own_kpis);
}

/* ---- the service ---- */

static struct world *open_world(const char *path, const char *when, size_t group_max,
                                size_t chunk) {
    struct world *world = calloc(1, sizeof *world);
    struct err err = {0};

    CHECK(world);
    keep(world);
    world->arena = arena_new((size_t)256 << 20);
    secrets_from_seed(&world->secrets, 7);
    world->now_ms = ms_of(when);
    world->path = path;
    world->group_max = group_max;
    world->chunk = chunk;
    for (int lane = 0; lane < 2; lane++) {
        world->lanes[lane] = calloc(AID_EVENTS_MAX, sizeof *world->lanes[lane]);
        CHECK(world->lanes[lane]);
    }
    const struct core_config config = {
        .path = path,
        .secrets = &world->secrets,
        .seed = 3,
        .now_ms = world->now_ms,
        .group_max = group_max,
    };
    world->core = core_new(&reports_def, &config, &err);
    CHECK_OK(!world->core, err);
    world_run(world);
    return world;
}

struct world *world_new(const char *when, size_t group_max, size_t chunk) {
    return open_world(":memory:", when, group_max, chunk);
}

struct world *world_at(const char *path, const char *when) {
    return open_world(path, when, 0, 256);
}

void world_free(struct world *world) {
    keep_no_more(world);
    core_free(world->core);
    free(world->lanes[0]);
    free(world->lanes[1]);
    arena_free(world->arena);
    free(world);
}

/* ---- the bus ---- */

static void answer(struct world *world, const uint8_t *id, const ProtobufCMessage *payload) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id = (ProtobufCBinaryData){.len = CORE_ID_SIZE,
                                     .data = arena_copy(world->arena, id, CORE_ID_SIZE)};
    reply.payload = binary(packed(world->arena, payload));
    core_push_reply(world->core, "bus", packed(world->arena, &reply.base));
}

static void answer_pull(struct world *world, int lane) {
    static uint8_t log[CORE_ID_SIZE] = "the-log-of-test";
    Bus__PullReply reply = BUS__PULL_REPLY__INIT;
    const size_t after = world->pulls[lane].after;
    size_t count = world->counts[lane] - after;

    count = count > world->chunk ? world->chunk : count;
    reply.log = (ProtobufCBinaryData){.len = CORE_ID_SIZE, .data = log};
    reply.next = after + count;
    reply.head = world->counts[lane];
    reply.n_events = count;
    reply.events = arena_alloc(world->arena, (count + 1) * sizeof *reply.events);
    for (size_t i = 0; i < count; i++) {
        reply.events[i] = binary(world->lanes[lane][after + i]);
    }
    world->pulls[lane].waiting = false;
    answer(world, world->pulls[lane].id, &reply.base);
}

static void hear_pull(struct world *world, const Wire__Request *request) {
    ProtobufCAllocator allocator = arena_protobuf(world->arena);
    const Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, request->payload.len,
                                                             request->payload.data);

    CHECK(pull);
    memcpy(world->pulls[pull->lane].id, request->id.data, CORE_ID_SIZE);
    world->pulls[pull->lane].after = pull->after;
    world->pulls[pull->lane].waiting = true;
    if (pull->wait_ms == 0) {
        answer_pull(world, (int)pull->lane);
    }
}

static void hear_append(struct world *world, const Wire__Request *request) {
    ProtobufCAllocator allocator = arena_protobuf(world->arena);
    const Bus__AppendRequest *append = bus__append_request__unpack(&allocator, request->payload.len,
                                                                   request->payload.data);
    Bus__AppendReply reply = BUS__APPEND_REPLY__INIT;

    CHECK(append);
    reply.head_seq = append->first_seq + append->n_events - 1;
    reply.epoch = append->epoch;
    answer(world, request->id.data, &reply.base);
}

static void carry(struct world *world) {
    const struct out *out;

    while ((out = core_next(world->core))) {
        ProtobufCAllocator allocator = arena_protobuf(world->arena);
        if (out->kind != OUT_CALL) {
            continue;
        }
        const Wire__Request *request = wire__request__unpack(&allocator, out->frame.size,
                                                             out->frame.data);
        CHECK(request);
        if (text_eq(request->method, "shouwen.bus.v1.Bus/Pull")) {
            hear_pull(world, request);
        } else if (text_eq(request->method, "shouwen.bus.v1.Bus/Append")) {
            hear_append(world, request);
        }
    }
}

static bool feed(struct world *world) {
    bool fed = false;

    for (int lane = 0; lane < 2; lane++) {
        if (world->pulls[lane].waiting && world->pulls[lane].after < world->counts[lane]) {
            answer_pull(world, lane);
            fed = true;
        }
    }
    return fed;
}

void world_run(struct world *world) {
    struct err err = {0};

    for (int i = 0; i < STEPS_MAX; i++) {
        const size_t used = arena_used(world->arena);
        CHECK_OK(core_step(world->core, world->now_ms, &err), err);
        carry(world);
        bool fed = feed(world);
        arena_rewind(world->arena, used);
        if (!fed && core_wake(world->core) > world->now_ms) {
            CHECK_OK(core_step(world->core, world->now_ms, &err), err);
            carry(world);
            if (!feed(world) && core_wake(world->core) > world->now_ms) {
                return;
            }
        }
    }
    CHECK(!"it never rests");
}

void world_until(struct world *world, const char *when) {
    const int64_t until_ms = ms_of(when);

    world_run(world);
    for (int64_t wake = core_wake(world->core); wake <= until_ms; wake = core_wake(world->core)) {
        world->now_ms = wake > world->now_ms ? wake : world->now_ms + 1;
        world_run(world);
    }
    world->now_ms = until_ms;
    world_run(world);
}

static void hear(struct world *world, const struct history *history, size_t index) {
    const int lane = (int)history->said[index].lane;

    world->lanes[lane][world->counts[lane]++] = history->said[index].event;
}

void world_hear(struct world *world, const struct history *history, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        hear(world, history, i);
    }
    world_run(world);
}

void world_hear_mixed(struct world *world, const struct history *history, uint64_t seed) {
    enum { STREAMS = AID_SOURCES * 2 };
    size_t next[STREAMS] = {0};

    for (size_t left = history->count; left > 0;) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        const size_t stream = (size_t)(seed >> 33U) % STREAMS;
        size_t *at = &next[stream];
        while (*at < history->count
               && ((size_t)history->said[*at].source != stream / 2
                   || (size_t)history->said[*at].lane != stream % 2)) {
            ++*at;
        }
        if (*at == history->count) {
            continue;
        }
        hear(world, history, (*at)++);
        left--;
        if ((seed >> 20U) % 3 == 0) {
            world_run(world); /* at times it comes one by one */
        }
    }
    world_run(world);
}

/* ---- asking ---- */

static Wire__Reply *ask(struct world *world, const char *method, const ProtobufCMessage *payload,
                        const char *role) {
    Wire__Request request = WIRE__REQUEST__INIT;
    const struct origin from = {.route = 1};
    const char *roles[] = {role};
    struct token token = {.staff = "S901",
                          .estate = "E01",
                          .roles = roles,
                          .role_count = 1,
                          .from_ms = world->now_ms - 1,
                          .until_ms = world->now_ms + TOKEN_MS};
    ProtobufCAllocator allocator = arena_protobuf(world->arena);
    uint8_t id[CORE_ID_SIZE], random[10] = {0};
    struct err err = {0};
    Wire__Reply *reply = NULL;
    const struct out *out;

    memcpy(random, &world->requests, sizeof world->requests);
    world->requests++;
    text_uuid7(id, world->now_ms, random);
    request.id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
    request.method = arena_text(world->arena, "shouwen.reports.v1.Reports/%s", method);
    request.token = binary(token_sign(&world->secrets, &token, world->arena));
    request.locale = "en";
    request.payload = binary(packed(world->arena, payload));
    CHECK(core_push_request(world->core, &from, packed(world->arena, &request.base)));
    CHECK_OK(core_step(world->core, world->now_ms, &err), err);
    while ((out = core_next(world->core))) {
        if (out->kind == OUT_REPLY) {
            reply = wire__reply__unpack(&allocator, out->frame.size, out->frame.data);
        }
    }
    CHECK(reply);
    return reply;
}

static const ProtobufCMessageDescriptor *reply_type(const char *method) {
    return protobuf_c_service_descriptor_get_method_by_name(&reports__reports__descriptor, method)
        ->output;
}

void *world_ask(struct world *world, const char *method, const ProtobufCMessage *payload) {
    ProtobufCAllocator allocator = arena_protobuf(world->arena);
    const Wire__Reply *reply = ask(world, method, payload, "boss");

    if (reply->code != WIRE__CODE__OK) {
        (void)fprintf(stderr, "# %s: %s %s\n", method, reply->rule, reply->message);
    }
    CHECK(reply->code == WIRE__CODE__OK);
    void *message = protobuf_c_message_unpack(reply_type(method), &allocator, reply->payload.len,
                                              reply->payload.data);
    CHECK(message);
    return message;
}

const char *world_refused(struct world *world, const char *method, const ProtobufCMessage *payload,
                          const char *role, Wire__Code code) {
    const Wire__Reply *reply = ask(world, method, payload, role);

    CHECK(reply->code == code);
    return reply->rule;
}

const Reports__Figure *world_kpi(struct world *world, const char *name, const char *period) {
    Reports__GetKpiRequest request = REPORTS__GET_KPI_REQUEST__INIT;

    request.name = name;
    request.period = period;
    const Reports__GetKpiReply *reply = world_ask(world, "GetKpi", &request.base);
    CHECK(reply->figure);
    return reply->figure;
}

/* ---- looking inside ---- */

static const char *dump_rows(struct world *world, struct query q, const char *so_far) {
    struct err err = {0};
    size_t size = strlen(so_far), room = size + 4096;
    char *text = arena_alloc(world->arena, room);
    int more = 0;

    memcpy(text, so_far, size);
    while ((more = query_step(&q, &err)) == 1) {
        const char *row = query_text(&q, 0, world->arena);
        if (size + strlen(row) + 2 > room) {
            room = 2 * room + strlen(row);
            char *larger = arena_alloc(world->arena, room);
            memcpy(larger, text, size);
            text = larger;
        }
        size += (size_t)sprintf(text + size, "%s\n", row);
    }
    CHECK(more == 0);
    text[size] = '\0';
    return text;
}

const char *world_dump(struct world *world) {
    struct store *store = core_store(world->core);
    const char *text = "";

    text = dump_rows(world,
                     QUERY(store, "SELECT format('known %s %s %s %s %d %s', case_no,"
                                  " procedure, unit, parent, opened_ms, hex(body))"
                                  " FROM known ORDER BY case_no"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('clock %s %s %d %d %d %d %d %d', case_no,"
                                  " clock, round, due_ms, ended_ms, met, late, mark)"
                                  " FROM known_clock ORDER BY case_no, clock, round"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('item %s %s %s %s %d %d %d %d', case_no,"
                                  " kpi, part, estate, day, at_ms, num, den)"
                                  " FROM item ORDER BY case_no, kpi, part"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('total %s %s %s %s %d %d', level, period,"
                                  " kpi, estate, num, den)"
                                  " FROM total ORDER BY level, period, kpi, estate"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('household %d %s %d', day, status, delta)"
                                  " FROM household ORDER BY day, status"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('unit %s %s', unit, status)"
                                  " FROM household_unit ORDER BY unit"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('month %s %d %d', month, frozen_ms,"
                                  " applied) FROM frozen_month ORDER BY month"),
                     text);
    text = dump_rows(world,
                     QUERY(store, "SELECT format('frozen %s %s %s %d %d', month, kpi,"
                                  " estate, num, den) FROM frozen"
                                  " ORDER BY month, kpi, estate"),
                     text);
    return dump_rows(world,
                     QUERY(store, "SELECT format('adjusted %s %s %s %s %s %s %d %d', in_month,"
                                  " kpi, month, case_no, part, estate, num, den) FROM adjusted"
                                  " ORDER BY in_month, kpi, month, case_no, part"),
                     text);
}

int world_said(struct world *world, const char *topic) {
    struct bytes events[256];
    struct err err = {0};
    int said = 0;
    int count = event_read(core_store(world->core), WIRE__LANE__NORMAL, 0, 256, 1 << 20,
                           world->arena, events, &err);

    CHECK(count >= 0);
    for (int i = 0; i < count; i++) {
        ProtobufCAllocator allocator = arena_protobuf(world->arena);
        const Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
        said += event && text_eq(event->topic, topic);
    }
    return said;
}
