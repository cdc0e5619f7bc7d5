/*
 * The one box: what somebody types is looked for as a unit, a number, a phone, a
 * plate and a name, each by an index, and none by opening what is sealed.
 */
#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

enum {
    QUERY_MAX = 60,
    HITS_USUAL = 20,
};

struct search {
    struct call *call;
    const char *text;   /* trimmed */
    const char *beyond; /* behind everything that begins with the text */
    uint32_t max;
    Registry__SearchReply *reply;
};

/* ---- hits ---- */

static bool is_there(const struct search *search, const char *kind, const char *key) {
    for (size_t i = 0; i < search->reply->n_hits; i++) {
        const Registry__Hit *hit = search->reply->hits[i];
        const char *its = text_eq(kind, "unit")     ? hit->unit
                          : text_eq(kind, "person") ? hit->person
                                                    : hit->staff;
        if (text_eq(hit->kind, kind) && text_eq(its, key)) {
            return true;
        }
    }
    return false;
}

static int fill(struct search *search, Registry__Hit *hit, const char *key, struct err *err) {
    struct call *call = search->call;
    int found = 0;

    if (text_eq(hit->kind, "unit")) {
        Registry__Unit unit;
        found = registry_unit_find(call, key, &unit, err);
        if (found == 1) {
            hit->unit = unit.unit;
            hit->status = unit.status;
        }
    } else if (text_eq(hit->kind, "person")) {
        Registry__Person person;
        found = registry_person_find(call, key, &person, err);
        if (found == 1) {
            hit->person = person.person;
            hit->unit = person.unit;
            hit->name = person.name;
            hit->identity = person.identity;
            hit->phone = person.n_phones > 0 ? person.phones[0] : "";
            hit->plate = registry_join(person.plates, person.n_plates, call->arena);
        }
    } else {
        Registry__Staff staff;
        found = registry_staff_find(call, key, &staff, err);
        if (found == 1) {
            hit->staff = staff.staff;
            hit->name = staff.name;
            hit->phone = staff.phone;
        }
    }
    return found;
}

static int add(struct search *search, const char *kind, const char *matched, const char *key,
               struct err *err) {
    Registry__Hit *hit = ARENA_NEW(search->call->arena, Registry__Hit);

    if (search->reply->n_hits >= search->max || is_there(search, kind, key)) {
        return 0;
    }
    registry__hit__init(hit);
    hit->kind = kind;
    hit->matched = matched;
    int found = fill(search, hit, key, err);
    if (found == 1) {
        search->reply->hits[search->reply->n_hits++] = hit;
    }
    return found < 0 ? -1 : 0;
}

/* The rows of a query, key and kind: first all of them, then each (its own query). */
static int add_all(struct search *search, struct query *q, const char *matched, struct err *err) {
    const char *keys[REGISTRY_HITS_MAX];
    const char *kinds[REGISTRY_HITS_MAX];
    size_t count = 0;
    int more = 0;

    while (count < REGISTRY_HITS_MAX && (more = query_step(q, err)) == 1) {
        keys[count] = query_text(q, 0, search->call->arena);
        kinds[count] = query_text(q, 1, search->call->arena);
        count++;
    }
    query_end(q);
    for (size_t i = 0; more >= 0 && i < count; i++) {
        more = add(search, kinds[i], matched, keys[i], err);
    }
    return more < 0 ? -1 : 0;
}

/* ---- what it may be ---- */

static int by_unit(struct search *search, struct err *err) {
    struct query q = QUERY(search->call->store, "SELECT unit, 'unit' FROM unit WHERE unit >= ?1"
                                                " AND unit < ?2 ORDER BY unit LIMIT ?3");

    query_bind_text(&q, 1, search->text);
    query_bind_text(&q, 2, search->beyond);
    query_bind_i64(&q, 3, search->max);
    if (add_all(search, &q, "unit", err)) {
        return -1;
    }
    q = QUERY(search->call->store, "SELECT person, 'person' FROM person WHERE unit = ?1"
                                   " AND active = 1 ORDER BY person LIMIT ?2");
    query_bind_text(&q, 1, search->text);
    query_bind_i64(&q, 2, search->max);
    return add_all(search, &q, "unit", err);
}

static int by_number(struct search *search, struct err *err) {
    struct query q = QUERY(search->call->store, "SELECT person, 'person' FROM person"
                                                " WHERE person = ?1 UNION ALL"
                                                " SELECT staff, 'staff' FROM staff"
                                                " WHERE staff = ?1");

    query_bind_text(&q, 1, search->text);
    return add_all(search, &q, "number", err);
}

static int by_phone(struct search *search, struct err *err) {
    uint8_t blind[SEAL_BLIND_SIZE];

    if (!registry_phone_is(search->text)) {
        return 0;
    }
    seal_blind(search->call->secrets, search->text, blind);
    struct query q = QUERY(search->call->store, "SELECT owner, kind FROM phone WHERE blind = ?1"
                                                " ORDER BY kind, owner LIMIT ?2");
    query_bind_blob(&q, 1, blind, sizeof blind);
    query_bind_i64(&q, 2, search->max);
    return add_all(search, &q, "phone", err);
}

static int by_plate(struct search *search, struct err *err) {
    const char *plate = registry_plate_normal(search->text, search->call->arena);
    const char *beyond = arena_text(search->call->arena, "%s\xF4\x8F\xBF\xBF", plate);
    struct query q = QUERY(search->call->store, "SELECT person, 'person' FROM plate"
                                                " WHERE plate >= ?1 AND plate < ?2"
                                                " ORDER BY plate LIMIT ?3");

    query_bind_text(&q, 1, plate);
    query_bind_text(&q, 2, beyond);
    query_bind_i64(&q, 3, search->max);
    return add_all(search, &q, "plate", err);
}

static int by_name(struct search *search, struct err *err) {
    struct query q = QUERY(search->call->store, "SELECT staff, 'staff' FROM staff WHERE name >= ?1"
                                                " AND name < ?2 AND active = 1"
                                                " ORDER BY name, staff LIMIT ?3");

    query_bind_text(&q, 1, search->text);
    query_bind_text(&q, 2, search->beyond);
    query_bind_i64(&q, 3, search->max);
    if (add_all(search, &q, "name", err)) {
        return -1;
    }
    q = QUERY(search->call->store, "SELECT person, 'person' FROM person WHERE name >= ?1"
                                   " AND name < ?2 AND active = 1 ORDER BY name, person LIMIT ?3");
    query_bind_text(&q, 1, search->text);
    query_bind_text(&q, 2, search->beyond);
    query_bind_i64(&q, 3, search->max);
    return add_all(search, &q, "name", err);
}

static char *trimmed(const char *text, struct arena *arena) {
    size_t size = strlen(text);

    while (size > 0 && text[0] == ' ') {
        text++;
        size--;
    }
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    return arena_copy(arena, text, size);
}

int registry_search(struct call *call, struct err *err) {
    const Registry__SearchRequest *request = call->request;
    Registry__SearchReply *reply = ARENA_NEW(call->arena, Registry__SearchReply);
    struct search search = {.call = call, .reply = reply};

    if (registry_may(call, "person.read", err)) {
        return -1;
    }
    search.text = trimmed(request->query, call->arena);
    if (registry_needs("query", search.text, QUERY_MAX, err)) {
        return -1;
    }
    search.beyond = arena_text(call->arena, "%s\xF4\x8F\xBF\xBF", search.text);
    search.max = request->max ? registry_page(request->max, REGISTRY_HITS_MAX) : HITS_USUAL;
    registry__search_reply__init(reply);
    reply->hits = arena_alloc(call->arena, search.max * sizeof(Registry__Hit *));
    call->reply = &reply->base;
    return by_number(&search, err) || by_phone(&search, err) || by_unit(&search, err)
                   || by_plate(&search, err) || by_name(&search, err)
               ? -1
               : 0;
}
