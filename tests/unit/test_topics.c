#include "cli/topics.h"

#include "harness.h"

enum { PAGE_SIZE = 64 * 1024, ARENA_SIZE = 64 * 1024 * 1024 };

static struct arena *arena;
static struct cli cli;

static const char *read_page(void) {
    static char page[PAGE_SIZE];
    FILE *file = fopen("proto/README.md", "rb");

    CHECK(file);
    size_t size = fread(page, 1, sizeof page - 1, file);
    CHECK(size > 0 && size < sizeof page - 1);
    page[size] = '\0';
    (void)fclose(file);
    return page;
}

static bool is_house(const char *topic, size_t length) {
    for (size_t i = 0; topics_house[i]; i++) {
        if (strlen(topics_house[i]) == length && strncmp(topics_house[i], topic, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The topics of one line of the table: `a.b`, `c.d` in its first column. */
static size_t read_line(const char *line) {
    const char *end = strchr(line + 1, '|');
    size_t count = 0;

    for (const char *at = strchr(line, '`'); at && end && at < end; at = strchr(at + 1, '`')) {
        size_t length = strcspn(at + 1, "`");
        if (at[1] != '<' && strchr(at, '.') < at + length) {
            if (!is_house(at + 1, length)) {
                (void)fprintf(stderr, "# not known: %.*s\n", (int)length, at + 1);
            }
            CHECK(is_house(at + 1, length));
            count++;
        }
        at += length + 1;
    }
    return count;
}

static void the_house_has_the_topics_of_its_contract(void) {
    const char *page = read_page();
    size_t count = 0;
    size_t known = 0;

    for (const char *line = strstr(page, "\n| `"); line; line = strstr(line + 1, "\n| `")) {
        count += read_line(line + 1);
    }
    CHECK(count > 40);
    for (size_t i = 0; topics_house[i]; i++) {
        if (!strstr(page, arena_text(arena, "`%s`", topics_house[i]))) {
            (void)fprintf(stderr, "# not in proto/README.md: %s\n", topics_house[i]);
        }
        CHECK(strstr(page, arena_text(arena, "`%s`", topics_house[i])));
        known++;
    }
    CHECK(known == count);
}

static bool has(const char *const *topics, size_t count, const char *topic) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

static void procedures_make_topics_too(void) {
    static const char *topics[TOPICS_MAX];
    size_t count = topics_all(&cli, "manual", topics);

    CHECK(count > 200 && count < TOPICS_MAX);
    CHECK(has(topics, count, "repair.open"));
    CHECK(has(topics, count, "repair.dispatch"));
    CHECK(has(topics, count, "page.sent"));
    CHECK(!has(topics, count, "repair.no_such_event"));
}

static void without_a_manual_there_are_those_of_the_house(void) {
    static const char *topics[TOPICS_MAX];
    size_t count = topics_all(&cli, "no/such/folder", topics);

    CHECK(count == topics_all(&cli, NULL, topics));
    CHECK(has(topics, count, "page.sent"));
    CHECK(!has(topics, count, "repair.open"));
}

static const struct test tests[] = {
    TEST(the_house_has_the_topics_of_its_contract),
    TEST(procedures_make_topics_too),
    TEST(without_a_manual_there_are_those_of_the_house),
};

int main(int argc, char **argv) {
    arena = arena_new(ARENA_SIZE);
    cli.arena = arena;
    int status = RUN_TESTS(tests, argc, argv);
    arena_free(arena);
    return status;
}
