/*
 * patrol - rounds come from the plan and its timer; rosters come whole.
 */
#include "base/text.h"
#include "core/timer.h"
#include "engine/cases.h"
#include "engine_aid.h"
#include "services/patrol/patrol.h"
#include "services/ticketing/ticketing.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"
#include "store/query.h"

static struct engine engine;

static const int64_t hour = INT64_C(3600) * 1000;

static void begin(void) {
    engine_start(&engine, &patrol_def, "manual", 0);
}

static int64_t count(const char *sql) {
    /* Only this file's literals come here. */
    struct query q = query_start(core_store(engine.core), sql);
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t n = query_i64(&q, 0);
    query_end(&q);
    return n;
}

/* ---- rounds ---- */

static const char *round_of(const char *area, int64_t place) {
    Cases__ListCasesRequest request = CASES__LIST_CASES_REQUEST__INIT;

    request.list = "rounds_today";
    Cases__ListCasesReply *reply = engine_ask(&engine, "S301", "ListCases", &request.base, NULL);
    CHECK(reply);
    for (size_t i = 0; i < reply->n_cases; i++) {
        if (text_eq(engine_field(reply->cases[i], "route"), area)
            && value_i64(reply->cases[i]->fields, reply->cases[i]->n_fields, "round_no", 0)
                   == place) {
            return reply->cases[i]->case_no;
        }
    }
    return "";
}

static void each_day_has_the_rounds_of_the_plan(void) {
    begin();
    engine_advance(&engine, engine_at(24 + 5, 59));
    const int before = engine_count(&engine, "round.open", NULL);
    engine_advance(&engine, engine_at(24 + 6, 0));
    CHECK(engine_count(&engine, "round.open", NULL) == before + 6); /* two of each area */
    const char *number = round_of("2", 1);
    CHECK(*number);
    Cases__Case *kase = engine_get(&engine, number);
    CHECK_TEXT(kase->state, "scheduled");
    CHECK_TEXT(kase->handler, "S202"); /* 陈静 has area 2 */
    CHECK_TEXT(engine_field(kase, "date"), "2025-07-12");
    CHECK(value_i64(kase->fields, kase->n_fields, "planned_from", 0) == engine_at(24 + 9, 0));
    CHECK(value_i64(kase->fields, kase->n_fields, "points_planned", 0) > 0);
    engine_advance(&engine, engine_at(24 + 23, 0));
    CHECK(engine_count(&engine, "round.open", NULL) == before + 6);
    CHECK_TEXT(engine_get(&engine, number)->state, "missed");
    CHECK(engine_count(&engine, "clock.due", number) == 2); /* its start, and its end */
    engine_stop(&engine);
}

static void a_round_is_given_to_nobody_who_is_away(void) {
    struct values fields = {0};
    Wire__Event away = WIRE__EVENT__INIT;

    begin();
    fields.arena = engine.scratch;
    values_add_text(&fields, "staff", "S202");
    values_add_ms(&fields, "from", engine_at(24, 0));
    values_add_ms(&fields, "to", engine_at(48, 0));
    away.topic = "person.on_leave";
    away.fields = fields.list;
    away.n_fields = fields.count;
    engine_feed(&engine, &away);
    engine_advance(&engine, engine_at(24 + 6, 0));
    const char *number = round_of("2", 1);
    CHECK(*number);
    CHECK_TEXT(engine_get(&engine, number)->handler, "");
    engine_advance(&engine, engine_at(48 + 6, 0)); /* back again */
    CHECK_TEXT(engine_get(&engine, round_of("2", 1))->handler, "S202");
    engine_stop(&engine);
}

static void a_day_without_the_service_is_seen_to_be_missed(void) {
    begin();
    engine_advance(&engine, engine_at(23, 0));
    const int before = engine_count(&engine, "round.open", NULL);
    engine.now_ms = engine_at(3 * 24 + 23, 0); /* down for three days */
    engine_settle(&engine);
    CHECK(engine_count(&engine, "round.open", NULL) == before + 18);
    CHECK(engine_count(&engine, "plan.opened", NULL) == 4);
    engine_stop(&engine);
}

/* Else each of the older days is an alarm and a minute, and today waits behind them. */
static void what_is_older_than_an_entry_may_be_is_passed_over(void) {
    begin();
    engine_advance(&engine, engine_at(23, 0));
    const int before = engine_count(&engine, "round.open", NULL);
    engine.now_ms = engine_at(40 * 24 + 23, 0); /* down for forty days */
    engine_settle(&engine);
    CHECK(engine_count(&engine, "dead.letter", NULL) == 0);
    CHECK(engine_count(&engine, "plan.opened", NULL) == 41);
    CHECK(engine_count(&engine, "round.open", NULL) == before + 30 * 6);
    engine_stop(&engine);
}

static void a_finding_becomes_a_case_once(void) {
    begin();
    engine_advance(&engine, engine_at(24 + 9, 0));
    const char *number = round_of("1", 1);
    (void)engine_must(&engine, "S201", number, "start", NO_PAIRS);
    (void)engine_must(&engine, "S201", number, "record",
                      PAIRS("building=1", "entrance=1", "checkpoint=1号楼1单元"));
    (void)engine_must(&engine, "S201", number, "record",
                      PAIRS("building=1", "entrance=2", "checkpoint=1号楼2单元", "class=facility",
                            "finding=lamp broken", "action=repair"));
    Cases__Case *kase = engine_get(&engine, number);
    CHECK(value_i64(kase->fields, kase->n_fields, "points_recorded", 0) == 2);
    const Wire__Value *points = value_find(kase->fields, kase->n_fields, "points");
    CHECK(points && points->kind_case == WIRE__VALUE__KIND_ROWS && points->rows->n_row == 2);
    CHECK(kase->n_children == 1);
    const char *finding = kase->children[0];
    CHECK_TEXT(engine_field(engine_get(&engine, finding), "class"), "facility");
    engine_refused(&engine, "S402", number, "record", PAIRS("checkpoint=x"), "event_not_yours");
    (void)engine_must(&engine, "S201", number, "finish", NO_PAIRS);
    engine_settle(&engine);
    /* A repair is kept by another service: it is asked for once, and noted when it is there. */
    CHECK(engine_count(&engine, "case.asked", finding) == 1);
    Wire__Event *asked = engine_last(&engine, "case.asked", finding);
    CHECK_TEXT(value_text(asked->fields, asked->n_fields, "procedure"), "repair");
    struct values fields = {.arena = engine.scratch};
    Wire__Event done = WIRE__EVENT__INIT;
    values_add_text(&fields, "parent", finding);
    values_add_text(&fields, "procedure", "repair");
    values_add_text(&fields, "state", "registered");
    done.topic = "case.done";
    done.case_no = "E01-KF011-20250712-0001";
    done.service = "ticketing";
    done.fields = fields.list;
    done.n_fields = fields.count;
    engine_feed(&engine, &done);
    engine_settle(&engine);
    kase = engine_get(&engine, finding);
    CHECK(kase->n_children == 1);
    CHECK_TEXT(kase->children[0], "E01-KF011-20250712-0001");
    engine_stop(&engine);
}

/* ---- rosters ---- */

static Patrol__ImportRosterReply *send_part(const char *who, uint32_t part, bool last, size_t rows,
                                            int64_t length_ms, const char *person) {
    Patrol__ImportRosterRequest request = PATROL__IMPORT_ROSTER_REQUEST__INIT;
    static Patrol__Duty duties[256];
    static Patrol__Duty *list[256];

    for (size_t i = 0; i < rows; i++) {
        patrol__duty__init(&duties[i]);
        duties[i].post = "gate";
        duties[i].shift = "day";
        duties[i].staff = person;
        duties[i].start_ms = engine_at(8, 0) + (int64_t)(part * 1000 + i) * 24 * hour;
        duties[i].end_ms = duties[i].start_ms + length_ms;
        list[i] = &duties[i];
    }
    request.period = "2025-08";
    request.part = part;
    request.last = last;
    request.duties = list;
    request.n_duties = rows;
    return engine_ask(&engine, who, "ImportRoster", &request.base, NULL);
}

static void a_roster_comes_whole_or_not_at_all(void) {
    begin();
    CHECK(!send_part("S101", 1, true, 3, 8 * hour, "S501"));
    CHECK_TEXT(engine.reply->rule, "not_permitted");
    CHECK(send_part("S301", 1, false, 200, 8 * hour, "S501")->rows == 200);
    engine_settle(&engine);
    CHECK(engine_count(&engine, "roster.duty", NULL) == 0);
    CHECK(!send_part("S301", 3, true, 10, 8 * hour, "S501"));
    CHECK_TEXT(engine.reply->rule, "roster_parts");
    CHECK(!send_part("S301", 2, true, 10, -hour, "S501"));
    CHECK_TEXT(engine.reply->rule, "roster_times");
    CHECK(!send_part("S301", 2, true, 10, hour, ""));
    CHECK_TEXT(engine.reply->rule, "roster_row");
    CHECK(!send_part("S301", 2, true, 10, hour, "nobody at all"));
    CHECK_TEXT(engine.reply->rule, "roster_staff");
    engine_settle(&engine);
    CHECK(engine_count(&engine, "roster.duty", NULL) == 0);
    CHECK(send_part("S301", 2, true, 50, 8 * hour, "S501")->rows == 250);
    engine_settle(&engine);
    CHECK(engine_count(&engine, "roster.duty", NULL) == 250);
    CHECK(engine_count(&engine, "roster.dropped", NULL) == 1);
    CHECK(count("SELECT count(*) FROM roster_row") == 0);
    /* The next version replaces it. */
    CHECK(send_part("S301", 1, true, 5, 8 * hour, "S402"));
    engine_settle(&engine);
    CHECK(count("SELECT count(*) FROM duty WHERE period = '2025-08'") == 5);
    CHECK(count("SELECT count(*) FROM duty WHERE staff = 'S501'") == 0);
    Wire__Event *dropped = engine_last(&engine, "roster.dropped", NULL);
    CHECK(value_i64(dropped->fields, dropped->n_fields, "below", 0) == 2);
    engine_stop(&engine);
}

static Patrol__Duty duty_of(uint32_t line, const char *staff, const char *mistake) {
    Patrol__Duty duty = PATROL__DUTY__INIT;

    duty.line = line;
    duty.mistake = mistake;
    duty.post = "gate";
    duty.shift = "day";
    duty.staff = staff;
    duty.start_ms = engine_at(8, 0);
    duty.end_ms = duty.start_ms + 8 * hour;
    return duty;
}

static void every_row_that_is_wrong_is_listed_and_nothing_changed(void) {
    begin();
    Patrol__ImportRosterRequest request = PATROL__IMPORT_ROSTER_REQUEST__INIT;
    Patrol__Duty duties[] = {
        duty_of(2, "S501", ""),          duty_of(3, "S5011", ""),
        duty_of(4, "nobody at all", ""), duty_of(5, "", ""),
        duty_of(6, "S501", ""),          duty_of(7, "S501", "csv_quote"),
        duty_of(8, "S501", "anything"),  duty_of(9, "S501", ""),
    };
    Patrol__Duty *list[8];
    for (size_t i = 0; i < 8; i++) {
        list[i] = &duties[i];
    }
    duties[4].end_ms = 0;
    duties[7].start_ms = INT64_MIN; /* so far from its end that the difference is small */
    duties[7].end_ms = INT64_MAX;
    request.period = "2025-08";
    request.part = 1;
    request.check = true;
    request.duties = list;
    request.n_duties = 8;
    const Patrol__ImportRosterReply *reply = engine_ask(&engine, "S301", "ImportRoster",
                                                        &request.base, NULL);
    static const struct {
        uint32_t line;
        const char *field, *rule;
    } bad[] = {
        {3, "staff", "roster_staff_near"}, {4, "staff", "roster_staff"}, {5, "staff", "roster_row"},
        {6, "end", "roster_time"},         {7, "", "csv_quote"},         {8, "", "roster_row"},
        {9, "start", "roster_time"}};
    CHECK(reply && reply->n_bad == 7);
    for (size_t i = 0; i < 7; i++) {
        CHECK(reply->bad[i]->line == bad[i].line);
        CHECK_TEXT(reply->bad[i]->field, bad[i].field);
        CHECK_TEXT(reply->bad[i]->rule, bad[i].rule);
    }
    CHECK(strstr(reply->bad[0]->message, "S501 "));
    CHECK(count("SELECT count(*) FROM roster_row") == 0);
    engine_settle(&engine);
    CHECK(engine_count(&engine, "roster.duty", NULL) == 0);
    engine_stop(&engine);
}

/* For each of them the one who was meant is looked for among five hundred. */
static void a_whole_part_of_wrong_names_is_listed(void) {
    enum { WRONG = 256 };
    static Patrol__Duty duties[WRONG];
    Patrol__Duty *list[WRONG];
    Patrol__ImportRosterRequest request = PATROL__IMPORT_ROSTER_REQUEST__INIT;
    struct err err = {0};

    begin();
    struct query q = QUERY(core_store(engine.core),
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                           " WHERE i < 500) INSERT INTO staff(no, name, roles, dept, area, deputy,"
                           " channels, phone, active) SELECT 'X' || i, hex(zeroblob(100)), '', '',"
                           " '', '', '', x'', 1 FROM n");
    CHECK_OK(query_done(&q, &err), err);
    for (size_t i = 0; i < WRONG; i++) {
        duties[i] = duty_of((uint32_t)i + 2, "nobody at all", "");
        list[i] = &duties[i];
    }
    request.period = "2025-08";
    request.part = 1;
    request.check = true;
    request.duties = list;
    request.n_duties = WRONG;
    const Patrol__ImportRosterReply *reply = engine_ask(&engine, "S301", "ImportRoster",
                                                        &request.base, NULL);
    CHECK(reply && reply->n_bad == WRONG);
    engine_stop(&engine);
}

static void a_name_that_only_one_has_is_his_number(void) {
    begin();
    struct err err = {0};
    struct query q = QUERY(core_store(engine.core), "SELECT name FROM staff WHERE no = 'S501'");
    CHECK(query_step(&q, &err) == 1);
    const char *name = query_text(&q, 0, engine.scratch);
    query_end(&q);
    CHECK(send_part("S301", 1, true, 1, 8 * hour, name));
    engine_settle(&engine);
    CHECK(count("SELECT count(*) FROM duty WHERE period = '2025-08' AND staff = 'S501'") == 1);
    engine_stop(&engine);
}

static void who_is_on_duty_can_be_asked(void) {
    begin();
    Patrol__ListDutiesRequest request = PATROL__LIST_DUTIES_REQUEST__INIT;
    request.post = "engineering";
    Patrol__ListDutiesReply *reply = engine_ask(&engine, "S101", "ListDuties", &request.base, NULL);
    CHECK(reply && reply->n_duties == 2);
    CHECK_TEXT(reply->duties[0]->staff, "S402");
    CHECK(reply->duties[0]->order == 1);
    request.at_ms = engine_at(24 * 300, 0);
    reply = engine_ask(&engine, "S101", "ListDuties", &request.base, NULL);
    CHECK(reply && reply->n_duties == 0);
    engine_stop(&engine);
}

/* ---- a form that is filed ---- */

enum { ROWS = CASES_ROWS_MAX + 1 };

/* Rows of the weekly check, each with a score of its own; the last has this one. */
static Cases__RecordFormReply *file_checks(const char *staff, size_t count, const char *last,
                                           uint8_t *id) {
    static const char *const shared[] = {"week=2025-W28", "post=desk",        "kind=routine",
                                         "items=all",     "duty_person=S101", NULL};
    Cases__RecordFormRequest request = CASES__RECORD_FORM_REQUEST__INIT;
    static Wire__Cell cells[ROWS][2];
    static Wire__Cell *list[ROWS][2];
    static Wire__Row rows[ROWS];
    static Wire__Row *all[ROWS];

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 2; k++) {
            wire__cell__init(&cells[i][k]);
            cells[i][k].key = k ? "score" : "checked_at";
            cells[i][k].kind_case = WIRE__CELL__KIND_TEXT;
            cells[i][k].text = k == 0 ? "2025-07-11T09:00:00+08:00" : i + 1 < count ? "90" : last;
            list[i][k] = &cells[i][k];
        }
        wire__row__init(&rows[i]);
        rows[i].cell = list[i];
        rows[i].n_cell = 2;
        all[i] = &rows[i];
    }
    request.form = "KF-003";
    request.fields = engine_fields(&engine, shared, &request.n_fields);
    request.rows = all;
    request.n_rows = count;
    return engine_ask(&engine, staff, "RecordForm", &request.base, id);
}

static void rows_of_a_form_are_filed_together_or_not_at_all(void) {
    begin();
    uint8_t *id = engine_id(&engine);
    Cases__RecordFormReply *reply = file_checks("S301", CASES_ROWS_MAX, "75", id);
    CHECK(reply && reply->n_cases == CASES_ROWS_MAX);
    const Cases__Case *last = reply->cases[CASES_ROWS_MAX - 1];
    CHECK_TEXT(last->case_no, "E01-KF003-20250711-0016");
    CHECK_TEXT(last->state, "closed");
    CHECK(last->closed_ms != 0);
    CHECK(value_i64(last->fields, last->n_fields, "score", 0) == 75);
    const char *before = engine_dump(&engine);
    /* The same request again: the same answer, and nothing more. */
    reply = file_checks("S301", CASES_ROWS_MAX, "75", id);
    CHECK(reply && reply->n_cases == CASES_ROWS_MAX);
    CHECK(!file_checks("S301", CASES_ROWS_MAX, "80", id));
    CHECK_TEXT(engine.reply->rule, "request_id_reused");
    CHECK(!file_checks("S301", 3, "many", NULL));
    CHECK_TEXT(engine.reply->rule, "field_type");
    CHECK(!file_checks("S301", ROWS, "80", NULL));
    CHECK_TEXT(engine.reply->rule, "rows_many");
    CHECK(!file_checks("S401", 1, "80", NULL));
    CHECK_TEXT(engine.reply->rule, "open_not_yours");
    CHECK(engine_count(&engine, "duty_check.open", NULL) == CASES_ROWS_MAX);
    CHECK_TEXT(engine_dump(&engine), before);
    Cases__RecordFormRequest request = CASES__RECORD_FORM_REQUEST__INIT;
    request.form = "KF-007"; /* comes about by rounds */
    CHECK(!engine_ask(&engine, "S301", "RecordForm", &request.base, NULL));
    CHECK_TEXT(engine.reply->rule, "form_not_filed");
    engine_stop(&engine);
}

static void a_form_is_filed_where_its_procedure_is_kept(void) {
    engine_start(&engine, &ticketing_def, "manual", 0);
    CHECK(!file_checks("S301", 1, "80", NULL));
    CHECK_TEXT(engine.reply->rule, "procedure_elsewhere");
    engine_stop(&engine);
}

static const struct test tests[] = {
    TEST(each_day_has_the_rounds_of_the_plan),
    TEST(a_round_is_given_to_nobody_who_is_away),
    TEST(a_day_without_the_service_is_seen_to_be_missed),
    TEST(what_is_older_than_an_entry_may_be_is_passed_over),
    TEST(a_finding_becomes_a_case_once),
    TEST(a_roster_comes_whole_or_not_at_all),
    TEST(every_row_that_is_wrong_is_listed_and_nothing_changed),
    TEST(a_whole_part_of_wrong_names_is_listed),
    TEST(a_name_that_only_one_has_is_his_number),
    TEST(who_is_on_duty_can_be_asked),
    TEST(rows_of_a_form_are_filed_together_or_not_at_all),
    TEST(a_form_is_filed_where_its_procedure_is_kept),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
