#include <string.h>

#include "base/text.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

enum { ESTATE_MAX = 32, ESTATE_NAME_MAX = 90, BUILDINGS_MAX = 256 };

/* ---- estates ---- */

int registry_put_estate(struct call *call, struct err *err) {
    const Registry__PutEstateRequest *request = call->request;
    Registry__PutEstateReply *reply = ARENA_NEW(call->arena, Registry__PutEstateReply);
    struct values fields = {.arena = call->arena};

    if (registry_may(call, "unit.write", err)) {
        return -1;
    }
    if (!request->estate) {
        return err_set(err, ERR_INVALID, "field_missing", "field=estate");
    }
    if (registry_needs("estate", request->estate->estate, ESTATE_MAX, err)
        || registry_needs("name", request->estate->name, ESTATE_NAME_MAX, err)) {
        return -1;
    }
    values_add_text(&fields, "estate", request->estate->estate);
    values_add_text(&fields, "name", request->estate->name);
    if (registry_tell(call, "estate.changed", WIRE__LANE__NORMAL, &fields, err)) {
        return -1;
    }
    registry__put_estate_reply__init(reply);
    reply->estate = request->estate;
    call->reply = &reply->base;
    return 0;
}

int registry_list_estates(struct call *call, struct err *err) {
    const Registry__ListEstatesRequest *request = call->request;
    uint32_t max = registry_page(request->max, REGISTRY_LIST_MAX);
    Registry__ListEstatesReply *reply = ARENA_NEW(call->arena, Registry__ListEstatesReply);
    int more = 0;

    if (registry_may(call, "unit.read", err)) {
        return -1;
    }
    struct query q = QUERY(call->store, "SELECT estate, name FROM estate WHERE estate > ?1"
                                        " ORDER BY estate LIMIT ?2");
    registry__list_estates_reply__init(reply);
    reply->estates = arena_alloc(call->arena, max * sizeof(Registry__Estate *));
    query_bind_text(&q, 1, request->after);
    query_bind_i64(&q, 2, max);
    while ((more = query_step(&q, err)) == 1) {
        Registry__Estate *estate = ARENA_NEW(call->arena, Registry__Estate);
        registry__estate__init(estate);
        estate->estate = query_text(&q, 0, call->arena);
        estate->name = query_text(&q, 1, call->arena);
        reply->estates[reply->n_estates++] = estate;
    }
    call->reply = &reply->base;
    return more;
}

/* ---- units ---- */

#define UNIT_COLUMNS                                                                               \
    "unit, estate, building, entrance, floor, room, area, steward, floor_area, status,"            \
    " vacancy_kind, risk, care"

static void read_row(struct query *q, struct arena *arena, Registry__Unit *message) {
    int column = 0;

    registry__unit__init(message);
    message->unit = query_text(q, column++, arena);
    message->estate = query_text(q, column++, arena);
    message->building = query_text(q, column++, arena);
    message->entrance = query_text(q, column++, arena);
    message->floor = query_text(q, column++, arena);
    message->room = query_text(q, column++, arena);
    message->area = query_text(q, column++, arena);
    message->steward = query_text(q, column++, arena);
    message->floor_area_m2 = query_text(q, column++, arena);
    message->status = query_text(q, column++, arena);
    message->vacancy_kind = query_text(q, column++, arena);
    message->risk = query_text(q, column++, arena);
    message->care = query_text(q, column++, arena);
}

int registry_unit_find(struct call *call, const char *unit, Registry__Unit *message,
                       struct err *err) {
    struct query q = QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE unit = ?1");

    query_bind_text(&q, 1, unit);
    int found = query_step(&q, err);
    if (found == 1) {
        read_row(&q, call->arena, message);
    }
    query_end(&q);
    return found;
}

static Registry__Unit *must_find(struct call *call, const char *unit, struct err *err) {
    Registry__Unit *message = ARENA_NEW(call->arena, Registry__Unit);
    int found = registry_unit_find(call, unit, message, err);

    if (found == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "unit_unknown", "field=unit\nunit=%s",
                      registry_shown(unit, call->arena));
    }
    return found == 1 ? message : NULL;
}

int registry_put_unit(struct call *call, struct err *err) {
    const Registry__PutUnitRequest *request = call->request;
    const Registry__Unit *in = request->unit;
    struct entry entry;
    bool changed = false;

    if (registry_may(call, "unit.write", err)) {
        return -1;
    }
    if (!in) {
        return err_set(err, ERR_INVALID, "field_missing", "field=unit");
    }
    const char *texts[] = {
        in->unit,         in->estate, in->building, in->entrance,      in->floor,
        in->room,         in->area,   in->steward,  in->floor_area_m2, in->status,
        in->vacancy_kind, in->risk,   in->care,
    };
    struct bytes raw[ENTRY_FIELDS_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        raw[i] = (struct bytes){(const uint8_t *)texts[i], strlen(texts[i])};
    }
    if (registry_entry_read(call, &registry_unit_kind, raw, &entry, err)
        || registry_entry_refer(call, &entry, 0, err) || registry_entry_refuse(&entry, err)
        || registry_entry_put(call, &entry, &changed, err)) {
        return -1;
    }
    Registry__PutUnitReply *reply = ARENA_NEW(call->arena, Registry__PutUnitReply);
    registry__put_unit_reply__init(reply);
    reply->unit = must_find(call, entry.key, err);
    reply->changed = changed;
    call->reply = &reply->base;
    return reply->unit ? 0 : -1;
}

static int read_household(struct call *call, Registry__GetUnitReply *reply, struct err *err) {
    const char *numbers[REGISTRY_HOUSEHOLD_MAX];
    size_t count = 0;
    int more = 0;
    struct query q = QUERY(call->store, "SELECT person FROM person WHERE unit = ?1 AND active = 1"
                                        " ORDER BY person LIMIT ?2");

    query_bind_text(&q, 1, reply->unit->unit);
    query_bind_i64(&q, 2, REGISTRY_HOUSEHOLD_MAX);
    while ((more = query_step(&q, err)) == 1) {
        numbers[count++] = query_text(&q, 0, call->arena);
    }
    reply->household = arena_alloc(call->arena, (count + 1) * sizeof(Registry__Person *));
    for (size_t i = 0; more == 0 && i < count; i++) {
        Registry__Person *person = ARENA_NEW(call->arena, Registry__Person);
        more = registry_person_find(call, numbers[i], person, err) < 0 ? -1 : 0;
        reply->household[reply->n_household++] = person;
    }
    return more;
}

int registry_get_unit(struct call *call, struct err *err) {
    const Registry__GetUnitRequest *request = call->request;
    Registry__GetUnitReply *reply = ARENA_NEW(call->arena, Registry__GetUnitReply);

    if (registry_may(call, "unit.read", err)) {
        return -1;
    }
    registry__get_unit_reply__init(reply);
    reply->unit = must_find(call, request->unit, err);
    call->reply = &reply->base;
    if (!reply->unit || read_household(call, reply, err)) {
        return -1;
    }
    return registry_holds(call, "", reply->unit->unit, &reply->holds, &reply->n_holds, err);
}

/* The narrowest index that the filters allow; the other filters are looked at row by row. */
static struct query list_query(struct call *call, const Registry__ListUnitsRequest *request) {
    if (*request->building) {
        return QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE building = ?2"
                                  " AND unit > ?1 AND (?3 = '' OR area = ?3)"
                                  " AND (?4 = '' OR steward = ?4) AND (?5 = '' OR status = ?5)"
                                  " ORDER BY unit LIMIT ?6");
    }
    if (*request->steward) {
        return QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE steward = ?4"
                                  " AND unit > ?1 AND ?2 = '' AND (?3 = '' OR area = ?3)"
                                  " AND (?5 = '' OR status = ?5) ORDER BY unit LIMIT ?6");
    }
    if (*request->status) {
        return QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE status = ?5"
                                  " AND unit > ?1 AND ?2 = '' AND ?4 = ''"
                                  " AND (?3 = '' OR area = ?3) ORDER BY unit LIMIT ?6");
    }
    return *request->area ? QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE area = ?3"
                                               " AND unit > ?1 AND ?2 = '' AND ?4 = '' AND ?5 = ''"
                                               " ORDER BY unit LIMIT ?6")
                          : QUERY(call->store, "SELECT " UNIT_COLUMNS " FROM unit WHERE unit > ?1"
                                               " AND ?2 = '' AND ?3 = '' AND ?4 = '' AND ?5 = ''"
                                               " ORDER BY unit LIMIT ?6");
}

int registry_list_units(struct call *call, struct err *err) {
    const Registry__ListUnitsRequest *request = call->request;
    uint32_t max = registry_page(request->max, REGISTRY_LIST_MAX);
    Registry__ListUnitsReply *reply = ARENA_NEW(call->arena, Registry__ListUnitsReply);
    int more = 0;

    if (registry_may(call, "unit.read", err)) {
        return -1;
    }
    struct query q = list_query(call, request);
    registry__list_units_reply__init(reply);
    reply->units = arena_alloc(call->arena, max * sizeof(Registry__Unit *));
    query_bind_text(&q, 1, request->after);
    query_bind_text(&q, 2, request->building);
    query_bind_text(&q, 3, request->area);
    query_bind_text(&q, 4, request->steward);
    query_bind_text(&q, 5, request->status);
    query_bind_i64(&q, 6, max);
    while ((more = query_step(&q, err)) == 1) {
        Registry__Unit *unit = ARENA_NEW(call->arena, Registry__Unit);
        read_row(&q, call->arena, unit);
        reply->units[reply->n_units++] = unit;
    }
    call->reply = &reply->base;
    return more;
}

int registry_list_buildings(struct call *call, struct err *err) {
    const Registry__ListBuildingsRequest *request = call->request;
    uint32_t max = registry_page(request->max, BUILDINGS_MAX);
    Registry__ListBuildingsReply *reply = ARENA_NEW(call->arena, Registry__ListBuildingsReply);
    int more = 0;

    if (registry_may(call, "unit.read", err)) {
        return -1;
    }
    struct query q = QUERY(call->store, /* scan: some dozen buildings */
                           "SELECT estate, building, area, units FROM building"
                           " WHERE building > ?1 ORDER BY building, estate LIMIT ?2");
    registry__list_buildings_reply__init(reply);
    reply->buildings = arena_alloc(call->arena, max * sizeof(Registry__Building *));
    query_bind_text(&q, 1, request->after);
    query_bind_i64(&q, 2, max);
    while ((more = query_step(&q, err)) == 1) {
        Registry__Building *building = ARENA_NEW(call->arena, Registry__Building);
        registry__building__init(building);
        building->estate = query_text(&q, 0, call->arena);
        building->building = query_text(&q, 1, call->arena);
        building->area = query_text(&q, 2, call->arena);
        building->units = (uint32_t)query_i64(&q, 3);
        reply->buildings[reply->n_buildings++] = building;
    }
    call->reply = &reply->base;
    return more;
}
