/*
 * streams - strangers at a TCP port, very many of them: bytes of no meaning, greetings
 * that end or are wrong, handshakes with one false step, keys that are on no list, right
 * keys with frames that are none, and peers that say nothing or a byte now and then.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "host/keys.h"

enum stream_kind {
    STREAM_NOTHING,      /* comes and goes */
    STREAM_NOISE,        /* random bytes */
    STREAM_SIGNATURE,    /* says that it is ZMTP, then random bytes */
    STREAM_GREETING_CUT, /* goes away in the middle of it */
    STREAM_GREETING_BAD, /* some bytes of it changed */
    STREAM_FRAME_HUGE,   /* a greeting, then a frame of up to 2^63 bytes */
    STREAM_HELLO_BAD,    /* random bytes of the right size */
    STREAM_HELLO_CUT,    /* goes away in the middle of it */
    STREAM_INITIATE_BAD, /* a right HELLO, and some bytes of INITIATE changed */
    STREAM_INITIATE_CUT, /* the same, and goes away */
    STREAM_STRANGER,     /* all is right but the key */
    STREAM_FRAMES_BAD,   /* a right key, then frames and messages that are none */
    STREAM_HALF_OPEN,    /* nothing, until it is thrown out */
    STREAM_DRIBBLE,      /* a greeting, byte by byte, until it is thrown out */
    STREAM_KINDS,
};

extern const char *const stream_names[STREAM_KINDS];

enum { STREAMS_AT_ONCE_MAX = 300 };

struct stream_orders {
    int port; /* on 127.0.0.1 */
    uint8_t server[KEYS_SIZE];
    struct keys known; /* a key that is let in */
    size_t count, at_once;
    uint64_t seed; /* the kinds, lengths and places; keys are new each time */
};

struct stream_counts {
    size_t begun[STREAM_KINDS];
    size_t hung_up[STREAM_KINDS]; /* by the service; the others went by themselves */
    size_t shook_hands;           /* of them with the known key: it was let in */
    size_t strangers_in;          /* of them without: must stay 0 */
    size_t welcomed;              /* came as far as the service's WELCOME */
};

/* streams_run - all of them, many at once; returns when the last has ended. */
void streams_run(const struct stream_orders *orders, struct stream_counts *counts);

/* stream_open - one connection to the port, not waiting; stream_close - without TIME_WAIT, so
 * that ports do not run out. */
int stream_open(int port);
void stream_close(int fd);

#endif
