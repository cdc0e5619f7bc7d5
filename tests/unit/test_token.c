/*
 * Tokens: only what registry signed, and only while it lasts.
 */
#include "harness.h"

#include <sodium.h>

#include "base/token.h"

static const int64_t from_ms = INT64_C(1752242400000);
static const int64_t until_ms = INT64_C(1752242400000) + INT64_C(12) * 3600 * 1000;

struct fixture {
    struct arena *arena;
    struct secrets secrets;
    struct bytes token;
};

static const char *const roles[] = {"desk", "keyk"};

static struct token shift(void) {
    return (struct token){
        .staff = "S101",
        .estate = "E01",
        .roles = roles,
        .role_count = 2,
        .generation = 3,
        .from_ms = from_ms,
        .until_ms = until_ms,
    };
}

static struct fixture start(void) {
    struct fixture f = {.arena = arena_new(256 * 1024)};
    struct token token = shift();

    secrets_from_seed(&f.secrets, 1);
    f.token = token_sign(&f.secrets, &token, f.arena);
    CHECK(f.token.size > 0);
    return f;
}

/* The rule it breaks, or "fine". */
static const char *verify(struct fixture *f, struct bytes data, int64_t now_ms) {
    static struct err err;
    struct token token = {0};

    err = (struct err){0};
    if (token_verify(&f->secrets, data, now_ms, &token, f->arena, &err) == 0) {
        return "fine";
    }
    CHECK(err.code == ERR_UNAUTHENTICATED);
    return err.rule;
}

static void a_token_says_who_it_is(void) {
    struct fixture f = start();
    struct token token = {0};
    struct err err = {0};

    CHECK_OK(token_verify(&f.secrets, f.token, from_ms, &token, f.arena, &err), err);
    CHECK_TEXT(token.staff, "S101");
    CHECK_TEXT(token.estate, "E01");
    CHECK(token.role_count == 2);
    CHECK_TEXT(token.roles[1], "keyk");
    CHECK(token.generation == 3 && token.from_ms == from_ms && token.until_ms == until_ms);
    arena_free(f.arena);
}

static void it_lasts_from_its_beginning_through_its_end(void) {
    struct fixture f = start();

    CHECK_TEXT(verify(&f, f.token, from_ms), "fine");
    CHECK_TEXT(verify(&f, f.token, until_ms), "fine");
    CHECK_TEXT(verify(&f, f.token, until_ms + 1), "token_expired");
    CHECK_TEXT(verify(&f, f.token, from_ms - TOKEN_SKEW_MS), "fine");
    CHECK_TEXT(verify(&f, f.token, from_ms - TOKEN_SKEW_MS - 1), "token_early");
    arena_free(f.arena);
}

static void any_changed_byte_makes_it_wrong(void) {
    struct fixture f = start();
    uint8_t *copy = arena_copy(f.arena, f.token.data, f.token.size);

    for (size_t i = 0; i < f.token.size; i++) {
        for (int bit = 0; bit < 8; bit += 7) {
            copy[i] ^= (uint8_t)(1 << bit);
            CHECK_TEXT(verify(&f, (struct bytes){copy, f.token.size}, from_ms), "token_wrong");
            copy[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t size = 0; size < f.token.size; size++) {
        CHECK_TEXT(verify(&f, (struct bytes){copy, size}, from_ms), "token_wrong");
    }
    CHECK_TEXT(verify(&f, (struct bytes){copy, f.token.size}, from_ms), "fine");
    arena_free(f.arena);
}

static void bytes_of_any_size_are_refused(void) {
    struct fixture f = start();
    uint8_t *noise = arena_alloc(f.arena, 4096);

    CHECK_TEXT(verify(&f, (struct bytes){NULL, 0}, from_ms), "token_wrong");
    noise[0] = 1;
    for (size_t size = 0; size <= 4096; size += 64) {
        CHECK_TEXT(verify(&f, (struct bytes){noise, size}, from_ms), "token_wrong");
    }
    arena_free(f.arena);
}

static void a_token_of_another_house_is_wrong(void) {
    struct fixture f = start();
    struct secrets other;
    struct token token = shift();

    secrets_from_seed(&other, 2);
    struct bytes foreign = token_sign(&other, &token, f.arena);
    CHECK_TEXT(verify(&f, foreign, from_ms), "token_wrong");
    arena_free(f.arena);
}

/* The public key alone, as the other services have it, verifies but cannot sign. */
static void the_public_key_is_enough_to_verify_and_not_to_sign(void) {
    struct fixture f = start();
    struct token token = shift();

    memset(f.secrets.token_secret, 0, sizeof f.secrets.token_secret);
    CHECK_TEXT(verify(&f, f.token, from_ms), "fine");
    struct bytes forged = token_sign(&f.secrets, &token, f.arena);
    CHECK_TEXT(verify(&f, forged, from_ms), "token_wrong");
    arena_free(f.arena);
}

/* The signature of a message that is no token does not make it one. */
static void a_signature_for_something_else_does_not_pass(void) {
    struct fixture f = start();
    size_t body = f.token.size - 65;
    uint8_t *data = arena_copy(f.arena, f.token.data, f.token.size);

    CHECK(crypto_sign_detached(data + 1, NULL, data + 65, body, f.secrets.token_secret) == 0);
    CHECK_TEXT(verify(&f, (struct bytes){data, f.token.size}, from_ms), "token_wrong");
    arena_free(f.arena);
}

static void what_breaks_a_limit_is_not_signed(void) {
    struct fixture f = start();
    const char *many[TOKEN_ROLES_MAX + 1];
    struct token token = shift();

    for (size_t i = 0; i <= TOKEN_ROLES_MAX; i++) {
        many[i] = "12345678901234567890123456789012";
    }
    token.roles = many;
    token.role_count = TOKEN_ROLES_MAX;
    struct bytes data = token_sign(&f.secrets, &token, f.arena);
    CHECK(data.size > 0 && data.size <= TOKEN_SIZE_MAX);
    CHECK_TEXT(verify(&f, data, from_ms), "fine");
    token.role_count = TOKEN_ROLES_MAX + 1;
    CHECK(token_sign(&f.secrets, &token, f.arena).size == 0);
    token = shift();
    token.staff = "123456789012345678901234567890123";
    CHECK(token_sign(&f.secrets, &token, f.arena).size == 0);
    token = shift();
    token.estate = "123456789012345678901234567890123";
    CHECK(token_sign(&f.secrets, &token, f.arena).size == 0);
    arena_free(f.arena);
}

static void a_signed_token_without_a_name_or_with_bad_text_is_wrong(void) {
    struct fixture f = start();
    struct token token = shift();

    token.staff = "";
    CHECK_TEXT(verify(&f, token_sign(&f.secrets, &token, f.arena), from_ms), "token_wrong");
    token = shift();
    token.estate = "E\n01";
    CHECK_TEXT(verify(&f, token_sign(&f.secrets, &token, f.arena), from_ms), "token_wrong");
    token = shift();
    token.roles = (const char *const[]){"desk", "\xFF"};
    CHECK_TEXT(verify(&f, token_sign(&f.secrets, &token, f.arena), from_ms), "token_wrong");
    token = shift();
    token.from_ms = token.until_ms + 1;
    CHECK_TEXT(verify(&f, token_sign(&f.secrets, &token, f.arena), from_ms), "token_wrong");
    arena_free(f.arena);
}

static const struct test tests[] = {
    TEST(a_token_says_who_it_is),
    TEST(it_lasts_from_its_beginning_through_its_end),
    TEST(any_changed_byte_makes_it_wrong),
    TEST(bytes_of_any_size_are_refused),
    TEST(a_token_of_another_house_is_wrong),
    TEST(the_public_key_is_enough_to_verify_and_not_to_sign),
    TEST(a_signature_for_something_else_does_not_pass),
    TEST(what_breaks_a_limit_is_not_signed),
    TEST(a_signed_token_without_a_name_or_with_bad_text_is_wrong),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
