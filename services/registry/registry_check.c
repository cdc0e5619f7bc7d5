/*
 * What a field may be, and what is said when it is not.
 */
#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "base/token.h"
#include "manual/manual.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

enum {
    MOBILE_SIZE = 11,
    SHOWN_MAX = 48,
    DIGITS_RUN_MAX = 7, /* longer runs of digits are not shown */
    ID_SIZE = 18,
    LIST_TEXT_MAX = 200,
    MIDDLE_MASK = 0xC0, /* of a byte that is not the first of its character */
    MIDDLE = 0x80,
    ABROAD_MIN = 8,
    ABROAD_MAX = 15, /* digits, E.164 */
    CHECK_SIGNS = 11,
};

static const char hidden[] = "****";

/* ---- mistakes ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_mobile(const char *normal) {
    return strlen(normal) == MOBILE_SIZE && normal[0] == '1' && normal[1] >= '3'
           && strspn(normal, "0123456789") == MOBILE_SIZE;
}

/* A column that slipped may hold anybody's number: what looks like one is not repeated. */
static bool looks_personal(const char *text) {
    char normal[SEAL_NUMBER_SIZE];
    size_t run = 0;
    size_t longest = 0;

    for (const char *at = text; *at; at++) {
        run = is_digit(*at) ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    seal_normal(text, normal);
    return longest > DIGITS_RUN_MAX || is_mobile(normal);
}

const char *registry_shown(const char *text, struct arena *arena) {
    size_t size = strlen(text);

    if (looks_personal(text)) {
        return hidden;
    }
    if (size > SHOWN_MAX) {
        size = SHOWN_MAX;
        while (size > 0 && ((unsigned char)text[size] & MIDDLE_MASK) == MIDDLE) {
            size--; /* not in the middle of a character */
        }
    }
    char *shown = arena_copy(arena, text, size);
    for (char *at = shown; *at; at++) {
        if ((unsigned char)*at < ' ') {
            *at = '?';
        }
    }
    return shown;
}

void registry_mistake(struct call *call, struct entry *entry, const char *field, enum err_code code,
                      const char *rule, const char *shown) {
    if (entry->mistake_count == ENTRY_MISTAKES_MAX) {
        return; /* enough for one row */
    }
    entry->mistakes[entry->mistake_count++] = (struct entry_mistake){
        .field = field,
        .code = code,
        .rule = rule,
        .args = arena_text(call->arena, "field=%s\n%s", field, shown),
    };
}

static int wrong(const struct check *check, const char *rule) {
    const char *value = registry_shown(check->text, check->call->arena);

    if (check->field->kind == FIELD_PHONES || check->field->kind == FIELD_ID_NUMBER) {
        value = hidden;
    }
    registry_mistake(check->call, check->entry, check->field->key, ERR_INVALID, rule,
                     arena_text(check->call->arena, "value=%s", value));
    return 0;
}

static int add(const struct check *check, const char *text) {
    values_add_text(&check->entry->values, check->field->key, text);
    return 0;
}

/* ---- words ---- */

static bool is_number(const char *text) {
    char normal[SEAL_NUMBER_SIZE];

    for (const char *at = text; *at; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && !is_digit(*at) && !strchr("-._", *at)) {
            return false;
        }
    }
    seal_normal(text, normal);
    return !is_mobile(normal); /* a telephone number in the wrong column */
}

static int check_number(const struct check *check) {
    return is_number(check->text) ? add(check, check->text) : wrong(check, "number_wrong");
}

static int check_name(const struct check *check) {
    bool reserved = text_eq(check->text, "system");

    return reserved || looks_personal(check->text) || strchr(check->text, ';')
               ? wrong(check, "name_wrong")
               : add(check, check->text);
}

static int check_words(const struct check *check) {
    size_t count = 0;
    const char **words = registry_split(check->text, REGISTRY_WORDS_MAX + 1, &count,
                                        check->call->arena);

    if (count > check->field->many) {
        return wrong(check, "too_many");
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) > TOKEN_NAME_MAX || !is_number(words[i])) {
            return wrong(check, "word_wrong");
        }
    }
    return add(check, registry_join(words, count, check->call->arena));
}

/* Before the first manual nobody can say which roles there are; then none has a permission. */
static int check_roles(const struct check *check) {
    struct err ignored = {0};
    const struct manual *manual = revision_current(check->call, &ignored);
    size_t count = 0;
    const char **roles = registry_split(check->text, REGISTRY_WORDS_MAX + 1, &count,
                                        check->call->arena);

    for (size_t i = 0; manual && i < count; i++) {
        if (!manual_role(manual, roles[i])) {
            registry_mistake(check->call, check->entry, check->field->key, ERR_INVALID,
                             "role_unknown",
                             arena_text(check->call->arena, "value=%s",
                                        registry_shown(roles[i], check->call->arena)));
            return 0;
        }
    }
    return check_words(check);
}

static int list_words(struct call *call, const char *list, char **text, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts the words of one list */
                           "SELECT key FROM word WHERE list = ?1 ORDER BY place");
    int more = 0;

    *text = arena_text(call->arena, "%s", "");
    query_bind_text(&q, 1, list);
    while ((more = query_step(&q, err)) == 1) {
        *text = arena_text(call->arena, "%s%s%s", *text, **text ? ", " : "",
                           query_text(&q, 0, call->arena));
    }
    return more;
}

static int check_choice(const struct check *check, struct err *err) {
    struct call *call = check->call;
    struct query q = QUERY(call->store, "SELECT 1 FROM word WHERE list = ?1 AND key = ?2");
    char *right = NULL;

    query_bind_text(&q, 1, check->field->of);
    query_bind_text(&q, 2, check->text);
    int found = query_step(&q, err);
    query_end(&q);
    if (found != 0) {
        return found < 0 ? -1 : add(check, check->text);
    }
    if (list_words(call, check->field->of, &right, err)) {
        return -1;
    }
    registry_mistake(call, check->entry, check->field->key, ERR_INVALID, "choice_wrong",
                     arena_text(call->arena, "value=%s\nright=%.*s",
                                registry_shown(check->text, call->arena), LIST_TEXT_MAX, right));
    return 0;
}

static int check_decimal(const struct check *check) {
    size_t whole = strspn(check->text, "0123456789");
    const char *rest = check->text + whole;
    size_t fraction = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
    bool sound = whole > 0 && whole <= 6
                 && (*rest == '\0' || (fraction > 0 && fraction <= 2 && !rest[1 + fraction]));

    return sound ? add(check, check->text) : wrong(check, "decimal_wrong");
}

/* ---- numbers of people ---- */

/* Mobile; with area code; local; service numbers; from abroad with its +. */
bool registry_phone_is(const char *text) {
    char normal[SEAL_NUMBER_SIZE];
    bool plus = text[0] == '+';

    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x80 && !is_digit((char)*at) && !strchr("+-() ", (char)*at)) {
            return false;
        }
    }
    seal_normal(text, normal);
    size_t size = strlen(normal);
    if (size == 0 || strspn(normal, "0123456789") != size) {
        return false;
    }
    if (is_mobile(normal)) {
        return true;
    }
    if (plus && strncmp(text + 1, "86", 2) != 0) {
        return size >= ABROAD_MIN && size <= ABROAD_MAX;
    }
    if (normal[0] == '0') {
        return size >= 10 && size <= 12;
    }
    return size == 7 || size == 8
           || (size == 10 && (text_starts(normal, "400") || text_starts(normal, "800")));
}

/* What is stored and dialled: digits, and the + of a number from abroad. */
static char *dialled(const char *text, struct arena *arena) {
    char normal[SEAL_NUMBER_SIZE];
    bool abroad = text[0] == '+' && strncmp(text + 1, "86", 2) != 0;

    seal_normal(text, normal);
    return arena_text(arena, "%s%s", abroad ? "+" : "", normal);
}

static void add_sealed(const struct check *check, const char *key, const char *what,
                       const char *text) {
    struct arena *arena = check->call->arena;
    const char *context = registry_context(check->entry->kind->word, check->entry->key, what,
                                           arena);
    struct bytes sealed = seal_text(check->call->secrets, context, text, arena);
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_SEALED;
    value.sealed.data = arena_copy(arena, sealed.data, sealed.size);
    value.sealed.len = sealed.size;
    values_add(&check->entry->values, &value);
}

static int check_phones(const struct check *check) {
    static const char *const keys[REGISTRY_PHONES_MAX] = {"phone", "phone2", "phone3"};
    struct arena *arena = check->call->arena;
    size_t count = 0;
    const char **phones = registry_split(check->text, REGISTRY_PHONES_MAX + 1, &count, arena);

    if (count > check->field->many) {
        return wrong(check, "too_many");
    }
    for (size_t i = 0; i < count; i++) {
        if (!registry_phone_is(phones[i])) {
            return wrong(check, "phone_wrong");
        }
    }
    for (size_t i = 0; i < count; i++) {
        add_sealed(check, keys[i], "phone", dialled(phones[i], arena));
    }
    return 0;
}

/* The last sign of an ID number follows from the others (GB 11643). */
static bool is_id_number(const char *normal) {
    static const int weights[ID_SIZE - 1] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;

    if (strlen(normal) != ID_SIZE || strspn(normal, "0123456789") < ID_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < ID_SIZE - 1; i++) {
        sum += (normal[i] - '0') * weights[i];
    }
    return normal[ID_SIZE - 1] == "10X98765432"[sum % CHECK_SIGNS];
}

static int check_id_number(const struct check *check) {
    char normal[SEAL_NUMBER_SIZE];

    seal_normal(check->text, normal);
    if (!is_id_number(normal)) {
        return wrong(check, "id_number_wrong");
    }
    add_sealed(check, "idno", "idno", normal);
    return 0;
}

char *registry_plate_normal(const char *text, struct arena *arena) {
    static const char dot[] = "\xC2\xB7"; /* · */
    char *normal = arena_alloc(arena, strlen(text) + 1);
    size_t size = 0;

    for (const char *at = text; *at; at++) {
        if (text_starts(at, dot)) {
            at++;
        } else if (*at >= 'a' && *at <= 'z') {
            normal[size++] = (char)(*at - 'a' + 'A');
        } else if (*at != ' ' && *at != '-') {
            normal[size++] = *at;
        }
    }
    return normal;
}

/* 京N10034, 京AD12345, 京A1234挂: a province, a letter, five or six signs. */
static bool is_plate(const char *plate) {
    static const char provinces[] =
        "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领";
    static const char endings[] = "挂学警港澳领使";
    enum { CHARACTER = 3 };
    char first[CHARACTER + 1] = "";
    size_t size = strlen(plate);

    if (size < CHARACTER + 6) {
        return false;
    }
    memcpy(first, plate, CHARACTER);
    if (!strstr(provinces, first) || plate[CHARACTER] < 'A' || plate[CHARACTER] > 'Z') {
        return false;
    }
    const char *rest = plate + CHARACTER + 1;
    size_t plain = strspn(rest, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789");
    if (!rest[plain]) {
        return plain == 5 || plain == 6;
    }
    return plain == 4 && strlen(rest + plain) == CHARACTER && strstr(endings, rest + plain);
}

static int check_plates(const struct check *check) {
    struct arena *arena = check->call->arena;
    size_t count = 0;
    const char **plates = registry_split(check->text, REGISTRY_PLATES_MAX + 1, &count, arena);

    if (count > check->field->many) {
        return wrong(check, "too_many");
    }
    for (size_t i = 0; i < count; i++) {
        plates[i] = registry_plate_normal(plates[i], arena);
        if (!is_plate(plates[i])) {
            return wrong(check, "plate_wrong");
        }
    }
    return add(check, registry_join(plates, count, arena));
}

/* ---- one field ---- */

int registry_check(const struct check *check, struct err *err) {
    switch (check->field->kind) {
    case FIELD_NUMBER:
    case FIELD_STAFF:
    case FIELD_UNIT:
    case FIELD_ESTATE:
        return check_number(check);
    case FIELD_NAME:
        return check_name(check);
    case FIELD_WORD:
        return strchr(check->text, ';') || looks_personal(check->text) ? wrong(check, "word_wrong")
                                                                       : add(check, check->text);
    case FIELD_WORDS:
        return check_words(check);
    case FIELD_ROLES:
        return check_roles(check);
    case FIELD_CHOICE:
        return check_choice(check, err);
    case FIELD_YES:
        return text_eq(check->text, "Y") ? add(check, check->text) : wrong(check, "yes_wrong");
    case FIELD_DECIMAL:
        return check_decimal(check);
    case FIELD_PHONES:
        return check_phones(check);
    case FIELD_PLATES:
        return check_plates(check);
    case FIELD_ID_NUMBER:
        return check_id_number(check);
    default:
        return 0;
    }
}
