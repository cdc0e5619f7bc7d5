#include <string.h>

#include "base/text.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

static const int64_t leave_max_ms = INT64_C(3) * 366 * 24 * 3600 * 1000;

/* ---- reading ---- */

#define STAFF_COLUMNS                                                                              \
    "staff, name, roles, dept, area, deputy, channels, active, leave_from_ms, leave_to_ms,"        \
    " generation"

static void read_row(struct query *q, struct arena *arena, Registry__Staff *message) {
    registry__staff__init(message);
    message->staff = query_text(q, 0, arena);
    message->name = query_text(q, 1, arena);
    message->roles = registry_split(query_text(q, 2, arena), REGISTRY_WORDS_MAX, &message->n_roles,
                                    arena);
    message->dept = query_text(q, 3, arena);
    message->area = query_text(q, 4, arena);
    message->deputy = query_text(q, 5, arena);
    message->channels = registry_split(query_text(q, 6, arena), REGISTRY_WORDS_MAX,
                                       &message->n_channels, arena);
    message->left = query_i64(q, 7) == 0;
    message->leave_from_ms = query_i64(q, 8);
    message->leave_to_ms = query_i64(q, 9);
    message->generation = (uint64_t)query_i64(q, 10);
}

static int read_phone(struct call *call, Registry__Staff *message, struct err *err) {
    const char *phones[REGISTRY_PHONES_MAX];
    int count = registry_masked_phones(call, "staff", message->staff, phones, err);

    message->phone = count > 0 ? phones[0] : "";
    return count < 0 ? -1 : 0;
}

int registry_staff_find(struct call *call, const char *staff, Registry__Staff *message,
                        struct err *err) {
    struct query q = QUERY(call->store, "SELECT " STAFF_COLUMNS " FROM staff WHERE staff = ?1");

    query_bind_text(&q, 1, staff);
    int found = query_step(&q, err);
    if (found != 1) {
        return found;
    }
    read_row(&q, call->arena, message);
    query_end(&q);
    return read_phone(call, message, err) ? -1 : 1;
}

int registry_staff_named(struct call *call, const char *name, Registry__Staff *message,
                         struct err *err) {
    struct query q = QUERY(call->store, "SELECT " STAFF_COLUMNS " FROM staff"
                                        " WHERE name = ?1 AND active = 1 ORDER BY staff LIMIT 2");
    int count = 0;
    int more = 0;
    Registry__Staff second;

    query_bind_text(&q, 1, name);
    while ((more = query_step(&q, err)) == 1) {
        read_row(&q, call->arena, count == 0 ? message : &second);
        count++;
    }
    if (more < 0) {
        return -1;
    }
    if (count > 1) {
        return err_set(err, ERR_PRECONDITION, "name_twice", "value=%s\nnumbers=%s, %s", name,
                       message->staff, second.staff);
    }
    return count == 1 && read_phone(call, message, err) ? -1 : count;
}

/* The employee, or not_found. */
static Registry__Staff *must_find(struct call *call, const char *staff, struct err *err) {
    Registry__Staff *message = ARENA_NEW(call->arena, Registry__Staff);
    int found = registry_staff_find(call, staff, message, err);

    if (found == 0) {
        found = registry_staff_named(call, staff, message, err);
    }
    if (found == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "staff_unknown", "field=staff\nstaff=%s",
                      registry_shown(staff, call->arena));
    }
    return found == 1 ? message : NULL;
}

/* ---- methods ---- */

int registry_put_staff(struct call *call, struct err *err) {
    const Registry__PutStaffRequest *request = call->request;
    const Registry__Staff *in = request->staff;
    struct entry entry;
    bool changed = false;

    if (registry_may(call, "staff.manage", err)) {
        return -1;
    }
    if (!in) {
        return err_set(err, ERR_INVALID, "field_missing", "field=staff");
    }
    const char *texts[] = {
        in->staff,
        in->name,
        registry_join(in->roles, in->n_roles, call->arena),
        in->dept,
        in->area,
        in->deputy,
        in->phone,
        registry_join(in->channels, in->n_channels, call->arena),
    };
    struct bytes raw[ENTRY_FIELDS_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        raw[i] = (struct bytes){(const uint8_t *)texts[i], strlen(texts[i])};
    }
    if (registry_entry_read(call, &registry_staff_kind, raw, &entry, err)
        || registry_entry_refer(call, &entry, 0, err) || registry_entry_refuse(&entry, err)) {
        return -1;
    }
    entry.forget_phones = request->forget_phone;
    if (registry_entry_put(call, &entry, &changed, err)) {
        return -1;
    }
    Registry__PutStaffReply *reply = ARENA_NEW(call->arena, Registry__PutStaffReply);
    registry__put_staff_reply__init(reply);
    reply->staff = must_find(call, entry.key, err);
    reply->changed = changed;
    call->reply = &reply->base;
    return reply->staff ? 0 : -1;
}

int registry_get_staff(struct call *call, struct err *err) {
    const Registry__GetStaffRequest *request = call->request;
    Registry__GetStaffReply *reply = ARENA_NEW(call->arena, Registry__GetStaffReply);

    if (registry_may(call, "staff.read", err)) {
        return -1;
    }
    registry__get_staff_reply__init(reply);
    reply->staff = must_find(call, request->staff, err);
    call->reply = &reply->base;
    return reply->staff ? 0 : -1;
}

int registry_list_staff(struct call *call, struct err *err) {
    const Registry__ListStaffRequest *request = call->request;
    uint32_t max = registry_page(request->max, REGISTRY_LIST_MAX);
    Registry__ListStaffReply *reply = ARENA_NEW(call->arena, Registry__ListStaffReply);
    int more = 0;

    if (registry_may(call, "staff.read", err)) {
        return -1;
    }
    struct query q = QUERY(call->store, "SELECT " STAFF_COLUMNS " FROM staff WHERE staff > ?1"
                                        " AND (?2 = '' OR staff IN (SELECT staff FROM staff_role"
                                        "                           WHERE role = ?2))"
                                        " AND (?3 = '' OR dept = ?3) AND (?4 OR active = 1)"
                                        " ORDER BY staff LIMIT ?5");
    registry__list_staff_reply__init(reply);
    reply->staff = arena_alloc(call->arena, max * sizeof(Registry__Staff *));
    query_bind_text(&q, 1, request->after);
    query_bind_text(&q, 2, request->role);
    query_bind_text(&q, 3, request->dept);
    query_bind_i64(&q, 4, request->left);
    query_bind_i64(&q, 5, max);
    while ((more = query_step(&q, err)) == 1) {
        Registry__Staff *message = ARENA_NEW(call->arena, Registry__Staff);
        read_row(&q, call->arena, message);
        reply->staff[reply->n_staff++] = message;
    }
    for (size_t i = 0; more == 0 && i < reply->n_staff; i++) {
        more = read_phone(call, reply->staff[i], err);
    }
    call->reply = &reply->base;
    return more;
}

int registry_set_leave(struct call *call, struct err *err) {
    const Registry__SetLeaveRequest *request = call->request;
    Registry__SetLeaveReply *reply = ARENA_NEW(call->arena, Registry__SetLeaveReply);
    struct values fields = {.arena = call->arena};
    bool back = request->from_ms == 0 && request->to_ms == 0;

    if (registry_may(call, "staff.manage", err)) {
        return -1;
    }
    const Registry__Staff *staff = must_find(call, request->staff, err);
    if (!staff) {
        return -1;
    }
    if (staff->left) {
        return err_set(err, ERR_PRECONDITION, "staff_left", "field=staff\nstaff=%s", staff->staff);
    }
    if (!back
        && (request->from_ms <= 0 || request->to_ms <= request->from_ms
            || request->to_ms - request->from_ms > leave_max_ms)) {
        return err_set(err, ERR_INVALID, "leave_wrong", "field=to_ms");
    }
    values_add_text(&fields, "staff", staff->staff);
    values_add_ms(&fields, "from", request->from_ms);
    values_add_ms(&fields, "to", request->to_ms);
    if (registry_tell(call, "person.on_leave", WIRE__LANE__NORMAL, &fields, err)) {
        return -1;
    }
    registry__set_leave_reply__init(reply);
    reply->staff = must_find(call, staff->staff, err);
    call->reply = &reply->base;
    return reply->staff
               ? registry_holds(call, staff->staff, "", &reply->holds, &reply->n_holds, err)
               : -1;
}

int registry_mark_left(struct call *call, struct err *err) {
    const Registry__MarkLeftRequest *request = call->request;
    Registry__MarkLeftReply *reply = ARENA_NEW(call->arena, Registry__MarkLeftReply);
    struct values fields = {.arena = call->arena};
    struct values revoked = {.arena = call->arena};

    if (registry_may(call, "staff.manage", err)
        || registry_needs("reason", request->reason, REGISTRY_REASON_MAX, err)) {
        return -1;
    }
    const Registry__Staff *staff = must_find(call, request->staff, err);
    if (!staff) {
        return -1;
    }
    if (staff->left) {
        return err_set(err, ERR_PRECONDITION, "staff_left", "field=staff\nstaff=%s", staff->staff);
    }
    values_add_text(&fields, "staff", staff->staff);
    values_add_text(&fields, "reason", request->reason);
    values_add_text(&revoked, "staff", staff->staff);
    values_add_i64(&revoked, "generation", (int64_t)staff->generation + 1);
    if (registry_tell(call, "person.left", WIRE__LANE__NORMAL, &fields, err)
        || registry_tell(call, "staff.revoked", WIRE__LANE__URGENT, &revoked, err)) {
        return -1;
    }
    registry__mark_left_reply__init(reply);
    reply->staff = must_find(call, staff->staff, err);
    call->reply = &reply->base;
    return reply->staff
               ? registry_holds(call, staff->staff, "", &reply->holds, &reply->n_holds, err)
               : -1;
}
