#include "services/reports/count.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "services/reports/journal.h"
#include "services/reports/period.h"
#include "store/query.h"

/* An item as it is stored. */
struct stored {
    struct item item;
    const char *estate;
    int64_t day;
};

/* ---- sums ---- */

static int add_total(struct call *call, const struct period *period, const struct sum *sum,
                     struct err *err) {
    const char level[] = {period->level, '\0'};
    struct query q = QUERY(call->store,
                           "INSERT INTO total(level, period, kpi, estate, num, den)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
                           " ON CONFLICT(level, period, kpi, estate)"
                           " DO UPDATE SET num = num + excluded.num, den = den + excluded.den");

    query_bind_text(&q, 1, level);
    query_bind_text(&q, 2, period->name);
    query_bind_text(&q, 3, sum->kpi);
    query_bind_text(&q, 4, sum->estate);
    query_bind_i64(&q, 5, sum->num);
    query_bind_i64(&q, 6, sum->den);
    if (query_done(&q, err)) {
        return -1;
    }
    if (sum->num > 0 || sum->den > 0) {
        return 0;
    }
    q = QUERY(call->store, "DELETE FROM total WHERE level = ?1 AND period = ?2 AND kpi = ?3"
                           " AND estate = ?4 AND num = 0 AND den = 0");
    query_bind_text(&q, 1, level);
    query_bind_text(&q, 2, period->name);
    query_bind_text(&q, 3, sum->kpi);
    query_bind_text(&q, 4, sum->estate);
    return query_done(&q, err);
}

static int write_sum(struct call *call, const struct sum *sum, struct err *err) {
    static const char levels[PERIOD_LEVELS] = {'D', 'W', 'M', 'Y'};

    if (sum->num == 0 && sum->den == 0) {
        return 0;
    }
    for (size_t i = 0; i < PERIOD_LEVELS; i++) {
        struct period period = period_of(levels[i], sum->day);
        if (add_total(call, &period, sum, err)) {
            return -1;
        }
    }
    return 0;
}

int count_flush(struct call *call, struct sums *sums, struct err *err) {
    for (size_t i = 0; i < sums->count; i++) {
        if (write_sum(call, &sums->list[i], err)) {
            return -1;
        }
    }
    sums->count = 0;
    return 0;
}

static struct sum sum_of(const struct stored *change) {
    struct sum sum = {.day = change->day, .num = change->item.num, .den = change->item.den};

    (void)snprintf(sum.kpi, sizeof sum.kpi, "%s", change->item.kpi);
    (void)snprintf(sum.estate, sizeof sum.estate, "%s", change->estate);
    return sum;
}

static int add_sum(struct call *call, const struct stored *change, struct cause *cause,
                   struct err *err) {
    struct sums *sums = cause->sums;

    if (!sums) {
        const struct sum sum = sum_of(change);
        return write_sum(call, &sum, err);
    }
    for (size_t i = sums->count; i > 0; i--) { /* the newest are likelier */
        struct sum *there = &sums->list[i - 1];
        if (there->day == change->day && text_eq(there->kpi, change->item.kpi)
            && text_eq(there->estate, change->estate)) {
            there->num += change->item.num;
            there->den += change->item.den;
            return 0;
        }
    }
    if (sums->count == COUNT_SUMS_MAX && count_flush(call, sums, err)) {
        return -1;
    }
    sums->list[sums->count++] = sum_of(change);
    return 0;
}

/* ---- closed months ---- */

static int is_frozen(struct call *call, const char *month, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM frozen_month WHERE month = ?1"
                                        " AND applied = 1");

    query_bind_text(&q, 1, month);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

static int put_adjusted(struct call *call, const char *case_no, const struct stored *change,
                        const char *month, const char *in_month, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO adjusted(in_month, kpi, month, case_no, part, estate, num,"
                           " den) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                           " ON CONFLICT(in_month, kpi, month, case_no, part)"
                           " DO UPDATE SET num = num + excluded.num, den = den + excluded.den");

    query_bind_text(&q, 1, in_month);
    query_bind_text(&q, 2, change->item.kpi);
    query_bind_text(&q, 3, month);
    query_bind_text(&q, 4, case_no);
    query_bind_text(&q, 5, change->item.part);
    query_bind_text(&q, 6, change->estate);
    query_bind_i64(&q, 7, change->item.num);
    query_bind_i64(&q, 8, change->item.den);
    return query_done(&q, err);
}

int count_tell(struct call *call, Wire__Event *event, struct err *err) {
    struct journal_source source;
    struct call own = *call;

    /* Without the event that led to it as its cause: a restored store would take that for
     * "applied up to here", but what it knows comes from the others' events, all of them. */
    own.cause = NULL;
    return event_put(&own, event, err) || journal_source(call, event, &source, err)
                   || journal_put(call, event, source.id, err) < 0
               ? -1
               : 0;
}

static int tell_adjusted(struct call *call, const char *case_no, const struct stored *change,
                         const char *month, struct err *err) {
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);
    struct values values = {.arena = call->arena};

    wire__event__init(event);
    values_add_text(&values, "period", month);
    values_add_text(&values, "kpi", change->item.kpi);
    values_add_text(&values, "case", case_no);
    values_add_i64(&values, "numerator", change->item.num);
    values_add_i64(&values, "denominator", change->item.den);
    event->topic = "month.adjusted";
    event->case_no = case_no;
    event->fields = values.list;
    event->n_fields = values.count;
    return count_tell(call, event, err);
}

/* A correction belongs to the month in which it was entered, the next one at the earliest. */
static int adjust(struct call *call, const char *case_no, const struct stored *change,
                  const struct period *month, struct cause *cause, struct err *err) {
    struct period in_month = period_of('M', text_day(cause->entered_ms, cause->offset_min));

    if (in_month.first < month->end) {
        in_month = period_next(month);
    }
    if (put_adjusted(call, case_no, change, month->name, in_month.name, err)) {
        return -1;
    }
    return cause->live ? tell_adjusted(call, case_no, change, month->name, err) : 0;
}

/* 1: the month of this day is closed.  0: it is open.  -1. */
static int is_closed(struct call *call, int64_t day, struct cause *cause, struct err *err) {
    if (day < cause->month_first || day >= cause->month_end) {
        const struct period month = period_of('M', day);
        int closed = is_frozen(call, month.name, err);
        if (closed < 0) {
            return -1;
        }
        cause->month_first = month.first;
        cause->month_end = month.end;
        cause->closed = closed == 1;
    }
    return cause->closed;
}

/* So much more (or less) on this day. */
static int change_by(struct call *call, const char *case_no, const struct stored *change,
                     struct cause *cause, struct err *err) {
    if (change->item.num == 0 && change->item.den == 0) {
        return 0;
    }
    if (add_sum(call, change, cause, err)) {
        return -1;
    }
    int closed = cause->recount ? 0 : is_closed(call, change->day, cause, err);
    if (closed <= 0) {
        return closed;
    }
    const struct period month = period_of('M', change->day);
    return adjust(call, case_no, change, &month, cause, err);
}

/* ---- items ---- */

static int load(struct call *call, const char *case_no, struct stored *list, struct err *err) {
    struct query q = QUERY(call->store, "SELECT kpi, part, at_ms, num, den, estate, day FROM item"
                                        " WHERE case_no = ?1 LIMIT ?2");
    int count = 0, more = 0;

    query_bind_text(&q, 1, case_no);
    query_bind_i64(&q, 2, 2 * COUNT_ITEMS_MAX);
    while ((more = query_step(&q, err)) == 1) {
        list[count++] = (struct stored){
            .item = {.kpi = query_text(&q, 0, call->arena),
                     .part = query_text(&q, 1, call->arena),
                     .at_ms = query_i64(&q, 2),
                     .num = query_i64(&q, 3),
                     .den = query_i64(&q, 4)},
            .estate = query_text(&q, 5, call->arena),
            .day = query_i64(&q, 6),
        };
    }
    return more < 0 ? -1 : count;
}

static int put_item(struct call *call, const char *case_no, const struct stored *stored,
                    struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT OR REPLACE INTO item(case_no, kpi, part, estate, day, at_ms,"
                           " num, den) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, stored->item.kpi);
    query_bind_text(&q, 3, stored->item.part);
    query_bind_text(&q, 4, stored->estate);
    query_bind_i64(&q, 5, stored->day);
    query_bind_i64(&q, 6, stored->item.at_ms);
    query_bind_i64(&q, 7, stored->item.num);
    query_bind_i64(&q, 8, stored->item.den);
    return query_done(&q, err);
}

static int drop_item(struct call *call, const char *case_no, const struct stored *stored,
                     struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM item WHERE case_no = ?1 AND kpi = ?2"
                                        " AND part = ?3");

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, stored->item.kpi);
    query_bind_text(&q, 3, stored->item.part);
    return query_done(&q, err);
}

static struct stored minus(const struct stored *stored) {
    struct stored less = *stored;

    less.item.num = -less.item.num;
    less.item.den = -less.item.den;
    return less;
}

static int replace(struct call *call, const char *case_no, const struct stored *old,
                   const struct stored *fresh, struct cause *cause, struct err *err) {
    if (put_item(call, case_no, fresh, err)) {
        return -1;
    }
    if (old && old->day == fresh->day && text_eq(old->estate, fresh->estate)) {
        struct stored change = *fresh;
        change.item.num -= old->item.num;
        change.item.den -= old->item.den;
        return change_by(call, case_no, &change, cause, err);
    }
    if (old) {
        struct stored less = minus(old);
        if (change_by(call, case_no, &less, cause, err)) {
            return -1;
        }
    }
    return change_by(call, case_no, fresh, cause, err);
}

static struct stored *find(struct stored *list, int count, const struct item *item) {
    for (int i = 0; i < count; i++) {
        if (list[i].estate && text_eq(list[i].item.kpi, item->kpi)
            && text_eq(list[i].item.part, item->part)) {
            return &list[i];
        }
    }
    return NULL;
}

static bool same(const struct stored *a, const struct stored *b) {
    return a->day == b->day && a->item.at_ms == b->item.at_ms && a->item.num == b->item.num
           && a->item.den == b->item.den && text_eq(a->estate, b->estate);
}

int count_case(struct call *call, const char *case_no, const char *estate, const struct item *items,
               size_t count, struct cause *cause, struct err *err) {
    struct stored *list = arena_alloc(call->arena, 2 * COUNT_ITEMS_MAX * sizeof *list);
    int there = load(call, case_no, list, err);

    if (there < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stored fresh = {
            .item = items[i],
            .estate = estate,
            .day = text_day(items[i].at_ms, cause->offset_min),
        };
        struct stored *old = find(list, there, &items[i]);
        if (!(old && same(old, &fresh)) && replace(call, case_no, old, &fresh, cause, err)) {
            return -1;
        }
        if (old) {
            old->estate = NULL; /* dealt with */
        }
    }
    for (int i = 0; i < there; i++) {
        struct stored less = minus(&list[i]);
        if (list[i].estate
            && (drop_item(call, case_no, &list[i], err)
                || change_by(call, case_no, &less, cause, err))) {
            return -1;
        }
    }
    return 0;
}

int count_restart(struct call *call, struct err *err) {
    struct query items = QUERY(call->store, "DELETE FROM item");
    struct query totals = QUERY(call->store, "DELETE FROM total");
    struct query adjusted = QUERY(call->store, "DELETE FROM adjusted");
    struct query months = QUERY(call->store, /* scan: a row each month */
                                "UPDATE frozen_month SET applied = 0");
    struct query known = QUERY(call->store, "DELETE FROM known");
    struct query clocks = QUERY(call->store, "DELETE FROM known_clock");
    struct query households = QUERY(call->store, "DELETE FROM household");
    struct query units = QUERY(call->store, "DELETE FROM household_unit");

    return query_done(&items, err) || query_done(&totals, err) || query_done(&adjusted, err)
                   || query_done(&months, err) || query_done(&known, err)
                   || query_done(&clocks, err) || query_done(&households, err)
                   || query_done(&units, err)
               ? -1
               : 0;
}
