/*
 * CSV: what RFC 4180 says, what spreadsheets write, and what nobody should.
 */
#include "harness.h"

#include "base/csv.h"

enum { ARENA_SIZE = 1 << 20 };

static struct csv open_text(const char *text) {
    return csv_open((struct bytes){(const uint8_t *)text, strlen(text)});
}

/* The rows as "line:a|b;line:!rule;", to compare at a glance. */
static char *shown_bytes(struct bytes data, struct arena *arena) {
    struct csv csv = csv_open(data);
    struct csv_row row;
    char *out = arena_text(arena, "%s", "");

    while (csv_next(&csv, &row, arena)) {
        out = arena_text(arena, "%s%d:%s%s", out, row.line, row.mistake ? "!" : "",
                         row.mistake ? row.mistake : "");
        for (size_t i = 0; i < row.count; i++) {
            out = arena_text(arena, "%s%s%s", out, i ? "|" : "", (const char *)row.fields[i].data);
        }
        out = arena_text(arena, "%s;", out);
    }
    return out;
}

static char *shown(const char *text, struct arena *arena) {
    return shown_bytes((struct bytes){(const uint8_t *)text, strlen(text)}, arena);
}

static void rows_and_fields_come_as_they_are(void) {
    struct arena *arena = arena_new(ARENA_SIZE);

    CHECK_TEXT(shown("a,b\nc,d\n", arena), "1:a|b;2:c|d;");
    CHECK_TEXT(shown("a,b\nc,d", arena), "1:a|b;2:c|d;");
    CHECK_TEXT(shown("a,,\n,\n", arena), "1:a||;2:|;");
    CHECK_TEXT(shown(" a , b ", arena), "1: a | b ;");
    CHECK_TEXT(shown("", arena), "");
    CHECK_TEXT(shown("\xEF\xBB\xBF", arena), "");
    arena_free(arena);
}

static void a_byte_order_mark_and_any_line_end_are_taken(void) {
    struct arena *arena = arena_new(ARENA_SIZE);

    CHECK_TEXT(shown("\xEF\xBB\xBFunit,name\r\n1-1-101,吴博\r\n", arena),
               "1:unit|name;2:1-1-101|吴博;");
    CHECK_TEXT(shown("a\rb\rc", arena), "1:a;2:b;3:c;");
    CHECK_TEXT(shown("a\n\n\r\nb\n\n", arena), "1:a;4:b;");
    arena_free(arena);
}

static void quotes_hold_commas_lines_and_quotes(void) {
    struct arena *arena = arena_new(ARENA_SIZE);

    CHECK_TEXT(shown("\"a,b\",\"c \"\"d\"\"\",\"\"\n", arena), "1:a,b|c \"d\"|;");
    CHECK_TEXT(shown("\"a\r\nb\rc\nd\",e\nf\n", arena), "1:a\nb\nc\nd|e;5:f;");
    arena_free(arena);
}

static void every_bad_row_is_named_and_the_next_is_read(void) {
    struct arena *arena = arena_new(ARENA_SIZE);

    CHECK_TEXT(shown("a,b\"c\nd\n", arena), "1:!csv_quote;2:d;");
    CHECK_TEXT(shown("\"a\"b,c\nd\n", arena), "1:!csv_quote;2:d;");
    CHECK_TEXT(shown("a,\"b\nc,d\ne\n", arena), "1:!csv_open;2:c|d;3:e;");
    CHECK_TEXT(shown("\"", arena), "1:!csv_open;");
    CHECK_TEXT(shown("a\n\"b\nc\n", arena), "1:a;2:!csv_open;3:c;");
    /* A stray quote and a good one behind it. */
    CHECK_TEXT(shown("a,\"b\n\"c\",d\ne\n", arena), "1:!csv_quote;2:c|d;3:e;");
    arena_free(arena);
}

static void fields_and_their_number_have_a_limit(void) {
    struct arena *arena = arena_new(ARENA_SIZE);
    char text[CSV_FIELD_MAX + 8] = "";

    memset(text, 'x', CSV_FIELD_MAX);
    struct csv csv = open_text(text);
    struct csv_row row;
    CHECK(csv_next(&csv, &row, arena) == 1 && !row.mistake);
    CHECK(row.count == 1 && row.fields[0].size == CSV_FIELD_MAX);
    (void)strcat(text, "x\nb");
    CHECK_TEXT(shown(text, arena), "1:!csv_long;2:b;");
    text[0] = '"';
    CHECK_TEXT(shown(text, arena), "1:!csv_long;2:b;");

    char commas[CSV_FIELDS_MAX + 4] = "";
    memset(commas, ',', CSV_FIELDS_MAX - 1);
    csv = open_text(commas);
    CHECK(csv_next(&csv, &row, arena) == 1 && row.count == CSV_FIELDS_MAX);
    (void)strcat(commas, ",\nb");
    CHECK_TEXT(shown(commas, arena), "1:!csv_fields;2:b;");
    arena_free(arena);
}

static void bytes_that_are_no_text_are_passed_on(void) {
    struct arena *arena = arena_new(ARENA_SIZE);
    const uint8_t data[] = {'a', 0, 'b', ',', 0xFF, '\n'};
    struct csv csv = csv_open((struct bytes){data, sizeof data});
    struct csv_row row;

    CHECK(csv_next(&csv, &row, arena) == 1 && row.count == 2);
    CHECK(row.fields[0].size == 3 && row.fields[0].data[1] == 0 && row.fields[0].data[3] == 0);
    CHECK(row.fields[1].size == 1 && row.fields[1].data[0] == 0xFF);
    CHECK(csv_next(&csv, &row, arena) == 0);
    arena_free(arena);
}

/* Any bytes end, in order, without a row too many: 200,000 files of the characters that matter. */
static void any_bytes_are_read_to_their_end(void) {
    static const char alphabet[] = {'"', ',', '\n', '\r', 'a', '\0', '\xFF', '"'};
    struct arena *arena = arena_new(ARENA_SIZE);
    uint64_t random = 88172645463325252U;

    for (int round = 0; round < 200000; round++) {
        uint8_t data[24];
        size_t size = 0;
        int lines = 1;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        for (; size < random % sizeof data; size++) {
            data[size] = (uint8_t)alphabet[(random >> (size * 2 + 8)) % sizeof alphabet];
            lines += data[size] == '\n' || data[size] == '\r';
        }
        arena_reset(arena);
        struct csv csv = csv_open((struct bytes){data, size});
        struct csv_row row;
        int before = 0;
        while (csv_next(&csv, &row, arena)) {
            CHECK(row.line > before && row.line <= lines);
            CHECK(row.mistake ? row.count == 0 : row.count > 0);
            before = row.line;
        }
        CHECK(csv.at == size);
    }
    arena_free(arena);
}

/* A file of opened quotes takes time by its size and the field's limit, not squared. */
static void a_file_of_opened_quotes_is_read_in_bounded_time(void) {
    enum { LINES = 100000 };
    struct arena *arena = arena_new(ARENA_SIZE);
    uint8_t *data = malloc(LINES * 3);
    struct csv_row row;
    int bad = 0;

    CHECK(data);
    for (int i = 0; i < LINES; i++) {
        memcpy(data + i * 3, "\"x\n", 3);
    }
    struct csv csv = csv_open((struct bytes){data, LINES * 3});
    (void)alarm(20);
    while (csv_next(&csv, &row, arena)) {
        bad += row.mistake != NULL;
    }
    CHECK(bad > 0 && csv.at == LINES * 3);
    free(data);
    arena_free(arena);
}

static const struct test tests[] = {
    TEST(rows_and_fields_come_as_they_are),
    TEST(a_byte_order_mark_and_any_line_end_are_taken),
    TEST(quotes_hold_commas_lines_and_quotes),
    TEST(every_bad_row_is_named_and_the_next_is_read),
    TEST(fields_and_their_number_have_a_limit),
    TEST(bytes_that_are_no_text_are_passed_on),
    TEST(any_bytes_are_read_to_their_end),
    TEST(a_file_of_opened_quotes_is_read_in_bounded_time),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
