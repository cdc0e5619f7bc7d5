#include "manual/compile.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/chinese.h"
#include "harness.h"
#include "manual/manual.h"

enum {
    TEXT_MAX = 4096,
    PATH_SIZE = 512,
    BROKEN_MIN = 80,
    FILE_SIZE = 512 * 1024,
    SECONDS_MAX = 5, /* generous: a sanitizer on a busy machine */
};

static const char small_manual[] = "tests/manuals/small";

static struct arena *arena;
static struct compiled compiled;
static struct err err;

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    CHECK(file);
    char *text = calloc(1, FILE_SIZE);
    CHECK(text && fread(text, 1, FILE_SIZE - 1, file) > 0);
    (void)fclose(file);
    return text;
}

static void write_text(const char *dir, const char *name, const char *text, size_t size) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(text, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static const char *const folders[] = {"", "forms", "procedures", "texts"};

static const char *new_dir(void) {
    static char dir[PATH_SIZE];
    char path[PATH_SIZE * 2];

    (void)snprintf(dir, sizeof dir, "/tmp/shouwen-manual-XXXXXX");
    CHECK(mkdtemp(dir));
    for (size_t i = 1; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        CHECK(mkdir(path, 0700) == 0);
    }
    return dir;
}

static void each_file(const char *dir, void (*act)(const char *dir, const char *name, void *arg),
                      void *arg) {
    for (size_t i = 0; i < 4; i++) {
        char path[PATH_SIZE], name[PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        DIR *list = opendir(path);
        CHECK(list);
        for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
            if (strstr(entry->d_name, ".yaml")) {
                (void)snprintf(name, sizeof name, "%s%s%.200s", folders[i], i ? "/" : "",
                               entry->d_name);
                act(dir, name, arg);
            }
        }
        (void)closedir(list);
    }
}

static void copy_one(const char *dir, const char *name, void *arg) {
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    char *text = read_text(path);
    write_text(arg, name, text, strlen(text));
    free(text);
}

static void unlink_one(const char *dir, const char *name, void *arg) {
    char path[PATH_SIZE * 2];
    (void)arg;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK(unlink(path) == 0);
}

static void drop_dir(const char *dir) {
    char path[PATH_SIZE];
    each_file(dir, unlink_one, NULL);
    for (size_t i = 4; i > 0; i--) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i - 1]);
        CHECK(rmdir(path) == 0);
    }
}

static void compile(const char *dir) {
    if (!arena) {
        arena = arena_new(COMPILE_ARENA_SIZE);
    }
    CHECK_OK(compile_dir(dir, &compiled, arena, &err), err);
}

/* All mistakes, as `shouwen manual check` prints them. */
static const char *mistakes(void) {
    static char *text;
    size_t size = 0;

    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    compile_print(&compiled, NULL, out);
    CHECK(fclose(out) == 0);
    return text;
}

/* ---- the table of broken manuals ---- */

struct broken {
    char file[PATH_SIZE];
    char find[TEXT_MAX], put[TEXT_MAX], expect[TEXT_MAX];
};

static void add_line(char *text, const char *line) {
    if (*text) {
        (void)strncat(text, "\n", TEXT_MAX - strlen(text) - 1);
    }
    (void)strncat(text, line, TEXT_MAX - strlen(text) - 1);
}

/* The same places line by line, and words of the other language at each. */
static bool same_in_chinese(const char *is, const char *english) {
    while (*is && *english) {
        const char *words = strstr(is, ": ");
        const char *end = strchr(is, '\n');
        bool other = false;
        CHECK(words && end && words < end);
        if (strncmp(is, english, (size_t)(words - is) + 2) != 0) {
            return false;
        }
        for (const char *at = words; at < end; at++) {
            other = other || (unsigned char)*at >= 0x80;
        }
        if (!other) {
            return false;
        }
        is = end + 1;
        english = strchr(english, '\n') + 1;
    }
    return !*is && !*english;
}

static bool play(const struct broken *broken, const char *dir, bool in_chinese) {
    char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof path, "%s/%s", dir, broken->file);
    char *text = read_text(path);
    const char *at = strstr(text, broken->find);
    CHECK(at);
    char *edited = calloc(1, FILE_SIZE + TEXT_MAX);
    CHECK(edited);
    memcpy(edited, text, (size_t)(at - text));
    (void)strcat(edited, broken->put);
    (void)strcat(edited, at + strlen(broken->find));
    write_text(dir, broken->file, edited, strlen(edited));
    compile(dir);
    char expect[TEXT_MAX + 2];
    (void)snprintf(expect, sizeof expect, "%s\n", broken->expect);
    bool right = in_chinese ? same_in_chinese(mistakes(), expect) : strcmp(mistakes(), expect) == 0;
    if (!right) {
        (void)fprintf(stderr, "# %s: \"%s\" → \"%s\"\n# is:     %s# not:    %s", broken->file,
                      broken->find, broken->put, mistakes(), expect);
    }
    write_text(dir, broken->file, text, strlen(text));
    free(text);
    free(edited);
    arena_reset(arena);
    return right;
}

static void play_all(bool in_chinese) {
    char *text = read_text("tests/manuals/broken.txt");
    const char *dir = new_dir();
    static struct broken broken;
    size_t count = 0, wrong = 0;

    each_file(small_manual, copy_one, (void *)(uintptr_t)dir);
    for (char *line = text, *end = NULL; line && *line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        if (line[0] == '@') {
            memset(&broken, 0, sizeof broken);
            (void)snprintf(broken.file, sizeof broken.file, "%s", line + 2);
        } else if (line[0] == '-') {
            add_line(broken.find, line + 2);
        } else if (line[0] == '+') {
            add_line(broken.put, line + 2);
        } else if (line[0] == '!') {
            add_line(broken.expect, line + 2);
        }
        if (*broken.file && (!*line || !end || !*end)) {
            wrong += !play(&broken, dir, in_chinese);
            count++;
            broken.file[0] = '\0';
        }
    }
    drop_dir(dir);
    free(text);
    CHECK(wrong == 0);
    CHECK(count >= BROKEN_MIN);
}

static void every_broken_manual_is_named_at_its_place(void) {
    play_all(false);
}

static void and_in_chinese_too(void) {
    speak_use(chinese_tables);
    play_all(true);
}

static void the_small_manual_has_no_mistakes(void) {
    compile(small_manual);
    CHECK_TEXT(mistakes(), "");
    CHECK(compiled.count == 16);
    struct manual *manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK(manual);
    manual_free(manual);
}

static void the_manual_of_the_department_has_no_mistakes(void) {
    compile("manual");
    CHECK_TEXT(mistakes(), "");
    struct manual *manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK(manual);
    CHECK(manual_routes(manual) && manual_lists(manual) && manual_kpis(manual));
    manual_free(manual);
}

/* ---- what the small manual becomes ---- */

static struct manual *loaded;

static const Manual__Procedure *loan(void) {
    compile(small_manual);
    loaded = manual_new(1, compiled.files, compiled.count, &err);
    CHECK(loaded);
    const Manual__Procedure *procedure = manual_procedure(loaded, "loan");
    CHECK(procedure);
    return procedure;
}

static const Manual__Step *step(const Manual__Procedure *procedure, const char *event, size_t nth) {
    for (size_t i = 0; i < procedure->n_steps; i++) {
        if (strcmp(procedure->steps[i]->event, event) == 0 && nth-- == 0) {
            return procedure->steps[i];
        }
    }
    CHECK(!"no such step");
    return NULL;
}

static void names_are_resolved_so_that_the_engine_need_not_search(void) {
    const Manual__Procedure *procedure = loan();
    const Manual__Step *lend = step(procedure, "lend", 0);

    CHECK(lend->n_from == 2); /* the group */
    CHECK_TEXT(lend->from[0], "asked");
    CHECK_TEXT(lend->name->en, "lend");
    CHECK_TEXT(lend->needs[0], "assignee");
    CHECK(lend->n_not_who == 1);
    CHECK_TEXT(lend->not_who[0], "helper");
    CHECK_TEXT(lend->do_[0]->text, "page.lent");
    CHECK_TEXT(lend->do_[0]->ack, "take");
    CHECK_TEXT(step(procedure, "lend", 1)->set[0]->reference, "$on_duty.counter");
    CHECK_TEXT(step(procedure, "give_back", 0)->set[1]->literal, "1250"); /* ¥12.50 in cents */
    CHECK_TEXT(procedure->start->counts_as, "register");
    CHECK_TEXT(procedure->start->needs[0], "reader|phone");
    CHECK_TEXT(step(procedure, "call", 0)->do_[1]->text, "tell.event");
}

static void common_steps_are_merged_where_the_procedure_has_their_states(void) {
    const Manual__Procedure *procedure = loan();
    const Manual__Step *pause = step(procedure, "pause", 0);

    CHECK_TEXT(pause->to, "paused");
    CHECK(pause->n_from == 4); /* any but paused and the ends */
    CHECK_TEXT(step(procedure, "resume", 0)->to, "@before");
    CHECK(step(procedure, "correct", 0)->n_from == procedure->n_states);

    CHECK(manual_procedure(loaded, "contact")->n_steps == 1); /* common: none */
    const Manual__Procedure *check = manual_procedure(loaded, "check");
    for (size_t i = 0; i < check->n_steps; i++) {
        CHECK(strcmp(check->steps[i]->event, "pause") != 0);
    }
}

static void limits_know_their_class_field_and_unit(void) {
    const Manual__Procedure *procedure = loan();
    const Manual__Clock *lend = procedure->clocks[0], *back = procedure->clocks[1];

    CHECK_TEXT(lend->limit[0]->parameter, "loan.lend_min");
    CHECK_TEXT(lend->limit[0]->class_field, "grade");
    CHECK_TEXT(lend->limit[0]->unit, "ms");
    CHECK_TEXT(lend->ladder, "D");
    CHECK_TEXT(lend->label->en, "to lend");
    CHECK(lend->pause->n_in == 3);
    CHECK_TEXT(back->limit[1]->field, "slot_from");
    CHECK_TEXT(back->limit[1]->parameter, "loan.slack_min");
    CHECK(back->limit[2]->minus && back->limit[2]->amount == 3600000);
    CHECK_TEXT(back->limit[3]->before, "loan.close_by");
    CHECK_TEXT(back->limit[3]->then->unit, "eod");
    CHECK_TEXT(back->limit[3]->other->parameter, "loan.open_at");
    CHECK_TEXT(procedure->clocks[2]->limit[0]->unit, "wd");
    CHECK(procedure->clocks[2]->limit[0]->amount == 3);
}

static void the_same_folder_gives_the_same_bytes(void) {
    static struct compiled first;

    compile(small_manual);
    first = compiled;
    compile(small_manual);
    CHECK(first.count == compiled.count);
    for (size_t i = 0; i < first.count; i++) {
        CHECK(first.files[i].size == compiled.files[i].size);
        CHECK(memcmp(first.files[i].data, compiled.files[i].data, first.files[i].size) == 0);
    }
}

/* ---- parameter sets ---- */

static struct manual * override(const char *yaml) {
    compile(small_manual);
    CHECK_OK(compile_override(&compiled, "demo.yaml", yaml, strlen(yaml), arena, &err), err);
    CHECK_TEXT(mistakes(), "");
    struct manual *manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK(manual);
    return manual;
}

static void a_parameter_set_replaces_values_class_by_class(void) {
    struct manual *manual = override(
        "loan.lend_min: {high: 3s}\nloan.again_d: 15m\nloan.repeat: 4\n"
        "desk.open: \"07:30\"\nladder.fast_min: [0s, 4s, 9s]\n");
    int64_t number = 0;

    CHECK(manual_number(manual, "loan.lend_min", "high", &number) && number == 3000);
    CHECK(manual_number(manual, "loan.lend_min", "low", &number) && number == 3600000);
    CHECK(manual_number(manual, "loan.again_d", NULL, &number) && number == 900000);
    CHECK(manual_number(manual, "loan.repeat", NULL, &number) && number == 4);
    CHECK_TEXT(manual_param_text(manual, "desk.open", NULL), "07:30");
    CHECK(manual_ladder(manual, "fast")->rung[2]->after[0]->number[0] == 9000);
    manual_free(manual);

    manual = override("loan.lend_min: 7s\nloan.slack_min: {low: 1m}");
    CHECK(manual_number(manual, "loan.lend_min", "high", &number) && number == 7000);
    CHECK(manual_number(manual, "loan.lend_min", "low", &number) && number == 7000);
    CHECK(manual_number(manual, "loan.slack_min", "low", &number) && number == 60000);
    CHECK(manual_number(manual, "loan.slack_min", "high", &number) && number == 900000);
    manual_free(manual);
}

static void a_wrong_parameter_set_is_named(void) {
    static const char wrong[] = "loan.lend_mn: 3\nloan.again_d: 3wd\ndesk.open: 7\n"
                                "loan.repeat: often\nloan.review_work_d: 3s\n";

    compile(small_manual);
    CHECK_OK(compile_override(&compiled, "x.yaml", wrong, strlen(wrong), arena, &err), err);
    CHECK_TEXT(mistakes(),
               "x.yaml:1:1: unknown parameter \"loan.lend_mn\"; did you mean \"loan.lend_min\"?\n"
               "x.yaml:2:15: \"loan.again_d\" counts time, but \"3wd\" counts working days\n"
               "x.yaml:2:15: \"loan.again_d\" is a duration in the manual\n"
               "x.yaml:3:12: \"desk.open\" is a word in the manual\n"
               "x.yaml:4:14: \"loan.repeat\" is a number in the manual\n"
               "x.yaml:5:21: \"loan.review_work_d\" counts working days, but \"3s\" counts time\n"
               "x.yaml:5:21: \"loan.review_work_d\" is a number of working days in the manual\n");

    compile(small_manual);
    CHECK_OK(compile_override(&compiled, "x.yaml", "a: [", 4, arena, &err), err);
    CHECK(compiled.mistake_count == 1);
}

/* ---- folders that are no manual, and hostile YAML ---- */

static void a_folder_that_cannot_be_read_is_an_error(void) {
    arena = arena_new(COMPILE_ARENA_SIZE);
    CHECK(compile_dir("tests/no-such-folder", &compiled, arena, &err) == -1);
    CHECK(err.code == ERR_NOT_FOUND);
    const char *dir = new_dir();
    CHECK(compile_dir(dir, &compiled, arena, &err) == -1);
    CHECK(err.code == ERR_NOT_FOUND);
    drop_dir(dir);
}

static void missing_and_unknown_files_are_named(void) {
    const char *dir = new_dir();

    each_file(small_manual, copy_one, (void *)(uintptr_t)dir);
    unlink_one(dir, "routes.yaml", NULL);
    write_text(dir, "rutes.yaml", "a: b\n", 5);
    compile(dir);
    CHECK_TEXT(mistakes(), "routes.yaml:1:1: this file is missing\n"
                           "rutes.yaml:1:1: no such file belongs to a manual\n");
    drop_dir(dir);
}

static void a_file_too_large_to_publish_is_refused(void) {
    const char *dir = new_dir();
    char *text = calloc(1, FILE_SIZE);
    size_t used = 0;

    CHECK(text);
    for (int i = 0; i < 1200; i++) {
        used += (size_t)sprintf(text + used, "k%d: {zh: 某一句话说明情况, en: some words}\n", i);
    }
    each_file(small_manual, copy_one, (void *)(uintptr_t)dir);
    char *all = calloc(1, FILE_SIZE);
    CHECK(all);
    size_t size = (size_t)sprintf(all, "others:\n");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        size += (size_t)sprintf(all + size, "  %s\n", line);
    }
    write_text(dir, "texts/others.yaml", all, size);
    compile(dir);
    CHECK(strstr(mistakes(), "texts/others.yaml:1:1: too large to publish"));
    drop_dir(dir);
    free(text);
    free(all);
}

/* Puts `text` into texts/x.yaml and says what is named for it first. */
static const char *hostile(const char *text, size_t size) {
    const char *dir = new_dir();
    struct timespec from, to;

    each_file(small_manual, copy_one, (void *)(uintptr_t)dir);
    write_text(dir, "texts/x.yaml", text, size);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    compile(dir);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK(to.tv_sec - from.tv_sec <= SECONDS_MAX);
    drop_dir(dir);
    CHECK(compiled.mistake_count > 0);
    return compiled.mistakes[0].text;
}

static const char *repeated(const char *unit, size_t times) {
    static char *text;
    size_t size = strlen(unit);

    free(text);
    text = calloc(1, size * times + 1);
    CHECK(text);
    for (size_t i = 0; i < times; i++) {
        memcpy(text + i * size, unit, size);
    }
    return text;
}

static void deep_nesting_is_refused_in_bounded_time(void) {
    static const char *const units[] = {"[", "{a: ", "- ", "[\n", "? ", "{[", "a:\n - "};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const char *text = repeated(units[i], 200000 / strlen(units[i]));
        (void)hostile(text, strlen(text));
    }
    CHECK_TEXT(hostile("[[[[[[[[[[[[[[[[[[[[[[[[a", 25), "nested deeper than 16");
}

static void anchors_aliases_tags_and_large_files_are_refused(void) {
    const char *text = repeated("- &a x\n", 30000);

    CHECK_TEXT(hostile(text, strlen(text)), "anchors (&) are not used here");
    CHECK_TEXT(hostile("a: &a [*a]\n", 11), "anchors (&) are not used here");
    CHECK_TEXT(hostile("a: *a\n", 6), "aliases (*) are not used here");
    CHECK_TEXT(hostile("a: !!binary x\n", 14), "tags (!) are not used here");
    text = repeated("- x\n", 20000);
    CHECK_TEXT(hostile(text, strlen(text)), "more than 10000 nodes: split the file");
    text = repeated("x", 256 * 1024 + 1);
    CHECK_TEXT(hostile(text, strlen(text)), "larger than 256 KiB");
    CHECK_TEXT(hostile("a: b\n---\nc: d\n", 14), "only one document in a file");
    CHECK_TEXT(hostile("a: \"\\0\"\n", 8), "a text may not hold a zero byte");
    CHECK_TEXT(hostile("a\0b: c\n", 7), "control characters are not allowed");
    CHECK_TEXT(hostile("a: \xff\n", 5), "invalid leading UTF-8 octet");
    CHECK_TEXT(hostile("- a\n", 4), "here must be a map: key: value");
}

/* A manual that is nothing but mistakes: many names, each compared with many. */
static void many_mistakes_take_bounded_time(void) {
    char *text = calloc(1, FILE_SIZE);
    size_t used = 0;

    CHECK(text);
    used += (size_t)sprintf(text, "x: {zh: a, en: b}\nwords:\n");
    for (int i = 0; i < 1400; i++) {
        used += (size_t)sprintf(text + used,
                                "  a_rather_long_key_of_a_text_that_is_wrong_%d: {zh: x}\n", i);
    }
    (void)hostile(text, used);
    CHECK(compiled.mistake_count == COMPILE_MISTAKES_MAX);
    CHECK(strstr(mistakes(), "only the first 100 are shown"));
    free(text);
}

/* ---- any bytes at all ---- */

static uint32_t seed = 20250711;

static size_t below(size_t most) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % most;
}

/* One slip of a hand: a sign put in, a piece lost, a piece twice. */
static size_t slip(char *text, size_t size) {
    static const char signs[] = "{}[]:,-\n'\"#$ &*!|>a0.";
    size_t at = below(size), length = 1 + below(30);

    if (at + length >= size) {
        return size;
    }
    switch (below(3)) {
    case 0:
        text[at] = signs[below(sizeof signs - 1)];
        return size;
    case 1:
        memmove(text + at, text + at + length, size - at - length);
        return size - length;
    default:
        memmove(text + at + length, text + at, size - at);
        return size + length;
    }
}

static void slips_are_named_and_never_crash(void) {
    static const char *const names[] = {"procedures/loan.yaml",
                                        "procedures/check.yaml",
                                        "procedures/_common.yaml",
                                        "forms/L-1.yaml",
                                        "parameters.yaml",
                                        "ladders.yaml",
                                        "routes.yaml",
                                        "roles.yaml",
                                        "texts/loan.yaml",
                                        "kpis.yaml",
                                        "lists.yaml",
                                        "calendar.yaml"};
    const char *dir = new_dir();
    size_t named = 0;

    each_file(small_manual, copy_one, (void *)(uintptr_t)dir);
    for (int i = 0; i < 240; i++) {
        const char *name = names[below(sizeof names / sizeof names[0])];
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s/%s", small_manual, name);
        char *text = read_text(path);
        size_t whole = strlen(text), size = whole;
        for (size_t slips = 1 + below(3); slips > 0; slips--) {
            size = slip(text, size);
        }
        write_text(dir, name, text, size);
        compile(dir);
        named += compiled.mistake_count > 0;
        for (size_t m = 0; m < compiled.mistake_count; m++) {
            CHECK(compiled.mistakes[m].line > 0 && compiled.mistakes[m].column > 0);
        }
        free(text);
        copy_one(small_manual, name, (void *)(uintptr_t)dir);
        arena_reset(arena);
    }
    drop_dir(dir);
    CHECK(named > 180);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(the_small_manual_has_no_mistakes),
        TEST(every_broken_manual_is_named_at_its_place),
        TEST(and_in_chinese_too),
        TEST(the_manual_of_the_department_has_no_mistakes),
        TEST(names_are_resolved_so_that_the_engine_need_not_search),
        TEST(common_steps_are_merged_where_the_procedure_has_their_states),
        TEST(limits_know_their_class_field_and_unit),
        TEST(the_same_folder_gives_the_same_bytes),
        TEST(a_parameter_set_replaces_values_class_by_class),
        TEST(a_wrong_parameter_set_is_named),
        TEST(a_folder_that_cannot_be_read_is_an_error),
        TEST(missing_and_unknown_files_are_named),
        TEST(a_file_too_large_to_publish_is_refused),
        TEST(deep_nesting_is_refused_in_bounded_time),
        TEST(anchors_aliases_tags_and_large_files_are_refused),
        TEST(many_mistakes_take_bounded_time),
        TEST(slips_are_named_and_never_crash),
    };
    return RUN_TESTS(tests, argc, argv);
}
