/*
 * The bus through its one seam, a core: frames and a time in, frames out.
 */
#include "harness.h"

#include <stdbool.h>

#include "base/seal.h"
#include "base/text.h"
#include "core/event.h"
#include "services/bus/bus.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/manual/v1/manual.pb-c.h"
#include "store/query.h"

static const int64_t start_ms = 1752242400000; /* 2025-07-11 22:00 */
static int64_t now_ms = start_ms;
static struct secrets secrets;
static struct arena *arena;
static uint32_t request_no;

static const uint8_t store_a[CORE_ID_SIZE] = "store-a-store-a";
static const uint8_t store_b[CORE_ID_SIZE] = "store-b-store-b";

/* ---- a bus, and talking to it ---- */

static int64_t keep_days;

static struct core *bus_at(const char *path, uint64_t seed) {
    struct core_config config = {
        .path = path, .secrets = &secrets, .seed = seed, .now_ms = now_ms, .keep_days = keep_days};
    struct err err = {0};

    if (!arena) {
        arena = arena_new((size_t)64 << 20);
        secrets_from_seed(&secrets, 7);
    }
    struct core *core = core_new(&bus_def, &config, &err);
    CHECK_OK(!core, err);
    return core;
}

static struct core *bus(void) {
    return bus_at(":memory:", 1);
}

static void step(struct core *core) {
    struct err err = {0};

    CHECK_OK(core_step(core, now_ms, &err), err);
}

static ProtobufCBinaryData bin(const void *data, size_t size) {
    return (ProtobufCBinaryData){.len = size, .data = arena_copy(arena, data, size)};
}

static ProtobufCBinaryData packed(const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (ProtobufCBinaryData){.len = size, .data = data};
}

static void push(struct core *core, const char *peer, const char *method,
                 const ProtobufCMessage *payload, uint64_t route) {
    Wire__Request request = WIRE__REQUEST__INIT;
    struct origin from = {.route = route, .peer = peer};
    uint8_t random[10] = {0};
    uint8_t id[CORE_ID_SIZE];

    memcpy(random, &request_no, sizeof request_no);
    request_no++;
    text_uuid7(id, now_ms, random);
    request.id = bin(id, sizeof id);
    request.method = arena_text(arena, "shouwen.bus.v1.Bus/%s", method);
    request.payload = packed(payload);
    ProtobufCBinaryData frame = packed(&request.base);
    CHECK(core_push_request(core, &from, (struct bytes){frame.data, frame.len}));
}

/* The reply that was given for this route since the last step, or NULL. */
static Wire__Reply *reply_to(struct core *core, uint64_t route) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    Wire__Reply *found = NULL;
    const struct out *out;

    while ((out = core_next(core))) {
        CHECK(out->kind == OUT_REPLY); /* the bus calls nobody */
        if (out->route == route) {
            found = wire__reply__unpack(&allocator, out->frame.size, out->frame.data);
            CHECK(found);
        }
    }
    return found;
}

/* The same, if it takes one more step to wake who is parked. */
static Wire__Reply *woken(struct core *core, uint64_t route) {
    Wire__Reply *reply = reply_to(core, route);

    if (!reply) {
        step(core);
        reply = reply_to(core, route);
    }
    return reply;
}

static Wire__Reply *ask(struct core *core, const char *peer, const char *method,
                        const ProtobufCMessage *payload) {
    push(core, peer, method, payload, 1);
    step(core);
    Wire__Reply *reply = reply_to(core, 1);
    CHECK(reply);
    return reply;
}

/* ---- events and appends ---- */

struct batch {
    const uint8_t *source;
    const char *service;
    Wire__Lane lane;
    uint64_t epoch;
    uint64_t first;
    size_t count;
    const char *topic;
    const char *tag; /* a field: makes contents differ */
    int size;        /* bytes of it, when it has to be large */
};

static ProtobufCBinaryData event_bytes(const struct batch *b, uint64_t seq) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values values = {.arena = arena};

    event.source = bin(b->source, CORE_ID_SIZE);
    event.lane = b->lane;
    event.seq = seq;
    event.position = seq;
    event.epoch = b->epoch;
    event.topic = b->topic ? b->topic : "thing.happened";
    event.service = b->service;
    event.case_no = "E01-KF011-20250711-0001";
    event.actor = "S101";
    event.event_ms = start_ms;
    event.entered_ms = start_ms;
    values_add_text(&values, "tag",
                    b->size ? arena_text(arena, "%0*d", b->size, 7) : (b->tag ? b->tag : "x"));
    event.fields = values.list;
    event.n_fields = values.count;
    return packed(&event.base);
}

static const Bus__AppendRequest *append_request(const struct batch *b) {
    Bus__AppendRequest *request = ARENA_NEW(arena, Bus__AppendRequest);

    bus__append_request__init(request);
    request->source = bin(b->source, CORE_ID_SIZE);
    request->service = b->service;
    request->epoch = b->epoch;
    request->lane = b->lane;
    request->first_seq = b->first;
    request->n_events = b->count;
    request->events = arena_alloc(arena, (b->count + 1) * sizeof *request->events);
    for (size_t i = 0; i < b->count; i++) {
        request->events[i] = event_bytes(b, b->first + i);
    }
    return request;
}

static Wire__Reply *append(struct core *core, struct batch b) {
    return ask(core, b.service, "Append", &append_request(&b)->base);
}

static const Bus__AppendReply *appended(struct core *core, struct batch b) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    Wire__Reply *reply = append(core, b);

    if (reply->code != WIRE__CODE__OK) {
        (void)fprintf(stderr, "# refused: %s\n", reply->rule);
    }
    CHECK(reply->code == WIRE__CODE__OK);
    Bus__AppendReply *unpacked = bus__append_reply__unpack(&allocator, reply->payload.len,
                                                           reply->payload.data);
    CHECK(unpacked);
    return unpacked;
}

static const char *detail(const Wire__Reply *reply, const char *key) {
    for (size_t i = 0; i < reply->n_details; i++) {
        if (strcmp(reply->details[i]->key, key) == 0) {
            return reply->details[i]->text;
        }
    }
    return "";
}

static const struct batch of_a = {
    .source = store_a, .service = "ticketing", .epoch = 1, .first = 1};
static const struct batch of_b = {.source = store_b, .service = "patrol", .epoch = 1, .first = 1};

static struct batch from(struct batch b, uint64_t first, size_t count) {
    b.first = first;
    b.count = count;
    return b;
}

static struct batch urgent(struct batch b, uint64_t first, size_t count, const char *topic) {
    b = from(b, first, count);
    b.lane = WIRE__LANE__URGENT;
    b.topic = topic;
    return b;
}

/* ---- pulls ---- */

struct wish {
    Wire__Lane lane;
    uint64_t after;
    const char *pattern;
    uint32_t max, wait_ms;
    const ProtobufCBinaryData *log;
};

static const Bus__PullRequest *pull_request(const struct wish *wish) {
    Bus__PullRequest *request = ARENA_NEW(arena, Bus__PullRequest);

    bus__pull_request__init(request);
    request->subscription = "reports/all";
    request->lane = wish->lane;
    request->after = wish->after;
    request->max = wish->max;
    request->wait_ms = wish->wait_ms;
    if (wish->log) {
        request->log = *wish->log;
    }
    if (wish->pattern) {
        request->patterns = arena_alloc(arena, sizeof *request->patterns);
        request->patterns[0] = wish->pattern;
        request->n_patterns = 1;
    }
    return request;
}

static const Bus__PullReply *pulled_reply(const Wire__Reply *reply) {
    ProtobufCAllocator allocator = arena_protobuf(arena);

    CHECK(reply && reply->code == WIRE__CODE__OK);
    Bus__PullReply *unpacked = bus__pull_reply__unpack(&allocator, reply->payload.len,
                                                       reply->payload.data);
    CHECK(unpacked);
    return unpacked;
}

static const Bus__PullReply *pulled(struct core *core, struct wish wish) {
    return pulled_reply(ask(core, "reports", "Pull", &pull_request(&wish)->base));
}

static const Wire__Event *event_at(const Bus__PullReply *reply, size_t index) {
    ProtobufCAllocator allocator = arena_protobuf(arena);

    CHECK(index < reply->n_events);
    Wire__Event *event = wire__event__unpack(&allocator, reply->events[index].len,
                                             reply->events[index].data);
    CHECK(event);
    return event;
}

/* ---- appending ---- */

static void an_empty_log_says_that_it_has_nothing_of_a_source(void) {
    struct core *core = bus();
    const Bus__AppendReply *reply = appended(core, of_a);

    CHECK(reply->head_seq == 0 && reply->log.len == CORE_ID_SIZE && reply->epoch == 1);
    core_free(core);
}

static void events_are_kept_in_order_and_byte_for_byte(void) {
    struct core *core = bus();

    CHECK(appended(core, from(of_a, 1, 3))->head_seq == 3);
    CHECK(appended(core, from(of_b, 1, 1))->head_seq == 1);
    CHECK(appended(core, from(of_a, 4, 2))->head_seq == 5);
    const Bus__PullReply *reply = pulled(core, (struct wish){0});
    CHECK(reply->n_events == 6 && reply->next == 6 && reply->head == 6);
    CHECK(memcmp(event_at(reply, 3)->source.data, store_b, CORE_ID_SIZE) == 0);
    CHECK(event_at(reply, 5)->seq == 5);
    struct batch same = from(of_a, 5, 1);
    ProtobufCBinaryData bytes = event_bytes(&same, 5);
    CHECK(bytes.len == reply->events[5].len);
    CHECK(memcmp(bytes.data, reply->events[5].data, bytes.len) == 0);
    core_free(core);
}

static void appends_of_one_group_each_get_their_own_answer(void) {
    struct core *core = bus();
    struct batch first = from(of_a, 1, 2), gap = from(of_a, 9, 1), second = from(of_a, 3, 2);

    push(core, "ticketing", "Append", &append_request(&first)->base, 1);
    push(core, "ticketing", "Append", &append_request(&gap)->base, 2);
    push(core, "ticketing", "Append", &append_request(&second)->base, 3);
    step(core);
    const struct out *out;
    size_t replies = 0;
    while ((out = core_next(core))) {
        ProtobufCAllocator allocator = arena_protobuf(arena);
        const Wire__Reply *reply = wire__reply__unpack(&allocator, out->frame.size,
                                                       out->frame.data);
        CHECK(reply && (reply->code == WIRE__CODE__OK) == (out->route != 2));
        replies++;
    }
    CHECK(replies == 3);
    CHECK(pulled(core, (struct wish){0})->n_events == 4);
    core_free(core);
}

static void a_repeat_is_skipped(void) {
    struct core *core = bus();

    CHECK(appended(core, from(of_a, 1, 3))->head_seq == 3);
    CHECK(appended(core, from(of_a, 1, 3))->head_seq == 3);
    CHECK(appended(core, from(of_a, 2, 4))->head_seq == 5); /* half of it is new */
    CHECK(pulled(core, (struct wish){0})->n_events == 5);
    core_free(core);
}

static void the_same_number_with_another_content_is_refused(void) {
    struct core *core = bus();
    struct batch other = from(of_a, 2, 2);

    (void)appended(core, from(of_a, 1, 2));
    other.tag = "y";
    Wire__Reply *reply = append(core, other);
    CHECK(reply->code == WIRE__CODE__FAILED_PRECONDITION);
    CHECK_TEXT(reply->rule, "bus_conflict");
    CHECK(pulled(core, (struct wish){0})->n_events == 2);
    core_free(core);
}

static void a_gap_is_refused_and_told_where_the_log_stands(void) {
    struct core *core = bus();

    (void)appended(core, from(of_a, 1, 2));
    Wire__Reply *reply = append(core, from(of_a, 4, 1));
    CHECK(reply->code == WIRE__CODE__FAILED_PRECONDITION);
    CHECK_TEXT(reply->rule, "bus_gap");
    CHECK_TEXT(detail(reply, "head"), "2");
    CHECK(pulled(core, (struct wish){0})->n_events == 2);
    core_free(core);
}

static void an_older_life_of_a_store_is_refused(void) {
    struct core *core = bus();
    struct batch later = from(of_a, 2, 1);

    (void)appended(core, from(of_a, 1, 1));
    later.epoch = 3;
    CHECK(appended(core, later)->epoch == 3);
    Wire__Reply *reply = append(core, from(of_a, 3, 1));
    CHECK(reply->code == WIRE__CODE__FAILED_PRECONDITION);
    CHECK_TEXT(reply->rule, "bus_epoch_low");
    CHECK_TEXT(detail(reply, "epoch"), "3");
    CHECK_TEXT(append(core, from(of_a, 0, 0))->rule, "bus_epoch_low");
    /* Events of the earlier life are fine in the later one's hands. */
    struct batch old = from(of_a, 3, 1);
    Bus__AppendRequest request = *append_request(&old);
    request.epoch = 4;
    CHECK(ask(core, "ticketing", "Append", &request.base)->code == WIRE__CODE__OK);
    core_free(core);
}

static void each_lane_counts_for_itself(void) {
    struct core *core = bus();

    (void)appended(core, from(of_a, 1, 3));
    CHECK(appended(core, urgent(of_a, 1, 2, "clock.over"))->head_seq == 2);
    CHECK(pulled(core, (struct wish){0})->head == 3);
    const Bus__PullReply *reply = pulled(core, (struct wish){.lane = WIRE__LANE__URGENT});
    CHECK(reply->n_events == 2 && reply->head == 2 && reply->next == 2);
    CHECK_TEXT(event_at(reply, 0)->topic, "clock.over");
    core_free(core);
}

static void nobody_appends_to_another_ones_store(void) {
    struct core *core = bus();
    struct batch foreign = from(of_a, 2, 1);

    (void)appended(core, from(of_a, 1, 1));
    foreign.service = "patrol";
    Wire__Reply *reply = append(core, foreign);
    CHECK(reply->code == WIRE__CODE__PERMISSION_DENIED);
    CHECK_TEXT(reply->rule, "bus_not_yours");
    struct batch named = from(of_a, 2, 1);
    reply = ask(core, "patrol", "Append", &append_request(&named)->base);
    CHECK_TEXT(reply->rule, "bus_not_yours");
    struct batch own = from(of_a, 1, 1);
    own.source = core_source(core);
    CHECK_TEXT(append(core, own)->rule, "bus_not_yours");
    reply = ask(core, NULL, "Append", &append_request(&named)->base); /* no service's key */
    CHECK(reply->code == WIRE__CODE__PERMISSION_DENIED);
    core_free(core);
}

/* A request of two events, the second of which is made by `bad`. */
static Wire__Code code_with(struct core *core, ProtobufCBinaryData second) {
    struct batch two = from(of_a, 1, 2);
    Bus__AppendRequest request = *append_request(&two);

    request.events[1] = second;
    return ask(core, "ticketing", "Append", &request.base)->code;
}

static void what_is_no_event_is_refused_and_nothing_of_the_request_is_kept(void) {
    const struct batch two = from(of_a, 1, 2);
    struct core *core = bus();
    struct batch other = two;

    CHECK(code_with(core, bin("\xff\xff\xff", 3)) == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(code_with(core, event_bytes(&two, 7)) == WIRE__CODE__INVALID_ARGUMENT);
    other.service = "patrol";
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other = two;
    other.lane = WIRE__LANE__URGENT;
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other = two;
    other.epoch = 2; /* later than the one that hands it over */
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other = two;
    other.topic = "";
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other.topic = "bad\ntopic";
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other.topic = arena_text(arena, "%0201d", 1);
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    other = two;
    other.size = LOG_EVENT_MAX;
    CHECK(code_with(core, event_bytes(&other, 2)) == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(pulled(core, (struct wish){0})->n_events == 0);
    CHECK(appended(core, two)->head_seq == 2);
    core_free(core);
}

static Wire__Code code_of(struct core *core, const Bus__AppendRequest *request) {
    return ask(core, "ticketing", "Append", &request->base)->code;
}

static void a_request_that_is_wrong_in_itself_is_refused(void) {
    struct core *core = bus();
    struct batch one = from(of_a, 1, 1);
    struct batch many = from(of_a, 1, LOG_EVENTS_MAX + 1);
    Bus__AppendRequest request = *append_request(&one);

    request.source.len = 5;
    CHECK(code_of(core, &request) == WIRE__CODE__INVALID_ARGUMENT);
    request = *append_request(&one);
    request.lane = (Wire__Lane)7;
    CHECK(code_of(core, &request) == WIRE__CODE__INVALID_ARGUMENT);
    request = *append_request(&one);
    request.first_seq = 0;
    CHECK(code_of(core, &request) == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(code_of(core, append_request(&many)) == WIRE__CODE__INVALID_ARGUMENT);
    core_free(core);
}

static void a_store_that_goes_on_under_a_new_id_brings_its_old_events(void) {
    struct core *core = bus();
    struct batch old = from(of_a, 1, 2);

    (void)appended(core, old);
    Bus__AppendRequest request = *append_request(&old); /* events with the old id in them */
    request.source = bin("store-a-reborn-", CORE_ID_SIZE);
    CHECK(code_of(core, &request) == WIRE__CODE__OK);
    core_free(core);
}

/* ---- pulling ---- */

static void a_pull_takes_the_patterns_it_names_and_comes_past_the_others(void) {
    struct core *core = bus();
    struct batch repair = from(of_a, 1, 2), page = from(of_a, 3, 2), more = from(of_a, 5, 3);

    repair.topic = "thing.open";
    page.topic = "page.sent";
    more.topic = "things.done"; /* a prefix ends at the dot */
    (void)appended(core, repair);
    (void)appended(core, page);
    (void)appended(core, more);
    const Bus__PullReply *reply = pulled(core, (struct wish){.pattern = "thing.*"});
    CHECK(reply->n_events == 2 && reply->next == 7);
    reply = pulled(core, (struct wish){.pattern = "page.sent"});
    CHECK(reply->n_events == 2 && event_at(reply, 0)->seq == 3);
    CHECK(pulled(core, (struct wish){.pattern = "*"})->n_events == 7);
    CHECK(pulled(core, (struct wish){.pattern = "none.*"})->n_events == 0);
    core_free(core);
}

static void a_pull_gives_at_most_what_was_asked_and_goes_on_from_there(void) {
    struct core *core = bus();

    (void)appended(core, from(of_a, 1, 10));
    const Bus__PullReply *reply = pulled(core, (struct wish){.max = 4});
    CHECK(reply->n_events == 4 && reply->next == 4 && reply->head == 10);
    reply = pulled(core, (struct wish){.max = 4, .after = 4, .log = &reply->log});
    CHECK(reply->n_events == 4 && event_at(reply, 0)->seq == 5 && reply->next == 8);
    core_free(core);
}

static void a_full_reply_goes_on_right_behind_its_last_event(void) {
    struct core *core = bus();

    (void)appended(core, from(of_a, 1, LOG_EVENTS_MAX));
    (void)appended(core, from(of_a, LOG_EVENTS_MAX + 1, 20));
    const Bus__PullReply *reply = pulled(core, (struct wish){.max = 0});
    CHECK(reply->n_events == LOG_EVENTS_MAX && reply->next == LOG_EVENTS_MAX);
    CHECK(reply->head == LOG_EVENTS_MAX + 20);
    reply = pulled(core, (struct wish){.after = LOG_EVENTS_MAX, .log = &reply->log});
    CHECK(reply->n_events == 20 && event_at(reply, 0)->seq == LOG_EVENTS_MAX + 1);
    core_free(core);
}

static void a_reply_of_large_events_stays_within_its_frame(void) {
    struct core *core = bus();

    for (uint64_t seq = 1; seq <= 12; seq++) {
        struct batch large = from(of_a, seq, 1);
        large.size = 40 * 1024;
        (void)appended(core, large);
    }
    struct wish wish = {0};
    Wire__Reply *reply = ask(core, "reports", "Pull", &pull_request(&wish)->base);
    CHECK(wire__reply__get_packed_size(reply) <= CORE_BULK_FRAME_MAX);
    const Bus__PullReply *some = pulled_reply(reply);
    CHECK(some->n_events == 5 && some->next == 5);
    core_free(core);
}

static void a_pull_that_finds_little_in_much_says_how_far_it_came(void) {
    struct core *core = bus();

    for (uint64_t seq = 1; seq < 5 * LOG_EVENTS_MAX; seq += LOG_EVENTS_MAX) {
        (void)appended(core, from(of_a, seq, LOG_EVENTS_MAX));
    }
    ProtobufCBinaryData id = appended(core, from(of_a, 1, 1))->log;
    struct wish wish = {.pattern = "none.*", .wait_ms = 1000, .log = &id};
    const Bus__PullReply *reply = pulled(core, wish);
    CHECK(reply->n_events == 0 && reply->next == LOG_SCAN_MAX);
    CHECK(reply->head == 5 * LOG_EVENTS_MAX);
    core_free(core);
}

static void a_pull_waits_until_there_is_something_for_it(void) {
    struct core *core = bus();
    ProtobufCBinaryData id = appended(core, from(of_a, 1, 1))->log;
    struct wish wish = {.log = &id, .after = 1, .pattern = "page.*", .wait_ms = 5000};
    struct batch other = from(of_a, 2, 1), page = from(of_a, 3, 1);

    push(core, "reports", "Pull", &pull_request(&wish)->base, 9);
    step(core);
    CHECK(!reply_to(core, 9));
    push(core, "ticketing", "Append", &append_request(&other)->base, 1); /* not for him */
    step(core);
    CHECK(!woken(core, 9));
    page.topic = "page.sent";
    push(core, "ticketing", "Append", &append_request(&page)->base, 1);
    step(core);
    const Bus__PullReply *reply = pulled_reply(woken(core, 9));
    CHECK(reply->n_events == 1 && reply->next == 3);
    core_free(core);
}

static void a_pull_of_one_lane_is_not_woken_by_the_other(void) {
    struct core *core = bus();
    ProtobufCBinaryData id = appended(core, of_a)->log;
    struct wish wish = {.lane = WIRE__LANE__URGENT, .log = &id, .wait_ms = 5000};
    struct batch normal = from(of_a, 1, 1), over = urgent(of_a, 1, 1, "clock.over");

    push(core, "notify", "Pull", &pull_request(&wish)->base, 9);
    push(core, "ticketing", "Append", &append_request(&normal)->base, 1);
    step(core);
    CHECK(!woken(core, 9));
    push(core, "ticketing", "Append", &append_request(&over)->base, 1);
    step(core);
    CHECK(pulled_reply(woken(core, 9))->n_events == 1);
    core_free(core);
}

static void a_pull_answers_empty_when_its_time_is_over(void) {
    struct core *core = bus();
    ProtobufCBinaryData id = appended(core, from(of_a, 1, 1))->log;
    struct wish wish = {.log = &id, .after = 1, .wait_ms = 5000};

    push(core, "reports", "Pull", &pull_request(&wish)->base, 9);
    step(core);
    CHECK(!reply_to(core, 9));
    CHECK(core_wake(core) == now_ms + 5000);
    now_ms += 4999;
    step(core);
    CHECK(!reply_to(core, 9));
    now_ms += 1;
    step(core);
    const Bus__PullReply *reply = pulled_reply(reply_to(core, 9));
    CHECK(reply->n_events == 0 && reply->next == 1);
    core_free(core);
}

static void a_position_of_another_log_begins_at_the_start(void) {
    struct core *core = bus();
    struct core *other = bus_at(":memory:", 2);
    ProtobufCBinaryData id = appended(other, of_a)->log;
    ProtobufCBinaryData mine = appended(core, from(of_a, 1, 3))->log;

    CHECK(memcmp(id.data, mine.data, CORE_ID_SIZE) != 0);
    const Bus__PullReply *reply = pulled(core, (struct wish){.log = &id, .after = 1000});
    CHECK(reply->n_events == 3 && memcmp(reply->log.data, mine.data, CORE_ID_SIZE) == 0);
    reply = pulled(other, (struct wish){.log = &mine, .after = 3, .wait_ms = 5000});
    CHECK(reply->n_events == 0 && reply->next == 0); /* told at once, not kept waiting */
    core_free(core);
    core_free(other);
}

static void a_wrong_pull_is_refused(void) {
    struct core *core = bus();
    struct wish wish = {.lane = (Wire__Lane)5};

    CHECK_TEXT(ask(core, "reports", "Pull", &pull_request(&wish)->base)->rule, "bus_lane_wrong");
    wish.lane = WIRE__LANE__NORMAL;
    CHECK(ask(core, NULL, "Pull", &pull_request(&wish)->base)->code
          == WIRE__CODE__PERMISSION_DENIED);
    Bus__PullRequest many = *pull_request(&wish);
    many.n_patterns = 100;
    many.patterns = arena_alloc(arena, many.n_patterns * sizeof *many.patterns);
    for (size_t i = 0; i < many.n_patterns; i++) {
        many.patterns[i] = "x";
    }
    CHECK_TEXT(ask(core, "reports", "Pull", &many.base)->rule, "bus_too_many");
    core_free(core);
}

/* ---- lost and restored ---- */

static char folder[] = "/tmp/test_bus_XXXXXX";

static const char *file_in_folder(const char *name) {
    if (strstr(folder, "XXXXXX")) {
        CHECK(mkdtemp(folder));
    }
    return arena_text(arena, "%s/%s", folder, name);
}

static void remove_folder(void) {
    CHECK(system(arena_text(arena, "rm -r %s", folder)) == 0);
}

static void a_position_is_good_after_a_restart(void) {
    arena = arena_new((size_t)16 << 20);
    secrets_from_seed(&secrets, 7);
    const char *path = file_in_folder("bus.db");
    struct core *core = bus_at(path, 1);
    ProtobufCBinaryData id = appended(core, from(of_a, 1, 3))->log;

    core_free(core);
    core = bus_at(path, 99);
    CHECK(appended(core, of_a)->head_seq == 3);
    (void)appended(core, from(of_a, 4, 1));
    const Bus__PullReply *reply = pulled(core, (struct wish){.log = &id, .after = 3});
    CHECK(reply->n_events == 1 && reply->next == 4);
    core_free(core);
    core = bus_at(path, 100);
    CHECK(pulled(core, (struct wish){.log = &id, .after = 2})->n_events == 2);
    CHECK(pulled(core, (struct wish){.log = &reply->log, .after = 4})->n_events == 0);
    core_free(core);
    remove_folder();
}

static void copy_file(const char *from_path, const char *to_path) {
    CHECK(system(arena_text(arena, "cp %s %s && cp %s-wal %s-wal", from_path, to_path, from_path,
                            to_path))
          == 0);
}

/* The copy knows nothing of it: no mark, the same ids, the end of the log gone. */
static void the_lost_end_of_a_log_put_back_from_a_plain_copy_is_another_log(void) {
    arena = arena_new((size_t)16 << 20);
    secrets_from_seed(&secrets, 7);
    const char *path = file_in_folder("bus.db"), *copy = file_in_folder("copy.db");
    struct core *core = bus_at(path, 1);
    ProtobufCBinaryData before = appended(core, from(of_a, 1, 3))->log;

    copy_file(path, copy);
    (void)appended(core, from(of_a, 4, 3)); /* position 6 of the first life */
    core_free(core);
    core = bus_at(path, 2);
    ProtobufCBinaryData later = appended(core, from(of_a, 7, 3))->log; /* 9, of the second */
    core_free(core);

    core = bus_at(copy, 3);
    const Bus__PullReply *reply = pulled(
        core, (struct wish){.log = &before, .after = 6, .wait_ms = 5000});
    CHECK(reply->n_events == 3 && reply->next == 3); /* behind the head: told at once */
    CHECK(appended(core, of_a)->head_seq == 3);      /* the source sends again from there */
    (void)appended(core, from(of_b, 1, 2));
    (void)appended(core, from(of_a, 4, 6)); /* more than there was, in another order */
    CHECK(pulled(core, (struct wish){.log = &before, .after = 6})->n_events == 11);
    CHECK(pulled(core, (struct wish){.log = &later, .after = 9})->n_events == 11);
    CHECK(pulled(core, (struct wish){.log = &before, .after = 3})->n_events == 8);
    CHECK(pulled(core, (struct wish){.log = &reply->log, .after = 3})->n_events == 8);
    CHECK(pulled(core, (struct wish){.log = &reply->log, .after = 12})->n_events == 11);
    core_free(core);
    remove_folder();
}

static void a_log_that_starts_from_a_copy_is_another_log_and_another_source(void) {
    struct err err = {0};

    arena = arena_new((size_t)16 << 20);
    secrets_from_seed(&secrets, 7);
    const char *copy = file_in_folder("copy.db");
    struct core *core = bus_at(file_in_folder("bus.db"), 1);
    ProtobufCBinaryData id = appended(core, from(of_a, 1, 3))->log;
    ProtobufCBinaryData source = bin(core_source(core), CORE_ID_SIZE);
    CHECK_OK(store_backup(core_store(core), copy, &err), err);
    (void)appended(core, from(of_a, 4, 3)); /* after the copy */
    core_free(core);
    core = bus_at(copy, 1);
    const Bus__AppendReply *reply = appended(core, of_a);
    CHECK(reply->head_seq == 3); /* the source goes on from there, and fills it again */
    CHECK(memcmp(reply->log.data, id.data, CORE_ID_SIZE) != 0);
    CHECK(memcmp(core_source(core), source.data, CORE_ID_SIZE) != 0);
    CHECK(pulled(core, (struct wish){.log = &id, .after = 6})->n_events == 3);
    core_free(core);
    remove_folder();
}

static void publish(struct core *core);

/* What the bus tells of its own has numbers too: given twice, they would be repeats for notify. */
static void a_bus_put_back_from_a_plain_copy_gives_no_number_twice(void) {
    arena = arena_new((size_t)16 << 20);
    secrets_from_seed(&secrets, 7);
    const char *path = file_in_folder("bus.db"), *copy = file_in_folder("copy.db");
    struct core *core = bus_at(path, 1);
    const struct wish requested = {.lane = WIRE__LANE__URGENT, .pattern = "page.requested"};
    struct wish notify = requested;

    publish(core);
    (void)appended(core, urgent(of_a, 1, 1, "clock.over"));
    core_free(core); /* known to itself from here on: not a fresh store */
    core = bus_at(path, 2);
    copy_file(path, copy);
    (void)appended(core, urgent(of_a, 2, 3, "clock.over"));
    const Bus__PullReply *reply = pulled(core, requested);
    CHECK(reply->n_events == 4 && event_at(reply, 3)->seq == 4);
    ProtobufCBinaryData source = bin(core_source(core), CORE_ID_SIZE);
    core_free(core);

    core = bus_at(copy, 3);
    CHECK(memcmp(core_source(core), source.data, CORE_ID_SIZE) == 0);
    (void)appended(core, urgent(of_b, 1, 1, "clock.over")); /* before notify has come: number 2 */
    notify.log = &reply->log;
    notify.after = reply->next;
    (void)pulled(core, notify);
    CHECK(memcmp(core_source(core), source.data, CORE_ID_SIZE) != 0);
    for (int i = 0; i < 5; i++) {
        step(core);
    }
    size_t anew = 0;
    reply = pulled(core, requested);
    for (size_t i = 0; i < reply->n_events; i++) {
        const Wire__Event *event = event_at(reply, i);
        anew += memcmp(event->source.data, source.data, CORE_ID_SIZE) != 0
                && memcmp(event->cause->source.data, store_b, CORE_ID_SIZE) == 0;
    }
    CHECK(anew == 1);
    source = bin(core_source(core), CORE_ID_SIZE);
    (void)pulled(core, notify); /* once is enough */
    CHECK(memcmp(core_source(core), source.data, CORE_ID_SIZE) == 0);
    core_free(core);
    core = bus_at(copy, 4);
    CHECK(memcmp(core_source(core), source.data, CORE_ID_SIZE) == 0);
    core_free(core);
    remove_folder();
}

static const Bus__RecoverReply *recovered(struct core *core, uint64_t after) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    Bus__RecoverRequest request = BUS__RECOVER_REQUEST__INIT;

    request.source = bin(store_a, CORE_ID_SIZE);
    request.after_seq = after;
    Wire__Reply *reply = ask(core, "ticketing", "Recover", &request.base);
    CHECK(reply->code == WIRE__CODE__OK);
    Bus__RecoverReply *unpacked = bus__recover_reply__unpack(&allocator, reply->payload.len,
                                                             reply->payload.data);
    CHECK(unpacked);
    return unpacked;
}

static void a_restored_store_takes_its_later_events_back(void) {
    struct core *core = bus();

    CHECK(recovered(core, 0)->n_events == 0); /* unknown here: there is nothing to take */
    (void)appended(core, from(of_a, 1, 5));
    (void)appended(core, from(of_b, 1, 5));
    const Bus__RecoverReply *reply = recovered(core, 3);
    CHECK(reply->n_events == 2 && reply->head_seq == 5 && reply->epoch == 1);
    struct batch same = from(of_a, 4, 1);
    ProtobufCBinaryData bytes = event_bytes(&same, 4);
    CHECK(bytes.len == reply->events[0].len);
    CHECK(memcmp(bytes.data, reply->events[0].data, bytes.len) == 0);
    CHECK(recovered(core, 5)->n_events == 0);
    core_free(core);
}

static void nobody_recovers_another_ones_events(void) {
    struct core *core = bus();
    Bus__RecoverRequest request = BUS__RECOVER_REQUEST__INIT;

    (void)appended(core, from(of_a, 1, 1));
    request.source = bin(store_a, CORE_ID_SIZE);
    CHECK_TEXT(ask(core, "patrol", "Recover", &request.base)->rule, "bus_not_yours");
    request.source.len = 3;
    CHECK_TEXT(ask(core, "patrol", "Recover", &request.base)->rule, "bus_source_wrong");
    request.source = bin(store_a, CORE_ID_SIZE);
    request.lane = (Wire__Lane)4;
    CHECK_TEXT(ask(core, "ticketing", "Recover", &request.base)->rule, "bus_lane_wrong");
    core_free(core);
}

/* ---- routing ---- */

/* A manual of one rule: what is over goes to a role. */
static ProtobufCBinaryData routes_file(void) {
    Manual__File file = MANUAL__FILE__INIT;
    Manual__Routes routes = MANUAL__ROUTES__INIT;
    Manual__Route rule = MANUAL__ROUTE__INIT;
    Manual__Route *rules[] = {&rule};
    const char *to[] = {"cs_sup"};

    rule.key = "over_to_sup";
    rule.event = "clock.over";
    rule.to = to;
    rule.n_to = 1;
    rule.ladder = "D";
    routes.route = rules;
    routes.n_route = 1;
    file.name = "routes.yaml";
    file.routes = &routes;
    return packed(&file.base);
}

static ProtobufCBinaryData manual_event(const struct batch *b) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values values = {.arena = arena};
    Wire__Value compiled = WIRE__VALUE__INIT;

    compiled.key = "compiled";
    compiled.kind_case = WIRE__VALUE__KIND_SEALED;
    compiled.sealed = routes_file();
    values_add_i64(&values, "revision", 1);
    values_add_text(&values, "name", "routes.yaml");
    values_add_i64(&values, "count", 1);
    values_add_text(&values, "text", "routes: {}");
    values_add(&values, &compiled);
    event.source = bin(b->source, CORE_ID_SIZE);
    event.seq = b->first;
    event.epoch = b->epoch;
    event.topic = b->topic;
    event.service = b->service;
    event.event_ms = now_ms;
    event.entered_ms = now_ms;
    event.fields = values.list;
    event.n_fields = values.count;
    return packed(&event.base);
}

static void publish(struct core *core) {
    struct batch b = from(of_b, 1, 1);

    b.topic = "manual.published";
    Bus__AppendRequest request = *append_request(&b);
    request.events[0] = manual_event(&b);
    Wire__Reply *reply = ask(core, "patrol", "Append", &request.base);
    if (reply->code != WIRE__CODE__OK) {
        (void)fprintf(stderr, "# publish: %s\n", reply->rule);
    }
    CHECK(reply->code == WIRE__CODE__OK);
}

/* How many page requests are in the log; *last is the newest. */
static size_t pages(struct core *core, const Wire__Event **last) {
    const Bus__PullReply *reply = pulled(
        core, (struct wish){.lane = WIRE__LANE__URGENT, .pattern = "page.requested"});

    if (last && reply->n_events > 0) {
        *last = event_at(reply, reply->n_events - 1);
    }
    return reply->n_events;
}

static void an_escalation_becomes_one_page_request_with_its_cause(void) {
    struct core *core = bus();
    const Wire__Event *page = NULL;

    publish(core);
    (void)appended(core, urgent(of_a, 1, 1, "clock.warned"));
    CHECK(pages(core, NULL) == 0);
    (void)appended(core, urgent(of_a, 2, 1, "clock.over"));
    CHECK(pages(core, &page) == 1);
    CHECK(memcmp(page->source.data, core_source(core), CORE_ID_SIZE) == 0);
    CHECK(page->seq == 1 && page->lane == WIRE__LANE__URGENT);
    CHECK_TEXT(page->service, "bus");
    CHECK_TEXT(page->case_no, "E01-KF011-20250711-0001");
    CHECK_TEXT(value_text(page->fields, page->n_fields, "route"), "over_to_sup");
    CHECK_TEXT(value_text(page->fields, page->n_fields, "to"), "cs_sup");
    CHECK(page->cause && page->cause->seq == 2 && page->cause->lane == WIRE__LANE__URGENT);
    CHECK(memcmp(page->cause->source.data, store_a, CORE_ID_SIZE) == 0);
    core_free(core);
}

static void a_repeated_escalation_is_not_routed_again(void) {
    struct core *core = bus();

    publish(core);
    (void)appended(core, urgent(of_a, 1, 1, "clock.over"));
    (void)appended(core, urgent(of_a, 1, 1, "clock.over"));
    (void)appended(core, urgent(of_a, 1, 2, "clock.over"));
    CHECK(pages(core, NULL) == 2);
    core_free(core);
}

static void a_normal_event_is_routed_too_when_a_rule_names_it(void) {
    struct core *core = bus();
    struct batch over = from(of_a, 1, 1);

    publish(core);
    over.topic = "clock.over";
    (void)appended(core, over);
    CHECK(pages(core, NULL) == 1);
    core_free(core);
}

static void a_refused_append_leaves_no_page_request(void) {
    struct core *core = bus();
    struct batch b = urgent(of_a, 1, 2, "clock.over");
    Bus__AppendRequest request = *append_request(&b);

    publish(core);
    request.events[1] = bin("\xff", 1);
    CHECK(ask(core, "ticketing", "Append", &request.base)->code != WIRE__CODE__OK);
    CHECK(pages(core, NULL) == 0);
    (void)appended(core, urgent(of_a, 1, 1, "clock.over"));
    CHECK(pages(core, NULL) == 1);
    core_free(core);
}

static void what_came_before_the_manual_is_routed_when_it_is_there(void) {
    struct core *core = bus();

    (void)appended(core, urgent(of_a, 1, 100, "clock.over"));
    (void)appended(core, urgent(of_a, 101, 3, "clock.warned"));
    CHECK(pages(core, NULL) == 0);
    publish(core);
    (void)appended(core, urgent(of_a, 104, 1, "clock.over")); /* behind the ones that wait */
    for (int i = 0; i < 5; i++) {
        step(core);
    }
    CHECK(pages(core, NULL) == 101);
    (void)appended(core, urgent(of_a, 105, 1, "clock.over"));
    CHECK(pages(core, NULL) == 102);
    core_free(core);
}

static void a_page_request_wakes_who_waits_for_it(void) {
    struct core *core = bus();
    struct wish wish = {.lane = WIRE__LANE__URGENT, .pattern = "page.requested", .wait_ms = 5000};
    struct batch over = from(of_a, 1, 1); /* of the other lane */

    publish(core);
    ProtobufCBinaryData id = appended(core, of_a)->log;
    wish.log = &id;
    push(core, "notify", "Pull", &pull_request(&wish)->base, 9);
    step(core);
    CHECK(!reply_to(core, 9));
    over.topic = "clock.over";
    push(core, "ticketing", "Append", &append_request(&over)->base, 1);
    step(core);
    CHECK(pulled_reply(woken(core, 9))->n_events == 1);
    core_free(core);
}

/* ---- what is old leaves the log ---- */

static const int64_t day_ms = 86400000;

static int64_t rows_in_log(struct core *core, Wire__Lane lane) {
    struct err err = {0};
    struct query q = QUERY(core_store(core), "SELECT count(*) FROM log WHERE (place >> 62) = ?1");

    query_bind_i64(&q, 1, (int64_t)lane);
    CHECK(query_step(&q, &err) == 1);
    int64_t found = query_i64(&q, 0);
    query_end(&q);
    return found;
}

/* Steps until then, at each time at which the bus asks for it, as a host does. */
static void run_until(struct core *core, int64_t until_ms) {
    int64_t before = rows_in_log(core, WIRE__LANE__NORMAL);

    while (core_wake(core) <= until_ms) {
        now_ms = core_wake(core) > now_ms ? core_wake(core) : now_ms;
        step(core);
        while (core_next(core)) {
        }
        int64_t after = rows_in_log(core, WIRE__LANE__NORMAL);
        CHECK(before - after <= CORE_ROWS_MAX); /* in slices */
        before = after;
    }
    now_ms = until_ms;
    step(core);
}

static void fill(struct core *core, size_t count) {
    static uint64_t next = 1;

    for (; count > 0; count -= count < 200 ? count : 200) {
        size_t some = count < 200 ? count : 200;
        (void)appended(core, from(of_a, next, some));
        next += some;
    }
}

static void what_is_older_than_it_keeps_leaves_the_log_in_slices(void) {
    keep_days = 30;
    struct core *core = bus();
    uint64_t after = 0;
    const Bus__PullReply *reply = NULL;

    publish(core);
    fill(core, 1000);
    (void)appended(core, urgent(of_b, 1, 3, "thing.happened"));
    for (reply = pulled(core, (struct wish){0}); reply->next < reply->head;) {
        reply = pulled(core, (struct wish){.log = &reply->log, .after = reply->next});
    }
    after = reply->next;
    run_until(core, start_ms + 10 * day_ms);
    fill(core, 50); /* younger */
    (void)pulled(core, (struct wish){.log = &reply->log, .after = after});
    run_until(core, start_ms + 30 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 1051);
    run_until(core, start_ms + 33 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 50);
    CHECK(rows_in_log(core, WIRE__LANE__URGENT) == 1); /* positions go on from the last one */
    /* Who was there goes on; who begins is not given what comes after the hole. */
    CHECK(pulled(core, (struct wish){.log = &reply->log, .after = after})->n_events == 50);
    const struct wish anew = {0}, behind = {.log = &reply->log, .after = after - 1};
    Wire__Reply *refused = ask(core, "reports", "Pull", &pull_request(&anew)->base);
    CHECK_TEXT(refused->rule, "log_pruned");
    CHECK_TEXT(detail(refused, "first"), "1002");
    CHECK_TEXT(ask(core, "reports", "Pull", &pull_request(&behind)->base)->rule, "log_pruned");
    /* So is a store from an old backup; gaps and repeats are known as before. */
    Bus__RecoverRequest request = BUS__RECOVER_REQUEST__INIT;
    request.source = bin(store_a, CORE_ID_SIZE);
    request.after_seq = 900;
    CHECK_TEXT(ask(core, "ticketing", "Recover", &request.base)->rule, "log_pruned");
    CHECK(recovered(core, 1000)->n_events == 50);
    CHECK_TEXT(append(core, from(of_a, 1052, 1))->rule, "bus_gap");
    CHECK(appended(core, from(of_a, 999, 3))->head_seq == 1050);
    CHECK(appended(core, urgent(of_b, 4, 1, "thing.happened"))->head_seq == 4);
    core_free(core);
}

static void nothing_that_a_known_consumer_has_not_taken_leaves_the_log(void) {
    arena = arena_new((size_t)64 << 20);
    secrets_from_seed(&secrets, 7);
    keep_days = 30;
    const char *path = file_in_folder("bus.db");
    struct core *core = bus_at(path, 1);

    publish(core);
    fill(core, 300);
    const Bus__PullReply *reply = pulled(core, (struct wish){.max = 100});
    (void)pulled(core, (struct wish){.max = 1, .log = &reply->log, .after = 100});
    run_until(core, start_ms + 2 * day_ms);
    core_free(core);
    core = bus_at(path, 2); /* he is known after a restart, too */
    run_until(core, start_ms + 60 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 201);
    CHECK(pulled(core, (struct wish){.log = &reply->log, .after = 100})->n_events == 201);
    core_free(core);
    core = bus_at(path, 3);
    run_until(core, start_ms + 300 * day_ms); /* but not for ever */
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 1);
    core_free(core);
    remove_folder();
}

static void the_slowest_consumer_says_what_leaves_the_log(void) {
    keep_days = 30;
    struct core *core = bus();
    const struct wish all = {.max = 1};
    Bus__PullRequest slow = *pull_request(&all);

    publish(core);
    fill(core, 300);
    const Bus__PullReply *reply = pulled(core, (struct wish){.max = 100});
    slow.subscription = "patrol";
    slow.log = reply->log;
    slow.after = 40;
    (void)ask(core, "patrol", "Pull", &slow.base);
    (void)pulled(core, (struct wish){.max = 1, .log = &reply->log, .after = 200});
    run_until(core, start_ms + 60 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 261);
    core_free(core);
}

static void what_waits_for_a_manual_does_not_leave_the_log(void) {
    keep_days = 30;
    struct core *core = bus();

    fill(core, 300);
    run_until(core, start_ms + 60 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 300);
    core_free(core);
}

static void a_log_that_was_not_told_to_forget_keeps_everything(void) {
    struct core *core = bus();

    publish(core);
    fill(core, 299);
    run_until(core, start_ms + 400 * day_ms);
    CHECK(rows_in_log(core, WIRE__LANE__NORMAL) == 300);
    CHECK(pulled(core, (struct wish){0})->n_events == LOG_EVENTS_MAX);
    core_free(core);
}

/* ---- the contract of a log's engine ---- */

enum { MEMORY_ROWS = 64 };

struct memory {
    struct log_source sources[4];
    int source_count;
    struct {
        int64_t source;
        Wire__Lane lane;
        struct log_entry entry;
    } rows[MEMORY_ROWS];
    size_t count;
    uint64_t head[LOG_LANES];
};

static int memory_find(const struct log *log, const uint8_t *source, struct log_source *found,
                       struct arena *where, struct err *err) {
    struct memory *memory = log->arg;

    (void)where;
    (void)err;
    for (int i = 0; i < memory->source_count; i++) {
        if (memcmp(memory->sources[i].source, source, LOG_SOURCE_SIZE) == 0) {
            *found = memory->sources[i];
            return 1;
        }
    }
    return 0;
}

static int memory_put(const struct log *log, struct log_source *source, struct err *err) {
    struct memory *memory = log->arg;
    struct log_source old;

    if (memory_find(log, source->source, &old, NULL, err) == 0) {
        memory->source_count++;
        source->id = memory->source_count;
        memory->sources[source->id - 1] = *source;
    } else {
        source->id = old.id;
        memory->sources[old.id - 1].epoch = source->epoch;
    }
    return 0;
}

static int memory_append(const struct log *log, struct log_source *source, Wire__Lane lane,
                         struct log_entry *entries, size_t count, struct err *err) {
    struct memory *memory = log->arg;

    (void)err;
    for (size_t i = 0; i < count; i++) {
        CHECK(memory->count < MEMORY_ROWS);
        entries[i].position = ++memory->head[lane];
        memory->rows[memory->count].source = source->id;
        memory->rows[memory->count].lane = lane;
        memory->rows[memory->count++].entry = entries[i];
        source->head[lane] = entries[i].seq;
    }
    memory->sources[source->id - 1].head[lane] = source->head[lane];
    return 0;
}

static int memory_body(const struct log *log, const struct log_source *source, Wire__Lane lane,
                       uint64_t seq, struct arena *where, struct bytes *body, struct err *err) {
    const struct memory *memory = log->arg;

    (void)where;
    (void)err;
    for (size_t i = 0; i < memory->count; i++) {
        if (memory->rows[i].source == source->id && memory->rows[i].lane == lane
            && memory->rows[i].entry.seq == seq) {
            *body = memory->rows[i].entry.body;
            return 1;
        }
    }
    return 0;
}

static int memory_head(const struct log *log, Wire__Lane lane, uint64_t *position,
                       struct err *err) {
    const struct memory *memory = log->arg;

    (void)err;
    *position = memory->head[lane];
    return 0;
}

static int memory_read(const struct log *log, const struct log_want *want, struct arena *where,
                       struct log_found *found, struct err *err) {
    const struct memory *memory = log->arg;
    size_t size = 0;

    (void)where;
    (void)err;
    found->count = 0;
    found->first = 0;
    found->next = want->after;
    found->head = memory->head[want->lane];
    for (size_t i = 0; i < memory->count; i++) {
        const struct log_entry *entry = &memory->rows[i].entry;
        if (memory->rows[i].lane != want->lane || entry->position <= want->after) {
            continue;
        }
        if (log_wanted(want, entry->topic)) {
            if (found->count == want->max
                || (found->count > 0 && size + entry->body.size > LOG_BYTES_MAX)) {
                break;
            }
            found->entries[found->count++] = *entry;
            size += entry->body.size;
        }
        found->next = entry->position;
        found->first = found->first ? found->first : entry->position;
    }
    return 0;
}

static int memory_sources(const struct log *log, struct arena *where, struct log_source *list,
                          struct err *err) {
    const struct memory *memory = log->arg;

    (void)where;
    (void)err;
    memcpy(list, memory->sources, (size_t)memory->source_count * sizeof *list);
    return memory->source_count;
}

static int memory_prune(const struct log *log, Wire__Lane lane, uint64_t upto, int max,
                        struct err *err) {
    struct memory *memory = log->arg;
    size_t kept = 0;
    int gone = 0;

    (void)err;
    for (size_t i = 0; i < memory->count; i++) {
        bool goes = memory->rows[i].lane == lane && memory->rows[i].entry.position <= upto;
        if (goes && gone < max) {
            gone++;
        } else {
            memory->rows[kept++] = memory->rows[i];
        }
    }
    memory->count = kept;
    return gone;
}

static const struct log_engine memory_engine = {
    "memory",    memory_find, memory_put,   memory_append,  memory_body,
    memory_head, memory_read, memory_prune, memory_sources,
};

static void put_some(const struct log *log, struct log_source *source, Wire__Lane lane,
                     size_t count, const char *topic) {
    static uint8_t large[100 * 1024];
    struct log_entry entries[8] = {0};
    struct err err = {0};

    CHECK(count <= 8);
    for (size_t i = 0; i < count; i++) {
        entries[i].seq = source->head[lane] + 1 + i;
        entries[i].topic = topic;
        entries[i].body = (struct bytes){large, lane == WIRE__LANE__URGENT ? sizeof large : 5};
    }
    CHECK_OK(log->engine->append(log, source, lane, entries, count, &err), err);
}

static void contract_of_reading(const struct log *log) {
    const char *const patterns[] = {"a.*"};
    struct log_found *found = ARENA_NEW(arena, struct log_found);
    struct log_want want = {.max = 3};
    struct err err = {0};

    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 3 && found->next == 3 && found->head == 7);
    CHECK(found->entries[0].position == 1 && found->entries[0].seq == 1);
    want = (struct log_want){.after = 3, .max = 10, .patterns = patterns, .pattern_count = 1};
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 1 && found->next == 7 && found->entries[0].position == 4);
    want = (struct log_want){.after = 7, .max = 10};
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 0 && found->next == 7);
    want = (struct log_want){.lane = WIRE__LANE__URGENT, .max = 10};
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 2 && found->next == 2 && found->head == 3); /* 100 KiB each */
}

/* The oldest go, lane by lane; numbers and heads stay. */
static void contract_of_pruning(const struct log *log, struct log_source *a) {
    struct log_found *found = ARENA_NEW(arena, struct log_found);
    struct log_want want = {.max = 10};
    struct bytes body = {0};
    struct err err = {0};
    uint64_t head = 0;

    CHECK(log->engine->prune(log, WIRE__LANE__NORMAL, 0, 9, &err) == 0);
    CHECK(log->engine->prune(log, WIRE__LANE__NORMAL, 4, 3, &err) == 3);
    CHECK(log->engine->prune(log, WIRE__LANE__NORMAL, 4, 3, &err) == 1);
    CHECK(log->engine->prune(log, WIRE__LANE__NORMAL, 4, 3, &err) == 0);
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 3 && found->first == 5 && found->next == 7 && found->head == 7);
    want.after = 5;
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 2 && found->first == 6);
    want.after = 7;
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->count == 0 && found->first == 0);
    want = (struct log_want){.lane = WIRE__LANE__URGENT, .max = 10};
    CHECK_OK(log->engine->read(log, &want, arena, found, &err), err);
    CHECK(found->first == 1 && found->head == 3);
    CHECK(log->engine->body(log, a, WIRE__LANE__NORMAL, 1, arena, &body, &err) == 0);
    put_some(log, a, WIRE__LANE__NORMAL, 1, "a.more");
    CHECK_OK(log->engine->head(log, WIRE__LANE__NORMAL, &head, &err), err);
    CHECK(head == 8);
}

static void contract(const struct log *log) {
    struct log_source a = {.service = "ticketing", .epoch = 1};
    struct log_source b = {.service = "patrol", .epoch = 1}, found;
    struct log_source list[LOG_SOURCES_MAX];
    struct bytes body = {0};
    struct err err = {0};
    uint64_t head = 9;

    memcpy(a.source, store_a, LOG_SOURCE_SIZE);
    memcpy(b.source, store_b, LOG_SOURCE_SIZE);
    CHECK_OK(log->engine->head(log, WIRE__LANE__NORMAL, &head, &err), err);
    CHECK(head == 0);
    CHECK(log->engine->find(log, store_a, &found, arena, &err) == 0);
    CHECK_OK(log->engine->put(log, &a, &err), err);
    CHECK_OK(log->engine->put(log, &b, &err), err);
    CHECK(a.id != b.id);
    put_some(log, &a, WIRE__LANE__NORMAL, 2, "a.one");
    put_some(log, &b, WIRE__LANE__NORMAL, 1, "b.one");
    put_some(log, &a, WIRE__LANE__NORMAL, 1, "a.two");
    put_some(log, &b, WIRE__LANE__NORMAL, 3, "b.two");
    put_some(log, &b, WIRE__LANE__URGENT, 3, "u.one");
    put_some(log, &a, WIRE__LANE__NORMAL, 0, "none");
    contract_of_reading(log);
    CHECK(log->engine->body(log, &a, WIRE__LANE__NORMAL, 3, arena, &body, &err) == 1);
    CHECK(body.size == 5);
    CHECK(log->engine->body(log, &a, WIRE__LANE__NORMAL, 4, arena, &body, &err) == 0);
    CHECK(log->engine->body(log, &a, WIRE__LANE__URGENT, 1, arena, &body, &err) == 0);
    a.epoch = 5;
    CHECK_OK(log->engine->put(log, &a, &err), err);
    CHECK(log->engine->find(log, store_a, &found, arena, &err) == 1);
    CHECK(found.epoch == 5 && found.head[WIRE__LANE__NORMAL] == 3 && found.id == a.id);
    CHECK_TEXT(found.service, "ticketing");
    CHECK(log->engine->sources(log, arena, list, &err) == 2);
    contract_of_pruning(log, &a);
}

static void the_builtin_engine_keeps_the_contract(void) {
    const struct migration *const schemas[] = {bus_schema, NULL};
    struct err err = {0};

    arena = arena_new((size_t)16 << 20);
    struct store *store = store_open(":memory:", "bus", schemas, &err);
    CHECK_OK(!store, err);
    struct log log = log_builtin(store);
    CHECK_TEXT(log.engine->name, "builtin");
    contract(&log);
    store_close(store);
}

static void a_second_engine_keeps_the_contract(void) {
    struct memory *memory = calloc(1, sizeof *memory);
    struct log log = {.engine = &memory_engine, .arg = memory};

    CHECK(memory);
    arena = arena_new((size_t)16 << 20);
    contract(&log);
    free(memory);
}

static const struct test tests[] = {
    TEST(an_empty_log_says_that_it_has_nothing_of_a_source),
    TEST(events_are_kept_in_order_and_byte_for_byte),
    TEST(appends_of_one_group_each_get_their_own_answer),
    TEST(a_repeat_is_skipped),
    TEST(the_same_number_with_another_content_is_refused),
    TEST(a_gap_is_refused_and_told_where_the_log_stands),
    TEST(an_older_life_of_a_store_is_refused),
    TEST(each_lane_counts_for_itself),
    TEST(nobody_appends_to_another_ones_store),
    TEST(what_is_no_event_is_refused_and_nothing_of_the_request_is_kept),
    TEST(a_request_that_is_wrong_in_itself_is_refused),
    TEST(a_store_that_goes_on_under_a_new_id_brings_its_old_events),
    TEST(a_pull_takes_the_patterns_it_names_and_comes_past_the_others),
    TEST(a_pull_gives_at_most_what_was_asked_and_goes_on_from_there),
    TEST(a_full_reply_goes_on_right_behind_its_last_event),
    TEST(a_reply_of_large_events_stays_within_its_frame),
    TEST(a_pull_that_finds_little_in_much_says_how_far_it_came),
    TEST(a_pull_waits_until_there_is_something_for_it),
    TEST(a_pull_of_one_lane_is_not_woken_by_the_other),
    TEST(a_pull_answers_empty_when_its_time_is_over),
    TEST(a_position_of_another_log_begins_at_the_start),
    TEST(a_wrong_pull_is_refused),
    TEST(a_position_is_good_after_a_restart),
    TEST(the_lost_end_of_a_log_put_back_from_a_plain_copy_is_another_log),
    TEST(a_bus_put_back_from_a_plain_copy_gives_no_number_twice),
    TEST(a_log_that_starts_from_a_copy_is_another_log_and_another_source),
    TEST(a_restored_store_takes_its_later_events_back),
    TEST(nobody_recovers_another_ones_events),
    TEST(an_escalation_becomes_one_page_request_with_its_cause),
    TEST(a_repeated_escalation_is_not_routed_again),
    TEST(a_normal_event_is_routed_too_when_a_rule_names_it),
    TEST(a_refused_append_leaves_no_page_request),
    TEST(what_came_before_the_manual_is_routed_when_it_is_there),
    TEST(a_page_request_wakes_who_waits_for_it),
    TEST(what_is_older_than_it_keeps_leaves_the_log_in_slices),
    TEST(nothing_that_a_known_consumer_has_not_taken_leaves_the_log),
    TEST(the_slowest_consumer_says_what_leaves_the_log),
    TEST(what_waits_for_a_manual_does_not_leave_the_log),
    TEST(a_log_that_was_not_told_to_forget_keeps_everything),
    TEST(the_builtin_engine_keeps_the_contract),
    TEST(a_second_engine_keeps_the_contract),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
