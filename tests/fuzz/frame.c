/* frame - looking into a request without unpacking it must see what unpacking sees. */
#include "host/frame.h"

#include "fuzz.h"

static bool sees(struct bytes view, ProtobufCBinaryData field) {
    return fuzz_same(view, (struct bytes){field.data, field.len});
}

/* A text ends at its first byte 0; the view has all of it. */
static bool sees_text(struct bytes view, const char *text) {
    const size_t length = strlen(text);

    return length <= view.size && (length == 0 || memcmp(view.data, text, length) == 0)
           && (length == view.size || view.data[length] == 0);
}

static void check_reply(const struct frame *frame, const Wire__Request *request,
                        struct arena *arena) {
    struct bytes packed = frame_reply(frame, WIRE__CODE__UNAVAILABLE, "queue_full", "full",
                                      request ? &request->base : NULL, arena);
    Wire__Reply *reply = wire__reply__unpack(NULL, packed.size, packed.data);

    FUZZ_CHECK(reply && sees(frame->id, reply->id));
    FUZZ_CHECK(reply->code == WIRE__CODE__UNAVAILABLE && strcmp(reply->rule, "queue_full") == 0);
    FUZZ_CHECK(!request || wire__request__get_packed_size(request) == reply->payload.len);
    wire__reply__free_unpacked(reply, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    ProtobufCAllocator allocator = arena_protobuf(arena);
    const struct bytes bytes = {data, size};
    struct frame frame;
    bool scanned = frame_scan(bytes, &frame);
    Wire__Request *request = wire__request__unpack(&allocator, size, data);

    if (request) {
        FUZZ_CHECK(scanned);
        FUZZ_CHECK(sees(frame.id, request->id) && sees(frame.payload, request->payload));
        FUZZ_CHECK(sees_text(frame.method, request->method));
        FUZZ_CHECK(sees_text(frame.locale, request->locale));
        FUZZ_CHECK(!*request->method
                   || frame_is(&frame, request->method)
                          == (frame.method.size == strlen(request->method)));
    }
    if (scanned) {
        check_reply(&frame, request, arena);
    }
    return 0;
}
