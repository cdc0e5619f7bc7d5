/* A service made to misbehave, on a bus made of arrays. */
#include <fcntl.h>
#include <limits.h>

#include "base/seal.h"
#include "base/text.h"
#include "base/token.h"
#include "core/core.h"
#include "core/event.h"
#include "core/timer.h"
#include "harness.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "shouwen/ticketing/v1/ticketing.pb-c.h"
#include "store/diskfull.h"
#include "store/query.h"

static const int64_t t0 = INT64_C(1752242040000); /* 2025-07-11 21:54 +08:00 */
static struct secrets secrets;
static int handled, applied, timers_run, jobs_done, fold_count;
static char timer_log[1024];
static int fills;
static int short_times;
static uint64_t mark_seen;

/* ---- the toy ---- */

static int put(struct call *call, const char *topic, Wire__Lane lane, struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;

    event.topic = topic;
    event.lane = lane;
    event.case_no = "C1";
    return event_put(call, &event, err);
}

static int open_case(struct call *call, struct err *err) {
    const Cases__OpenCaseRequest *request = call->request;
    Cases__OpenCaseReply *reply = ARENA_NEW(call->arena, Cases__OpenCaseReply);
    struct bytes input = {(const uint8_t *)"in", 2};

    handled++;
    cases__open_case_reply__init(reply);
    reply->case_no = request->procedure;
    call->reply = &reply->base;
    if (put(call, "toy.opened", strcmp(request->unit, "urgent") == 0, err)) {
        return -1;
    }
    if (strcmp(request->procedure, "refused") == 0) {
        return err_set(err, ERR_PRECONDITION, "toy_refuses", "what=%s", request->procedure);
    }
    if (strcmp(request->procedure, "revoke") == 0) {
        struct values fields = {.arena = call->arena};
        Wire__Event event = WIRE__EVENT__INIT;
        values_add_text(&fields, "staff", request->unit);
        values_add_i64(&fields, "generation", 2);
        event.topic = CORE_REVOKED;
        event.lane = WIRE__LANE__URGENT;
        event.fields = fields.list;
        event.n_fields = fields.count;
        return event_put(call, &event, err);
    }
    if (strcmp(request->procedure, "eat") == 0) {
        (void)arena_alloc(call->arena, 3 << 20);
    }
    if (strcmp(request->procedure, "fill") == 0 && fills > 0) {
        fills--;
        store_rollback(call->store); /* what SQLite does with the whole of a group */
        return err_set(err, ERR_EXHAUSTED, "disk_full", "why=test");
    }
    if (strcmp(request->procedure, "timer") == 0 || strcmp(request->procedure, "watch") == 0) {
        return timer_set(call, request->procedure[0] == 'w' ? "watch" : "tick", request->unit, "",
                         0, request->event_ms, err);
    }
    if (strcmp(request->procedure, "job") == 0) {
        return job_put(call, "work", request->unit, input, 0, err) < 0 ? -1 : 0;
    }
    return 0;
}

static int wait_case(struct call *call, struct err *err) {
    Cases__GetCaseReply *reply = ARENA_NEW(call->arena, Cases__GetCaseReply);
    struct query q = QUERY(call->store, "SELECT count(*) FROM event");

    cases__get_case_reply__init(reply);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    int64_t events = query_i64(&q, 0);
    query_end(&q);
    mark_seen = call->park_mark;
    if (events == 0 && !call->expired) {
        call->park_on = "toy";
        call->park_until_ms = call->now_ms + 1000;
        call->park_mark = 7;
        return 0;
    }
    call->reply = &reply->base;
    return 0;
}

static int fire(struct call *call, struct err *err) {
    core_notify(call->core, "toy");
    return put(call, "toy.fired", WIRE__LANE__NORMAL, err);
}

static int unused(struct call *call, struct err *err) {
    (void)call;
    return err_set(err, ERR_UNIMPLEMENTED, "toy", " ");
}

static int on_outside(struct call *call, struct err *err) {
    applied++;
    if (strcmp(call->event->topic, "outside.bad") == 0) {
        (void)put(call, "toy.half", WIRE__LANE__NORMAL, err);
        return err_set(err, ERR_PRECONDITION, "toy_refuses", "what=bad");
    }
    if (strcmp(call->event->topic, "outside.short") == 0 && short_times > 0) {
        short_times--;
        (void)put(call, "toy.half", WIRE__LANE__NORMAL, err);
        return err_plain(err, ERR_UNAVAILABLE, "out of memory (sqlite 7)");
    }
    if (strncmp(call->event->topic, "outside.big", 11) == 0) {
        ProtobufCAllocator allocator = arena_protobuf(call->arena);
        size_t size = call->event->topic[11] ? 9 << 20 : 6 << 20; /* of 8 MiB for decoders */
        if (!allocator.alloc(allocator.allocator_data, size)) {
            return err_set(err, ERR_EXHAUSTED, "toy_too_big", " ");
        }
    }
    return put(call, "toy.applied", WIRE__LANE__NORMAL, err);
}

static int tick(struct call *call, const struct due *due, struct err *err) {
    size_t used = strlen(timer_log);

    timers_run++;
    (void)snprintf(timer_log + used, sizeof timer_log - used, "%s ", due->ref);
    if (strcmp(due->ref, "broken") == 0) {
        return err_plain(err, ERR_INTERNAL, "broken");
    }
    if (strcmp(due->ref, "short") == 0 && short_times > 0) {
        short_times--;
        return err_plain(err, ERR_UNAVAILABLE, "out of memory (sqlite 7)");
    }
    if (strcmp(due->ref, "slices") == 0
        && timer_set(call, due->kind, due->ref, "", 0, call->now_ms, err)) {
        return -1;
    }
    if (strcmp(due->ref, "marks") == 0 && due->mark < 3
        && timer_set(call, "tick", due->ref, "", due->mark + 1, due->due_ms + 10, err)) {
        return -1;
    }
    return put(call, "toy.ticked", WIRE__LANE__NORMAL, err);
}

static int work(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)input, (void)output, (void)size, (void)err;
    return 0;
}

static int work_done(struct call *call, const struct job_result *result, struct err *err) {
    CHECK(result->output.size == 3 && memcmp(result->output.data, "out", 3) == 0);
    CHECK(result->input.size == 2);
    jobs_done++;
    if (put(call, "toy.worked", WIRE__LANE__NORMAL, err)) {
        return -1;
    }
    if (strcmp(result->ref, "short") == 0 && short_times > 0) {
        short_times--;
        return err_plain(err, ERR_UNAVAILABLE, "out of memory (sqlite 7)");
    }
    return strcmp(result->ref, "broken") == 0
               ? err_set(err, ERR_PRECONDITION, "toy_refuses", "what=job")
               : 0;
}

static int fold(struct call *call, struct err *err) {
    (void)err;
    CHECK(call->recovering);
    fold_count++;
    return 0;
}

static const struct method methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_TOKEN, NULL, open_case, false},
    {"FireEvent", METHOD_WRITE, GUARD_TOKEN, NULL, fire, true},
    {"LinkContact", METHOD_WRITE, GUARD_TOKEN, "toy.act", unused, false},
    {"RecordForm", METHOD_WRITE, GUARD_TOKEN, NULL, unused, false},
    {"GetCase", METHOD_READ, GUARD_TOKEN, NULL, wait_case, false},
    {"ListCases", METHOD_READ, GUARD_PEER, NULL, unused, false},
    {0},
};
static const struct subscription subscriptions[] = {
    {"outside", "outside.*", WIRE__LANE__NORMAL, on_outside},
    {0},
};
static const struct timer_kind timer_kinds[] = {
    {"tick", tick, false, 0}, {"watch", tick, false, 1000}, {0}};
static const struct job_kind job_kinds[] = {{"work", work, work_done, false, false, NULL}, {0}};
static const struct service_def toy = {
    .name = "toy",
    .api = &ticketing__ticketing__descriptor,
    .methods = methods,
    .subscriptions = subscriptions,
    .timers = timer_kinds,
    .jobs = job_kinds,
    .fold = fold,
};

/* ---- the bench it stands on ---- */

static struct arena *scratch;
static char folder[] = "/tmp/test_core_XXXXXX";
static char path[PATH_MAX];

static struct core *start_with(struct core_config config) {
    struct err err = {0};

    config.secrets = &secrets;
    config.seed = 7;
    config.now_ms = t0;
    struct core *core = core_new(&toy, &config, &err);
    CHECK_OK(core == NULL, err);
    return core;
}

static struct core *start_at(const char *file, size_t group_max) {
    return start_with((struct core_config){.path = file, .group_max = group_max});
}

static void prepare(void) {
    secrets_from_seed(&secrets, 1);
    scratch = arena_new(16 << 20);
    CHECK(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/toy.db", folder);
}

static struct core *start(void) {
    prepare();
    return start_at(path, 0);
}

static struct bytes token_of(const char *staff) {
    static const char *const roles[] = {"desk"};
    struct token token = {.staff = staff,
                          .estate = "E01",
                          .roles = roles,
                          .role_count = 1,
                          .generation = 1,
                          .from_ms = t0 - 1000,
                          .until_ms = t0 + 3600000};

    return token_sign(&secrets, &token, scratch);
}

static struct bytes packed(const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(scratch, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static ProtobufCBinaryData binary(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static uint8_t *new_id(void) {
    static uint8_t counter;
    uint8_t random[10] = {0, 0, 0, 0, counter++}; /* the first hold version bits */
    uint8_t *id = arena_alloc(scratch, 16);

    text_uuid7(id, t0, random);
    return id;
}

static struct bytes request(const char *method, const ProtobufCMessage *payload, uint8_t *id,
                            struct bytes token) {
    Wire__Request frame = WIRE__REQUEST__INIT;
    char name[128];

    (void)snprintf(name, sizeof name, "shouwen.ticketing.v1.Ticketing/%s", method);
    frame.id = (ProtobufCBinaryData){16, id};
    frame.method = strchr(method, '/') ? method : name;
    frame.token = binary(token);
    frame.payload = binary(packed(payload));
    return packed(&frame.base);
}

static struct bytes opening(const char *procedure, const char *unit, int64_t event_ms,
                            uint8_t *id) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;

    open.procedure = procedure;
    open.unit = unit;
    open.event_ms = event_ms;
    return request("OpenCase", &open.base, id, token_of("S101"));
}

static void push(struct core *core, struct bytes frame) {
    struct origin from = {.route = 5};

    CHECK(core_push_request(core, &from, frame));
}

static void step(struct core *core, int64_t now_ms) {
    struct err err = {0};

    CHECK_OK(core_step(core, now_ms, &err), err);
}

static void drain(struct core *core) {
    while (core_next(core)) {
    }
}

static Wire__Reply *next_reply(struct core *core) {
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    for (const struct out *out = core_next(core); out; out = core_next(core)) {
        if (out->kind == OUT_REPLY) {
            CHECK(out->route == 5);
            return wire__reply__unpack(&allocator, out->frame.size, out->frame.data);
        }
    }
    return NULL;
}

static Wire__Reply *ask(struct core *core, struct bytes frame) {
    drain(core);
    push(core, frame);
    step(core, t0);
    Wire__Reply *reply = next_reply(core);
    CHECK(reply);
    return reply;
}

static int64_t count(struct core *core, const char *topic) {
    struct err err = {0};
    struct bytes events[256];
    ProtobufCAllocator allocator = arena_protobuf(scratch);
    int64_t found = 0;

    for (int lane = 0; lane < 2; lane++) {
        int n = event_read(core_store(core), (Wire__Lane)lane, 0, 256, 1 << 20, scratch, events,
                           &err);
        for (int i = 0; i < n; i++) {
            Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
            found += strcmp(event->topic, topic) == 0;
        }
    }
    return found;
}

/* The next call to a peer by a method, of those that have not been looked at. */
static Wire__Request *next_call(struct core *core, const char *peer, const char *method) {
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    for (const struct out *out = core_next(core); out; out = core_next(core)) {
        if (out->kind != OUT_CALL || strcmp(out->peer, peer) != 0) {
            continue;
        }
        Wire__Request *call = wire__request__unpack(&allocator, out->frame.size, out->frame.data);
        if (strstr(call->method, method)) {
            return call;
        }
    }
    return NULL;
}

static void answer(struct core *core, const Wire__Request *call, const char *peer,
                   const ProtobufCMessage *payload) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id = call->id;
    reply.payload = binary(packed(payload));
    core_push_reply(core, peer, packed(&reply.base));
}

static uint8_t log_id[16] = "the log, 16 byte";

static void confirm(struct core *core, const Wire__Request *call, uint64_t head) {
    Bus__AppendReply said = BUS__APPEND_REPLY__INIT;

    said.log = (ProtobufCBinaryData){16, log_id};
    said.head_seq = head;
    answer(core, call, "bus", &said.base);
}

static Bus__AppendRequest *append_of(const Wire__Request *call) {
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    return bus__append_request__unpack(&allocator, call->payload.len, call->payload.data);
}

static ProtobufCBinaryData outside(uint64_t seq, const char *topic, const char *case_no) {
    static uint8_t source[16] = "another source..";
    Wire__Event event = WIRE__EVENT__INIT;

    event.source = (ProtobufCBinaryData){16, source};
    event.seq = seq;
    event.position = seq;
    event.topic = topic;
    event.case_no = case_no;
    return binary(packed(&event.base));
}

/* Answers the pull of the normal lane; the urgent lane asks as well. */
static void deliver(struct core *core, ProtobufCBinaryData *events, size_t n, int64_t now_ms) {
    Bus__PullReply said = BUS__PULL_REPLY__INIT;
    ProtobufCAllocator allocator = arena_protobuf(scratch);
    static uint64_t next;

    core_link(core, "bus", false);
    step(core, now_ms);
    drain(core);
    core_link(core, "bus", false);
    step(core, now_ms + 500);
    for (;;) {
        Wire__Request *call = next_call(core, "bus", "Pull");
        CHECK(call);
        Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, call->payload.len,
                                                           call->payload.data);
        if (pull->lane == WIRE__LANE__NORMAL) {
            said.log = (ProtobufCBinaryData){16, log_id};
            said.n_events = n;
            said.events = events;
            said.next = said.head = ++next;
            answer(core, call, "bus", &said.base);
            break;
        }
    }
    step(core, now_ms + 500);
}

/* ---- what must be so ---- */

static void a_request_has_one_effect_however_often_it_is_sent(void) {
    struct core *core = start();
    uint8_t *id = new_id();
    Wire__Reply *first = ask(core, opening("a", "u", 0, id));
    Wire__Reply *again = ask(core, opening("a", "u", 0, id));

    CHECK(first->code == WIRE__CODE__OK && again->code == WIRE__CODE__OK);
    CHECK(first->payload.len > 0 && first->payload.len == again->payload.len
          && memcmp(first->payload.data, again->payload.data, first->payload.len) == 0);
    CHECK(handled == 1 && count(core, "toy.opened") == 1);
    Wire__Reply *other = ask(core, opening("b", "u", 0, id));
    CHECK(other->code == WIRE__CODE__INVALID_ARGUMENT);
    CHECK_TEXT(other->rule, "request_id_reused");
    core_free(core);
    core = start_at(path, 0);
    again = ask(core, opening("a", "u", 0, id));
    CHECK(again->code == WIRE__CODE__OK && handled == 1 && count(core, "toy.opened") == 1);
    core_free(core);
}

static void a_refusal_changes_nothing_and_is_not_remembered(void) {
    struct core *core = start();
    uint8_t *id = new_id();
    Wire__Reply *reply = ask(core, opening("refused", "u", 0, id));

    CHECK(reply->code == WIRE__CODE__FAILED_PRECONDITION);
    CHECK_TEXT(reply->rule, "toy_refuses");
    CHECK(reply->n_details == 1 && strcmp(reply->details[0]->text, "refused") == 0);
    CHECK(count(core, "toy.opened") == 0);
    CHECK(handled == 2); /* it had changed something: once more, with a savepoint, */
    (void)ask(core, opening("refused", "u", 0, id));
    CHECK(handled == 3); /* and for a while at once with one */
    CHECK(count(core, "toy.opened") == 0);
    core_free(core);
}

static int64_t rows(struct core *core, const char *sql) {
    struct err err = {0};
    struct query q = query_start(core_store(core), sql);

    CHECK(query_step(&q, &err) == 1);
    int64_t value = query_i64(&q, 0);
    query_end(&q);
    return value;
}

static void who_refuses_late_undoes_nothing_of_the_others(void) {
    static const char *const what[] = {"a", "timer", "refused", "job", "a"};
    struct core *core = start();
    size_t refused = 0;

    for (size_t i = 0; i < sizeof what / sizeof what[0]; i++) {
        push(core, opening(what[i], "u", t0 + 1000, new_id()));
    }
    step(core, t0);
    for (size_t i = 0; i < sizeof what / sizeof what[0]; i++) {
        const Wire__Reply *reply = next_reply(core);
        CHECK(reply);
        refused += reply->code != WIRE__CODE__OK;
    }
    CHECK(!next_reply(core) && refused == 1);
    CHECK(count(core, "toy.opened") == 4);
    CHECK(rows(core, "SELECT count(*) FROM timer WHERE kind = 'tick'") == 1);
    CHECK(rows(core, "SELECT count(*) FROM job") == 1);
    core_free(core);
}

static void an_id_is_known_of_its_actor_only(void) {
    struct core *core = start();
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    uint8_t *id = new_id();

    open.procedure = "a";
    CHECK(ask(core, request("OpenCase", &open.base, id, token_of("S101")))->code == WIRE__CODE__OK);
    CHECK(ask(core, request("OpenCase", &open.base, id, token_of("S102")))->code == WIRE__CODE__OK);
    CHECK(handled == 2 && count(core, "toy.opened") == 2);
    core_free(core);
}

static bool allows(void *arg, const struct actor *actor, const char *act) {
    return strcmp(actor->staff, arg) == 0 && strcmp(act, "toy.act") == 0;
}

static void who_may_not_is_refused(void) {
    struct core *core = start();
    char who[] = "S102";
    Cases__LinkContactRequest link = CASES__LINK_CONTACT_REQUEST__INIT;
    Cases__ListCasesRequest list = CASES__LIST_CASES_REQUEST__INIT;

    CHECK_TEXT(ask(core, request("LinkContact", &link.base, new_id(), token_of("S102")))->rule,
               "not_permitted"); /* nobody is asked yet, so nobody may */
    core_set_permit(core, allows, who);
    CHECK_TEXT(ask(core, request("LinkContact", &link.base, new_id(), token_of("S101")))->rule,
               "not_permitted");
    CHECK_TEXT(ask(core, request("LinkContact", &link.base, new_id(), token_of("S102")))->rule,
               "toy");
    CHECK_TEXT(ask(core, request("ListCases", &list.base, new_id(), token_of("S102")))->rule,
               "peers_only");
    core_free(core);
}

static void a_token_ends_although_it_is_known(void) {
    struct core *core = start();

    CHECK(ask(core, opening("a", "u", 0, new_id()))->code == WIRE__CODE__OK);
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 3600000); /* its last instant */
    CHECK(next_reply(core)->code == WIRE__CODE__OK);
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 3600001);
    CHECK_TEXT(next_reply(core)->rule, "token_expired");
    core_free(core);
}

static void what_is_no_request_is_refused_by_its_name(void) {
    struct core *core = start();
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    struct bytes garbage = {(const uint8_t *)"\xff\xff\xff", 3};
    struct bytes none = {0};
    struct bytes good = token_of("S101");
    uint8_t old[16];

    open.procedure = "a";
    CHECK_TEXT(ask(core, garbage)->rule, "frame_invalid");
    CHECK_TEXT(ask(core, request("x.Y/Z", &open.base, new_id(), good))->rule, "method_unknown");
    CHECK(ask(core, request("x.Y/Z", &open.base, new_id(), good))->code
          == WIRE__CODE__UNIMPLEMENTED);
    CHECK_TEXT(ask(core, request("OpenCase", &open.base, new_id(), none))->rule, "token_missing");
    struct bytes bad = token_of("S102");
    ((uint8_t *)(uintptr_t)bad.data)[3] ^= 1U;
    CHECK(ask(core, request("OpenCase", &open.base, new_id(), bad))->code
          == WIRE__CODE__UNAUTHENTICATED);
    text_uuid7(old, t0 - INT64_C(31) * 86400000, (const uint8_t *)"0123456789");
    CHECK_TEXT(ask(core, request("OpenCase", &open.base, old, good))->rule, "request_id_old");
    open.unit = "\xc3\x28";
    CHECK_TEXT(ask(core, request("OpenCase", &open.base, new_id(), good))->rule, "text_utf8");
    open.unit = "a\x01";
    CHECK_TEXT(ask(core, request("OpenCase", &open.base, new_id(), good))->rule, "text_control");
    CHECK_TEXT(ask(core, request("ListCases", &open.base, new_id(), good))->rule, "peers_only");
    CHECK_TEXT(ask(core, request("LinkContact", &open.base, new_id(), good))->rule,
               "not_permitted");
    CHECK(handled == 0 && count(core, "toy.opened") == 0);
    core_free(core);
}

/* The same ids in every round. */
static uint32_t id_number;

static uint8_t *numbered_id(void) {
    uint8_t random[10] = {0};
    uint8_t *id = arena_alloc(scratch, 16);

    memcpy(random + 4, &id_number, sizeof id_number);
    id_number++;
    text_uuid7(id, t0, random);
    return id;
}

static struct bytes events_of(struct core *core) {
    struct err err = {0};
    struct bytes events[256];
    int n = event_read(core_store(core), WIRE__LANE__NORMAL, 0, 256, 1 << 20, scratch, events,
                       &err);
    uint8_t *all = arena_alloc(scratch, 1 << 20);
    size_t size = 0;

    for (int i = 0; i < n; i++) {
        memcpy(all + size, events[i].data, events[i].size);
        size += events[i].size;
    }
    return (struct bytes){all, size};
}

static void groups_of_one_and_of_many_give_equal_events(void) {
    struct bytes said[2];

    core_free(start());
    for (size_t round = 0; round < 2; round++) {
        struct core *core = start_at(":memory:", round);
        for (int i = 0; i < 40; i++) {
            uint8_t id[16];
            uint8_t random[10] = {0, 0, 0, 0, (uint8_t)i};
            text_uuid7(id, t0, random);
            push(core, opening(i % 5 == 0 ? "refused" : "a", "u", 0, id));
        }
        for (int i = 0; i < 40; i++) {
            step(core, t0);
            drain(core);
        }
        CHECK(count(core, "toy.opened") == 32);
        said[round] = events_of(core);
        core_free(core);
    }
    CHECK(said[0].size == said[1].size);
    CHECK(memcmp(said[0].data, said[1].data, said[0].size) == 0);
}

/* A group that runs again has its timers in the log again. */
static const char *last_run(const char *log) {
    const char *last = log;

    for (const char *at = log; (at = strstr(at, "0 1 2 ")); at++) {
        last = at;
    }
    return last;
}

/* A clock that starts past its limit, marks that follow from one another, one that is due now,
 * and more that fell due before than may fire in one go: the order is the same in every group. */
static void what_is_late_goes_before_the_next_request_in_every_group(void) {
    static const struct {
        const char *procedure, *unit;
        int64_t due_ms;
    } asked[] = {{"a", "u", 0},           {"timer", "late", -100}, {"a", "u", 0},
                 {"timer", "marks", -50}, {"a", "u", 0},           {"timer", "now", 0},
                 {"refused", "u", 0},     {"timer", "later", -1},  {"a", "u", 0}};
    const size_t count_asked = sizeof asked / sizeof asked[0];
    const int64_t now = t0 + 1000;
    char order[2][sizeof timer_log];
    struct bytes said[2];

    core_free(start());
    for (size_t round = 0; round < 2; round++) {
        struct core *core = start_at(":memory:", round);
        id_number = 0;
        timer_log[0] = '\0';
        for (int i = 0; i < 100; i++) {
            char ref[8];
            (void)snprintf(ref, sizeof ref, "%d", i);
            (void)ask(core, opening("timer", ref, t0 + 100 + i, numbered_id()));
        }
        for (size_t i = 0; i < count_asked; i++) {
            push(core,
                 opening(asked[i].procedure, asked[i].unit, now + asked[i].due_ms, numbered_id()));
        }
        for (size_t i = 0; i < count_asked + 2; i++) {
            step(core, now);
            drain(core);
        }
        CHECK(core_wake(core) > now);
        memcpy(order[round], timer_log, sizeof timer_log);
        said[round] = events_of(core);
        core_free(core);
    }
    CHECK(strstr(order[0], "99 late marks marks marks marks later now "));
    CHECK_TEXT(order[1], last_run(order[0])); /* the group of many has run twice: see "refused" */
    CHECK(said[0].size == said[1].size);
    CHECK(memcmp(said[0].data, said[1].data, said[0].size) == 0);
}

static void at_the_limit_is_in_time(void) {
    struct core *core = start();
    struct err err = {0};
    struct bytes events[16];
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    (void)ask(core, opening("timer", "late", t0 + 100, new_id()));
    (void)ask(core, opening("timer", "early", t0 + 50, new_id()));
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 100);
    /* early, the request, late: so stand the events. */
    CHECK(event_read(core_store(core), WIRE__LANE__NORMAL, 2, 16, 1 << 20, scratch, events, &err)
          == 3);
    Wire__Event *middle = wire__event__unpack(&allocator, events[1].size, events[1].data);
    CHECK_TEXT(middle->topic, "toy.opened");
    CHECK_TEXT(timer_log, "early late ");
    core_free(core);
}

static void a_timer_that_cannot_be_handled_is_put_aside_with_an_alarm(void) {
    struct core *core = start();

    (void)ask(core, opening("timer", "broken", t0 + 10, new_id()));
    step(core, t0 + 20);
    step(core, t0 + 30);
    CHECK(timers_run == 1);
    CHECK(count(core, "dead.letter") == 1);
    core_free(core);
}

static void what_the_house_must_go_on_doing_is_set_again(void) {
    struct core *core = start();

    (void)ask(core, opening("watch", "broken", t0 + 10, new_id()));
    step(core, t0 + 20);
    CHECK(timers_run == 1 && count(core, "dead.letter") == 1);
    step(core, t0 + 1019);
    CHECK(timers_run == 1);
    step(core, t0 + 1020);
    CHECK(timers_run == 2);
    core_free(core);
}

static int64_t job_out(struct core *core) {
    for (const struct out *out = core_next(core); out; out = core_next(core)) {
        if (out->kind == OUT_JOB) {
            return out->job;
        }
    }
    return 0;
}

static void a_job_leaves_after_the_commit_and_runs_again_after_a_crash(void) {
    struct core *core = start();
    struct bytes output = {(const uint8_t *)"out", 3};

    push(core, opening("job", "u", 0, new_id()));
    step(core, t0);
    int64_t job = job_out(core);
    CHECK(job > 0);
    core_free(core);
    core = start_at(path, 0);
    step(core, t0);
    CHECK(job_out(core) == job);
    core_push_job(core, job, false, output, NULL);
    core_push_job(core, job, false, output, NULL);
    step(core, t0);
    CHECK(jobs_done == 1 && count(core, "toy.worked") == 1);
    core_free(core);
}

static void a_refused_result_ends_its_job_with_an_alarm(void) {
    struct core *core = start();
    struct bytes output = {(const uint8_t *)"out", 3};

    push(core, opening("job", "broken", 0, new_id()));
    step(core, t0);
    int64_t job = job_out(core);
    CHECK(job > 0);
    core_push_job(core, job, false, output, NULL);
    step(core, t0);
    CHECK(jobs_done == 1 && count(core, "toy.worked") == 0);
    CHECK(count(core, "dead.letter") == 1);
    CHECK(rows(core, "SELECT count(*) FROM job") == 0);
    /* The worker is free again, and later results are taken. */
    push(core, opening("job", "u", 0, new_id()));
    step(core, t0);
    job = job_out(core);
    core_push_job(core, job, false, output, NULL);
    step(core, t0);
    CHECK(jobs_done == 2 && count(core, "toy.worked") == 1);
    core_free(core);
}

static void a_job_of_a_kind_that_is_gone_is_put_aside_with_an_alarm(void) {
    struct core *core = start();
    struct err err = {0};
    struct query q = QUERY(core_store(core), "INSERT INTO job(due_ms, kind, ref, input, urgent,"
                                             " epoch) VALUES(0, 'gone', 'r', x'', 0, 0)");

    CHECK_OK(query_done(&q, &err), err);
    core_free(core);
    core = start_at(path, 0);
    step(core, t0 + 1);
    CHECK(count(core, "dead.letter") == 1);
    CHECK(rows(core, "SELECT count(*) FROM job") == 0);
    core_free(core);
}

static int jobs_out(struct core *core) {
    int jobs = 0;

    while (job_out(core) > 0) {
        jobs++;
    }
    return jobs;
}

static void jobs_that_are_not_urgent_begin_in_slices(void) {
    enum { SLICE = 16, SLICE_MS = 6, MORE = 4 };
    struct core *core = start();

    for (int i = 0; i < SLICE + MORE; i++) {
        push(core, opening("job", "u", 0, new_id()));
    }
    step(core, t0);
    CHECK(jobs_out(core) == SLICE);
    CHECK(core_wake(core) <= t0 + SLICE_MS);
    step(core, t0 + SLICE_MS - 1);
    CHECK(jobs_out(core) == 0);
    step(core, t0 + SLICE_MS);
    CHECK(jobs_out(core) == MORE);
    core_free(core);
}

static void events_go_to_the_bus_until_it_confirms_them(void) {
    struct core *core = start();
    Wire__Request *call = NULL;

    push(core, opening("a", "u", 0, new_id()));
    step(core, t0);
    while ((call = next_call(core, "bus", "Append")) != NULL) {
        confirm(core, call, 0);
    }
    step(core, t0);
    call = next_call(core, "bus", "Append");
    CHECK(call && append_of(call)->n_events == 1 && append_of(call)->first_seq == 1);
    drain(core);
    step(core, t0 + 3000); /* no answer: it asks where the bus stands */
    call = next_call(core, "bus", "Append");
    CHECK(call && append_of(call)->n_events == 0);
    confirm(core, call, 1);
    drain(core);
    step(core, t0 + 3000);
    CHECK(!next_call(core, "bus", "Append"));
    core_free(core);
}

/* What was said before the link was there has gone nowhere. */
static void of_a_new_link_it_asks_at_once(void) {
    struct core *core = start();

    step(core, t0);
    CHECK(next_call(core, "bus", "Pull"));
    drain(core);
    core_link(core, "bus", false);
    step(core, t0 + 1);
    CHECK(!next_call(core, "bus", "Pull"));
    core_link(core, "bus", true);
    CHECK(core_wake(core) <= t0 + 1);
    step(core, t0 + 2);
    CHECK(next_call(core, "bus", "Pull"));
    core_free(core);
}

static void confirm_both(struct core *core, uint64_t normal, uint64_t urgent) {
    for (Wire__Request *call; (call = next_call(core, "bus", "Append"));) {
        confirm(core, call, append_of(call)->lane == WIRE__LANE__URGENT ? urgent : normal);
    }
}

static void events_that_are_not_urgent_gather(void) {
    enum { GATHER_MS = 5 };
    prepare();
    struct core *core = start_with((struct core_config){.path = path, .gather_ms = GATHER_MS});

    (void)ask(core, opening("a", "u", 0, new_id()));
    confirm_both(core, 1, 0);
    step(core, t0 + 10);
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 15);
    CHECK(!next_call(core, "bus", "Append"));
    CHECK(core_wake(core) == t0 + 15 + GATHER_MS);
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 14 + GATHER_MS);
    CHECK(!next_call(core, "bus", "Append"));
    step(core, t0 + 15 + GATHER_MS);
    Wire__Request *call = next_call(core, "bus", "Append");
    CHECK(call && append_of(call)->n_events == 2 && append_of(call)->first_seq == 2);

    push(core, opening("a", "urgent", 0, new_id())); /* known to the bus: none so far */
    step(core, t0 + 25);
    confirm_both(core, 3, 0);
    step(core, t0 + 30);
    call = next_call(core, "bus", "Append");
    CHECK(call && append_of(call)->lane == WIRE__LANE__URGENT && append_of(call)->n_events == 1);
    core_free(core);
}

/* A burst of writes after a commit waits a moment for more of it; anything else takes it along. */
static void a_burst_of_writes_shares_a_commit(void) {
    prepare();
    struct core *core = start_with((struct core_config){.path = path, .gather_ms = 5});
    Cases__FireEventRequest fired = CASES__FIRE_EVENT_REQUEST__INIT;

    (void)ask(core, opening("a", "u", 0, new_id())); /* at t0, after nothing: at once */
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 1);
    CHECK(!next_reply(core) && core_wake(core) == t0 + 2);
    push(core, opening("a", "u", 0, new_id()));
    step(core, t0 + 2);
    CHECK(next_reply(core) && next_reply(core) && !next_reply(core));
    push(core, opening("a", "u", 0, new_id()));
    push(core, request("FireEvent", &fired.base, new_id(), token_of("S101"))); /* urgent */
    step(core, t0 + 3);
    CHECK(next_reply(core) && next_reply(core));
    core_free(core);
}

static bool always_over(void *arg) {
    (void)arg;
    return true;
}

/* Answers the pull of the normal lane with so many events; returns how many the next asks for. */
static uint32_t pull_max_after(struct core *core, size_t n, int64_t now_ms) {
    enum { EVENTS_MAX = 256 };
    ProtobufCAllocator allocator = arena_protobuf(scratch);
    ProtobufCBinaryData events[EVENTS_MAX];
    static uint64_t seq;

    for (size_t i = 0; i < n; i++) {
        events[i] = outside(++seq, "outside.good", "");
    }
    deliver(core, events, n, now_ms);
    drain(core);
    core_link(core, "bus", true);
    step(core, now_ms + 500);
    for (Wire__Request *call; (call = next_call(core, "bus", "Pull"));) {
        Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, call->payload.len,
                                                           call->payload.data);
        if (pull->lane == WIRE__LANE__NORMAL) {
            return pull->max;
        }
    }
    return 0;
}

static void it_asks_for_as_many_events_as_a_group_takes_in(void) {
    prepare();
    struct core *core = start_with((struct core_config){.path = path, .group_over = always_over});

    CHECK(pull_max_after(core, 100, t0 + 1000) == 50);
    CHECK(pull_max_after(core, 3, t0 + 2000) == 8);
    core_free(core);
    core = start_at(path, 0);
    CHECK(pull_max_after(core, 100, t0 + 3000) == 256);
    core_free(core);
}

static void at_the_end_results_are_written_down_and_no_job_begins(void) {
    struct core *core = start();
    struct bytes output = {(const uint8_t *)"out", 3};

    push(core, opening("job", "u", 0, new_id()));
    step(core, t0);
    int64_t job = job_out(core);
    CHECK(job > 0);
    core_stop(core);
    push(core, opening("job", "v", 0, new_id()));
    core_push_job(core, job, false, output, NULL);
    step(core, t0 + 1);
    CHECK(jobs_done == 1 && job_out(core) == 0);
    CHECK(core_wake(core) > t0 + 1);
    core_free(core);
    core = start_at(path, 0);
    step(core, t0 + 2);
    CHECK(job_out(core) > 0 && job_out(core) == 0);
    core_free(core);
}

/* What the core says on stderr between the two. */
static int kept_stderr = -1;

static void listen_to_log(void) {
    char log_path[PATH_MAX + 8];

    (void)snprintf(log_path, sizeof log_path, "%s.log", path);
    (void)fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    int file = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(kept_stderr >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    (void)close(file);
}

static const char *logged(void) {
    const size_t room = 1 << 16;
    char *text = arena_alloc(scratch, room);

    (void)fflush(stderr);
    ssize_t size = pread(STDERR_FILENO, text, room - 1, 0);
    (void)dup2(kept_stderr, STDERR_FILENO);
    CHECK(size >= 0);
    return text;
}

static void events_that_the_bus_has_lost_are_sent_again_and_told_of(void) {
    struct core *core = start();
    Wire__Request *call = NULL;

    for (int i = 0; i < 5; i++) {
        (void)ask(core, opening("a", "u", 0, new_id()));
    }
    core_link(core, "bus", false);
    drain(core);
    step(core, t0 + 1000);
    while ((call = next_call(core, "bus", "Append")) != NULL) {
        confirm(core, call, append_of(call)->lane == WIRE__LANE__NORMAL ? 5 : 0);
    }
    step(core, t0 + 1000);
    CHECK(!next_call(core, "bus", "Append"));
    listen_to_log();
    core_link(core, "bus", false); /* and comes back from an old copy */
    drain(core);
    step(core, t0 + 2000);
    while ((call = next_call(core, "bus", "Append")) != NULL) {
        confirm(core, call, append_of(call)->lane == WIRE__LANE__NORMAL ? 2 : 0);
    }
    step(core, t0 + 2000);
    CHECK(strstr(logged(), "confirmed=5 head=2 lost=3"));
    call = next_call(core, "bus", "Append");
    CHECK(call && append_of(call)->first_seq == 3 && append_of(call)->n_events == 3);
    core_free(core);
}

static void an_urgent_event_that_the_bus_does_not_confirm_goes_to_notify(void) {
    struct core *core = start();
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    push(core, opening("a", "urgent", 0, new_id()));
    step(core, t0);
    CHECK(!next_call(core, "notify", "HandOver"));
    step(core, t0 + 1999);
    CHECK(!next_call(core, "notify", "HandOver"));
    CHECK(core_wake(core) <= t0 + 2000);
    step(core, t0 + 2000);
    Wire__Request *call = next_call(core, "notify", "HandOver");
    CHECK(call);
    Notify__HandOverRequest *hand = notify__hand_over_request__unpack(&allocator, call->payload.len,
                                                                      call->payload.data);
    CHECK(hand->n_events == 1);
    Notify__HandOverReply said = NOTIFY__HAND_OVER_REPLY__INIT;
    answer(core, call, "notify", &said.base);
    step(core, t0 + 2500);
    step(core, t0 + 9000);
    CHECK(!next_call(core, "notify", "HandOver"));
    core_free(core);
}

static void an_event_of_others_has_one_effect(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", ""), outside(2, "outside.b", ""),
                                    outside(3, "unwanted", "")};

    deliver(core, events, 3, t0);
    deliver(core, events, 3, t0 + 5000);
    CHECK(applied == 2 && count(core, "toy.applied") == 2);
    core_free(core);
    core = start_at(path, 0);
    deliver(core, events, 3, t0 + 10000);
    CHECK(applied == 2 && count(core, "toy.applied") == 2);
    core_free(core);
}

static void a_refused_event_is_dead_and_its_case_waits_behind_it(void) {
    struct core *core = start();
    struct err err = {0};
    ProtobufCBinaryData events[] = {outside(1, "outside.bad", "C7"), outside(2, "outside.a", "C7"),
                                    outside(3, "outside.a", "C8")};

    deliver(core, events, 3, t0);
    CHECK(count(core, "toy.half") == 0);
    CHECK(count(core, "dead.letter") == 1);
    CHECK(count(core, "toy.applied") == 1);
    struct query q = QUERY(core_store(core), "SELECT count(*) FROM dead WHERE case_no = 'C7'");
    CHECK(query_step(&q, &err) == 1 && query_i64(&q, 0) == 2);
    query_end(&q);
    core_free(core);
}

static void a_parked_request_is_answered_when_it_is_told_or_late(void) {
    struct core *core = start();
    Cases__GetCaseRequest get = CASES__GET_CASE_REQUEST__INIT;
    Cases__FireEventRequest fired = CASES__FIRE_EVENT_REQUEST__INIT;
    struct bytes frame = request("GetCase", &get.base, new_id(), token_of("S101"));

    push(core, frame);
    step(core, t0);
    CHECK(!next_reply(core) && mark_seen == 0);
    CHECK(core_wake(core) <= t0 + 1000);
    step(core, t0 + 1000);
    CHECK(next_reply(core) && mark_seen == 7);
    push(core, frame);
    step(core, t0 + 1000);
    CHECK(!next_reply(core));
    push(core, request("FireEvent", &fired.base, new_id(), token_of("S101")));
    step(core, t0 + 1001);
    CHECK(next_reply(core) && next_reply(core));
    core_free(core);
}

static void the_chain_is_walked_in_slices(void) {
    struct core *core = start();
    struct err err = {0};
    uint64_t checked = 0, next = 0;

    for (int i = 0; i < 300; i++) {
        push(core, opening("a", "u", 0, numbered_id()));
    }
    step(core, t0);
    step(core, t0);
    CHECK_OK(event_verify(core_store(core), 0, scratch, &checked, &next, &err), err);
    CHECK(checked == 256 && next == 256);
    CHECK_OK(event_verify(core_store(core), next, scratch, &checked, &next, &err), err);
    CHECK(checked == 44 && next == 0);
    CHECK(event_verify(core_store(core), 999, scratch, &checked, &next, &err) == -1);
    struct query q = QUERY(core_store(core), "DROP TRIGGER event_is_final");
    CHECK_OK(query_done(&q, &err), err);
    q = QUERY(core_store(core), "UPDATE event SET body = x'00' WHERE position = 257");
    CHECK_OK(query_done(&q, &err), err);
    CHECK_OK(event_verify(core_store(core), 0, scratch, &checked, &next, &err), err);
    CHECK(event_verify(core_store(core), next, scratch, &checked, &next, &err) == -1);
    CHECK(strstr(err.args, "position 257"));
    core_free(core);
}

static void the_chain_shows_any_change_of_an_event(void) {
    struct core *core = start();
    struct err err = {0};
    uint64_t checked = 0, next = 0;

    for (int i = 0; i < 5; i++) {
        (void)ask(core, opening("a", "u", 0, new_id()));
    }
    CHECK_OK(event_verify(core_store(core), 0, scratch, &checked, &next, &err), err);
    CHECK_OK(store_begin(core_store(core), &err), err);
    struct query q = QUERY(core_store(core), "UPDATE event SET body = x'00' WHERE position = 3");
    CHECK(query_done(&q, &err) == -1); /* the store itself refuses */
    store_rollback(core_store(core));
    q = QUERY(core_store(core), "DROP TRIGGER event_is_final");
    CHECK_OK(query_done(&q, &err), err);
    q = QUERY(core_store(core), "UPDATE event SET hash = zeroblob(32) WHERE position = 3");
    CHECK_OK(query_done(&q, &err), err);
    CHECK(event_verify(core_store(core), 0, scratch, &checked, &next, &err) == -1);
    CHECK(strstr(err.args, "position 3"));
    core_free(core);
}

static void a_refusal_leaves_no_gap_in_the_events(void) {
    struct core *core = start();
    struct err err = {0};
    uint64_t checked = 0, next = 0;

    (void)ask(core, opening("a", "u", 0, new_id()));
    (void)ask(core, opening("refused", "u", 0, new_id()));
    (void)ask(core, opening("refused", "urgent", 0, new_id()));
    (void)ask(core, opening("b", "u", 0, new_id()));
    (void)ask(core, opening("b", "urgent", 0, new_id()));
    CHECK_OK(event_verify(core_store(core), 0, scratch, &checked, &next, &err), err);
    CHECK(checked == 3);
    CHECK(rows(core, "SELECT max(seq) FROM event WHERE lane = 0") == 2);
    CHECK(rows(core, "SELECT max(seq) FROM event WHERE lane = 1") == 1);
    core_free(core);
}

/* Whoever changes an event can make its hash anew, but not those of all that came after it. */
static void events_that_changed_places_break_the_chain(void) {
    struct core *core = start();
    struct err err = {0};
    uint64_t checked = 0, next = 0;

    for (int i = 0; i < 5; i++) {
        (void)ask(core, opening(i % 2 ? "a" : "b", "u", 0, new_id()));
    }
    CHECK_OK(store_begin(core_store(core), &err), err);
    struct query q = QUERY(core_store(core), "DROP TRIGGER event_is_final");
    CHECK_OK(query_done(&q, &err), err);
    q = QUERY(core_store(core), "UPDATE event SET (body, hash) = (SELECT body, hash FROM event AS o"
                                " WHERE o.position = 7 - event.position)"
                                " WHERE position IN (3, 4)");
    CHECK_OK(query_done(&q, &err), err);
    CHECK(event_verify(core_store(core), 0, scratch, &checked, &next, &err) == -1);
    core_free(core);
}

static struct bytes urgently(struct bytes frame) {
    ProtobufCAllocator allocator = arena_protobuf(scratch);
    Wire__Request *request = wire__request__unpack(&allocator, frame.size, frame.data);

    request->urgent = true;
    return packed(&request->base);
}

/* Groups of one: each step has room for one of those that wait. */
static void who_is_passed_over_for_long_is_refused_unless_it_is_urgent(void) {
    enum { WAIT_MS = 150 };
    prepare();
    struct core *core = start_at(path, 1);

    push(core, opening("a", "u", 0, new_id()));
    push(core, opening("a", "u", 0, new_id()));
    for (int i = 0; i < 4; i++) {
        push(core, urgently(opening("a", "u", 0, new_id())));
    }
    step(core, t0); /* the first urgent one, though it came last */
    CHECK(next_reply(core)->code == WIRE__CODE__OK && !next_reply(core));
    step(core, t0 + WAIT_MS); /* the second; nobody has waited for longer than he may */
    CHECK(next_reply(core)->code == WIRE__CODE__OK && !next_reply(core));
    step(core, t0 + WAIT_MS + 1);
    int refused = 0;
    int fine = 0;
    for (Wire__Reply *reply; (reply = next_reply(core));) {
        refused += reply->code == WIRE__CODE__RESOURCE_EXHAUSTED
                   && strcmp(reply->rule, "queue_full") == 0;
        fine += reply->code == WIRE__CODE__OK;
    }
    CHECK(refused == 2 && fine == 1 && handled == 3);
    step(core, t0 + WAIT_MS + 2); /* the fourth has waited as long, and is answered */
    CHECK(next_reply(core)->code == WIRE__CODE__OK && handled == 4);
    core_free(core);
}

static void a_full_queue_refuses_before_any_work(void) {
    struct core *core = start();
    struct origin from = {.route = 5};
    struct bytes frame = opening("a", "u", 0, new_id());
    int taken = 0;

    while (core_push_request(core, &from, frame)) {
        taken++;
        CHECK(taken < 100000);
    }
    Wire__Reply *reply = next_reply(core);
    CHECK(reply && reply->code == WIRE__CODE__RESOURCE_EXHAUSTED);
    CHECK(handled == 0);
    core_free(core);
}

static void a_store_older_than_what_the_bus_has_does_not_serve(void) {
    struct core *core = start();

    (void)ask(core, opening("a", "u", 0, new_id()));
    core_link(core, "bus", false);
    drain(core);
    step(core, t0 + 3000);
    Wire__Request *call = next_call(core, "bus", "Append");
    CHECK(call);
    confirm(core, call, 99);
    step(core, t0 + 3000);
    CHECK_TEXT(ask(core, opening("a", "u", 0, new_id()))->rule, "store_fenced");
    CHECK(!core_ready(core));
    core_free(core);
}

/* Wrong: what ran is not what this program knows. */
static void does_not_start(const char *sql, const char *why) {
    struct core_config config = {.path = path, .secrets = &secrets, .now_ms = t0};
    struct core *core = start_at(path, 0);
    struct err err = {0};
    /* Only this file's literals come here. */
    struct query q = query_start(core_store(core), sql);

    CHECK_OK(query_done(&q, &err), err);
    core_free(core);
    CHECK(!core_new(&toy, &config, &err));
    CHECK(strstr(err.args, why));
}

static void a_step_that_was_edited_does_not_start(void) {
    core_free(start());
    does_not_start("UPDATE migration SET sql = sql || ' ' WHERE rowid = 1", "edited after it ran");
}

static void a_store_of_another_program_does_not_start(void) {
    core_free(start());
    does_not_start("INSERT INTO migration(name, sql) VALUES('other/001.sql', 'SELECT 1')",
                   "does not know");
}

static void give_back(struct core *core, int lane, struct bytes event, uint64_t epoch) {
    Bus__RecoverReply said = BUS__RECOVER_REPLY__INIT;
    ProtobufCBinaryData body = binary(event);

    drain(core);
    step(core, t0 + 3000 * (lane + 1));
    Wire__Request *call = next_call(core, "bus", "Recover");
    CHECK(call);
    said.n_events = lane == 0;
    said.events = &body;
    said.head_seq = lane == 0 ? 2 : 0;
    said.epoch = epoch;
    answer(core, call, "bus", &said.base);
    drain(core);
    step(core, t0 + 3000 * (lane + 1));
}

static void a_copy_takes_its_later_events_back_and_then_serves(void) {
    struct core *core = start();
    struct err err = {0};
    char copy[PATH_MAX + 8];
    uint8_t *id = new_id();
    uint64_t checked = 0, next = 0;
    struct bytes bodies[4];

    (void)ask(core, opening("a", "u", 0, new_id()));
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    CHECK_OK(store_backup(core_store(core), copy, &err), err);
    (void)ask(core, opening("b", "u", 0, id));
    CHECK(event_read(core_store(core), WIRE__LANE__NORMAL, 1, 4, 1 << 20, scratch, bodies, &err)
          == 1);
    uint64_t epoch = core_epoch(core);
    core_free(core);

    core = start_at(copy, 0);
    CHECK_TEXT(ask(core, opening("c", "u", 0, new_id()))->rule, "store_recovering");
    drain(core);
    give_back(core, 0, bodies[0], epoch + 4);
    give_back(core, 1, bodies[0], epoch + 4);
    CHECK(fold_count == 1 && count(core, "toy.opened") == 2);
    CHECK(core_epoch(core) > epoch + 4);
    /* What had been done after the copy was made is known as done. */
    CHECK_TEXT(ask(core, opening("b", "u", 0, id))->rule, "done_before_restore");
    CHECK(ask(core, opening("c", "u", 0, new_id()))->code == WIRE__CODE__OK);
    CHECK_OK(event_verify(core_store(core), 0, scratch, &checked, &next, &err), err);
    core_free(core);
}

static void a_copy_knows_what_it_has_applied(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", "")};
    struct err err = {0};
    char copy[PATH_MAX + 8];
    struct bytes bodies[4];

    (void)ask(core, opening("a", "u", 0, new_id()));
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    CHECK_OK(store_backup(core_store(core), copy, &err), err);
    deliver(core, events, 1, t0);
    CHECK(applied == 1);
    CHECK(event_read(core_store(core), WIRE__LANE__NORMAL, 1, 4, 1 << 20, scratch, bodies, &err)
          == 1);
    core_free(core);
    core = start_at(copy, 0);
    give_back(core, 0, bodies[0], 4);
    give_back(core, 1, bodies[0], 4);
    CHECK(count(core, "toy.applied") == 1);
    deliver(core, events, 1, t0 + 20000);
    CHECK(applied == 1 && count(core, "toy.applied") == 1);
    core_free(core);
}

/* `count` rows of an actor, remembered at that time. */
static void remember(struct core *core, const char *actor, int count_rows, int64_t at_ms) {
    struct err err = {0};

    for (int i = 0; i < count_rows; i++) {
        struct query q = QUERY(core_store(core), "INSERT INTO request(actor, id, hash, reply)"
                                                 " VALUES(?1, ?2, x'', x'')");
        uint8_t random[10] = {0, 0, 0, 0, (uint8_t)i, (uint8_t)(i >> 8)};
        uint8_t id[16];
        text_uuid7(id, at_ms, random);
        query_bind_text(&q, 1, actor);
        query_bind_blob(&q, 2, id, sizeof id);
        CHECK_OK(query_done(&q, &err), err);
    }
}

static void replies_are_forgotten_when_their_ids_are_refused(void) {
    struct core *core = start();
    const int64_t hour = 3600000, day = 24 * hour;
    int64_t now = t0;

    CHECK_OK(store_begin(core_store(core), &(struct err){0}), (struct err){0});
    remember(core, "", 3, t0);
    remember(core, "S101", 700, t0);
    remember(core, "S101", 5, t0 + 25 * day);
    remember(core, "S102", 2, t0 + 25 * day);
    remember(core, "S103", 300, t0 + 1000);
    CHECK_OK(store_commit(core_store(core), &(struct err){0}), (struct err){0});
    for (; now <= t0 + 31 * day; now += day) {
        step(core, now);
        drain(core);
    }
    CHECK(rows(core, "SELECT count(*) FROM request") == 1010); /* a day more than refused */
    for (int64_t left = 1010; left > 7; step(core, now += hour)) {
        int64_t more = rows(core, "SELECT count(*) FROM request");
        CHECK(left - more <= 256 && now <= t0 + 33 * day);
        left = more;
        drain(core);
    }
    CHECK(rows(core, "SELECT count(*) FROM request WHERE actor = 'S101'") == 5);
    CHECK(rows(core, "SELECT count(*) FROM request WHERE actor = 'S102'") == 2);
    CHECK(rows(core, "SELECT count(*) FROM timer") == 1);
    core_free(core);
    core = start_at(path, 0);
    CHECK(rows(core, "SELECT count(*) FROM timer") == 1); /* not a second one */
    core_free(core);
}

static struct bytes backing_up(const char *copy) {
    Core__BackupRequest backup = CORE__BACKUP_REQUEST__INIT;

    backup.path = copy;
    return request("shouwen.core.v1.Core/Backup", &backup.base, new_id(), token_of("S101"));
}

static void a_backup_answers_everybody_who_asks_for_one(void) {
    struct core *core = start();
    struct origin from = {.route = 5, .local = true};
    char copies[2][PATH_MAX + 8];

    for (int i = 0; i < 2; i++) {
        (void)snprintf(copies[i], sizeof copies[i], "%s.copy%d", path, i);
    }
    (void)ask(core, opening("a", "u", 0, new_id()));
    drain(core);
    CHECK(core_push_request(core, &from, backing_up(copies[0])));
    CHECK(core_push_request(core, &from, backing_up(copies[1])));
    CHECK(core_push_request(core, &from, backing_up(copies[0]))); /* sent again */
    step(core, t0);
    const Wire__Reply *other = next_reply(core);
    CHECK_TEXT(other->rule, "backup_running");
    CHECK(other->n_details == 1 && strcmp(other->details[0]->text, copies[0]) == 0);
    for (int i = 0; i < 2; i++) {
        const Wire__Reply *done = next_reply(core);
        CHECK(done && done->code == WIRE__CODE__OK);
    }
    CHECK(access(copies[0], R_OK) == 0 && access(copies[1], R_OK) != 0);
    CHECK(core_push_request(core, &from, backing_up(copies[1]))); /* now it is his turn */
    CHECK(core_push_request(core, &from, backing_up("/nowhere/at/all")));
    step(core, t0);
    CHECK_TEXT(next_reply(core)->rule, "backup_running");
    CHECK(next_reply(core)->code == WIRE__CODE__OK && access(copies[1], R_OK) == 0);
    CHECK(core_push_request(core, &from, backing_up(copies[1]))); /* it is there already */
    step(core, t0);
    CHECK(next_reply(core)->code == WIRE__CODE__ALREADY_EXISTS);
    core_free(core);
}

/* The pull of the normal lane among what has been said; NULL: none. */
static Bus__PullRequest *next_pull_of(struct core *core, Wire__Request **call) {
    ProtobufCAllocator allocator = arena_protobuf(scratch);

    while ((*call = next_call(core, "bus", "Pull")) != NULL) {
        Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, (*call)->payload.len,
                                                           (*call)->payload.data);
        if (pull->lane == WIRE__LANE__NORMAL) {
            return pull;
        }
    }
    return NULL;
}

static Bus__PullRequest *next_pull(struct core *core) {
    Wire__Request *call = NULL;

    return next_pull_of(core, &call);
}

/* Answers the pull of the normal lane that is under way, with what comes after `after`. */
static void answer_pull(struct core *core, ProtobufCBinaryData *events, size_t n, uint64_t next) {
    Bus__PullReply said = BUS__PULL_REPLY__INIT;
    Wire__Request *call = NULL;

    CHECK(next_pull_of(core, &call));
    said.log = (ProtobufCBinaryData){16, log_id};
    said.n_events = n;
    said.events = events;
    said.next = said.head = next;
    answer(core, call, "bus", &said.base);
}

static uint64_t asked_after(struct core *core) {
    const Bus__PullRequest *pull = next_pull(core);

    CHECK(pull);
    return pull->after;
}

static void a_log_that_does_not_reach_back_is_said_and_not_asked_all_the_time(void) {
    struct core *core = start();
    Wire__Reply refusal = WIRE__REPLY__INIT;
    Wire__Request *call = NULL;

    step(core, t0);
    CHECK(next_pull_of(core, &call));
    refusal.id = call->id;
    refusal.code = WIRE__CODE__OUT_OF_RANGE;
    refusal.rule = "log_pruned";
    listen_to_log();
    core_push_reply(core, "bus", packed(&refusal.base));
    drain(core);
    step(core, t0);
    CHECK(strstr(logged(), "does not reach back"));
    step(core, t0 + 59000);
    CHECK(!next_pull(core) && !core_ready(core));
    step(core, t0 + 60000);
    CHECK(asked_after(core) == 0); /* never behind the hole by itself */
    core_free(core);
}

/* Else the bus, which keeps only what somebody still needs, has removed it by the next start. */
static void a_place_that_was_asked_for_is_kept_though_nothing_was_for_us(void) {
    struct core *core = start();

    step(core, t0);
    answer_pull(core, NULL, 0, 500);
    step(core, t0 + 10);
    CHECK(asked_after(core) == 500);
    core_free(core);
    core = start_at(path, 0);
    step(core, t0 + 20);
    CHECK(asked_after(core) == 500);
    core_free(core);
}

static void events_that_a_full_disk_undid_are_pulled_again(void) {
    diskfull_install();
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", ""), outside(2, "outside.b", "")};

    step(core, t0);
    answer_pull(core, events, 2, 2);
    drain(core);
    diskfull_set(true);
    step(core, t0 + 10);
    diskfull_set(false);
    CHECK(count(core, "toy.applied") == 0);
    drain(core);
    step(core, t0 + 2000);
    CHECK(asked_after(core) == 0); /* not behind what was never applied */
    core_link(core, "bus", false);
    step(core, t0 + 3000);
    drain(core);
    step(core, t0 + 4000);
    core_free(core);
}

static void of_a_full_disk_one_event_a_second_finds_out(void) {
    diskfull_install();
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", ""), outside(2, "outside.b", "")};

    step(core, t0);
    answer_pull(core, events, 2, 2);
    drain(core);
    diskfull_set(true);
    step(core, t0 + 10);
    diskfull_set(false);
    for (int64_t ms = 20; ms < 1010; ms += 90) {
        step(core, t0 + ms);
        CHECK(!next_pull(core));
        drain(core);
    }
    step(core, t0 + 1010);
    const Bus__PullRequest *pull = next_pull(core);
    CHECK(pull && pull->max == 1);
    core_free(core);

    core = start_at(":memory:", 0);
    step(core, t0);
    pull = next_pull(core);
    CHECK(pull && pull->max > 1);
    core_free(core);
}

static void events_of_a_group_that_was_undone_are_applied_when_it_runs_again(void) {
    diskfull_install();
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", ""), outside(2, "outside.b", "")};

    step(core, t0);
    answer_pull(core, events, 2, 2);
    drain(core);
    fills = 1; /* the request behind the answer finds the disk full, once */
    push(core, opening("fill", "u", 0, new_id()));
    step(core, t0 + 10);
    CHECK(fills == 0);
    CHECK(next_reply(core)->code == WIRE__CODE__OK);
    CHECK(count(core, "toy.applied") == 2);
    core_free(core);
}

/* An urgent event that got into the log must not wait for the end of a long poll because the
 * one behind it did not. */
static void who_waits_hears_of_what_ran_alone_though_the_next_finds_the_disk_full(void) {
    diskfull_install();
    struct core *core = start();
    Cases__GetCaseRequest get = CASES__GET_CASE_REQUEST__INIT;
    Cases__FireEventRequest fired = CASES__FIRE_EVENT_REQUEST__INIT;

    push(core, request("GetCase", &get.base, new_id(), token_of("S101")));
    step(core, t0);
    drain(core);
    fills = 2; /* together with the others, and alone */
    push(core, request("FireEvent", &fired.base, new_id(), token_of("S101")));
    push(core, opening("fill", "u", 0, new_id()));
    step(core, t0 + 10);
    CHECK(next_reply(core)->code == WIRE__CODE__OK);
    CHECK(next_reply(core)->code == WIRE__CODE__RESOURCE_EXHAUSTED);
    CHECK(next_reply(core)); /* who waited */
    core_free(core);
}

/* It is pulled again, later each time, and has its effect once; what came before it has too. */
static void an_event_that_found_no_memory_is_tried_again(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.a", ""), outside(2, "outside.short", "C7"),
                                    outside(3, "outside.a", "C8")};
    int64_t now = t0;

    short_times = 3;
    step(core, now);
    answer_pull(core, events, 3, 3);
    drain(core);
    step(core, now);
    for (int64_t wait_ms = 1000; wait_ms <= 4000; wait_ms *= 2) {
        CHECK(count(core, "toy.applied") == 1 && count(core, "toy.half") == 0);
        step(core, now + wait_ms - 1);
        CHECK(!next_pull(core));
        now += wait_ms;
        step(core, now);
        answer_pull(core, events, 3, 3);
        step(core, now);
    }
    CHECK(short_times == 0 && count(core, "toy.applied") == 3);
    CHECK(count(core, "dead.letter") == 0 && asked_after(core) == 3);
    core_free(core);
}

static void an_event_that_never_finds_memory_is_dead_in_the_end(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.short", "C7"),
                                    outside(2, "outside.a", "C8")};
    int64_t now = t0;
    int tries = 0;

    short_times = INT_MAX;
    listen_to_log();
    step(core, now);
    for (; count(core, "dead.letter") == 0; tries++) {
        CHECK(tries < 20 && count(core, "toy.applied") == 0);
        answer_pull(core, events, 2, 2);
        step(core, now);
        now += 61000;
        step(core, now);
    }
    const char *said = logged();
    CHECK(strstr(said, "no memory for an event") && strstr(said, "try=7 of=8 again_ms=60000"));
    CHECK(tries == 8);
    CHECK(count(core, "toy.applied") == 1); /* the lane goes on */
    core_free(core);
}

/* The group had eaten up the arena: alone there is enough. */
static void an_event_that_found_the_arena_full_is_tried_in_an_empty_one(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.big", "C7"), outside(2, "outside.a", "C8")};

    step(core, t0);
    push(core, opening("eat", "u", 0, new_id()));
    answer_pull(core, events, 2, 2);
    step(core, t0);
    CHECK(handled == 1 && count(core, "toy.applied") == 0 && count(core, "dead.letter") == 0);
    drain(core);
    step(core, t0 + 1000);
    push(core, opening("eat", "u", 0, new_id())); /* it waits: the answer has its own group */
    answer_pull(core, events, 2, 2);
    step(core, t0 + 1000);
    CHECK(handled == 1 && count(core, "toy.applied") == 2);
    step(core, t0 + 1000);
    CHECK(handled == 2);
    core_free(core);
}

static void an_event_that_is_too_big_for_an_empty_arena_is_dead_at_once(void) {
    struct core *core = start();
    ProtobufCBinaryData events[] = {outside(1, "outside.bigger", "C7"),
                                    outside(2, "outside.a", "C8")};

    step(core, t0);
    answer_pull(core, events, 2, 2);
    step(core, t0);
    CHECK(count(core, "toy.applied") == 1 && count(core, "dead.letter") == 1);
    core_free(core);
}

static void a_timer_that_found_no_memory_stays_due(void) {
    struct core *core = start();

    short_times = 2;
    (void)ask(core, opening("timer", "short", t0 + 10, new_id()));
    step(core, t0 + 20);
    CHECK(timers_run == 1 && count(core, "dead.letter") == 0 && core_wake(core) > t0 + 20);
    step(core, t0 + 1020);
    CHECK(timers_run == 2);
    step(core, t0 + 2020);
    CHECK(timers_run == 3 && count(core, "toy.ticked") == 1);
    core_free(core);
}

static void a_workers_answer_that_found_no_memory_is_taken_again(void) {
    struct core *core = start();
    struct bytes output = {(const uint8_t *)"out", 3};

    short_times = 1;
    push(core, opening("job", "short", 0, new_id()));
    step(core, t0);
    core_push_job(core, job_out(core), false, output, NULL);
    step(core, t0);
    CHECK(jobs_done == 1 && count(core, "toy.worked") == 0);
    CHECK(core_wake(core) <= t0 + 1000);
    step(core, t0 + 1000);
    CHECK(jobs_done == 2 && count(core, "toy.worked") == 1 && count(core, "dead.letter") == 0);
    CHECK(rows(core, "SELECT count(*) FROM job") == 0);
    core_free(core);
}

static void a_workers_answer_outlives_a_full_disk_and_a_full_queue(void) {
    diskfull_install();
    struct core *core = start();
    struct bytes output = {(const uint8_t *)"out", 3};
    struct origin from = {.route = 5};

    push(core, opening("job", "u", 0, new_id()));
    step(core, t0);
    int64_t job = job_out(core);
    CHECK(job > 0);
    struct bytes frame = opening("a", "u", 0, new_id());
    while (core_push_request(core, &from, frame)) {
    }
    core_push_job(core, job, false, output, NULL);
    drain(core);
    diskfull_set(true);
    step(core, t0 + 10);
    diskfull_set(false);
    CHECK(count(core, "toy.worked") == 0);
    drain(core);
    step(core, t0 + 2000);
    CHECK(count(core, "toy.worked") == 1);
    core_free(core);
}

static void a_full_disk_does_not_keep_the_processor_busy(void) {
    diskfull_install();
    struct core *core = start();

    (void)ask(core, opening("timer", "u", t0 + 10, new_id()));
    diskfull_set(true);
    step(core, t0 + 20);
    CHECK(core_wake(core) > t0 + 20);
    diskfull_set(false);
    step(core, core_wake(core));
    step(core, t0 + 5000);
    CHECK(count(core, "toy.ticked") == 1);
    core_free(core);
}

static void many_that_are_woken_leave_room_for_what_is_queued(void) {
    struct core *core = start();
    Cases__GetCaseRequest get = CASES__GET_CASE_REQUEST__INIT;
    struct bytes frame = request("GetCase", &get.base, new_id(), token_of("S101"));
    struct bytes more = opening("a", "u", 0, new_id());
    int said = 0;

    for (int i = 0; i < 400; i++) {
        push(core, frame);
    }
    step(core, t0);
    step(core, t0);
    CHECK(!next_reply(core));
    for (int i = 0; i < 400; i++) {
        push(core, more);
    }
    for (int i = 0; i < 8; i++) {
        step(core, t0 + 1000); /* all of the parked have waited long enough */
        while (next_reply(core)) {
            said++;
        }
    }
    CHECK(said == 800);
    core_free(core);
}

static void an_urgent_request_passes_all_that_wait(void) {
    struct core *core = start();
    struct origin from = {.route = 5};
    Cases__FireEventRequest fired = CASES__FIRE_EVENT_REQUEST__INIT;
    struct bytes frame = opening("a", "u", 0, new_id());

    while (core_push_request(core, &from, frame)) {
    }
    drain(core);
    push(core, request("FireEvent", &fired.base, new_id(), token_of("S101")));
    step(core, t0);
    CHECK(count(core, "toy.fired") == 1);
    core_free(core);
}

static bool at_once(void *arg) {
    (void)arg;
    return true;
}

/* A rebuild in slices: there is always one more, and each takes all the time of a group. */
static void work_in_slices_lets_requests_pass_and_goes_on(void) {
    struct core_config config = {
        .path = ":memory:", .secrets = &secrets, .seed = 7, .now_ms = t0, .group_over = at_once};
    struct err err = {0};

    core_free(start());
    struct core *core = core_new(&toy, &config, &err);
    CHECK_OK(core == NULL, err);
    (void)ask(core, opening("timer", "slices", t0 + 1, new_id()));
    push(core, opening("a", "u", 0, new_id()));
    push(core, opening("a", "u", 0, new_id()));
    for (int i = 2; i <= 6; i += 2) { /* turn about: neither waits for the other */
        step(core, t0 + i);
        step(core, t0 + i + 1);
        CHECK(timers_run >= i / 2);
        CHECK(count(core, "toy.opened") == 1 + (i < 6 ? i / 2 : 2));
    }
    core_free(core);
}

static void a_refusal_repeats_no_long_id(void) {
    struct core *core = start();
    struct origin from = {.route = 5};
    Wire__Request frame = WIRE__REQUEST__INIT;
    struct bytes small = opening("a", "u", 0, new_id());

    while (core_push_request(core, &from, small)) {
    }
    frame.method = "x";
    frame.id = (ProtobufCBinaryData){60000, arena_alloc(scratch, 60000)};
    struct bytes large = packed(&frame.base);
    for (int i = 0; i < 300; i++) {
        CHECK(!core_push_request(core, &from, large));
    }
    core_free(core);
}

static void an_older_life_of_a_store_does_not_serve(void) {
    struct core *core = start();
    Wire__Reply refusal = WIRE__REPLY__INIT;

    (void)ask(core, opening("a", "u", 0, new_id()));
    core_link(core, "bus", false);
    drain(core);
    step(core, t0 + 3000);
    Wire__Request *call = next_call(core, "bus", "Append");
    CHECK(call);
    refusal.id = call->id;
    refusal.code = WIRE__CODE__FAILED_PRECONDITION;
    refusal.rule = "bus_epoch_low";
    core_push_reply(core, "bus", packed(&refusal.base));
    step(core, t0 + 3000);
    CHECK_TEXT(ask(core, opening("a", "u", 0, new_id()))->rule, "store_fenced");
    core_free(core);
}

static void who_is_revoked_here_has_no_token_here_either(void) {
    struct core *core = start();

    CHECK(ask(core, opening("revoke", "S101", 0, new_id()))->code == WIRE__CODE__OK);
    CHECK_TEXT(ask(core, opening("a", "u", 0, new_id()))->rule, "token_revoked");
    core_free(core);
    core = start_at(path, 0);
    CHECK_TEXT(ask(core, opening("a", "u", 0, new_id()))->rule, "token_revoked");
    core_free(core);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_request_has_one_effect_however_often_it_is_sent),
        TEST(a_refusal_changes_nothing_and_is_not_remembered),
        TEST(who_refuses_late_undoes_nothing_of_the_others),
        TEST(a_refusal_leaves_no_gap_in_the_events),
        TEST(an_id_is_known_of_its_actor_only),
        TEST(who_may_not_is_refused),
        TEST(a_token_ends_although_it_is_known),
        TEST(what_is_no_request_is_refused_by_its_name),
        TEST(groups_of_one_and_of_many_give_equal_events),
        TEST(what_is_late_goes_before_the_next_request_in_every_group),
        TEST(at_the_limit_is_in_time),
        TEST(a_timer_that_cannot_be_handled_is_put_aside_with_an_alarm),
        TEST(what_the_house_must_go_on_doing_is_set_again),
        TEST(a_job_leaves_after_the_commit_and_runs_again_after_a_crash),
        TEST(a_refused_result_ends_its_job_with_an_alarm),
        TEST(a_job_of_a_kind_that_is_gone_is_put_aside_with_an_alarm),
        TEST(jobs_that_are_not_urgent_begin_in_slices),
        TEST(events_go_to_the_bus_until_it_confirms_them),
        TEST(of_a_new_link_it_asks_at_once),
        TEST(events_that_are_not_urgent_gather),
        TEST(a_burst_of_writes_shares_a_commit),
        TEST(it_asks_for_as_many_events_as_a_group_takes_in),
        TEST(at_the_end_results_are_written_down_and_no_job_begins),
        TEST(events_that_the_bus_has_lost_are_sent_again_and_told_of),
        TEST(an_urgent_event_that_the_bus_does_not_confirm_goes_to_notify),
        TEST(an_event_of_others_has_one_effect),
        TEST(a_refused_event_is_dead_and_its_case_waits_behind_it),
        TEST(a_parked_request_is_answered_when_it_is_told_or_late),
        TEST(the_chain_is_walked_in_slices),
        TEST(the_chain_shows_any_change_of_an_event),
        TEST(events_that_changed_places_break_the_chain),
        TEST(who_is_passed_over_for_long_is_refused_unless_it_is_urgent),
        TEST(a_full_queue_refuses_before_any_work),
        TEST(a_step_that_was_edited_does_not_start),
        TEST(a_store_of_another_program_does_not_start),
        TEST(a_store_older_than_what_the_bus_has_does_not_serve),
        TEST(a_copy_takes_its_later_events_back_and_then_serves),
        TEST(a_copy_knows_what_it_has_applied),
        TEST(replies_are_forgotten_when_their_ids_are_refused),
        TEST(a_backup_answers_everybody_who_asks_for_one),
        TEST(a_log_that_does_not_reach_back_is_said_and_not_asked_all_the_time),
        TEST(a_place_that_was_asked_for_is_kept_though_nothing_was_for_us),
        TEST(events_that_a_full_disk_undid_are_pulled_again),
        TEST(of_a_full_disk_one_event_a_second_finds_out),
        TEST(events_of_a_group_that_was_undone_are_applied_when_it_runs_again),
        TEST(who_waits_hears_of_what_ran_alone_though_the_next_finds_the_disk_full),
        TEST(an_event_that_found_no_memory_is_tried_again),
        TEST(an_event_that_never_finds_memory_is_dead_in_the_end),
        TEST(an_event_that_found_the_arena_full_is_tried_in_an_empty_one),
        TEST(an_event_that_is_too_big_for_an_empty_arena_is_dead_at_once),
        TEST(a_timer_that_found_no_memory_stays_due),
        TEST(a_workers_answer_that_found_no_memory_is_taken_again),
        TEST(a_workers_answer_outlives_a_full_disk_and_a_full_queue),
        TEST(a_full_disk_does_not_keep_the_processor_busy),
        TEST(many_that_are_woken_leave_room_for_what_is_queued),
        TEST(an_urgent_request_passes_all_that_wait),
        TEST(work_in_slices_lets_requests_pass_and_goes_on),
        TEST(a_refusal_repeats_no_long_id),
        TEST(an_older_life_of_a_store_does_not_serve),
        TEST(who_is_revoked_here_has_no_token_here_either),
    };
    return RUN_TESTS(tests, argc, argv);
}
