/*
 * keys - who may connect: the key pair of a process, and the list of those it
 * lets in.  Keys are Curve25519, written as 64 hex digits.
 *
 * An allow list is a text file, one line per key, read again on SIGHUP:
 *
 *     # key   who   the methods it may call (exact, "prefix*" or "*")
 *     3f…c1   service:ticketing   shouwen.bus.v1.Bus* shouwen.core.v1.Core/Health
 *     90…7e   tool:cli            *
 *
 * "service:" is another service, known to the core by that name (at most
 * CORE_PEER_MAX - 1 bytes of it); "tool:" carries people's tokens.  A service may
 * have two keys at once, while they are changed.
 */
#ifndef KEYS_H
#define KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/seal.h"

enum {
    KEYS_SIZE = 32,
    KEYS_HEX = 64,
    ALLOW_MAX = 64,
    ALLOW_NAME_MAX = 40,
    ALLOW_METHODS_MAX = 16,
    ALLOW_PATTERN_MAX = 96,
};

struct keys {
    uint8_t public_key[KEYS_SIZE];
    uint8_t secret_key[KEYS_SIZE];
    char public_hex[KEYS_HEX + 1];
};

struct allowed {
    char key[KEYS_HEX + 1];
    char name[ALLOW_NAME_MAX]; /* "ticketing" */
    bool service;
    size_t method_count;
    char methods[ALLOW_METHODS_MAX][ALLOW_PATTERN_MAX];
};

struct allow {
    size_t count;
    struct allowed list[ALLOW_MAX];
};

/* keys_new - a new pair. */
void keys_new(struct keys *keys);

/* keys_make - a new pair, written to a new file that only its owner can read. */
int keys_make(const char *path, struct keys *keys, struct err *err);

/* keys_read - refuses a file that others can read. */
int keys_read(const char *path, struct keys *keys, struct err *err);

/* secrets_make, secrets_read - seal, blind and token keys; the token's secret half only
 * when `signs`.  Equal files for all services but for that half. */
int keys_secrets_write(const char *path, const struct secrets *secrets, bool signs,
                       struct err *err);
int keys_secrets_read(const char *path, struct secrets *secrets, struct err *err);

/* allow_read - -1 with err "file:line: …"; the list is then as it was. */
int allow_read(const char *path, struct allow *allow, struct err *err);

/* allow_find - by key (64 hex digits); NULL: not let in. */
const struct allowed *allow_find(const struct allow *allow, const char *key);

/* allow_service - the first key of a service; NULL: none. */
const struct allowed *allow_service(const struct allow *allow, const char *name);

/* allow_method - may this one call it? */
bool allow_method(const struct allowed *allowed, struct bytes method);

#endif
