#include "manual/condition.h"

#include "harness.h"
#include "manual/compile.h"

enum { VALUES_MAX = 16 };

/* What a case has: named values. */
struct values {
    Wire__Value list[VALUES_MAX];
    size_t count;
};

static struct values values;
static const int64_t hour = 3600000;
static const int64_t now = 1752243240000; /* 2025-07-11 22:14 in Shanghai */

static const Wire__Value *find(void *arg, const char *subject) {
    struct values *all = arg;

    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->list[i].key, subject) == 0) {
            return &all->list[i];
        }
    }
    return NULL;
}

static Wire__Value *put(const char *key) {
    Wire__Value *value = &values.list[values.count++];

    wire__value__init(value);
    value->key = key;
    return value;
}

static void put_text(const char *key, const char *text) {
    Wire__Value *value = put(key);

    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = text;
}

static void put_integer(const char *key, int64_t integer) {
    Wire__Value *value = put(key);

    value->kind_case = WIRE__VALUE__KIND_INTEGER;
    value->integer = integer;
}

static void put_ms(const char *key, int64_t ms) {
    Wire__Value *value = put(key);

    value->kind_case = WIRE__VALUE__KIND_MS;
    value->ms = ms;
}

static void put_flag(const char *key, bool flag) {
    Wire__Value *value = put(key);

    value->kind_case = WIRE__VALUE__KIND_FLAG;
    value->flag = flag;
}

static struct subjects subjects(const struct manual *manual) {
    return (struct subjects){
        .find = find, .arg = &values, .actor = "S402", .now_ms = now, .manual = manual};
}

static Manual__Term term_on(const char *subject) {
    Manual__Term term = MANUAL__TERM__INIT;

    term.subject = subject;
    return term;
}

static bool holds(Manual__Term term) {
    struct subjects all = subjects(NULL);

    return condition_term(&term, &all);
}

static bool is_one_of(const char *subject, const char *a, const char *b, bool negate) {
    const char *list[] = {a, b};
    Manual__Term term = term_on(subject);

    term.one_of = list;
    term.n_one_of = b ? 2 : 1;
    term.negate = negate;
    return holds(term);
}

static Manual__Limit number(int64_t amount) {
    Manual__Limit limit = MANUAL__LIMIT__INIT;

    limit.amount = amount;
    return limit;
}

static void a_value_equals_one_of_a_list(void) {
    put_text("urgency", "E1");
    put_integer("contacts", 3);
    put_flag("rework", true);

    CHECK(is_one_of("urgency", "E1", NULL, false));
    CHECK(is_one_of("urgency", "E2", "E1", false));
    CHECK(!is_one_of("urgency", "E2", "N", false));
    CHECK(is_one_of("urgency", "E2", "N", true));
    CHECK(!is_one_of("urgency", "E2", "E1", true));
    CHECK(is_one_of("contacts", "3", NULL, false));
    CHECK(is_one_of("rework", "true", NULL, false));
    CHECK(!is_one_of("rework", "false", NULL, false));
}

static void what_was_never_set_is_false_and_equals_nothing_else(void) {
    CHECK(is_one_of("reviewed", "false", NULL, false));
    CHECK(!is_one_of("reviewed", "true", NULL, false));
    CHECK(is_one_of("reviewed", "true", NULL, true));
    CHECK(!is_one_of("urgency", "E1", NULL, false));
    CHECK(is_one_of("urgency", "E1", NULL, true));
}

static void the_actor_can_be_asked_for(void) {
    put_text("technician", "S402");
    put_text("doer", "S403");

    CHECK(is_one_of("technician", "$actor", NULL, false));
    CHECK(!is_one_of("doer", "$actor", NULL, false));
    CHECK(is_one_of("doer", "$actor", NULL, true));
    CHECK(!is_one_of("nobody", "$actor", NULL, false));
}

static void a_number_lies_between_its_bounds_both_included(void) {
    Manual__Limit two = number(2), three = number(3);
    Manual__Term term = term_on("contacts");
    put_integer("contacts", 3);
    put_text("overall", "2");

    term.min = &three;
    CHECK(holds(term));
    term.max = &three;
    CHECK(holds(term));
    term.max = &two;
    CHECK(!holds(term));
    term = term_on("overall"); /* a choice that is a number */
    term.min = &three;
    CHECK(!holds(term));
    term.min = &two;
    CHECK(holds(term));
    term = term_on("nothing");
    term.max = &two;
    CHECK(!holds(term));
}

static void rows_are_counted(void) {
    static Wire__Rows rows = WIRE__ROWS__INIT;
    Manual__Limit two = number(2);
    Manual__Term term = term_on("attempts");
    Wire__Value *value = put("attempts");

    value->kind_case = WIRE__VALUE__KIND_ROWS;
    value->rows = &rows;
    rows.n_row = 2;
    term.min = &two;
    CHECK(holds(term));
    rows.n_row = 1;
    CHECK(!holds(term));
}

static void a_time_is_within_or_beyond_and_at_the_limit_within(void) {
    Manual__Limit day = number(24 * hour);
    Manual__Term within = term_on("closed_at"), beyond = term_on("closed_at");

    day.unit = "ms";
    within.within = &day;
    beyond.beyond = &day;
    put_ms("closed_at", now - 24 * hour);
    CHECK(holds(within) && !holds(beyond));
    values.list[0].ms = now - 24 * hour - 1;
    CHECK(!holds(within) && holds(beyond));
    values.count = 0;
    CHECK(!holds(within) && !holds(beyond));
}

static void presence_and_absence_are_asked(void) {
    Manual__Term present = term_on("slot_from"), absent = term_on("slot_from");

    present.present = true;
    absent.absent = true;
    CHECK(!holds(present) && holds(absent));
    put_ms("slot_from", now);
    CHECK(holds(present) && !holds(absent));
    values.count = 0;
    put_text("slot_from", "");
    CHECK(!holds(present) && holds(absent));
}

static void one_alternative_must_hold_with_all_its_terms(void) {
    const char *e1[] = {"E1"}, *water[] = {"water"};
    Manual__Term urgency = term_on("urgency"), trade = term_on("trade");
    Manual__Term *both[] = {&urgency, &trade}, *one[] = {&trade};
    Manual__Any first = MANUAL__ANY__INIT, second = MANUAL__ANY__INIT;
    Manual__Any *any[] = {&first, &second};
    struct subjects all = subjects(NULL);

    urgency.one_of = e1;
    trade.one_of = water;
    urgency.n_one_of = trade.n_one_of = 1;
    first.all = both;
    first.n_all = 2;
    second.all = one;
    second.n_all = 1;
    put_text("urgency", "E1");
    put_text("trade", "power");
    CHECK(!condition_holds(any, 2, &all));
    CHECK(condition_holds(any, 0, &all)); /* nothing asked */
    values.list[1].text = "water";
    CHECK(condition_holds(any, 1, &all));
    values.list[0].text = "N";
    CHECK(!condition_holds(any, 1, &all));
    CHECK(condition_holds(any, 2, &all));
}

static void a_limit_may_be_a_parameter_by_class(void) {
    struct arena *arena = arena_new(COMPILE_ARENA_SIZE);
    static struct compiled compiled;
    struct err err = {0};
    CHECK_OK(compile_dir("tests/manuals/small", &compiled, arena, &err), err);
    struct manual *manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK(manual);
    struct subjects all = subjects(manual);
    Manual__Limit limit = MANUAL__LIMIT__INIT;
    Manual__Term term = term_on("opened_at");

    limit.parameter = "loan.lend_min"; /* low 60, high 5, else 30 minutes */
    limit.class_field = "grade";
    limit.unit = "ms";
    term.within = &limit;
    put_ms("opened_at", now - hour / 2);
    put_text("grade", "high");
    CHECK(!condition_term(&term, &all));
    values.list[1].text = "low";
    CHECK(condition_term(&term, &all));
    values.list[1].text = "middle";
    CHECK(condition_term(&term, &all));
    limit.parameter = "loan.review_work_d"; /* from Wednesday evening: to Monday, desk closing */
    limit.class_field = "";
    limit.unit = "wd";
    values.list[0].ms = now - 48 * hour;
    CHECK(condition_term(&term, &all));
    all.now_ms = now + (2 * 24 + 21) * hour + 46 * 60000;
    CHECK(condition_term(&term, &all));
    all.now_ms++;
    CHECK(!condition_term(&term, &all));
    limit.parameter = "no.such";
    CHECK(!condition_term(&term, &all));
    manual_free(manual);
    arena_free(arena);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_value_equals_one_of_a_list),
        TEST(what_was_never_set_is_false_and_equals_nothing_else),
        TEST(the_actor_can_be_asked_for),
        TEST(a_number_lies_between_its_bounds_both_included),
        TEST(rows_are_counted),
        TEST(a_time_is_within_or_beyond_and_at_the_limit_within),
        TEST(presence_and_absence_are_asked),
        TEST(one_alternative_must_hold_with_all_its_terms),
        TEST(a_limit_may_be_a_parameter_by_class),
    };
    return RUN_TESTS(tests, argc, argv);
}
