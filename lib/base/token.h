/*
 * token - who somebody is, signed by registry (Ed25519), verified by every service
 * itself.  A token lasts a shift.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/seal.h"

enum {
    TOKEN_SIZE_MAX = 1024,
    TOKEN_ROLES_MAX = 16,
    TOKEN_NAME_MAX = 32,       /* bytes of a staff number, an estate, a role */
    TOKEN_SKEW_MS = 60 * 1000, /* how far the verifier's clock may be behind registry's */
};

struct token {
    const char *staff;
    const char *estate;
    const char *const *roles;
    size_t role_count;
    uint64_t generation; /* of the account; a lower one than the account's is revoked */
    int64_t from_ms;
    int64_t until_ms;
};

/* token_sign - bytes of at most 1 KiB, in the arena; none when a limit above is broken. */
struct bytes token_sign(const struct secrets *secrets, const struct token *token,
                        struct arena *arena);

/*
 * token_verify - 0, or -1 with err set to ERR_UNAUTHENTICATED:
 * token_wrong (not ours, or not a token), token_expired, token_early.
 * At the limit is in time: it still holds at until_ms.
 */
int token_verify(const struct secrets *secrets, struct bytes data, int64_t now_ms,
                 struct token *token, struct arena *arena, struct err *err);

#endif
