#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/revision.h"
#include "services/reports/figure.h"
#include "services/reports/journal.h"
#include "services/reports/project.h"
#include "services/reports/reports.h"
#include "store/query.h"

enum { PAGE_MAX = 100, BYTES_MAX = 48 * 1024 };

int reports_period(const char *text, struct period *period, struct err *err) {
    return period_read(text, period)
               ? 0
               : err_set(err, ERR_INVALID, "period_wrong", "period=%.40s", text);
}

int reports_progress(struct call *call, Reports__Progress **progress, struct err *err) {
    struct project_state state = {0};
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);

    *progress = ARENA_NEW(call->arena, Reports__Progress);
    reports__progress__init(*progress);
    if (project_state(call, &state, err)) {
        return -1;
    }
    (*progress)->rebuilding = state.rebuilding || state.recounting;
    (*progress)->done = (uint64_t)(state.rebuilding ? state.done : state.of);
    (*progress)->of = (uint64_t)state.of;
    (*progress)->revision = manual ? manual_revision(manual) : 0;
    return 0;
}

/* ---- figures ---- */

int reports_get_kpi(struct call *call, struct err *err) {
    const Reports__GetKpiRequest *request = call->request;
    Reports__GetKpiReply *reply = ARENA_NEW(call->arena, Reports__GetKpiReply);
    const struct manual *manual = revision_current(call, err);
    struct period period;

    reports__get_kpi_reply__init(reply);
    call->reply = &reply->base;
    if (!manual || reports_period(request->period, &period, err)) {
        return -1;
    }
    const Manual__Kpi *kpi = figure_find(manual, request->name, err);
    reply->figure = ARENA_NEW(call->arena, Reports__Figure);
    return !kpi || figure_make(call, manual, kpi, &period, request->estate, reply->figure, err)
                   || reports_progress(call, &reply->progress, err)
               ? -1
               : 0;
}

int reports_list_kpis(struct call *call, struct err *err) {
    const Reports__ListKpisRequest *request = call->request;
    Reports__ListKpisReply *reply = ARENA_NEW(call->arena, Reports__ListKpisReply);
    const struct manual *manual = revision_current(call, err);
    struct period period;

    reports__list_kpis_reply__init(reply);
    call->reply = &reply->base;
    if (!manual || reports_period(request->period, &period, err)) {
        return -1;
    }
    const Manual__Kpis *kpis = manual_kpis(manual);
    size_t count = kpis ? kpis->n_kpi : 0;
    reply->figures = arena_alloc(call->arena, (count + 1) * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        Reports__Figure *figure = ARENA_NEW(call->arena, Reports__Figure);
        if (figure_make(call, manual, kpis->kpi[i], &period, request->estate, figure, err)) {
            return -1;
        }
        reply->figures[reply->n_figures++] = figure;
    }
    return reports_progress(call, &reply->progress, err);
}

/* ---- the items behind a figure ---- */

/* A page begins after "day case part", the key of the last item. */
struct place {
    int64_t day;
    const char *case_no;
    const char *part;
};

static struct place place_of(const char *after, struct arena *arena) {
    struct place place = {.day = INT64_MIN, .case_no = "", .part = ""};
    char *copy = arena_copy(arena, after, strlen(after));
    char *first = strchr(copy, ' ');
    char *second = first ? strchr(first + 1, ' ') : NULL;

    if (second) {
        *first = '\0';
        *second = '\0';
        place.day = strtoll(copy, NULL, 10);
        place.case_no = first + 1;
        place.part = second + 1;
    }
    return place;
}

static Reports__Item *read_item(struct call *call, struct query *q) {
    Reports__Item *item = ARENA_NEW(call->arena, Reports__Item);

    reports__item__init(item);
    item->case_no = query_text(q, 0, call->arena);
    item->part = query_text(q, 1, call->arena);
    item->at_ms = query_i64(q, 2);
    item->numerator = query_i64(q, 3);
    item->denominator = query_i64(q, 4);
    return item;
}

static int list_counted(struct call *call, const Reports__ListItemsRequest *request,
                        const struct period *period, size_t max, Reports__ListItemsReply *reply,
                        struct err *err) {
    struct place place = place_of(request->after, call->arena);
    struct query q = QUERY(call->store,
                           "SELECT case_no, part, at_ms, num, den, day FROM item WHERE kpi = ?1"
                           " AND day >= ?2 AND day < ?3 AND (day, case_no, part) > (?4, ?5, ?6)"
                           " AND (?7 = '' OR estate = ?7) AND (?8 = 0 OR num < den)"
                           " ORDER BY day, case_no, part LIMIT ?9");
    int more = 0;

    query_bind_text(&q, 1, request->kpi);
    query_bind_i64(&q, 2, period->first > place.day ? period->first : place.day);
    query_bind_i64(&q, 3, period->end);
    query_bind_i64(&q, 4, place.day);
    query_bind_text(&q, 5, place.case_no);
    query_bind_text(&q, 6, place.part);
    query_bind_text(&q, 7, request->estate);
    query_bind_i64(&q, 8, request->missed);
    query_bind_i64(&q, 9, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        Reports__Item *item = read_item(call, &q);
        int64_t day = query_i64(&q, 5);
        item->period = arena_text(call->arena, "%s", period_of('D', day).name);
        reply->next = arena_text(call->arena, "%lld %s %s", (long long)day, item->case_no,
                                 item->part);
        reply->items[reply->n_items++] = item;
    }
    return more < 0 ? -1 : 0;
}

static int list_adjusted(struct call *call, const Reports__ListItemsRequest *request,
                         const struct period *period, size_t max, Reports__ListItemsReply *reply,
                         struct err *err) {
    struct place place = place_of(request->after, call->arena);
    struct query q = QUERY(call->store, /* scan: sorts the corrections of a month */
                           "SELECT case_no, part, 0, num, den, month FROM adjusted"
                           " WHERE in_month = ?1 AND kpi = ?2 AND (num <> 0 OR den <> 0)"
                           " AND (case_no, part) > (?3, ?4) AND (?5 = '' OR estate = ?5)"
                           " ORDER BY case_no, part, month LIMIT ?6");
    int more = 0;

    query_bind_text(&q, 1, period->name);
    query_bind_text(&q, 2, request->kpi);
    query_bind_text(&q, 3, place.case_no);
    query_bind_text(&q, 4, place.part);
    query_bind_text(&q, 5, request->estate);
    query_bind_i64(&q, 6, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        Reports__Item *item = read_item(call, &q);
        item->period = query_text(&q, 5, call->arena);
        reply->next = arena_text(call->arena, "0 %s %s", item->case_no, item->part);
        reply->items[reply->n_items++] = item;
    }
    return more < 0 ? -1 : 0;
}

static size_t page_of(uint32_t max) {
    return max > 0 && max < PAGE_MAX ? max : PAGE_MAX;
}

int reports_list_items(struct call *call, struct err *err) {
    const Reports__ListItemsRequest *request = call->request;
    Reports__ListItemsReply *reply = ARENA_NEW(call->arena, Reports__ListItemsReply);
    const struct manual *manual = revision_current(call, err);
    size_t max = page_of(request->max);
    struct period period;

    reports__list_items_reply__init(reply);
    call->reply = &reply->base;
    if (!manual || !figure_find(manual, request->kpi, err)
        || reports_period(request->period, &period, err)) {
        return -1;
    }
    reply->items = arena_alloc(call->arena, PAGE_MAX * sizeof(void *));
    int rc = request->adjusted ? list_adjusted(call, request, &period, max, reply, err)
                               : list_counted(call, request, &period, max, reply, err);
    if (reply->n_items < max) {
        reply->next = "";
    }
    return rc;
}

/* ---- events ---- */

int reports_query_events(struct call *call, struct err *err) {
    const Reports__QueryEventsRequest *request = call->request;
    Reports__QueryEventsReply *reply = ARENA_NEW(call->arena, Reports__QueryEventsReply);
    struct journal_wish wish = {
        .after = request->after,
        .oldest_first = request->oldest_first,
        .topic = request->topic,
        .case_no = request->case_no,
        .from_ms = request->from_ms,
        .to_ms = request->to_ms,
        .max = page_of(request->max),
        .bytes_max = BYTES_MAX,
    };

    reports__query_events_reply__init(reply);
    call->reply = &reply->base;
    reply->events = arena_alloc(call->arena, PAGE_MAX * sizeof(void *));
    int count = journal_query(call, &wish, reply->events, &reply->next, err);
    reply->n_events = count > 0 ? (size_t)count : 0;
    return count < 0 ? -1 : 0;
}
