/*
 * ticketing over the department's real manual: what its procedures promise.
 */
#include "base/text.h"
#include "core/timer.h"
#include "engine/fold.h"
#include "engine/revision.h"
#include "engine_aid.h"
#include "services/ticketing/ticketing.h"
#include "store/query.h"

static struct engine engine;

static const char *const leak_fields[] = {"urgency=E1", "trade=water",        "scope=private",
                                          "place=厨房", "content=burst pipe", NULL};

static void begin(void) {
    engine_start(&engine, &ticketing_def, "manual", 0);
    engine_advance(&engine, engine_at(22, 14));
}

/* A burst pipe at 22:14, reported by telephone to 王丽. */
static const char *leak(void) {
    Cases__OpenCaseReply *reply = engine_open(&engine, "S101", "repair", "2-1-501", "孙先生",
                                              leak_fields);

    CHECK(reply && *reply->case_no);
    return reply->case_no;
}

static void check_clock(const char *number, const char *name, const char *result, int64_t due_ms) {
    const Cases__CaseClock *clock = engine_clock(engine_get(&engine, number), name);

    CHECK(clock);
    CHECK_TEXT(clock->result, result);
    CHECK(clock->due_ms == due_ms);
}

/* ---- opening ---- */

static void a_call_makes_a_contact_and_a_case_of_one_owner(void) {
    begin();
    Cases__OpenCaseReply *reply = engine_open(&engine, "S101", "repair", "2-1-501", "孙先生",
                                              leak_fields);
    CHECK(reply);
    CHECK_TEXT(reply->case_no, "E01-KF011-20250711-0001");
    CHECK_TEXT(reply->contact_no, "E01-KF002-20250711-0001");
    CHECK_TEXT(reply->case_->state, "registered");
    CHECK_TEXT(reply->case_->parent, reply->contact_no);
    CHECK_TEXT(reply->case_->first_contact_owner, "S101");
    CHECK(reply->case_->contacts == 1 && reply->case_->trips == 1 && reply->case_->round == 1);
    Cases__Case *contact = engine_get(&engine, reply->contact_no);
    CHECK_TEXT(contact->state, "converted");
    CHECK_TEXT(contact->first_contact_owner, "S101");
    CHECK_TEXT(engine_field(contact, "caller_name"), "孙先生");
    CHECK(contact->n_children == 1);
    engine_stop(&engine);
}

static void phones_are_masked_and_found_in_no_table(void) {
    begin();
    const char *number = leak();
    CHECK_TEXT(engine_field(engine_get(&engine, number), "phone"), "138****0000");
    CHECK(!strstr(engine_dump(&engine), "3133383030303030303030")); /* in hex */
    CHECK(!strstr(engine_events(&engine), "3133383030303030303030"));
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;
    request.case_no = number;
    request.unmask = true;
    CHECK(!engine_ask(&engine, "S101", "GetCase", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "fields_missing");
    request.reason = "calling back";
    Cases__GetCaseReply *reply = engine_ask(&engine, "S101", "GetCase", &request.base, NULL);
    CHECK(reply);
    CHECK_TEXT(engine_field(reply->case_, "phone"), "13800000000");
    CHECK(engine_count(&engine, "case.unmasked", number) == 1);
    engine_stop(&engine);
}

static void what_is_missing_is_named(void) {
    begin();
    Cases__OpenCaseReply *reply = engine_open(&engine, "S101", "repair", "2-1-501", NULL,
                                              PAIRS("urgency=E1", "trade=water"));
    CHECK(reply); /* with fields missing it is only reported */
    CHECK_TEXT(reply->case_->state, "reported");
    engine_refused(&engine, "S101", reply->case_no, "register", NO_PAIRS, "fields_missing");
    const char *missing = "";
    for (size_t i = 0; i < engine.reply->n_details; i++) {
        if (text_eq(engine.reply->details[i]->key, "missing")) {
            missing = engine.reply->details[i]->text;
        }
    }
    CHECK_TEXT(missing, "scope;place;content");
    Cases__Case *kase = engine_must(&engine, "S102", reply->case_no, "register",
                                    PAIRS("scope=private", "place=厨房", "content=wet"));
    CHECK_TEXT(kase->state, "registered");
    engine_stop(&engine);
}

static void a_number_that_is_no_time_is_refused(void) {
    static const int64_t numbers[] = {INT64_MAX, INT64_MIN, INT64_C(253402300800000)};
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Wire__Value value = WIRE__VALUE__INIT, *list = &value;

    begin();
    value.key = "slot_from";
    value.kind_case = WIRE__VALUE__KIND_MS;
    request.procedure = "repair";
    request.unit = "2-1-501";
    request.fields = &list;
    request.n_fields = 1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        value.ms = numbers[i];
        CHECK(!engine_ask(&engine, "S101", "OpenCase", &request.base, NULL));
        CHECK_TEXT(engine.reply->rule, "field_type");
    }
    engine_stop(&engine);
}

static void bad_input_is_refused_and_changes_nothing(void) {
    static const struct {
        const char *pair, *rule;
    } cases[] = {
        {"urgency=E9", "field_choice"},
        {"colour=red", "field_unknown"},
        {"photos=many", "field_type"},
        {"slot_from=tomorrow", "field_type"},
        {"technician=谁", "staff_unknown"},
        {"quote=12.345", "field_type"},
        {"phone=call me", "phone_wrong"},
        {"place=a\x01"
         "b",
         "text_control"},
        {"place=\xff", "text_utf8"},
    };
    begin();
    const char *before = engine_dump(&engine);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(!engine_open(&engine, "S101", "repair", "2-1-501", NULL, PAIRS(cases[i].pair)));
        CHECK_TEXT(engine.reply->rule, cases[i].rule);
        CHECK_TEXT(engine_dump(&engine), before);
    }
    CHECK(!engine_open(&engine, "S101", "repair", "99-9-999", NULL, leak_fields));
    CHECK_TEXT(engine.reply->rule, "unit_unknown");
    CHECK(!engine_open(&engine, "S101", "nonsense", "2-1-501", NULL, leak_fields));
    CHECK_TEXT(engine.reply->rule, "procedure_unknown");
    CHECK(!engine_open(&engine, "S101", "round", "", NULL, NO_PAIRS));
    CHECK_TEXT(engine.reply->rule, "procedure_elsewhere");
    CHECK_TEXT(engine_dump(&engine), before);
    engine_stop(&engine);
}

static void the_same_matter_is_offered_and_opens_nothing(void) {
    begin();
    const char *number = leak();
    const char *before = engine_dump(&engine);
    Cases__OpenCaseReply *reply = engine_open(&engine, "S102", "repair", "2-1-501", "孙先生",
                                              leak_fields);
    CHECK(reply && !*reply->case_no && reply->n_offers == 1);
    CHECK_TEXT(reply->offers[0], number);
    CHECK_TEXT(engine_dump(&engine), before);
    engine_stop(&engine);
}

static void the_third_contact_raises_the_urgency(void) {
    begin();
    Cases__OpenCaseReply *reply = engine_open(
        &engine, "S101", "repair", "9-1-302", "业主",
        PAIRS("urgency=E2", "trade=water", "scope=private", "place=卫生间", "content=no water"));
    const char *number = reply->case_no;
    const int64_t first_due = engine_clock(reply->case_, "onsite")->due_ms;
    Cases__LinkContactRequest request = CASES__LINK_CONTACT_REQUEST__INIT;
    request.case_no = number;
    request.fields = engine_fields(&engine, PAIRS("text=still no water"), &request.n_fields);
    CHECK(first_due == engine.now_ms + INT64_C(30) * 60 * 1000);
    Cases__LinkContactReply *linked = engine_ask(&engine, "S102", "LinkContact", &request.base,
                                                 NULL);
    CHECK(linked && linked->case_->contacts == 2);
    CHECK_TEXT(engine_field(linked->case_, "urgency"), "E2");
    engine_advance(&engine, first_due + 60000);
    linked = engine_ask(&engine, "S102", "LinkContact", &request.base, NULL);
    CHECK(linked && linked->case_->contacts == 3);
    CHECK_TEXT(engine_field(linked->case_, "urgency"), "E1");
    CHECK_TEXT(linked->case_->first_contact_owner, "S101");
    /* The first limit keeps its result; the new one runs from now. */
    const Cases__CaseClock *clock = engine_clock(linked->case_, "onsite");
    CHECK(clock->round == 2 && clock->due_ms == engine.now_ms + INT64_C(15) * 60 * 1000);
    bool kept = false;
    for (size_t i = 0; i < linked->case_->n_clocks; i++) {
        const Cases__CaseClock *one = linked->case_->clocks[i];
        kept = kept
               || (text_eq(one->name, "onsite") && one->round == 1
                   && text_eq(one->result, "overdue") && one->due_ms == first_due);
    }
    CHECK(kept);
    engine_stop(&engine);
}

/* ---- who may ---- */

static void an_act_needs_its_state_and_its_person(void) {
    begin();
    const char *number = leak();
    engine_refused(&engine, "S402", number, "arrive", NO_PAIRS, "event_not_here");
    engine_refused(&engine, "S402", number, "dispatch", PAIRS("assignee=周涛"), "event_not_yours");
    engine_refused(&engine, "S401", number, "dance", NO_PAIRS, "event_unknown");
    engine_refused(&engine, "S401", number, "dispatch", NO_PAIRS, "fields_missing");
    Cases__Case *kase = engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    CHECK_TEXT(kase->state, "dispatched");
    CHECK_TEXT(kase->handler, "S402");
    CHECK_TEXT(kase->dept, "engineering");
    engine_refused(&engine, "S403", number, "arrive", NO_PAIRS, "event_not_yours");
    CHECK(!engine_fire(&engine, "S401", "E01-KF011-20250711-9999", "dispatch", NO_PAIRS));
    CHECK_TEXT(engine.reply->rule, "case_unknown");
    engine_stop(&engine);
}

static void whoever_has_the_post_tonight_may_what_it_may(void) {
    begin();
    const char *number = leak();
    /* 王丽 has the desk's post, which is the duty officer's; 张敏 has not. */
    engine_refused(&engine, "S102", number, "dispatch", PAIRS("assignee=周涛"), "event_not_yours");
    (void)engine_must(&engine, "S101", number, "dispatch", PAIRS("assignee=周涛"));
    CHECK_TEXT(engine_last(&engine, "repair.dispatch", number)->role, "duty");
    engine_stop(&engine);
}

static void the_first_contact_owner_stays(void) {
    begin();
    const char *number = leak();
    engine_refused(&engine, "S101", number, "trip", PAIRS("first_contact_owner=张敏"),
                   "owner_kept");
    engine_refused(&engine, "S102", number, "change_first_owner",
                   PAIRS("first_contact_owner=张敏", "reason=shift over"), "event_not_yours");
    Cases__Case *kase = engine_must(&engine, "S301", number, "change_first_owner",
                                    PAIRS("first_contact_owner=张敏", "reason=long leave"));
    CHECK_TEXT(kase->first_contact_owner, "S102");
    engine_stop(&engine);
}

/* ---- the page ---- */

static void answer_page(const char *number, const char *staff, const char *fire) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values fields = {.arena = engine.scratch};

    values_add_text(&fields, "fire", fire);
    values_add_text(&fields, "to", staff);
    event.topic = "page.acknowledged";
    event.case_no = number;
    event.actor = staff;
    event.service = "notify";
    event.fields = fields.list;
    event.n_fields = fields.count;
    engine_feed(&engine, &event);
    engine_settle(&engine);
}

static void whoever_was_paged_and_answers_has_it(void) {
    begin();
    const char *number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    Wire__Event *asked = engine_last(&engine, "page.asked", number);
    CHECK(asked && asked->lane == WIRE__LANE__URGENT);
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "to"), "S402");
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "ladder"), "B");
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "class"), "E1");
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "ack"), "ack");
    answer_page(number, "S403", "ack");
    Cases__Case *kase = engine_get(&engine, number);
    CHECK_TEXT(kase->state, "acknowledged");
    CHECK_TEXT(kase->handler, "S403");
    CHECK_TEXT(engine_field(kase, "technician"), "S403");
    CHECK(engine_count(&engine, "page.ended", number) == 1);
    /* A second answer comes too late and changes nothing. */
    const char *before = engine_dump(&engine);
    answer_page(number, "S402", "ack");
    CHECK_TEXT(engine_dump(&engine), before);
    engine_stop(&engine);
}

static void the_doer_does_not_visit(void) {
    begin();
    const char *number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "start", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "done", PAIRS("result=fixed", "photos=2"));
    const char *visit = engine_child(&engine, number, "return_visit");
    CHECK(*visit);
    CHECK_TEXT(engine_get(&engine, visit)->state, "due");
    engine_refused(&engine, "S402", visit, "rate", PAIRS("way=phone", "overall=5", "rework=false"),
                   "event_not_yours");
    Cases__Case *kase = engine_must(&engine, "S102", visit, "rate",
                                    PAIRS("way=phone", "overall=5", "rework=false"));
    CHECK_TEXT(kase->state, "rated");
    CHECK_TEXT(engine_get(&engine, number)->state, "closed");
    engine_stop(&engine);
}

/* Who could visit, had he not done the work. */
static void the_doer_does_not_visit_whatever_his_post(void) {
    begin();
    Cases__OpenCaseReply *reply = engine_open(&engine, "S102", "repair", "2-1-501", "孙先生",
                                              leak_fields);
    CHECK(reply);
    (void)engine_must(&engine, "S401", reply->case_no, "dispatch", PAIRS("assignee=王丽"));
    (void)engine_must(&engine, "S101", reply->case_no, "arrive", NO_PAIRS);
    (void)engine_must(&engine, "S101", reply->case_no, "start", NO_PAIRS);
    (void)engine_must(&engine, "S101", reply->case_no, "done", PAIRS("result=fixed", "photos=2"));
    const char *visit = engine_child(&engine, reply->case_no, "return_visit");
    CHECK(*visit);
    engine_refused(&engine, "S101", visit, "rate", PAIRS("way=phone", "overall=5", "rework=false"),
                   "event_not_yours");
    (void)engine_must(&engine, "S102", visit, "rate",
                      PAIRS("way=phone", "overall=5", "rework=false"));
    engine_stop(&engine);
}

/* ---- time ---- */

static void at_the_limit_is_in_time_and_after_it_is_late(void) {
    begin();
    const char *number = leak();
    const int64_t due = engine_at(22, 29);
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    check_clock(number, "onsite", "running", due);
    engine_advance(&engine, due - 1);
    CHECK(engine_count(&engine, "clock.due", number) == 0 || engine_get(&engine, number));
    engine.now_ms = due; /* the act comes at the very instant, before the timer */
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    check_clock(number, "onsite", "met", due);
    engine_stop(&engine);

    begin();
    number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    engine_advance(&engine, due + 1);
    check_clock(number, "onsite", "overdue", due);
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    check_clock(number, "onsite", "late", due);
    engine_stop(&engine);
}

static void an_urgent_case_dispatches_itself_at_the_limit(void) {
    begin();
    const char *number = leak();
    engine_advance(&engine, engine_at(22, 16) + 1);
    Cases__Case *kase = engine_get(&engine, number);
    CHECK_TEXT(kase->state, "dispatched");
    CHECK_TEXT(kase->handler, "S402"); /* the first on duty */
    CHECK_TEXT(engine_last(&engine, "repair.auto_dispatch", number)->actor, "system");
    engine_stop(&engine);
}

static void each_mark_is_recorded_once_at_its_time(void) {
    begin();
    const char *number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    engine_advance(&engine, engine_at(22, 30));
    Wire__Event *due = NULL;
    for (int hour = 22; hour < 24; hour++) {
        engine_advance(&engine, engine_at(hour, 59));
    }
    engine_advance(&engine, engine_at(24, 30));
    due = engine_last(&engine, "clock.over", number);
    CHECK(due && due->lane == WIRE__LANE__URGENT);
    CHECK_TEXT(value_text(due->fields, due->n_fields, "urgency"), "E1");
    int marks[4] = {0};
    for (int m = 0; m < 4; m++) {
        static const char *const topics[] = {"clock.warned", "clock.due", "clock.over",
                                             "clock.over"};
        marks[m] = engine_count(&engine, topics[m], number);
    }
    CHECK(marks[0] >= 1 && marks[1] >= 2 && marks[2] >= 2);
    CHECK(engine_count(&engine, "clock.warned", number) == marks[0]);
    const char *before = engine_events(&engine);
    engine_advance(&engine, engine.now_ms);
    CHECK_TEXT(engine_events(&engine), before);
    engine_stop(&engine);
}

static void a_late_entry_runs_from_its_event(void) {
    begin();
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    request.procedure = "repair";
    request.unit = "2-1-501";
    request.fields = engine_fields(&engine,
                                   PAIRS("urgency=E1", "trade=water", "scope=private", "place=厨房",
                                         "content=x", "phone=13800000000"),
                                   &request.n_fields);
    request.event_ms = engine.now_ms + 1;
    CHECK(!engine_ask(&engine, "S101", "OpenCase", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "entry_future");
    request.event_ms = engine.now_ms - INT64_C(31) * 24 * 3600 * 1000;
    CHECK(!engine_ask(&engine, "S101", "OpenCase", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "entry_old");
    request.event_ms = engine_at(20, 0);
    Cases__OpenCaseReply *reply = engine_ask(&engine, "S101", "OpenCase", &request.base, NULL);
    CHECK(reply && reply->case_->late_entry);
    CHECK(reply->case_->event_ms == engine_at(20, 0));
    CHECK(reply->case_->entered_ms == engine.now_ms);
    CHECK_TEXT(reply->case_no, "E01-KF011-20250711-0001"); /* by the day of entry */
    engine_settle(&engine);
    /* Steps that are past are recorded one by one; only the highest of a clock pages. */
    check_clock(reply->case_no, "onsite", "overdue", engine_at(20, 15));
    int pages = 0;
    ProtobufCAllocator allocator = arena_protobuf(engine.scratch);
    struct query q = QUERY(core_store(engine.core), "SELECT body FROM event ORDER BY position");
    struct err err = {0};
    while (query_step(&q, &err) == 1) {
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine.scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        if (text_starts(event->topic, "clock.") && event->lane == WIRE__LANE__URGENT
            && text_eq(value_text(event->fields, event->n_fields, "clock"), "onsite")) {
            pages += !value_flag(event->fields, event->n_fields, "past");
        }
    }
    CHECK(pages == 1);
    engine_refused(&engine, "S101", reply->case_no, "trip", PAIRS("nonsense=1"), "field_unknown");
    engine_stop(&engine);
}

static void a_pause_for_the_resident_stops_the_clock(void) {
    begin();
    const char *number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    const int64_t due = engine_at(24 + 22, 14);
    check_clock(number, "finish", "running", due);
    engine_advance(&engine, engine_at(23, 0));
    Cases__Case *kase = engine_must(
        &engine, "S402", number, "pause",
        PAIRS("pause_reason=resident", "new_promise=2025-07-12T10:00:00+08:00"));
    CHECK_TEXT(kase->state, "paused");
    CHECK_TEXT(engine_clock(kase, "finish")->result, "paused");
    engine_advance(&engine, engine_at(24, 0));
    kase = engine_must(&engine, "S402", number, "resume", NO_PAIRS);
    CHECK_TEXT(kase->state, "on_site"); /* where it was before */
    check_clock(number, "finish", "running", due + INT64_C(3600) * 1000);
    engine_stop(&engine);
}

static void within_seven_days_the_same_case_opens_again(void) {
    begin();
    const char *number = leak();
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "start", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "done", PAIRS("result=fixed", "photos=2"));
    const char *visit = engine_child(&engine, number, "return_visit");
    (void)engine_must(&engine, "S102", visit, "rate",
                      PAIRS("way=phone", "overall=5", "rework=false"));
    const int64_t closed = engine.now_ms;
    Cases__Case *kase = engine_get(&engine, number);
    CHECK(kase->closed_ms == closed);
    engine_advance(&engine, closed + INT64_C(7) * 24 * 3600 * 1000 + 1);
    engine_refused(&engine, "S102", number, "reopen", NO_PAIRS, "event_not_now");
    engine_stop(&engine);

    begin();
    number = leak();
    (void)engine_must(&engine, "S101", number, "cancel", PAIRS("reason=resident's wish"));
    engine_refused(&engine, "S102", number, "reopen", NO_PAIRS, "event_not_here");
    engine_refused(&engine, "S102", number, "link", NO_PAIRS, "event_not_here");
    for (size_t i = 0; i < engine_get(&engine, number)->n_clocks; i++) {
        CHECK(engine_get(&engine, number)->clocks[i]->ended_ms != 0);
    }
    engine_stop(&engine);
}

/* ---- the store ---- */

/* What a patrol saw needs nobody's telephone number, and is due like any other. */
static void what_a_patrol_reports_has_its_limits(void) {
    begin();
    Cases__OpenCaseReply *reply = engine_open(&engine, "S201", "repair", "", NULL,
                                              PAIRS("channel=patrol", "scope=common", "trade=other",
                                                    "urgency=E1", "place=stairs", "content=lamp"));
    CHECK(reply);
    const char *number = reply->case_->case_no;
    const int64_t minutes = INT64_C(60) * 1000;
    CHECK_TEXT(reply->case_->state, "registered");
    check_clock(number, "dispatch", "running", engine.now_ms + 2 * minutes);
    check_clock(number, "onsite", "running", engine.now_ms + 15 * minutes);
    engine_advance(&engine, engine.now_ms + 2 * minutes);
    CHECK_TEXT(engine_get(&engine, number)->state, "dispatched");
    engine_stop(&engine);
}

/* A leak is looked at again a month after it was closed, whatever is corrected until then. */
static void what_the_end_began_outlives_a_correction(void) {
    begin();
    const char *number = leak();
    const int64_t day = INT64_C(24) * 3600 * 1000;
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=S402"));
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "start", NO_PAIRS);
    (void)engine_must(&engine, "S402", number, "done", PAIRS("result=fixed", "photos=2"));
    const char *visit = engine_child(&engine, number, "return_visit");
    (void)engine_must(&engine, "S102", visit, "rate",
                      PAIRS("way=phone", "overall=5", "rework=false"));
    CHECK_TEXT(engine_get(&engine, number)->state, "closed");
    (void)engine_must(&engine, "S101", number, "correct", PAIRS("reason=wrong room"));
    CHECK_TEXT(engine_clock(engine_get(&engine, number), "leak")->result, "running");
    engine_advance(&engine, engine.now_ms + 31 * day);
    CHECK(engine_count(&engine, "repair.second_visit", number) == 1);
    CHECK(strcmp(engine_child(&engine, number, "return_visit"), visit) != 0);
    engine_stop(&engine);
}

static void the_same_request_again_changes_nothing(void) {
    begin();
    const char *number = leak();
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    request.case_no = number;
    request.event = "trip";
    uint8_t *id = engine_id(&engine);
    CHECK(engine_ask(&engine, "S101", "FireEvent", &request.base, id));
    const char *before = engine_events(&engine);
    Cases__FireEventReply *again = engine_ask(&engine, "S101", "FireEvent", &request.base, id);
    CHECK(again && again->case_->trips == 2);
    CHECK_TEXT(engine_events(&engine), before);
    request.event = "link";
    CHECK(!engine_ask(&engine, "S101", "FireEvent", &request.base, id));
    CHECK(engine.reply->code == WIRE__CODE__INVALID_ARGUMENT);
    engine_stop(&engine);
}

/* What the tables hold is what the events say: another store folds them to the same. */
static void check_fold(struct engine *from) {
    ProtobufCAllocator allocator = arena_protobuf(from->scratch);
    static struct engine other;
    struct actor system = {.staff = "system", .system = true};
    struct err err = {0};

    engine_start(&other, &ticketing_def, "manual", 0);
    CHECK_OK(store_begin(core_store(other.core), &err), err);
    struct query q = QUERY(core_store(from->core), "SELECT body FROM event ORDER BY position");
    while (query_step(&q, &err) == 1) {
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, from->scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        struct call call = {.core = other.core,
                            .store = core_store(other.core),
                            .arena = other.scratch,
                            .now_ms = from->now_ms,
                            .actor = &system,
                            .secrets = &other.secrets,
                            .locale = "en",
                            .event = event,
                            .recovering = true};
        CHECK_OK(fold_event(&call, &err), err);
    }
    CHECK_OK(store_commit(core_store(other.core), &err), err);
    CHECK_TEXT(engine_dump(&other), engine_dump(from));
    engine_stop(&other);
}

static void the_tables_are_a_fold_of_the_events(void) {
    begin();
    const char *number = leak();
    CHECK(engine_open(&engine, "S101", "repair", "3-1-802", "何先生", leak_fields));
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    answer_page(number, "S403", "ack");
    engine_advance(&engine, engine_at(22, 40));
    (void)engine_must(&engine, "S403", number, "nobody_home", PAIRS("note=card left"));
    (void)engine_must(
        &engine, "S101", number, "reschedule",
        PAIRS("slot_from=2025-07-12T09:00:00+08:00", "slot_to=2025-07-12T10:00:00+08:00"));
    (void)engine_must(&engine, "S403", number, "arrive", NO_PAIRS);
    (void)engine_must(&engine, "S403", number, "pause",
                      PAIRS("pause_reason=resident", "new_promise=2025-07-12T10:00:00+08:00"));
    engine_advance(&engine, engine_at(23, 40));
    (void)engine_must(&engine, "S403", number, "resume", NO_PAIRS);
    (void)engine_must(&engine, "S403", number, "start", NO_PAIRS);
    (void)engine_must(&engine, "S403", number, "done", PAIRS("result=fixed", "photos=2"));
    const char *visit = engine_child(&engine, number, "return_visit");
    (void)engine_must(&engine, "S102", visit, "rate",
                      PAIRS("way=phone", "overall=1", "rework=true", "opinion=still drips"));
    CHECK_TEXT(engine_get(&engine, number)->state, "reopened");
    engine_advance(&engine, engine_at(48, 0));
    check_fold(&engine);
    engine_stop(&engine);
}

static void a_running_case_keeps_its_revision(void) {
    begin();
    const char *number = leak();
    engine_manual(&engine, 2, "manual");
    engine_settle(&engine);
    CHECK(engine_get(&engine, number)->revision == 1);
    Cases__OpenCaseReply *reply = engine_open(&engine, "S101", "repair", "3-1-802", "何先生",
                                              leak_fields);
    CHECK(reply && reply->case_->revision == 2);
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    CHECK(engine_last(&engine, "repair.dispatch", number)->revision == 1);
    engine_manual(&engine, 3, "tests/manuals/small"); /* which knows nothing of repairs */
    engine_settle(&engine);
    (void)engine_must(&engine, "S402", number, "arrive", NO_PAIRS);
    engine_stop(&engine);
}

static void lists_show_what_is_owed(void) {
    begin();
    const char *number = leak();
    Cases__ListCasesRequest request = CASES__LIST_CASES_REQUEST__INIT;
    request.list = "unassigned";
    Cases__ListCasesReply *reply = engine_ask(&engine, "S401", "ListCases", &request.base, NULL);
    CHECK(reply && reply->total == 1);
    CHECK_TEXT(reply->cases[0]->case_no, number);
    (void)engine_must(&engine, "S401", number, "dispatch", PAIRS("assignee=周涛"));
    reply = engine_ask(&engine, "S401", "ListCases", &request.base, NULL);
    CHECK(reply && reply->total == 0);
    request.list = "my_cases";
    reply = engine_ask(&engine, "S402", "ListCases", &request.base, NULL);
    CHECK(reply && reply->total == 1);
    request.list = "overdue";
    reply = engine_ask(&engine, "S301", "ListCases", &request.base, NULL);
    CHECK(reply && reply->total == 0);
    engine_advance(&engine, engine_at(23, 0));
    reply = engine_ask(&engine, "S301", "ListCases", &request.base, NULL);
    CHECK(reply && reply->total == 1);
    request.list = "nonsense";
    CHECK(!engine_ask(&engine, "S301", "ListCases", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "list_unknown");
    Cases__ListCasesRequest plain = CASES__LIST_CASES_REQUEST__INIT;
    plain.unit = "2-1-501";
    reply = engine_ask(&engine, "S301", "ListCases", &plain.base, NULL);
    CHECK(reply && reply->total == 2); /* the contact and the repair */
    plain.procedure = "repair";
    reply = engine_ask(&engine, "S301", "ListCases", &plain.base, NULL);
    CHECK(reply && reply->total == 1);
    engine_stop(&engine);
}

static void a_case_says_what_may_be_done_with_it(void) {
    begin();
    const char *number = leak();
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;
    request.case_no = number;
    request.history = true;
    Cases__GetCaseReply *reply = engine_ask(&engine, "S401", "GetCase", &request.base, NULL);
    CHECK(reply && reply->n_history > 0);
    CHECK_TEXT(reply->history[0]->topic, "repair.open");
    bool dispatch = false, arrive = false;
    for (size_t i = 0; i < reply->case_->n_events; i++) {
        dispatch = dispatch || text_eq(reply->case_->events[i], "dispatch");
        arrive = arrive || text_eq(reply->case_->events[i], "arrive");
    }
    CHECK(dispatch && !arrive);
    engine_stop(&engine);
}

static void a_resident_acts_for_his_own_unit_only(void) {
    begin();
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    request.procedure = "repair";
    request.resident = "3-2-1201";
    request.unit = "2-1-501";
    request.fields = engine_fields(&engine, leak_fields, &request.n_fields);
    CHECK(!engine_ask(&engine, "S101", "OpenCase", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "resident_other_unit");
    request.unit = "";
    Cases__OpenCaseReply *reply = engine_ask(&engine, "customer:3-2-1201", "OpenCase",
                                             &request.base, NULL);
    CHECK(reply);
    CHECK_TEXT(reply->case_->state, "reported");
    CHECK_TEXT(reply->case_->unit, "3-2-1201");
    CHECK_TEXT(reply->case_->first_contact_owner, "");
    /* Whoever registers it was reached first. */
    Cases__Case *kase = engine_must(&engine, "S102", reply->case_no, "register", NO_PAIRS);
    CHECK_TEXT(kase->first_contact_owner, "S102");
    engine_refused(&engine, "resident:2-1-501", reply->case_no, "link", NO_PAIRS,
                   "resident_other_unit");
    engine_refused(&engine, "customer:2-1-501", reply->case_no, "link", NO_PAIRS,
                   "event_not_yours");
    (void)engine_must(&engine, "customer:3-2-1201", reply->case_no, "link", NO_PAIRS);
    engine_stop(&engine);
}

static const struct test tests[] = {
    TEST(a_call_makes_a_contact_and_a_case_of_one_owner),
    TEST(phones_are_masked_and_found_in_no_table),
    TEST(what_is_missing_is_named),
    TEST(a_number_that_is_no_time_is_refused),
    TEST(bad_input_is_refused_and_changes_nothing),
    TEST(the_same_matter_is_offered_and_opens_nothing),
    TEST(the_third_contact_raises_the_urgency),
    TEST(an_act_needs_its_state_and_its_person),
    TEST(whoever_has_the_post_tonight_may_what_it_may),
    TEST(the_first_contact_owner_stays),
    TEST(whoever_was_paged_and_answers_has_it),
    TEST(the_doer_does_not_visit),
    TEST(the_doer_does_not_visit_whatever_his_post),
    TEST(at_the_limit_is_in_time_and_after_it_is_late),
    TEST(an_urgent_case_dispatches_itself_at_the_limit),
    TEST(each_mark_is_recorded_once_at_its_time),
    TEST(a_late_entry_runs_from_its_event),
    TEST(a_pause_for_the_resident_stops_the_clock),
    TEST(within_seven_days_the_same_case_opens_again),
    TEST(what_a_patrol_reports_has_its_limits),
    TEST(what_the_end_began_outlives_a_correction),
    TEST(the_same_request_again_changes_nothing),
    TEST(the_tables_are_a_fold_of_the_events),
    TEST(a_running_case_keeps_its_revision),
    TEST(lists_show_what_is_owed),
    TEST(a_case_says_what_may_be_done_with_it),
    TEST(a_resident_acts_for_his_own_unit_only),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
