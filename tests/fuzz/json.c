/* json - any text for any message of the contract; what was taken in comes back the same. */
#include "base/json.h"

#include <jansson.h>

#include "fuzz.h"
#include "host/methods.h"

enum { TYPES_MAX = 512, PACKED = 0x80, OFFSET_MIN = 480, NAME_MAX_BYTES = 200 };

static const ProtobufCMessageDescriptor *types[TYPES_MAX];
static size_t type_count;

static void list_types(struct arena *arena) {
    struct methods_walk walk = {0};
    struct methods_found found;

    while (type_count == 0 || type_count + 2 <= TYPES_MAX) {
        if (!methods_next(&walk, &found, arena)) {
            break;
        }
        types[type_count++] = found.method->input;
        types[type_count++] = found.method->output;
    }
}

/* As people get it: always JSON, whatever stands in the message. */
static void write_all(const ProtobufCMessage *message, struct arena *arena) {
    static const unsigned styles[] = {JSON_ONE_LINE, JSON_PRETTY, JSON_PLAIN | JSON_PRETTY};

    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        const char *text = json_write(message, styles[i], OFFSET_MIN, arena);
        json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        FUZZ_CHECK(tree);
        json_decref(tree);
    }
}

static void check_same(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *message,
                       struct arena *arena) {
    struct err err = {0};
    const char *text = json_write(message, JSON_ONE_LINE, OFFSET_MIN, arena);
    ProtobufCMessage *again = NULL;

    if (strlen(text) > JSON_SIZE_MAX) {
        return; /* escapes make it longer than it was */
    }
    again = json_read(type, text, strlen(text), arena, &err);
    FUZZ_CHECK(again);
    FUZZ_CHECK(fuzz_same(fuzz_packed(message, arena), fuzz_packed(again, arena)));
}

static void find_method(struct bytes text, struct arena *arena) {
    struct methods_found found;
    struct err err = {0};
    const char *name = fuzz_text(&text, arena);

    if (strlen(name) > NAME_MAX_BYTES || !fuzz_is_text(name)) {
        return;
    }
    if (methods_find(name, &found, arena, &err)) {
        fuzz_refused(&err);
        return;
    }
    FUZZ_CHECK(methods_find(found.full, &found, arena, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct bytes rest = {data, size};
    struct err err = {0};

    if (type_count == 0) {
        list_types(arena);
    }
    const unsigned how = fuzz_byte(&rest);
    const ProtobufCMessageDescriptor *type = types[(how & ~(unsigned)PACKED) % type_count];
    if (how & PACKED) {
        ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, rest.size,
                                                              rest.data);
        if (message) {
            write_all(message, arena);
        }
        return 0;
    }
    find_method(rest, arena);
    ProtobufCMessage *message = json_read(type, (const char *)rest.data, rest.size, arena, &err);
    if (!message) {
        fuzz_refused(&err);
        return 0;
    }
    write_all(message, arena);
    check_same(type, message, arena);
    return 0;
}
