/* token - bytes that nobody signed, and signed ones with any body (another version of registry). */
#include "base/token.h"

#include <sodium.h>

#include "base/text.h"
#include "fuzz.h"

enum { VERSION = 1, SIGNED = 1 };

static const int64_t now_ms = INT64_C(1752163200000);

/* As token.c lays it out: version, signature over label, version and body, body. */
static struct bytes sign(const struct secrets *secrets, struct bytes body, struct arena *arena) {
    static const char label[] = "shouwen token";
    uint8_t *text = arena_alloc(arena, sizeof label + 1 + body.size);
    uint8_t *token = arena_alloc(arena, 1 + crypto_sign_BYTES + body.size);

    memcpy(text, label, sizeof label);
    text[sizeof label] = token[0] = VERSION;
    if (body.size > 0) {
        memcpy(text + sizeof label + 1, body.data, body.size);
        memcpy(token + 1 + crypto_sign_BYTES, body.data, body.size);
    }
    (void)crypto_sign_detached(token + 1, NULL, text, sizeof label + 1 + body.size,
                               secrets->token_secret);
    return (struct bytes){token, 1 + crypto_sign_BYTES + body.size};
}

static bool sound(const char *name) {
    return !text_check(name, strlen(name), TOKEN_NAME_MAX, false);
}

static void check_token(const struct secrets *secrets, const struct token *token, struct bytes data,
                        struct arena *arena) {
    struct token again;
    struct err err = {0};

    FUZZ_CHECK(token->staff[0] && sound(token->staff) && sound(token->estate));
    FUZZ_CHECK(token->role_count <= TOKEN_ROLES_MAX && token->until_ms >= now_ms);
    for (size_t i = 0; i < token->role_count; i++) {
        FUZZ_CHECK(sound(token->roles[i]));
    }
    struct bytes made = token_sign(secrets, token, arena);
    FUZZ_CHECK(made.size > 0 && token_verify(secrets, made, now_ms, &again, arena, &err) == 0);
    FUZZ_CHECK(strcmp(again.staff, token->staff) == 0 && again.role_count == token->role_count);
    /* A bit that is another: nobody signed that. */
    uint8_t *changed = arena_copy(arena, data.data, data.size);
    uint8_t *byte = &changed[data.data[1] % data.size];
    *byte = (uint8_t)(*byte ^ 1U << (data.data[2] % 8U));
    FUZZ_CHECK(
        token_verify(secrets, (struct bytes){changed, data.size}, now_ms, &again, arena, &err)
        == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct secrets secrets;
    struct arena *arena = fuzz_arena();
    struct bytes rest = {data, size};
    struct token token;
    struct err err = {0};

    if (!secrets.seal_key[0] && !secrets.seal_key[1]) {
        secrets_from_seed(&secrets, 1);
    }
    bool is_signed = fuzz_byte(&rest) % 2 == SIGNED;
    struct bytes tried = is_signed ? sign(&secrets, rest, arena) : rest;
    if (token_verify(&secrets, tried, now_ms, &token, arena, &err)) {
        fuzz_refused(&err);
        FUZZ_CHECK(err.code == ERR_UNAUTHENTICATED);
        return 0;
    }
    check_token(&secrets, &token, tried, arena);
    return 0;
}
