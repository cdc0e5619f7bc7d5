/*
 * ladders - random nights and days of notify over the department's real ladders and routes:
 * people on shift, off shift, on leave, without a channel; answers, refusals and silence.
 *
 *     SEED=n HOUSES=n GOAL=n TABLE=1 build/tests/unit/test_ladders
 *
 * Equal seeds, equal histories.  Each step of each ladder runs at least GOAL times, each
 * route opens as many pages, and each kind of end takes back as many.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/text.h"
#include "core/event.h"
#include "harness.h"
#include "manual/compile.h"
#include "manual/manual.h"
#include "paging.h"
#include "store/query.h"

enum {
    GOAL = 100,
    TALLIES_MAX = 128,
    BATCH = 512,
    DAYS = 24,
    ACTS_A_DAY = 60,
    HANDED = 4,
    LOTS = 4
};

#ifdef __SANITIZE_ADDRESS__ /* fewer where each act costs ten times as much */
enum { HOUSES = 1, HOUSES_GOAL = 0 };
#else
enum { HOUSES = 12, HOUSES_GOAL = 1 };
#endif

static const int64_t minute = 60 * 1000, day = INT64_C(24) * 3600 * 1000;
static uint64_t state;
static const struct manual *manual;
static struct arena *forever;

static size_t below(size_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % n);
}

static int64_t setting(const char *name, int64_t none) {
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : none;
}

/* ---- counts ---- */

struct tally {
    char name[80];
    int64_t times, somebody;
};
static struct tally tallies[TALLIES_MAX];
static size_t tally_count;

static struct tally *tally(const char *name) {
    for (size_t i = 0; i < tally_count; i++) {
        if (text_eq(tallies[i].name, name)) {
            return &tallies[i];
        }
    }
    return NULL;
}

static void add_tally(const char *name) {
    CHECK(tally_count < TALLIES_MAX);
    (void)snprintf(tallies[tally_count++].name, sizeof tallies[0].name, "%s", name);
}

static void count_all(void) {
    const Manual__Ladders *ladders = manual_ladders(manual);
    const Manual__Routes *routes = manual_routes(manual);
    struct arena *arena = forever;

    for (size_t i = 0; i < ladders->n_ladder; i++) {
        for (size_t r = 0; r < ladders->ladder[i]->n_rung; r++) {
            add_tally(arena_text(arena, "ladder %s, step %zu", ladders->ladder[i]->key, r));
        }
    }
    for (size_t i = 0; i < routes->n_route; i++) {
        add_tally(arena_text(arena, "route %s", routes->route[i]->key));
    }
}

static void count(const char *name, bool somebody) {
    struct tally *one = tally(name);

    CHECK(one); /* nothing runs that the manual does not have */
    one->times++;
    one->somebody += somebody;
}

static size_t lacking(int64_t goal, bool print) {
    size_t lacks = 0;

    for (size_t i = 0; i < tally_count; i++) {
        const struct tally *one = &tallies[i];
        lacks += one->times < goal;
        if (print && (one->times < goal || getenv("TABLE"))) {
            (void)printf("# %7" PRId64 "  %s (%" PRId64 " reached somebody)\n", one->times,
                         one->name, one->somebody);
        }
    }
    return lacks;
}

/* Hears what a service wrote since. */
static void listen(const char *service, uint64_t *position) {
    struct arena *arena = paging_arena();
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct err err = {0};
    int more = BATCH;

    while (more == BATCH) {
        const size_t used = arena_used(arena);
        struct bytes *events = arena_alloc(arena, BATCH * sizeof *events);
        more = rehearsal_events(paging_world(), service, *position, BATCH, arena, events, &err);
        CHECK_OK(more < 0, err);
        for (int i = 0; i < more; i++) {
            const Wire__Event *event = wire__event__unpack(&allocator, events[i].size,
                                                           events[i].data);
            CHECK(event && event->position > *position); /* the oldest may be gone */
            *position = event->position;
            if (text_eq(event->topic, "page.stepped")) {
                count(arena_text(arena, "ladder %s, step %" PRId64, paging_field(event, "ladder"),
                                 value_i64(event->fields, event->n_fields, "rung", 0)),
                      *paging_field(event, "to") != '\0');
            } else if (text_eq(event->topic, "page.requested")) {
                count(arena_text(arena, "route %s", paging_field(event, "route")), true);
            }
            CHECK(!text_eq(event->topic, "dead.letter"));
        }
        arena_rewind(arena, used);
    }
}

/* ---- the house ---- */

static const char *const staff[] = {
    "'staff':'S101','name':'王丽','roles':'desk','dept':'cs','deputy':'S102','channels':'desk'",
    "'staff':'S102','name':'张敏','roles':'desk','dept':'cs','deputy':'','channels':'webhook'",
    "'staff':'S201','name':'刘洋','roles':'steward','dept':'cs','deputy':'S101','channels':''",
    "'staff':'S301','name':'孙红','roles':'cs_sup','dept':'cs','deputy':'S101',"
    "'channels':'webhook;sms'",
    "'staff':'S401','name':'李强','roles':'eng_disp','dept':'engineering','deputy':'S402',"
    "'channels':'webhook'",
    "'staff':'S402','name':'周涛','roles':'eng','dept':'engineering','deputy':'S404',"
    "'channels':'webhook'",
    "'staff':'S403','name':'吴刚','roles':'eng','dept':'engineering','deputy':'S402',"
    "'channels':'webhook;sms'",
    "'staff':'S404','name':'马力','roles':'eng','dept':'engineering','deputy':'',"
    "'channels':'webhook'",
    "'staff':'S501','name':'何军','roles':'ord_sup','dept':'order','deputy':'S502',"
    "'channels':'webhook'",
    "'staff':'S502','name':'邓勇','roles':'ord','dept':'order','deputy':'','channels':'webhook'",
    "'staff':'S801','name':'高原','roles':'duty_mgr','dept':'management','deputy':'S301',"
    "'channels':'webhook'",
    "'staff':'S901','name':'郑平','roles':'pm','dept':'management','deputy':'S801',"
    "'channels':'webhook'",
    "'staff':'S902','name':'冯总','roles':'gm','dept':'company','deputy':'','channels':'webhook'",
    "'staff':'S904','name':'罗航','roles':'sys','dept':'company','deputy':'','channels':''",
};
enum { STAFF = sizeof staff / sizeof staff[0] };

static const char *number_of(size_t place) {
    return arena_copy(paging_arena(), staff[place] + strlen("'staff':'"), strlen("S101"));
}

static const char *somebody(void) {
    return number_of(below(STAFF));
}

static const char *time_in(int64_t ms) {
    return text_time(rehearsal_now(paging_world()) + ms, 480, paging_arena());
}

static void roster(void) {
    static const char *const posts[][2] = {
        {"desk", "S101"},        {"desk", "S102"},  {"engineering", "S402"},
        {"engineering", "S403"}, {"order", "S502"}, {"duty_mgr", "S801"},
    };

    for (int64_t d = 0; d < DAYS; d++) {
        for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
            if (below(5) == 0) {
                continue; /* a gap: nobody has the post */
            }
            paging_happens("roster.duty", "",
                           arena_text(paging_arena(),
                                      "{'period':'2025-07','version':1,'post':'%s','shift':'D',"
                                      "'start':'%s','end':'%s','staff':'%s','order':%zu}",
                                      posts[i][0], time_in(d * day + (int64_t)below(600) * minute),
                                      time_in(d * day + (int64_t)(700 + below(700)) * minute),
                                      posts[i][1], 1 + i % 2));
        }
    }
}

static void move_in(void) {
    static struct compiled compiled;
    struct err err = {0};

    paging_open_empty("2025-07-11T07:00:00+08:00");
    memset(&compiled, 0, sizeof compiled);
    CHECK_OK(compile_dir("manual", &compiled, paging_arena(), &err), err);
    CHECK(compiled.mistake_count == 0);
    paging_publish(compiled.files, compiled.count);
    for (size_t i = 0; i < STAFF; i++) {
        paging_happens("staff.changed", "",
                       arena_text(paging_arena(), "{%s,'active':true}", staff[i]));
    }
    roster();
}

/* ---- what happens ---- */

/* What a rule asks about, so that it fires. */
static const char *add_terms(const Manual__Route *route, const char *fields) {
    struct arena *arena = paging_arena();

    for (size_t i = 0; route->n_when > 0 && i < route->when[0]->n_all; i++) {
        const Manual__Term *term = route->when[0]->all[i];
        if (term->n_one_of > 0 && !term->negate) {
            const char *value = term->one_of[below(term->n_one_of)];
            const bool bare = text_eq(value, "true") || (*value >= '0' && *value <= '9');
            fields = arena_text(arena, bare ? "%s,'%s':%s" : "%s,'%s':'%s'", fields, term->subject,
                                value);
        } else if (term->present) {
            fields = arena_text(arena, "%s,'%s':'%s'", fields, term->subject, somebody());
        }
    }
    return fields;
}

static bool has(const char *fields, const char *key) {
    return strstr(fields, arena_text(paging_arena(), "'%s':", key)) != NULL;
}

/* Of a few by lot, the one that has begun least. */
static const Manual__Ladder *some_ladder(void) {
    const Manual__Ladders *ladders = manual_ladders(manual);
    const Manual__Ladder *least = NULL;
    int64_t fewest = INT64_MAX;

    for (int i = 0; i < LOTS; i++) {
        const Manual__Ladder *one = ladders->ladder[below(ladders->n_ladder)];
        const struct tally *first = tally(
            arena_text(paging_arena(), "ladder %s, step 0", one->key));
        CHECK(first);
        if (first->times < fewest) {
            fewest = first->times;
            least = one;
        }
    }
    return least;
}

static void happen(const Manual__Route *route, const char *case_no, int64_t round) {
    static const char *const classes[] = {"E0", "E1", "E2", "N", "major", "minor", ""};
    static const char *const depts[] = {"engineering", "order", "cs", ""};
    struct arena *arena = paging_arena();
    const char *class_key = classes[below(sizeof classes / sizeof classes[0])];
    const char *fields = add_terms(route, arena_text(arena, "'round':%" PRId64, round));

    if (!has(fields, "procedure")) {
        fields = arena_text(arena, "%s,'procedure':'repair','clock':'finish'", fields);
    }
    if (!has(fields, "ladder")) {
        fields = arena_text(arena, "%s,'ladder':'%s'", fields, some_ladder()->key);
    }
    for (size_t i = 0; i < route->n_to; i++) {
        const char *key = route->to[i];
        if (*key == '$' && !has(fields, key + 1)) {
            fields = arena_text(arena, "%s,'%s':'%s'", fields, key + 1, somebody());
        }
    }
    fields = arena_text(arena, "{%s,'class':'%s','urgency':'%s','dept':'%s','assignee':'%s'}",
                        fields, class_key, class_key, depts[below(4)],
                        below(3) == 0 ? "" : somebody());
    const char *topic = strchr(route->event, '*') ? "clock.due" : route->event;
    paging_happens(topic, case_no, fields);
}

/* Every third one whose event names the ladder, for only by these some ladders run. */
static const Manual__Route *some_route(bool stops) {
    const Manual__Routes *routes = manual_routes(manual);
    const bool named = !stops && below(3) == 0;

    for (;;) {
        const Manual__Route *route = routes->route[below(routes->n_route)];
        if (route->stops == stops && (!named || *route->ladder == '$')) {
            return route;
        }
    }
}

/* Somebody who was paged answers. */
static void answer(void) {
    const struct rehearsal_send *sends = NULL;
    const size_t sent = rehearsal_sends(paging_world(), &sends);

    if (sent == 0) {
        return;
    }
    const Notify__Send *send = sends[sent - 1 - below(sent < 30 ? sent : 30)].send;
    const bool reject = below(3) == 0;
    (void)paging_asks(send->staff, reject ? "Reject" : "Acknowledge",
                      arena_text(paging_arena(), "{'page':'%s','%s':'x'}", send->page,
                                 reject ? "reason" : "channel"),
                      NULL);
}

static void go_on_leave(void) {
    paging_happens("person.on_leave", "",
                   arena_text(paging_arena(), "{'staff':'%s','from':'%s','to':'%s'}", somebody(),
                              time_in(0), time_in((int64_t)below(2000) * minute)));
}

/* ---- what must hold ---- */

static int64_t number(const char *sql) {
    struct query q = query_start(core_store(rehearsal_core(paging_world(), "notify")), sql);
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t found = query_i64(&q, 0);
    query_end(&q);
    return found;
}

/* One record of a case, round, step, person and channel; each was tried; none after the end. */
static void check_records(void) {
    static const char twice[] =
        "SELECT count(*) FROM (SELECT 1 FROM page_record r JOIN page p ON p.id = r.page"
        " GROUP BY p.case_no, p.procedure, p.clock, p.route, p.round, p.mark, r.step, r.staff,"
        " r.channel HAVING count(*) > 1)";
    static const char untried[] =
        "SELECT count(*) FROM page_record WHERE times = 0 AND tries = 0"
        " AND state NOT IN ('planned', 'sending', 'merged', 'stopped', 'failed', 'refused')";
    static const char after[] = "SELECT count(*) FROM page_record r JOIN page p ON p.id = r.page"
                                " WHERE p.ended_ms <> 0 AND r.sent_ms > p.ended_ms";

    CHECK(number(twice) == 0);
    CHECK(number(untried) == 0);
    CHECK(number(after) == 0);
}

/* The store hands over once more what it has handed over: nothing comes of it. */
static void hand_over_again(void) {
    const int64_t pages = number("SELECT count(*) FROM page");
    const int64_t records = number("SELECT count(*) FROM page_record");
    const int64_t times = number("SELECT coalesce(sum(times), 0) FROM page_record");

    (void)paging_hands(HANDED);
    CHECK(number("SELECT count(*) FROM page") == pages);
    CHECK(number("SELECT count(*) FROM page_record") == records);
    CHECK(number("SELECT coalesce(sum(times), 0) FROM page_record") == times);
}

/* A message that is sent once more says so, under the same key. */
static void check_sends(void) {
    const struct rehearsal_send *sends = NULL;
    const size_t count_of = rehearsal_sends(paging_world(), &sends);

    for (size_t i = 0; i < count_of; i++) {
        const Notify__Send *send = sends[i].send;
        CHECK((strstr(send->text, "重复") != NULL) == (send->times > 1));
    }
}

/* ---- a history ---- */

static void one_day(int64_t d, uint64_t *notify, uint64_t *bus) {
    struct arena *arena = paging_arena();
    struct err err = {0};

    for (size_t i = 0; i < ACTS_A_DAY; i++) {
        const size_t used = arena_used(arena);
        const char *case_no = arena_text(arena, "C%" PRId64 "-%zu", d, below(ACTS_A_DAY));
        const size_t kind = below(20);
        if (kind < 12) {
            happen(some_route(false), case_no, (int64_t)(1 + i));
        } else if (kind < 14) {
            happen(some_route(true), case_no, 1);
        } else if (kind < 16) {
            answer();
        } else if (kind < 17) {
            go_on_leave();
        } else if (kind < 18) {
            CHECK_OK(rehearsal_channel(paging_world(), "webhook", somebody(), 1 + below(3),
                                       below(2) ? CHANNEL_FAILS : CHANNEL_UNKNOWN, &err),
                     err);
        } else {
            CHECK_OK(rehearsal_advance(paging_world(),
                                       rehearsal_now(paging_world()) + (int64_t)below(120) * minute,
                                       &err),
                     err);
        }
        listen("notify", notify);
        listen("bus", bus);
        arena_rewind(arena, used);
    }
}

/* Who is called again and again until he answers has been called often enough. */
static void end_what_repeats(void) {
    const Manual__Ladders *ladders = manual_ladders(manual);
    struct arena *arena = paging_arena();
    struct err err = {0};

    for (size_t i = 0; i < ladders->n_ladder; i++) {
        const char *cases[BATCH];
        size_t known = 0;
        if (ladders->ladder[i]->repeat_ms == 0) {
            continue;
        }
        struct query q = QUERY(core_store(rehearsal_core(paging_world(), "notify")),
                               "SELECT DISTINCT case_no FROM page WHERE ladder = ?1"
                               " AND state = 'open'");
        query_bind_text(&q, 1, ladders->ladder[i]->key);
        while (known < BATCH && query_step(&q, &err) == 1) {
            cases[known++] = query_text(&q, 0, arena);
        }
        query_end(&q);
        for (size_t c = 0; c < known; c++) {
            paging_happens("case.ended", cases[c], "{'procedure':'repair'}");
        }
    }
}

static void one_house(void) {
    uint64_t notify = 0, bus = 0;
    struct err err = {0};

    move_in();
    for (int64_t d = 0; d < DAYS; d++) {
        one_day(d, &notify, &bus);
        end_what_repeats();
        check_records();
    }
    hand_over_again();
    CHECK_OK(rehearsal_advance(paging_world(), rehearsal_now(paging_world()) + DAYS * day, &err),
             err);
    CHECK_OK(rehearsal_settle(paging_world(), &err), err);
    listen("notify", &notify);
    listen("bus", &bus);
    check_records();
    check_sends();
    struct store *store = core_store(rehearsal_core(paging_world(), "notify"));
    for (uint64_t next = 0, checked = 0, more = true; more; more = next > 0) {
        CHECK_OK(event_verify(store, next, paging_arena(), &checked, &next, &err), err);
    }
}

/* Each house is a world of its own; the counts go on. */
static void every_step_of_every_ladder_runs(void) {
    struct err err = {0};
    static struct compiled compiled;
    const int64_t goal = setting("GOAL", GOAL), houses = setting("HOUSES", HOUSES);
    const uint64_t seed = (uint64_t)setting("SEED", 20250711);

    (void)printf("# SEED=%" PRIu64 "\n", seed);
    log_set(LOG_ERROR, false);
    state = seed * UINT64_C(2862933555777941757) | 1;
    forever = arena_new((size_t)32 << 20);
    CHECK_OK(compile_dir("manual", &compiled, forever, &err), err);
    manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK_OK(manual == NULL, err);
    count_all();
    for (int64_t i = 0; i < houses && (i == 0 || lacking(goal, false) > 0); i++) {
        one_house();
        paging_leave();
    }
    const size_t lacks = lacking(goal, true);
    (void)printf("# %zu steps and routes, %zu short of %" PRId64 "\n", tally_count, lacks, goal);
    CHECK(lacks == 0 || houses < HOUSES || HOUSES_GOAL == 0);
}

static const struct test tests[] = {
    TEST(every_step_of_every_ladder_runs),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
