/*
 * The whole house as real processes: services that start in any order, are away, end in
 * the middle of the story and come back; strangers at the doors.  Nothing here sleeps.
 */
#include <stdio.h>
#include <string.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "base/text.h"
#include "core/event.h"
#include "harness.h"
#include "host/client.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum {
    WAIT_MS = 30000,
    LOAD_MS = 700,
    SHUT_MS = 600, /* nobody answers a stranger; so long he tries */
    MESSAGES = 2000,
    ORDERS = 4,
    SERVICES = 6,
    STOPS = 4,
};

static const char demo[] = "deploy/demo/parameters.yaml";
/* in a message: the first one of a ladder that a case asked for */
static const char first_page[] = "\"route\":\"page_asked\",\"step\":0,\"times\":1";
static struct house house;

static void stop_all(void) {
    for (size_t i = 0; instance_services[i]; i++) {
        house_stop(&house, instance_services[i]);
    }
}

static bool answers(void *service) {
    struct err err = {0};
    size_t used = arena_used(house.cli.arena);
    bool there = session_health(house.session, service, 500, &err) != NULL;

    arena_rewind(house.cli.arena, used);
    return there;
}

/* ---- pages of the whole house ---- */

enum { PAGES_MAX = 4000, PAGE_TEXT = 128 };
struct pages {
    size_t count;
    size_t twice;
    char sent[PAGES_MAX][PAGE_TEXT];
};

static void note_sent(void *arg, const Wire__Event *event) {
    struct pages *pages = arg;
    char text[PAGE_TEXT];

    if (!text_eq(event->topic, "page.sent")) {
        return;
    }
    CHECK(pages->count < PAGES_MAX);
    (void)snprintf(text, sizeof text, "%s %lld %s %s",
                   value_text(event->fields, event->n_fields, "page"),
                   (long long)value_i64(event->fields, event->n_fields, "step", 0),
                   value_text(event->fields, event->n_fields, "to"),
                   value_text(event->fields, event->n_fields, "channel"));
    for (size_t i = 0; i < pages->count; i++) {
        pages->twice += text_eq(pages->sent[i], text);
    }
    (void)snprintf(pages->sent[pages->count++], PAGE_TEXT, "%s", text);
}

/* No page record was sent twice; how many there are. */
static size_t pages_once(void) {
    static struct pages pages;

    pages.count = pages.twice = 0;
    (void)events_each(&house, "notify", note_sent, &pages);
    CHECK(pages.twice == 0);
    return pages.count;
}

struct arrival {
    struct receiver *receiver;
    const char *one, *other;
};

static bool has_arrived(void *arg) {
    const struct arrival *wanted = arg;
    return receiver_find(wanted->receiver, wanted->one, wanted->other) > 0;
}

static bool waits_page(struct receiver *receiver, const char *case_no, const char *other) {
    struct arrival wanted = {receiver, case_no, other};
    return house_wait(has_arrived, &wanted, WAIT_MS);
}

/* ---- stories ---- */

static void a_whole_story(struct receiver *receiver, const char *content) {
    struct desk_case leak = desk_open(&house, content, "13800000000");

    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(waits_page(receiver, leak.no, "\"staff\":\"S402\""));
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));
    CHECK(desk_waits_reported(&house, leak.no, "repair.ack", WAIT_MS));
    CHECK(desk_reported(&house, leak.no, "repair.dispatch") == 1);
    CHECK(desk_reported(&house, leak.no, "repair.ack") == 1);
    CHECK(desk_reported(&house, leak.no, "page.acknowledged") == 1);
}

static void services_start_in_any_order(void) {
    /* NULL: the next one waits until those before answer. */
    static const char *const orders[ORDERS][SERVICES] = {
        {"reports", "notify", "patrol", "ticketing", "registry", "bus"},
        {"ticketing", "bus", "reports", "registry", "notify", "patrol"},
        {"notify", "ticketing", "patrol", "reports", "bus", "registry"},
        {"bus", "registry", "ticketing", "patrol", "notify", "reports"},
    };
    struct receiver *receiver = receiver_new(MESSAGES);

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    for (size_t i = 0; i < ORDERS; i++) {
        stop_all();
        for (size_t k = 0; k < SERVICES; k++) {
            house_start(&house, orders[i][k]);
            /* In the last round all at once; else each is up, alone, before the next. */
            CHECK(i == ORDERS - 1 || house_wait(answers, (void *)(uintptr_t)orders[i][k], WAIT_MS));
        }
        CHECK(house_ready(&house, WAIT_MS));
        a_whole_story(receiver, arena_text(house.cli.arena, "order %zu", i));
    }
    (void)pages_once();
    house_end(&house);
    receiver_free(receiver);
}

static void without_a_bus_cases_are_taken_and_people_are_paged(void) {
    struct receiver *receiver = receiver_new(MESSAGES);

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    struct ledger *ledger = ledger_new(&house, 0);
    a_whole_story(receiver, "before");
    house_stop(&house, "bus");
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    struct desk_case leak = desk_open(&house, "no bus", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    /* The page is handed over to notify directly. */
    CHECK(waits_page(receiver, leak.no, "\"staff\":\"S402\""));
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_reported(&house, leak.no, NULL) == 0); /* the bus is really away */
    CHECK_TEXT(desk_state(&house, leak.no), "dispatched");

    house_start(&house, "bus");
    CHECK(house_ready(&house, WAIT_MS));
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));
    CHECK(desk_waits_reported(&house, leak.no, "repair.ack", WAIT_MS));
    CHECK(receiver_find(receiver, leak.no, first_page) == 1); /* what came both ways is one */
    ledger_check(ledger);
    CHECK(pages_once() > 0);
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

static void a_service_that_stops_in_the_middle_of_the_story_takes_it_up_again(void) {
    struct receiver *receiver = receiver_new(MESSAGES);

    house_new(&house, demo);
    receiver_lead(receiver, &house);

    /* notify is away when somebody is to be paged */
    house_stop(&house, "notify");
    struct desk_case leak = desk_open(&house, "notify away", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(desk_waits_reported(&house, leak.no, "page.asked", WAIT_MS));
    CHECK(receiver_find(receiver, leak.no, NULL) == 0);
    house_start(&house, "notify");
    CHECK(waits_page(receiver, leak.no, "\"staff\":\"S402\""));

    /* ticketing is away when he answers */
    house_stop(&house, "ticketing");
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_waits_reported(&house, leak.no, "page.acknowledged", WAIT_MS));
    CHECK(desk_reported(&house, leak.no, "repair.ack") == 0);
    house_start(&house, "ticketing");
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));

    /* reports is away when he arrives; registry, when he starts */
    house_stop(&house, "reports");
    CHECK_TEXT(desk_fire(&house, "周涛", leak.no, "arrive", NULL, NULL), "");
    house_stop(&house, "registry");
    CHECK_TEXT(desk_fire(&house, "周涛", leak.no, "start", NULL, NULL), "");
    house_start(&house, "registry");
    house_start(&house, "reports");
    CHECK(desk_waits_reported(&house, leak.no, "repair.start", WAIT_MS));
    CHECK(desk_reported(&house, leak.no, "repair.arrive") == 1);
    CHECK(desk_reported(&house, leak.no, "repair.ack") == 1);
    CHECK(receiver_find(receiver, leak.no, first_page) == 1);
    (void)pages_once();
    CHECK(house_ready(&house, WAIT_MS));
    house_end(&house);
    receiver_free(receiver);
}

/* The ladder that was running, the cases, and the load go on where they were. */
static void everything_restarts_and_goes_on(void) {
    struct receiver *receiver = receiver_new(MESSAGES);

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    struct ledger *ledger = ledger_new(&house, 0);
    struct desk_case leak = desk_open(&house, "restart", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(waits_page(receiver, leak.no, first_page));
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    stop_all();
    for (size_t i = 0; instance_services[i]; i++) {
        house_start(&house, instance_services[i]);
    }
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));
    CHECK(waits_page(receiver, leak.no, "\"staff\":\"S801\"")); /* the fourth rung */
    CHECK(receiver_find(receiver, leak.no, first_page) == 1);
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));
    ledger_check(ledger);
    for (size_t i = 0; instance_services[i]; i++) {
        CHECK(events_intact(&house, instance_services[i]));
    }
    (void)pages_once();
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

/* ---- the same request, before and after ---- */

static void open_with_id(struct client *client, struct bytes token, const char *content,
                         const uint8_t *id, struct client_answer *answer) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    const char *const pairs[] = {"category", "inquiry", "identity",    "owner",       "content",
                                 content,    "phone",   "13800000000", "caller_name", "孙先生"};
    Wire__Value values[5];
    Wire__Value *list[5];
    uint8_t packed[512];
    struct client_request request = {.method = "shouwen.ticketing.v1.Ticketing/OpenCase",
                                     .token = token,
                                     .id = id,
                                     .timeout_ms = WAIT_MS};
    struct err err = {0};

    for (size_t i = 0; i < 5; i++) {
        wire__value__init(&values[i]);
        values[i].key = pairs[2 * i];
        values[i].kind_case = WIRE__VALUE__KIND_TEXT;
        values[i].text = pairs[2 * i + 1];
        list[i] = &values[i];
    }
    open.procedure = "contact";
    open.unit = "2-1-501";
    open.channel = "call";
    open.n_fields = 5;
    open.fields = list;
    request.payload = (struct bytes){packed, cases__open_case_request__pack(&open, packed)};
    (void)client_call(client, &request, answer, &err);
    CHECK(answer->reply);
}

static void a_request_repeated_over_restarts_has_one_effect(void) {
    uint8_t id[CLIENT_ID_SIZE];
    struct client_answer answer = {0};
    struct bytes token = {0};
    struct err err = {0};

    house_new(&house, demo);
    struct client *client = house_client(&house, "ticketing", 4);
    /* A client sends again over a new link; what then comes twice is for the same id. */
    struct client *other = house_client(&house, "ticketing", 4);
    CHECK_OK(session_token(house.session, "王丽", &token, &err), err);
    open_with_id(client, token, "once", NULL, &answer);
    CHECK(answer.code == WIRE__CODE__OK);
    memcpy(id, answer.id, sizeof id);
    struct bytes first = {
        arena_copy(house.cli.arena, answer.reply->payload.data, answer.reply->payload.len),
        answer.reply->payload.len};
    uint64_t events = 0;
    for (int i = 0; i < 3; i++) {
        if (i == 1) {
            house_stop(&house, "ticketing");
            house_start(&house, "ticketing");
        } else if (i == 2) {
            house_kill(&house, "ticketing");
            house_start(&house, "ticketing");
        }
        open_with_id(client, token, "once", id, &answer);
        CHECK(answer.code == WIRE__CODE__OK && answer.reply->payload.len == first.size
              && memcmp(answer.reply->payload.data, first.data, first.size) == 0);
        /* Its events are those of the first time. */
        Cases__OpenCaseReply *reply = cases__open_case_reply__unpack(NULL, first.size, first.data);
        CHECK(reply && desk_waits_reported(&house, reply->case_no, "contact.open", WAIT_MS));
        CHECK(desk_reported(&house, reply->case_no, "contact.open") == 1);
        uint64_t now = desk_reported(&house, reply->case_no, NULL);
        CHECK(events == 0 || now == events);
        events = now;
        cases__open_case_reply__free_unpacked(reply, NULL);
        open_with_id(other, token, "other words", id, &answer);
        CHECK(answer.code == WIRE__CODE__INVALID_ARGUMENT); /* that is another request */
    }
    client_free(client);
    client_free(other);
    house_end(&house);
}

static void a_service_asked_to_end_under_load_loses_nothing_acknowledged(void) {
    house_new(&house, demo);
    struct ledger *ledger = ledger_new(&house, 0);
    size_t in_flight = 0;

    for (int i = 0; i < STOPS; i++) {
        ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
        in_flight += ledger_in_flight(ledger);
        house_stop(&house, "ticketing");
        house_start(&house, "ticketing");
        house_stop(&house, i % 2 ? "bus" : "registry");
        house_start(&house, i % 2 ? "bus" : "registry");
    }
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(in_flight > 0);
    CHECK(house_ready(&house, WAIT_MS));
    ledger_check(ledger);
    CHECK(events_intact(&house, "ticketing"));
    ledger_free(ledger);
    house_end(&house);
}

/* ---- strangers ---- */

static bool asks(const char *service, const struct keys *keys, const char *method,
                 struct bytes payload, struct client_answer *answer) {
    struct client_config config = {.locale = "en", .once = true};
    struct client_request request = {.method = method, .payload = payload, .timeout_ms = SHUT_MS};
    struct keys mine;
    struct err err = {0};

    config.endpoint = instance_endpoint(session_instance(house.session), service, house.cli.arena);
    CHECK_OK(
        instance_keys(session_instance(house.session), service, &mine, config.server_key, &err),
        err);
    config.keys = keys ? *keys : mine;
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    (void)client_call(client, &request, answer, &err);
    bool there = answer->code != WIRE__CODE__DEADLINE_EXCEEDED;
    client_free(client);
    return there;
}

static void a_foreign_peer_is_refused_by_every_service(void) {
    struct client_answer answer = {0};
    struct keys stranger;
    struct keys patrol;
    struct err err = {0};
    Bus__AppendRequest append = BUS__APPEND_REQUEST__INIT;
    uint8_t packed[128];
    static const uint8_t source[16] = {1};

    house_new(&house, demo);
    keys_new(&stranger);
    for (size_t i = 0; instance_services[i]; i++) {
        const char *service = instance_services[i];
        CHECK(asks(service, NULL, "shouwen.core.v1.Core/Health", (struct bytes){0}, &answer));
        CHECK(answer.code == WIRE__CODE__OK);
        CHECK(!asks(service, &stranger, "shouwen.core.v1.Core/Health", (struct bytes){0}, &answer));
    }
    /* A tool is no service: it cannot write into the log. */
    append.source.data = (uint8_t *)(uintptr_t)source;
    append.source.len = sizeof source;
    append.service = "patrol";
    append.first_seq = 1;
    struct bytes payload = {packed, bus__append_request__pack(&append, packed)};
    CHECK(asks("bus", NULL, "shouwen.bus.v1.Bus/Append", payload, &answer));
    CHECK(answer.code == WIRE__CODE__PERMISSION_DENIED);
    /* A service does not do what people do, not even with its own key. */
    CHECK_OK(keys_read(arena_text(house.cli.arena, "%s/keys/patrol.key", house.dir), &patrol, &err),
             err);
    CHECK(asks("ticketing", &patrol, "shouwen.ticketing.v1.Ticketing/ListCases", (struct bytes){0},
               &answer));
    CHECK(answer.code == WIRE__CODE__PERMISSION_DENIED);
    /* Nothing of it happened, and the house goes on. */
    CHECK(house_ready(&house, WAIT_MS));
    struct desk_case leak = desk_open(&house, "after strangers", "13800000000");
    CHECK(desk_waits_reported(&house, leak.no, "repair.open", WAIT_MS));
    house_end(&house);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(services_start_in_any_order),
        TEST(without_a_bus_cases_are_taken_and_people_are_paged),
        TEST(a_service_that_stops_in_the_middle_of_the_story_takes_it_up_again),
        TEST(everything_restarts_and_goes_on),
        TEST(a_request_repeated_over_restarts_has_one_effect),
        TEST(a_service_asked_to_end_under_load_loses_nothing_acknowledged),
        TEST(a_foreign_peer_is_refused_by_every_service),
    };
    return RUN_TESTS(tests, argc, argv);
}
