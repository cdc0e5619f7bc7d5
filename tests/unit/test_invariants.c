/*
 * invariants - what holds whatever happens: random histories over the department's real
 * manual, by everybody, with time passing by minutes and by weeks.
 *
 *     SEED=n WORLDS=n ACTS=n GOAL=n TABLE=1 build/tests/unit/test_invariants
 *
 * Equal seeds, equal histories.  Every way of every event, every result and every mark of
 * every clock is met GOAL times (what leaves a case in its state: in all its states together
 * so often, and a tenth of it in each); what cannot be met stands in unreachable.c, with the
 * reason.  Printed are the least met, or all with TABLE=1.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/text.h"
#include "core/timer.h"
#include "coverage.h"
#include "engine_aid.h"
#include "histories.h"
#include "lives.h"
#include "manual/manual.h"
#include "plan.h"
#include "services/patrol/patrol.h"
#include "services/ticketing/ticketing.h"
#include "store/query.h"
#include "unreachable.h"

enum { GOAL = 100, ACTS = 3000, WORLDS_MAX = 90 };

#ifdef __SANITIZE_ADDRESS__ /* fewer where each act costs ten times as much */
enum { WORLDS = 8, GROUP_WORLDS = 2 };
#else
enum { WORLDS = WORLDS_MAX, GROUP_WORLDS = 3 };
#endif

static struct engine engine;
static uint64_t seed;
static bool underway;
static int64_t cases_seen, events_seen, visits, closed;

static int64_t setting(const char *name, int64_t none) {
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : none;
}

/* What led to it, when a check fails. */
static void say_how(void) {
    if (underway) {
        (void)fprintf(stderr, "# SEED=%" PRIu64 "; the last acts:\n", seed);
        histories_show();
    }
}

/* ---- what must hold ---- */

static const char *text_at(const Wire__Event *event, size_t place) {
    return place < event->n_fields && event->fields[place]->kind_case == WIRE__VALUE__KIND_TEXT
               ? event->fields[place]->text
               : "";
}

/* Of one case, its events in order. */
struct story {
    char owner[64];
    int64_t page_round;
    char doer[64];
    bool owner_acted;
};
static struct story stories[LIVES_MAX];

static struct story *story_of(const char *number) {
    size_t count = 0;
    const struct life *all = lives_all(&count), *life = lives_find(number);

    CHECK(life);
    return &stories[life - all];
}

static void check_event(const Wire__Event *event) {
    struct story *story = story_of(event->case_no);
    const Wire__Value *owner = value_find(event->fields, event->n_fields, "first_contact_owner");
    const bool opens = strstr(event->topic, ".open") != NULL;

    if (text_starts(event->topic, "clock.")) {
        return;
    }
    if (text_eq(event->topic, "page.asked")) {
        const int64_t round = value_i64(event->fields, event->n_fields, "round", 0);
        CHECK(round == story->page_round + 1); /* a dispatch round is asked once */
        story->page_round = round;
        return;
    }
    /* The first-contact owner stays who he is. */
    if (owner && owner->kind_case == WIRE__VALUE__KIND_TEXT) {
        CHECK(opens || !*story->owner || text_eq(owner->text, story->owner)
              || (text_eq(event->topic + strcspn(event->topic, "."), ".change_first_owner")
                  && text_eq(event->role, "cs_sup")));
        (void)snprintf(story->owner, sizeof story->owner, "%s", owner->text);
    }
    /* He does something about it, after it was opened and after it came back.  To make a
     * case of it counts: he is told how that ended. */
    if (opens || text_eq(event->topic, "contact.reopen")) {
        story->owner_acted = false;
    } else {
        story->owner_acted = story->owner_acted || text_eq(event->actor, story->owner)
                             || text_eq(event->topic, "contact.convert");
    }
    if (opens) {
        const char *doer = value_text(event->fields, event->n_fields, "doer");
        (void)snprintf(story->doer, sizeof story->doer, "%s", doer);
        if (event->actor[0] == 'S' && !text_eq(event->role, "customer")) {
            CHECK(*story->owner); /* from its first second */
        }
    }
    /* Who did it does not ask whether it was well done. */
    if (text_eq(event->topic, "return_visit.rate") && *story->doer) {
        CHECK(!text_eq(event->actor, story->doer));
        visits++;
    }
    /* Nobody closes a contact without its owner. */
    if (text_starts(event->topic, "contact.") && !opens && text_eq(text_at(event, 1), "closed")) {
        CHECK(story->owner_acted);
        closed++;
    }
}

static uint64_t position, seq[2];

static void seen(const Wire__Event *event) {
    CHECK(event->position == ++position);
    CHECK(event->seq == ++seq[event->lane]);
    CHECK(!text_eq(event->topic, "dead.letter"));
    if (*event->case_no) {
        check_event(event);
    }
    events_seen++;
}

/* A clock that runs has its timer; one that ended or stands still has none. */
static void check_clocks(void) {
    struct query q = QUERY(core_store(engine.core), "SELECT number FROM cases WHERE home = ''");
    struct err err = {0};
    static const char *numbers[16384];
    size_t count = 0;

    while (query_step(&q, &err) == 1) {
        numbers[count++] = query_text(&q, 0, engine.scratch);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t used = arena_used(engine.scratch);
        Cases__Case *kase = engine_get(&engine, numbers[i]);
        for (size_t c = 0; c < kase->n_clocks; c++) {
            const Cases__CaseClock *clock = kase->clocks[c];
            if (engine_clock(kase, clock->name) != clock) {
                CHECK(clock->ended_ms != 0); /* only its newest round may run */
                continue;
            }
            q = QUERY(core_store(engine.core), "SELECT count(*) FROM timer WHERE kind = 'clock'"
                                               " AND ref = ?1 AND name = ?2");
            query_bind_text(&q, 1, numbers[i]);
            query_bind_text(&q, 2, clock->name);
            CHECK(query_step(&q, &err) == 1);
            const int64_t timers = query_i64(&q, 0);
            query_end(&q);
            if (clock->ended_ms != 0 || text_eq(clock->result, "paused")) {
                CHECK(timers == 0);
            } else if (text_eq(clock->result, "running")) {
                CHECK(timers == 1 && clock->due_ms >= engine.now_ms);
            }
        }
        cases_seen++;
        arena_rewind(engine.scratch, used);
    }
}

/* The tables hold what the events say: an empty store that folds them is equal. */
static void check_fold(void) {
    ProtobufCAllocator allocator = arena_protobuf(engine.scratch);
    static struct engine other;
    struct actor system = {.staff = "system", .system = true};
    struct err err = {0};

    engine_start(&other, engine.def, "manual", 0);
    CHECK_OK(store_begin(core_store(other.core), &err), err);
    struct query q = QUERY(core_store(engine.core), "SELECT body FROM event ORDER BY position");
    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine.scratch), other_used = arena_used(other.scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine.scratch, &size);
        struct call call = {.core = other.core,
                            .store = core_store(other.core),
                            .arena = other.scratch,
                            .now_ms = engine.now_ms,
                            .actor = &system,
                            .secrets = &other.secrets,
                            .locale = "en",
                            .event = wire__event__unpack(&allocator, size, body),
                            .recovering = true};
        CHECK_OK(engine.def->fold(&call, &err), err);
        arena_rewind(engine.scratch, used);
        arena_rewind(other.scratch, other_used);
    }
    CHECK_OK(store_commit(core_store(other.core), &err), err);
    CHECK(text_eq(engine_dump(&other), engine_dump(&engine)));
    engine_stop(&other);
}

/* ---- histories ---- */

static const struct manual *begin(void) {
    seed = (uint64_t)setting("SEED", 20250711);
    log_set(LOG_ERROR, false);
    underway = true;
    (void)atexit(say_how);
    (void)printf("# SEED=%" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return histories_load(seed);
}

static void history(const struct service_def *def, int64_t acts, bool calm, bool kept) {
    const struct history what = {.acts = acts, .calm = calm, .kept = kept, .seen = seen};
    struct err err = {0};

    histories_world(&engine, def, 0);
    position = seq[0] = seq[1] = 0;
    memset(stories, 0, sizeof stories);
    histories_run(&engine, &what);
    for (uint64_t next = 0, checked = 0, more = true; more; more = next > 0) {
        CHECK_OK(event_verify(core_store(engine.core), next, engine.scratch, &checked, &next, &err),
                 err);
    }
    check_clocks();
    check_fold();
    engine_stop(&engine);
}

/* What the table says that the machine cannot do, it cannot. */
static void check_proofs(void) {
    for (size_t i = 0; i < unreachable_count; i++) {
        const struct lapse *lapse = coverage_lapse(unreachable[i].name);
        CHECK(unreachable[i].why && *unreachable[i].why);
        CHECK(!unreachable[i].proved || (lapse && plan_never(lapse)));
    }
}

/* Another world, where something is wanting that can be met in it.  False: nothing is. */
static bool next_world(int64_t h, const struct service_def **def, bool *calm) {
    for (int other = 0; other < 4; other++) {
        *def = (h % 6 == 1) != (other > 1) ? &patrol_def : &ticketing_def;
        *calm = (h % 3 != 0) != (other % 2 == 1);
        if (coverage_wants_world((*def)->name, *calm)) {
            return true;
        }
    }
    return false;
}

static void invariants_hold_over_random_histories(void) {
    const int64_t goal = setting("GOAL", GOAL), worlds = setting("WORLDS", WORLDS);
    const struct service_def *def = NULL;
    bool calm = false;
    int64_t h = 0;

    coverage_start(begin(), goal);
    coverage_excuse(unreachable, unreachable_count);
    check_proofs();
    for (; h < worlds && next_world(h, &def, &calm); h++) {
        history(def, setting("ACTS", ACTS), calm, false);
    }
    const size_t lacking = coverage_report(getenv("TABLE") != NULL);
    (void)printf("# %" PRId64 " worlds, %" PRId64 " acts, %" PRId64 " events, %" PRId64
                 " cases, %" PRId64 " requests repeated, %" PRId64
                 " visits by somebody else, %" PRId64
                 " contacts closed after an act of their owner\n",
                 h, histories_acts(), events_seen, cases_seen, histories_repeats(), visits, closed);
    (void)fflush(stdout);
    CHECK(visits > 0 && closed > 0 && histories_repeats() > 0);
    CHECK(coverage_excused_but_met() == 0);
    CHECK(lacking == 0 || goal > GOAL || worlds < WORLDS_MAX);
    underway = false;
}

static char *again(size_t group_max) {
    histories_world(&engine, &ticketing_def, group_max);
    histories_again(&engine);
    char *events = strdup(engine_events(&engine));
    engine_stop(&engine);
    return events;
}

static void same_text(const char *one, const char *other) {
    size_t line = 0, begun = 0;

    for (size_t i = 0; one[i] == other[i] && one[i]; i++) {
        line += one[i] == '\n';
        begun = one[i] == '\n' ? i + 1 : begun;
    }
    if (strcmp(one, other) != 0) {
        (void)fprintf(stderr, "# they differ from event %zu:\n# %.*s\n# %.*s\n", line + 1,
                      (int)strcspn(one + begun, "\n"), one + begun,
                      (int)strcspn(other + begun, "\n"), other + begun);
    }
    CHECK(strcmp(one, other) == 0);
}

/* What was asked at one time is asked at once: in a group each, and in one group. */
static void groups_of_1_and_of_256_give_equal_events(void) {
    coverage_start(begin(), GOAL);
    coverage_excuse(unreachable, unreachable_count);
    for (int64_t h = 0; h < setting("GROUP_WORLDS", GROUP_WORLDS); h++) {
        history(&ticketing_def, setting("GROUP_ACTS", 1200), h % 2 != 0, true);
        char *one = again(1), *many = again(256);
        CHECK(strlen(one) > 10000);
        same_text(one, many);
        free(one);
        free(many);
    }
    underway = false;
}

static const struct test tests[] = {
    TEST(invariants_hold_over_random_histories),
    TEST(groups_of_1_and_of_256_give_equal_events),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
