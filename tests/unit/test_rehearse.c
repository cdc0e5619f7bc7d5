/*
 * The runner of rehearsals: whatever is wrong in a file is said by its line before
 * anything is played; each expectation that does not hold says what was there instead.
 */
#include "harness.h"

#include "base/log.h"
#include "cli/services.h"
#include "host/rehearse.h"

enum { TEXT_MAX_BYTES = 64 * 1024 };

struct played {
    struct rehearse_result result;
    char *said;
    char file[64];
};

static struct rehearse_options options(FILE *out) {
    log_set(LOG_ERROR, false);
    return (struct rehearse_options){
        .services = services_all,
        .manual = "manual",
        .demo = "deploy/demo",
        .locale = "en",
        .seed = 1,
        .out = out,
    };
}

static struct played play_as(const char *yaml, bool explain, const char *locale) {
    struct played played = {.file = "/tmp/rehearse.XXXXXX"};
    size_t size = 0;
    int fd = mkstemp(played.file);

    CHECK(fd >= 0);
    CHECK(write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
    CHECK(close(fd) == 0);
    FILE *out = open_memstream(&played.said, &size);
    struct rehearse_options with = options(out);
    with.explain = explain;
    with.locale = locale;
    rehearse_file(&with, played.file, &played.result);
    CHECK(fclose(out) == 0);
    CHECK(unlink(played.file) == 0);
    return played;
}

static struct played play(const char *yaml) {
    return play_as(yaml, false, "en");
}

/* Is "<file>:LINE: TEXT…" among what was said? */
static bool says(const struct played *played, int line, const char *text) {
    char want[TEXT_MAX_BYTES];

    (void)snprintf(want, sizeof want, "%s:%d: %s", played->file, line, text);
    return strstr(played->said, want) != NULL;
}

static void done(struct played *played) {
    free(played->said);
    rehearse_drop_templates();
}

#define SAYS(played, line, text)                                                                   \
    do {                                                                                           \
        if (!says((played), (line), (text))) {                                                     \
            (void)fprintf(stderr, "# %s:%d: not said: line %d: %s\n# but:\n%s\n", __FILE__,        \
                          __LINE__, (line), (text), (played)->said);                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* One mistake, said at its line, and nothing played. */
static void refuses(const char *yaml, int line, const char *text) {
    struct played played = play(yaml);

    SAYS(&played, line, text);
    CHECK(!played.result.played && played.result.failures > 0);
    free(played.said);
}

#define HEAD "rehearsal: a test\ndata: demo\nstart: 2025-07-11T22:00:00+08:00\nsteps:\n" /* 4 */

/* A burst pipe at 22:14, lines 5–12. */
#define LEAK                                                                                       \
    "  - at: \"22:14\"\n"                                                                          \
    "    as: 王丽\n"                                                                             \
    "    open: repair\n"                                                                           \
    "    unit: 2-1-501\n"                                                                          \
    "    caller: {name: 孙先生, phone: \"13800000000\"}\n"                                      \
    "    channel: call\n"                                                                          \
    "    fields: {urgency: E1, trade: water, scope: private, place: 厨房, content: a burst}\n"   \
    "    save: leak\n"

/* Dispatched at 22:16 to 周涛, who does not answer; lines 13–17. */
#define DISPATCH                                                                                   \
    "  - at: \"22:16\"\n"                                                                          \
    "    as: 李强\n"                                                                             \
    "    fire: dispatch\n"                                                                         \
    "    case: $leak\n"                                                                            \
    "    fields: {assignee: 周涛}\n"

/* ---- mistakes in the file ---- */

static void what_is_no_rehearsal_is_refused(void) {
    refuses("", 1, "`a rehearsal` needs `steps`");
    refuses("- a\n", 1, "a rehearsal is a map");
    refuses("steps: [\n", 2, "");
    refuses("steps: {}\nstart: 2025-07-11T22:00:00+08:00\n", 1, "`steps` is a list");
    refuses("steps: []\n", 1, "`start` is missing");
    refuses("steps: []\nstart: yesterday\n", 2, "`start` is a full time");
    refuses("steps: []\nsteps: []\n", 2, "\"steps\" stands twice here");
    refuses("stepz: []\nsteps: []\nstart: 2025-07-11T22:00:00+08:00\n", 1,
            "unknown key `stepz` in a rehearsal: is it `steps`?");
}

static void unknown_keys_are_named_with_the_nearest_right_one(void) {
    refuses(HEAD "  - {as: 王丽, open: repair, feilds: {}}\n", 5,
            "unknown key `feilds` in a step that has `open`: is it fields");
    refuses(HEAD "  - {as: 王丽, fire: done, case: $x, unit: 2-1-501}\n", 5,
            "unknown key `unit` in a step that has `fire`");
    refuses(HEAD "  - {as: 王丽, fire: done}\n", 5, "`fire` needs `case: $name`");
    refuses(HEAD "  - {at: \"22:10\", opne: repair}\n", 5,
            "unknown key `opne` in a step: is it open");
    refuses(HEAD "  - {open: repair, fire: done, case: $x}\n", 5,
            "a step does one thing: `open` or `fire`");
    refuses(HEAD "  - {as: 王丽}\n", 5, "this step does nothing");
    refuses(HEAD "  - {fault: {kil: bus}}\n", 5, "unknown key `kil` in a fault: is it `kill`?");
    refuses(HEAD "  - {as: 王丽, open: repair, caller: {fone: \"1\"}}\n", 5,
            "unknown key `fone` in a caller: is it `phone`?");
    refuses(HEAD "  - just text\n", 5, "a step is a map");
}

static void unknown_expectations_are_mistakes_with_their_line(void) {
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - pagd: {to: 周涛}\n", 7,
            "unknown expectation `pagd`: is it `paged`?");
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - paged: {too: 周涛, about: x}\n", 7,
            "unknown key `too` in paged: is it `to`?");
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - paged: {step: 1}\n", 7,
            "`paged` needs `to` or `about`");
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - state: {case: $x}\n", 7,
            "`state` needs `is`");
    refuses(HEAD "  - at: \"22:10\"\n    expect: {state: x}\n", 6, "`expect` is a list");
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - state\n", 7, "an expectation is a map");
    refuses(HEAD "  - at: \"22:10\"\n    expect:\n      - clock: onsite\n", 7, "`clock` is a map");
}

/* ---- playing ---- */

static void a_story_that_holds_passes(void) {
    struct played played = play(
        HEAD LEAK
        "    expect:\n"
        "      - state: {case: $leak, is: registered}\n"
        "      - state: {case: $leak.contact, is: converted}\n"
        "      - case: {case: $leak, has: {first_contact_owner: 王丽, contacts: 1,"
        " urgency: E1, unit: 2-1-501, late_entry: false}}\n"
        "      - clock: {case: $leak, name: onsite, due: \"22:29\", result: running}\n"
        "      - reply: {state: registered, offers: []}\n" DISPATCH "  - at: \"22:22:30\"\n"
        "    expect:\n"
        "      - paged: {to: 周涛, about: $leak, times: 2}\n"
        "      - paged: {to: 吴刚, about: $leak, at: \"22:19\", step: 1, ladder: B}\n"
        "      - not_paged: {to: 高原}\n"
        "      - page: {about: $leak, state: open, ladder: B}\n"
        "      - event: {topic: repair.dispatch, has: {case: $leak, actor: 李强}, times: 1}\n"
        "      - audit: {actor: 李强, act: repair.dispatch, on: $leak}\n"
        "      - form: {code: KF-011, case: $leak, has: {place: 厨房}}\n"
        "      - distinct: {form: KF-011, field: number}\n"
        "      - list: {name: unassigned, as: 李强, lacks: [$leak]}\n"
        "  - at: \"22:24\"\n"
        "    as: 吴刚\n"
        "    ack: $leak\n"
        "    expect:\n"
        "      - case: {case: $leak, has: {handler: 吴刚}}\n"
        "      - page: {about: $leak, state: acknowledged, by: 吴刚}\n");

    CHECK_TEXT(played.said, "");
    CHECK(played.result.played && played.result.failures == 0);
    CHECK(played.result.held == 16);
    done(&played);
}

static void each_expectation_that_does_not_hold_says_what_was_there(void) {
    struct played played = play(
        HEAD LEAK DISPATCH
        "  - at: \"22:20\"\n"                                                          /* 18 */
        "    expect:\n"                                                                /* 19 */
        "      - state: {case: $leak, is: working}\n"                                  /* 20 */
        "      - case: {case: $leak, has: {urgency: E2, first_contact_owner: 张敏}}\n" /* 21 */
        "      - clock: {case: $leak, name: onsite, due: \"22:30\"}\n"                 /* 22 */
        "      - clock: {case: $leak, name: onsite, result: met}\n"                    /* 23 */
        "      - clock: {case: $leak, name: nothing}\n"                                /* 24 */
        "      - paged: {to: 周涛, about: $leak, times: 5}\n"                          /* 25 */
        "      - paged: {to: 高原, about: $leak}\n"                                    /* 26 */
        "      - paged: {to: 吴刚, about: $leak, at: \"22:18\"}\n"                     /* 27 */
        "      - not_paged: {to: 吴刚}\n"                                              /* 28 */
        "      - page: {about: $leak, state: acknowledged}\n"                          /* 29 */
        "      - told: {unit: 9-9-999}\n"                                              /* 30 */
        "      - form: {code: KF-011, case: $leak, has: {place: 阳台}}\n"              /* 31 */
        "      - form: {code: KF-020}\n"                                               /* 32 */
        "      - list: {name: my_cases, as: 周涛, contains: [E01-X], size: 9}\n"       /* 33 */
        "      - list: {name: no_such_list, as: 周涛}\n"                               /* 34 */
        "      - kpi: {name: repair_arrival, period: 2025-07-11, numerator: 7}\n"      /* 35 */
        "      - distinct: {form: KF-020, field: number}\n"                            /* 36 */
        "      - event: {topic: repair.dispatch, times: 3}\n"                          /* 37 */
        "      - event: {topic: repair.dispatch, has: {actor: 王丽}}\n"                /* 38 */
        "      - audit: {actor: 冯总, act: repair.dispatch, on: $leak}\n"              /* 39 */
        "      - reply: {state: x}\n"                                                  /* 40 */
        "      - error: not_found\n"                                                   /* 41 */
        "      - state: {case: $nobody, is: x}\n"                                      /* 42 */
        "      - state: {case: $leak.complaint, is: x}\n");                            /* 43 */

    SAYS(&played, 20, "expected E01-KF011-20250711-0001 to be working; is dispatched");
    SAYS(&played, 21, "expected urgency of E01-KF011-20250711-0001 to be E2; is E1");
    SAYS(&played, 21,
         "expected first_contact_owner of E01-KF011-20250711-0001 to be 张敏; is 王丽 (S101)");
    SAYS(&played, 22,
         "expected clock onsite of E01-KF011-20250711-0001 due 22:30; is due "
         "07-11 22:29:00, running");
    SAYS(&played, 23, "expected clock onsite of E01-KF011-20250711-0001 met; is due");
    SAYS(&played, 24, "expected a clock nothing of E01-KF011-20250711-0001; it never started");
    SAYS(&played, 25, "expected 5 pages to 周涛 about E01-KF011-20250711-0001; there were 2: ");
    CHECK(strstr(played.said, "周涛 at 07-11 22:16:00 (B, step 0, webhook, page.sent)"));
    SAYS(&played, 26, "expected a page to 高原 about E01-KF011-20250711-0001; there were: ");
    SAYS(&played, 27,
         "expected a page to 吴刚 about E01-KF011-20250711-0001 at 22:18; there were:");
    SAYS(&played, 28, "expected no page to 吴刚; there were: 吴刚 at 07-11 22:19:00");
    SAYS(&played, 29, "expected a page about E01-KF011-20250711-0001 acknowledged; there were:");
    SAYS(&played, 30, "expected at least 1 message to 9-9-999; there were 0");
    SAYS(&played, 31,
         "expected form KF-011 of E01-KF011-20250711-0001 as written; place of "
         "E01-KF011-20250711-0001 is 厨房");
    SAYS(&played, 32, "expected form KF-020 as written; there is none on this form");
    SAYS(&played, 33, "expected 9 on list my_cases; there are 1: E01-KF011-20250711-0001");
    SAYS(&played, 34, "list no_such_list cannot be read");
    SAYS(&played, 35, "expected repair_arrival of 2025-07-11: 7/* ; is ");
    SAYS(&played, 36, "there is no form KF-020 with a number");
    SAYS(&played, 37, "expected event repair.dispatch times 3; there were 1");
    SAYS(&played, 38,
         "expected event repair.dispatch as written; there were 0 (one with actor 李强");
    SAYS(&played, 39, "expected in the audit log: 冯总 repair.dispatch");
    SAYS(&played, 40, "this step asks nobody, so there is no reply");
    SAYS(&played, 41, "this step asks nobody, so nothing can be refused");
    SAYS(&played, 42, "nothing was saved as $nobody");
    SAYS(&played, 43, "$leak has no complaint");
    CHECK(played.result.played && played.result.held == 0);
    CHECK(played.result.failures == 25);
    done(&played);
}

static void a_refusal_must_be_expected_and_an_expected_one_must_come(void) {
    struct played played = play(HEAD LEAK
                                "  - {at: \"22:15\", as: 王丽, fire: done, case: $leak}\n" /* 13 */
                                "  - at: \"22:15\"\n"                                      /* 14 */
                                "    as: 钱芳\n"                                           /* 15 */
                                "    fire: dispatch\n"                                     /* 16 */
                                "    case: $leak\n"                                        /* 17 */
                                "    fields: {assignee: 周涛}\n"                           /* 18 */
                                "    expect:\n"                                            /* 19 */
                                "      - error: permission_denied\n"                       /* 20 */
                                "  - at: \"22:15\"\n"                                      /* 21 */
                                "    as: 李强\n"                                           /* 22 */
                                "    fire: dispatch\n"                                     /* 23 */
                                "    case: $leak\n"                                        /* 24 */
                                "    expect:\n"                                            /* 25 */
                                "      - error: not_found\n"                               /* 26 */
                                "      - says: something else\n"                           /* 27 */
                                "      - reply: {missing: [assignee]}\n"                   /* 28 */
                                "      - reply: {missing: [colour]}\n"                     /* 29 */
                                "  - at: \"22:16\"\n"                                      /* 30 */
                                "    as: 李强\n"                                           /* 31 */
                                "    fire: dispatch\n"                                     /* 32 */
                                "    case: $leak\n"                                        /* 33 */
                                "    fields: {assignee: 周涛}\n"                           /* 34 */
                                "    expect:\n"                                            /* 35 */
                                "      - error: permission_denied\n"                       /* 36 */
                                "      - reply: {state: registered}\n");                   /* 37 */

    SAYS(&played, 13, "refused with ");
    SAYS(&played, 26, "expected error not_found; was ");
    SAYS(&played, 27, "expected a message with \"something else\"; was \"");
    SAYS(&played, 29, "expected colour to be missing; the reply is ");
    SAYS(&played, 36, "expected error permission_denied; it was carried out");
    SAYS(&played, 37, "expected state registered in the reply; was dispatched");
    CHECK(played.result.held == 2);
    CHECK(played.result.failures == 6);
    done(&played);
}

static void the_same_request_again_changes_nothing_and_another_content_is_refused(void) {
    struct played played = play(HEAD LEAK "  - at: \"22:15\"\n"
                                          "    again: leak\n"
                                          "    expect:\n"
                                          "      - event: {topic: repair.open, times: 1}\n"
                                          "      - reply: {case_no: $leak}\n"
                                          "  - at: \"22:15\"\n"
                                          "    again: leak\n"
                                          "    changed: {unit: 2-1-502, fields: {place: 阳台}}\n"
                                          "    expect:\n"
                                          "      - error: invalid_argument\n"
                                          "      - event: {topic: repair.open, times: 1}\n"
                                          "  - {at: \"22:16\", again: nobody}\n"); /* 24 */

    SAYS(&played, 24, "no step was saved as nobody");
    CHECK(played.result.failures == 1 && played.result.held == 4);
    done(&played);
}

static void steps_repeat_and_names_take_the_number_in(void) {
    struct played played = play(
        HEAD "  - at: \"22:05\"\n"
             "    repeat: 3\n"
             "    as: 王丽\n"
             "    open: contact\n"
             "    unit: \"1-1-{i}01\"\n"
             "    caller: {name: \"住户{i}\", phone: \"1380000020{i}\"}\n"
             "    channel: call\n"
             "    fields: {identity: owner, category: errand, content: \"matter {i}\"}\n"
             "    save: \"paper{i}\"\n"
             "    expect:\n"
             "      - case: {case: \"$paper{i}\", has: {content: \"matter {i}\"}}\n"
             "  - at: \"22:06\"\n"
             "    for: {unit: occupied, building: 5, take: 2}\n"
             "    as: 王丽\n"
             "    open: contact\n"
             "    unit: \"{unit}\"\n"
             "    channel: call\n"
             "    caller: {name: a, phone: \"13800000300\"}\n"
             "    fields: {identity: owner, category: errand, content: \"of {unit}\"}\n"
             "  - at: \"22:07\"\n"
             "    find: contact\n"
             "    where: {unit: 1-1-201, state: registered}\n"
             "    save: second\n"
             "    expect:\n"
             "      - event: {topic: contact.open, times: 5}\n"
             "      - case: {case: $second, has: {content: matter 2}}\n"
             "  - {at: \"22:08\", find: contact, where: {unit: 12-1-101}}\n" /* 31 */
             "  - {at: \"22:08\", for: {unit: occupied, building: 99}, as: 王丽, open: contact}\n");

    SAYS(&played, 31, "there is no such contact");
    SAYS(&played, 32, "there are only 0 such units");
    CHECK(played.result.failures == 2 && played.result.held == 5);
    done(&played);
}

static void times_are_read_as_people_write_them_and_never_go_back(void) {
    struct played played = play(
        HEAD "  - {at: \"23:30\", as: 王丽, open: contact, unit: 2-1-501, channel: call,"
             " caller: {name: a, phone: \"13800000300\"},"
             " fields: {identity: owner, category: errand, content: x}, save: a}\n"
             "  - {at: \"00:10\", expect: [{event: {topic: contact.open, has: {at: \"07-11 "
             "23:30\"}}}]}\n"
             "  - {at: +5m, expect: [{case: {case: $a, has: {event_at: \"07-11 23:30\"}}}]}\n"
             "  - {at: \"07-12 00:15\", expect: [{state: {case: $a, is: registered}}]}\n"
             "  - {at: \"2025-07-12T00:14:00+08:00\"}\n"); /* 9 */

    SAYS(&played, 9, "2025-07-12T00:14:00+08:00 is before the step before (07-12 00:15:00)");
    CHECK(!played.result.played && played.result.held == 3 && played.result.failures == 1);
    done(&played);
    played = play(HEAD "  - {at: soon}\n");
    SAYS(&played, 5, "\"soon\" is no time");
    done(&played);
}

static void who_and_what_is_not_there_is_said(void) {
    struct played played = play(
        HEAD "  - {at: \"22:01\", as: 孙悟空, open: contact}\n"         /* 5 */
             "  - {at: \"22:01\", open: contact}\n"                     /* 6 */
             "  - {at: \"22:01\", as: 王丽, open: no_such}\n"           /* 7 */
             "  - {at: \"22:01\", as: 王丽, fire: done, case: E01-X}\n" /* 8 */
             "  - {at: \"22:01\", as: 王丽, call: Ticketing/GetCaze}\n" /* 9 */
             "  - {at: \"22:01\", as: 王丽, call: ticketing/GetCase, with: {caseno: x}}\n"
             "  - {at: \"22:01\", fault: {kill: nobody}}\n"              /* 11 */
             "  - {at: \"22:01\", fault: {start: bus}}\n"                /* 12 */
             "  - {at: \"22:01\", fault: {channel: sms, does: dance}}\n" /* 13 */
             "  - {at: \"22:01\", record: KF-007, case: x}\n"            /* 14 */
             "  - {at: \"22:01\", import: no-such.csv}\n"                /* 15 */
             "  - {at: \"22:01\", fault: {clock_jump: far}}\n"           /* 16 */
             "  - {at: \"22:01\", as: {nobody: x}, open: contact}\n");   /* 17 */

    SAYS(&played, 5, "there is no employee 孙悟空");
    SAYS(&played, 6, "this step needs `as: NAME`");
    SAYS(&played, 7, "the manual has no procedure no_such");
    SAYS(&played, 8, "there is no case E01-X");
    SAYS(&played, 9, "there is no method Ticketing/GetCaze");
    SAYS(&played, 10, "json_key: path=caseno\nnearest=caseNo");
    SAYS(&played, 11, "there is no service nobody");
    SAYS(&played, 12, "bus runs already");
    SAYS(&played, 13, "a channel may fail, hang");
    SAYS(&played, 14, "rows of a case come by its own steps");
    SAYS(&played, 15, "/tmp/no-such.csv");
    SAYS(&played, 16, "\"far\" is no span of time");
    SAYS(&played, 17, "`as` is a staff name");
    CHECK(played.result.failures == 13);
    done(&played);
}

static void faults_are_played(void) {
    struct played played = play(
        HEAD LEAK
        "  - {at: \"22:15\", fault: {kill: ticketing}}\n"
        "  - {at: \"22:15\", as: 李强, fire: dispatch, case: $leak, fields: {assignee: "
        "周涛}, expect: [{error: unavailable}]}\n"
        "  - {at: \"22:15:30\", fault: {start: ticketing}}\n"
        "  - {at: \"22:15:40\", fault: {channel: webhook, to: 周涛, first: 1, does: fail}}\n"
        "  - {at: \"22:16\", as: 李强, fire: dispatch, case: $leak, fields: {assignee: 周涛}}\n"
        "  - at: \"22:16:10\"\n"
        "    expect:\n"
        "      - event: {topic: page.sent, has: {to: 周涛, times: 2}, times: 1}\n"
        "  - {at: \"22:17\", fault: {cut: [caller, ticketing]}}\n"
        "  - {at: \"22:17\", as: 周涛, fire: ack, case: $leak, expect: [{error: unavailable}]}\n"
        "  - {at: \"22:17\", fault: {mend: [ticketing, caller]}}\n"
        "  - {at: \"22:17:30\", fault: {clock_jump: -1h}}\n"
        "  - {at: \"22:18\", as: 周涛, fire: ack, case: $leak, expect: [{state: {case: "
        "$leak, is: acknowledged}}]}\n");

    CHECK_TEXT(played.said, "");
    CHECK(played.result.held == 4);
    done(&played);
}

static void any_method_can_be_called_and_any_event_put_on_the_bus(void) {
    struct played played = play(HEAD LEAK "  - at: \"22:15\"\n"
                                          "    as: 王丽\n"
                                          "    call: shouwen.ticketing.v1.Ticketing/GetCase\n"
                                          "    with: {case_no: $leak}\n"
                                          "    save: got\n"
                                          "    expect:\n"
                                          "      - reply: {state: registered, unit: 2-1-501}\n"
                                          "  - at: \"22:15\"\n"
                                          "    as: 王丽\n"
                                          "    call: ticketing/GetCase\n"
                                          "    with: {caseNo: E01-KF011-20250711-0099}\n"
                                          "    expect:\n"
                                          "      - error: not_found\n"
                                          "  - at: \"22:15\"\n"
                                          "    event: weather.warning\n"
                                          "    with: {kind: rainstorm, level: blue}\n");

    CHECK_TEXT(played.said, "");
    CHECK(played.result.held == 2);
    done(&played);
}

static void parameters_of_a_rehearsal_lie_over_the_manual(void) {
    struct played played = play("rehearsal: a test\ndata: demo\nstart: 2025-07-11T22:00:00+08:00\n"
                                "parameters: {repair.onsite_min: {E1: 5}}\nsteps:\n" LEAK
                                "    expect:\n"
                                "      - clock: {case: $leak, name: onsite, due: \"22:19\"}\n");
    CHECK_TEXT(played.said, "");
    done(&played);
    played = play("rehearsal: a test\ndata: demo\nstart: 2025-07-11T22:00:00+08:00\n"
                  "parameters: {repair.onsite_mun: 5}\nsteps: []\n");
    CHECK(played.result.failures == 1);
    CHECK(strstr(played.said, "repair.onsite_mun"));
    done(&played);
}

#define ACCEPT                                                                                     \
    "  - {at: \"22:17\", as: 周涛, ack: $leak}\n"                                                \
    "  - at: \"22:18\"\n"

static void the_timeline_says_who_was_paged_by_which_rule_and_channel(void) {
    struct played english = play_as(HEAD LEAK DISPATCH "  - at: \"22:17\"\n", true, "en");
    CHECK(strstr(english.said, "→ page 周涛 (ladder B step 0, rule "));
    CHECK(strstr(english.said, "by webhook"));
    CHECK(strstr(english.said, "07-11 22:16:00"));
    done(&english);
    /* The technician is told in Chinese; whoever reads the timeline, in his language. */
    english = play_as(HEAD LEAK DISPATCH ACCEPT, true, "en");
    CHECK(strstr(english.said, "周涛, our technician, has taken your repair"));
    done(&english);
    struct played chinese = play_as(HEAD LEAK DISPATCH ACCEPT, true, "zh");
    CHECK(strstr(chinese.said, "您的报修已由维修师傅周涛接单"));
    done(&chinese);
    chinese = play_as(HEAD LEAK DISPATCH "  - at: \"22:17\"\n", true, "zh");
    CHECK(strstr(chinese.said, "李强：派单"));
    CHECK(strstr(chinese.said, "寻呼 周涛"));
    done(&chinese);
}

#define REFUSED                                                                                    \
    "  - {at: \"22:15\", as: 钱芳, fire: dispatch, case: $leak, fields: {assignee: 周涛}, "
static void a_refusal_is_read_in_the_language_in_which_it_is_expected(void) {
    static const char *const locales[] = {"zh", "en"};

    for (size_t i = 0; i < 2; i++) {
        struct played played = play_as(
            HEAD LEAK REFUSED "expect: [error: permission_denied, says: 请找负责]}\n" REFUSED
                              "expect: [error: permission_denied, says: ask the]}\n",
            false, locales[i]);
        CHECK(played.result.played && played.result.failures == 0 && played.result.held == 4);
        done(&played);
    }
}

static void two_runs_have_equal_logs_and_another_story_another(void) {
    struct played first = play(HEAD LEAK DISPATCH);
    struct played second = play(HEAD LEAK DISPATCH);
    CHECK(first.result.events > 5);
    CHECK(memcmp(first.result.log, second.result.log, sizeof first.result.log) == 0);
    struct played other = play(HEAD LEAK);
    CHECK(memcmp(first.result.log, other.result.log, sizeof first.result.log) != 0);
    done(&first);
    done(&second);
    done(&other);
}

static const struct test tests[] = {
    TEST(what_is_no_rehearsal_is_refused),
    TEST(unknown_keys_are_named_with_the_nearest_right_one),
    TEST(unknown_expectations_are_mistakes_with_their_line),
    TEST(a_story_that_holds_passes),
    TEST(each_expectation_that_does_not_hold_says_what_was_there),
    TEST(a_refusal_must_be_expected_and_an_expected_one_must_come),
    TEST(the_same_request_again_changes_nothing_and_another_content_is_refused),
    TEST(steps_repeat_and_names_take_the_number_in),
    TEST(times_are_read_as_people_write_them_and_never_go_back),
    TEST(who_and_what_is_not_there_is_said),
    TEST(faults_are_played),
    TEST(any_method_can_be_called_and_any_event_put_on_the_bus),
    TEST(parameters_of_a_rehearsal_lie_over_the_manual),
    TEST(the_timeline_says_who_was_paged_by_which_rule_and_channel),
    TEST(a_refusal_is_read_in_the_language_in_which_it_is_expected),
    TEST(two_runs_have_equal_logs_and_another_story_another),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
