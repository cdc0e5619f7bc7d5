/* The way out: a message as JSON. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base/json.h"
#include "base/json_field.h"

enum { NUMBER_TEXT = 24, INDENT = 2 };

/* A message whose object waits to be filled. */
struct pending {
    struct pending *next;
    const ProtobufCMessage *message;
    json_t *object;
};

struct writer {
    struct arena *arena;
    struct pending *last;
    unsigned style;
    int offset_min;
};

/* Text that is no UTF-8 cannot stand in JSON; it says so instead of vanishing. */
static json_t *text_json(const char *text) {
    json_t *made = json_string(text ? text : "");

    return made ? made : json_string("(no UTF-8)");
}

static json_t *bytes_json(const ProtobufCBinaryData *data, struct arena *arena) {
    size_t size = sodium_base64_encoded_len(data->len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);

    sodium_bin2base64(text, size, data->data, data->len, sodium_base64_VARIANT_ORIGINAL);
    return json_string(text);
}

static json_t *wide_json(const void *at, bool is_unsigned) {
    char text[NUMBER_TEXT];
    int64_t number = 0;
    uint64_t natural = 0;

    memcpy(&number, at, sizeof number);
    memcpy(&natural, at, sizeof natural);
    if (is_unsigned) {
        (void)snprintf(text, sizeof text, "%" PRIu64, natural);
    } else {
        (void)snprintf(text, sizeof text, "%" PRId64, number);
    }
    return json_string(text);
}

static json_t *narrow_json(const void *at, bool is_unsigned) {
    int32_t number = 0;
    uint32_t natural = 0;

    memcpy(&number, at, sizeof number);
    memcpy(&natural, at, sizeof natural);
    return json_integer(is_unsigned ? (json_int_t)natural : (json_int_t)number);
}

static json_t *enum_json(const ProtobufCEnumDescriptor *type, const void *at) {
    int number = 0;

    memcpy(&number, at, sizeof number);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    return value ? json_string(value->name) : json_integer(number);
}

static json_t *message_json(struct writer *w, const ProtobufCMessage *message) {
    struct pending *pending = ARENA_NEW(w->arena, struct pending);

    pending->message = message;
    pending->object = json_object();
    w->last->next = pending;
    w->last = pending;
    return pending->object;
}

static json_t *one_json(struct writer *w, const ProtobufCFieldDescriptor *field, const void *at) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return narrow_json(at, false);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return narrow_json(at, true);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return wide_json(at, false);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return wide_json(at, true);
    case PROTOBUF_C_TYPE_BOOL: {
        protobuf_c_boolean flag = 0;
        memcpy(&flag, at, sizeof flag);
        return json_boolean(flag);
    }
    case PROTOBUF_C_TYPE_FLOAT: {
        float number = 0;
        memcpy(&number, at, sizeof number);
        return json_real((double)number);
    }
    case PROTOBUF_C_TYPE_DOUBLE: {
        double number = 0;
        memcpy(&number, at, sizeof number);
        return json_real(number);
    }
    case PROTOBUF_C_TYPE_ENUM:
        return enum_json(field->descriptor, at);
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = NULL;
        memcpy(&text, at, sizeof(text));
        return text_json(text);
    }
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData data = {0};
        memcpy(&data, at, sizeof data);
        return bytes_json(&data, w->arena);
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = NULL;
        memcpy(&message, at, sizeof(message));
        return message ? message_json(w, message) : json_null();
    }
    }
    return json_null();
}

/* proto3: a field without presence that has its default is left out. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at) {
    static const uint8_t zero[sizeof(int64_t)];
    const void *pointer = NULL;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&pointer, at, sizeof(pointer));
        return !pointer || *(const char *)pointer == '\0';
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData data = {0};
        memcpy(&data, at, sizeof data);
        return data.len == 0;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&pointer, at, sizeof(pointer));
        return !pointer;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return memcmp(at, zero, sizeof zero) == 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        break;
    }
    return memcmp(at, zero, sizeof(int32_t)) == 0;
}

static json_t *list_json(struct writer *w, const ProtobufCFieldDescriptor *field, size_t count,
                         const uint8_t *list) {
    if ((w->style & JSON_PLAIN) && field->type == PROTOBUF_C_TYPE_MESSAGE
        && field->descriptor == &wire__value__descriptor) {
        return json_values_plain((Wire__Value *const *)(const void *)list, count, w->offset_min,
                                 w->arena);
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, one_json(w, field, list + i * json_field_size(field)));
    }
    return array;
}

static void fill(struct writer *w, const struct pending *at) {
    const ProtobufCMessageDescriptor *type = at->message->descriptor;
    const uint8_t *base = (const uint8_t *)at->message;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        json_t *made = NULL;
        char camel[JSON_FIELD_NAME_MAX];

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = 0;
            const uint8_t *list = NULL;
            memcpy(&count, base + field->quantifier_offset, sizeof count);
            memcpy(&list, base + field->offset, sizeof(list));
            made = count > 0 ? list_json(w, field, count, list) : NULL;
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen = 0;
            memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
            made = chosen == field->id ? one_json(w, field, base + field->offset) : NULL;
        } else if (!is_default(field, base + field->offset)) {
            made = one_json(w, field, base + field->offset);
        }
        if (made) {
            (void)json_object_set_new(at->object, json_field_camel(field->name, camel), made);
        }
    }
}

struct json_t *json_write_tree(const ProtobufCMessage *message, unsigned style, int offset_min,
                               struct arena *arena) {
    struct pending top = {NULL, message, json_object()};
    struct writer w = {arena, &top, style, offset_min};

    for (const struct pending *at = &top; at; at = at->next) {
        fill(&w, at);
    }
    return top.object;
}

char *json_write(const ProtobufCMessage *message, unsigned style, int offset_min,
                 struct arena *arena) {
    json_t *tree = json_write_tree(message, style, offset_min, arena);
    char *text = json_dumps(tree, style & JSON_PRETTY ? (size_t)JSON_INDENT(INDENT) : JSON_COMPACT);

    json_decref(tree);
    assert(text);
    char *copy = arena_copy(arena, text, strlen(text));
    free(text);
    return copy;
}
