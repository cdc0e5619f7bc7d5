/*
 * invariants - what holds whatever happens: random histories over the department's real
 * manual, by everybody, with time passing by minutes and by weeks.
 *
 *     SEED=n HISTORIES=n ACTS=n build/tests/unit/test_invariants
 *
 * The acts are steered towards what was seen least.  The seed is printed; equal seeds,
 * equal histories.
 */
#include <inttypes.h>

#include "base/text.h"
#include "core/timer.h"
#include "engine/fold.h"
#include "engine_aid.h"
#include "manual/compile.h"
#include "manual/manual.h"
#include "services/ticketing/ticketing.h"
#include "store/query.h"

enum { SEEN_MAX = 4096, OPEN_MAX = 14, NAME_SIZE = 120, ENOUGH = 100 };

static struct engine engine;
static struct manual *manual;
static struct arena *forever;
static uint64_t state;

/* ---- chance ---- */

static uint64_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t n) {
    return (size_t)(chance() % n);
}

static int64_t setting(const char *name, int64_t none) {
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : none;
}

/* ---- what was seen ---- */

struct seen {
    char name[NAME_SIZE];
    int64_t times;
    int64_t tried;
};
static struct seen seen[SEEN_MAX];
static size_t seen_count;

static struct seen *see(const char *name) {
    for (size_t i = 0; i < seen_count; i++) {
        if (strcmp(seen[i].name, name) == 0) {
            return &seen[i];
        }
    }
    CHECK(seen_count < SEEN_MAX);
    (void)snprintf(seen[seen_count].name, NAME_SIZE, "%s", name);
    return &seen[seen_count++];
}

static struct seen *see_step(const char *procedure, const char *event, const char *from) {
    char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "%s.%s %s", procedure, event, from);
    return see(name);
}

/* ---- the open cases ---- */

static const char *cases[OPEN_MAX];
static size_t case_count;

static void remember(const char *number) {
    if (!*number) {
        return;
    }
    for (size_t i = 0; i < case_count; i++) {
        if (text_eq(cases[i], number)) {
            return;
        }
    }
    if (case_count < OPEN_MAX) {
        cases[case_count++] = arena_text(forever, "%s", number);
    } else {
        cases[below(OPEN_MAX)] = arena_text(forever, "%s", number);
    }
}

/* ---- random acts ---- */

static const char *const staff[] = {"S101", "S102", "S201", "S202", "S203", "S301", "S401", "S402",
                                    "S403", "S501", "S601", "S701", "S801", "S901", "S902"};
static const char *const units[] = {"2-1-501", "3-2-1201", "9-1-302", "3-1-802", "5-1-702"};

static const char *anybody(void) {
    return staff[below(sizeof staff / sizeof staff[0])];
}

static const char *some_value(const Manual__Field *field) {
    struct arena *arena = engine.scratch;

    switch ((int)field->type) {
    case MANUAL__TYPE__ENUM:
        return field->n_choices > 0 ? field->choices[below(field->n_choices)]->key : "x";
    case MANUAL__TYPE__INT:
    case MANUAL__TYPE__RATING5:
        return arena_text(arena, "%zu", 1 + below(5));
    case MANUAL__TYPE__BOOL:
        return below(3) == 0 ? "true" : "false";
    case MANUAL__TYPE__STAFF:
        return anybody();
    case MANUAL__TYPE__UNIT:
        return units[below(sizeof units / sizeof units[0])];
    case MANUAL__TYPE__DT:
        return text_time(engine.now_ms + (int64_t)(1 + below(48)) * 3600 * 1000, 480, arena);
    case MANUAL__TYPE__DATE:
        return "2025-08-01";
    case MANUAL__TYPE__TIME:
        return "10:00";
    case MANUAL__TYPE__MONEY:
    case MANUAL__TYPE__DEC:
        return "12.50";
    case MANUAL__TYPE__PHOTO:
        return "2";
    case MANUAL__TYPE__PHONE:
        return "13800000000";
    case MANUAL__TYPE__IDNO:
        return "110101199001011234";
    case MANUAL__TYPE__LIST:
    case MANUAL__TYPE__CHECK:
        return NULL;
    default:
        return "x";
    }
}

static const Manual__Field *field_of(const Manual__Procedure *procedure, const char *key) {
    const Manual__Field *field = manual_field(manual, procedure->form, key);

    for (size_t i = 0; !field && i < procedure->n_arguments; i++) {
        if (text_eq(procedure->arguments[i]->key, key)) {
            field = procedure->arguments[i];
        }
    }
    return field;
}

/* "a|b": both are given. */
static void give(struct values *fields, const Manual__Procedure *procedure, const char *need) {
    while (*need) {
        size_t length = strcspn(need, "|");
        const char *key = arena_copy(engine.scratch, need, length);
        const Manual__Field *field = field_of(procedure, key);
        const char *value = text_eq(key, "unit") ? NULL : field ? some_value(field) : anybody();
        if (value) {
            values_add_text(fields, key, value);
        }
        need += length + (need[length] == '|');
    }
}

static void check_repeat(const char *who, const char *method, const ProtobufCMessage *request,
                         uint8_t *id) {
    engine_advance(&engine, engine.now_ms); /* what fell due by it comes first */
    struct query q = QUERY(core_store(engine.core), "SELECT max(position) FROM event");
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t position = query_i64(&q, 0);
    query_end(&q);
    (void)engine_ask(&engine, who, method, request, id);
    q = QUERY(core_store(engine.core), "SELECT max(position) FROM event");
    CHECK(query_step(&q, &err) == 1);
    CHECK(query_i64(&q, 0) == position);
    query_end(&q);
    see("(repeated requests)")->times++;
}

static void open_one(void) {
    static const char *const kinds[] = {"repair",  "repair",  "complaint", "complaint",
                                        "contact", "contact", "contact",   "inquiry",
                                        "task",    "repair",  "complaint"};
    const char *key = kinds[below(sizeof kinds / sizeof kinds[0])];
    const Manual__Procedure *procedure = manual_procedure(manual, key);
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller = CASES__CALLER__INIT;
    struct values fields = {.arena = engine.scratch};
    const bool online = below(8) == 0;
    const char *who = anybody();
    uint8_t *id = engine_id(&engine);

    if (!procedure) {
        return;
    }
    const bool partial = below(6) == 0;
    for (size_t i = 0; i < procedure->start->n_needs; i++) {
        if (!partial || below(2) == 0) {
            give(&fields, procedure, procedure->start->needs[i]);
        }
    }
    request.procedure = key;
    request.unit = below(10) == 0 ? "" : units[below(sizeof units / sizeof units[0])];
    request.new_matter = below(3) != 0;
    request.event_ms = below(10) == 0 ? engine.now_ms - (int64_t)below(5 * 3600 * 1000) : 0;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (online) {
        request.resident = request.unit;
    } else if (below(3) != 0) {
        caller.name = "某人";
        caller.phone = "13811111111";
        request.caller = &caller;
        request.channel = "call";
    }
    Cases__OpenCaseReply *reply = engine_ask(&engine, who, "OpenCase", &request.base, id);
    if (!reply) {
        return;
    }
    if (below(20) == 0) {
        check_repeat(who, "OpenCase", &request.base, id);
    }
    remember(reply->case_no);
    remember(reply->contact_no);
}

static const char *able(const char *word, const Cases__Case *kase) {
    static const struct {
        const char *role, *staff;
    } roles[] = {{"desk", "S101"},     {"duty", "S101"}, {"steward", "S201"}, {"cs_sup", "S301"},
                 {"eng_disp", "S401"}, {"eng", "S402"},  {"ord_sup", "S501"}, {"env_sup", "S601"},
                 {"duty_mgr", "S801"}, {"pm", "S901"},   {"gm", "S902"},      {"keyk", "S101"}};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (text_eq(roles[i].role, word)) {
            return roles[i].staff;
        }
    }
    if (text_eq(word, "first_contact_owner")) {
        return kase->first_contact_owner;
    }
    if (text_eq(word, "handler")) {
        return kase->handler;
    }
    if (text_eq(word, "customer")) {
        return arena_text(engine.scratch, "resident:%s", kase->unit);
    }
    const char *person = engine_field(kase, word);
    return *person ? person : anybody();
}

/* Fires one step by somebody who might; whether he may is for the engine to say. */
static void fire_step(const Cases__Case *kase, const Manual__Procedure *procedure,
                      const Manual__Step *step) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    struct values fields = {.arena = engine.scratch};
    const char *who = below(6) == 0 || step->n_who == 0 ? anybody()
                                                        : able(step->who[below(step->n_who)], kase);
    uint8_t *id = engine_id(&engine);

    for (size_t i = 0; i < step->n_needs; i++) {
        give(&fields, procedure, step->needs[i]);
    }
    /* What its condition asks about, so that each branch is taken. */
    for (size_t a = 0; a < step->n_when && below(2) == 0; a++) {
        for (size_t t = 0; t < step->when[a]->n_all; t++) {
            const Manual__Term *term = step->when[a]->all[t];
            const Manual__Field *field = field_of(procedure, term->subject);
            if (field && term->n_one_of > 0 && !term->negate && below(2) == 0
                && !value_find(fields.list, fields.count, term->subject)) {
                values_add_text(&fields, term->subject, term->one_of[below(term->n_one_of)]);
            }
        }
    }
    request.case_no = kase->case_no;
    request.event = step->event;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (text_starts(who, "resident:")) {
        request.resident = who + strlen("resident:");
        who = "S101";
    }
    if (!*who) {
        who = anybody();
    }
    Cases__FireEventReply *reply = engine_ask(&engine, who, "FireEvent", &request.base, id);
    if (reply && below(30) == 0) {
        check_repeat(who, "FireEvent", &request.base, id);
    }
}

static bool leaves(const Manual__Step *step, const char *from) {
    for (size_t i = 0; i < step->n_from; i++) {
        if (text_eq(step->from[i], from)) {
            return true;
        }
    }
    return false;
}

/* Not only for the system to take. */
static bool for_people(const Manual__Step *step) {
    for (size_t i = 0; i < step->n_who; i++) {
        if (!text_eq(step->who[i], "system") && !text_eq(step->who[i], "child")) {
            return true;
        }
    }
    return false;
}

/* The step of a case that was seen, and tried, least; mostly one that moves it. */
static void act_once(void) {
    if (case_count == 0) {
        return;
    }
    const size_t place = below(case_count);
    Cases__Case *kase = engine_get(&engine, cases[place]);
    const Manual__Procedure *procedure = manual_procedure(manual, kase->procedure);
    const Manual__Step *best = NULL;
    struct seen *chosen = NULL;
    const bool moving = below(4) != 0;
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < kase->n_children; i++) {
        remember(kase->children[i]);
    }
    for (size_t i = 0; i < procedure->n_steps; i++) {
        const Manual__Step *step = procedure->steps[i];
        if (!leaves(step, kase->state) || !for_people(step) || (moving && !*step->to)) {
            continue;
        }
        struct seen *one = see_step(procedure->key, step->event, kase->state);
        const int64_t score = 4 * one->times + one->tried + (int64_t)below(40);
        if (score < least) {
            least = score;
            best = step;
            chosen = one;
        }
    }
    if (best) {
        chosen->tried++;
        fire_step(kase, procedure, best);
    }
    if (kase->closed_ms != 0 && below(3) != 0) {
        cases[place] = cases[--case_count];
    }
}

static void let_time_pass(void) {
    static const int64_t minute = 60 * 1000;
    const size_t kind = below(20);

    engine_advance(&engine, engine.now_ms
                                + (kind < 13   ? (int64_t)below(10) * minute
                                   : kind < 19 ? (int64_t)below(3 * 60) * minute
                                               : (int64_t)below(2 * 24 * 60) * minute));
}

/* ---- what must hold ---- */

static const char *text_at(const Wire__Event *event, size_t place) {
    return place < event->n_fields && event->fields[place]->kind_case == WIRE__VALUE__KIND_TEXT
               ? event->fields[place]->text
               : "";
}

static void count_event(const Wire__Event *event) {
    const char *dot = strchr(event->topic, '.');
    char name[NAME_SIZE];

    if (text_starts(event->topic, "clock.")) {
        const char *result = value_text(event->fields, event->n_fields, "result");
        const int64_t mark = value_i64(event->fields, event->n_fields, "mark", 0);
        if (*result || mark) {
            (void)snprintf(name, sizeof name, "clock %s.%s %s%.0" PRId64,
                           value_text(event->fields, event->n_fields, "procedure"),
                           value_text(event->fields, event->n_fields, "clock"), result, mark);
            see(name)->times++;
        }
        return;
    }
    if (dot
        && manual_procedure(
            manual, arena_copy(engine.scratch, event->topic, (size_t)(dot - event->topic)))) {
        see_step(arena_copy(engine.scratch, event->topic, (size_t)(dot - event->topic)), dot + 1,
                 text_eq(dot + 1, "open") ? "" : text_at(event, 0))
            ->times++;
    }
}

/* Of one case, its events in order. */
struct story {
    char number[64];
    char owner[64];
    int64_t page_round;
    char doer[64];
    bool owner_acted;
};
static struct story stories[8192];
static size_t story_count;

static struct story *story_of(const char *number) {
    for (size_t i = story_count; i > 0; i--) {
        if (strcmp(stories[i - 1].number, number) == 0) {
            return &stories[i - 1];
        }
    }
    CHECK(story_count < sizeof stories / sizeof stories[0]);
    struct story *story = &stories[story_count++];
    memset(story, 0, sizeof *story);
    (void)snprintf(story->number, sizeof story->number, "%s", number);
    return story;
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
        CHECK(opens || !*story->owner
              || text_eq(event->topic + strcspn(event->topic, "."), ".change_first_owner"));
        (void)snprintf(story->owner, sizeof story->owner, "%s", owner->text);
    }
    story->owner_acted = story->owner_acted || text_eq(event->actor, story->owner);
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
        see("(visits by somebody else)")->times++;
    }
    /* Nobody closes a contact without its owner. */
    if (text_starts(event->topic, "contact.") && !opens && text_eq(text_at(event, 1), "closed")) {
        CHECK(story->owner_acted);
        see("(contacts closed after an act of their owner)")->times++;
    }
}

static void check_events(void) {
    ProtobufCAllocator allocator = arena_protobuf(engine.scratch);
    struct query q = QUERY(core_store(engine.core), "SELECT body FROM event ORDER BY position");
    struct err err = {0};
    uint64_t position = 0, seq[2] = {0};

    story_count = 0;
    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine.scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine.scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event && event->position == ++position);
        CHECK(event->seq == ++seq[event->lane]);
        CHECK(!text_eq(event->topic, "dead.letter"));
        count_event(event);
        if (*event->case_no) {
            check_event(event);
        }
        see("(events)")->times++;
        arena_rewind(engine.scratch, used);
    }
    CHECK_OK(event_verify(core_store(engine.core), engine.scratch, &err), err);
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
        see("(cases)")->times++;
        arena_rewind(engine.scratch, used);
    }
}

/* The tables hold what the events say: an empty store that folds them is equal. */
static void check_fold(void) {
    ProtobufCAllocator allocator = arena_protobuf(engine.scratch);
    static struct engine other;
    struct actor system = {.staff = "system", .system = true};
    struct err err = {0};

    engine_start(&other, &ticketing_def, "manual", 0);
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
        CHECK_OK(fold_event(&call, &err), err);
        arena_rewind(engine.scratch, used);
        arena_rewind(other.scratch, other_used);
    }
    CHECK_OK(store_commit(core_store(other.core), &err), err);
    CHECK(text_eq(engine_dump(&other), engine_dump(&engine)));
    engine_stop(&other);
}

/* ---- histories ---- */

static void load_manual(void) {
    static struct compiled compiled;
    struct err err = {0};

    forever = arena_new((size_t)64 << 20);
    CHECK_OK(compile_dir("manual", &compiled, forever, &err), err);
    CHECK(compiled.mistake_count == 0);
    manual = manual_new(1, compiled.files, compiled.count, &err);
    CHECK_OK(manual == NULL, err);
}

static void history(int64_t acts) {
    engine_start(&engine, &ticketing_def, "manual", 0);
    case_count = 0;
    const size_t used = arena_used(engine.scratch);
    for (int64_t i = 0; i < acts; i++) {
        const size_t kind = below(30);
        if (kind == 0 || case_count < 8) {
            open_one();
        } else if (kind < 28) {
            act_once();
        } else {
            let_time_pass();
        }
        arena_rewind(engine.scratch, used);
    }
    check_events();
    check_clocks();
    check_fold();
    engine_stop(&engine);
}

static void report(uint64_t seed) {
    size_t steps = 0, enough = 0;

    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i].name[0] == '(') {
            (void)printf("# %s: %" PRId64 "\n", seen[i].name, seen[i].times);
        } else if (seen[i].times > 0) {
            steps++;
            enough += seen[i].times >= ENOUGH;
        }
    }
    (void)printf("# seed %" PRIu64 ": %zu transitions, clock results and marks seen, %zu of them"
                 " at least %d times\n",
                 seed, steps, enough, ENOUGH);
    for (size_t i = 0; i < seen_count && getenv("VERBOSE"); i++) {
        (void)printf("# %6" PRId64 "  %s\n", seen[i].times, seen[i].name);
    }
}

static void invariants_hold_over_random_histories(void) {
    const uint64_t seed = (uint64_t)setting("SEED", 20250711);
    const int64_t histories = setting("HISTORIES", 3), acts = setting("ACTS", 5000);

    state = seed | 1;
    load_manual();
    for (int64_t h = 0; h < histories; h++) {
        history(acts);
    }
    report(seed);
    CHECK(see("(visits by somebody else)")->times > 0);
    CHECK(see("(contacts closed after an act of their owner)")->times > 0);
    CHECK(see("(repeated requests)")->times > 0);
    manual_free(manual);
}

static const struct test tests[] = {
    TEST(invariants_hold_over_random_histories),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
