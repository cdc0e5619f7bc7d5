/*
 * frame - look into a packed wire.Request without unpacking it, so that the edge
 * can refuse before any work; and pack the edge's own replies.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "shouwen/wire/v1/wire.pb-c.h"

struct frame {
    struct bytes id;
    struct bytes method;
    struct bytes locale;
    struct bytes payload;
};

/* frame_scan - views into `data`; a field said twice counts the last time, as in
 * unpacking.  False: it is no message. */
bool frame_scan(struct bytes data, struct frame *frame);

/* frame_is - is it this method? */
bool frame_is(const struct frame *frame, const char *method);

/* frame_reply - a packed wire.Reply in the arena; message may be NULL. */
struct bytes frame_reply(const struct frame *request, Wire__Code code, const char *rule,
                         const char *message, const ProtobufCMessage *payload, struct arena *arena);

#endif
