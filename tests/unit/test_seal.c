/*
 * Sealing: what is sealed opens with the same key and context and no other, and
 * does not show the number.
 */
#include "harness.h"

#include "base/seal.h"

static const char phone[] = "13800000037";
static const char context[] = "person:P00001:phone";

struct fixture {
    struct arena *arena;
    struct secrets secrets;
};

static struct fixture start(void) {
    struct fixture f = {.arena = arena_new(64 * 1024)};

    secrets_from_seed(&f.secrets, 1);
    return f;
}

static void what_is_sealed_opens_again(void) {
    struct fixture f = start();
    static const char *const texts[] = {
        "",
        "1",
        phone,
        "0123456789012345678901234567890",
        "01234567890123456789012345678901",
        "孙先生的身份证 110101199001011234",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bytes sealed = seal_text(&f.secrets, context, texts[i], f.arena);
        CHECK_TEXT(seal_open(&f.secrets, context, sealed, f.arena), texts[i]);
    }
    arena_free(f.arena);
}

static void another_context_or_key_does_not_open_it(void) {
    struct fixture f = start();
    struct secrets other;
    struct bytes sealed = seal_text(&f.secrets, context, phone, f.arena);

    secrets_from_seed(&other, 2);
    CHECK(!seal_open(&f.secrets, "person:P00002:phone", sealed, f.arena));
    CHECK(!seal_open(&f.secrets, "", sealed, f.arena));
    CHECK(!seal_open(&other, context, sealed, f.arena));
    arena_free(f.arena);
}

static void a_changed_byte_or_length_does_not_open(void) {
    struct fixture f = start();
    struct bytes sealed = seal_text(&f.secrets, context, phone, f.arena);
    uint8_t *copy = arena_copy(f.arena, sealed.data, sealed.size);

    for (size_t i = 0; i < sealed.size; i++) {
        copy[i] ^= 0x10;
        CHECK(!seal_open(&f.secrets, context, (struct bytes){copy, sealed.size}, f.arena));
        copy[i] ^= 0x10;
    }
    for (size_t size = 0; size < sealed.size; size++) {
        CHECK(!seal_open(&f.secrets, context, (struct bytes){copy, size}, f.arena));
    }
    CHECK(seal_open(&f.secrets, context, (struct bytes){copy, sealed.size}, f.arena));
    arena_free(f.arena);
}

static void equal_text_in_an_equal_context_gives_equal_bytes_and_else_not(void) {
    struct fixture f = start();
    struct bytes a = seal_text(&f.secrets, context, phone, f.arena);
    struct bytes b = seal_text(&f.secrets, context, phone, f.arena);
    struct bytes c = seal_text(&f.secrets, "person:P00002:phone", phone, f.arena);
    struct bytes d = seal_text(&f.secrets, context, "13800000038", f.arena);

    CHECK(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    CHECK(memcmp(a.data + 1, c.data + 1, 24) != 0);
    CHECK(memcmp(a.data + 1, d.data + 1, 24) != 0);
    /* Context and text cannot run into each other. */
    struct bytes e = seal_text(&f.secrets, "ab", "c", f.arena);
    struct bytes g = seal_text(&f.secrets, "a", "bc", f.arena);
    CHECK(memcmp(e.data + 1, g.data + 1, 24) != 0);
    arena_free(f.arena);
}

static void sealed_bytes_show_neither_number_nor_its_length(void) {
    struct fixture f = start();
    struct bytes sealed = seal_text(&f.secrets, context, phone, f.arena);
    struct bytes shorter = seal_text(&f.secrets, context, "1", f.arena);

    CHECK(!memmem(sealed.data, sealed.size, phone, 6));
    CHECK(sealed.size == shorter.size);
    arena_free(f.arena);
}

static void equal_numbers_have_equal_indexes_however_they_are_written(void) {
    struct fixture f = start();
    static const char *const same[][6] = {
        {phone, "138 0000 0037", "138-0000-0037", "+86 13800000037", "008613800000037",
         "8613800000037"},
        {"010-62345678", "(010)62345678", "+86 10 6234 5678", "0086-10-62345678",
         "\xEF\xBC\x90\xEF\xBC\x91\xEF\xBC\x90 62345678", "010 6234 5678"},
        {"11010119900101123x", "11010119900101123X", "110101 19900101 123X", "110101-19900101-123x",
         " 11010119900101123X ", "11010119900101123x"},
    };

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        uint8_t first[SEAL_BLIND_SIZE], blind[SEAL_BLIND_SIZE];
        seal_blind(&f.secrets, same[i][0], first);
        for (size_t j = 1; j < 6; j++) {
            seal_blind(&f.secrets, same[i][j], blind);
            CHECK(memcmp(first, blind, sizeof blind) == 0);
        }
    }
    arena_free(f.arena);
}

static void other_numbers_and_keys_have_other_indexes(void) {
    struct fixture f = start();
    struct secrets other;
    uint8_t a[SEAL_BLIND_SIZE], b[SEAL_BLIND_SIZE];

    secrets_from_seed(&other, 2);
    seal_blind(&f.secrets, phone, a);
    seal_blind(&f.secrets, "13800000038", b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    seal_blind(&other, phone, b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    /* An eight-digit number that begins like the country's code is no mobile. */
    seal_blind(&f.secrets, "86345678", a);
    seal_blind(&f.secrets, "345678", b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    arena_free(f.arena);
}

static void a_very_long_number_is_cut_and_safe(void) {
    struct fixture f = start();
    char number[4096];
    char normal[SEAL_NUMBER_SIZE];
    uint8_t blind[SEAL_BLIND_SIZE];

    memset(number, '7', sizeof number - 1);
    number[sizeof number - 1] = '\0';
    seal_normal(number, normal);
    CHECK(strlen(normal) == SEAL_NUMBER_SIZE - 1);
    seal_blind(&f.secrets, number, blind);
    CHECK_TEXT(seal_mask(number, f.arena), "777****7777");
    seal_normal("0086", normal);
    CHECK_TEXT(normal, "0");
    arena_free(f.arena);
}

static void a_mask_shows_three_and_four(void) {
    struct fixture f = start();

    CHECK_TEXT(seal_mask(phone, f.arena), "138****0037");
    CHECK_TEXT(seal_mask("+86 138-0000-0037", f.arena), "138****0037");
    CHECK_TEXT(seal_mask("110101199001011234", f.arena), "110****1234");
    CHECK_TEXT(seal_mask("62345678", f.arena), "****");
    CHECK_TEXT(seal_mask("", f.arena), "****");
    arena_free(f.arena);
}

static const struct test tests[] = {
    TEST(what_is_sealed_opens_again),
    TEST(another_context_or_key_does_not_open_it),
    TEST(a_changed_byte_or_length_does_not_open),
    TEST(equal_text_in_an_equal_context_gives_equal_bytes_and_else_not),
    TEST(sealed_bytes_show_neither_number_nor_its_length),
    TEST(equal_numbers_have_equal_indexes_however_they_are_written),
    TEST(other_numbers_and_keys_have_other_indexes),
    TEST(a_very_long_number_is_cut_and_safe),
    TEST(a_mask_shows_three_and_four),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
