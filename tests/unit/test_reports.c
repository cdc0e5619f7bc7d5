/*
 * The reports service: the same figures however the events come, closed months, the
 * items behind a figure, and its refusals.
 */
#include "harness.h"

#include "base/text.h"
#include "core/event.h"
#include "reports_aid.h"

enum { JOBS = 300 };

static const char *job(const struct history *history, int i) {
    return arena_text(history->arena, "E01-KF011-202506%02d-%04d", i % 28 + 1, i + 1);
}

static const char *at(const struct history *history, int day, int hour, int minute) {
    return arena_text(history->arena, "2025-06-%02dT%02d:%02d:00+08:00", day % 28 + 1, hour % 24,
                      minute % 60);
}

/* One case's life: more than one lane, more than one service. */
static void live(struct history *history, int i) {
    const char *number = job(history, i);
    const char *due = at(history, i, 18, i);
    const char *clock = arena_text(history->arena,
                                   "{'procedure':'job','clock':'fix','round':1,'due':'%s'}", due);

    history_say(history, TICKETING, "job.open", number, at(history, i, 9, i),
                arena_text(history->arena,
                           "{'procedure':'job','state':'open','unit':'1-1-%d','parent':'',"
                           "'trade':'water','urgency':'%s','planned':%d,'planned_from':'%s'}",
                           i % 40, i % 3 ? "N" : "E1", i % 30, at(history, i, 10, 0)));
    history_say(history, TICKETING, "clock.started", number, at(history, i, 9, i), clock);
    if (i % 5 == 0) {
        history_say(
            history, PATROL, "part.open",
            arena_text(history->arena, "E01-KF008-20250611-%04d", i + 1), at(history, i, 10, 0),
            arena_text(history->arena,
                       "{'procedure':'part','state':'open','unit':'','parent':'%s'}", number));
    }
    if (i % 4 == 0) {
        history_say(history, TICKETING, "clock.due", number, due,
                    arena_text(history->arena,
                               "{'procedure':'job','clock':'fix','round':1,'due':'%s',"
                               "'mark':100}",
                               due));
    }
    history_say(history, TICKETING, "job.rate", number, at(history, i + 1, 9, i),
                arena_text(history->arena,
                           "{'from':'open','state':'open','round':1,'overall':%d,'recorded':%d}",
                           i % 5 + 1, i % 20));
    history_say(history, TICKETING, "clock.met", number, at(history, i + 1, 10, i),
                arena_text(history->arena,
                           "{'procedure':'job','clock':'fix','round':1,'due':'%s',"
                           "'ended':'%s','late':%s}",
                           due, at(history, i + 1, 10, i), i % 4 == 0 ? "true" : "false"));
    history_say(history, TICKETING, "job.close", number, at(history, i + 1, 11, i),
                arena_text(history->arena,
                           "{'from':'open','state':'closed','round':1,'contacts':1,"
                           "'trips':%d,'ended':true}",
                           i % 3));
    if (i % 10 == 0) {
        history_say(history, PATROL, "part.end",
                    arena_text(history->arena, "E01-KF008-20250611-%04d", i + 1),
                    at(history, i + 2, 10, 0), "{'from':'open','state':'done','ended':true}");
    }
    if (i % 7 == 0) {
        history_say(history, REGISTRY, "unit.changed", "", at(history, i, 12, 0),
                    arena_text(history->arena, "{'unit':'1-1-%d','status':'%s'}", i % 40,
                               i % 2 ? "occupied" : "vacant"));
    }
}

static struct history *a_month(void) {
    struct history *history = history_new();

    history_publish(history, 1, NULL);
    for (int i = 0; i < JOBS; i++) {
        live(history, i);
    }
    return history;
}

static struct world *heard(const struct history *history, size_t group_max, size_t chunk) {
    struct world *world = world_new("2025-06-30T22:00:00+08:00", group_max, chunk);

    world_hear(world, history, 0, history->count);
    return world;
}

/* The first line in which two dumps differ. */
static void same_bytes(const char *is, const char *should) {
    size_t i = 0, line = 0;

    for (; is[i] && is[i] == should[i]; i++) {
        line = is[i] == '\n' ? i + 1 : line;
    }
    if (is[i] != should[i]) {
        (void)fprintf(stderr, "# is:     %.300s\n# should: %.300s\n", is + line, should + line);
    }
    CHECK(is[i] == should[i]);
}

static void rebuild(struct world *world) {
    Reports__RebuildRequest request = REPORTS__REBUILD_REQUEST__INIT;
    const Reports__RebuildReply *reply = world_ask(world, "Rebuild", &request.base);

    CHECK(reply->events == world->counts[0] + world->counts[1]
          || world_said(world, "month.frozen") > 0);
    world_run(world);
}

/* ---- the same, however it comes ---- */

static void figures_do_not_depend_on_how_the_events_are_grouped(void) {
    const struct history *history = a_month();
    const char *dump = world_dump(heard(history, 0, 256));

    CHECK(strlen(dump) > 50000);
    same_bytes(world_dump(heard(history, 1, 256)), dump);
    same_bytes(world_dump(heard(history, 0, 1)), dump);
    same_bytes(world_dump(heard(history, 3, 7)), dump);
}

static void figures_do_not_depend_on_which_lane_or_source_was_quicker(void) {
    const struct history *history = a_month();
    const char *dump = world_dump(heard(history, 0, 256));

    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 16);
        world_hear_mixed(world, history, seed);
        same_bytes(world_dump(world), dump);
        world_free(world);
    }
}

static void an_event_that_is_ahead_of_its_source_waits(void) {
    struct history *history = history_new();
    struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 256);

    history_publish(history, 1, NULL);
    world_hear(world, history, 0, history->count);
    size_t before = history->count;
    const char *number = job(history, 0);
    history_say(history, TICKETING, "job.open", number, at(history, 1, 9, 0),
                "{'procedure':'job','state':'open','unit':'','parent':''}");
    history_say(history, TICKETING, "clock.due", number, at(history, 1, 10, 0),
                "{'procedure':'job','clock':'fix','round':1,'due':'2025-06-02T10:00:00+08:00',"
                "'mark':100}");
    world_hear(world, history, before + 1, before + 2); /* the urgent lane is quicker */
    CHECK_KPI(world, "fix", "2025-06", 0, 0);
    world_hear(world, history, before, before + 1);
    CHECK_KPI(world, "fix", "2025-06", 0, 1);
}

static void many_that_waited_are_taken_in_together(void) {
    struct history *history = history_new();
    struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 256);

    history_publish(history, 1, NULL);
    const size_t manual = history->count;
    history_say(history, TICKETING, "clock.over", job(history, 0), at(history, 1, 8, 0),
                "{'procedure':'job','clock':'other','round':1,'mark':150}");
    for (int i = 0; i < JOBS; i++) {
        history_say(history, TICKETING, "job.open", job(history, i), at(history, i, 9, 0),
                    "{'procedure':'job','state':'open','unit':'','parent':''}");
    }
    world_hear(world, history, 0, manual);
    world_hear(world, history, manual + 1, history->count);
    CHECK_KPI(world, "tries", "2025-06", 0, 0);
    world_hear(world, history, manual, manual + 1);
    CHECK_KPI(world, "tries", "2025-06", 300, 300);
    rebuild(world);
    CHECK_KPI(world, "tries", "2025-06", 300, 300);
}

static void a_repeated_event_changes_nothing(void) {
    const struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    const char *dump = world_dump(world);

    for (int lane = 0; lane < 2; lane++) { /* the log was lost, and is filled again */
        memcpy(&world->lanes[lane][world->counts[lane]], world->lanes[lane],
               world->counts[lane] * sizeof *world->lanes[lane]);
        world->counts[lane] *= 2;
    }
    world_run(world);
    same_bytes(world_dump(world), dump);
}

static void a_store_that_goes_on_under_a_new_id_is_not_waited_for(void) {
    struct history *history = history_new();
    struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 256);

    history_publish(history, 1, NULL);
    history->seq[TICKETING][0] = 100;
    history->position[TICKETING] = 120;
    live(history, 0);
    world_hear(world, history, 0, history->count);
    CHECK_KPI(world, "rated", "2025-06", 0, 1);
}

static void a_manual_that_comes_late_counts_all_that_was(void) {
    struct history *history = history_new();
    struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 256);

    for (int i = 0; i < JOBS; i++) {
        live(history, i);
    }
    world_hear(world, history, 0, history->count);
    size_t before = history->count;
    history_publish(history, 1, NULL);
    world_hear(world, history, before, history->count);
    same_bytes(world_dump(world), world_dump(heard(a_month(), 0, 256)));
}

static const char other_kpis[] =
    "{'name':'kpis.yaml','kpis':{'kpi':[{'key':'fix','of':'clock','procedure':'job',"
    "'nameOf':'fix','when':[{'all':[{'subject':'urgency','oneOf':['E1']}]}],"
    "'hit':[{'all':[{'subject':'late','oneOf':['false']}]}],'at':'due'},"
    "{'key':'opened','of':'case','procedure':'job','at':'opened'}]}}";

static void another_manual_counts_every_case_again(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    Reports__GetKpiRequest gone = REPORTS__GET_KPI_REQUEST__INIT;
    size_t before = history->count;

    CHECK_KPI(world, "fix", "2025-06", 225, 300);
    history_publish(history, 2, other_kpis);
    world_hear(world, history, before, history->count);
    CHECK_KPI(world, "fix", "2025-06", 75, 100);
    CHECK_KPI(world, "opened", "2025-06", 300, 300);
    gone.name = "closure";
    gone.period = "2025-06";
    CHECK_TEXT(world_refused(world, "GetKpi", &gone.base, "boss", WIRE__CODE__NOT_FOUND),
               "kpi_unknown");
    struct world *fresh = heard(history, 0, 256);
    same_bytes(world_dump(world), world_dump(fresh));
}

/* ---- rebuild ---- */

static void a_rebuild_gives_the_same_bytes(void) {
    struct world *world = heard(a_month(), 0, 256);
    const char *dump = world_dump(world);

    rebuild(world);
    same_bytes(world_dump(world), dump);
}

static void what_comes_during_a_rebuild_is_taken_in_by_it(void) {
    struct history *history = a_month();
    struct world *world = world_new("2025-06-30T22:00:00+08:00", 0, 256);
    Reports__RebuildRequest request = REPORTS__REBUILD_REQUEST__INIT;
    Reports__GetKpiRequest ask = REPORTS__GET_KPI_REQUEST__INIT;
    size_t half = history->count / 2;

    world_hear(world, history, 0, half);
    (void)world_ask(world, "Rebuild", &request.base);
    ask.name = "fix";
    ask.period = "2025-06";
    const Reports__GetKpiReply *reply = world_ask(world, "GetKpi", &ask.base);
    CHECK(reply->progress->rebuilding && reply->progress->done < reply->progress->of);
    world_hear(world, history, half, history->count);
    reply = world_ask(world, "GetKpi", &ask.base);
    CHECK(!reply->progress->rebuilding && reply->progress->revision == 1);
    same_bytes(world_dump(world), world_dump(heard(history, 0, 256)));
}

/* ---- closed months ---- */

/* June is closed at desk closing of its third working day after: Thursday 3 July. */
static void june_closes(struct world *world) {
    world_until(world, "2025-07-03T20:00:00+08:00");
}

static void a_month_is_closed_on_its_third_working_day(void) {
    struct world *world = heard(a_month(), 0, 256);

    world_until(world, "2025-07-03T19:59:59+08:00");
    CHECK(!world_kpi(world, "fix", "2025-06")->frozen);
    CHECK(world_said(world, "month.frozen") == 0);
    june_closes(world);
    const Reports__Figure *figure = world_kpi(world, "fix", "2025-06");
    CHECK(figure->frozen && figure->numerator == 225 && figure->denominator == 300);
    CHECK(figure->now_numerator == 225 && figure->now_denominator == 300);
    CHECK(world_said(world, "month.frozen") == 1);
    CHECK(!world_kpi(world, "fix", "2025-07")->frozen);
    world_until(world, "2025-08-05T20:00:00+08:00"); /* July's third working day after */
    CHECK(world_kpi(world, "fix", "2025-07")->frozen);
    CHECK(world_said(world, "month.frozen") == 2);
}

/* A rating of June that is entered in July; and one of July. */
static void july(struct history *history) {
    history_say_late(history, TICKETING, "job.rate", job(history, 0), "2025-06-20T09:00:00+08:00",
                     "2025-07-10T09:00:00+08:00",
                     "{'from':'open','state':'closed','round':1,'ended':true,'overall':5}");
    history_say(history, TICKETING, "job.rate", job(history, 1), "2025-07-10T09:00:00+08:00",
                "{'from':'open','state':'closed','round':1,'ended':true,'overall':1}");
}

static void a_correction_stands_beside_and_the_copy_stays(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    size_t before = history->count;

    june_closes(world);
    const Reports__Figure *june = world_kpi(world, "rated", "2025-06");
    int64_t num = june->numerator, den = june->denominator;
    world_until(world, "2025-07-10T09:00:00+08:00");
    july(history);
    world_hear(world, history, before, history->count);
    june = world_kpi(world, "rated", "2025-06");
    CHECK(june->numerator == num && june->denominator == den);
    CHECK(june->now_numerator == num + 1 && june->now_denominator == den + 1);
    const Reports__Figure *figure = world_kpi(world, "rated", "2025-07");
    CHECK(figure->numerator == 0 && figure->denominator == 1 && figure->n_adjusted == 1);
    CHECK_TEXT(figure->adjusted[0]->period, "2025-06");
    CHECK(figure->adjusted[0]->numerator == 1 && figure->adjusted[0]->denominator == 1);
    CHECK(world_kpi(world, "rated", "2025-08")->n_adjusted == 0);
    CHECK(world_said(world, "month.adjusted") == 2); /* it counts in two figures */
}

static void a_correction_has_its_cases_too(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    Reports__ListItemsRequest request = REPORTS__LIST_ITEMS_REQUEST__INIT;
    size_t before = history->count;

    june_closes(world);
    july(history);
    world_hear(world, history, before, history->count);
    request.kpi = "rated";
    request.period = "2025-07";
    request.adjusted = true;
    const Reports__ListItemsReply *reply = world_ask(world, "ListItems", &request.base);
    CHECK(reply->n_items == 1);
    CHECK_TEXT(reply->items[0]->case_no, job(history, 0));
    CHECK_TEXT(reply->items[0]->period, "2025-06");
}

static void what_was_entered_in_june_and_came_after_it_closed_is_julys_correction(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    size_t before = history->count;

    june_closes(world);
    history_say(history, TICKETING, "job.rate", job(history, 0), "2025-06-29T09:00:00+08:00",
                "{'from':'open','state':'closed','round':1,'ended':true,'overall':5}");
    world_hear(world, history, before, history->count);
    CHECK(world_kpi(world, "rated", "2025-07")->n_adjusted == 1);
}

static void a_rebuild_keeps_closed_months_and_corrections(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    size_t before = history->count;

    june_closes(world);
    july(history);
    world_hear(world, history, before, history->count);
    const char *dump = world_dump(world);
    int said = world_said(world, "month.adjusted");
    rebuild(world);
    same_bytes(world_dump(world), dump);
    CHECK(world_said(world, "month.adjusted") == said); /* they are not told again */
}

static void another_manual_is_no_correction(void) {
    struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    size_t before = history->count;

    june_closes(world);
    history_publish(history, 2, other_kpis);
    world_hear(world, history, before, history->count);
    const Reports__Figure *june = world_kpi(world, "fix", "2025-06");
    CHECK(june->frozen && june->denominator == 300 && june->now_denominator == 100);
    CHECK(world_kpi(world, "fix", "2025-07")->n_adjusted == 0);
    CHECK(world_said(world, "month.adjusted") == 0);
}

static void a_new_store_takes_over_the_months_that_an_earlier_one_closed(void) {
    struct history *history = a_month();

    history_say(history, OLD_REPORTS, "month.frozen", "", "2025-07-03T20:00:00+08:00",
                "{'period':'2025-06','figures':[{'kpi':'fix','estate':'E01','numerator':200,"
                "'denominator':290}]}");
    struct world *world = world_new("2025-07-20T22:00:00+08:00", 0, 256);
    world_hear(world, history, 0, history->count);
    const Reports__Figure *june = world_kpi(world, "fix", "2025-06");
    CHECK(june->frozen && june->numerator == 200 && june->denominator == 290);
    CHECK(june->now_denominator == 300);
}

/* ---- what is behind a figure ---- */

static void the_items_add_up_to_the_figure(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__ListItemsRequest request = REPORTS__LIST_ITEMS_REQUEST__INIT;
    const Reports__Figure *figure = world_kpi(world, "fix", "2025-06");
    int64_t num = 0, den = 0;
    int pages = 0;

    request.kpi = "fix";
    request.period = "2025-06";
    request.max = 70;
    do {
        const Reports__ListItemsReply *reply = world_ask(world, "ListItems", &request.base);
        for (size_t i = 0; i < reply->n_items; i++) {
            num += reply->items[i]->numerator;
            den += reply->items[i]->denominator;
            CHECK_TEXT(reply->items[i]->part, "fix:1");
        }
        request.after = reply->next;
        pages++;
    } while (*request.after);
    CHECK(num == figure->numerator && den == figure->denominator && pages == 5);
}

static void only_those_that_missed_can_be_listed(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__ListItemsRequest request = REPORTS__LIST_ITEMS_REQUEST__INIT;

    request.kpi = "fix";
    request.period = "2025-06";
    request.missed = true;
    const Reports__ListItemsReply *reply = world_ask(world, "ListItems", &request.base);
    CHECK(reply->n_items == 75 && !*reply->next);
}

static void a_dashboard_has_every_figure_and_its_points_add_up(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__DashboardRequest request = REPORTS__DASHBOARD_REQUEST__INIT;

    request.from = "2025-06-01";
    request.to = "2025-06-30";
    const Reports__DashboardReply *reply = world_ask(world, "Dashboard", &request.base);
    CHECK(reply->n_periods == 30 && reply->n_lines == 9);
    CHECK_TEXT(reply->periods[29], "2025-06-30");
    for (size_t line = 0; line < reply->n_lines; line++) {
        const Reports__Figure *total = reply->lines[line]->total;
        const Reports__Figure *month = world_kpi(world, total->kpi, "2025-06");
        CHECK(total->numerator == month->numerator && total->denominator == month->denominator);
        CHECK_TEXT(total->shown, month->shown);
    }
    int64_t sum = 0;
    for (size_t point = 0; point < reply->n_periods; point++) {
        sum += reply->lines[0]->denominators[point];
    }
    CHECK(sum == 300);
}

static void a_longer_range_has_months_and_a_long_one_years(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__DashboardRequest request = REPORTS__DASHBOARD_REQUEST__INIT;

    request.from = "2025-01-15";
    request.to = "2025-12-31";
    const Reports__DashboardReply *reply = world_ask(world, "Dashboard", &request.base);
    CHECK(reply->n_periods == 12);
    CHECK_TEXT(reply->periods[0], "2025-01");
    request.from = "2016-01-01";
    reply = world_ask(world, "Dashboard", &request.base);
    CHECK(reply->n_periods == 10 && reply->lines[0]->total->denominator == 300);
    request.from = "2025-06";
    request.to = "2025-05";
    CHECK_TEXT(
        world_refused(world, "Dashboard", &request.base, "boss", WIRE__CODE__INVALID_ARGUMENT),
        "period_wrong");
    request.from = "1971";
    CHECK_TEXT(
        world_refused(world, "Dashboard", &request.base, "boss", WIRE__CODE__INVALID_ARGUMENT),
        "period_wrong");
}

static void all_figures_of_a_period_come_in_the_manuals_order(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__ListKpisRequest request = REPORTS__LIST_KPIS_REQUEST__INIT;

    request.period = "2025-06";
    const Reports__ListKpisReply *reply = world_ask(world, "ListKpis", &request.base);
    CHECK(reply->n_figures == 9);
    CHECK_TEXT(reply->figures[0]->kpi, "fix");
    CHECK_TEXT(reply->figures[8]->kpi, "both");
}

/* ---- events ---- */

static void events_can_be_looked_through(void) {
    const struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    Reports__QueryEventsRequest request = REPORTS__QUERY_EVENTS_REQUEST__INIT;

    request.case_no = job(history, 0);
    request.oldest_first = true;
    const Reports__QueryEventsReply *reply = world_ask(world, "QueryEvents", &request.base);
    CHECK(reply->n_events == 6 && reply->next == 0);
    CHECK_TEXT(reply->events[0]->topic, "job.open");
    request.oldest_first = false;
    request.topic = "job.*";
    request.max = 2;
    reply = world_ask(world, "QueryEvents", &request.base);
    CHECK(reply->n_events == 2 && reply->next != 0);
    CHECK_TEXT(reply->events[0]->topic, "job.close");
    request.after = reply->next;
    reply = world_ask(world, "QueryEvents", &request.base);
    CHECK(reply->n_events == 1 && reply->next == 0);
    CHECK_TEXT(reply->events[0]->topic, "job.open");
}

static void a_search_through_many_events_goes_on_where_it_stopped(void) {
    const struct history *history = a_month();
    struct world *world = heard(history, 0, 256);
    Reports__QueryEventsRequest request = REPORTS__QUERY_EVENTS_REQUEST__INIT;
    size_t found = 0;
    int rounds = 0;

    request.topic = "unit.changed";
    request.from_ms = 1;
    do {
        const Reports__QueryEventsReply *reply = world_ask(world, "QueryEvents", &request.base);
        found += reply->n_events;
        request.after = reply->next;
        rounds++;
    } while (request.after != 0);
    CHECK(found == 43 && rounds >= 2);
}

/* ---- refusals ---- */

static void who_may_not_and_what_is_unknown_is_refused(void) {
    struct world *world = heard(a_month(), 0, 256);
    Reports__GetKpiRequest request = REPORTS__GET_KPI_REQUEST__INIT;
    Reports__RebuildRequest anew = REPORTS__REBUILD_REQUEST__INIT;
    Reports__ListItemsRequest items = REPORTS__LIST_ITEMS_REQUEST__INIT;

    request.name = "fix";
    request.period = "2025-06";
    CHECK_TEXT(
        world_refused(world, "GetKpi", &request.base, "clerk", WIRE__CODE__PERMISSION_DENIED),
        "not_permitted");
    CHECK_TEXT(world_refused(world, "Rebuild", &anew.base, "clerk", WIRE__CODE__PERMISSION_DENIED),
               "not_permitted");
    request.period = "yesterday";
    CHECK_TEXT(world_refused(world, "GetKpi", &request.base, "boss", WIRE__CODE__INVALID_ARGUMENT),
               "period_wrong");
    request.period = "2025-06";
    request.name = "happiness";
    CHECK_TEXT(world_refused(world, "GetKpi", &request.base, "boss", WIRE__CODE__NOT_FOUND),
               "kpi_unknown");
    items.kpi = "happiness";
    items.period = "2025-06";
    CHECK_TEXT(world_refused(world, "ListItems", &items.base, "boss", WIRE__CODE__NOT_FOUND),
               "kpi_unknown");
}

static const struct test tests[] = {
    TEST(figures_do_not_depend_on_how_the_events_are_grouped),
    TEST(figures_do_not_depend_on_which_lane_or_source_was_quicker),
    TEST(an_event_that_is_ahead_of_its_source_waits),
    TEST(many_that_waited_are_taken_in_together),
    TEST(a_repeated_event_changes_nothing),
    TEST(a_store_that_goes_on_under_a_new_id_is_not_waited_for),
    TEST(a_manual_that_comes_late_counts_all_that_was),
    TEST(another_manual_counts_every_case_again),
    TEST(a_rebuild_gives_the_same_bytes),
    TEST(what_comes_during_a_rebuild_is_taken_in_by_it),
    TEST(a_month_is_closed_on_its_third_working_day),
    TEST(a_correction_stands_beside_and_the_copy_stays),
    TEST(a_correction_has_its_cases_too),
    TEST(what_was_entered_in_june_and_came_after_it_closed_is_julys_correction),
    TEST(a_rebuild_keeps_closed_months_and_corrections),
    TEST(another_manual_is_no_correction),
    TEST(a_new_store_takes_over_the_months_that_an_earlier_one_closed),
    TEST(the_items_add_up_to_the_figure),
    TEST(only_those_that_missed_can_be_listed),
    TEST(a_dashboard_has_every_figure_and_its_points_add_up),
    TEST(a_longer_range_has_months_and_a_long_one_years),
    TEST(all_figures_of_a_period_come_in_the_manuals_order),
    TEST(events_can_be_looked_through),
    TEST(a_search_through_many_events_goes_on_where_it_stopped),
    TEST(who_may_not_and_what_is_unknown_is_refused),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
