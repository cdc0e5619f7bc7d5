/*
 * directory - people, units and duties as a service knows them: by events alone.
 */
#include "engine/directory.h"

#include "base/text.h"
#include "engine_aid.h"
#include "services/ticketing/ticketing.h"

static struct engine engine;
static const struct actor somebody = {.staff = "system", .system = true};

static struct call asking(void) {
    return (struct call){.core = engine.core,
                         .store = core_store(engine.core),
                         .arena = engine.scratch,
                         .now_ms = engine.now_ms,
                         .actor = &somebody};
}

static void begin(void) {
    engine_start(&engine, &ticketing_def, "manual", 0);
}

static void tell(const char *topic, struct values *fields) {
    Wire__Event event = WIRE__EVENT__INIT;

    event.topic = topic;
    event.fields = fields->list;
    event.n_fields = fields->count;
    engine_feed(&engine, &event);
    engine_settle(&engine);
}

static bool present(const char *no, int64_t at_ms) {
    struct call call = asking();
    struct staff staff;
    struct err err = {0};
    bool is = false;

    CHECK(directory_staff(&call, no, &staff, &err) == 1);
    CHECK_OK(directory_present(&call, &staff, at_ms, &is, &err), err);
    return is;
}

static void people_are_found_by_number_name_and_role(void) {
    begin();
    struct call call = asking();
    struct staff staff, list[4];
    struct err err = {0};

    CHECK(directory_staff(&call, "S101", &staff, &err) == 1);
    CHECK_TEXT(staff.name, "王丽");
    CHECK(staff.role_count == 2 && text_eq(staff.roles[1], "keyk"));
    CHECK_TEXT(staff.deputy, "S102");
    CHECK(directory_staff_named(&call, "周涛", &staff, &err) == 1);
    CHECK_TEXT(staff.no, "S402");
    CHECK(directory_staff(&call, "S999", &staff, &err) == 0);
    CHECK(directory_role(&call, "eng", 4, list, &err) == 2);
    CHECK_TEXT(list[0].no, "S402");
    CHECK(directory_role(&call, "en", 4, list, &err) == 0); /* the whole word */
    CHECK(directory_role(&call, "eng", 1, list, &err) == 1);
    engine_stop(&engine);
}

static void who_left_or_is_away_is_not_present(void) {
    begin();
    struct values fields = {.arena = engine.scratch};
    const int64_t noon = engine_at(12, 0);

    CHECK(present("S401", noon)); /* no roster for him: always */
    values_add_text(&fields, "staff", "S401");
    values_add_ms(&fields, "from", noon);
    values_add_ms(&fields, "to", noon + 1000);
    tell("person.on_leave", &fields);
    CHECK(present("S401", noon - 1));
    CHECK(!present("S401", noon));
    CHECK(present("S401", noon + 1000));
    tell("person.left", &fields);
    CHECK(!present("S401", noon - 1));
    struct call call = asking();
    struct staff list[4];
    struct err err = {0};
    CHECK(directory_role(&call, "eng_disp", 4, list, &err) == 0);
    engine_stop(&engine);
}

static void duty(const char *period, int64_t version, const char *staff, int64_t from_ms,
                 int64_t to_ms) {
    struct values fields = {.arena = engine.scratch};

    values_add_text(&fields, "period", period);
    values_add_i64(&fields, "version", version);
    values_add_text(&fields, "post", "gate");
    values_add_text(&fields, "shift", "day");
    values_add_ms(&fields, "start", from_ms);
    values_add_ms(&fields, "end", to_ms);
    values_add_text(&fields, "staff", staff);
    values_add_i64(&fields, "order", 1);
    tell("roster.duty", &fields);
}

static void on_shift_is_present_and_off_shift_is_not(void) {
    begin();
    const int64_t morning = engine_at(8, 0), evening = engine_at(20, 0), night = engine_at(23, 0);
    struct duty_row rows[4];
    struct err err = {0};

    duty("2025-08", 1, "S501", morning, evening);
    duty("2025-08", 1, "S601", evening, engine_at(32, 0));
    CHECK(present("S501", morning) && present("S501", evening - 1));
    CHECK(!present("S501", evening) && !present("S501", night));
    CHECK(present("S601", night) && !present("S601", morning));
    struct call call = asking();
    CHECK(directory_post(&call, "gate", morning, 4, rows, &err) == 1);
    CHECK_TEXT(rows[0].staff, "S501");
    CHECK(directory_post(&call, "gate", morning - 1, 4, rows, &err) == 0);
    CHECK(directory_duties_of(&call, "S601", night, 4, rows, &err) == 1);
    /* A later version of the period replaces this one, once the old one is dropped. */
    duty("2025-08", 2, "S701", morning, evening);
    struct values fields = {.arena = engine.scratch};
    values_add_text(&fields, "period", "2025-08");
    values_add_i64(&fields, "below", 2);
    tell("roster.dropped", &fields);
    call = asking();
    CHECK(directory_post(&call, "gate", morning, 4, rows, &err) == 1);
    CHECK_TEXT(rows[0].staff, "S701");
    engine_stop(&engine);
}

static void a_change_replaces_and_a_repeat_changes_nothing(void) {
    begin();
    struct values fields = {.arena = engine.scratch};
    struct err err = {0};
    struct unit unit;

    values_add_text(&fields, "unit", "2-1-501");
    values_add_text(&fields, "building", "2");
    values_add_text(&fields, "area", "7");
    values_add_text(&fields, "steward", "S202");
    values_add_text(&fields, "status", "tenanted");
    tell("unit.changed", &fields);
    struct call call = asking();
    CHECK(directory_unit(&call, "2-1-501", &unit, &err) == 1);
    CHECK_TEXT(unit.area, "7");
    CHECK_TEXT(unit.steward, "S202");
    CHECK_TEXT(unit.status, "tenanted");
    CHECK(directory_unit(&call, "2-1-502", &unit, &err) == 0);
    engine_stop(&engine);
}

static const struct test tests[] = {
    TEST(people_are_found_by_number_name_and_role),
    TEST(who_left_or_is_away_is_not_present),
    TEST(on_shift_is_present_and_off_shift_is_not),
    TEST(a_change_replaces_and_a_repeat_changes_nothing),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
