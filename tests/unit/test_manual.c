#include "manual/manual.h"

#include "harness.h"
#include "manual/calendar.h"
#include "manual/compile.h"

static struct arena *arena;
static struct manual *manual;

static void load(const char *dir) {
    static struct compiled compiled;
    struct err err = {0};

    arena = arena_new(COMPILE_ARENA_SIZE);
    CHECK_OK(compile_dir(dir, &compiled, arena, &err), err);
    compile_print(&compiled, dir, stderr);
    CHECK(compiled.mistake_count == 0);
    manual = manual_new(7, compiled.files, compiled.count, &err);
    CHECK(manual);
}

static void unload(void) {
    manual_free(manual);
    arena_free(arena);
}

static int64_t number(const char *key, const char *class_key) {
    int64_t value = 0;

    CHECK(manual_number(manual, key, class_key, &value));
    return value;
}

static void everything_is_found_by_its_key_and_nothing_else_is(void) {
    const Manual__Procedure *const *list = NULL;

    load("tests/manuals/small");
    CHECK(manual_revision(manual) == 7);
    CHECK_TEXT(manual_procedure(manual, "loan")->form, "L-1");
    CHECK(!manual_procedure(manual, "lone"));
    CHECK(manual_procedures(manual, &list) == 3);
    CHECK_TEXT(list[0]->key, "check"); /* in order */
    CHECK_TEXT(list[2]->key, "loan");
    CHECK_TEXT(manual_form(manual, "L-2")->series, "L2"); /* that came with its procedure */
    CHECK(!manual_form(manual, "L-9"));
    CHECK_TEXT(manual_field(manual, "L-1", "grade")->choices[2]->key, "high");
    CHECK(!manual_field(manual, "L-1", "content"));
    CHECK(!manual_field(manual, "L-9", "grade"));
    CHECK_TEXT(manual_role(manual, "clerk")->post, "counter");
    CHECK(!manual_role(manual, "chief")); /* another word in the files only */
    CHECK(manual_ladder(manual, "slow") && !manual_ladder(manual, "none"));
    CHECK_TEXT(manual_ladders(manual)->fallback, "boss");
    CHECK(manual_routes(manual)->n_route == 4);
    CHECK(manual_rounds(manual)->n_round == 1);
    CHECK(manual_kpis(manual)->n_kpi == 5);
    CHECK(manual_lists(manual)->n_list == 1);
    unload();
}

static void the_states_of_a_procedure_know_their_ends(void) {
    load("tests/manuals/small");
    const Manual__Procedure *loan = manual_procedure(manual, "loan");

    CHECK(loan->n_states == 7);
    CHECK(manual_state(loan, "gone")->end);
    CHECK(!manual_state(loan, "lent")->end);
    CHECK_TEXT(manual_state(loan, "asked")->name->zh, "已申请");
    CHECK(!manual_state(loan, "begun"));
    unload();
}

static void numbers_come_in_milliseconds_cents_working_days_or_plain(void) {
    int64_t value = 0;

    load("tests/manuals/small");
    CHECK(number("loan.lend_min", "high") == 300000);
    CHECK(number("loan.lend_min", "middle") == 1800000); /* default */
    CHECK(number("loan.lend_min", NULL) == 1800000);
    CHECK(number("loan.back_d", "high") == 43200000); /* half a day */
    CHECK(!manual_number(manual, "loan.back_d", "none", &value));
    CHECK(!manual_number(manual, "loan.back_d", NULL, &value));
    CHECK(number("loan.deposit", NULL) == 120050);
    CHECK(number("loan.review_work_d", NULL) == 3);
    CHECK(number("loan.repeat", "whatever") == 3);
    CHECK(manual_number_at(manual, "loan.remind_d", NULL, 2, &value) && value == 86400000);
    CHECK(!manual_number_at(manual, "loan.remind_d", NULL, 3, &value));
    CHECK(!manual_number(manual, "no.such", NULL, &value));
    CHECK(!manual_number(manual, "desk.open", NULL, &value));
    CHECK_TEXT(manual_unit(manual, "loan.deposit"), "cents");
    CHECK_TEXT(manual_unit(manual, "loan.review_work_d"), "wd");
    CHECK_TEXT(manual_unit(manual, "loan.again_d"), "ms");
    CHECK_TEXT(manual_unit(manual, "loan.repeat"), "");
    CHECK(!manual_unit(manual, "no.such"));
    CHECK_TEXT(manual_param_text(manual, "desk.open", NULL), "08:00");
    CHECK_TEXT(manual_param_text(manual, "loan.ladder", "low"), "slow");
    CHECK_TEXT(manual_param_text(manual, "loan.ladder", "high"), "fast");
    CHECK_TEXT(manual_param_text(manual, "loan.noise", NULL), "08:00-12:00;14:00-18:00");
    CHECK(!manual_param_text(manual, "loan.repeat", NULL));
    unload();
}

static void a_sentence_takes_its_arguments_in_either_language(void) {
    load("tests/manuals/small");
    CHECK_TEXT(manual_text(manual, "unit_unknown", "unit=3-2-1201", "zh", arena),
               "没有房号 3-2-1201");
    CHECK_TEXT(manual_text(manual, "unit_unknown", "unit=3-2-1201", "en", arena),
               "there is no unit 3-2-1201");
    CHECK_TEXT(manual_text(manual, "two_names", "other=b=c\nname=a", "en", arena), "b=c is not a");
    /* What is not given stays to be seen. */
    CHECK_TEXT(manual_text(manual, "unit_unknown", "", "en", arena), "there is no unit {unit}");
    CHECK_TEXT(manual_text(manual, "unit_unknown", NULL, "en", arena), "there is no unit {unit}");
    CHECK_TEXT(manual_text(manual, "unit_unknown", "unit={unit}", "en", arena),
               "there is no unit {unit}");
    CHECK_TEXT(manual_text(manual, "state.loan.lent", NULL, "en", arena), "lent");
    CHECK_TEXT(manual_text(manual, "tell.event", NULL, NULL, arena), "有新进展");
    CHECK_TEXT(manual_text(manual, "procedure.check", NULL, "en", arena), "check"); /* inline */
    CHECK_TEXT(manual_text(manual, "no_such_rule", "a=b", "zh", arena), "no_such_rule: a=b");
    CHECK_TEXT(manual_text(manual, "no_such_rule", "", "zh", arena), "no_such_rule");
    unload();
}

static void what_is_not_permitted_is_refused(void) {
    static const char *const desk[] = {"desk"}, *const reader[] = {"reader_role"};
    static const char *const both[] = {"nobody", "boss"}, *const none[] = {"nobody"};

    load("tests/manuals/small");
    CHECK(manual_permits(manual, "case.read", desk, 1)); /* staff: every employee */
    CHECK(manual_permits(manual, "case.read", both, 2));
    CHECK(!manual_permits(manual, "case.read", reader, 1)); /* a customer is none */
    CHECK(!manual_permits(manual, "case.read", none, 1));
    CHECK(!manual_permits(manual, "case.read", NULL, 0));
    CHECK(manual_permits(manual, "case.open", reader, 1));
    CHECK(!manual_permits(manual, "case.open", both, 2));
    CHECK(!manual_permits(manual, "no.such", desk, 1));
    CHECK_TEXT(manual_head_of(manual, "library"), "boss");
    CHECK(!manual_head_of(manual, "steward"));
    unload();
}

static const Manual__ClassValue *rung_wait(const char *ladder, size_t rung, const char *class_key) {
    const Manual__Rung *found = manual_ladder(manual, ladder)->rung[rung];

    for (size_t i = 0; i < found->n_after; i++) {
        if (strcmp(found->after[i]->class_, class_key) == 0) {
            return found->after[i];
        }
    }
    CHECK(!"no such class");
    return NULL;
}

static void the_waits_of_a_ladder_are_filled_in_from_the_parameters(void) {
    load("tests/manuals/small");
    CHECK(rung_wait("fast", 0, "")->number[0] == 0);
    CHECK(rung_wait("fast", 1, "")->number[0] == 180000);
    CHECK(rung_wait("fast", 2, "")->number[0] == 360000);
    CHECK(manual_ladder(manual, "fast")->repeat_ms == 300000);
    CHECK(manual_ladder(manual, "fast")->any_hour);
    CHECK(rung_wait("slow", 0, "low")->number[0] == 3600000);
    CHECK(rung_wait("slow", 0, "default")->number[0] == 1800000);
    CHECK_TEXT(rung_wait("slow", 1, "")->text, "eod");
    CHECK_TEXT(rung_wait("slow", 2, "")->text, "next 09:00");
    CHECK(manual_ladder(manual, "slow")->repeat_ms == 86400000);
    CHECK_TEXT(manual_ladder(manual, "D")->any_hour_class[0], "high");
    unload();
}

static void a_damaged_file_is_refused(void) {
    static const uint8_t junk[] = {0xff, 0xff, 0xff};
    const struct bytes file = {junk, sizeof junk};
    struct err err = {0};

    CHECK(!manual_new(1, &file, 1, &err));
    CHECK(err.code == ERR_DATA_LOSS);
}

static void an_empty_manual_answers_that_it_has_nothing(void) {
    struct err err = {0};
    int64_t value = 0;

    manual = manual_new(1, NULL, 0, &err);
    CHECK(manual);
    CHECK(!manual_procedure(manual, "loan") && !manual_form(manual, "L-1"));
    CHECK(!manual_number(manual, "loan.repeat", NULL, &value));
    CHECK(!manual_calendar(manual) && !manual_roles(manual));
    struct calendar calendar = calendar_of(manual);
    CHECK(calendar.open_min == 480 && calendar.close_min == 1200);
    manual_free(manual);
    manual_free(NULL);
}

/* ---- the department's own manual: what its ladders and numbers promise ---- */

static void the_departments_ladders_are_those_of_the_manual(void) {
    static const int64_t e1[] = {0, 3, 6, 9, 12}, e2[] = {0, 5, 10, 15, 20};

    load("manual");
    for (size_t i = 0; i < 5; i++) {
        CHECK(rung_wait("B", i, "E1")->number[0] == e1[i] * 60000);
        CHECK(rung_wait("B", i, "E2")->number[0] == e2[i] * 60000);
    }
    CHECK(manual_ladder(manual, "B")->any_hour && manual_ladder(manual, "A")->any_hour);
    CHECK(!manual_ladder(manual, "C")->any_hour);
    CHECK(rung_wait("C", 3, "")->number[0] == 60 * 60000);
    CHECK_TEXT(rung_wait("C", 4, "")->text, "eod");
    CHECK_TEXT(manual_param_text(manual, "repair.ladder", "E1"), "B");
    CHECK_TEXT(manual_param_text(manual, "repair.ladder", "P"), "C");
    CHECK(number("finding.fix_h", "danger") == 15 * 60000);
    CHECK_TEXT(manual_head_of(manual, "engineering"), "eng_disp");
    unload();
}

static void the_departments_calendar_has_the_october_holiday(void) {
    load("manual");
    struct calendar calendar = calendar_of(manual);
    const int64_t october = 20362; /* 2025-10-01, in days */

    CHECK(calendar.offset_min == 480);
    CHECK(calendar.open_min == 480 && calendar.close_min == 1200);
    CHECK(!calendar_is_workday(&calendar, october));
    CHECK(!calendar_is_workday(&calendar, october + 7));
    CHECK(calendar_is_workday(&calendar, october + 8));
    CHECK(calendar_is_workday(&calendar, october + 10)); /* a Saturday made up */
    CHECK(calendar_is_workday(&calendar, october - 3));  /* a Sunday made up */
    unload();
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(everything_is_found_by_its_key_and_nothing_else_is),
        TEST(the_states_of_a_procedure_know_their_ends),
        TEST(numbers_come_in_milliseconds_cents_working_days_or_plain),
        TEST(a_sentence_takes_its_arguments_in_either_language),
        TEST(what_is_not_permitted_is_refused),
        TEST(the_waits_of_a_ladder_are_filled_in_from_the_parameters),
        TEST(a_damaged_file_is_refused),
        TEST(an_empty_manual_answers_that_it_has_nothing),
        TEST(the_departments_ladders_are_those_of_the_manual),
        TEST(the_departments_calendar_has_the_october_holiday),
    };
    return RUN_TESTS(tests, argc, argv);
}
