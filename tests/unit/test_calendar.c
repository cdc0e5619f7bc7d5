#include "manual/calendar.h"

#include "base/text.h"
#include "harness.h"

/* China in 2025: the October holiday with its make-up workdays, sorted as the compiler does. */
static const char *holidays[] = {"2025-10-01", "2025-10-02", "2025-10-03", "2025-10-04",
                                 "2025-10-05", "2025-10-06", "2025-10-07", "2025-10-08"};
static const char *workdays[] = {"2025-09-28", "2025-10-11"};

static Manual__Calendar days = MANUAL__CALENDAR__INIT;

static struct calendar china(void) {
    days.holiday = holidays;
    days.n_holiday = 8;
    days.workday = workdays;
    days.n_workday = 2;
    days.utc_offset_min = 480;
    return (struct calendar){.offset_min = 480, .open_min = 480, .close_min = 1200, .days = &days};
}

static int64_t at(const char *text) {
    int64_t ms = 0;

    CHECK(text_time_read(text, &ms));
    return ms;
}

static bool is(int64_t ms, const char *text) {
    return ms == at(text);
}

static bool workday(const struct calendar *calendar, int year, int month, int mday) {
    return calendar_is_workday(calendar, text_day_of(year, month, mday));
}

static void weekends_and_holidays_are_no_workdays_but_make_up_days_are(void) {
    struct calendar c = china();

    CHECK(workday(&c, 2025, 9, 26));  /* Friday */
    CHECK(!workday(&c, 2025, 9, 27)); /* Saturday */
    CHECK(workday(&c, 2025, 9, 28));  /* Sunday, made up */
    CHECK(workday(&c, 2025, 9, 30));
    CHECK(!workday(&c, 2025, 10, 1));
    CHECK(!workday(&c, 2025, 10, 8));
    CHECK(workday(&c, 2025, 10, 9));
    CHECK(workday(&c, 2025, 10, 11)); /* Saturday, made up */
    CHECK(!workday(&c, 2025, 10, 12));
}

static void without_a_list_of_days_only_weekends_are_free(void) {
    struct calendar c = {.offset_min = 480, .open_min = 480, .close_min = 1200};

    CHECK(workday(&c, 2025, 10, 1));
    CHECK(!workday(&c, 2025, 9, 28));
}

static void the_desk_opens_at_its_minute_and_is_closed_at_its_minute(void) {
    struct calendar c = china();

    CHECK(!calendar_desk_open(&c, at("2025-07-11T07:59:59+08:00")));
    CHECK(calendar_desk_open(&c, at("2025-07-11T08:00:00+08:00")));
    CHECK(calendar_desk_open(&c, at("2025-07-11T19:59:59+08:00")));
    CHECK(!calendar_desk_open(&c, at("2025-07-11T20:00:00+08:00")));
    CHECK(calendar_desk_open(&c, at("2025-07-12T12:00:00+08:00"))); /* Saturdays too */
}

static void what_falls_at_night_goes_out_at_the_next_opening(void) {
    struct calendar c = china();

    CHECK(is(calendar_desk_opening(&c, at("2025-07-11T22:14:00+08:00")),
             "2025-07-12T08:00:00+08:00"));
    CHECK(is(calendar_desk_opening(&c, at("2025-07-11T03:00:00+08:00")),
             "2025-07-11T08:00:00+08:00"));
    CHECK(is(calendar_desk_opening(&c, at("2025-07-11T20:00:00+08:00")),
             "2025-07-12T08:00:00+08:00"));
    CHECK(is(calendar_desk_opening(&c, at("2025-07-11T09:30:00+08:00")),
             "2025-07-11T09:30:00+08:00"));
    CHECK(is(calendar_desk_opening(&c, at("2025-12-31T21:00:00+08:00")),
             "2026-01-01T08:00:00+08:00"));
}

static void the_day_ends_at_desk_closing(void) {
    struct calendar c = china();

    CHECK(is(calendar_eod(&c, at("2025-07-11T10:00:00+08:00")), "2025-07-11T20:00:00+08:00"));
    CHECK(is(calendar_eod(&c, at("2025-07-11T20:00:00+08:00")), "2025-07-11T20:00:00+08:00"));
    CHECK(is(calendar_eod(&c, at("2025-07-11T20:00:01+08:00")), "2025-07-12T20:00:00+08:00"));
    CHECK(is(calendar_eod(&c, at("2025-07-11T00:00:00+08:00")), "2025-07-11T20:00:00+08:00"));
}

static void a_time_of_day_is_that_of_the_local_day(void) {
    struct calendar c = china();

    CHECK(is(calendar_time_of_day(&c, at("2025-07-11T23:30:00+08:00"), "12:00", 1),
             "2025-07-12T12:00:00+08:00"));
    CHECK(is(calendar_time_of_day(&c, at("2025-07-11T00:10:00+08:00"), "16:00", 0),
             "2025-07-11T16:00:00+08:00"));
    CHECK(is(calendar_time_of_day(&c, at("2025-07-11T00:10:00+08:00"), "24:00", 0),
             "2025-07-12T00:00:00+08:00"));
}

static void a_limit_in_working_days_ends_at_closing_of_the_nth_one(void) {
    struct calendar c = china();

    /* Friday + 3: Sunday is made up, then Monday, Tuesday. */
    CHECK(is(calendar_add_workdays(&c, at("2025-09-26T10:00:00+08:00"), 3),
             "2025-09-30T20:00:00+08:00"));
    /* over the whole holiday */
    CHECK(is(calendar_add_workdays(&c, at("2025-09-30T23:59:00+08:00"), 1),
             "2025-10-09T20:00:00+08:00"));
    CHECK(is(calendar_add_workdays(&c, at("2025-10-03T12:00:00+08:00"), 3),
             "2025-10-11T20:00:00+08:00"));
    /* The start's own day does not count, whatever its hour. */
    CHECK(is(calendar_add_workdays(&c, at("2025-07-14T00:00:00+08:00"), 1),
             "2025-07-15T20:00:00+08:00"));
    CHECK(is(calendar_add_workdays(&c, at("2025-07-14T12:00:00+08:00"), 0),
             "2025-07-14T20:00:00+08:00"));
}

static void desk_time_runs_only_while_the_desk_is_open(void) {
    struct calendar c = china();
    const int64_t hour = 3600000;

    CHECK(is(calendar_add_desk(&c, at("2025-07-11T19:30:00+08:00"), hour),
             "2025-07-12T08:30:00+08:00"));
    CHECK(is(calendar_add_desk(&c, at("2025-07-11T19:00:00+08:00"), hour),
             "2025-07-11T20:00:00+08:00"));
    CHECK(is(calendar_add_desk(&c, at("2025-07-11T22:00:00+08:00"), 2 * hour),
             "2025-07-12T10:00:00+08:00"));
    /* Whole days end with a closing, not with an opening. */
    CHECK(is(calendar_add_desk(&c, at("2025-07-11T08:00:00+08:00"), 24 * hour),
             "2025-07-12T20:00:00+08:00"));
    CHECK(is(calendar_add_desk(&c, at("2025-07-11T08:00:00+08:00"), 24 * hour + 1),
             "2025-07-13T08:00:00.001+08:00"));
    CHECK(
        is(calendar_add_desk(&c, at("2025-07-11T21:00:00+08:00"), 0), "2025-07-12T08:00:00+08:00"));
}

static void desk_time_between_is_the_inverse_of_adding_it(void) {
    struct calendar c = china();
    const int64_t start = at("2025-07-11T17:45:00+08:00");

    for (int64_t length = 60000; length < 40LL * 3600000; length += 13 * 60000 + 7) {
        int64_t end = calendar_add_desk(&c, start, length);
        CHECK(calendar_desk_between(&c, start, end) == length);
        CHECK(calendar_desk_open(&c, end - 1));
    }
    CHECK(
        calendar_desk_between(&c, at("2025-07-11T21:00:00+08:00"), at("2025-07-12T07:00:00+08:00"))
        == 0);
}

static void an_estate_west_of_greenwich_has_its_own_days(void) {
    struct calendar c = {.offset_min = -300, .open_min = 540, .close_min = 1020};

    CHECK(is(calendar_eod(&c, at("2025-07-12T01:00:00Z")), "2025-07-12T17:00:00-05:00"));
    CHECK(is(calendar_desk_opening(&c, at("2025-07-12T13:00:00Z")), "2025-07-12T09:00:00-05:00"));
    CHECK(calendar_desk_open(&c, at("2025-07-12T14:00:00Z")));
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(weekends_and_holidays_are_no_workdays_but_make_up_days_are),
        TEST(without_a_list_of_days_only_weekends_are_free),
        TEST(the_desk_opens_at_its_minute_and_is_closed_at_its_minute),
        TEST(what_falls_at_night_goes_out_at_the_next_opening),
        TEST(the_day_ends_at_desk_closing),
        TEST(a_time_of_day_is_that_of_the_local_day),
        TEST(a_limit_in_working_days_ends_at_closing_of_the_nth_one),
        TEST(desk_time_runs_only_while_the_desk_is_open),
        TEST(desk_time_between_is_the_inverse_of_adding_it),
        TEST(an_estate_west_of_greenwich_has_its_own_days),
    };
    return RUN_TESTS(tests, argc, argv);
}
