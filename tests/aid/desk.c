#include "aid/desk.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum { FIELDS_MAX = 8, EVENTS_MAX = 100 };

static ProtobufCMessage *ask(struct house *house, const char *as, const char *method,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *type, struct err *err) {
    house->cli.as = as;
    ProtobufCMessage *reply = session_ask(house->session, method, request, type, err);
    house->cli.as = NULL;
    return reply;
}

static size_t fill(struct arena *arena, const char *const *pairs, Wire__Value ***list) {
    size_t count = 0;

    *list = arena_alloc(arena, FIELDS_MAX * sizeof(Wire__Value *));
    for (size_t i = 0; pairs[i]; i += 2) {
        Wire__Value *value = ARENA_NEW(arena, Wire__Value);
        wire__value__init(value);
        value->key = pairs[i];
        value->kind_case = WIRE__VALUE__KIND_TEXT;
        value->text = pairs[i + 1];
        (*list)[count++] = value;
    }
    return count;
}

struct desk_case desk_open(struct house *house, const char *content, const char *phone) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller = CASES__CALLER__INIT;
    const char *pairs[] = {"urgency", "E1",   "trade",   "water", "scope", "private",
                           "place",   "厨房", "content", content, NULL};
    struct desk_case made = {""};
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    caller.name = "孙先生";
    caller.phone = phone;
    open.caller = &caller;
    open.procedure = "repair";
    open.unit = "2-1-501";
    open.channel = "call";
    open.new_matter = true;
    open.n_fields = fill(house->cli.arena, pairs, &open.fields);
    const Cases__OpenCaseReply *reply = (const Cases__OpenCaseReply *)ask(
        house, "王丽", "shouwen.ticketing.v1.Ticketing/OpenCase", &open.base,
        &cases__open_case_reply__descriptor, &err);
    CHECK_OK(reply == NULL, err);
    (void)snprintf(made.no, sizeof made.no, "%s", reply->case_no);
    CHECK(made.no[0]);
    arena_rewind(house->cli.arena, used);
    return made;
}

const char *desk_fire(struct house *house, const char *as, const char *case_no, const char *event,
                      const char *key, const char *value) {
    static char rule[DESK_TEXT];
    Cases__FireEventRequest fire = CASES__FIRE_EVENT_REQUEST__INIT;
    const char *pairs[] = {key, value, NULL};
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    fire.case_no = case_no;
    fire.event = event;
    fire.n_fields = fill(house->cli.arena, pairs, &fire.fields);
    bool fine = ask(house, as, "shouwen.ticketing.v1.Ticketing/FireEvent", &fire.base,
                    &cases__fire_event_reply__descriptor, &err);
    (void)snprintf(rule, sizeof rule, "%s", fine ? "" : err.rule);
    arena_rewind(house->cli.arena, used);
    return rule;
}

void desk_ack(struct house *house, const char *as, const char *case_no) {
    Notify__AcknowledgeRequest request = NOTIFY__ACKNOWLEDGE_REQUEST__INIT;
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    request.case_no = case_no;
    request.channel = "pager";
    CHECK_OK(!ask(house, as, "shouwen.notify.v1.Notify/Acknowledge", &request.base,
                  &notify__acknowledge_reply__descriptor, &err),
             err);
    arena_rewind(house->cli.arena, used);
}

const char *desk_state(struct house *house, const char *case_no) {
    static char state[DESK_TEXT];
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    request.case_no = case_no;
    const Cases__GetCaseReply *reply = (const Cases__GetCaseReply *)ask(
        house, "王丽", "shouwen.ticketing.v1.Ticketing/GetCase", &request.base,
        &cases__get_case_reply__descriptor, &err);
    (void)snprintf(state, sizeof state, "%s", reply ? reply->case_->state : "");
    arena_rewind(house->cli.arena, used);
    return state;
}

size_t desk_reported(struct house *house, const char *case_no, const char *topic) {
    Reports__QueryEventsRequest query = REPORTS__QUERY_EVENTS_REQUEST__INIT;
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    query.case_no = case_no;
    query.topic = topic ? topic : "";
    query.max = EVENTS_MAX;
    const Reports__QueryEventsReply *reply = (const Reports__QueryEventsReply *)ask(
        house, "郑平", "shouwen.reports.v1.Reports/QueryEvents", &query.base,
        &reports__query_events_reply__descriptor, &err);
    size_t count = reply ? reply->n_events : 0;
    arena_rewind(house->cli.arena, used);
    return count;
}

struct wish {
    struct house *house;
    const char *case_no, *what;
};

static bool has_state(void *arg) {
    const struct wish *wish = arg;
    return text_eq(desk_state(wish->house, wish->case_no), wish->what);
}

static bool is_reported(void *arg) {
    const struct wish *wish = arg;
    return desk_reported(wish->house, wish->case_no, wish->what) > 0;
}

bool desk_waits_state(struct house *house, const char *case_no, const char *state,
                      int64_t wait_ms) {
    struct wish wish = {house, case_no, state};
    return house_wait(has_state, &wish, wait_ms);
}

bool desk_waits_reported(struct house *house, const char *case_no, const char *topic,
                         int64_t wait_ms) {
    struct wish wish = {house, case_no, topic};
    return house_wait(is_reported, &wish, wait_ms);
}
