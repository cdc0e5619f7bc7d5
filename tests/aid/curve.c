#include "aid/curve.h"

#include <string.h>

#include <sodium.h>

#include "harness.h"

enum {
    FRAME_LONG = 2,
    FRAME_COMMAND = 4,
    SHORT_MAX = 255,
    VERSION_AT = 10,
    MECHANISM_AT = 12,
    HELLO_ZEROS = 72,
    PROOF = 64, /* zero bytes that only who has the key can have closed */
    MAC = crypto_box_MACBYTES,
    NONCE = crypto_box_NONCEBYTES,
    SHORT_NONCE = 8,
    LONG_NONCE = 16,
    VOUCH = 2 * KEYS_SIZE,
    PLAIN_MAX = 512,
};

/* ---- putting bytes one behind the other ---- */

struct pen {
    uint8_t *at;
};

static void put(struct pen *pen, const void *data, size_t size) {
    memcpy(pen->at, data, size);
    pen->at += size;
}

static void put_zeros(struct pen *pen, size_t size) {
    memset(pen->at, 0, size);
    pen->at += size;
}

/* A frame around what has been written to `body`. */
static size_t frame(uint8_t *out, uint8_t flags, const uint8_t *body, size_t size) {
    struct pen pen = {out};

    if (size <= SHORT_MAX) {
        const uint8_t head[] = {flags, (uint8_t)size};
        put(&pen, head, sizeof head);
    } else {
        const uint8_t head[] = {flags | FRAME_LONG, 0, 0, 0, 0, 0, 0, (uint8_t)(size >> 8U),
                                (uint8_t)size};
        put(&pen, head, sizeof head);
    }
    put(&pen, body, size);
    return (size_t)(pen.at - out);
}

/* The next short nonce: to the frame, and with its prefix to `full`. */
static void put_nonce(struct curve *curve, struct pen *pen, const char *prefix,
                      uint8_t full[NONCE]) {
    uint8_t number[SHORT_NONCE];

    curve->nonce++;
    for (size_t i = 0; i < sizeof number; i++) {
        number[i] = (uint8_t)(curve->nonce >> (56U - 8U * i));
    }
    memcpy(full, prefix, LONG_NONCE);
    memcpy(full + LONG_NONCE, number, sizeof number);
    put(pen, number, sizeof number);
}

static void put_box(struct pen *pen, const uint8_t *plain, size_t size, const uint8_t nonce[NONCE],
                    const uint8_t *to, const uint8_t *from) {
    CHECK(crypto_box_easy(pen->at, plain, size, nonce, to, from) == 0);
    pen->at += size + MAC;
}

/* ---- the handshake ---- */

void curve_init(struct curve *curve, const struct keys *mine, const uint8_t server[KEYS_SIZE]) {
    *curve = (struct curve){.mine = *mine};
    memcpy(curve->server, server, KEYS_SIZE);
    (void)crypto_box_keypair(curve->short_public, curve->short_secret);
}

size_t curve_greeting(uint8_t *out) {
    static const uint8_t signature[CURVE_SIGNATURE] = {0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F};

    memset(out, 0, CURVE_GREETING);
    memcpy(out, signature, sizeof signature);
    out[VERSION_AT] = 3;
    memcpy(out + MECHANISM_AT, "CURVE", strlen("CURVE"));
    return CURVE_GREETING;
}

size_t curve_hello(struct curve *curve, uint8_t *out) {
    static const uint8_t version[] = {1, 0};
    static const uint8_t zeros[PROOF];
    uint8_t body[PLAIN_MAX];
    uint8_t nonce[NONCE];
    struct pen pen = {body};

    put(&pen, "\5HELLO", 6);
    put(&pen, version, sizeof version);
    put_zeros(&pen, HELLO_ZEROS);
    put(&pen, curve->short_public, KEYS_SIZE);
    put_nonce(curve, &pen, "CurveZMQHELLO---", nonce);
    put_box(&pen, zeros, sizeof zeros, nonce, curve->server, curve->short_secret);
    return frame(out, FRAME_COMMAND, body, (size_t)(pen.at - body));
}

bool curve_welcome(struct curve *curve, const uint8_t data[CURVE_WELCOME]) {
    static const char name[] = "\7WELCOME";
    const uint8_t *at = data + 2;
    uint8_t nonce[NONCE];
    uint8_t plain[KEYS_SIZE + CURVE_COOKIE];

    if (memcmp(at, name, sizeof name - 1) != 0) {
        return false;
    }
    at += sizeof name - 1;
    memcpy(nonce, "WELCOME-", SHORT_NONCE);
    memcpy(nonce + SHORT_NONCE, at, LONG_NONCE);
    if (crypto_box_open_easy(plain, at + LONG_NONCE, sizeof plain + MAC, nonce, curve->server,
                             curve->short_secret)) {
        return false;
    }
    memcpy(curve->short_server, plain, KEYS_SIZE);
    memcpy(curve->cookie, plain + KEYS_SIZE, CURVE_COOKIE);
    return true;
}

/* "This short key is mine": closed with the long one. */
static void put_vouch(const struct curve *curve, struct pen *pen) {
    uint8_t nonce[NONCE] = "VOUCH---";
    uint8_t plain[VOUCH];

    randombytes_buf(nonce + SHORT_NONCE, LONG_NONCE);
    memcpy(plain, curve->short_public, KEYS_SIZE);
    memcpy(plain + KEYS_SIZE, curve->server, KEYS_SIZE);
    put(pen, nonce + SHORT_NONCE, LONG_NONCE);
    put_box(pen, plain, sizeof plain, nonce, curve->short_server, curve->mine.secret_key);
}

size_t curve_initiate(struct curve *curve, uint8_t *out) {
    static const char about[] = "\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0";
    uint8_t body[PLAIN_MAX];
    uint8_t plain[PLAIN_MAX];
    uint8_t nonce[NONCE];
    struct pen inner = {plain};
    struct pen pen = {body};

    put(&inner, curve->mine.public_key, KEYS_SIZE);
    put_vouch(curve, &inner);
    put(&inner, about, sizeof about); /* its last zero is the last of the size */
    put(&pen, "\10INITIATE", 9);
    put(&pen, curve->cookie, CURVE_COOKIE);
    put_nonce(curve, &pen, "CurveZMQINITIATE", nonce);
    put_box(&pen, plain, (size_t)(inner.at - plain), nonce, curve->short_server,
            curve->short_secret);
    return frame(out, FRAME_COMMAND, body, (size_t)(pen.at - body));
}

size_t curve_message(struct curve *curve, uint8_t flags, struct bytes content, uint8_t *out) {
    uint8_t body[PLAIN_MAX];
    uint8_t plain[PLAIN_MAX];
    uint8_t nonce[NONCE];
    struct pen pen = {body};

    CHECK(content.size < PLAIN_MAX / 2);
    plain[0] = flags;
    memcpy(plain + 1, content.data, content.size);
    put(&pen, "\7MESSAGE", 8);
    put_nonce(curve, &pen, "CurveZMQMESSAGEC", nonce);
    put_box(&pen, plain, content.size + 1, nonce, curve->short_server, curve->short_secret);
    return frame(out, 0, body, (size_t)(pen.at - body));
}
