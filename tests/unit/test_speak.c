/* Every text that speaks to whoever runs a command has its Chinese: read from the sources. */
#include "base/speak.h"

#include <glob.h>

#include "base/err.h"
#include "cli/chinese.h"
#include "cli/cli.h"
#include "cli/column.h"
#include "harness.h"

enum { SOURCE_MAX = 128 * 1024, TEXT_MAX = 1024, SPECS_MAX = 16, SPEC_SIZE = 16, ROWS_MAX = 2000 };

/* The functions that look their text up, and which argument it is. */
static const struct {
    const char *name;
    int argument;
} speakers[] = {
    {"err_plain", 2},     {"err_wrap", 1}, {"compile_mistake", 2}, {"compile_mistake_key", 2},
    {"rehearse_fail", 2}, {"fail", 2},     {"fail_type", 2},       {"compile_unknown", 2},
    {"note", 2},          {"note", 3},     {"speak", 0},
};

/* ---- reading sources ---- */

static const char *read_literal(const char *at, char *text, size_t *size) {
    for (at++; *at != '"'; at++) {
        if (*at == '\\') {
            at++;
            text[(*size)++] = *at == 'n' ? '\n' : *at == 't' ? '\t' : *at;
        } else {
            text[(*size)++] = *at;
        }
        CHECK(*size < TEXT_MAX);
    }
    text[*size] = '\0';
    return at + 1;
}

/* Does it say anything, besides its conversions? */
static bool has_words(const char *text) {
    for (; *text; text++) {
        if (*text == '%') {
            text += 1 + strspn(text + 1, "-0123456789.*$");
            text += strspn(text, "lzh");
            if (!*text) {
                return false;
            }
        } else if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z')) {
            return true;
        }
    }
    return false;
}

/* Calls `found` with each text in the argument number `wanted` of the call whose "(" is at `at`;
 * texts that stand next to each other are one. */
static void walk_call(const char *at, int wanted, void (*found)(const char *text)) {
    char text[TEXT_MAX];
    size_t size = 0;
    bool any = false;
    int depth = 0;
    int argument = 0;

    for (;;) {
        if (*at == '"') {
            size_t skipped = 0;
            char other[TEXT_MAX];
            bool here = argument == wanted;
            at = read_literal(at, here ? text : other, here ? &size : &skipped);
            any = any || here;
            continue;
        }
        if (any && !strchr(" \n", *at)) {
            found(text);
            size = 0;
            any = false;
        }
        if (*at == '\'') {
            at += at[1] == '\\' ? 4 : 3;
            continue;
        }
        depth += strchr("([{", *at) != NULL;
        depth -= strchr(")]}", *at) != NULL;
        argument += *at == ',' && depth == 1;
        if (depth == 0 || !*at) {
            return;
        }
        at++;
    }
}

static bool is_call(const char *source, const char *at, const char *name) {
    size_t length = strlen(name);
    char before = at > source ? at[-1] : ' ';

    return at[length] == '(' && before != '_' && before != '"' && !(before >= 'a' && before <= 'z');
}

static void blank_comments(char *source) {
    char text[TEXT_MAX];

    for (char *at = source; *at; at++) {
        if (*at == '"' && at[-1] != '\'') {
            size_t size = 0;
            at += read_literal(at, text, &size) - at - 1;
        } else if (strncmp(at, "/*", 2) == 0) {
            char *end = strstr(at, "*/");
            CHECK(end);
            memset(at, ' ', (size_t)(end - at) + 2);
            at = end + 1;
        }
    }
}

static void walk_file(const char *path, void (*found)(const char *text)) {
    static char source[SOURCE_MAX];
    FILE *file = fopen(path, "rb");
    CHECK(file);
    size_t size = fread(source, 1, sizeof source - 1, file);
    CHECK(size > 0 && size < sizeof source - 1);
    source[size] = '\0';
    (void)fclose(file);
    blank_comments(source);
    for (size_t i = 0; i < sizeof speakers / sizeof speakers[0]; i++) {
        for (const char *at = strstr(source, speakers[i].name); at;
             at = strstr(at + 1, speakers[i].name)) {
            if (is_call(source, at, speakers[i].name)) {
                walk_call(at + strlen(speakers[i].name), speakers[i].argument, found);
            }
        }
    }
}

static void walk_sources(void (*found)(const char *text)) {
    static const char *const where[] = {"lib/*/*.c", "services/*/*.c", "cli/*.c"};
    glob_t files;
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        CHECK(glob(where[i], 0, NULL, &files) == 0);
        for (size_t f = 0; f < files.gl_pathc; f++) {
            if (!strstr(files.gl_pathv[f], "cli/chinese")) {
                walk_file(files.gl_pathv[f], found);
                count++;
            }
        }
        globfree(&files);
    }
    CHECK(count > 100);
}

/* ---- what is there, and what is missing ---- */

static const char *chinese_of(const char *english) {
    for (size_t t = 0; chinese_tables[t]; t++) {
        for (const struct speech *row = chinese_tables[t]; row->english; row++) {
            if (strcmp(row->english, english) == 0) {
                return row->other;
            }
        }
    }
    return NULL;
}

static size_t said;
static size_t missing;
static const char *used[ROWS_MAX];

static void must_be_there(const char *text) {
    if (!has_words(text)) {
        return;
    }
    const char *other = chinese_of(text);
    if (!other) {
        (void)fprintf(stderr, "# no Chinese: %s\n", text);
        missing++;
        return;
    }
    CHECK(said < ROWS_MAX);
    used[said++] = other;
}

static void every_text_has_its_chinese(void) {
    walk_sources(must_be_there);
    CHECK(missing == 0);
    CHECK(said > 400); /* the reading itself works */
}

static void no_row_is_of_a_text_that_is_gone(void) {
    static const struct speech *const ours[] = {chinese_manual, chinese_rehearse, chinese_house};
    size_t stale = 0;

    walk_sources(must_be_there);
    for (size_t t = 0; t < 3; t++) {
        for (const struct speech *row = ours[t]; row->english; row++) {
            bool found = row->english[0] == ' '; /* the last word of a finding: "bus files" */
            for (size_t i = 0; i < said && !found; i++) {
                found = used[i] == row->other;
            }
            if (!found) {
                (void)fprintf(stderr, "# nobody says: %s\n", row->english);
                stale++;
            }
        }
    }
    CHECK(stale == 0);
}

static void every_usage_line_has_its_chinese(void) {
    for (const struct command *const *command = cli_commands; *command; command++) {
        const char *line = (*command)->arguments;
        bool capitals = false;
        for (const char *at = line; *at; at++) {
            capitals = capitals || (*at >= 'A' && *at <= 'Z');
        }
        if (capitals && !chinese_of(line)) {
            (void)fprintf(stderr, "# %s: no Chinese: %s\n", (*command)->name, line);
            missing++;
        }
        CHECK(!(*command)->more_zh == !(*command)->more_en);
    }
    CHECK(missing == 0);
}

/* ---- conversions ---- */

/* The conversion of each argument: "%lld" without flags, width and number.  How many. */
static size_t conversions(const char *text, char specs[SPECS_MAX][SPEC_SIZE]) {
    size_t count = 0;
    size_t in_order = 0;

    for (const char *at = strchr(text, '%'); at; at = strchr(at, '%')) {
        at++;
        if (*at == '%') {
            at++;
            continue;
        }
        size_t digits = strspn(at, "0123456789");
        size_t number = at[digits] == '$' ? strtoul(at, NULL, 10) : ++in_order;
        at += at[digits] == '$' ? digits + 1 : 0;
        size_t flags = strspn(at, "-0123456789.*");
        size_t length = flags + strspn(at + flags, "lzh") + 1;
        CHECK(number >= 1 && number <= SPECS_MAX && length < SPEC_SIZE && !specs[number - 1][0]);
        (void)snprintf(specs[number - 1], SPEC_SIZE, "%.*s", (int)length, at);
        count = number > count ? number : count;
        at += length;
    }
    return count;
}

static void the_conversions_agree(void) {
    static const struct speech *const ours[] = {chinese_manual, chinese_rehearse, chinese_house};

    for (size_t t = 0; t < 3; t++) {
        for (const struct speech *row = ours[t]; row->english; row++) {
            char english[SPECS_MAX][SPEC_SIZE] = {{0}};
            char other[SPECS_MAX][SPEC_SIZE] = {{0}};
            size_t count = conversions(row->english, english);
            bool same = conversions(row->other, other) == count;
            for (size_t i = 0; same && i < count; i++) {
                same = strcmp(english[i], other[i]) == 0;
            }
            if (!same) {
                (void)fprintf(stderr, "# they differ: %s | %s\n", row->english, row->other);
            }
            CHECK(same);
        }
    }
}

static void no_text_stands_twice(void) {
    for (size_t t = 0; chinese_tables[t]; t++) {
        for (const struct speech *row = chinese_tables[t]; row->english; row++) {
            if (chinese_of(row->english) != row->other) {
                (void)fprintf(stderr, "# twice: %s\n", row->english);
            }
            CHECK(chinese_of(row->english) == row->other);
        }
    }
}

/* ---- speaking ---- */

static void an_error_speaks_the_language_in_use(void) {
    struct err err = {0};

    (void)err_plain(&err, ERR_NOT_FOUND, "%s: cannot read", "x");
    CHECK_TEXT(err.args, "x: cannot read");
    speak_use(chinese_tables);
    (void)err_plain(&err, ERR_NOT_FOUND, "%s: cannot read", "x");
    CHECK_TEXT(err.args, "x：读不出来");
    (void)err_wrap(&err, "starting %s", "bus");
    CHECK_TEXT(err.args, "启动 bus: x：读不出来");
    CHECK_TEXT(speak("said nowhere"), "said nowhere");
    speak_use(NULL);
    CHECK_TEXT(speak("list"), "list");
}

static void arguments_may_change_places(void) {
    struct err err = {0};

    speak_use(chinese_tables);
    (void)err_plain(&err, ERR_INVALID, "expected %s of %s to be %s; is %s", "a", "b", "c", "d");
    CHECK_TEXT(err.args, "b 的 a 应为 c，实为 d");
}

static void a_text_is_never_cut_inside_a_character(void) {
    struct err err = {0};
    char path[ERR_TEXT_MAX + 16];

    for (size_t first = 0; first < 3; first++) {
        memset(path, 'a', sizeof path);
        for (size_t at = first; at + 3 < sizeof path; at += 3) {
            memcpy(path + at, "首", 3);
        }
        path[sizeof path - 1] = '\0';
        (void)err_plain(&err, ERR_INVALID, "%s", path);
        size_t size = strlen(err.args);
        CHECK(size > ERR_TEXT_MAX - 5 && (size - first) % 3 == 0);
    }
}

static void a_chinese_character_takes_two_places(void) {
    struct arena *arena = arena_new(4096);

    CHECK(column_width("abc") == 3);
    CHECK(column_width("周涛") == 4);
    CHECK(column_width("房号 2-1-501，") == 14);
    CHECK(column_width("→✓…") == 3);
    CHECK_TEXT(column_left("周涛", 6, arena), "周涛  ");
    CHECK_TEXT(column_right("周涛", 6, arena), "  周涛");
    CHECK_TEXT(column_left("registry", 4, arena), "registry");
    CHECK(column_width("\xE5\x91") == 1); /* cut off: it ends where the text ends */
    arena_free(arena);
}

static const struct test tests[] = {
    TEST(every_text_has_its_chinese),
    TEST(no_row_is_of_a_text_that_is_gone),
    TEST(every_usage_line_has_its_chinese),
    TEST(the_conversions_agree),
    TEST(no_text_stands_twice),
    TEST(an_error_speaks_the_language_in_use),
    TEST(arguments_may_change_places),
    TEST(a_text_is_never_cut_inside_a_character),
    TEST(a_chinese_character_takes_two_places),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
