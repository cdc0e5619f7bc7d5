#include "base/json_field.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>

const char *json_field_camel(const char *name, char *camel) {
    size_t length = 0;
    bool upper = false;

    for (; *name && length + 1 < JSON_FIELD_NAME_MAX; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        camel[length++] = (char)(upper ? toupper((unsigned char)*name) : *name);
        upper = false;
    }
    camel[length] = '\0';
    return camel;
}

size_t json_field_size(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return sizeof(int32_t);
}
