#include "base/token.h"

#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "shouwen/wire/v1/token.pb-c.h"

/*
 * version (1) | signature (64) | packed wire.Token.  The signature covers the
 * label, the version and the message, so that nothing else that registry might
 * ever sign can pass for a token.
 */
enum {
    VERSION = 1,
    SIGNATURE_AT = 1,
    BODY_AT = SIGNATURE_AT + crypto_sign_BYTES,
    BODY_MAX = TOKEN_SIZE_MAX - BODY_AT,
};

static const char label[] = "shouwen token";

/* What is signed: label with its '\0', version, message. */
struct signed_text {
    uint8_t data[sizeof label + 1 + BODY_MAX];
    size_t size;
};

static void text_to_sign(struct signed_text *text, const uint8_t *body, size_t size) {
    memcpy(text->data, label, sizeof label);
    text->data[sizeof label] = VERSION;
    memcpy(text->data + sizeof label + 1, body, size);
    text->size = sizeof label + 1 + size;
}

static bool name_fits(const char *name) {
    return strlen(name) <= TOKEN_NAME_MAX;
}

static bool fits(const struct token *token) {
    if (token->role_count > TOKEN_ROLES_MAX || !name_fits(token->staff)
        || !name_fits(token->estate)) {
        return false;
    }
    for (size_t i = 0; i < token->role_count; i++) {
        if (!name_fits(token->roles[i])) {
            return false;
        }
    }
    return true;
}

struct bytes token_sign(const struct secrets *secrets, const struct token *token,
                        struct arena *arena) {
    Wire__Token body = WIRE__TOKEN__INIT;
    const char *roles[TOKEN_ROLES_MAX];
    struct signed_text text;

    if (!fits(token)) {
        return (struct bytes){0};
    }
    for (size_t i = 0; i < token->role_count; i++) {
        roles[i] = token->roles[i];
    }
    body.staff = token->staff;
    body.estate = token->estate;
    body.n_roles = token->role_count;
    body.roles = roles;
    body.generation = token->generation;
    body.from_ms = token->from_ms;
    body.until_ms = token->until_ms;

    size_t size = wire__token__get_packed_size(&body);
    if (size > BODY_MAX) {
        return (struct bytes){0};
    }
    uint8_t *data = arena_alloc(arena, BODY_AT + size);
    data[0] = VERSION;
    (void)wire__token__pack(&body, data + BODY_AT);
    text_to_sign(&text, data + BODY_AT, size);
    seal_init();
    (void)crypto_sign_detached(data + SIGNATURE_AT, NULL, text.data, text.size,
                               secrets->token_secret);
    return (struct bytes){data, BODY_AT + size};
}

static int wrong(struct err *err) {
    return err_set(err, ERR_UNAUTHENTICATED, "token_wrong", "%s", "");
}

/* Even what we signed is looked at: a later version may sign more than this one knows. */
static bool is_sound(const Wire__Token *body) {
    if (body->n_roles > TOKEN_ROLES_MAX || !*body->staff || body->from_ms > body->until_ms
        || text_check(body->staff, strlen(body->staff), TOKEN_NAME_MAX, false)
        || text_check(body->estate, strlen(body->estate), TOKEN_NAME_MAX, false)) {
        return false;
    }
    for (size_t i = 0; i < body->n_roles; i++) {
        if (text_check(body->roles[i], strlen(body->roles[i]), TOKEN_NAME_MAX, false)) {
            return false;
        }
    }
    return true;
}

int token_verify(const struct secrets *secrets, struct bytes data, int64_t now_ms,
                 struct token *token, struct arena *arena, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct signed_text text;

    if (data.size <= BODY_AT || data.size > TOKEN_SIZE_MAX || data.data[0] != VERSION) {
        return wrong(err);
    }
    text_to_sign(&text, data.data + BODY_AT, data.size - BODY_AT);
    seal_init();
    if (crypto_sign_verify_detached(data.data + SIGNATURE_AT, text.data, text.size,
                                    secrets->token_public)) {
        return wrong(err);
    }
    Wire__Token *body = wire__token__unpack(&allocator, data.size - BODY_AT, data.data + BODY_AT);
    if (!body || !is_sound(body)) {
        return wrong(err);
    }
    if (now_ms > body->until_ms) {
        return err_set(err, ERR_UNAUTHENTICATED, "token_expired", "%s", "");
    }
    if (now_ms < body->from_ms - TOKEN_SKEW_MS) {
        return err_set(err, ERR_UNAUTHENTICATED, "token_early", "%s", "");
    }
    *token = (struct token){
        .staff = body->staff,
        .estate = body->estate,
        .roles = body->roles,
        .role_count = body->n_roles,
        .generation = body->generation,
        .from_ms = body->from_ms,
        .until_ms = body->until_ms,
    };
    return 0;
}
