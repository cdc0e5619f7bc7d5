/*
 * Real processes are killed with SIGKILL at random moments, in all ways of ways.h, while
 * callers open cases and keep a ledger: what was acknowledged, under which id.  Then:
 * lost 0, twice 0, every sequence without a gap, every page once, a copy that was said to
 * be whole can be put back, and reports that were killed in the middle say what reports
 * rebuilt from the log say.
 *
 *   SEED=n replays the moments and the victims; N=n so many kills (100).  After ROUND of
 *   them the house is looked at, and a new one is made: stores stay as small as in life.
 */
#include <stdio.h>
#include <time.h>

#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "base/text.h"
#include "core/event.h"
#include "crash/ways.h"
#include "harness.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum {
    KILLS = 100,
    ROUND = 400,
    LONG = 200, /* more than so many: say how far it is */
    SAY_EVERY = 50,
    PLANTED_KILLS = 10,
    URGENT_EVERY = 50, /* each of these leads to pages to people, by its ladder */
    KILL_MIN_MS = 20,
    KILL_MAX_MS = 700,
    DRAIN_MS = 60000,
    PLANTED_DRAIN_MS = 10000,
    SAME_READS = 50,
    MESSAGES_MAX = 50000,
};

static struct house house;
static struct ledger *ledger;
static struct ways ways;

static ProtobufCMessage *ask(const char *method, const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *type, struct err *err) {
    return session_ask(house.session, method, request, type, err);
}

/* ---- pages ---- */

/* Each page record is sent once for the first time: (page, step, person, channel, times). */
enum { SENT_MAX = 200000, SENT_SIZE = 96 };
static char sent[SENT_MAX][SENT_SIZE];
static size_t sent_count;

static void collect_sent(void *arg, const Wire__Event *event) {
    (void)arg;
    if (!text_eq(event->topic, "page.sent") || sent_count == SENT_MAX) {
        return;
    }
    (void)snprintf(sent[sent_count++], SENT_SIZE, "%s %lld %s %s %lld",
                   value_text(event->fields, event->n_fields, "page"),
                   (long long)value_i64(event->fields, event->n_fields, "step", 0),
                   value_text(event->fields, event->n_fields, "to"),
                   value_text(event->fields, event->n_fields, "channel"),
                   (long long)value_i64(event->fields, event->n_fields, "times", 0));
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static size_t pages_twice(void) {
    size_t same = 0;

    sent_count = 0;
    (void)events_each(&house, "notify", collect_sent, NULL);
    qsort(sent, sent_count, SENT_SIZE, by_text);
    for (size_t i = 1; i < sent_count; i++) {
        same += text_eq(sent[i - 1], sent[i]);
    }
    return same;
}

/* What was asked of notify, and what notify took: by the number of the event that asked. */
enum { ASKED_MAX = 100000 };
static uint8_t asked[ASKED_MAX];  /* by its number in the urgent lane of ticketing */
static uint8_t opened[ASKED_MAX]; /* so many pages */
static uint8_t ticketing_source[16];
static size_t pages_foreign;

static void collect_asked(void *arg, const Wire__Event *event) {
    (void)arg;
    memcpy(ticketing_source, event->source.data, sizeof ticketing_source);
    if (text_eq(event->topic, "page.asked")) {
        CHECK(event->lane == WIRE__LANE__URGENT && event->seq < ASKED_MAX);
        asked[event->seq] = 1;
    }
}

static void collect_opened(void *arg, const Wire__Event *event) {
    const Wire__Value *source = value_find(event->fields, event->n_fields, "cause_source");
    size_t seq = (size_t)value_i64(event->fields, event->n_fields, "cause_seq", 0);

    (void)arg;
    if (!text_eq(event->topic, "page.opened")
        || !text_eq(value_text(event->fields, event->n_fields, "topic"), "page.asked")) {
        return;
    }
    CHECK(source && source->kind_case == WIRE__VALUE__KIND_SEALED);
    if (seq >= ASKED_MAX || source->sealed.len != sizeof ticketing_source
        || memcmp(source->sealed.data, ticketing_source, sizeof ticketing_source) != 0) {
        pages_foreign++;
        return;
    }
    opened[seq]++;
}

static void collect_pages(void) {
    memset(asked, 0, sizeof asked);
    memset(opened, 0, sizeof opened);
    pages_foreign = 0;
    (void)events_each(&house, "ticketing", collect_asked, NULL);
    (void)events_each(&house, "notify", collect_opened, NULL);
}

/* From ticketing over the bus to notify: what was asked last has arrived. */
static bool all_asked_are_taken(void *arg) {
    (void)arg;
    collect_pages();
    for (size_t i = 0; i < ASKED_MAX; i++) {
        if (asked[i] && !opened[i]) {
            return false;
        }
    }
    return true;
}

/* Every page that was asked for is there, once. */
static void pages_are_those_that_were_asked_for(void) {
    size_t count = 0;
    size_t missing = 0;
    size_t double_pages = 0;

    collect_pages();
    for (size_t i = 0; i < ASKED_MAX; i++) {
        count += asked[i];
        missing += asked[i] && opened[i] == 0;
        double_pages += opened[i] > 1 || opened[i] > asked[i];
    }
    (void)printf("# %zu pages asked for, %zu missing, %zu twice\n", count, missing, double_pages);
    CHECK(count > 0 && missing == 0 && double_pages == 0 && pages_foreign == 0);
}

/* ---- the campaign ---- */

/* Over all rounds. */
static struct {
    size_t wanted;
    int64_t start_ms;
    struct ledger_state state;
    size_t pages, repeated_pages, messages, restored;
} sum;

static size_t found(void) {
    return sum.state.lost + sum.state.twice + sum.state.foreign + sum.repeated_pages;
}

static void say_how_far(void) {
    int64_t gone_ms = house_now_ms() - sum.start_ms;
    double left_ms = (double)gone_ms * (double)(sum.wanted - ways.kills) / (double)ways.kills;

    (void)printf("# %zu of %zu kills; found %zu; %.0f minutes left\n", ways.kills, sum.wanted,
                 found(), left_ms / 60000);
    (void)fflush(stdout);
}

/* Until so many kills; true: all are ready again after it. */
static bool campaign(size_t until, const char *only, struct receiver *receiver) {
    const int64_t drain_ms = receiver ? DRAIN_MS : PLANTED_DRAIN_MS;

    house_new(&house, "tests/crash/parameters.yaml");
    if (receiver) {
        receiver_lead(receiver, &house);
        house_duty(&house); /* who is paged by himself when nobody dispatches */
    }
    ledger = ledger_new(&house, receiver ? URGENT_EVERY : 0);
    ways.house = &house;
    ways.ledger = ledger;
    ways.last = (struct whole_copy){.path = ""};
    while (ways.kills < until) {
        size_t before = ways.kills;
        ledger_drive(ledger,
                     house_now_ms() + KILL_MIN_MS + ways_chance(&ways, KILL_MAX_MS - KILL_MIN_MS),
                     true);
        ways_kill(&ways, only);
        if (sum.wanted > LONG && before / SAY_EVERY != ways.kills / SAY_EVERY) {
            say_how_far();
        }
    }
    ledger_drive(ledger, house_now_ms() + drain_ms, false);
    return house_ready(&house, drain_ms);
}

/* In the place of the store that it was made of; what happened since is taken back. */
static void a_whole_copy_can_be_put_back(void) {
    const struct whole_copy *copy = &ways.last;

    if (!copy->path[0]) {
        return; /* none was made in this round */
    }
    CHECK(house_run(&house, (const char *const[]){"restore", copy->service, copy->path, NULL})
          == 0);
    CHECK(house_ready(&house, DRAIN_MS));
    sum.restored++;
}

/* All figures of this month, as text. */
static char *figures(void) {
    static char text[2][1 << 16];
    static size_t turn;
    Reports__ListKpisRequest request = REPORTS__LIST_KPIS_REQUEST__INIT;
    struct err err = {0};
    size_t used = arena_used(house.cli.arena);
    char period[8];
    time_t now = time(NULL) + 8 * 3600;
    struct tm parts;
    size_t length = 0;

    (void)strftime(period, sizeof period, "%Y-%m", gmtime_r(&now, &parts));
    request.period = period;
    for (bool rebuilding = true; rebuilding;) {
        Reports__ListKpisReply *reply = (Reports__ListKpisReply *)ask(
            "shouwen.reports.v1.Reports/ListKpis", &request.base,
            &reports__list_kpis_reply__descriptor, &err);
        CHECK_OK(reply == NULL, err);
        rebuilding = reply->progress && reply->progress->rebuilding;
        length = 0;
        for (size_t i = 0; i < reply->n_figures; i++) {
            const Reports__Figure *figure = reply->figures[i];
            length += (size_t)snprintf(
                text[turn % 2] + length, sizeof text[0] - length, "%s %lld/%lld %s\n", figure->kpi,
                (long long)figure->numerator, (long long)figure->denominator, figure->shown);
        }
        arena_rewind(house.cli.arena, used);
    }
    return text[turn++ % 2];
}

static void reports_rebuilt_from_the_log_say_the_same(void) {
    Reports__RebuildRequest request = REPORTS__REBUILD_REQUEST__INIT;
    struct err err = {0};

    struct bytes kept = {0}; /* before any answer is given back */
    CHECK_OK(session_token(house.session, "罗航", &kept, &err), err);
    CHECK_OK(session_token(house.session, "郑平", &kept, &err), err);
    house.cli.as = "郑平"; /* figures are the manager's to see */
    /* Nobody tells anything new, and what was told has arrived. */
    house_stop(&house, "ticketing");
    house_stop(&house, "patrol");
    house_stop(&house, "notify");
    const char *before = figures();
    for (int same = 0; same < SAME_READS;) {
        const char *again = figures();
        same = text_eq(again, before) ? same + 1 : 0;
        before = again;
    }

    house.cli.as = "罗航"; /* and to make them anew is the administrator's */
    CHECK_OK(ask("shouwen.reports.v1.Reports/Rebuild", &request.base,
                 &reports__rebuild_reply__descriptor, &err)
                 == NULL,
             err);
    house.cli.as = "郑平";
    CHECK_TEXT(figures(), before);
}

static void add_up(const struct ledger_state *state) {
    sum.state.entries += state->entries;
    sum.state.opened += state->opened;
    sum.state.acknowledged += state->acknowledged;
    sum.state.lost += state->lost;
    sum.state.twice += state->twice;
    sum.state.foreign += state->foreign;
    sum.state.unknown += state->unknown;
}

static void one_round(size_t until) {
    struct receiver *receiver = receiver_new(MESSAGES_MAX);

    CHECK(campaign(until, NULL, receiver));
    a_whole_copy_can_be_put_back();
    struct ledger_state state = ledger_compare(ledger);
    events_check(&house);
    CHECK(house_wait(all_asked_are_taken, NULL, DRAIN_MS));
    pages_are_those_that_were_asked_for();
    size_t repeated = pages_twice();
    reports_rebuilt_from_the_log_say_the_same();
    add_up(&state);
    sum.pages += sent_count;
    sum.repeated_pages += repeated;
    sum.messages += receiver_count(receiver);
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

static void say_all(void) {
    const struct ledger_state *state = &sum.state;

    ways_say(&ways);
    (void)printf("#   %zu stores put back from a copy\n", sum.restored);
    (void)printf("# %zu kills; %zu acknowledged, %zu lost, %zu twice, %zu unknown resolved; %zu "
                 "pages sent, %zu twice; %zu messages\n",
                 ways.kills, state->acknowledged, state->lost, state->twice, state->unknown,
                 sum.pages, sum.repeated_pages, sum.messages);
}

static void nothing_acknowledged_is_lost_and_nothing_is_done_twice(void) {
    const char *n = getenv("N");
    size_t turns = 0;
    size_t in_flight = 0;

    sum.wanted = n ? strtoul(n, NULL, 10) : KILLS;
    sum.start_ms = house_now_ms();
    do {
        size_t until = ways.kills + ROUND < sum.wanted ? ways.kills + ROUND : sum.wanted;
        one_round(until);
    } while (found() == 0 && ways.kills < sum.wanted);
    say_all();
    CHECK(sum.state.acknowledged == sum.state.entries && sum.state.opened == sum.state.entries);
    CHECK(found() == 0);
    CHECK(sum.pages > 0);
    for (int way = 0; way < WAYS; way++) {
        turns += ways.counts[way].turns;
        in_flight += ways.counts[way].in_flight;
    }
    /* In every way callers ask until the moment itself. */
    CHECK(in_flight * 100 >= turns * 80);
}

/* The same campaign on a ticketing that answers before it commits: it must be caught. */
static void a_reply_before_the_commit_is_caught(void) {
    char planted[PATH_MAX];
    const char *bin = getenv("BIN");

    (void)snprintf(planted, sizeof planted, "%s/../planted", bin ? bin : "build/bin");
    CHECK(setenv("BIN", planted, 1) == 0);
    if (campaign(PLANTED_KILLS, "ticketing", NULL)) {
        struct ledger_state state = ledger_compare(ledger);
        (void)printf("# planted: %zu kills, %zu acknowledged cases are gone\n", ways.kills,
                     state.lost);
        CHECK(state.lost > 0);
    } else { /* the bus had heard of what is gone */
        struct err err = {0};
        const Core__HealthReply *health = session_health(house.session, "ticketing", 1000, &err);
        CHECK_OK(health == NULL, err);
        (void)printf("# planted: %zu kills; %s\n", ways.kills, health->why);
        CHECK(text_starts(health->why, "fenced"));
    }
    ledger_free(ledger);
    house_end(&house);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(nothing_acknowledged_is_lost_and_nothing_is_done_twice),
        TEST(a_reply_before_the_commit_is_caught),
    };
    const char *seed = getenv("SEED");

    ways.rng = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("# SEED=%llu\n", (unsigned long long)ways.rng);
    ways.rng = ways.rng * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return RUN_TESTS(tests, argc, argv);
}
