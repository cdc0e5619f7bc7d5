#include "core/needs.h"

#include "cli/services.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "shouwen/registry/v1/registry.pb-c.h"

static const struct need needs[] = {
    {"FireEvent", "case_no event"},     {"Acknowledge", "page|case_no"}, {"FinishImport", "import"},
    {"PublishManual", "revision file"}, {"ImportRows", "import rows"},   {0},
};

/* What is said to be missing; "" when nothing is. */
static const char *missing(const ProtobufCMessage *request) {
    static struct arena *arena;
    static struct err err;

    arena = arena ? arena : arena_new(64 * 1024);
    err = (struct err){0};
    if (needs_check(needs, request, arena, &err) == 0) {
        return "";
    }
    CHECK(err.code == ERR_INVALID);
    CHECK_TEXT(err.rule, "field_missing");
    return err.args;
}

static void all_that_is_empty_is_named(void) {
    Cases__FireEventRequest fire = CASES__FIRE_EVENT_REQUEST__INIT;

    CHECK_TEXT(missing(&fire.base), "field=case_no, event");
    fire.case_no = "E01-KF011-20250711-0001";
    CHECK_TEXT(missing(&fire.base), "field=event");
    fire.event = "dispatch";
    CHECK_TEXT(missing(&fire.base), "");
}

static void one_of_two_is_enough(void) {
    Notify__AcknowledgeRequest acknowledge = NOTIFY__ACKNOWLEDGE_REQUEST__INIT;

    CHECK_TEXT(missing(&acknowledge.base), "field=page|case_no");
    acknowledge.case_no = "E01-KF011-20250711-0001";
    CHECK_TEXT(missing(&acknowledge.base), "");
}

static void numbers_bytes_and_lists_count_too(void) {
    Registry__FinishImportRequest finish = REGISTRY__FINISH_IMPORT_REQUEST__INIT;
    Registry__PublishManualRequest publish = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
    Registry__ImportRowsRequest rows = REGISTRY__IMPORT_ROWS_REQUEST__INIT;

    CHECK_TEXT(missing(&finish.base), "field=import");
    finish.import = INT64_C(1) << 40;
    CHECK_TEXT(missing(&finish.base), "");
    CHECK_TEXT(missing(&publish.base), "field=revision, file");
    CHECK_TEXT(missing(&rows.base), "field=import, rows");
}

static void what_has_no_row_needs_nothing(void) {
    Cases__GetCaseRequest get = CASES__GET_CASE_REQUEST__INIT;

    CHECK_TEXT(missing(&get.base), "");
}

static void a_row_names_what_the_contract_has(void) {
    static const struct need no_method[] = {{"GetKase", "case_no"}, {0}};
    static const struct need no_field[] = {{"GetCase", "case_no number"}, {0}};
    struct err err = {0};

    for (size_t i = 0; services_all[i]; i++) {
        CHECK_OK(needs_sound(services_all[i], &err), err);
        struct service_def wrong = *services_all[i];
        wrong.needs = no_method;
        CHECK(needs_sound(&wrong, &err) == -1);
        wrong.needs = no_field;
        CHECK(needs_sound(&wrong, &err) == -1);
    }
}

static const struct test tests[] = {
    TEST(all_that_is_empty_is_named),        TEST(one_of_two_is_enough),
    TEST(numbers_bytes_and_lists_count_too), TEST(what_has_no_row_needs_nothing),
    TEST(a_row_names_what_the_contract_has),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
