/* seal - sealed values that nobody sealed, and phone numbers however they are written. */
#include "base/seal.h"

#include "fuzz.h"

enum { WAYS = 3 };

static const char context[] = "person:P00001:phone";

static void open_raw(const struct secrets *secrets, struct bytes data, struct arena *arena) {
    FUZZ_CHECK(!seal_open(secrets, context, data, arena)); /* who has no key makes none */
}

static void seal_and_open(const struct secrets *secrets, struct bytes data, struct arena *arena) {
    const char *text = fuzz_text(&data, arena);
    struct bytes sealed = seal_text(secrets, context, text, arena);
    const char *opened = seal_open(secrets, context, sealed, arena);

    FUZZ_CHECK(opened && strcmp(opened, text) == 0);
    FUZZ_CHECK(!seal_open(secrets, "person:P00002:phone", sealed, arena));
    uint8_t *changed = arena_copy(arena, sealed.data, sealed.size);
    changed[(fuzz_byte(&data) | (unsigned)fuzz_byte(&data) << 8U) % sealed.size] ^= 1;
    FUZZ_CHECK(!seal_open(secrets, context, (struct bytes){changed, sealed.size}, arena));
    FUZZ_CHECK(!seal_open(secrets, context, (struct bytes){sealed.data, sealed.size - 1}, arena));
}

/* Equal numbers have an equal index, and a mask shows seven signs at most. */
static void number(const struct secrets *secrets, struct bytes data, struct arena *arena) {
    const char *text = fuzz_text(&data, arena);
    char normal[SEAL_NUMBER_SIZE];
    uint8_t blind[SEAL_BLIND_SIZE], spaced[SEAL_BLIND_SIZE];

    seal_normal(text, normal);
    FUZZ_CHECK(strlen(normal) < SEAL_NUMBER_SIZE);
    FUZZ_CHECK(strspn(normal, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(normal));
    seal_blind(secrets, text, blind);
    seal_blind(secrets, arena_text(arena, "%s -", text), spaced);
    FUZZ_CHECK(memcmp(blind, spaced, sizeof blind) == 0);
    const char *mask = seal_mask(text, arena);
    FUZZ_CHECK(strstr(mask, "****") && strlen(mask) <= 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct secrets secrets;
    struct arena *arena = fuzz_arena();
    struct bytes rest = {data, size};

    if (!secrets.seal_key[0] && !secrets.seal_key[1]) {
        secrets_from_seed(&secrets, 1);
    }
    switch (fuzz_byte(&rest) % WAYS) {
    case 0:
        open_raw(&secrets, rest, arena);
        break;
    case 1:
        seal_and_open(&secrets, rest, arena);
        break;
    default:
        number(&secrets, rest, arena);
        break;
    }
    return 0;
}
