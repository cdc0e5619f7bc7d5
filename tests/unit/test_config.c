/* A configuration file is read by a table, or refused with file and line. */
#include "harness.h"

#include "base/config.h"

struct settings {
    const char *store;
    int64_t workers;
    bool loud;
    const char *deep;
    struct config_map peers;
};

static const struct config_key keys[] = {
    {"store", CONFIG_TEXT, NULL, offsetof(struct settings, store), 0, 0},
    {"limits.workers", CONFIG_INT, "2", offsetof(struct settings, workers), 1, 16},
    {"limits.loud", CONFIG_FLAG, "false", offsetof(struct settings, loud), 0, 0},
    {"deep", CONFIG_TEXT, "sea", offsetof(struct settings, deep), 0, 0},
    {"peers", CONFIG_MAP, "", offsetof(struct settings, peers), 0, 0},
    {0},
};

static char path[] = "/tmp/test_config.XXXXXX";
static struct arena *arena;
static struct settings settings;
static struct err err;

static int read_text(const char *text, size_t size) {
    FILE *file = fopen(path, "w");

    CHECK(file);
    CHECK(fwrite(text, 1, size, file) == size);
    CHECK(fclose(file) == 0);
    arena = arena_new(1024 * 1024);
    settings = (struct settings){0};
    err = (struct err){0};
    return config_read(path, keys, &settings, arena, &err);
}

static void refused(const char *text, const char *why) {
    if (read_text(text, strlen(text)) == 0 || err.code != ERR_INVALID || !strstr(err.args, why)) {
        (void)fprintf(stderr, "# for: %s\n# error: %s\n# not: %s\n", text, err.args, why);
        CHECK(!"refused as it should be");
    }
    arena_free(arena);
}

static void what_is_said_is_there_and_the_rest_has_its_default(void) {
    const char text[] = "store: a.db\nlimits:\n  workers: 5\npeers: {bus: 'tcp://x:1', b: y}\n";

    CHECK_OK(read_text(text, strlen(text)), err);
    CHECK_TEXT(settings.store, "a.db");
    CHECK(settings.workers == 5);
    CHECK(!settings.loud);
    CHECK_TEXT(settings.deep, "sea");
    CHECK(settings.peers.count == 2);
    CHECK_TEXT(config_find(&settings.peers, "bus"), "tcp://x:1");
    CHECK(!config_find(&settings.peers, "nobody"));
    arena_free(arena);
}

static void mistakes_are_named_with_their_line(void) {
    refused("store: a\nstroe: b\n", ":2: unknown key \"stroe\"");
    refused("store: a\nlimits: {wrokers: 3}\n", ":2: unknown key \"limits.wrokers\"");
    refused("store: a\nlimits: 3\n", ":2: should be a map: \"limits\"");
    refused("store: {a: b}\n", ":1: should be one value, not a map: \"store\"");
    refused("store: a\n\nstore: b\n", ":3: said twice: \"store\"");
    refused("store: a\npeers: {x: 1, x: 2}\n", ":2: said twice: \"x\"");
    refused("store: a\npeers: {x: {y: 2}}\n", ":2: unknown key");
    refused("store: a\nlimits: {workers: many}\n", ":2: limits.workers: not a whole number");
    refused("store: a\nlimits: {workers: 99999999999999999999}\n", "not a whole number");
    refused("store: a\nlimits: {workers: 17}\n", "out of its limits");
    refused("store: a\nlimits: {loud: yes}\n", "neither true nor false");
    refused("deep: a\n", "the key \"store\" is missing");
    refused("store: [a]\n", ":1: no lists here");
    refused("store: &x a\n", "no anchors");
    refused("store: !t a\n", "no anchors");
    refused("store: a\ndeep: *x\n", "no anchors");
    refused("just words\n", "should be a map");
    refused("store: \"unfinished\n", ":");
    refused("store: a\n---\nstore: b\n", "more than one document");
    refused("? {a: b}\n: c\n", "a key should be a word");
    refused("store: \"a\\0b\"\n", "zero byte");
    refused("", "is missing");
}

static void hostile_files_are_refused_in_bounded_time(void) {
    static char nest[CONFIG_FILE_MAX];
    static char huge[CONFIG_FILE_MAX + 2];

    memset(nest, '[', sizeof nest);
    CHECK(read_text(nest, sizeof nest) == -1);
    arena_free(arena);
    memset(nest, '{', sizeof nest);
    CHECK(read_text(nest, sizeof nest) == -1);
    arena_free(arena);
    memset(huge, ' ', sizeof huge);
    CHECK(read_text(huge, sizeof huge) == -1);
    CHECK(strstr(err.args, "larger than"));
    arena_free(arena);
}

static void a_file_that_is_not_there_is_not_found(void) {
    struct err none = {0};

    arena = arena_new(1024);
    CHECK(config_read("/nowhere/at/all.yaml", keys, &settings, arena, &none) == -1);
    CHECK(none.code == ERR_NOT_FOUND);
    arena_free(arena);
}

static const struct test tests[] = {
    TEST(what_is_said_is_there_and_the_rest_has_its_default),
    TEST(mistakes_are_named_with_their_line),
    TEST(hostile_files_are_refused_in_bounded_time),
    TEST(a_file_that_is_not_there_is_not_found),
};

int main(int argc, char **argv) {
    CHECK(mkstemp(path) >= 0);
    int status = RUN_TESTS(tests, argc, argv);
    (void)unlink(path);
    return status;
}
