#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

/* ---- numbers ---- */

char *registry_context(const char *kind, const char *owner, const char *what, struct arena *arena) {
    return arena_text(arena, "%s:%s:%s", kind, owner, what);
}

int registry_phones(struct call *call, const char *kind, const char *owner,
                    const char *phones[REGISTRY_PHONES_MAX], struct err *err) {
    struct query q = QUERY(call->store, "SELECT sealed FROM phone WHERE kind = ?1 AND owner = ?2"
                                        " ORDER BY place LIMIT 3");
    const char *context = registry_context(kind, owner, "phone", call->arena);
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, kind);
    query_bind_text(&q, 2, owner);
    while ((more = query_step(&q, err)) == 1) {
        struct bytes sealed;
        sealed.data = query_blob(&q, 0, call->arena, &sealed.size);
        const char *phone = seal_open(call->secrets, context, sealed, call->arena);
        if (phone) { /* what another key sealed stays as it is, and is not shown */
            phones[count++] = phone;
        }
    }
    return more < 0 ? -1 : count;
}

int registry_masked_phones(struct call *call, const char *kind, const char *owner,
                           const char *phones[REGISTRY_PHONES_MAX], struct err *err) {
    int count = registry_phones(call, kind, owner, phones, err);

    for (int i = 0; i < count; i++) {
        phones[i] = seal_mask(phones[i], call->arena);
    }
    return count;
}

/* ---- reading ---- */

/* "" when there is none. */
static const char *open_id_number(struct call *call, const char *person, struct bytes sealed) {
    const char *context = registry_context("person", person, "idno", call->arena);
    const char *number = sealed.size > 0 ? seal_open(call->secrets, context, sealed, call->arena)
                                         : NULL;

    return number ? number : "";
}

int registry_person_find(struct call *call, const char *person, Registry__Person *message,
                         struct err *err) {
    struct query q = QUERY(call->store, "SELECT person, unit, identity, name, plates, active,"
                                        " id_number FROM person WHERE person = ?1");
    const char **phones = arena_alloc(call->arena, REGISTRY_PHONES_MAX * sizeof *phones);
    struct bytes sealed;

    query_bind_text(&q, 1, person);
    int found = query_step(&q, err);
    if (found != 1) {
        return found;
    }
    registry__person__init(message);
    message->person = query_text(&q, 0, call->arena);
    message->unit = query_text(&q, 1, call->arena);
    message->identity = query_text(&q, 2, call->arena);
    message->name = query_text(&q, 3, call->arena);
    message->plates = registry_split(query_text(&q, 4, call->arena), REGISTRY_PLATES_MAX,
                                     &message->n_plates, call->arena);
    message->inactive = query_i64(&q, 5) == 0;
    sealed.data = query_blob(&q, 6, call->arena, &sealed.size);
    query_end(&q);
    const char *id_number = open_id_number(call, message->person, sealed);
    message->id_number = *id_number ? seal_mask(id_number, call->arena) : "";
    int count = registry_masked_phones(call, "person", message->person, phones, err);
    if (count < 0) {
        return -1;
    }
    message->phones = phones;
    message->n_phones = (size_t)count;
    return 1;
}

static Registry__Person *must_find(struct call *call, const char *person, struct err *err) {
    Registry__Person *message = ARENA_NEW(call->arena, Registry__Person);
    int found = registry_person_find(call, person, message, err);

    if (found == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "person_unknown", "field=person\nperson=%s",
                      registry_shown(person, call->arena));
    }
    return found == 1 ? message : NULL;
}

/* ---- methods ---- */

/* The number after the highest that there is; a number of another form does not count. */
static const char *next_number(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT number FROM last_number WHERE kind = 'person'");
    int found = query_step(&q, err);
    int64_t last = found == 1 ? query_i64(&q, 0) : 0;

    query_end(&q);
    return found < 0 ? NULL : arena_text(call->arena, "P%05lld", (long long)last + 1);
}

int registry_put_person(struct call *call, struct err *err) {
    const Registry__PutPersonRequest *request = call->request;
    const Registry__Person *in = request->person;
    struct entry entry;
    bool changed = false;

    if (registry_may(call, "person.write", err)) {
        return -1;
    }
    if (!in) {
        return err_set(err, ERR_INVALID, "field_missing", "field=person");
    }
    const char *number = *in->person ? in->person : next_number(call, err);
    if (!number) {
        return -1;
    }
    const char *texts[] = {
        number,
        in->unit,
        in->identity,
        in->name,
        registry_join(in->phones, in->n_phones, call->arena),
        registry_join(in->plates, in->n_plates, call->arena),
        in->id_number,
    };
    struct bytes raw[ENTRY_FIELDS_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        raw[i] = (struct bytes){(const uint8_t *)texts[i], strlen(texts[i])};
    }
    if (registry_entry_read(call, &registry_person_kind, raw, &entry, err)
        || registry_entry_refer(call, &entry, 0, err) || registry_entry_refuse(&entry, err)) {
        return -1;
    }
    entry.forget_phones = request->forget_phones;
    entry.forget_id_number = request->forget_id_number;
    entry.inactive = in->inactive;
    if (registry_entry_put(call, &entry, &changed, err)) {
        return -1;
    }
    Registry__PutPersonReply *reply = ARENA_NEW(call->arena, Registry__PutPersonReply);
    registry__put_person_reply__init(reply);
    reply->person = must_find(call, entry.key, err);
    reply->changed = changed;
    call->reply = &reply->base;
    return reply->person ? 0 : -1;
}

int registry_get_person(struct call *call, struct err *err) {
    const Registry__GetPersonRequest *request = call->request;
    Registry__GetPersonReply *reply = ARENA_NEW(call->arena, Registry__GetPersonReply);

    if (registry_may(call, "person.read", err)) {
        return -1;
    }
    registry__get_person_reply__init(reply);
    reply->person = must_find(call, request->person, err);
    call->reply = &reply->base;
    return reply->person ? 0 : -1;
}

/* ---- in clear ---- */

static int read_clear(struct call *call, const char *kind, const char *owner,
                      Registry__UnmaskReply *reply, struct err *err) {
    const char **phones = arena_alloc(call->arena, REGISTRY_PHONES_MAX * sizeof *phones);
    int count = registry_phones(call, kind, owner, phones, err);

    if (count < 0) {
        return -1;
    }
    reply->phones = phones;
    reply->n_phones = (size_t)count;
    if (text_eq(kind, "staff")) {
        return 0;
    }
    struct query q = QUERY(call->store, "SELECT id_number FROM person WHERE person = ?1");
    query_bind_text(&q, 1, owner);
    int found = query_step(&q, err);
    if (found == 1) {
        struct bytes sealed;
        sealed.data = query_blob(&q, 0, call->arena, &sealed.size);
        reply->id_number = open_id_number(call, owner, sealed);
    }
    query_end(&q);
    return found < 0 ? -1 : 0;
}

int registry_unmask(struct call *call, struct err *err) {
    const Registry__UnmaskRequest *request = call->request;
    Registry__UnmaskReply *reply = ARENA_NEW(call->arena, Registry__UnmaskReply);
    struct values fields = {.arena = call->arena};
    Registry__Staff staff;
    bool of_staff = *request->staff != '\0';
    const char *owner = of_staff ? request->staff : request->person;

    if (registry_may(call, "person.unmask", err)
        || registry_needs("reason", request->reason, REGISTRY_REASON_MAX, err)) {
        return -1;
    }
    if (of_staff == (*request->person != '\0')) {
        return err_set(err, ERR_INVALID, "one_of_two", "field=person\nother=staff");
    }
    int found = of_staff ? registry_staff_find(call, owner, &staff, err)
                         : (must_find(call, owner, err) ? 1 : -1);
    if (found != 1) {
        return found < 0 ? -1
                         : err_set(err, ERR_NOT_FOUND, "staff_unknown", "field=staff\nstaff=%s",
                                   registry_shown(owner, call->arena));
    }
    registry__unmask_reply__init(reply);
    if (read_clear(call, of_staff ? "staff" : "person", owner, reply, err)) {
        return -1;
    }
    values_add_text(&fields, of_staff ? "staff" : "person", owner);
    values_add_text(&fields, "reason", request->reason);
    call->reply = &reply->base;
    return registry_tell(call, "person.unmasked", WIRE__LANE__NORMAL, &fields, err);
}
