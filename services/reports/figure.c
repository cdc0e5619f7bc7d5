#include "services/reports/figure.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"
#include "manual/calendar.h"
#include "services/reports/household.h"
#include "store/query.h"

enum { PER_CENT = 100, PER_MILLE = 1000, TENTHS = 10 };

/* ---- numbers ---- */

const char *figure_shown(const struct ratio *ratio, bool per_mille, struct arena *arena) {
    const int64_t times = (per_mille ? PER_MILLE : PER_CENT) * TENTHS * ratio->scale;

    if (ratio->den <= 0) {
        return "—";
    }
    const char *sign = ratio->num < 0 ? "-" : "";
    const int64_t num = ratio->num < 0 ? -ratio->num : ratio->num;
    const int64_t tenths = (2 * num * times + ratio->den) / (2 * ratio->den);
    return arena_text(arena, "%s%" PRId64 ".%" PRId64 " %s", sign, tenths / TENTHS, tenths % TENTHS,
                      per_mille ? "‰" : "%");
}

bool figure_met(const struct ratio *ratio, const Manual__Kpi *kpi) {
    const int64_t is = ratio->num * PER_MILLE * ratio->scale;
    const int64_t should = kpi->target_per_mille * ratio->den;

    if (ratio->den <= 0 || kpi->target_per_mille == 0) {
        return false;
    }
    if (kpi->less) {
        return kpi->greater ? is < should : is <= should;
    }
    return kpi->greater ? is > should : is >= should;
}

/* ---- one figure ---- */

const Manual__Kpi *figure_find(const struct manual *manual, const char *name, struct err *err) {
    const Manual__Kpis *kpis = manual_kpis(manual);

    for (size_t i = 0; kpis && i < kpis->n_kpi; i++) {
        if (text_eq(kpis->kpi[i]->key, name)) {
            return kpis->kpi[i];
        }
    }
    (void)err_set(err, ERR_NOT_FOUND, "kpi_unknown", "kpi=%.60s", name);
    return NULL;
}

void figure_describe(const struct call *call, const Manual__Kpi *kpi, const char *estate,
                     Reports__Figure *figure) {
    reports__figure__init(figure);
    figure->kpi = kpi->key;
    figure->name = !kpi->name                    ? kpi->key
                   : text_eq(call->locale, "en") ? kpi->name->en
                                                 : kpi->name->zh;
    figure->estate = estate;
    figure->target_per_mille = kpi->target_per_mille;
    figure->greater = kpi->greater;
    figure->per_mille = kpi->per_mille;
    figure->basis = kpi->basis;
}

void figure_put(const struct call *call, const Manual__Kpi *kpi, const struct ratio *ratio,
                Reports__Figure *figure) {
    figure->numerator = ratio->num;
    figure->denominator = (2 * ratio->den + ratio->scale) / (2 * ratio->scale);
    figure->shown = figure_shown(ratio, kpi->per_mille, call->arena);
    figure->met = figure_met(ratio, kpi);
    figure->few = figure->denominator < FIGURE_FEW;
}

int figure_households(struct call *call, const struct manual *manual, const struct period *periods,
                      size_t count, struct ratio *ratios, struct err *err) {
    const int64_t today = text_day(call->now_ms, calendar_of(manual).offset_min);
    struct household_days days[FIGURE_PERIODS_MAX];

    assert(count <= FIGURE_PERIODS_MAX);
    for (size_t i = 0; i < count; i++) {
        /* A period that has not ended is averaged over the days that were. */
        int64_t end = periods[i].end > today + 1 ? today + 1 : periods[i].end;
        days[i] = (struct household_days){.first = periods[i].first, .end = end};
        ratios[i].scale = end > periods[i].first ? end - periods[i].first : 1;
    }
    if (household_count(call, manual, days, count, err)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        ratios[i].den = days[i].sum;
    }
    return 0;
}

static int total_of(struct call *call, const Manual__Kpi *kpi, const struct period *period,
                    const char *estate, struct ratio *ratio, struct err *err) {
    const char level[] = {period->level, '\0'};
    struct query q = QUERY(call->store, "SELECT ifnull(sum(num), 0), ifnull(sum(den), 0) FROM total"
                                        " WHERE level = ?1 AND period = ?2 AND kpi = ?3"
                                        " AND (?4 = '' OR estate = ?4)");

    query_bind_text(&q, 1, level);
    query_bind_text(&q, 2, period->name);
    query_bind_text(&q, 3, kpi->key);
    query_bind_text(&q, 4, estate);
    if (query_step(&q, err) < 0) {
        return -1;
    }
    *ratio = (struct ratio){.num = query_i64(&q, 0), .den = query_i64(&q, 1), .scale = 1};
    query_end(&q);
    return 0;
}

/* 1: the month is closed, and this is its copy.  0: it is open. */
static int frozen_of(struct call *call, const Manual__Kpi *kpi, const struct period *period,
                     const char *estate, struct ratio *ratio, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT ifnull(sum(f.num), 0), ifnull(sum(f.den), 0), count(m.month)"
                           " FROM frozen_month m LEFT JOIN frozen f ON f.month = m.month"
                           " AND f.kpi = ?2 AND (?3 = '' OR f.estate = ?3)"
                           " WHERE m.month = ?1 AND m.applied = 1");

    query_bind_text(&q, 1, period->name);
    query_bind_text(&q, 2, kpi->key);
    query_bind_text(&q, 3, estate);
    if (query_step(&q, err) < 0) {
        return -1;
    }
    *ratio = (struct ratio){.num = query_i64(&q, 0), .den = query_i64(&q, 1), .scale = 1};
    int closed = query_i64(&q, 2) > 0;
    query_end(&q);
    return closed;
}

/* Corrections of closed months that became known in this one. */
static int adjustments(struct call *call, const Manual__Kpi *kpi, const struct period *period,
                       const char *estate, Reports__Figure *figure, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT month, sum(num), sum(den) FROM adjusted WHERE in_month = ?1"
                           " AND kpi = ?2 AND (?3 = '' OR estate = ?3) GROUP BY month"
                           " HAVING sum(num) <> 0 OR sum(den) <> 0 ORDER BY month LIMIT ?4");
    int more = 0;

    figure->adjusted = arena_alloc(call->arena, FIGURE_ADJUSTMENTS_MAX * sizeof(void *));
    query_bind_text(&q, 1, period->name);
    query_bind_text(&q, 2, kpi->key);
    query_bind_text(&q, 3, estate);
    query_bind_i64(&q, 4, FIGURE_ADJUSTMENTS_MAX);
    while ((more = query_step(&q, err)) == 1) {
        Reports__Adjustment *row = ARENA_NEW(call->arena, Reports__Adjustment);
        reports__adjustment__init(row);
        row->period = query_text(&q, 0, call->arena);
        row->numerator = query_i64(&q, 1);
        row->denominator = query_i64(&q, 2);
        figure->adjusted[figure->n_adjusted++] = row;
    }
    return more < 0 ? -1 : 0;
}

static int month_of(struct call *call, const Manual__Kpi *kpi, const struct period *period,
                    const char *estate, struct ratio *ratio, Reports__Figure *figure,
                    struct err *err) {
    struct ratio copy;
    int closed = frozen_of(call, kpi, period, estate, &copy, err);

    if (closed < 0 || adjustments(call, kpi, period, estate, figure, err)) {
        return -1;
    }
    if (closed == 1) {
        figure->frozen = true;
        figure->now_numerator = ratio->num;
        figure->now_denominator = (2 * ratio->den + ratio->scale) / (2 * ratio->scale);
        if (kpi->per_household) { /* the copy has household days */
            copy.scale = period->end - period->first;
            copy.den = copy.den > 0 ? copy.den : ratio->den;
        }
        *ratio = copy;
    }
    return 0;
}

int figure_make(struct call *call, const struct manual *manual, const Manual__Kpi *kpi,
                const struct period *period, const char *estate, Reports__Figure *figure,
                struct err *err) {
    struct ratio ratio;

    figure_describe(call, kpi, estate, figure);
    figure->period = arena_text(call->arena, "%s", period->name);
    if (total_of(call, kpi, period, estate, &ratio, err)
        || (kpi->per_household && figure_households(call, manual, period, 1, &ratio, err))
        || (period->level == 'M' && month_of(call, kpi, period, estate, &ratio, figure, err))) {
        return -1;
    }
    figure_put(call, kpi, &ratio, figure);
    return 0;
}
