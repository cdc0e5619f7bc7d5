/*
 * What an event of this store does to its tables.  The only place that changes
 * them, so that a restored store gets there by the events alone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

enum { DIGEST_SIZE = 16 };

static const char *text(const struct call *call, const char *key) {
    return value_text(call->event->fields, call->event->n_fields, key);
}

static int64_t number(const struct call *call, const char *key) {
    return value_i64(call->event->fields, call->event->n_fields, key, 0);
}

static void digest_of(const struct call *call, uint8_t digest[DIGEST_SIZE]) {
    registry_entry_digest(call->event->fields, call->event->n_fields, digest, call->arena);
}

/* ---- phones ---- */

static int put_phone(struct call *call, const char *kind, const char *owner, int place,
                     const Wire__Value *value, struct err *err) {
    struct bytes sealed = {value->sealed.data, value->sealed.len};
    const char *context = registry_context(kind, owner, "phone", call->arena);
    const char *phone = seal_open(call->secrets, context, sealed, call->arena);
    uint8_t blind[SEAL_BLIND_SIZE];

    if (!phone) {
        return err_plain(err, ERR_DATA_LOSS, "a phone of %s %s was sealed with another key", kind,
                         owner);
    }
    seal_blind(call->secrets, phone, blind);
    struct query q = QUERY(call->store, "INSERT INTO phone(kind, owner, place, sealed, blind)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5)");
    query_bind_text(&q, 1, kind);
    query_bind_text(&q, 2, owner);
    query_bind_i64(&q, 3, place);
    query_bind_blob(&q, 4, sealed.data, sealed.size);
    query_bind_blob(&q, 5, blind, sizeof blind);
    return query_done(&q, err);
}

static int put_phones(struct call *call, const char *kind, const char *owner, struct err *err) {
    static const char *const keys[REGISTRY_PHONES_MAX] = {"phone", "phone2", "phone3"};
    struct query q = QUERY(call->store, "DELETE FROM phone WHERE kind = ?1 AND owner = ?2");

    query_bind_text(&q, 1, kind);
    query_bind_text(&q, 2, owner);
    if (query_done(&q, err)) {
        return -1;
    }
    for (int i = 0; i < REGISTRY_PHONES_MAX; i++) {
        const Wire__Value *value = value_find(call->event->fields, call->event->n_fields, keys[i]);
        if (value && value->kind_case == WIRE__VALUE__KIND_SEALED
            && put_phone(call, kind, owner, i + 1, value, err)) {
            return -1;
        }
    }
    return 0;
}

/* ---- staff ---- */

static int put_roles(struct call *call, const char *staff, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM staff_role WHERE staff = ?1");
    size_t count = 0;
    const char **roles = registry_split(text(call, "roles"), REGISTRY_WORDS_MAX, &count,
                                        call->arena);

    query_bind_text(&q, 1, staff);
    if (query_done(&q, err)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        q = QUERY(call->store, "INSERT INTO staff_role(role, staff) VALUES(?1, ?2)"
                               " ON CONFLICT DO NOTHING");
        query_bind_text(&q, 1, roles[i]);
        query_bind_text(&q, 2, staff);
        if (query_done(&q, err)) {
            return -1;
        }
    }
    return 0;
}

static int on_staff(struct call *call, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO staff(staff, name, roles, dept, area, deputy, channels,"
                           " active, digest) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                           " ON CONFLICT(staff) DO UPDATE SET name = excluded.name,"
                           " roles = excluded.roles, dept = excluded.dept, area = excluded.area,"
                           " deputy = excluded.deputy, channels = excluded.channels,"
                           " active = excluded.active, digest = excluded.digest");
    const char *staff = text(call, "staff");
    uint8_t digest[DIGEST_SIZE];

    digest_of(call, digest);
    query_bind_text(&q, 1, staff);
    query_bind_text(&q, 2, text(call, "name"));
    query_bind_text(&q, 3, text(call, "roles"));
    query_bind_text(&q, 4, text(call, "dept"));
    query_bind_text(&q, 5, text(call, "area"));
    query_bind_text(&q, 6, text(call, "deputy"));
    query_bind_text(&q, 7, text(call, "channels"));
    query_bind_i64(&q, 8, value_flag(call->event->fields, call->event->n_fields, "active"));
    query_bind_blob(&q, 9, digest, sizeof digest);
    if (query_done(&q, err)) {
        return -1;
    }
    return put_roles(call, staff, err) || put_phones(call, "staff", staff, err) ? -1 : 0;
}

static int on_leave(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE staff SET leave_from_ms = ?2, leave_to_ms = ?3"
                                        " WHERE staff = ?1");

    query_bind_text(&q, 1, text(call, "staff"));
    query_bind_i64(&q, 2, number(call, "from"));
    query_bind_i64(&q, 3, number(call, "to"));
    return query_done(&q, err);
}

static int on_left(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE staff SET active = 0, digest = x'00'"
                                        " WHERE staff = ?1");

    query_bind_text(&q, 1, text(call, "staff"));
    return query_done(&q, err);
}

static int on_revoked(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE staff SET generation = ?2 WHERE staff = ?1");

    query_bind_text(&q, 1, text(call, "staff"));
    query_bind_i64(&q, 2, number(call, "generation"));
    return query_done(&q, err);
}

/* ---- estates, units ---- */

static int on_estate(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO estate(estate, name) VALUES(?1, ?2)"
                                        " ON CONFLICT(estate) DO UPDATE SET name = excluded.name");

    query_bind_text(&q, 1, text(call, "estate"));
    query_bind_text(&q, 2, text(call, "name"));
    return query_done(&q, err);
}

/* The unit leaves its building's count; it comes back, there or elsewhere, by count_in. */
static int count_out(struct call *call, struct err *err) {
    struct query q = QUERY(call->store,
                           "UPDATE building SET units = units - 1 WHERE (estate, building) ="
                           " (SELECT estate, building FROM unit WHERE unit = ?1)");

    query_bind_text(&q, 1, text(call, "unit"));
    if (query_done(&q, err)) {
        return -1;
    }
    q = QUERY(call->store, "DELETE FROM building WHERE units = 0 AND (estate, building) ="
                           " (SELECT estate, building FROM unit WHERE unit = ?1)");
    query_bind_text(&q, 1, text(call, "unit"));
    return query_done(&q, err);
}

static int count_in(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO building(estate, building, area, units)"
                                        " VALUES(?1, ?2, ?3, 1) ON CONFLICT(estate, building)"
                                        " DO UPDATE SET units = units + 1, area = excluded.area");

    query_bind_text(&q, 1, text(call, "estate"));
    query_bind_text(&q, 2, text(call, "building"));
    query_bind_text(&q, 3, text(call, "area"));
    return query_done(&q, err);
}

static int on_unit(struct call *call, struct err *err) {
    static const char *const columns[] = {
        "unit",    "estate",        "building", "entrance",     "floor", "room", "area",
        "steward", "floor_area_m2", "status",   "vacancy_kind", "risk",  "care",
    };
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    uint8_t digest[DIGEST_SIZE];

    if (count_out(call, err) || count_in(call, err)) {
        return -1;
    }
    struct query q = QUERY(call->store,
                           "INSERT OR REPLACE INTO unit(unit, estate, building, entrance, floor,"
                           " room, area, steward, floor_area, status, vacancy_kind, risk, care,"
                           " digest) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                           " ?13, ?14)");
    for (int i = 0; i < COLUMNS; i++) {
        query_bind_text(&q, i + 1, text(call, columns[i]));
    }
    digest_of(call, digest);
    query_bind_blob(&q, COLUMNS + 1, digest, sizeof digest);
    return query_done(&q, err);
}

/* ---- persons ---- */

static int put_plates(struct call *call, const char *person, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM plate WHERE person = ?1");
    size_t count = 0;
    const char **plates = registry_split(text(call, "plate"), REGISTRY_PLATES_MAX, &count,
                                         call->arena);

    query_bind_text(&q, 1, person);
    if (query_done(&q, err)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        q = QUERY(call->store, "INSERT INTO plate(plate, person) VALUES(?1, ?2)"
                               " ON CONFLICT DO NOTHING");
        query_bind_text(&q, 1, plates[i]);
        query_bind_text(&q, 2, person);
        if (query_done(&q, err)) {
            return -1;
        }
    }
    return 0;
}

/* "P00007" counts as 7 for the next number to be given. */
static int count_number(struct call *call, const char *person, struct err *err) {
    enum { DIGITS_MAX = 12 };
    size_t digits = strlen(person) > 0 ? strspn(person + 1, "0123456789") : 0;

    if (person[0] != 'P' || digits == 0 || digits > DIGITS_MAX || person[1 + digits]) {
        return 0;
    }
    struct query q = QUERY(call->store,
                           "INSERT INTO last_number(kind, number) VALUES('person', ?1)"
                           " ON CONFLICT(kind) DO UPDATE SET number = max(number, ?1)");
    query_bind_i64(&q, 1, strtoll(person + 1, NULL, 10));
    return query_done(&q, err);
}

static int on_person(struct call *call, struct err *err) {
    const Wire__Value *idno = value_find(call->event->fields, call->event->n_fields, "idno");
    bool sealed = idno && idno->kind_case == WIRE__VALUE__KIND_SEALED;
    const char *person = text(call, "person");
    uint8_t digest[DIGEST_SIZE];
    struct query q = QUERY(call->store,
                           "INSERT OR REPLACE INTO person(person, unit, identity, name, plates,"
                           " id_number, active, digest) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

    digest_of(call, digest);
    query_bind_text(&q, 1, person);
    query_bind_text(&q, 2, text(call, "unit"));
    query_bind_text(&q, 3, text(call, "identity"));
    query_bind_text(&q, 4, text(call, "name"));
    query_bind_text(&q, 5, text(call, "plate"));
    query_bind_blob(&q, 6, sealed ? idno->sealed.data : NULL, sealed ? idno->sealed.len : 0);
    query_bind_i64(&q, 7, value_flag(call->event->fields, call->event->n_fields, "active"));
    query_bind_blob(&q, 8, digest, sizeof digest);
    if (query_done(&q, err)) {
        return -1;
    }
    return put_phones(call, "person", person, err) || put_plates(call, person, err)
                   || count_number(call, person, err)
               ? -1
               : 0;
}

/* ---- the manual ---- */

static int on_published(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO published(revision, published_ms, publisher)"
                                        " VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING");

    query_bind_i64(&q, 1, number(call, "revision"));
    query_bind_i64(&q, 2, call->event->entered_ms);
    query_bind_text(&q, 3, call->event->actor);
    return query_done(&q, err) ? -1 : revision_on_published(call, err);
}

/* ---- all of them ---- */

int registry_apply(struct call *call, struct err *err) {
    static const struct {
        const char *topic;
        handler_fn *apply;
    } table[] = {
        {"staff.changed", on_staff},   {"person.on_leave", on_leave},
        {"person.left", on_left},      {"staff.revoked", on_revoked},
        {"estate.changed", on_estate}, {"unit.changed", on_unit},
        {"person.changed", on_person}, {"manual.published", on_published},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_eq(call->event->topic, table[i].topic)) {
            return table[i].apply(call, err);
        }
    }
    return 0; /* token.issued, person.unmasked, import.finished: on record, and no more */
}

int registry_tell(struct call *call, const char *topic, Wire__Lane lane, struct values *fields,
                  struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct call inner = *call;

    event.topic = topic;
    event.lane = lane;
    event.n_fields = fields->count;
    event.fields = fields->list;
    if (event_put(call, &event, err)) {
        return -1;
    }
    inner.event = &event;
    return registry_apply(&inner, err);
}
