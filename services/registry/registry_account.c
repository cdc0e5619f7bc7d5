/*
 * Tokens: for an employee, for a shift, on record.  Registry alone can sign them.
 */
#include <string.h>

#include "base/text.h"
#include "base/token.h"
#include "manual/manual.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

static const int64_t shift_ms = INT64_C(12) * 3600 * 1000;
enum { STAFF_NAME_MAX = 64 };
static const char system_name[] = "system";
static const char system_act[] = "system.operate";

/* The estate that a token names: the only one, or the first. */
static const char *first_estate(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT estate FROM estate ORDER BY estate LIMIT 1");
    int found = query_step(&q, err);
    const char *estate = found == 1 ? query_text(&q, 0, call->arena) : "";

    query_end(&q);
    return found < 0 ? NULL : estate;
}

/* Which roles the machine's own operator has is the manual's to say; before the first
 * manual he has none, and only registry lets him in. */
static void system_staff(struct call *call, Registry__Staff *staff) {
    struct err ignored = {0};
    const struct manual *manual = revision_current(call, &ignored);
    const Manual__Roles *roles = manual ? manual_roles(manual) : NULL;

    registry__staff__init(staff);
    staff->staff = system_name;
    staff->name = system_name;
    staff->generation = 1;
    for (size_t i = 0; roles && i < roles->n_permission; i++) {
        const Manual__Permission *permission = roles->permission[i];
        if (text_eq(permission->act, system_act)) {
            size_t count = permission->n_role < TOKEN_ROLES_MAX ? permission->n_role
                                                                : TOKEN_ROLES_MAX;
            staff->roles = arena_copy(call->arena, permission->role, count * sizeof(char *));
            staff->n_roles = count;
        }
    }
}

static int find(struct call *call, const char *name, Registry__Staff *staff, struct err *err) {
    if (text_eq(name, system_name)) {
        system_staff(call, staff);
        return 0;
    }
    int found = registry_staff_find(call, name, staff, err);
    if (found == 0) {
        found = registry_staff_named(call, name, staff, err);
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "staff_unknown", "field=staff\nstaff=%s",
                       registry_shown(name, call->arena));
    }
    if (found == 1 && staff->left) {
        return err_set(err, ERR_PRECONDITION, "staff_left", "field=staff\nstaff=%s", staff->staff);
    }
    return found < 0 ? -1 : 0;
}

int registry_issue_token(struct call *call, struct err *err) {
    const Registry__IssueTokenRequest *request = call->request;
    Registry__IssueTokenReply *reply = ARENA_NEW(call->arena, Registry__IssueTokenReply);
    struct values fields = {.arena = call->arena};
    Registry__Staff staff;

    if (registry_needs("staff", request->staff, STAFF_NAME_MAX, err)
        || find(call, request->staff, &staff, err)) {
        return -1;
    }
    struct token token = {
        .staff = staff.staff,
        .estate = first_estate(call, err),
        .roles = staff.roles,
        .role_count = staff.n_roles,
        .generation = staff.generation,
        .from_ms = call->now_ms,
        .until_ms = call->now_ms + shift_ms,
    };
    if (!token.estate) {
        return -1;
    }
    struct bytes signed_token = token_sign(call->secrets, &token, call->arena);
    if (signed_token.size == 0) {
        return err_plain(err, ERR_INTERNAL, "the token of %s does not fit", staff.staff);
    }
    values_add_text(&fields, "staff", staff.staff);
    values_add_ms(&fields, "expires", token.until_ms);
    registry__issue_token_reply__init(reply);
    reply->token.data = arena_copy(call->arena, signed_token.data, signed_token.size);
    reply->token.len = signed_token.size;
    reply->staff = staff.staff;
    reply->name = staff.name;
    reply->roles = staff.roles;
    reply->n_roles = staff.n_roles;
    reply->until_ms = token.until_ms;
    call->reply = &reply->base;
    return registry_tell(call, "token.issued", WIRE__LANE__NORMAL, &fields, err);
}

/* His own anybody may end. */
int registry_revoke_token(struct call *call, struct err *err) {
    const Registry__RevokeTokenRequest *request = call->request;
    Registry__RevokeTokenReply *reply = ARENA_NEW(call->arena, Registry__RevokeTokenReply);
    struct values fields = {.arena = call->arena};
    Registry__Staff staff;
    bool own = text_eq(request->staff, call->actor->staff);

    if ((!own && registry_may(call, "staff.manage", err))
        || registry_needs("reason", request->reason, REGISTRY_REASON_MAX, err)) {
        return -1;
    }
    int found = registry_staff_find(call, request->staff, &staff, err);
    if (found != 1) {
        return found < 0 ? -1
                         : err_set(err, ERR_NOT_FOUND, "staff_unknown", "field=staff\nstaff=%s",
                                   registry_shown(request->staff, call->arena));
    }
    values_add_text(&fields, "staff", staff.staff);
    values_add_i64(&fields, "generation", (int64_t)staff.generation + 1);
    values_add_text(&fields, "reason", request->reason);
    registry__revoke_token_reply__init(reply);
    reply->generation = staff.generation + 1;
    call->reply = &reply->base;
    return registry_tell(call, "staff.revoked", WIRE__LANE__URGENT, &fields, err);
}
