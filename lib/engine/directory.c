#include "engine/directory.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "store/query.h"

enum { ROLES_MAX = 32 };

/* ";desk;keyk;" as a list. */
static const char *const *split_roles(const char *text, size_t *count, struct arena *arena) {
    const char **roles = arena_alloc(arena, ROLES_MAX * sizeof *roles);

    *count = 0;
    while (*text && *count < ROLES_MAX) {
        size_t length = strcspn(text, ";");
        if (length > 0) {
            roles[(*count)++] = arena_copy(arena, text, length);
        }
        text += length + (text[length] == ';');
    }
    return roles;
}

/* The columns that all reads of staff give, in this order. */
#define STAFF_COLUMNS                                                                              \
    "no, name, roles, dept, area, deputy, channels, active, leave_from_ms, leave_to_ms"

static void read_staff(struct query *q, struct arena *arena, struct staff *staff) {
    staff->no = query_text(q, 0, arena);
    staff->name = query_text(q, 1, arena);
    staff->roles = split_roles(query_text(q, 2, arena), &staff->role_count, arena);
    staff->dept = query_text(q, 3, arena);
    staff->area = query_text(q, 4, arena);
    staff->deputy = query_text(q, 5, arena);
    staff->channels = query_text(q, 6, arena);
    staff->active = query_i64(q, 7) == 1;
    staff->leave_from_ms = query_i64(q, 8);
    staff->leave_to_ms = query_i64(q, 9);
}

int directory_staff(struct call *call, const char *no, struct staff *staff, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " STAFF_COLUMNS " FROM staff WHERE no = ?1");

    query_bind_text(&q, 1, no);
    int found = query_step(&q, err);
    if (found == 1) {
        read_staff(&q, call->arena, staff);
        query_end(&q);
    }
    return found;
}

int directory_staff_named(struct call *call, const char *name, struct staff *staff,
                          struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts those of one name */
                           "SELECT " STAFF_COLUMNS " FROM staff WHERE name = ?1"
                           " ORDER BY active DESC, no LIMIT 1");

    query_bind_text(&q, 1, name);
    int found = query_step(&q, err);
    if (found == 1) {
        read_staff(&q, call->arena, staff);
        query_end(&q);
    }
    return found;
}

int directory_unit(struct call *call, const char *no, struct unit *unit, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT no, building, area, steward, status FROM unit WHERE no = ?1");

    query_bind_text(&q, 1, no);
    int found = query_step(&q, err);
    if (found == 1) {
        unit->no = query_text(&q, 0, call->arena);
        unit->building = query_text(&q, 1, call->arena);
        unit->area = query_text(&q, 2, call->arena);
        unit->steward = query_text(&q, 3, call->arena);
        unit->status = query_text(&q, 4, call->arena);
        query_end(&q);
    }
    return found;
}

int directory_role(struct call *call, const char *role, size_t max, struct staff *staff,
                   struct err *err) {
    struct query q = QUERY(call->store, /* scan: an estate has some hundred staff */
                           "SELECT " STAFF_COLUMNS " FROM staff WHERE active = 1"
                           " AND instr(roles, ';' || ?1 || ';') > 0 ORDER BY no LIMIT ?2");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, role);
    query_bind_i64(&q, 2, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        read_staff(&q, call->arena, &staff[count++]);
    }
    return more < 0 ? -1 : count;
}

static void read_duty(struct query *q, struct arena *arena, struct duty_row *row) {
    row->post = query_text(q, 0, arena);
    row->shift = query_text(q, 1, arena);
    row->staff = query_text(q, 2, arena);
    row->start_ms = query_i64(q, 3);
    row->end_ms = query_i64(q, 4);
    row->order = (int)query_i64(q, 5);
}

const int64_t directory_shift_max_ms = (int64_t)7 * 24 * 3600 * 1000;

/* What a query by its first value finds at a time. */
static int read_duties(struct call *call, struct query *q, int64_t at_ms, size_t max,
                       struct duty_row *rows, struct err *err) {
    int count = 0;
    int more = 0;

    query_bind_i64(q, 2, at_ms);
    query_bind_i64(q, 3, directory_shift_max_ms);
    query_bind_i64(q, 4, (int64_t)max);
    while ((more = query_step(q, err)) == 1) {
        read_duty(q, call->arena, &rows[count++]);
    }
    return more < 0 ? -1 : count;
}

int directory_post(struct call *call, const char *post, int64_t at_ms, size_t max,
                   struct duty_row *rows, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts one week of a post */
                           "SELECT post, shift, staff, start_ms, end_ms, place FROM duty"
                           " WHERE post = ?1 AND start_ms <= ?2 AND start_ms > ?2 - ?3"
                           " AND end_ms > ?2 ORDER BY place, start_ms, staff LIMIT ?4");

    query_bind_text(&q, 1, post);
    return read_duties(call, &q, at_ms, max, rows, err);
}

int directory_duties_of(struct call *call, const char *staff, int64_t at_ms, size_t max,
                        struct duty_row *rows, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts one week of a person */
                           "SELECT post, shift, staff, start_ms, end_ms, place FROM duty"
                           " WHERE staff = ?1 AND start_ms <= ?2 AND start_ms > ?2 - ?3"
                           " AND end_ms > ?2 ORDER BY place, start_ms, post LIMIT ?4");

    query_bind_text(&q, 1, staff);
    return read_duties(call, &q, at_ms, max, rows, err);
}

/* 1: a post of his has a roster at this time.  0: none has.  -1: err set. */
static int has_rostered_post(struct call *call, const char *staff, int64_t at_ms, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM duty AS his CROSS JOIN duty AS now"
                                        " ON now.post = his.post AND now.start_ms <= ?2"
                                        "    AND now.start_ms > ?2 - ?3 AND now.end_ms > ?2"
                                        " WHERE his.staff = ?1 AND his.start_ms > ?2 - ?3"
                                        "    AND his.start_ms < ?2 + ?3 LIMIT 1");

    query_bind_text(&q, 1, staff);
    query_bind_i64(&q, 2, at_ms);
    query_bind_i64(&q, 3, directory_shift_max_ms);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

int directory_present(struct call *call, const struct staff *staff, int64_t at_ms, bool *present,
                      struct err *err) {
    struct duty_row row;

    *present = false;
    if (!staff->active || (staff->leave_from_ms <= at_ms && at_ms < staff->leave_to_ms)) {
        return 0;
    }
    int on_shift = directory_duties_of(call, staff->no, at_ms, 1, &row, err);
    if (on_shift < 0) {
        return -1;
    }
    int rostered = on_shift > 0 ? 0 : has_rostered_post(call, staff->no, at_ms, err);
    *present = on_shift > 0 || rostered == 0;
    return rostered < 0 ? -1 : 0;
}

/* ---- events ---- */

static const char *field(const struct call *call, const char *key) {
    return value_text(call->event->fields, call->event->n_fields, key);
}

static int64_t number(const struct call *call, const char *key) {
    return value_i64(call->event->fields, call->event->n_fields, key, 0);
}

int directory_on_staff(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const Wire__Value *phone = value_find(event->fields, event->n_fields, "phone");
    struct query q = QUERY(call->store,
                           "INSERT INTO staff(no, name, roles, dept, area, deputy, channels, phone,"
                           " active) VALUES(?1, ?2, ';' || ?3 || ';', ?4, ?5, ?6, ?7, ?8, ?9)"
                           " ON CONFLICT(no) DO UPDATE SET name = excluded.name,"
                           " roles = excluded.roles, dept = excluded.dept, area = excluded.area,"
                           " deputy = excluded.deputy, channels = excluded.channels,"
                           " phone = excluded.phone, active = excluded.active");
    bool sealed = phone && phone->kind_case == WIRE__VALUE__KIND_SEALED;

    query_bind_text(&q, 1, field(call, "staff"));
    query_bind_text(&q, 2, field(call, "name"));
    query_bind_text(&q, 3, field(call, "roles"));
    query_bind_text(&q, 4, field(call, "dept"));
    query_bind_text(&q, 5, field(call, "area"));
    query_bind_text(&q, 6, field(call, "deputy"));
    query_bind_text(&q, 7, field(call, "channels"));
    query_bind_blob(&q, 8, sealed ? phone->sealed.data : NULL, sealed ? phone->sealed.len : 0);
    query_bind_i64(&q, 9, value_flag(event->fields, event->n_fields, "active"));
    return query_done(&q, err);
}

int directory_on_leave(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE staff SET leave_from_ms = ?2, leave_to_ms = ?3"
                                        " WHERE no = ?1");

    query_bind_text(&q, 1, field(call, "staff"));
    query_bind_i64(&q, 2, number(call, "from"));
    query_bind_i64(&q, 3, number(call, "to"));
    return query_done(&q, err);
}

int directory_on_left(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE staff SET active = 0 WHERE no = ?1");

    query_bind_text(&q, 1, field(call, "staff"));
    return query_done(&q, err);
}

int directory_on_unit(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO unit(no, building, area, steward, status)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(no) DO UPDATE SET"
                                        " building = excluded.building, area = excluded.area,"
                                        " steward = excluded.steward, status = excluded.status");

    query_bind_text(&q, 1, field(call, "unit"));
    query_bind_text(&q, 2, field(call, "building"));
    query_bind_text(&q, 3, field(call, "area"));
    query_bind_text(&q, 4, field(call, "steward"));
    query_bind_text(&q, 5, field(call, "status"));
    return query_done(&q, err);
}

int directory_on_duty(struct call *call, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO duty(period, version, post, shift, start_ms, end_ms, staff,"
                           " place) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                           " ON CONFLICT DO UPDATE SET end_ms = excluded.end_ms");

    query_bind_text(&q, 1, field(call, "period"));
    query_bind_i64(&q, 2, number(call, "version"));
    query_bind_text(&q, 3, field(call, "post"));
    query_bind_text(&q, 4, field(call, "shift"));
    query_bind_i64(&q, 5, number(call, "start"));
    query_bind_i64(&q, 6, number(call, "end"));
    query_bind_text(&q, 7, field(call, "staff"));
    query_bind_i64(&q, 8, number(call, "order"));
    return query_done(&q, err);
}

int directory_on_roster_dropped(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM duty WHERE period = ?1 AND version < ?2");

    query_bind_text(&q, 1, field(call, "period"));
    query_bind_i64(&q, 2, number(call, "below"));
    return query_done(&q, err);
}
