/*
 * cases - the mechanisms of the procedure engine, on a procedure that the department's
 * manual does not have: a library loan, one file put beside the others.
 */
#include "base/text.h"
#include "core/timer.h"
#include "engine_aid.h"
#include "services/ticketing/ticketing.h"
#include "store/query.h"

static struct engine engine;

static void run(const char *command) {
    CHECK(system(command) == 0);
}

static void begin(void) {
    char folder[] = "/tmp/test_cases_XXXXXX";
    char command[400];

    CHECK(mkdtemp(folder));
    (void)snprintf(command, sizeof command,
                   "cp -r manual %s/manual && cp tests/manuals/loan/library_loan.yaml"
                   " %s/manual/procedures/",
                   folder, folder);
    run(command);
    (void)snprintf(command, sizeof command, "%s/manual", folder);
    engine_start(&engine, &ticketing_def, command, 0);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    run(command);
}

static const char *lend(const char *reader, const char *rank) {
    char who[40], place[40];

    (void)snprintf(who, sizeof who, "reader=%s", reader);
    (void)snprintf(place, sizeof place, "rank=%s", rank);
    engine.now_ms += 60 * 1000;
    Cases__OpenCaseReply *reply = engine_open(&engine, "S101", "library_loan", "", NULL,
                                              PAIRS("book=Walden", who, place));
    CHECK(reply && *reply->case_no);
    return reply->case_no;
}

static const char *state(const char *number) {
    return engine_get(&engine, number)->state;
}

static void one_reads_the_others_wait_by_rank_and_age(void) {
    begin();
    const char *first = lend("周涛", "2"), *second = lend("吴刚", "2"), *third = lend("李强", "1"),
               *fourth = lend("孙红", "2");
    CHECK_TEXT(first, "E01-LB001-20250711-0001");
    CHECK_TEXT(state(first), "on_loan");
    CHECK_TEXT(state(second), "wished");
    CHECK(engine_count(&engine, "hold.taken", NULL) == 1);
    CHECK(engine_count(&engine, "hold.waiting", NULL) == 3);
    CHECK_TEXT(engine_must(&engine, "S101", first, "bring_back", NO_PAIRS)->state, "back");
    CHECK_TEXT(state(third), "on_loan"); /* of a higher rank, though it came later */
    CHECK_TEXT(state(second), "wished");
    (void)engine_must(&engine, "S101", second, "drop", NO_PAIRS);
    (void)engine_must(&engine, "S101", third, "bring_back", NO_PAIRS);
    CHECK_TEXT(state(fourth), "on_loan");
    (void)engine_must(&engine, "S101", fourth, "bring_back", NO_PAIRS);
    struct query q = QUERY(core_store(engine.core), "SELECT count(*) FROM hold");
    struct err err = {0};
    CHECK(query_step(&q, &err) == 1 && query_i64(&q, 0) == 0);
    query_end(&q);
    CHECK(engine_count(&engine, "hold.released", NULL) == 4);
    engine_stop(&engine);
}

static void his_turn_pages_him_and_his_answer_moves_the_case(void) {
    begin();
    const char *first = lend("周涛", "1"), *second = lend("吴刚", "1");
    (void)engine_must(&engine, "S101", first, "bring_back", NO_PAIRS);
    Wire__Event *asked = engine_last(&engine, "page.asked", second);
    CHECK(asked);
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "to"), "S403");
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "ladder"), "C");
    Wire__Event answer = WIRE__EVENT__INIT;
    struct values fields = {.arena = engine.scratch};
    values_add_text(&fields, "fire", value_text(asked->fields, asked->n_fields, "ack"));
    answer.topic = "page.acknowledged";
    answer.case_no = second;
    answer.actor = "S403";
    answer.service = "notify";
    answer.fields = fields.list;
    answer.n_fields = fields.count;
    engine_feed(&engine, &answer);
    engine_settle(&engine);
    Cases__Case *kase = engine_get(&engine, second);
    CHECK(value_i64(kase->fields, kase->n_fields, "fetched_at", 0) != 0);
    engine_refused(&engine, "S402", second, "fetch", NO_PAIRS, "event_not_yours");
    engine_stop(&engine);
}

static void the_clock_runs_by_its_marks_and_fires_at_the_limit(void) {
    begin();
    const char *number = lend("周涛", "1");
    const int64_t from = engine.now_ms, day = INT64_C(24) * 3600 * 1000;
    engine_advance(&engine, from + 3 * day * 7 / 10 - 1);
    CHECK(engine_count(&engine, "clock.warned", number) == 0);
    engine_advance(&engine, from + 3 * day * 7 / 10);
    CHECK(engine_count(&engine, "clock.warned", number) == 1);
    engine_advance(&engine, from + 3 * day);
    CHECK(engine_count(&engine, "clock.due", number) == 1);
    CHECK(engine_last(&engine, "clock.due", number)->event_ms == from + 3 * day);
    CHECK_TEXT(state(number), "too_long");
    CHECK(engine_last(&engine, "library_loan.grow_late", number)->event_ms == from + 3 * day);
    CHECK(engine_count(&engine, "tell.asked", number) == 1);
    engine_advance(&engine, from + 3 * day * 3 / 2);
    CHECK(engine_count(&engine, "clock.over", number) == 1);
    engine_advance(&engine, from + 6 * day);
    CHECK(engine_count(&engine, "clock.over", number) == 2);
    engine_advance(&engine, from + 30 * day);
    CHECK(engine_count(&engine, "clock.over", number) == 2);
    const Cases__CaseClock *clock = engine_clock(engine_get(&engine, number), "loan");
    CHECK_TEXT(clock->result, "overdue");
    (void)engine_must(&engine, "S101", number, "bring_back", NO_PAIRS);
    CHECK_TEXT(engine_clock(engine_get(&engine, number), "loan")->result, "late");
    engine_stop(&engine);
}

static void a_stop_of_the_service_loses_no_mark(void) {
    begin();
    const char *number = lend("周涛", "1");
    const int64_t from = engine.now_ms, day = INT64_C(24) * 3600 * 1000;
    engine.now_ms = from + 20 * day; /* nothing ran meanwhile */
    engine_settle(&engine);
    CHECK(engine_count(&engine, "clock.warned", number) == 1);
    CHECK(engine_count(&engine, "clock.due", number) == 1);
    CHECK(engine_count(&engine, "clock.over", number) == 2);
    CHECK(engine_last(&engine, "clock.due", number)->event_ms == from + 3 * day);
    Wire__Event *last = engine_last(&engine, "clock.over", number);
    CHECK(!value_flag(last->fields, last->n_fields, "past"));
    last = engine_last(&engine, "clock.due", number);
    CHECK(value_flag(last->fields, last->n_fields, "past")); /* the higher one pages */
    engine_stop(&engine);
}

static void numbers_follow_the_series_and_the_day_of_entry(void) {
    begin();
    CHECK_TEXT(lend("周涛", "1"), "E01-LB001-20250711-0001");
    CHECK_TEXT(lend("周涛", "1"), "E01-LB001-20250711-0002");
    engine_advance(&engine, engine_at(24, 1));
    CHECK_TEXT(lend("周涛", "1"), "E01-LB001-20250712-0001");
    engine_stop(&engine);
}

/* ---- groups ---- */

static void play(size_t group_max) {
    static const char *const readers[] = {"周涛", "吴刚", "李强", "孙红"};
    char folder[] = "manual";

    engine_start(&engine, &ticketing_def, folder, group_max);
    engine_advance(&engine, engine_at(9, 0));
    for (int i = 0; i < 40; i++) {
        Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
        Cases__Caller caller = CASES__CALLER__INIT;
        request.procedure = "repair";
        request.unit = i % 2 ? "2-1-501" : i % 3 ? "9-1-302" : "nonsense";
        request.new_matter = i % 5 == 0;
        caller.name = readers[i % 4];
        caller.phone = "13800000000";
        request.caller = &caller;
        request.channel = "call";
        request.fields = engine_fields(&engine,
                                       PAIRS("urgency=E2", i % 7 ? "trade=water" : "trade=power",
                                             "scope=private", "place=x", "content=y"),
                                       &request.n_fields);
        CHECK(engine_push(&engine, "S101", "OpenCase", &request.base, NULL));
    }
    for (int i = 0; i < 60; i++) {
        engine_settle(&engine); /* alone, each of the forty needs a step of its own */
    }
    engine_advance(&engine, engine_at(9, 30));
}

static void groups_of_1_and_of_256_give_equal_events(void) {
    play(1);
    char *one = strdup(engine_events(&engine));
    engine_stop(&engine);
    play(256);
    CHECK(strlen(one) > 10000);
    CHECK_TEXT(engine_events(&engine), one);
    engine_stop(&engine);
    free(one);
}

/* Printed, not checked here: the floor is the bench's. */
static void a_contact_takes_few_statements(void) {
    begin();
    struct err err = {0};
    struct query q = QUERY(core_store(engine.core), "SELECT count(*) FROM event");
    CHECK(query_step(&q, &err) == 1);
    const int64_t before = query_i64(&q, 0);
    query_end(&q);
    CHECK(engine_open(&engine, "S101", "contact", "2-1-501", "孙先生",
                      PAIRS("category=inquiry", "content=x")));
    q = QUERY(core_store(engine.core), "SELECT count(*) FROM event");
    CHECK(query_step(&q, &err) == 1);
    CHECK(query_i64(&q, 0) - before <= 5); /* the contact, its clocks */
    query_end(&q);
    engine_stop(&engine);
}

static const struct test tests[] = {
    TEST(one_reads_the_others_wait_by_rank_and_age),
    TEST(his_turn_pages_him_and_his_answer_moves_the_case),
    TEST(the_clock_runs_by_its_marks_and_fires_at_the_limit),
    TEST(a_stop_of_the_service_loses_no_mark),
    TEST(numbers_follow_the_series_and_the_day_of_entry),
    TEST(groups_of_1_and_of_256_give_equal_events),
    TEST(a_contact_takes_few_statements),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
