#include "host/frame.h"

#include <string.h>

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
    TYPE_BITS = 3,
    TYPE_MASK = 7,
    VARINT_MAX = 10,
    VARINT_BITS = 7,
    VARINT_MASK = 0x7F,
    VARINT_MORE = 0x80,
    FIXED64_SIZE = 8,
    FIXED32_SIZE = 4,
    FIELD_ID = 1,
    FIELD_METHOD = 2,
    FIELD_LOCALE = 6,
    FIELD_PAYLOAD = 7,
};

static bool varint(struct bytes *rest, uint64_t *value) {
    *value = 0;
    for (unsigned i = 0; i < VARINT_MAX && rest->size > 0; i++) {
        uint8_t byte = *rest->data;
        rest->data++;
        rest->size--;
        *value |= (uint64_t)(byte & VARINT_MASK) << (i * VARINT_BITS);
        if (!(byte & VARINT_MORE)) {
            return true;
        }
    }
    return false;
}

static bool take(struct bytes *rest, uint64_t size, struct bytes *taken) {
    if (size > rest->size) {
        return false;
    }
    *taken = (struct bytes){rest->data, (size_t)size};
    rest->data += size;
    rest->size -= (size_t)size;
    return true;
}

static void note(struct frame *frame, uint64_t field, struct bytes value) {
    switch (field) {
    case FIELD_ID:
        frame->id = value;
        break;
    case FIELD_METHOD:
        frame->method = value;
        break;
    case FIELD_LOCALE:
        frame->locale = value;
        break;
    case FIELD_PAYLOAD:
        frame->payload = value;
        break;
    default:
        break;
    }
}

bool frame_scan(struct bytes data, struct frame *frame) {
    memset(frame, 0, sizeof *frame);
    while (data.size > 0) {
        uint64_t tag = 0;
        uint64_t size = 0;
        struct bytes value = {NULL, 0};
        if (!varint(&data, &tag) || tag >> TYPE_BITS == 0) {
            return false;
        }
        bool fine = false;
        switch (tag & TYPE_MASK) {
        case WIRE_VARINT:
            fine = varint(&data, &size);
            break;
        case WIRE_FIXED64:
            fine = take(&data, FIXED64_SIZE, &value);
            break;
        case WIRE_FIXED32:
            fine = take(&data, FIXED32_SIZE, &value);
            break;
        case WIRE_BYTES:
            fine = varint(&data, &size) && take(&data, size, &value);
            if (fine) {
                note(frame, tag >> TYPE_BITS, value);
            }
            break;
        default:
            break;
        }
        if (!fine) {
            return false;
        }
    }
    return true;
}

bool frame_is(const struct frame *frame, const char *method) {
    return frame->method.size == strlen(method)
           && memcmp(frame->method.data, method, frame->method.size) == 0;
}

struct bytes frame_reply(const struct frame *request, Wire__Code code, const char *rule,
                         const char *message, const ProtobufCMessage *payload,
                         struct arena *arena) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id.data = request->id.size > 0 ? arena_copy(arena, request->id.data, request->id.size)
                                         : NULL;
    reply.id.len = request->id.size;
    reply.code = code;
    reply.rule = rule ? rule : "";
    reply.message = message ? message : "";
    if (payload) {
        reply.payload.len = protobuf_c_message_get_packed_size(payload);
        reply.payload.data = arena_alloc(arena, reply.payload.len + 1);
        (void)protobuf_c_message_pack(payload, reply.payload.data);
    }
    size_t size = wire__reply__get_packed_size(&reply);
    uint8_t *data = arena_alloc(arena, size + 1);
    (void)wire__reply__pack(&reply, data);
    return (struct bytes){data, size};
}
