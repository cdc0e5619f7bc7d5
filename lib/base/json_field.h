/*
 * json_field - what reading and writing JSON both ask about a field of a message.
 */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

enum { JSON_FIELD_NAME_MAX = 64 };

/* json_field_camel - lowerCamelCase of a snake_case name; `camel` has JSON_FIELD_NAME_MAX bytes. */
const char *json_field_camel(const char *name, char *camel);

/* json_field_size - bytes of one value of this field in its message. */
size_t json_field_size(const ProtobufCFieldDescriptor *field);

#endif
