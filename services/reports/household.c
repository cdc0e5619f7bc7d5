#include "services/reports/household.h"

#include "base/text.h"
#include "core/event.h"
#include "store/query.h"

static int change(struct call *call, int64_t day, const char *status, int64_t delta,
                  struct err *err) {
    struct query q = QUERY(
        call->store, "INSERT INTO household(day, status, delta) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(day, status) DO UPDATE SET delta = delta + excluded.delta");

    if (!*status) {
        return 0;
    }
    query_bind_i64(&q, 1, day);
    query_bind_text(&q, 2, status);
    query_bind_i64(&q, 3, delta);
    return query_done(&q, err);
}

static int status_of(struct call *call, const char *unit, const char **status, struct err *err) {
    struct query q = QUERY(call->store, "SELECT status FROM household_unit WHERE unit = ?1");

    *status = "";
    query_bind_text(&q, 1, unit);
    int found = query_step(&q, err);
    if (found == 1) {
        *status = query_text(&q, 0, call->arena);
    }
    query_end(&q);
    return found < 0 ? -1 : 0;
}

int household_apply(struct call *call, const Wire__Event *event, struct err *err) {
    const char *unit = value_text(event->fields, event->n_fields, "unit");
    const char *status = value_text(event->fields, event->n_fields, "status");
    const char *before = "";
    int64_t day = text_day(event->event_ms, 0);

    if (!*unit || status_of(call, unit, &before, err)) {
        return *unit ? -1 : 0;
    }
    if (text_eq(before, status)) {
        return 0;
    }
    struct query q = QUERY(call->store, "INSERT OR REPLACE INTO household_unit(unit, status)"
                                        " VALUES(?1, ?2)");
    query_bind_text(&q, 1, unit);
    query_bind_text(&q, 2, status);
    return query_done(&q, err) || change(call, day, before, -1, err)
                   || change(call, day, status, 1, err)
               ? -1
               : 0;
}

int household_count(struct call *call, const struct manual *manual, struct household_days *days,
                    size_t count, struct err *err) {
    struct query q = QUERY(call->store, /* scan: a row each day on which somebody moved */
                           "SELECT day, status, delta FROM household");
    int more = 0;

    for (size_t i = 0; i < count; i++) {
        days[i].sum = 0;
    }
    while ((more = query_step(&q, err)) == 1) {
        const size_t used = arena_used(call->arena);
        const int64_t day = query_i64(&q, 0), delta = query_i64(&q, 2);
        int64_t moved_in = 0;
        bool counts = manual_number(manual, HOUSEHOLD_PARAMETER, query_text(&q, 1, call->arena),
                                    &moved_in)
                      && moved_in != 0;
        for (size_t i = 0; counts && i < count; i++) {
            const int64_t from = day > days[i].first ? day : days[i].first;
            days[i].sum += from < days[i].end ? delta * (days[i].end - from) : 0;
        }
        arena_rewind(call->arena, used);
    }
    return more < 0 ? -1 : 0;
}
