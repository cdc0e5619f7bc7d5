#include "services/registry/registry.h"

#include <string.h>

#include "base/text.h"
#include "core/needs.h"
#include "services/registry/registry_entry.h"

/* ---- the service at a glance ---- */

/* Permissions are asked by the handlers (registry_may), not by the core: the first
 * manual, which has the permissions, must come in without them. */
static const struct method methods[] = {
    {"PutEstate", METHOD_WRITE, GUARD_TOKEN, NULL, registry_put_estate, false},
    {"ListEstates", METHOD_READ, GUARD_TOKEN, NULL, registry_list_estates, false},
    {"PutUnit", METHOD_WRITE, GUARD_TOKEN, NULL, registry_put_unit, false},
    {"GetUnit", METHOD_READ, GUARD_TOKEN, NULL, registry_get_unit, false},
    {"ListUnits", METHOD_READ, GUARD_TOKEN, NULL, registry_list_units, false},
    {"ListBuildings", METHOD_READ, GUARD_TOKEN, NULL, registry_list_buildings, false},
    {"PutPerson", METHOD_WRITE, GUARD_TOKEN, NULL, registry_put_person, false},
    {"GetPerson", METHOD_READ, GUARD_TOKEN, NULL, registry_get_person, false},
    {"PutStaff", METHOD_WRITE, GUARD_TOKEN, NULL, registry_put_staff, false},
    {"GetStaff", METHOD_READ, GUARD_TOKEN, NULL, registry_get_staff, false},
    {"ListStaff", METHOD_READ, GUARD_TOKEN, NULL, registry_list_staff, false},
    {"SetLeave", METHOD_WRITE, GUARD_TOKEN, NULL, registry_set_leave, false},
    {"MarkLeft", METHOD_WRITE, GUARD_TOKEN, NULL, registry_mark_left, false},
    {"Search", METHOD_READ, GUARD_TOKEN, NULL, registry_search, false},
    {"Unmask", METHOD_SECRET, GUARD_TOKEN, NULL, registry_unmask, false},
    {"StartImport", METHOD_WRITE, GUARD_TOKEN, NULL, registry_start_import, false},
    {"ImportRows", METHOD_WRITE, GUARD_TOKEN, NULL, registry_import_rows, false},
    {"FinishImport", METHOD_WRITE, GUARD_TOKEN, NULL, registry_finish_import, false},
    {"GetImport", METHOD_READ, GUARD_TOKEN, NULL, registry_get_import, false},
    {"IssueToken", METHOD_SECRET, GUARD_LOCAL, NULL, registry_issue_token, false},
    {"RevokeToken", METHOD_WRITE, GUARD_TOKEN, NULL, registry_revoke_token, true},
    {"ListHolds", METHOD_READ, GUARD_TOKEN, NULL, registry_list_holds, false},
    {"PublishManual", METHOD_WRITE, GUARD_TOKEN, NULL, registry_publish_manual, false},
    {"GetManual", METHOD_READ, GUARD_TOKEN, NULL, registry_get_manual, false},
    {0},
};

/* Looked at when it is known that he may (registry_may). */
static const struct need needs[] = {
    {"GetUnit", "unit"},
    {"GetPerson", "person"},
    {"GetStaff", "staff"},
    {"SetLeave", "staff"},
    {"MarkLeft", "staff reason"},
    {"Unmask", "person|staff reason"},
    {"StartImport", "kind"},
    {"ImportRows", "import"},
    {"FinishImport", "import"},
    {"GetImport", "import"},
    {"RevokeToken", "staff reason"},
    {"PublishManual", "revision file"},
    {0},
};

static const struct subscription subscriptions[] = {
    {"taken", "hold.taken", WIRE__LANE__NORMAL, registry_on_hold_taken},
    {"released", "hold.released", WIRE__LANE__NORMAL, registry_on_hold_released},
    {0},
};

static const struct timer_kind timers[] = {
    {"import", registry_import_due, false, 0},
    {0},
};

static const struct migration *const schemas[] = {revision_schema, registry_schema, NULL};

const struct service_def registry_def = {
    .name = "registry",
    .schemas = schemas,
    .api = &registry__registry__descriptor,
    .methods = methods,
    .subscriptions = subscriptions,
    .timers = timers,
    .start = revision_start,
    .fold = registry_apply,
    .state_new = revision_state_new,
    .state_free = revision_state_free,
    .state_reset = revision_state_reset,
};

/* ---- what several files need ---- */

int registry_may(struct call *call, const char *act, struct err *err) {
    const bool system = call->actor->system || text_eq(call->actor->staff, "system");
    const struct manual *manual = system ? NULL : revision_current(call, err);

    if (!system && !manual) {
        return -1;
    }
    if (!system && !manual_permits(manual, act, call->actor->roles, call->actor->role_count)) {
        return err_set(err, ERR_DENIED, "not_permitted", "act=%s", act);
    }
    return call->request ? needs_check(needs, call->request, call->arena, err) : 0;
}

uint32_t registry_page(uint32_t asked, uint32_t most) {
    return asked == 0 || asked > most ? most : asked;
}

const char **registry_split(const char *text, size_t max, size_t *count, struct arena *arena) {
    const char **list = arena_alloc(arena, max * sizeof *list);

    *count = 0;
    while (*text && *count < max) {
        size_t length = strcspn(text, ";");
        if (length > 0) {
            list[(*count)++] = arena_copy(arena, text, length);
        }
        text += length + (text[length] == ';');
    }
    return list;
}

char *registry_join(const char *const *list, size_t count, struct arena *arena) {
    size_t size = 1;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        size += strlen(list[i]) + 1;
    }
    char *text = arena_alloc(arena, size);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(list[i]);
        if (i > 0) {
            text[at++] = ';';
        }
        memcpy(text + at, list[i], length);
        at += length;
    }
    return text;
}

int registry_needs(const char *field, const char *text, size_t max, struct err *err) {
    size_t size = strlen(text);

    if (size == 0) {
        return err_set(err, ERR_INVALID, "field_missing", "field=%s", field);
    }
    const char *rule = text_check(text, size, max, false);
    return rule ? err_set(err, ERR_INVALID, rule, "field=%s\nlimit=%zu", field, max) : 0;
}
