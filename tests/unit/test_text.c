/*
 * Text at the door, ids, and times as people write them.
 */
#include "harness.h"

#include "base/err.h"
#include "base/text.h"

static const char *checked(const char *text, size_t max, bool lines) {
    const char *rule = text_check(text, strlen(text), max, lines);

    return rule ? rule : "fine";
}

static void good_text_passes(void) {
    static const char *const good[] = {
        "",
        "abc",
        "厨房水管爆裂",
        "é",
        "\xF0\x9F\x94\x91",
        "\xF4\x8F\xBF\xBF",
        "\xEE\x80\x80",
        "\xED\x9F\xBF",
        "\xC2\xA0",
        "~ \"'\\",
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_TEXT(checked(good[i], 100, false), "fine");
    }
}

static void bytes_that_are_no_utf8_are_refused(void) {
    static const char *const bad[] = {
        "\x80",             /* a middle byte alone */
        "\xC2",             /* cut off */
        "\xE4\xBD",         /* cut off */
        "\xC0\xAF",         /* overlong / */
        "\xC1\xBF",         /* overlong */
        "\xE0\x9F\xBF",     /* overlong */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xED\xA0\x80",     /* surrogate */
        "\xED\xBF\xBF",     /* surrogate */
        "\xF4\x90\x80\x80", /* beyond Unicode */
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "a\xE4\xBD\x61",
        "\xC4\xE3\xBA\xC3", /* 你好 in GBK */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_TEXT(checked(bad[i], 100, true), "text_utf8");
    }
}

static void control_characters_are_refused(void) {
    static const char *const bad[] = {"\x01", "a\tb", "a\rb", "\x1B[2J", "\x7F", "\xC2\x85"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_TEXT(checked(bad[i], 100, true), "text_control");
    }
    CHECK_TEXT(text_check("a\0b", 3, 100, true), "text_control");
    CHECK_TEXT(checked("a\nb", 100, false), "text_control");
    CHECK_TEXT(checked("a\nb", 100, true), "fine");
}

static void a_text_may_be_as_long_as_its_limit(void) {
    CHECK_TEXT(checked("12345", 5, false), "fine");
    CHECK_TEXT(checked("123456", 5, false), "text_long");
    CHECK_TEXT(checked("厨房", 5, false), "text_long");
}

static void patterns_match_whole_words(void) {
    CHECK(text_match("*", "anything.at.all"));
    CHECK(text_match("clock.over", "clock.over"));
    CHECK(!text_match("clock.over", "clock.overdue"));
    CHECK(text_match("clock.*", "clock.over"));
    CHECK(text_match("clock.*", "clock.over.again"));
    CHECK(!text_match("clock.*", "clock"));
    CHECK(!text_match("clock.*", "clock."));
    CHECK(!text_match("clock.*", "clocks.over"));
    CHECK(!text_match("", "clock"));
    CHECK(text_starts("hold.taken", "hold.") && !text_starts("ho", "hold"));
}

static void a_uuid7_holds_its_time(void) {
    const uint8_t random[10] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint8_t id[16], later[16];

    text_uuid7(id, INT64_C(0x017F22E279B0), random);
    CHECK(text_uuid7_ms(id) == INT64_C(0x017F22E279B0));
    CHECK(id[0] == 0x01 && id[1] == 0x7F && id[5] == 0xB0);
    CHECK(id[6] >> 4 == 7 && id[8] >> 6 == 2);
    text_uuid7(later, INT64_C(0x017F22E279B1), (const uint8_t[10]){0});
    CHECK(memcmp(id, later, sizeof id) < 0);
}

static void hex_goes_there_and_back(void) {
    struct arena *arena = arena_new(1024);
    const uint8_t data[] = {0x00, 0x0F, 0xA5, 0xFF};
    uint8_t back[4];

    CHECK_TEXT(text_hex(data, sizeof data, arena), "000fa5ff");
    CHECK(text_unhex("000fA5fF", back, sizeof back));
    CHECK(memcmp(data, back, sizeof data) == 0);
    CHECK(!text_unhex("000fa5f", back, sizeof back));
    CHECK(!text_unhex("000fa5ff0", back, sizeof back));
    CHECK(!text_unhex("000fa5fg", back, sizeof back));
    CHECK_TEXT(text_hex("", 0, arena), "");
    arena_free(arena);
}

static void days_and_their_parts_agree_over_eight_centuries(void) {
    int64_t from = text_day_of(1600, 1, 1);
    int64_t to = text_day_of(2400, 12, 31);
    int year_before = 1599, weekday_before = 5; /* 1599-12-31 was a Friday */

    CHECK(text_day_of(1970, 1, 1) == 0);
    CHECK(text_day_of(2000, 3, 1) == 11017);
    for (int64_t day = from; day <= to; day++) {
        int year = 0, month = 0, mday = 0, weekday = 0;
        text_day_parts(day, &year, &month, &mday, &weekday);
        CHECK(text_day_of(year, month, mday) == day);
        CHECK(year == year_before || (year == year_before + 1 && month == 1 && mday == 1));
        CHECK(weekday == (weekday_before + 1) % 7);
        year_before = year;
        weekday_before = weekday;
    }
}

static void a_local_day_begins_at_local_midnight(void) {
    int64_t midnight = 0;

    CHECK(text_time_read("2025-07-11T00:00:00+08:00", &midnight));
    CHECK(text_day(midnight, 480) == text_day_of(2025, 7, 11));
    CHECK(text_day(midnight - 1, 480) == text_day_of(2025, 7, 10));
    CHECK(text_day(midnight, 0) == text_day_of(2025, 7, 10));
    CHECK(text_day(-1, 0) == -1 && text_day(0, 0) == 0);
}

static void a_time_is_written_as_it_is_read(void) {
    struct arena *arena = arena_new(4096);
    static const struct {
        const char *text;
        int offset_min;
    } times[] = {
        {"2025-07-11T22:14:00+08:00", 480}, {"2025-07-11T22:14:00.007+08:00", 480},
        {"1969-12-31T23:59:59.999Z", 0},    {"2024-02-29T00:00:00-03:30", -210},
        {"2000-02-29T12:00:00+05:45", 345},
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t ms = 0;
        CHECK(text_time_read(times[i].text, &ms));
        CHECK_TEXT(text_time(ms, times[i].offset_min, arena), times[i].text);
    }
    arena_free(arena);
}

static void any_number_can_be_written_as_a_time(void) {
    struct arena *arena = arena_new(4096);

    CHECK_TEXT(text_time(INT64_MAX, 480, arena), "292278994-08-17T15:12:55.807+08:00");
    CHECK_TEXT(text_time(INT64_MIN, -480, arena), "-292275055-05-16T08:47:04.192-08:00");
    CHECK(text_day(INT64_MAX, 480) > 0 && text_day(INT64_MIN, -480) < 0);
    CHECK(!text_time_fits(INT64_MAX) && !text_time_fits(INT64_MIN));
    CHECK(text_time_fits(0) && text_time_fits(-1) && text_time_fits(INT64_C(253370764799999)));
    CHECK(!text_time_fits(INT64_C(253370764800000)) && !text_time_fits(INT64_C(-62135596800001)));
    arena_free(arena);
}

static void times_are_read_exactly(void) {
    int64_t ms = 0;

    CHECK(text_time_read("1970-01-01T00:00:00Z", &ms) && ms == 0);
    CHECK(text_time_read("1970-01-01t08:00:01.5+08:00", &ms) && ms == 1500);
    CHECK(text_time_read("1970-01-01T00:00:00.123456789z", &ms) && ms == 123);
    CHECK(text_time_read("2001-09-09T01:46:40Z", &ms) && ms == INT64_C(1000000000000));
}

static void what_is_no_time_is_refused(void) {
    static const char *const bad[] = {
        "",
        "2025-07-11",
        "2025-07-11T22:14:00",
        "2025-07-11 22:14:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-04-00T00:00:00Z",
        "2025-04-01T24:00:00Z",
        "2025-04-01T00:60:00Z",
        "2025-04-01T00:00:60Z",
        "2025-04-01T00:00:00.Z",
        "2025-04-01T00:00:00.1234567890Z",
        "2025-04-01T00:00:00+24:00",
        "2025-04-01T00:00:00+8:00",
        "2025-04-01T00:00:00Zx",
        "+025-04-01T00:00:00Z",
        "2025-04-01T00:00:-1Z",
    };
    int64_t ms = 0;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (text_time_read(bad[i], &ms)) {
            (void)fprintf(stderr, "# taken for a time: %s\n", bad[i]);
            exit(1);
        }
    }
}

static void what_is_too_long_is_cut_between_characters(void) {
    struct arena *arena = arena_new(4096);

    CHECK_TEXT(text_head("水管爆了", 12, arena), "水管爆了");
    CHECK_TEXT(text_head("水管爆了", 11, arena), "水管爆");
    CHECK_TEXT(text_head("a水管", 6, arena), "a水");
    CHECK_TEXT(text_head("a水管", 7, arena), "a水管");
    CHECK_TEXT(text_head("水", 2, arena), "");
    CHECK_TEXT(text_head("", 0, arena), "");
    arena_free(arena);
}

static void an_error_is_utf8_wherever_it_was_cut(void) {
    struct err err;

    (void)err_set(&err, ERR_INVALID, "name_wrong", "name=%.5s\nnext=1", "水管爆了");
    CHECK_TEXT(err.args, "name=水\nnext=1");
    (void)err_set(&err, ERR_INVALID, "name_wrong", "name=%.6s%s", "水管爆了", "\xff.");
    CHECK_TEXT(err.args, "name=水管.");
}

static void a_date_is_read_only_if_there_is_such_a_day(void) {
    static const char *const bad[] = {"",           "2025-02-29", "2025-7-11",   "2025-13-01",
                                      "2025-00-10", "2025-07-00", "2025-07-11 ", " 2025-07-11",
                                      "2025/07/11", "+025-07-11", "2025-07-1",   "2025-07-32"};
    int64_t day = 0;

    CHECK(text_date_read("2024-02-29", &day) && day == text_day_of(2024, 2, 29));
    CHECK(text_date_read("1970-01-01", &day) && day == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!text_date_read(bad[i], &day));
    }
}

static const struct test tests[] = {
    TEST(good_text_passes),
    TEST(bytes_that_are_no_utf8_are_refused),
    TEST(control_characters_are_refused),
    TEST(a_text_may_be_as_long_as_its_limit),
    TEST(patterns_match_whole_words),
    TEST(a_uuid7_holds_its_time),
    TEST(hex_goes_there_and_back),
    TEST(days_and_their_parts_agree_over_eight_centuries),
    TEST(a_local_day_begins_at_local_midnight),
    TEST(a_time_is_written_as_it_is_read),
    TEST(any_number_can_be_written_as_a_time),
    TEST(times_are_read_exactly),
    TEST(what_is_no_time_is_refused),
    TEST(what_is_too_long_is_cut_between_characters),
    TEST(an_error_is_utf8_wherever_it_was_cut),
    TEST(a_date_is_read_only_if_there_is_such_a_day),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
