#include "services/registry/registry_entry.h"

#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "store/query.h"

/* ---- the three kinds ---- */

static const struct entry_field staff_fields[] = {
    {"staff", FIELD_NUMBER, 16, true, NULL, 1},
    {"name", FIELD_NAME, 60, true, NULL, 1},
    {"roles", FIELD_ROLES, 400, true, NULL, REGISTRY_WORDS_MAX},
    {"dept", FIELD_WORD, 32, false, NULL, 1},
    {"area", FIELD_WORD, 32, false, NULL, 1},
    {"deputy", FIELD_STAFF, 16, false, NULL, 1},
    {"phone", FIELD_PHONES, 40, false, NULL, 1},
    {"channels", FIELD_WORDS, 200, false, NULL, REGISTRY_WORDS_MAX},
};

static const struct entry_field unit_fields[] = {
    {"unit", FIELD_NUMBER, 32, true, NULL, 1},
    {"estate", FIELD_ESTATE, 32, false, NULL, 1},
    {"building", FIELD_WORD, 32, true, NULL, 1},
    {"entrance", FIELD_WORD, 16, false, NULL, 1},
    {"floor", FIELD_WORD, 16, false, NULL, 1},
    {"room", FIELD_WORD, 16, false, NULL, 1},
    {"area", FIELD_WORD, 32, false, NULL, 1},
    {"steward", FIELD_STAFF, 16, false, NULL, 1},
    {"floor_area_m2", FIELD_DECIMAL, 10, false, NULL, 1},
    {"status", FIELD_CHOICE, 32, true, "status", 1},
    {"vacancy_kind", FIELD_CHOICE, 32, false, "vacancy_kind", 1},
    {"risk", FIELD_YES, 8, false, NULL, 1},
    {"care", FIELD_YES, 8, false, NULL, 1},
};

static const struct entry_field person_fields[] = {
    {"person", FIELD_NUMBER, 16, true, NULL, 1},
    {"unit", FIELD_UNIT, 32, true, NULL, 1},
    {"identity", FIELD_CHOICE, 32, true, "identity", 1},
    {"name", FIELD_NAME, 60, true, NULL, 1},
    {"phone", FIELD_PHONES, 120, false, NULL, REGISTRY_PHONES_MAX},
    {"plate", FIELD_PLATES, 80, false, NULL, REGISTRY_PLATES_MAX},
    {"id_number", FIELD_ID_NUMBER, 40, false, NULL, 1},
};

#define FIELDS(list) (list), sizeof(list) / sizeof((list)[0])

const struct entry_kind registry_staff_kind = {"staff", "staff", "staff.changed",
                                               FIELDS(staff_fields)};
const struct entry_kind registry_unit_kind = {"units", "unit", "unit.changed", FIELDS(unit_fields)};
const struct entry_kind registry_person_kind = {"persons", "person", "person.changed",
                                                FIELDS(person_fields)};

const struct entry_kind *registry_entry_kind(const char *name) {
    static const struct entry_kind *const kinds[] = {&registry_staff_kind, &registry_unit_kind,
                                                     &registry_person_kind};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (text_eq(kinds[i]->name, name)) {
            return kinds[i];
        }
    }
    return NULL;
}

/* ---- reading ---- */

/* Without the spaces around it, also the wide ones that input methods make. */
static struct bytes trim(struct bytes raw) {
    static const char wide[] = "\xE3\x80\x80";
    enum { WIDE = 3 };

    for (;;) {
        if (raw.size > 0 && raw.data[0] == ' ') {
            raw.data++;
            raw.size--;
        } else if (raw.size > 0 && raw.data[raw.size - 1] == ' ') {
            raw.size--;
        } else if (raw.size >= WIDE && memcmp(raw.data, wide, WIDE) == 0) {
            raw.data += WIDE;
            raw.size -= WIDE;
        } else if (raw.size >= WIDE && memcmp(raw.data + raw.size - WIDE, wide, WIDE) == 0) {
            raw.size -= WIDE;
        } else {
            return raw;
        }
    }
}

static int read_field(struct call *call, const struct entry_field *field, struct bytes raw,
                      struct entry *entry, struct err *err) {
    struct bytes text = trim(raw);

    if (text.size == 0) {
        if (field->required) {
            registry_mistake(call, entry, field->key, ERR_INVALID, "field_missing", "");
        }
        return 0;
    }
    const char *rule = text_check((const char *)text.data, text.size, field->max, false);
    if (rule) {
        registry_mistake(call, entry, field->key, ERR_INVALID, rule,
                         arena_text(call->arena, "limit=%zu", field->max));
        return 0;
    }
    struct check check = {
        .call = call,
        .field = field,
        .entry = entry,
        .text = arena_copy(call->arena, text.data, text.size),
    };
    return registry_check(&check, err);
}

int registry_entry_read(struct call *call, const struct entry_kind *kind, const struct bytes *raw,
                        struct entry *entry, struct err *err) {
    *entry = (struct entry){.kind = kind, .key = "", .values = {.arena = call->arena}};
    for (size_t i = 0; i < kind->field_count; i++) {
        if (read_field(call, &kind->fields[i], raw[i], entry, err)) {
            return -1;
        }
        if (i == 0) {
            /* What is sealed behind it is bound to the key. */
            entry->key = value_text(entry->values.list, entry->values.count, kind->fields[0].key);
        }
    }
    return 0;
}

int registry_entry_refuse(const struct entry *entry, struct err *err) {
    if (entry->mistake_count == 0) {
        return 0;
    }
    const struct entry_mistake *mistake = &entry->mistakes[0];
    return err_set(err, mistake->code, mistake->rule, "%s", mistake->args);
}

/* ---- what it names ---- */

/* 1: it exists.  0: not.  -1: err set. */
static int exists(struct call *call, enum field_kind kind, const char *key, struct err *err) {
    struct query q;

    if (kind == FIELD_STAFF) {
        q = QUERY(call->store, "SELECT 1 FROM staff WHERE staff = ?1");
    } else if (kind == FIELD_UNIT) {
        q = QUERY(call->store, "SELECT 1 FROM unit WHERE unit = ?1");
    } else {
        q = QUERY(call->store, "SELECT 1 FROM estate WHERE estate = ?1");
    }
    query_bind_text(&q, 1, key);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

static int comes_too(struct call *call, int64_t import, const char *key, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM import_row WHERE import = ?1 AND key = ?2"
                                        " AND length(mistakes) = 0");

    query_bind_i64(&q, 1, import);
    query_bind_text(&q, 2, key);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

static int refer(struct call *call, struct entry *entry, const struct entry_field *field,
                 int64_t import, struct err *err) {
    const char *key = value_text(entry->values.list, entry->values.count, field->key);
    const char *what = field->kind == FIELD_STAFF  ? "staff"
                       : field->kind == FIELD_UNIT ? "unit"
                                                   : "estate";
    const char *shown = arena_text(call->arena, "%s=%s", what, registry_shown(key, call->arena));

    if (!*key) {
        return 0;
    }
    if (text_eq(key, entry->key) && entry->kind == &registry_staff_kind) {
        registry_mistake(call, entry, field->key, ERR_INVALID, "deputy_self", shown);
        return 0;
    }
    int found = exists(call, field->kind, key, err);
    if (found == 0 && import && field->kind == FIELD_STAFF && entry->kind == &registry_staff_kind) {
        found = comes_too(call, import, key, err);
    }
    if (found == 0) {
        registry_mistake(call, entry, field->key, ERR_NOT_FOUND,
                         arena_text(call->arena, "%s_unknown", what), shown);
    }
    return found < 0 ? -1 : 0;
}

/* An employee who left does not come back by a list that is older than his leaving. */
static int refer_left(struct call *call, struct entry *entry, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM staff WHERE staff = ?1 AND active = 0");

    query_bind_text(&q, 1, entry->key);
    int left = query_step(&q, err);
    query_end(&q);
    if (left == 1) {
        registry_mistake(call, entry, "staff", ERR_PRECONDITION, "staff_left",
                         arena_text(call->arena, "staff=%s", entry->key));
    }
    return left < 0 ? -1 : 0;
}

int registry_entry_refer(struct call *call, struct entry *entry, int64_t import, struct err *err) {
    for (size_t i = 1; i < entry->kind->field_count; i++) {
        const struct entry_field *field = &entry->kind->fields[i];
        if ((field->kind == FIELD_STAFF || field->kind == FIELD_UNIT || field->kind == FIELD_ESTATE)
            && refer(call, entry, field, import, err)) {
            return -1;
        }
    }
    return entry->kind == &registry_staff_kind ? refer_left(call, entry, err) : 0;
}

/* ---- putting ---- */

void registry_entry_digest(Wire__Value *const *fields, size_t count, uint8_t digest[16],
                           struct arena *arena) {
    Wire__Event event = WIRE__EVENT__INIT;
    size_t used = arena_used(arena);
    Wire__Value **list = arena_alloc(arena, (count + 1) * sizeof(Wire__Value *));

    /* By key, as a number that was kept stands elsewhere than one that was given. */
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(list[at - 1]->key, fields[i]->key) > 0; at--) {
            list[at] = list[at - 1];
        }
        list[at] = fields[i];
    }
    event.n_fields = count;
    event.fields = list;
    size_t size = wire__event__get_packed_size(&event);
    uint8_t *data = arena_alloc(arena, size + 1);
    (void)wire__event__pack(&event, data);
    (void)crypto_generichash(digest, 16, data, size, NULL, 0);
    arena_rewind(arena, used);
}

static void keep_value(struct entry *entry, const char *key, uint8_t *data, size_t size) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_SEALED;
    value.sealed.data = data;
    value.sealed.len = size;
    values_add(&entry->values, &value);
}

/* Numbers go out masked, so nobody can send them back: none given keeps them. */
static int keep_phones(struct call *call, struct entry *entry, struct err *err) {
    static const char *const keys[REGISTRY_PHONES_MAX] = {"phone", "phone2", "phone3"};
    int more = 0;

    if (entry->forget_phones || entry->kind == &registry_unit_kind
        || value_find(entry->values.list, entry->values.count, "phone")) {
        return 0;
    }
    struct query q = QUERY(call->store, "SELECT sealed FROM phone WHERE kind = ?1 AND owner = ?2"
                                        " ORDER BY place LIMIT 3");
    query_bind_text(&q, 1, entry->kind->word);
    query_bind_text(&q, 2, entry->key);
    for (size_t i = 0; i < REGISTRY_PHONES_MAX && (more = query_step(&q, err)) == 1; i++) {
        size_t size = 0;
        uint8_t *data = query_blob(&q, 0, call->arena, &size);
        keep_value(entry, keys[i], data, size);
    }
    query_end(&q);
    return more < 0 ? -1 : 0;
}

static int keep_id_number(struct call *call, struct entry *entry, struct err *err) {
    if (entry->forget_id_number || entry->kind != &registry_person_kind
        || value_find(entry->values.list, entry->values.count, "idno")) {
        return 0;
    }
    struct query q = QUERY(call->store, "SELECT id_number FROM person WHERE person = ?1"
                                        " AND length(id_number) > 0");
    query_bind_text(&q, 1, entry->key);
    int found = query_step(&q, err);
    if (found == 1) {
        size_t size = 0;
        uint8_t *data = query_blob(&q, 0, call->arena, &size);
        keep_value(entry, "idno", data, size);
    }
    query_end(&q);
    return found < 0 ? -1 : 0;
}

/* 1: the store has exactly this.  0: not.  -1: err set. */
static int is_known(struct call *call, const struct entry *entry, const uint8_t digest[16],
                    struct err *err) {
    struct query q;

    if (entry->kind == &registry_staff_kind) {
        q = QUERY(call->store, "SELECT 1 FROM staff WHERE staff = ?1 AND digest = ?2");
    } else if (entry->kind == &registry_unit_kind) {
        q = QUERY(call->store, "SELECT 1 FROM unit WHERE unit = ?1 AND digest = ?2");
    } else {
        q = QUERY(call->store, "SELECT 1 FROM person WHERE person = ?1 AND digest = ?2");
    }
    query_bind_text(&q, 1, entry->key);
    query_bind_blob(&q, 2, digest, 16);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

int registry_entry_put(struct call *call, struct entry *entry, bool *changed, struct err *err) {
    uint8_t digest[16];

    if (keep_phones(call, entry, err) || keep_id_number(call, entry, err)) {
        return -1;
    }
    if (entry->kind != &registry_unit_kind) {
        values_add_flag(&entry->values, "active", !entry->inactive);
    }
    registry_entry_digest(entry->values.list, entry->values.count, digest, call->arena);
    int known = is_known(call, entry, digest, err);
    *changed = known == 0;
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    return registry_tell(call, entry->kind->topic, WIRE__LANE__NORMAL, &entry->values, err);
}
