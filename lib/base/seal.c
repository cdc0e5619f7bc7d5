#include "base/seal.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum {
    VERSION = 1,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    HEAD_SIZE = 1 + NONCE_SIZE,
    BLOCK_SIZE = 32, /* text is padded to whole blocks, so that its length does not show */
    COUNTRY_SIZE = 2,
    MOBILE_SIZE = 11,
    MASK_MIN = 11,
    MASK_HEAD = 3,
    MASK_TAIL = 4,
};

static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SEAL_KEY_SIZE, "one key, one cipher");
static_assert(crypto_sign_PUBLICKEYBYTES == TOKEN_PUBLIC_SIZE, "Ed25519");
static_assert(crypto_sign_SECRETKEYBYTES == TOKEN_SECRET_SIZE, "Ed25519");

void seal_init(void) {
    if (sodium_init() < 0) {
        abort();
    }
}

/* A key for one purpose, made from the one on the disk. */
static void key_for(const uint8_t key[SEAL_KEY_SIZE], const char *purpose,
                    uint8_t made[SEAL_KEY_SIZE]) {
    int rc = crypto_generichash(made, SEAL_KEY_SIZE, (const uint8_t *)purpose, strlen(purpose), key,
                                SEAL_KEY_SIZE);

    assert(rc == 0);
}

void secrets_from_seed(struct secrets *secrets, uint64_t seed) {
    uint8_t root[SEAL_KEY_SIZE] = {0};
    uint8_t sign[crypto_sign_SEEDBYTES];

    seal_init();
    for (size_t i = 0; i < sizeof seed; i++) {
        root[i] = (uint8_t)(seed >> (8 * i));
    }
    key_for(root, "seal", secrets->seal_key);
    key_for(root, "blind", secrets->blind_key);
    key_for(root, "token", sign);
    int rc = crypto_sign_seed_keypair(secrets->token_public, secrets->token_secret, sign);
    assert(rc == 0);
}

/* Nobody can make this nonce without the key, and it differs unless text and
 * context are both equal; then the same bytes come out, which tells no more
 * than that they are equal. */
static void nonce_for(const struct secrets *secrets, const char *context, const char *text,
                      uint8_t nonce[NONCE_SIZE]) {
    crypto_generichash_state state;
    uint8_t key[SEAL_KEY_SIZE];

    key_for(secrets->seal_key, "nonce", key);
    int rc = crypto_generichash_init(&state, key, sizeof key, NONCE_SIZE);
    /* With its final '\0', so that context and text cannot run into each other. */
    rc |= crypto_generichash_update(&state, (const uint8_t *)context, strlen(context) + 1);
    rc |= crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    rc |= crypto_generichash_final(&state, nonce, NONCE_SIZE);
    assert(rc == 0);
    sodium_memzero(key, sizeof key);
}

struct bytes seal_text(const struct secrets *secrets, const char *context, const char *text,
                       struct arena *arena) {
    size_t size = strlen(text);
    size_t padded = (size / BLOCK_SIZE + 1) * BLOCK_SIZE;
    uint8_t *plain = arena_alloc(arena, padded);
    uint8_t *sealed = arena_alloc(arena, HEAD_SIZE + padded + TAG_SIZE);
    uint8_t key[SEAL_KEY_SIZE];

    seal_init();
    memcpy(plain, text, size + 1); /* there is always a zero after it */
    sealed[0] = VERSION;
    nonce_for(secrets, context, text, sealed + 1);
    key_for(secrets->seal_key, "text", key);
    int rc = crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + HEAD_SIZE, NULL, plain, padded,
                                                        (const uint8_t *)context, strlen(context),
                                                        NULL, sealed + 1, key);
    assert(rc == 0);
    sodium_memzero(key, sizeof key);
    sodium_memzero(plain, padded);
    return (struct bytes){sealed, HEAD_SIZE + padded + TAG_SIZE};
}

char *seal_open(const struct secrets *secrets, const char *context, struct bytes sealed,
                struct arena *arena) {
    uint8_t key[SEAL_KEY_SIZE];

    seal_init();
    if (sealed.size < HEAD_SIZE + BLOCK_SIZE + TAG_SIZE || sealed.data[0] != VERSION
        || (sealed.size - HEAD_SIZE - TAG_SIZE) % BLOCK_SIZE != 0) {
        return NULL;
    }
    char *text = arena_alloc(arena, sealed.size - HEAD_SIZE - TAG_SIZE + 1);
    key_for(secrets->seal_key, "text", key);
    int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        (uint8_t *)text, NULL, NULL, sealed.data + HEAD_SIZE, sealed.size - HEAD_SIZE,
        (const uint8_t *)context, strlen(context), sealed.data + 1, key);
    sodium_memzero(key, sizeof key);
    return rc == 0 ? text : NULL;
}

/* ---- numbers ---- */

/* The ASCII digit or upper-case letter that stands at *at, or 0 for anything
 * else; moves behind it.  Full-width digits (U+FF10 to FF19) are digits. */
static char symbol(const char **at) {
    static const char wide[] = "０１２３４５６７８９";
    static const char digits[] = "0123456789";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    enum { WIDE = 3 };
    const char c = **at;

    for (size_t i = 0; i < sizeof digits - 1; i++) {
        if (strncmp(*at, wide + i * WIDE, WIDE) == 0) {
            *at += WIDE;
            return digits[i];
        }
    }
    ++*at;
    if (c >= 'a' && c <= 'z') {
        return letters[c - 'a'];
    }
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    if (!plain) {
        return '\0';
    }
    return c;
}

static bool is_mobile(const char *number) {
    return strlen(number) == MOBILE_SIZE && number[0] == '1' && number[1] >= '3';
}

/* "+86 138 …", "0086138…", "86138…" are the same mobile; "+86 10 …" is "010…". */
static void drop_country(char *number, bool plus) {
    size_t skip = 0;

    if (strncmp(number, "0086", 4) == 0) {
        skip = 4;
    } else if (strncmp(number, "86", COUNTRY_SIZE) == 0
               && (plus || is_mobile(number + COUNTRY_SIZE))) {
        skip = COUNTRY_SIZE;
    } else {
        return;
    }
    if (!is_mobile(number + skip) && number[skip] != '0') {
        number[--skip] = '0';
    }
    memmove(number, number + skip, strlen(number + skip) + 1);
}

void seal_normal(const char *number, char normal[SEAL_NUMBER_SIZE]) {
    bool plus = number[strspn(number, " ")] == '+';
    size_t size = 0;

    memset(normal, 0, SEAL_NUMBER_SIZE);
    for (const char *at = number; *at && size + 1 < SEAL_NUMBER_SIZE;) {
        char c = symbol(&at);
        if (c) {
            normal[size++] = c;
        }
    }
    drop_country(normal, plus);
}

void seal_blind(const struct secrets *secrets, const char *number, uint8_t blind[SEAL_BLIND_SIZE]) {
    char normal[SEAL_NUMBER_SIZE];

    seal_init();
    seal_normal(number, normal);
    int rc = crypto_generichash(blind, SEAL_BLIND_SIZE, (const uint8_t *)normal, strlen(normal),
                                secrets->blind_key, SEAL_KEY_SIZE);
    assert(rc == 0);
    sodium_memzero(normal, sizeof normal);
}

char *seal_mask(const char *number, struct arena *arena) {
    char normal[SEAL_NUMBER_SIZE];

    seal_normal(number, normal);
    size_t size = strlen(normal);
    if (size < MASK_MIN) {
        return arena_text(arena, "****");
    }
    return arena_text(arena, "%.*s****%s", MASK_HEAD, normal, normal + size - MASK_TAIL);
}
