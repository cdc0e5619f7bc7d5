/*
 * json - any message of the contract as proto3 canonical JSON, and back, by its
 * descriptor: a new message needs no code here.
 *
 * Out: lowerCamelCase names, 64-bit integers as strings, bytes as base64, enums
 * by name, defaults left out.  In: camelCase or snake_case names, numbers or
 * strings, enums by name or number; an unknown or repeated key is an error that
 * names the nearest right one.
 *
 * One addition for people: a `repeated Value` may also be written as an object,
 *     {"urgency": "E1", "slot_from": "2025-07-12T14:00:00+08:00", "photos": 2}
 * where text with a full time is a time, a list of texts is joined by ";" and a
 * list of objects is rows; and JSON_PLAIN writes it so.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "shouwen/wire/v1/wire.pb-c.h"

enum {
    JSON_SIZE_MAX = 256 * 1024, /* bytes of text taken in */
    JSON_DEPTH_MAX = 8,         /* messages in messages */
    JSON_PATH_MAX = 160,        /* bytes of a place in an error: "fields[2].key" */
};

enum json_style {
    JSON_ONE_LINE = 0, /* one line, canonical */
    JSON_PRETTY = 1,   /* for people */
    JSON_PLAIN = 2,    /* values as an object, times in them as RFC 3339 */
};

struct json_t; /* jansson */

/*
 * json_read - text → a message of this type, in the arena.  At most half of the
 * arena is used.  NULL with err set to ERR_INVALID:
 *   json_syntax        line, column, why
 *   json_object        path: an object is wanted there
 *   json_key           path, nearest: no such field
 *   json_type          path, wanted: text, integer, …
 *   json_range         path: a number too large for its field
 *   json_enum          path, nearest: no such name
 *   json_oneof         path, other: two of which only one may be there
 *   json_deep          path
 * or ERR_EXHAUSTED:
 *   json_large         longer than JSON_SIZE_MAX, or more than the arena holds
 */
ProtobufCMessage *json_read(const ProtobufCMessageDescriptor *type, const char *text, size_t size,
                            struct arena *arena, struct err *err);

/* json_read_tree - the same from a parsed object, which stays the caller's. */
ProtobufCMessage *json_read_tree(const ProtobufCMessageDescriptor *type, struct json_t *tree,
                                 struct arena *arena, struct err *err);

/* json_write - the text, in the arena; `style` is an or of enum json_style, `offset_min` the
 * time zone of JSON_PLAIN. */
char *json_write(const ProtobufCMessage *message, unsigned style, int offset_min,
                 struct arena *arena);

/* json_write_tree - the same as an object, which the caller gives back by json_decref. */
struct json_t *json_write_tree(const ProtobufCMessage *message, unsigned style, int offset_min,
                               struct arena *arena);

/* json_values - an object of plain values → a list; how many, or -1 with err set. */
int json_values(struct json_t *object, Wire__Value ***list, struct arena *arena, struct err *err);

/* json_values_plain - and back; json_values_one: one of them. */
struct json_t *json_values_plain(Wire__Value *const *list, size_t count, int offset_min,
                                 struct arena *arena);
struct json_t *json_values_one(const Wire__Value *value, int offset_min, struct arena *arena);

/* json_nearest - of these names, the one that `word` probably means; "" if none is near. */
const char *json_nearest(const char *word, const char *const *names, size_t count);

#endif
