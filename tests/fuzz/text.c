/* text - the small parsers: UTF-8, times and days, hex, patterns, sentences with {names}. */
#include "base/text.h"

#include <jansson.h>

#include "fuzz.h"
#include "manual/sentence.h"

enum { HEX_MAX = 64, OFFSET_MIN = 480, HEAD_MAX = 40, DAY_SIZE = 16 };

/* jansson decodes UTF-8 by code of its own: the two must agree. */
static void check_utf8(const char *text, size_t size) {
    const char *broken = text_check(text, size, SIZE_MAX, true);
    json_t *other = json_stringn(text, size);

    FUZZ_CHECK(broken || other);
    FUZZ_CHECK(!broken || !text_eq(broken, "text_utf8") || !other);
    FUZZ_CHECK(!broken || text_check(text, size, SIZE_MAX, false));
    FUZZ_CHECK(size == 0 || text_eq(text_check(text, size, size - 1, true), "text_long"));
    json_decref(other);
}

static void check_head(const char *text, struct arena *arena) {
    const char *head = text_head(text, HEAD_MAX, arena);

    FUZZ_CHECK(strlen(head) <= HEAD_MAX && text_starts(text, head));
    FUZZ_CHECK(!fuzz_is_text(text) || fuzz_is_text(head));
}

static void check_time(const char *text, struct arena *arena) {
    int64_t ms = 0, again = 0, day = 0;
    char shown[DAY_SIZE * 4];
    int year = 0, month = 0, mday = 0, weekday = 0;

    if (text_time_read(text, &ms)) {
        /* The year 0000 in the east is the year before it in the west, and 9999 the one after. */
        const char *written = text_time(ms, 0, arena);
        bool four = written[0] != '-' && written[4] == '-';
        FUZZ_CHECK(!four || (text_time_read(written, &again) && again == ms));
        FUZZ_CHECK(*text_time(ms, OFFSET_MIN, arena) && *text_time(ms, -OFFSET_MIN, arena));
    }
    if (text_date_read(text, &day)) {
        text_day_parts(day, &year, &month, &mday, &weekday);
        (void)snprintf(shown, sizeof shown, "%04d-%02d-%02d", year, month, mday);
        FUZZ_CHECK(text_eq(shown, text));
        FUZZ_CHECK(text_day_of(year, month, mday) == day && weekday >= 0 && weekday < 7);
    }
}

static void check_hex(const char *text, struct arena *arena) {
    uint8_t bytes[HEX_MAX];
    const size_t size = strlen(text) / 2;

    if (size <= HEX_MAX && text_unhex(text, bytes, size)) {
        const char *again = text_hex(bytes, size, arena);
        FUZZ_CHECK(strlen(again) == strlen(text));
        for (size_t i = 0; text[i]; i++) {
            FUZZ_CHECK((text[i] | 0x20) == (again[i] | 0x20));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    struct bytes rest = {data, size};
    uint8_t random[10] = {0}, id[16];

    check_utf8(arena_copy(arena, data, size), size);
    const char *text = fuzz_text(&rest, arena);
    const char *second = fuzz_text(&rest, arena);
    check_head(text, arena);
    check_time(text, arena);
    check_hex(text, arena);
    if (text_match(text, second)) {
        FUZZ_CHECK(text_match(text, text_eq(text, "*") ? "" : second));
    }
    FUZZ_CHECK(text_match("*", second) && text_match(second, second) == text_match(second, second));
    /* What stands between the braces is known, or stays as it is. */
    FUZZ_CHECK(text_eq(sentence_fill(text, "", arena), text));
    FUZZ_CHECK(*text == 0 || strlen(sentence_fill(text, second, arena)) < SIZE_MAX);
    struct bytes clock = fuzz_take(&rest, 5);
    memcpy(random, clock.data ? (const void *)clock.data : "", clock.size);
    int64_t ms = (int64_t)random[0] << 32 | (int64_t)random[1] << 24 | (int64_t)random[2] << 16;
    text_uuid7(id, ms, random);
    FUZZ_CHECK(text_uuid7_ms(id) == ms);
    return 0;
}
