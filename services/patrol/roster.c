#include "roster.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "engine/directory.h"
#include "engine/revision.h"
#include "rostercheck.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"
#include "store/query.h"

enum {
    PART_ROWS_MAX = 256,
    PARTS_MAX = 100,
    SLICE_ROWS = 100, /* rows published at a time: an event and two rows each */
    DUTIES_MAX = 256,
    PERIOD_SIZE = 7, /* "2025-07" */
};

static const char timer_kind[] = "roster";

/* ---- coming in ---- */

static bool is_period(const char *text) {
    static const char pattern[] = "0000-00";

    for (size_t i = 0; i < PERIOD_SIZE; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == '0' ? !digit : text[i] != pattern[i]) {
            return false;
        }
    }
    return text[PERIOD_SIZE] == '\0';
}

static int put_row(struct call *call, const Patrol__ImportRosterRequest *request, size_t i,
                   struct err *err) {
    const Patrol__Duty *duty = request->duties[i];
    const char *staff = "";
    const char *field = "";

    if (rostercheck_row(call, request, i, &staff, &field, err)) {
        return -1;
    }
    struct query q = QUERY(
        call->store, "INSERT INTO roster_row(period, part, row, post, shift, start_ms, end_ms,"
                     " staff, place) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

    query_bind_text(&q, 1, request->period);
    query_bind_i64(&q, 2, request->part);
    query_bind_i64(&q, 3, (int64_t)i);
    query_bind_text(&q, 4, duty->post);
    query_bind_text(&q, 5, duty->shift);
    query_bind_i64(&q, 6, duty->start_ms);
    query_bind_i64(&q, 7, duty->end_ms);
    query_bind_text(&q, 8, staff);
    query_bind_i64(&q, 9, duty->order == 0 ? 1 : duty->order);
    return query_done(&q, err);
}

/* The first part begins anew; a part sent again replaces itself. */
static int make_room(struct call *call, const Patrol__ImportRosterRequest *request,
                     struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM roster_row WHERE period = ?1"
                                        " AND (part = ?2 OR ?2 = 1)");

    query_bind_text(&q, 1, request->period);
    query_bind_i64(&q, 2, request->part);
    return query_done(&q, err);
}

/* How many rows and parts are there. */
static int count_rows(struct call *call, const char *period, int64_t *rows, int64_t *parts,
                      struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts the parts of one roster */
                           "SELECT count(*), count(DISTINCT part) FROM roster_row"
                           " WHERE period = ?1");

    query_bind_text(&q, 1, period);
    int found = query_step(&q, err);
    *rows = found == 1 ? query_i64(&q, 0) : 0;
    *parts = found == 1 ? query_i64(&q, 1) : 0;
    query_end(&q);
    return found < 0 ? -1 : 0;
}

/* A version that is still going out must not be changed under way. */
static int is_publishing(struct call *call, const char *period, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM timer WHERE kind = 'roster' AND ref = ?1");

    query_bind_text(&q, 1, period);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

static int check_part(struct call *call, const Patrol__ImportRosterRequest *request,
                      struct err *err) {
    if (!is_period(request->period)) {
        return err_set(err, ERR_INVALID, "roster_period", "period=%.60s", request->period);
    }
    if (request->part == 0 || request->part > PARTS_MAX || request->n_duties > PART_ROWS_MAX
        || (request->n_duties == 0 && request->part == 1)) {
        return err_set(err, ERR_INVALID, "roster_part", "period=%s\npart=%u", request->period,
                       request->part);
    }
    int busy = is_publishing(call, request->period, err);
    return busy == 1 ? err_set(err, ERR_UNAVAILABLE, "roster_busy", "period=%s", request->period)
                     : busy;
}

static int next_version(struct call *call, const char *period, int64_t *version, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO roster(period, version) VALUES(?1, 1)"
                                        " ON CONFLICT(period) DO UPDATE SET version = version + 1"
                                        " RETURNING version");

    query_bind_text(&q, 1, period);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    *version = query_i64(&q, 0);
    return query_done(&q, err);
}

/* At the machine itself, before there is a manual; else who the manual lets. */
static int may_import(struct call *call, struct err *err) {
    const struct actor *actor = call->actor;
    struct err none = {0};
    const struct manual *manual = actor->local ? NULL : revision_current(call, &none);

    if (actor->local
        || (manual && manual_permits(manual, "roster.write", actor->roles, actor->role_count))) {
        return 0;
    }
    return err_set(err, ERR_DENIED, "not_permitted", "act=roster.write");
}

int roster_import(struct call *call, struct err *err) {
    const Patrol__ImportRosterRequest *request = call->request;
    Patrol__ImportRosterReply *reply = ARENA_NEW(call->arena, Patrol__ImportRosterReply);
    int64_t rows = 0, parts = 0, version = 0;

    patrol__import_roster_reply__init(reply);
    call->reply = &reply->base;
    if (may_import(call, err) || check_part(call, request, err)) {
        return -1;
    }
    if (request->check) {
        return rostercheck_all(call, request, reply, err);
    }
    if (make_room(call, request, err)) {
        return -1;
    }
    for (size_t i = 0; i < request->n_duties; i++) {
        if (put_row(call, request, i, err)) {
            return -1;
        }
    }
    if (count_rows(call, request->period, &rows, &parts, err)) {
        return -1;
    }
    reply->rows = (uint32_t)rows;
    if (!request->last) {
        return 0;
    }
    if (parts + (request->n_duties == 0) != request->part) {
        return err_set(err, ERR_PRECONDITION, "roster_parts", "period=%s\nparts=%lld\nof=%u",
                       request->period, (long long)parts, request->part);
    }
    return next_version(call, request->period, &version, err)
                   || timer_set(call, timer_kind, request->period, "publish", version, call->now_ms,
                                err)
               ? -1
               : 0;
}

/* ---- going out ---- */

struct slice_row {
    int64_t part, row;
    struct duty_row duty;
};

static int next_rows(struct call *call, const char *period, struct slice_row *rows,
                     struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT part, row, post, shift, staff, start_ms, end_ms, place"
                           " FROM roster_row WHERE period = ?1 ORDER BY part, row LIMIT ?2");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, period);
    query_bind_i64(&q, 2, SLICE_ROWS);
    while ((more = query_step(&q, err)) == 1) {
        struct slice_row *row = &rows[count++];
        row->part = query_i64(&q, 0);
        row->row = query_i64(&q, 1);
        row->duty.post = query_text(&q, 2, call->arena);
        row->duty.shift = query_text(&q, 3, call->arena);
        row->duty.staff = query_text(&q, 4, call->arena);
        row->duty.start_ms = query_i64(&q, 5);
        row->duty.end_ms = query_i64(&q, 6);
        row->duty.order = (int)query_i64(&q, 7);
    }
    return more < 0 ? -1 : count;
}

/* Puts an event of this store, and takes it into its own directory at once: patrol knows
 * its rosters without the bus. */
static int put_and_take(struct call *call, const char *topic, const struct values *fields,
                        handler_fn *take, struct err *err) {
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);
    struct call taking = *call;

    wire__event__init(event);
    event->topic = topic;
    event->fields = fields->list;
    event->n_fields = fields->count;
    if (event_put(call, event, err)) {
        return -1;
    }
    taking.event = event;
    return take(&taking, err);
}

static int publish_row(struct call *call, const char *period, int64_t version,
                       const struct duty_row *duty, struct err *err) {
    struct values fields = {.arena = call->arena};

    values_add_text(&fields, "period", period);
    values_add_i64(&fields, "version", version);
    values_add_text(&fields, "post", duty->post);
    values_add_text(&fields, "shift", duty->shift);
    values_add_ms(&fields, "start", duty->start_ms);
    values_add_ms(&fields, "end", duty->end_ms);
    values_add_text(&fields, "staff", duty->staff);
    values_add_i64(&fields, "order", duty->order);
    return put_and_take(call, "roster.duty", &fields, directory_on_duty, err);
}

static int forget_rows(struct call *call, const char *period, const struct slice_row *last,
                       struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM roster_row WHERE period = ?1"
                                        " AND (part < ?2 OR (part = ?2 AND row <= ?3))");

    query_bind_text(&q, 1, period);
    query_bind_i64(&q, 2, last->part);
    query_bind_i64(&q, 3, last->row);
    return query_done(&q, err);
}

static int drop_older(struct call *call, const char *period, int64_t version, struct err *err) {
    struct values fields = {.arena = call->arena};

    values_add_text(&fields, "period", period);
    values_add_i64(&fields, "below", version);
    return put_and_take(call, "roster.dropped", &fields, directory_on_roster_dropped, err);
}

int roster_due(struct call *call, const struct due *due, struct err *err) {
    struct slice_row *rows = arena_alloc(call->arena, SLICE_ROWS * sizeof *rows);
    int count = next_rows(call, due->ref, rows, err);

    for (int i = 0; i < count; i++) {
        if (publish_row(call, due->ref, due->mark, &rows[i].duty, err)) {
            return -1;
        }
    }
    if (count < 0 || (count > 0 && forget_rows(call, due->ref, &rows[count - 1], err))) {
        return -1;
    }
    if (count == SLICE_ROWS) {
        return timer_set(call, timer_kind, due->ref, due->name, due->mark, call->now_ms, err);
    }
    return drop_older(call, due->ref, due->mark, err);
}

/* ---- restore ---- */

int roster_fold(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;

    if (text_eq(event->topic, "roster.dropped")) {
        return directory_on_roster_dropped(call, err);
    }
    if (!text_eq(event->topic, "roster.duty")) {
        return 0;
    }
    struct query q = QUERY(call->store, "INSERT INTO roster(period, version) VALUES(?1, ?2)"
                                        " ON CONFLICT(period) DO UPDATE"
                                        " SET version = max(version, excluded.version)");
    query_bind_text(&q, 1, value_text(event->fields, event->n_fields, "period"));
    query_bind_i64(&q, 2, value_i64(event->fields, event->n_fields, "version", 1));
    return query_done(&q, err) || directory_on_duty(call, err) ? -1 : 0;
}

/* ---- reading ---- */

int roster_list(struct call *call, struct err *err) {
    const Patrol__ListDutiesRequest *request = call->request;
    Patrol__ListDutiesReply *reply = ARENA_NEW(call->arena, Patrol__ListDutiesReply);
    const int64_t at_ms = request->at_ms ? request->at_ms : call->now_ms;
    struct query q = QUERY(call->store, /* scan: sorts one week */
                           "SELECT post, shift, staff, start_ms, end_ms, place FROM duty"
                           " WHERE (?1 = '' OR post = ?1) AND start_ms <= ?2 AND end_ms > ?2"
                           " AND start_ms > ?2 - ?4"
                           " ORDER BY post, place, start_ms, staff LIMIT ?3");
    int more = 0;

    patrol__list_duties_reply__init(reply);
    call->reply = &reply->base;
    reply->duties = arena_alloc(call->arena, DUTIES_MAX * sizeof(Patrol__Duty *));
    query_bind_text(&q, 1, request->post);
    query_bind_i64(&q, 2, at_ms);
    query_bind_i64(&q, 3, DUTIES_MAX);
    query_bind_i64(&q, 4, directory_shift_max_ms);
    while ((more = query_step(&q, err)) == 1) {
        Patrol__Duty *duty = ARENA_NEW(call->arena, Patrol__Duty);
        patrol__duty__init(duty);
        duty->post = query_text(&q, 0, call->arena);
        duty->shift = query_text(&q, 1, call->arena);
        duty->staff = query_text(&q, 2, call->arena);
        duty->start_ms = query_i64(&q, 3);
        duty->end_ms = query_i64(&q, 4);
        duty->order = (uint32_t)query_i64(&q, 5);
        reply->duties[reply->n_duties++] = duty;
    }
    return more < 0 ? -1 : 0;
}
