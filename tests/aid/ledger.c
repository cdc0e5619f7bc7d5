#include "aid/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "harness.h"
#include "host/client.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum {
    CALLERS = 3,
    IN_FLIGHT = 8,
    ENTRIES_MAX = 400000,
    PACE_MS = 2, /* between two sends of a caller: a fast desk, not a flood */
    CASE_NO_SIZE = 40,
    RULE_SIZE = 64,
    ARENA = 64 << 10,
    TIMEOUT_MS = 3000,
    VERIFY_MS = 60000,
    PAGE = 256,
    FIELDS = 6,
    REQUEST_SIZE = 64,
};

struct entry {
    uint8_t id[CLIENT_ID_SIZE];
    bool acknowledged;
    char case_no[CASE_NO_SIZE];
    int found; /* so often it stands among the events */
};

struct caller {
    struct client *client;
    struct bytes token;
    struct arena *arena;
    int64_t next_ms;
};

struct ledger {
    struct house *house;
    size_t urgent_every;
    int64_t pace_ms;
    struct caller callers[CALLERS];
    struct entry *entries;
    size_t count;
    size_t unknown, borne;
    char bear[RULE_SIZE];
    struct ledger_state state; /* of the comparison that runs */
};

struct ledger *ledger_new(struct house *house, size_t urgent_every) {
    static const char *const names[CALLERS] = {"王丽", "张敏", "孙红"};
    struct ledger *ledger = calloc(1, sizeof *ledger);
    struct err err = {0};

    CHECK(ledger);
    ledger->house = house;
    ledger->urgent_every = urgent_every;
    ledger->pace_ms = PACE_MS;
    ledger->entries = calloc(ENTRIES_MAX, sizeof *ledger->entries);
    CHECK(ledger->entries);
    for (size_t i = 0; i < CALLERS; i++) {
        struct bytes token = {0};
        struct arena *arena = arena_new(ARENA);
        CHECK_OK(session_token(house->session, names[i], &token, &err), err);
        uint8_t *copy = malloc(token.size);
        CHECK(copy);
        memcpy(copy, token.data, token.size);
        ledger->callers[i] = (struct caller){.client = house_client(house, "ticketing", IN_FLIGHT),
                                             .token = {copy, token.size},
                                             .arena = arena};
    }
    return ledger;
}

void ledger_free(struct ledger *ledger) {
    for (size_t i = 0; i < CALLERS; i++) {
        client_free(ledger->callers[i].client);
        arena_free(ledger->callers[i].arena);
        free((void *)(uintptr_t)ledger->callers[i].token.data);
    }
    free(ledger->entries);
    free(ledger);
}

void ledger_pace(struct ledger *ledger, int64_t pace_ms) {
    ledger->pace_ms = pace_ms;
}

void ledger_bear(struct ledger *ledger, const char *rule) {
    (void)snprintf(ledger->bear, sizeof ledger->bear, "%s", rule ? rule : "");
}

/* ---- asking ---- */

static struct bytes case_for(const struct ledger *ledger, struct caller *caller, size_t number) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    Wire__Value fields[FIELDS];
    Wire__Value *list[FIELDS];
    static const char *const keys[FIELDS] = {"urgency", "trade",   "scope",
                                             "place",   "content", "phone"};
    bool urgent = ledger->urgent_every > 0 && number % ledger->urgent_every == 0;
    const char *texts[FIELDS] = {urgent ? "E1" : "N",
                                 "water",
                                 "common",
                                 "楼道",
                                 arena_text(caller->arena, "ledger %zu", number),
                                 "13800000000"};

    for (size_t i = 0; i < FIELDS; i++) {
        wire__value__init(&fields[i]);
        fields[i].key = keys[i];
        fields[i].kind_case = WIRE__VALUE__KIND_TEXT;
        fields[i].text = texts[i];
        list[i] = &fields[i];
    }
    open.procedure = "repair";
    open.unit = "2-1-501";
    open.channel = "call";
    open.new_matter = true;
    open.n_fields = FIELDS;
    open.fields = list;
    size_t size = cases__open_case_request__get_packed_size(&open);
    uint8_t *data = arena_alloc(caller->arena, size);
    (void)cases__open_case_request__pack(&open, data);
    return (struct bytes){data, size};
}

static void send_entry(struct ledger *ledger, struct caller *caller, size_t number, bool again) {
    struct err err = {0};
    struct entry *entry = &ledger->entries[number];
    struct client_request request = {.method = "shouwen.ticketing.v1.Ticketing/OpenCase",
                                     .token = caller->token,
                                     .timeout_ms = TIMEOUT_MS,
                                     .arg = (void *)(uintptr_t)(number + 1)};

    request.id = again ? entry->id : NULL;
    arena_reset(caller->arena);
    request.payload = case_for(ledger, caller, number);
    CHECK_OK(client_send(caller->client, &request, entry->id, &err), err);
}

/* Not answered, or told to come later. */
static bool is_unknown(const struct client_answer *answer) {
    return answer->code == WIRE__CODE__DEADLINE_EXCEEDED || answer->code == WIRE__CODE__UNAVAILABLE;
}

/* The ledger is written only when the answer is there. */
static void take_answer(struct ledger *ledger, struct caller *caller,
                        const struct client_answer *answer) {
    size_t number = (size_t)(uintptr_t)answer->arg - 1;
    struct entry *entry = &ledger->entries[number];
    const char *rule = answer->reply ? answer->reply->rule : "";

    if (answer->code == WIRE__CODE__OK) {
        Cases__OpenCaseReply *reply = cases__open_case_reply__unpack(
            NULL, answer->reply->payload.len, answer->reply->payload.data);
        CHECK(reply && reply->case_no[0]);
        (void)snprintf(entry->case_no, sizeof entry->case_no, "%s", reply->case_no);
        entry->acknowledged = true;
        cases__open_case_reply__free_unpacked(reply, NULL);
        return;
    }
    if (ledger->bear[0] && text_eq(rule, ledger->bear)) {
        CHECK(answer->reply->message[0] && !text_eq(answer->reply->message, rule));
        ledger->borne++;
        caller->next_ms = house_now_ms() + PACE_MS;
    } else if (is_unknown(answer) || text_eq(rule, "queue_full")) {
        ledger->unknown++;
    } else {
        (void)fprintf(stderr, "# refused: %d %s %s\n", (int)answer->code, rule,
                      answer->reply ? answer->reply->message : "");
        CHECK(!"a case was refused");
    }
    send_entry(ledger, caller, number, true); /* the same id again is always safe */
}

void ledger_drive(struct ledger *ledger, int64_t until_ms, bool new_ones) {
    while (house_now_ms() < until_ms) {
        size_t waiting = 0;
        for (size_t i = 0; i < CALLERS; i++) {
            struct caller *caller = &ledger->callers[i];
            struct client_answer answer;
            while (house_now_ms() < until_ms
                   && client_next(caller->client, i == 0 ? 1 : 0, &answer) == 1) {
                take_answer(ledger, caller, &answer);
            }
            if (new_ones && client_in_flight(caller->client) < IN_FLIGHT
                && ledger->count < ENTRIES_MAX && house_now_ms() >= caller->next_ms) {
                caller->next_ms = house_now_ms() + ledger->pace_ms;
                send_entry(ledger, caller, ledger->count++, false);
            }
            waiting += client_in_flight(caller->client);
        }
        if (!new_ones && waiting == 0) {
            return;
        }
    }
}

size_t ledger_borne(const struct ledger *ledger) {
    return ledger->borne;
}

size_t ledger_in_flight(const struct ledger *ledger) {
    size_t waiting = 0;

    for (size_t i = 0; i < CALLERS; i++) {
        waiting += client_in_flight(ledger->callers[i].client);
    }
    return waiting;
}

/* ---- comparing ---- */

static void count_opening(void *arg, const Wire__Event *event) {
    struct ledger *ledger = arg;
    const char *content = value_text(event->fields, event->n_fields, "content");
    size_t number = 0;

    if (!text_starts(content, "ledger ") || !strstr(event->topic, ".open")) {
        return;
    }
    ledger->state.opened++;
    if (sscanf(content, "ledger %zu", &number) != 1 || number >= ledger->count) {
        ledger->state.foreign++;
        return;
    }
    struct entry *entry = &ledger->entries[number];
    entry->found++;
    ledger->state.twice += entry->found > 1;
    CHECK(!entry->acknowledged || text_eq(entry->case_no, event->case_no));
}

struct ledger_state ledger_compare(struct ledger *ledger) {
    ledger->state = (struct ledger_state){
        .entries = ledger->count, .unknown = ledger->unknown, .borne = ledger->borne};
    for (size_t i = 0; i < ledger->count; i++) {
        ledger->entries[i].found = 0;
    }
    (void)events_each(ledger->house, "ticketing", count_opening, ledger);
    for (size_t i = 0; i < ledger->count; i++) {
        const struct entry *entry = &ledger->entries[i];
        ledger->state.acknowledged += entry->acknowledged;
        ledger->state.lost += entry->acknowledged && entry->found == 0;
    }
    return ledger->state;
}

void ledger_check(struct ledger *ledger) {
    struct ledger_state state = ledger_compare(ledger);

    (void)printf("# %zu cases asked for, %zu acknowledged, %zu unknown resolved, %zu refused for a "
                 "while; lost %zu, twice %zu\n",
                 state.entries, state.acknowledged, state.unknown, state.borne, state.lost,
                 state.twice);
    CHECK(state.entries > 0);
    CHECK(state.acknowledged == state.entries);
    CHECK(state.lost == 0 && state.twice == 0 && state.foreign == 0);
    CHECK(state.opened == state.entries);
}

/* ---- events ---- */

struct walk {
    uint64_t after;
    uint64_t seq[2]; /* of each lane */
};

static void step(struct walk *walk, const Wire__Event *event) {
    CHECK(event->position == walk->after + 1); /* order without gaps, */
    walk->after = event->position;
    CHECK(event->seq == ++walk->seq[event->lane]); /* and in each lane */
}

uint64_t events_each(struct house *house, const char *service, event_look *look, void *arg) {
    struct walk walk = {0};
    struct err err = {0};

    for (;;) {
        Core__ListEventsRequest request = CORE__LIST_EVENTS_REQUEST__INIT;
        struct client_request raw = {.method = "shouwen.core.v1.Core/ListEvents"};
        struct client_answer answer = {0};
        uint8_t packed[REQUEST_SIZE];
        request.after = walk.after;
        request.max = PAGE;
        raw.payload = (struct bytes){packed, core__list_events_request__pack(&request, packed)};
        CHECK_OK(session_token(house->session, "system", &raw.token, &err), err);
        CHECK_OK(session_raw(house->session, service, &raw, &answer, &err), err);
        Core__ListEventsReply *reply = core__list_events_reply__unpack(
            NULL, answer.reply->payload.len, answer.reply->payload.data);
        CHECK(reply);
        size_t n = reply->n_events;
        for (size_t i = 0; i < n; i++) {
            step(&walk, reply->events[i]);
            look(arg, reply->events[i]);
        }
        core__list_events_reply__free_unpacked(reply, NULL);
        if (n == 0) {
            return walk.after;
        }
    }
}

bool events_intact(struct house *house, const char *service) {
    struct err err = {0};
    Core__VerifyEventsRequest request = CORE__VERIFY_EVENTS_REQUEST__INIT;
    bool intact = true;

    do {
        struct client_request raw = {.method = "shouwen.core.v1.Core/VerifyEvents",
                                     .timeout_ms = VERIFY_MS};
        struct client_answer answer = {0};
        uint8_t packed[REQUEST_SIZE];
        raw.payload = (struct bytes){packed, core__verify_events_request__pack(&request, packed)};
        CHECK_OK(session_token(house->session, "system", &raw.token, &err), err);
        CHECK_OK(session_raw(house->session, service, &raw, &answer, &err), err);
        Core__VerifyEventsReply *reply = core__verify_events_reply__unpack(
            NULL, answer.reply->payload.len, answer.reply->payload.data);
        CHECK(reply);
        intact = intact && reply->intact;
        request.after = reply->next;
        core__verify_events_reply__free_unpacked(reply, NULL);
    } while (intact && request.after > 0);
    return intact;
}

static void only_walk(void *arg, const Wire__Event *event) {
    (void)arg;
    (void)event;
}

void events_check(struct house *house) {
    for (size_t i = 0; instance_services[i]; i++) {
        (void)events_each(house, instance_services[i], only_walk, NULL);
        CHECK(events_intact(house, instance_services[i]));
    }
}
