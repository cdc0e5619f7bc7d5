#include "services/reports/months.h"

#include <stdio.h>

#include "base/text.h"
#include "core/event.h"
#include "engine/revision.h"
#include "manual/calendar.h"
#include "services/reports/count.h"
#include "services/reports/household.h"
#include "services/reports/period.h"
#include "services/reports/project.h"
#include "store/query.h"

enum {
    FREEZE_WORKDAYS = 3,
    FIGURES_MAX = 256, /* of one month */
    MINUTE_MS = 60 * 1000,
    DAY_MINUTES = 24 * 60,
    RETRY_MS = 60 * 1000,
};

/* ---- when ---- */

static int64_t freeze_ms(const struct manual *manual, const struct period *month) {
    struct calendar calendar = calendar_of(manual);
    int64_t last_ms = (month->end * DAY_MINUTES - calendar.offset_min) * MINUTE_MS - 1;

    return calendar_add_workdays(&calendar, last_ms, FREEZE_WORKDAYS);
}

static int set_timer(struct call *call, const struct manual *manual, const struct period *month,
                     struct err *err) {
    struct query q = QUERY(call->store, "INSERT OR REPLACE INTO progress(name, number, text)"
                                        " VALUES('freeze', ?1, ?2)");

    query_bind_i64(&q, 1, month->first);
    query_bind_text(&q, 2, month->name);
    return query_done(&q, err)
                   || timer_set(call, MONTHS_TIMER, "", "month", month->first,
                                freeze_ms(manual, month), err)
               ? -1
               : 0;
}

static int is_planned(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM progress WHERE name = 'freeze'");
    int found = query_step(&q, err);

    query_end(&q);
    return found;
}

int months_plan(struct call *call, const struct manual *manual, struct err *err) {
    struct calendar calendar = calendar_of(manual);
    struct period now = period_of('M', text_day(call->now_ms, calendar.offset_min));
    struct period before = period_of('M', now.first - 1);
    int planned = is_planned(call, err);

    if (planned != 0) {
        return planned < 0 ? -1 : 0;
    }
    bool open = freeze_ms(manual, &before) >= call->now_ms;
    return set_timer(call, manual, open ? &before : &now, err);
}

/* ---- closing ---- */

static int mark_frozen(struct call *call, const char *month, int64_t at_ms, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO frozen_month(month, frozen_ms, applied) VALUES(?1, ?2, 1)"
                           " ON CONFLICT(month) DO UPDATE SET applied = 1");

    query_bind_text(&q, 1, month);
    query_bind_i64(&q, 2, at_ms);
    return query_done(&q, err);
}

static int copy_totals(struct call *call, const char *month, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO frozen(month, kpi, estate, num, den)"
                           " SELECT period, kpi, estate, num, den FROM total"
                           " WHERE level = 'M' AND period = ?1 ORDER BY kpi, estate LIMIT ?2");

    query_bind_text(&q, 1, month);
    query_bind_i64(&q, 2, FIGURES_MAX);
    return query_done(&q, err);
}

/* What is counted per household keeps the households of the month in its denominator. */
static int copy_households(struct call *call, const struct manual *manual,
                           const struct period *month, struct err *err) {
    const Manual__Kpis *kpis = manual_kpis(manual);
    struct household_days days = {.first = month->first, .end = month->end};

    if (household_count(call, manual, &days, 1, err)) {
        return -1;
    }
    for (size_t i = 0; kpis && i < kpis->n_kpi; i++) {
        struct query q = QUERY(call->store, "UPDATE frozen SET den = ?3"
                                            " WHERE month = ?1 AND kpi = ?2");
        query_bind_text(&q, 1, month->name);
        query_bind_text(&q, 2, kpis->kpi[i]->key);
        query_bind_i64(&q, 3, days.sum);
        if (!kpis->kpi[i]->per_household) {
            query_end(&q);
        } else if (query_done(&q, err)) {
            return -1;
        }
    }
    return 0;
}

static Wire__Cell *text_cell(struct arena *arena, const char *key, const char *text) {
    Wire__Cell *cell = ARENA_NEW(arena, Wire__Cell);

    wire__cell__init(cell);
    cell->key = key;
    cell->kind_case = WIRE__CELL__KIND_TEXT;
    cell->text = text;
    return cell;
}

static Wire__Cell *number_cell(struct arena *arena, const char *key, int64_t number) {
    Wire__Cell *cell = ARENA_NEW(arena, Wire__Cell);

    wire__cell__init(cell);
    cell->key = key;
    cell->kind_case = WIRE__CELL__KIND_INTEGER;
    cell->integer = number;
    return cell;
}

static Wire__Row *figure_row(struct call *call, struct query *q) {
    enum { CELLS = 4 };
    Wire__Row *row = ARENA_NEW(call->arena, Wire__Row);

    wire__row__init(row);
    row->cell = arena_alloc(call->arena, CELLS * sizeof(Wire__Cell *));
    row->cell[row->n_cell++] = text_cell(call->arena, "kpi", query_text(q, 0, call->arena));
    row->cell[row->n_cell++] = text_cell(call->arena, "estate", query_text(q, 1, call->arena));
    row->cell[row->n_cell++] = number_cell(call->arena, "numerator", query_i64(q, 2));
    row->cell[row->n_cell++] = number_cell(call->arena, "denominator", query_i64(q, 3));
    return row;
}

static int figures_of(struct call *call, const char *month, Wire__Rows *rows, struct err *err) {
    struct query q = QUERY(call->store, "SELECT kpi, estate, num, den FROM frozen"
                                        " WHERE month = ?1 ORDER BY kpi, estate LIMIT ?2");
    int more = 0;

    rows->row = arena_alloc(call->arena, FIGURES_MAX * sizeof(Wire__Row *));
    query_bind_text(&q, 1, month);
    query_bind_i64(&q, 2, FIGURES_MAX);
    while ((more = query_step(&q, err)) == 1) {
        rows->row[rows->n_row++] = figure_row(call, &q);
    }
    return more < 0 ? -1 : 0;
}

static int tell(struct call *call, const char *month, int64_t at_ms, struct err *err) {
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);
    Wire__Value figures = WIRE__VALUE__INIT;
    Wire__Rows *rows = ARENA_NEW(call->arena, Wire__Rows);
    struct values values = {.arena = call->arena};

    wire__event__init(event);
    wire__rows__init(rows);
    if (figures_of(call, month, rows, err)) {
        return -1;
    }
    figures.key = "figures";
    figures.kind_case = WIRE__VALUE__KIND_ROWS;
    figures.rows = rows;
    values_add_text(&values, "period", month);
    values_add(&values, &figures);
    event->topic = MONTHS_TOPIC;
    event->event_ms = at_ms;
    event->fields = values.list;
    event->n_fields = values.count;
    return count_tell(call, event, err);
}

static int known_frozen(struct call *call, const char *month, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM frozen_month WHERE month = ?1");

    query_bind_text(&q, 1, month);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

int months_due(struct call *call, const struct due *due, struct err *err) {
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);
    struct period month = period_of('M', due->mark);
    struct period next = period_next(&month);

    int busy = project_busy(call, err);
    if (busy < 0) {
        return -1;
    }
    if (!manual || busy == 1) { /* figures that are being made are not closed */
        return timer_set(call, MONTHS_TIMER, "", "month", due->mark, call->now_ms + RETRY_MS, err);
    }
    int there = known_frozen(call, month.name, err);
    if (there < 0
        || (there == 0
            && (copy_totals(call, month.name, err) || copy_households(call, manual, &month, err)
                || mark_frozen(call, month.name, due->due_ms, err)
                || tell(call, month.name, due->due_ms, err)))) {
        return -1;
    }
    return set_timer(call, manual, &next, err);
}

/* ---- taken in ---- */

static const Wire__Cell *cell_of(const Wire__Row *row, const char *key) {
    for (size_t i = 0; i < row->n_cell; i++) {
        if (text_eq(row->cell[i]->key, key)) {
            return row->cell[i];
        }
    }
    return NULL;
}

static int put_figure(struct call *call, const char *month, const Wire__Row *row, struct err *err) {
    const Wire__Cell *kpi = cell_of(row, "kpi"), *estate = cell_of(row, "estate");
    const Wire__Cell *num = cell_of(row, "numerator"), *den = cell_of(row, "denominator");
    struct query q = QUERY(call->store, "INSERT OR IGNORE INTO frozen(month, kpi, estate, num, den)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5)");

    if (!kpi || !estate || !num || !den || kpi->kind_case != WIRE__CELL__KIND_TEXT
        || estate->kind_case != WIRE__CELL__KIND_TEXT) {
        query_end(&q);
        return 0;
    }
    query_bind_text(&q, 1, month);
    query_bind_text(&q, 2, kpi->text);
    query_bind_text(&q, 3, estate->text);
    query_bind_i64(&q, 4, num->integer);
    query_bind_i64(&q, 5, den->integer);
    return query_done(&q, err);
}

int months_apply(struct call *call, const Wire__Event *event, struct err *err) {
    const char *month = value_text(event->fields, event->n_fields, "period");
    const Wire__Value *figures = value_find(event->fields, event->n_fields, "figures");
    struct period period;
    int there = known_frozen(call, month, err);

    if (there < 0 || !period_read(month, &period) || period.level != 'M') {
        return there < 0 ? -1 : 0;
    }
    if (there == 0 && figures && figures->kind_case == WIRE__VALUE__KIND_ROWS && figures->rows) {
        for (size_t i = 0; i < figures->rows->n_row && i < FIGURES_MAX; i++) {
            if (put_figure(call, month, figures->rows->row[i], err)) {
                return -1;
            }
        }
    }
    return mark_frozen(call, month, event->event_ms, err);
}
