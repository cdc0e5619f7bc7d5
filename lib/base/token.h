/*
 * token - who somebody is, signed by registry (Ed25519), verified by every service
 * itself.  A token lasts a shift.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/seal.h"

struct token {
    const char *staff;
    const char *estate;
    const char *const *roles;
    size_t role_count;
    uint64_t generation; /* of the account; a lower one than the account's is revoked */
    int64_t from_ms;
    int64_t until_ms;
};

/* token_sign - bytes of at most 1 KiB, in the arena. */
struct bytes token_sign(const struct secrets *secrets, const struct token *token,
                        struct arena *arena);

/*
 * token_verify - 0, or -1 with err set to ERR_UNAUTHENTICATED:
 * token_wrong (not ours, or not a token), token_expired, token_early.
 */
int token_verify(const struct secrets *secrets, struct bytes data, int64_t now_ms,
                 struct token *token, struct arena *arena, struct err *err);

#endif
