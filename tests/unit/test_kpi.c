/*
 * What is counted in a figure, and how it is shown: each kind of item, each thing that
 * a condition can ask.
 */
#include "harness.h"

#include "base/text.h"
#include "reports_aid.h"
#include "services/reports/figure.h"
#include "services/reports/period.h"

/* ---- numbers ---- */

static const char *shown(int64_t num, int64_t den, bool per_mille) {
    static struct arena *arena;
    const struct ratio ratio = {.num = num, .den = den, .scale = 1};

    if (!arena) {
        arena = arena_new(1 << 16);
    }
    return figure_shown(&ratio, per_mille, arena);
}

static void a_rate_has_one_decimal_half_up(void) {
    CHECK_TEXT(shown(258, 260, false), "99.2 %");
    CHECK_TEXT(shown(1, 3, false), "33.3 %");
    CHECK_TEXT(shown(2, 3, false), "66.7 %");
    CHECK_TEXT(shown(1, 1, false), "100.0 %");
    CHECK_TEXT(shown(0, 7, false), "0.0 %");
    CHECK_TEXT(shown(1, 2000, false), "0.1 %"); /* 0.05 */
    CHECK_TEXT(shown(1, 2001, false), "0.0 %");
    CHECK_TEXT(shown(24, 1800, true), "13.3 ‰");
}

static void nothing_to_divide_by_is_a_dash_and_never_a_hundred(void) {
    CHECK_TEXT(shown(0, 0, false), "—");
    CHECK_TEXT(shown(5, 0, true), "—");
}

static bool met(int64_t num, int64_t den, int64_t target, bool greater, bool less) {
    Manual__Kpi kpi = MANUAL__KPI__INIT;
    const struct ratio ratio = {.num = num, .den = den, .scale = 1};

    kpi.target_per_mille = target;
    kpi.greater = greater;
    kpi.less = less;
    return figure_met(&ratio, &kpi);
}

static void the_target_is_compared_with_what_is_and_not_with_what_is_shown(void) {
    CHECK(!met(9496, 10000, 950, false, false)); /* shown as 95.0 % */
    CHECK(met(95, 100, 950, false, false));
    CHECK(!met(95, 100, 950, true, false)); /* must be greater */
    CHECK(met(951, 1000, 950, true, false));
    CHECK(met(5, 100, 50, false, true)); /* at most */
    CHECK(!met(51, 1000, 50, false, true));
    CHECK(!met(5, 100, 50, true, true)); /* less */
    CHECK(!met(0, 0, 950, false, false));
    CHECK(!met(1, 1, 0, false, false)); /* no target, nothing met */
}

static void periods_are_read_as_people_write_them(void) {
    struct period period;

    CHECK(period_read("2025-07-11", &period) && period.level == 'D');
    CHECK(period.end == period.first + 1);
    CHECK(period_read("2024-02", &period) && period.end - period.first == 29);
    CHECK(period_read("2025", &period) && period.end - period.first == 365);
    CHECK(period_read("2025-12", &period) && period.end == text_day_of(2026, 1, 1));
    CHECK(period_read("2025-W01", &period) && period.first == text_day_of(2024, 12, 30));
    CHECK(period_read("2020-W53", &period) && period.first == text_day_of(2020, 12, 28));
    CHECK_TEXT(period_of('W', text_day_of(2027, 1, 3)).name, "2026-W53");
    CHECK_TEXT(period_of('W', text_day_of(2025, 7, 11)).name, "2025-W28");
    CHECK_TEXT(period_of('M', text_day_of(2025, 7, 31)).name, "2025-07");
}

static void what_is_no_period_is_refused(void) {
    static const char *const wrong[] = {"",           "x",        "25",         "2025-",
                                        "2025-13",    "2025-00",  "2025-7",     "2025-02-29",
                                        "2025-07-32", "2025-W54", "2025-W00",   "2025-07-1x",
                                        "2025W28x",   "1969",     "2025-07-111"};
    struct period period;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (period_read(wrong[i], &period)) {
            (void)fprintf(stderr, "# \"%s\" was read\n", wrong[i]);
            CHECK(!"refused");
        }
    }
}

/* ---- items ---- */

#define JOB(n) "E01-KF011-20250711-000" #n
#define DAY "2025-07-11"

static struct history *history;
static struct world *world;

static void begin(void) {
    history = history_new();
    world = world_new("2025-07-20T12:00:00+08:00", 0, 64);
    history_publish(history, 1, NULL);
}

static void all(void) {
    world_hear(world, history, world->counts[0] + world->counts[1], history->count);
}

static void open_job(const char *number, const char *when, const char *fields) {
    history_say(history, TICKETING, "job.open", number, when,
                arena_text(history->arena,
                           "{'procedure':'job','state':'open','unit':'2-1-501','parent':''%s%s}",
                           *fields ? "," : "", fields));
}

static void step_job(const char *number, const char *event, const char *when, const char *head,
                     const char *fields) {
    history_say(
        history, TICKETING, arena_text(history->arena, "job.%s", event), number, when,
        arena_text(history->arena, "{'from':'open',%s%s%s}", head, *fields ? "," : "", fields));
}

static void clock_says(const char *number, const char *what, const char *when, const char *fields) {
    history_say(history, TICKETING, arena_text(history->arena, "clock.%s", what), number, when,
                arena_text(history->arena,
                           "{'procedure':'job','clock':'fix','round':1,"
                           "'due':'2025-07-11T22:00:00+08:00'%s%s}",
                           *fields ? "," : "", fields));
}

static void a_running_clock_does_not_count_yet(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "started", DAY "T20:00:00+08:00", "");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 0);
    CHECK_TEXT(world_kpi(world, "fix", "2025-07")->shown, "—");
}

static void a_clock_that_is_met_counts_on_the_day_of_its_limit(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "started", DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "met", DAY "T21:00:00+08:00",
               "'ended':'2025-07-11T21:00:00+08:00','late':false");
    all();
    CHECK_KPI(world, "fix", DAY, 1, 1);
    CHECK_KPI(world, "fix", "2025-W28", 1, 1);
    CHECK_KPI(world, "fix", "2025-07", 1, 1);
    CHECK_KPI(world, "fix", "2025", 1, 1);
    CHECK_KPI(world, "fix", "2025-07-12", 0, 0);
    const Reports__Figure *figure = world_kpi(world, "fix", "2025-07");
    CHECK_TEXT(figure->shown, "100.0 %");
    CHECK_TEXT(figure->name, "in time");
    CHECK_TEXT(figure->basis, "fixes due");
    CHECK(figure->met && figure->few && figure->target_per_mille == 980);
}

static void a_clock_past_its_limit_counts_as_missed_before_it_ends(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "started", DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "warned", DAY "T21:24:00+08:00", "'mark':70");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 0);
    clock_says(JOB(1), "due", DAY "T22:00:00+08:00", "'mark':100");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 1);
    clock_says(JOB(1), "met", DAY "T22:30:00+08:00",
               "'ended':'2025-07-11T22:30:00+08:00','late':true");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 1);
    CHECK(!world_kpi(world, "fix", "2025-07")->met);
}

static void a_clock_that_was_stopped_in_time_does_not_count(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "started", DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "stopped", DAY "T21:00:00+08:00", "'late':false");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 0);
}

static void a_moved_limit_moves_the_item(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "started", DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "due", DAY "T22:00:00+08:00", "'mark':100");
    all();
    CHECK_KPI(world, "fix", DAY, 0, 1);
    history_say(history, TICKETING, "clock.moved", JOB(1), "2025-07-12T08:00:00+08:00",
                "{'procedure':'job','clock':'fix','round':1,'due':'2025-08-02T22:00:00+08:00'}");
    all();
    CHECK_KPI(world, "fix", DAY, 0, 0);
    history_say(history, TICKETING, "clock.met", JOB(1), "2025-08-01T08:00:00+08:00",
                "{'procedure':'job','clock':'fix','round':1,'due':'2025-08-02T22:00:00+08:00',"
                "'ended':'2025-08-01T08:00:00+08:00','late':false}");
    all();
    CHECK_KPI(world, "fix", "2025-07", 0, 0);
    CHECK_KPI(world, "fix", "2025-08", 1, 1);
}

static void each_round_of_a_clock_is_an_item(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    clock_says(JOB(1), "met", DAY "T21:00:00+08:00", "'late':true");
    history_say(history, TICKETING, "clock.met", JOB(1), DAY "T23:00:00+08:00",
                "{'procedure':'job','clock':'fix','round':2,'due':'2025-07-11T23:30:00+08:00',"
                "'late':false}");
    history_say(history, TICKETING, "clock.met", JOB(1), DAY "T23:00:00+08:00",
                "{'procedure':'job','clock':'other','round':1,"
                "'due':'2025-07-11T23:30:00+08:00','late':false}");
    all();
    CHECK_KPI(world, "fix", "2025-07", 1, 2);
}

static void a_case_counts_while_its_condition_holds(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    all();
    CHECK_KPI(world, "closure", "2025-07", 0, 0);
    step_job(JOB(1), "close", "2025-07-12T09:00:00+08:00",
             "'state':'closed','round':1,'contacts':1,'trips':1,'ended':true", "");
    all();
    CHECK_KPI(world, "closure", "2025-07-12", 1, 1);
    step_job(JOB(1), "reopen", "2025-07-13T09:00:00+08:00",
             "'state':'open','round':2,'contacts':2,'trips':2,'ended':false", "");
    all();
    CHECK_KPI(world, "closure", "2025-07", 0, 0);
    step_job(JOB(1), "close", "2025-07-14T09:00:00+08:00",
             "'state':'closed','round':2,'contacts':2,'trips':2,'ended':true", "");
    step_job(JOB(1), "correct", "2025-07-15T09:00:00+08:00",
             "'state':'closed','round':2,'contacts':2,'trips':2,'ended':true", "");
    all();
    CHECK_KPI(world, "closure", "2025-07-12", 0, 0);
    CHECK_KPI(world, "closure", "2025-07-14", 0, 1); /* two trips; a correction moves nothing */
}

static void an_event_counts_by_its_own_fields_and_time(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    step_job(JOB(1), "rate", "2025-07-12T09:00:00+08:00", "'state':'open'", "'overall':2");
    step_job(JOB(1), "rate", "2025-07-13T09:00:00+08:00", "'state':'open'", "'overall':5");
    all();
    CHECK_KPI(world, "rated", "2025-07-12", 0, 1);
    CHECK_KPI(world, "rated", "2025-07-13", 1, 1);
    CHECK_KPI(world, "rated", "2025-07", 1, 2);
    CHECK_TEXT(world_kpi(world, "rated", "2025-07")->shown, "50.0 %");
}

static void fields_can_be_added_up(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00",
             "'planned':25,'planned_from':'2025-07-11T09:00:00+08:00'");
    open_job(JOB(2), DAY "T20:00:00+08:00", "");
    all();
    CHECK_KPI(world, "points", DAY, 0, 25);
    step_job(JOB(1), "done", DAY "T21:00:00+08:00", "'state':'done'", "'recorded':24");
    all();
    CHECK_KPI(world, "points", DAY, 24, 25);
    CHECK_TEXT(world_kpi(world, "points", DAY)->shown, "96.0 %");
}

static void a_field_without_a_value_is_cleared(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "'urgency':'E1'");
    all();
    CHECK_KPI(world, "both", DAY, 1, 1);
    history_say(history, TICKETING, "job.lower", JOB(1), DAY "T21:00:00+08:00",
                "[{'key':'from','text':'open'},{'key':'state','text':'open'},"
                "{'key':'urgency'}]");
    all();
    CHECK_KPI(world, "both", DAY, 0, 1);
}

static void a_form_field_named_like_a_head_field_is_not_mistaken_for_it(void) {
    begin();
    history_say(history, TICKETING, "job.open", JOB(1), DAY "T20:00:00+08:00",
                "[{'key':'procedure','text':'job'},{'key':'state','text':'closed'},"
                "{'key':'unit','text':'1-1-101'},{'key':'parent','text':''},"
                "{'key':'state','text':'good'}]");
    step_job(JOB(1), "close", DAY "T21:00:00+08:00", "'state':'closed','ended':true", "");
    all();
    CHECK_KPI(world, "closure", DAY, 1, 1);
}

static void a_figure_of_several_parts_counts_each(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "'urgency':'E1'");
    open_job(JOB(2), DAY "T20:00:00+08:00", "'urgency':'N'");
    step_job(JOB(1), "rate", DAY "T21:00:00+08:00", "'state':'open'", "'overall':2");
    all();
    CHECK_KPI(world, "both", DAY, 2, 3);
}

static void a_count_of_events_is_of_this_round(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    step_job(JOB(1), "nobody_home", DAY "T20:10:00+08:00", "'state':'open','round':1", "");
    all();
    CHECK_KPI(world, "tries", DAY, 1, 1);
    step_job(JOB(1), "nobody_home", DAY "T20:20:00+08:00", "'state':'open','round':1", "");
    all();
    CHECK_KPI(world, "tries", DAY, 0, 1);
    step_job(JOB(1), "again", DAY "T20:30:00+08:00", "'state':'open','round':2", "");
    all();
    CHECK_KPI(world, "tries", DAY, 1, 1);
}

static void a_child_in_another_service_counts_its_parent_again(void) {
    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    history_say(history, PATROL, "part.open", "E01-KF008-20250711-0001", DAY "T20:10:00+08:00",
                "{'procedure':'part','state':'open','unit':'','parent':'" JOB(1) "'}");
    all();
    CHECK_KPI(world, "whole", DAY, 0, 1);
    history_say(history, PATROL, "part.end", "E01-KF008-20250711-0001", DAY "T20:20:00+08:00",
                "{'from':'open','state':'done','ended':true}");
    all();
    CHECK_KPI(world, "whole", DAY, 1, 1);
}

static void a_repeat_is_found_within_its_time(void) {
    begin();
    open_job(JOB(1), "2025-05-01T20:00:00+08:00", "'trade':'water'");
    open_job(JOB(2), "2025-05-20T20:00:00+08:00", "'trade':'water'"); /* a repeat of 1 */
    open_job(JOB(3), "2025-05-21T20:00:00+08:00", "'trade':'power'");
    open_job(JOB(4), "2025-07-11T20:00:00+08:00", "'trade':'water'"); /* too long after */
    all();
    CHECK_KPI(world, "again", "2025-05", 1, 3);
    CHECK_KPI(world, "again", "2025-07", 0, 1);
    CHECK(world_kpi(world, "again", "2025-07")->met); /* an upper bound */
    CHECK(!world_kpi(world, "again", "2025-05")->met);
}

static void unit_is(const char *unit, const char *status, const char *when) {
    history_say(history, REGISTRY, "unit.changed", "", when,
                arena_text(history->arena, "{'unit':'%s','status':'%s'}", unit, status));
}

static void a_figure_per_household_divides_by_the_average_of_its_days(void) {
    begin();
    for (int i = 0; i < 10; i++) {
        unit_is(arena_text(history->arena, "1-1-%d", i), i < 8 ? "occupied" : "vacant",
                "2025-05-01T12:00:00+08:00");
    }
    unit_is("1-1-8", "occupied", "2025-06-16T12:00:00+08:00"); /* for the second half of June */
    unit_is("1-1-0", "vacant", "2025-07-01T12:00:00+08:00");
    open_job(JOB(1), "2025-06-11T20:00:00+08:00", "");
    open_job(JOB(2), "2025-07-11T20:00:00+08:00", "");
    all();
    /* June: 8 for 15 days, 9 for 15: 1 ÷ 8.5 */
    CHECK_TEXT(world_kpi(world, "per_home", "2025-06")->shown, "117.6 ‰");
    CHECK_KPI(world, "per_home", "2025-06", 1, 9);
    CHECK_KPI(world, "per_home", "2025-07", 1, 8); /* of the days that were */
    CHECK_TEXT(world_kpi(world, "per_home", "2025-07")->shown, "125.0 ‰");
    CHECK_TEXT(world_kpi(world, "per_home", "2025-04")->shown, "—");
}

static void a_time_near_midnight_counts_on_the_local_day(void) {
    begin();
    open_job(JOB(1), "2025-06-30T16:30:00Z", ""); /* 00:30 on 1 July */
    all();
    CHECK_KPI(world, "tries", "2025-07-01", 1, 1);
    CHECK_KPI(world, "tries", "2025-06", 0, 0);
}

static void estates_are_told_apart_and_together(void) {
    Reports__GetKpiRequest request = REPORTS__GET_KPI_REQUEST__INIT;

    begin();
    open_job(JOB(1), DAY "T20:00:00+08:00", "");
    open_job("E02-KF011-20250711-0001", DAY "T20:00:00+08:00", "");
    all();
    CHECK_KPI(world, "tries", DAY, 2, 2);
    request.name = "tries";
    request.period = DAY;
    request.estate = "E02";
    const Reports__GetKpiReply *reply = world_ask(world, "GetKpi", &request.base);
    CHECK(reply->figure->denominator == 1);
}

static const struct test tests[] = {
    TEST(a_rate_has_one_decimal_half_up),
    TEST(nothing_to_divide_by_is_a_dash_and_never_a_hundred),
    TEST(the_target_is_compared_with_what_is_and_not_with_what_is_shown),
    TEST(periods_are_read_as_people_write_them),
    TEST(what_is_no_period_is_refused),
    TEST(a_running_clock_does_not_count_yet),
    TEST(a_clock_that_is_met_counts_on_the_day_of_its_limit),
    TEST(a_clock_past_its_limit_counts_as_missed_before_it_ends),
    TEST(a_clock_that_was_stopped_in_time_does_not_count),
    TEST(a_moved_limit_moves_the_item),
    TEST(each_round_of_a_clock_is_an_item),
    TEST(a_case_counts_while_its_condition_holds),
    TEST(an_event_counts_by_its_own_fields_and_time),
    TEST(fields_can_be_added_up),
    TEST(a_field_without_a_value_is_cleared),
    TEST(a_form_field_named_like_a_head_field_is_not_mistaken_for_it),
    TEST(a_figure_of_several_parts_counts_each),
    TEST(a_count_of_events_is_of_this_round),
    TEST(a_child_in_another_service_counts_its_parent_again),
    TEST(a_repeat_is_found_within_its_time),
    TEST(a_figure_per_household_divides_by_the_average_of_its_days),
    TEST(a_time_near_midnight_counts_on_the_local_day),
    TEST(estates_are_told_apart_and_together),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
