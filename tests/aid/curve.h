/*
 * curve - a ZMTP 3 peer by hand, as far as a stranger gets: its greeting, and the four
 * messages of a CURVE handshake (rfc 23, rfc 26), so that a test can send each of
 * them wrongly.  Each function writes one thing to `out` and returns its size.
 */
#ifndef CURVE_H
#define CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "host/keys.h"

enum {
    CURVE_SIGNATURE = 10, /* what every ZMTP peer begins with */
    CURVE_GREETING = 64,
    CURVE_WELCOME = 170, /* a frame: flags, size, 168 bytes */
    CURVE_COOKIE = 96,
    CURVE_OUT_MAX = 1024,
};

struct curve {
    uint8_t server[KEYS_SIZE]; /* whom we want to talk to */
    struct keys mine;
    uint8_t short_public[KEYS_SIZE];
    uint8_t short_secret[KEYS_SIZE];
    uint8_t short_server[KEYS_SIZE]; /* from its WELCOME */
    uint8_t cookie[CURVE_COOKIE];
    uint64_t nonce;
};

void curve_init(struct curve *curve, const struct keys *mine, const uint8_t server[KEYS_SIZE]);

size_t curve_greeting(uint8_t *out);
size_t curve_hello(struct curve *curve, uint8_t *out);

/* curve_welcome - read the server's frame; false: it is none for us. */
bool curve_welcome(struct curve *curve, const uint8_t frame[CURVE_WELCOME]);

/* curve_initiate - "I am this key, and a DEALER". */
size_t curve_initiate(struct curve *curve, uint8_t *out);

/* curve_message - one part; `flags` 1: more follow.  At most 200 bytes. */
size_t curve_message(struct curve *curve, uint8_t flags, struct bytes body, uint8_t *out);

#endif
