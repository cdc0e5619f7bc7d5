/*
 * Right keys that do wrong: frames that are none, requests that end too soon or are changed,
 * and services that ask what is not theirs.  Honest callers are answered all the while.
 *
 *   SEED=n sends the same frames again.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <zmq.h>

#include "aid/siege.h"
#include "base/text.h"
#include "harness.h"
#include "host/client.h"
#include "host/link.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { FRAMES = 4000, FRAME_SIZE = 1024, NOISE_MAX = 512 };

static struct siege siege;
static uint64_t seed;

/* ---- right keys, wrong frames ---- */

static uint64_t rng;

static uint32_t chance(uint32_t below) {
    rng ^= rng << 13U;
    rng ^= rng >> 7U;
    rng ^= rng << 17U;
    return (uint32_t)(rng >> 32U) % below;
}

/* A request as it should be, for `frame`. */
static size_t right_frame(bool open, struct bytes token, uint8_t frame[FRAME_SIZE]) {
    Cases__OpenCaseRequest opening = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__FireEventRequest firing = CASES__FIRE_EVENT_REQUEST__INIT;
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t payload[FRAME_SIZE];
    uint8_t id[CLIENT_ID_SIZE];
    uint8_t random[10];

    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)chance(256);
    }
    text_uuid7(id, (int64_t)time(NULL) * 1000, random);
    opening.procedure = "repair";
    opening.unit = "2-1-501";
    opening.channel = "call";
    firing.case_no = "R000001";
    firing.event = "dispatch";
    request.method = open ? "shouwen.ticketing.v1.Ticketing/OpenCase"
                          : "shouwen.ticketing.v1.Ticketing/FireEvent";
    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.token = (ProtobufCBinaryData){token.size, (uint8_t *)(uintptr_t)token.data};
    request.timeout_ms = SIEGE_WAIT_MS;
    request.locale = "en";
    request.payload.data = payload;
    request.payload.len = open ? cases__open_case_request__pack(&opening, payload)
                               : cases__fire_event_request__pack(&firing, payload);
    CHECK(wire__request__get_packed_size(&request) <= FRAME_SIZE);
    return wire__request__pack(&request, frame);
}

/* Random bytes, a right request that ends too soon, or one with some of its bytes changed. */
static size_t wrong_frame(struct bytes token, uint8_t frame[FRAME_SIZE]) {
    uint32_t how = chance(3);

    if (how == 0) {
        size_t size = chance(NOISE_MAX);
        for (size_t i = 0; i < size; i++) {
            frame[i] = (uint8_t)chance(256);
        }
        return size;
    }
    size_t size = right_frame(chance(2), token, frame);
    if (how == 1) {
        return chance((uint32_t)size);
    }
    for (uint32_t i = 1 + chance(6); i > 0; i--) {
        frame[chance((uint32_t)size)] ^= (uint8_t)(1U << chance(8));
    }
    return size;
}

struct answers {
    size_t all, fine;
};

static void take_answers(void *socket, struct answers *answers) {
    static uint8_t data[64 * 1024];
    int size = 0;

    while ((size = zmq_recv(socket, data, sizeof data, ZMQ_DONTWAIT)) >= 0) {
        Wire__Reply *reply = wire__reply__unpack(NULL, (size_t)size, data);
        CHECK(reply);
        answers->all++;
        answers->fine += reply->code == WIRE__CODE__OK;
        wire__reply__free_unpacked(reply, NULL);
    }
}

/* Over the port, where what is for operators only is refused. */
static void send_wrong_frames(const char *service, const char *key) {
    struct answers answers = {0};
    struct bytes token = {0};
    struct keys keys;
    uint8_t server[KEYS_SIZE];
    uint8_t frame[FRAME_SIZE];
    void *context = link_context();
    void *watch = NULL;
    struct err err = {0};
    const int wait = SIEGE_WAIT_MS;

    siege_keys(&siege, key, &keys);
    siege_server_key(&siege, service, server);
    CHECK_OK(session_token(siege.house.session, "王丽", &token, &err), err);
    void *socket = link_connect(context, siege_tcp(&siege, service), &keys, server, "wrong", &watch,
                                &err);
    CHECK_OK(socket == NULL, err);
    CHECK(zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof wait) == 0);
    for (int i = 0; i < FRAMES; i++) {
        /* Now and then in several parts: that is no message either. */
        int more = chance(8) == 0 && i + 1 < FRAMES ? ZMQ_SNDMORE : 0;
        size_t size = wrong_frame(token, frame);
        CHECK(zmq_send(socket, frame, size, more) >= 0);
        take_answers(socket, &answers);
        if (i % 100 == 0) {
            siege_call(&siege);
        }
    }
    for (int64_t until_ms = house_now_ms() + SIEGE_WAIT_MS;
         answers.all < FRAMES / 4 && house_now_ms() < until_ms;) {
        take_answers(socket, &answers);
        siege_call(&siege);
    }
    (void)printf("# %s's key at %s: %d wrong frames, %zu answers, %zu of them fine\n", key, service,
                 FRAMES, answers.all, answers.fine);
    /* A changed byte may leave a request as good as before; others cannot. */
    CHECK(answers.all >= FRAMES / 4 && answers.fine * 4 < answers.all);
    link_close(socket, watch);
    link_context_free(context);
}

static Wire__Code ask_with(const char *key, const char *service, const char *method,
                           const ProtobufCMessage *message, const char *rule) {
    struct client_config config = {.locale = "en", .once = true};
    uint8_t packed[FRAME_SIZE];
    struct client_answer answer = {.reply = NULL};
    struct client_request request = {.method = method, .timeout_ms = SIEGE_WAIT_MS};
    struct err err = {0};

    CHECK(protobuf_c_message_get_packed_size(message) <= sizeof packed);
    request.payload = (struct bytes){packed, protobuf_c_message_pack(message, packed)};
    config.endpoint = siege_tcp(&siege, service);
    siege_keys(&siege, key, &config.keys);
    siege_server_key(&siege, service, config.server_key);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    (void)client_call(client, &request, &answer, &err);
    CHECK(answer.reply);
    Wire__Code code = answer.code;
    CHECK_TEXT(answer.reply->rule, rule);
    client_free(client);
    return code;
}

/* What ticketing has told the bus, asked for by somebody else: it must not be changed by him. */
static void appends_for_another_are_refused(void) {
    struct err err = {0};
    const char append[] = "shouwen.bus.v1.Bus/Append";
    const Core__HealthReply *health = session_health(siege.house.session, "ticketing",
                                                     SIEGE_WAIT_MS, &err);
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    ProtobufCBinaryData rubbish = {7, (uint8_t[]){"rubbish"}};

    CHECK_OK(health == NULL, err);
    request.source = health->source;
    request.epoch = health->epoch + 1;
    request.first_seq = health->normal_head + 1;
    request.n_events = 1;
    request.events = &rubbish;
    request.service = "ticketing";
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_not_yours")
          == WIRE__CODE__PERMISSION_DENIED);
    request.service = "patrol";
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_not_yours")
          == WIRE__CODE__PERMISSION_DENIED);
    request.lane = (Wire__Lane)7;
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_lane_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    request.source.len = 3;
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_source_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
}

/* Nobody opens pages in another's name. */
static void an_event_of_another_is_not_handed_over(void) {
    Notify__HandOverRequest hand = NOTIFY__HAND_OVER_REQUEST__INIT;
    Wire__Event event = WIRE__EVENT__INIT;
    uint8_t source[16] = {7};
    uint8_t packed[256];

    event.source = (ProtobufCBinaryData){sizeof source, source};
    event.seq = event.position = 1;
    event.lane = WIRE__LANE__URGENT;
    event.topic = "emergency.open";
    event.service = "ticketing";
    CHECK(wire__event__get_packed_size(&event) <= sizeof packed);
    ProtobufCBinaryData one = {wire__event__pack(&event, packed), packed};
    hand.n_events = 1;
    hand.events = &one;
    CHECK(ask_with("patrol", "notify", "shouwen.notify.v1.Notify/HandOver", &hand.base,
                   "bus_not_yours")
          == WIRE__CODE__PERMISSION_DENIED);
}

static void what_is_no_question_is_refused(void) {
    Bus__PullRequest pull = BUS__PULL_REQUEST__INIT;
    Notify__HandOverRequest hand = NOTIFY__HAND_OVER_REQUEST__INIT;
    Cases__ListCasesRequest list = CASES__LIST_CASES_REQUEST__INIT;
    ProtobufCBinaryData rubbish = {7, (uint8_t[]){"rubbish"}};

    pull.subscription = "patrol/all";
    pull.lane = (Wire__Lane)7;
    CHECK(ask_with("patrol", "bus", "shouwen.bus.v1.Bus/Pull", &pull.base, "bus_lane_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    hand.n_events = 1;
    hand.events = &rubbish;
    CHECK(ask_with("patrol", "notify", "shouwen.notify.v1.Notify/HandOver", &hand.base,
                   "hand_over_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(ask_with("patrol", "ticketing", "shouwen.ticketing.v1.Ticketing/ListCases", &list.base,
                   "link_may_not")
          == WIRE__CODE__PERMISSION_DENIED);
}

static void right_keys_with_wrong_frames_and_wrong_questions_change_nothing(void) {
    siege_begin(&siege, "deploy/demo/parameters.yaml");
    rng = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    send_wrong_frames("ticketing", "cli");
    send_wrong_frames("bus", "cli");
    send_wrong_frames("bus", "patrol");
    send_wrong_frames("ticketing", "patrol");
    appends_for_another_are_refused();
    an_event_of_another_is_not_handed_over();
    what_is_no_question_is_refused();
    siege_said(&siege);
    siege_end(&siege);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(right_keys_with_wrong_frames_and_wrong_questions_change_nothing),
    };

    seed = siege_seed();
    return RUN_TESTS(tests, argc, argv);
}
