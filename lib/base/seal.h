/*
 * seal - phones and ID numbers, encrypted before they are stored or sent.
 *
 * XChaCha20-Poly1305 with a nonce derived from the text and its context (a
 * synthetic IV), so that sealing needs no randomness: equal text in an equal
 * context gives equal bytes, and nothing else can be told from them.  The blind
 * index (keyed BLAKE2b of the normalised number) finds equal numbers without
 * opening any.  Keys: libsodium, `shouwen up` makes them (0600).
 */
#ifndef SEAL_H
#define SEAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    SEAL_KEY_SIZE = 32,
    SEAL_BLIND_SIZE = 16,
    SEAL_NUMBER_SIZE = 64, /* room for a number in its normal form; what is longer is cut */
    TOKEN_PUBLIC_SIZE = 32,
    TOKEN_SECRET_SIZE = 64,
};

struct secrets {
    uint8_t seal_key[SEAL_KEY_SIZE];
    uint8_t blind_key[SEAL_KEY_SIZE];
    uint8_t token_public[TOKEN_PUBLIC_SIZE];
    uint8_t token_secret[TOKEN_SECRET_SIZE]; /* all zero but in registry */
};

/* seal_init - make libsodium ready.  Every function here does so itself; again is fine. */
void seal_init(void);

/* secrets_from_seed - a whole set from a number, for tests and rehearsals. */
void secrets_from_seed(struct secrets *secrets, uint64_t seed);

/* seal_text - `context` is where it stands ("person:P00001:phone"); the same opens it. */
struct bytes seal_text(const struct secrets *secrets, const char *context, const char *text,
                       struct arena *arena);

/* seal_open - the text; or NULL when it was not sealed with this key and context. */
char *seal_open(const struct secrets *secrets, const char *context, struct bytes sealed,
                struct arena *arena);

/*
 * seal_normal - a number as it is compared: digits and upper-case letters only, no
 * country code of China ("+86 138-0000-0000" is "13800000000", "+86 10 …" is "010…").
 */
void seal_normal(const char *number, char normal[SEAL_NUMBER_SIZE]);

/* seal_blind - 16 bytes, equal for equal numbers however they are written. */
void seal_blind(const struct secrets *secrets, const char *number, uint8_t blind[SEAL_BLIND_SIZE]);

/* seal_mask - "138****5678"; short ones become "****". */
char *seal_mask(const char *number, struct arena *arena);

#endif
