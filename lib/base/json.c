#include "base/json.h"
#include "base/json_field.h"
#include "base/speak.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

enum {
    NEAR_MAX = 4, /* edits: further away is no help */
};

/* An object that waits to be read into its message; they are worked off in order, so
 * that nothing here calls itself. */
struct wanted {
    struct wanted *next;
    json_t *object;
    ProtobufCMessage *message;
    const char *path; /* "" at the top, else "caller." */
    int depth;
};

struct reader {
    struct arena *arena;
    ProtobufCAllocator allocator;
    struct wanted *last;
    struct err *err;
};

/* ---- names ---- */

/* How many single-letter edits make one of the other (Levenshtein). */
static size_t edits(const char *a, const char *b) {
    size_t row[JSON_FIELD_NAME_MAX + 1];
    size_t length = strnlen(b, JSON_FIELD_NAME_MAX);

    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < JSON_FIELD_NAME_MAX && a[i]; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t change = corner + (a[i] != b[j]);
            corner = row[j + 1];
            size_t best = change < corner + 1 ? change : corner + 1;
            row[j + 1] = best < row[j] + 1 ? best : row[j] + 1;
        }
    }
    return row[length];
}

const char *json_nearest(const char *word, const char *const *names, size_t count) {
    const char *best = "";
    size_t fewest = NEAR_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edits(word, names[i]);
        if (distance < fewest && distance < strlen(names[i])) {
            fewest = distance;
            best = names[i];
        }
    }
    return best;
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *type,
                                                   const char *key) {
    char camel[JSON_FIELD_NAME_MAX];

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (strcmp(field->name, key) == 0
            || strcmp(json_field_camel(field->name, camel), key) == 0) {
            return field;
        }
    }
    return NULL;
}

/* ---- errors: each names its place ---- */

static int fail_key(struct reader *r, const struct wanted *at, const char *key) {
    const ProtobufCMessageDescriptor *type = at->message->descriptor;
    const char *best = "";
    size_t fewest = NEAR_MAX;

    for (unsigned i = 0; i < type->n_fields; i++) {
        char camel[JSON_FIELD_NAME_MAX];
        const char *name = json_field_camel(type->fields[i].name, camel);
        size_t distance = edits(key, name);
        if (distance < fewest) {
            fewest = distance;
            best = arena_text(r->arena, "%s", name);
        }
    }
    return err_set(r->err, ERR_INVALID, "json_key", "path=%.*s%.*s\nnearest=%s", JSON_PATH_MAX,
                   at->path, JSON_PATH_MAX, key, best);
}

static int fail_type(struct reader *r, const char *path, const char *want) {
    return err_set(r->err, ERR_INVALID, "json_type", "path=%.*s\nwanted=%s", JSON_PATH_MAX, path,
                   speak(want));
}

static int fail_range(struct reader *r, const char *path) {
    return err_set(r->err, ERR_INVALID, "json_range", "path=%.*s", JSON_PATH_MAX, path);
}

static void *take(struct reader *r, size_t size) {
    void *data = r->allocator.alloc(r->allocator.allocator_data, size);

    if (!data) {
        (void)err_set(r->err, ERR_EXHAUSTED, "json_large", "max=%d", JSON_SIZE_MAX);
    }
    return data;
}

/* ---- one value ---- */

/* A whole number from 12, "12" or 12.0. */
static int read_whole(struct reader *r, const char *path, json_t *from, bool is_unsigned,
                      int64_t *number) {
    if (json_is_integer(from)) {
        *number = json_integer_value(from);
        return is_unsigned && *number < 0 ? fail_range(r, path) : 0;
    }
    if (json_is_real(from)) {
        const double exact = 9007199254740992.0; /* 2^53: whole numbers are exact below */
        double real = json_real_value(from);
        if (floor(real) < real) {
            return fail_type(r, path, "integer");
        }
        if (fabs(real) >= exact || (is_unsigned && real < 0)) {
            return fail_range(r, path);
        }
        *number = (int64_t)real;
        return 0;
    }
    if (!json_is_string(from)) {
        return fail_type(r, path, "integer");
    }
    const char *text = json_string_value(from);
    char *end = NULL;
    bool digits = isdigit((unsigned char)text[0])
                  || (text[0] == '-' && isdigit((unsigned char)text[1]));
    errno = 0;
    if (is_unsigned) {
        unsigned long long wide = strtoull(text, &end, 10);
        memcpy(number, &wide, sizeof *number);
    } else {
        *number = strtoll(text, &end, 10);
    }
    if (!digits || *end) {
        return fail_type(r, path, "integer");
    }
    return errno || (is_unsigned && text[0] == '-') ? fail_range(r, path) : 0;
}

static int read_integer(struct reader *r, const char *path, ProtobufCType type, json_t *from,
                        void *to) {
    bool is_unsigned = type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32
                       || type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_FIXED64;
    bool wide = type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_SINT64
                || type == PROTOBUF_C_TYPE_SFIXED64 || type == PROTOBUF_C_TYPE_UINT64
                || type == PROTOBUF_C_TYPE_FIXED64;
    int64_t number = 0;

    if (read_whole(r, path, from, is_unsigned, &number)) {
        return -1;
    }
    if (wide) {
        memcpy(to, &number, sizeof number);
        return 0;
    }
    if (is_unsigned) {
        uint32_t narrow = (uint32_t)number;
        memcpy(to, &narrow, sizeof narrow);
        return number > UINT32_MAX || number < 0 ? fail_range(r, path) : 0;
    }
    int32_t narrow = (int32_t)number;
    memcpy(to, &narrow, sizeof narrow);
    return number > INT32_MAX || number < INT32_MIN ? fail_range(r, path) : 0;
}

static int read_enum(struct reader *r, const char *path, const ProtobufCEnumDescriptor *type,
                     json_t *from, void *to) {
    const ProtobufCEnumValue *found = NULL;

    if (json_is_string(from)) {
        found = protobuf_c_enum_descriptor_get_value_by_name(type, json_string_value(from));
    } else if (json_is_integer(from)) {
        int64_t number = json_integer_value(from);
        if (number >= INT32_MIN && number <= INT32_MAX) {
            found = protobuf_c_enum_descriptor_get_value(type, (int)number);
        }
    } else {
        return fail_type(r, path, "a name");
    }
    if (!found) {
        const char *best = "";
        size_t fewest = NEAR_MAX;
        for (unsigned i = 0; json_is_string(from) && i < type->n_values; i++) {
            size_t distance = edits(json_string_value(from), type->values[i].name);
            if (distance < fewest) {
                fewest = distance;
                best = type->values[i].name;
            }
        }
        return err_set(r->err, ERR_INVALID, "json_enum", "path=%.*s\nnearest=%s", JSON_PATH_MAX,
                       path, best);
    }
    int value = found->value;
    memcpy(to, &value, sizeof value);
    return 0;
}

static int read_bytes(struct reader *r, const char *path, json_t *from, void *to) {
    const char *text = json_string_value(from);
    size_t size = json_string_length(from);

    if (!text) {
        return fail_type(r, path, "base64");
    }
    /* Canonical output is standard with padding; people and other tools also write
     * the URL form, or no padding. */
    while (size > 0 && text[size - 1] == '=' && json_string_length(from) - size < 2) {
        size--;
    }
    bool url = strpbrk(text, "-_") != NULL;
    ProtobufCBinaryData data = {0};
    uint8_t *room = take(r, size + 1);
    if (!room) {
        return -1;
    }
    if (sodium_base642bin(room, size + 1, text, size, NULL, &data.len, NULL,
                          url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
                              : sodium_base64_VARIANT_ORIGINAL_NO_PADDING)) {
        return fail_type(r, path, "base64");
    }
    data.data = data.len > 0 ? room : NULL;
    memcpy(to, &data, sizeof data);
    return 0;
}

static int read_text(struct reader *r, const char *path, json_t *from, void *to) {
    const char *text = json_string_value(from);
    size_t size = json_string_length(from);

    if (!text) {
        return fail_type(r, path, "text");
    }
    char *copy = take(r, size + 1);
    if (!copy) {
        return -1;
    }
    memcpy(copy, text, size + 1);
    memcpy(to, &copy, sizeof(copy));
    return 0;
}

/* A nested message is made now and read later. */
static int read_message(struct reader *r, const struct wanted *at, const char *path,
                        const ProtobufCMessageDescriptor *type, json_t *from, void *to) {
    if (!json_is_object(from)) {
        return err_set(r->err, ERR_INVALID, "json_object", "path=%.*s", JSON_PATH_MAX, path);
    }
    if (at->depth >= JSON_DEPTH_MAX) {
        return err_set(r->err, ERR_INVALID, "json_deep", "path=%.*s", JSON_PATH_MAX, path);
    }
    ProtobufCMessage *message = take(r, type->sizeof_message);
    struct wanted *wanted = message ? take(r, sizeof *wanted) : NULL;
    char *prefix = wanted ? take(r, strlen(path) + 2) : NULL;
    if (!prefix) {
        return -1;
    }
    protobuf_c_message_init(type, message);
    memcpy(prefix, path, strlen(path));
    prefix[strlen(path)] = '.';
    prefix[strlen(path) + 1] = '\0';
    *wanted = (struct wanted){NULL, from, message, prefix, at->depth + 1};
    r->last->next = wanted;
    r->last = wanted;
    memcpy(to, &message, sizeof(message));
    return 0;
}

static int read_one(struct reader *r, const struct wanted *at, const char *path,
                    const ProtobufCFieldDescriptor *field, json_t *from, void *to) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_integer(r, path, field->type, from, to);
    case PROTOBUF_C_TYPE_BOOL: {
        if (!json_is_boolean(from)) {
            return fail_type(r, path, "true or false");
        }
        protobuf_c_boolean flag = json_is_true(from);
        memcpy(to, &flag, sizeof flag);
        return 0;
    }
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: {
        if (!json_is_number(from)) {
            return fail_type(r, path, "number");
        }
        double number = json_number_value(from);
        float narrow = (float)number;
        memcpy(to, field->type == PROTOBUF_C_TYPE_FLOAT ? (void *)&narrow : (void *)&number,
               field->type == PROTOBUF_C_TYPE_FLOAT ? sizeof narrow : sizeof number);
        return 0;
    }
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, path, field->descriptor, from, to);
    case PROTOBUF_C_TYPE_STRING:
        return read_text(r, path, from, to);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, path, from, to);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(r, at, path, field->descriptor, from, to);
    }
    return fail_type(r, path, "a known type");
}

/* ---- one field ---- */

static int read_list(struct reader *r, const struct wanted *at, const char *path,
                     const ProtobufCFieldDescriptor *field, json_t *from) {
    uint8_t *base = (uint8_t *)at->message;
    size_t count = json_array_size(from);
    size_t step = json_field_size(field);

    if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->descriptor == &wire__value__descriptor
        && json_is_object(from)) {
        Wire__Value **values = NULL;
        int made = json_values(from, &values, r->arena, r->err);
        if (made < 0) {
            return -1;
        }
        count = (size_t)made;
        memcpy(base + field->quantifier_offset, &count, sizeof count);
        memcpy(base + field->offset, &values, sizeof(values));
        return 0;
    }
    if (!json_is_array(from)) {
        return fail_type(r, path, "a list");
    }
    if (count == 0) {
        return 0;
    }
    uint8_t *list = take(r, count * step);
    if (!list) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        char place[2 * JSON_PATH_MAX];
        (void)snprintf(place, sizeof place, "%.*s[%zu]", JSON_PATH_MAX, path, i);
        if (read_one(r, at, place, field, json_array_get(from, i), list + i * step)) {
            return -1;
        }
    }
    memcpy(base + field->quantifier_offset, &count, sizeof count);
    memcpy(base + field->offset, &list, sizeof(list));
    return 0;
}

static int read_field(struct reader *r, const struct wanted *at,
                      const ProtobufCFieldDescriptor *field, json_t *from) {
    uint8_t *base = (uint8_t *)at->message;
    char path[2 * JSON_PATH_MAX];
    char camel[JSON_FIELD_NAME_MAX];

    (void)snprintf(path, sizeof path, "%.*s%s", JSON_PATH_MAX, at->path,
                   json_field_camel(field->name, camel));
    if (json_is_null(from)) {
        return 0; /* canonical: as if it were not there */
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return read_list(r, at, path, field, from);
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t chosen = 0;
        memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
        if (chosen != 0) {
            const ProtobufCFieldDescriptor *other = protobuf_c_message_descriptor_get_field(
                at->message->descriptor, chosen);
            return err_set(r->err, ERR_INVALID, "json_oneof", "path=%.*s\nother=%s", JSON_PATH_MAX,
                           path, other ? other->name : "");
        }
        memcpy(base + field->quantifier_offset, &field->id, sizeof field->id);
    }
    return read_one(r, at, path, field, from, base + field->offset);
}

static int read_object(struct reader *r, const struct wanted *at) {
    const ProtobufCMessageDescriptor *type = at->message->descriptor;
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(at->object, key, value) {
        const ProtobufCFieldDescriptor *field = field_named(type, key);
        if (!field) {
            return fail_key(r, at, key);
        }
        /* Both spellings of one field in one object: the second would win in silence. */
        char camel[JSON_FIELD_NAME_MAX];
        json_field_camel(field->name, camel);
        if (strcmp(key, camel) != 0 && json_object_get(at->object, camel)) {
            return err_set(r->err, ERR_INVALID, "json_oneof", "path=%.*s%s\nother=%s",
                           JSON_PATH_MAX, at->path, key, camel);
        }
        if (read_field(r, at, field, value)) {
            return -1;
        }
    }
    return 0;
}

ProtobufCMessage *json_read_tree(const ProtobufCMessageDescriptor *type, struct json_t *tree,
                                 struct arena *arena, struct err *err) {
    struct reader r = {.arena = arena, .allocator = arena_protobuf(arena), .err = err};
    struct wanted top = {.object = tree, .path = "", .depth = 1};

    if (!json_is_object(tree)) {
        (void)err_set(err, ERR_INVALID, "json_object", "path=");
        return NULL;
    }
    top.message = take(&r, type->sizeof_message);
    if (!top.message) {
        return NULL;
    }
    protobuf_c_message_init(type, top.message);
    r.last = &top;
    for (const struct wanted *at = &top; at; at = at->next) {
        if (read_object(&r, at)) {
            return NULL;
        }
    }
    return top.message;
}

ProtobufCMessage *json_read(const ProtobufCMessageDescriptor *type, const char *text, size_t size,
                            struct arena *arena, struct err *err) {
    json_error_t why;

    if (size > JSON_SIZE_MAX) {
        (void)err_set(err, ERR_EXHAUSTED, "json_large", "max=%d", JSON_SIZE_MAX);
        return NULL;
    }
    json_t *tree = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!tree) {
        (void)err_set(err, ERR_INVALID, "json_syntax", "line=%d\ncolumn=%d\nwhy=%.80s", why.line,
                      why.column, why.text);
        return NULL;
    }
    ProtobufCMessage *message = json_read_tree(type, tree, arena, err);
    json_decref(tree);
    return message;
}
