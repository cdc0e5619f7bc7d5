#include "core/needs.h"

#include <string.h>

enum { WORD_MAX = 48 };

/* The next word up to a blank or `until`; false: there is none. */
static bool next_word(const char **at, const char *until, char word[WORD_MAX]) {
    *at += strspn(*at, until);
    size_t length = strcspn(*at, until);

    if (length == 0 || length >= WORD_MAX) {
        return false;
    }
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return true;
}

static bool is_empty(const ProtobufCMessage *request, const char *name) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
        request->descriptor, name);
    const void *member = (const uint8_t *)request + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        const void *count = (const uint8_t *)request + field->quantifier_offset;
        return *(const size_t *)count == 0;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return !text || !*text;
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return ((const ProtobufCBinaryData *)member)->len == 0;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return *(const ProtobufCMessage *const *)member == NULL;
    }
    return field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64
               ? *(const int64_t *)member == 0
               : *(const int32_t *)member == 0;
}

/* "page|case_no": one of them is enough. */
static bool all_empty(const ProtobufCMessage *request, const char *names) {
    char name[WORD_MAX];

    while (next_word(&names, "|", name)) {
        if (!is_empty(request, name)) {
            return false;
        }
    }
    return true;
}

/* "GetCaseRequest" is what GetCase takes. */
static bool is_of(const struct need *need, const ProtobufCMessageDescriptor *type) {
    size_t length = strlen(need->method);

    return strncmp(type->short_name, need->method, length) == 0
           && strcmp(type->short_name + length, "Request") == 0;
}

int needs_check(const struct need *needs, const ProtobufCMessage *request, struct arena *arena,
                struct err *err) {
    const char *missing = "";
    char names[WORD_MAX];

    for (; needs && needs->method; needs++) {
        const char *at = needs->fields;
        while (is_of(needs, request->descriptor) && next_word(&at, " ", names)) {
            if (all_empty(request, names)) {
                missing = arena_text(arena, "%s%s%s", missing, *missing ? ", " : "", names);
            }
        }
    }
    return *missing ? err_set(err, ERR_INVALID, "field_missing", "field=%s", missing) : 0;
}

static bool are_fields(const ProtobufCMessageDescriptor *type, const char *fields) {
    char name[WORD_MAX];

    while (next_word(&fields, " |", name)) {
        if (!protobuf_c_message_descriptor_get_field_by_name(type, name)) {
            return false;
        }
    }
    return *fields == '\0';
}

int needs_sound(const struct service_def *def, struct err *err) {
    for (const struct need *need = def->needs; need && need->method; need++) {
        const ProtobufCMethodDescriptor *method = protobuf_c_service_descriptor_get_method_by_name(
            def->api, need->method);
        if (!method || !are_fields(method->input, need->fields)) {
            return err_plain(err, ERR_INTERNAL, "%s needs \"%s\" of %s: there is no such thing",
                             def->name, need->fields, need->method);
        }
    }
    return 0;
}
