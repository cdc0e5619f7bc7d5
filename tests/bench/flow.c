#include "bench/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum { CASES_MAX = 16384, IN_FLIGHT = 4096, ARENA = 64 << 10, CASE_SIZE = 48, STEPS_MAX = 8 };

struct flow_case {
    char case_no[CASE_SIZE];
    int64_t due_us; /* of the next step */
    size_t step, times;
};

struct flow {
    const struct flow_kind *kind;
    struct flow_ids *ids;
    struct client *client;
    struct bytes opener, actors[STEPS_MAX];
    struct arena *arena;
    char open[64], fire[64];
    struct sample took;
    int64_t begun_us;
    size_t asked, count, finished;
    struct flow_case cases[CASES_MAX];
    struct flow_case *due[CASES_MAX]; /* a ring: every pause is the same, so it is in order */
    size_t first, waiting;
};

struct flow *flow_new(struct house *house, const struct flow_kind *kind, struct flow_ids *ids) {
    struct flow *flow = calloc(1, sizeof *flow);
    const bool patrol = strcmp(kind->service, "patrol") == 0;
    const char *api = patrol ? "shouwen.patrol.v1.Patrol" : "shouwen.ticketing.v1.Ticketing";

    CHECK(flow);
    flow->kind = kind;
    flow->ids = ids;
    flow->client = house_client(house, kind->service, IN_FLIGHT);
    flow->opener = load_token(house, kind->as);
    for (size_t i = 0; kind->steps[i].event; i++) {
        CHECK(i < STEPS_MAX);
        flow->actors[i] = load_token(house, kind->steps[i].as);
    }
    flow->arena = arena_new(ARENA);
    (void)snprintf(flow->open, sizeof flow->open, "%s/OpenCase", api);
    (void)snprintf(flow->fire, sizeof flow->fire, "%s/FireEvent", api);
    return flow;
}

void flow_free(struct flow *flow) {
    sample_free(&flow->took);
    client_free(flow->client);
    arena_free(flow->arena);
    free(flow);
}

static void ask(struct flow *flow, const char *method, struct bytes token, struct bytes payload,
                struct flow_case *about) {
    struct client_request request = {
        .method = method, .token = token, .payload = payload, .arg = about};
    struct err err = {0};

    CHECK_OK(client_send(flow->client, &request, NULL, &err), err);
    flow->asked++;
}

static void begin_case(struct flow *flow) {
    CHECK(flow->count < CASES_MAX);
    arena_reset(flow->arena);
    ask(flow, flow->open, flow->opener, flow->kind->open(flow->arena, flow->count),
        &flow->cases[flow->count]);
    flow->count++;
}

static void take_step(struct flow *flow, struct flow_case *about) {
    const struct flow_step *step = &flow->kind->steps[about->step];
    Cases__FireEventRequest fire = CASES__FIRE_EVENT_REQUEST__INIT;
    Wire__Value values[FLOW_FIELDS_MAX];
    Wire__Value *list[FLOW_FIELDS_MAX];

    arena_reset(flow->arena);
    fire.case_no = about->case_no;
    fire.event = step->event;
    fire.fields = list;
    for (size_t i = 0; i < FLOW_FIELDS_MAX && step->fields[2 * i]; i++) {
        wire__value__init(&values[i]);
        values[i].key = step->fields[2 * i];
        values[i].kind_case = WIRE__VALUE__KIND_TEXT;
        values[i].text = step->fields[2 * i + 1];
        list[fire.n_fields++] = &values[i];
    }
    size_t size = cases__fire_event_request__get_packed_size(&fire);
    uint8_t *data = arena_alloc(flow->arena, size);
    (void)cases__fire_event_request__pack(&fire, data);
    ask(flow, flow->fire, flow->actors[about->step], (struct bytes){data, size}, about);
}

/* The step of which this is the answer; false: there is none after it. */
static bool next_step(const struct flow *flow, struct flow_case *about) {
    const struct flow_step *step = &flow->kind->steps[about->step];

    if (++about->times >= step->times) {
        about->step++;
        about->times = 0;
    }
    return flow->kind->steps[about->step].event != NULL;
}

static void read_number(struct flow_case *about, const struct client_answer *answer) {
    Cases__OpenCaseReply *reply = cases__open_case_reply__unpack(NULL, answer->reply->payload.len,
                                                                 answer->reply->payload.data);

    CHECK(reply && reply->case_no[0]);
    (void)snprintf(about->case_no, sizeof about->case_no, "%s", reply->case_no);
    cases__open_case_reply__free_unpacked(reply, NULL);
}

static void take_answer(struct flow *flow, const struct client_answer *answer) {
    struct flow_case *about = answer->arg;
    bool opened = about->case_no[0] == '\0';

    if (answer->code != WIRE__CODE__OK) {
        (void)fprintf(stderr, "refused: %s %s: %s\n", about->case_no,
                      opened ? "open" : flow->kind->steps[about->step].event,
                      answer->reply ? answer->reply->message : "no answer");
    }
    CHECK(answer->code == WIRE__CODE__OK);
    CHECK(flow->ids->count < flow->ids->room);
    memcpy(flow->ids->list[flow->ids->count++], answer->id, CLIENT_ID_SIZE);
    sample_add(&flow->took, answer->took_us);
    if (opened) {
        read_number(about, answer);
    }
    if (opened ? flow->kind->steps[0].event != NULL : next_step(flow, about)) {
        about->due_us = bench_now_us() + flow->kind->pause_ms * 1000;
        flow->due[(flow->first + flow->waiting++) % CASES_MAX] = about;
    } else {
        flow->finished++;
    }
}

void flow_turn(struct flow *flow, bool begin) {
    struct client_answer answer;
    int64_t now_us = bench_now_us();

    flow->begun_us = flow->begun_us ? flow->begun_us : now_us;
    while (begin
           && (double)(now_us - flow->begun_us) / 1e6 * flow->kind->per_s > (double)flow->count) {
        begin_case(flow);
    }
    while (flow->waiting > 0 && flow->due[flow->first]->due_us <= now_us) {
        struct flow_case *about = flow->due[flow->first];
        flow->first = (flow->first + 1) % CASES_MAX;
        flow->waiting--;
        take_step(flow, about);
    }
    while (client_next(flow->client, 0, &answer) == 1) {
        take_answer(flow, &answer);
    }
}

size_t flow_asked(const struct flow *flow) {
    return flow->asked;
}

size_t flow_unfinished(const struct flow *flow) {
    return flow->count - flow->finished;
}

void flow_took(struct flow *flow, struct sample *to) {
    for (size_t i = 0; i < flow->took.count; i++) {
        sample_add(to, flow->took.us[i]);
    }
}
