#include "histories.h"

#include <inttypes.h>

#include "base/text.h"
#include "coverage.h"
#include "manual/compile.h"
#include "store/query.h"

enum {
    OPEN_MAX = 10,
    WAYS_OUT_MAX = 256,
    KEPT_MAX = 20000,
    SHOWN = 20,
    VALUE_EVERY = 80,
    ROSTER_DAYS = 70,
    STAYING_AT_ONCE = 12,
    AT_ONCE = 60,         /* what the service lets wait */
    SETTLES_AT_LEAST = 8, /* steps of one engine_settle */
};

static const int64_t minute = 60 * 1000, hour = INT64_C(3600) * 1000;

static struct engine *engine;
static const struct manual *manual;
static struct arena *forever;
static uint64_t state;
static int64_t repeats, acts_done;

/* ---- chance ---- */

static uint64_t chance(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

size_t histories_below(size_t n) {
    return (size_t)(chance() % n);
}

static size_t below(size_t n) {
    return histories_below(n);
}

int64_t histories_repeats(void) {
    return repeats;
}

int64_t histories_acts(void) {
    return acts_done;
}

/* ---- what was asked ---- */

struct asked {
    const char *who, *method;
    struct bytes request;
    uint8_t id[16];
    int64_t at_ms;
    bool rings; /* a clock that was past its limit when it began falls due before the next */
};
static struct asked kept[KEPT_MAX];
static size_t kept_count;
static struct arena *keeping;

static char shown[SHOWN][240];
static size_t shown_count;

void histories_show(void) {
    for (size_t i = shown_count > SHOWN ? shown_count - SHOWN : 0; i < shown_count; i++) {
        (void)fprintf(stderr, "# act: %s\n", shown[i % SHOWN]);
    }
}

static void show(const char *who, const char *what, const char *number, Wire__Value *const *fields,
                 size_t count) {
    char *line = shown[shown_count++ % SHOWN];
    size_t used = (size_t)snprintf(line, sizeof shown[0], "%s %s %s %s",
                                   text_time(engine->now_ms, 480, engine->scratch), who, what,
                                   number);

    for (size_t i = 0; i < count && used < sizeof shown[0]; i++) {
        used += (size_t)snprintf(line + used, sizeof shown[0] - used, " %s=%s", fields[i]->key,
                                 fields[i]->kind_case == WIRE__VALUE__KIND_TEXT ? fields[i]->text
                                                                                : "?");
    }
}

static int64_t last_position(void) {
    struct query q = QUERY(core_store(engine->core), "SELECT max(position) FROM event");
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t position = query_i64(&q, 0);
    query_end(&q);
    return position;
}

/* The same request again: the same answer, and nothing more happened. */
static void ask_again(const char *who, const char *method, const ProtobufCMessage *request,
                      uint8_t *id) {
    engine_advance(engine, engine->now_ms); /* what fell due by it comes first */
    const int64_t position = last_position();
    const Wire__Reply *before = engine->reply;

    (void)engine_ask(engine, who, method, request, id);
    CHECK(last_position() == position);
    CHECK(engine->reply->code == before->code);
    repeats++;
}

static bool is_due(void) {
    struct query q = QUERY(core_store(engine->core), "SELECT min(due_ms) FROM timer");
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    const int64_t due_ms = query_i64(&q, 0);
    query_end(&q);
    return due_ms != 0 && due_ms <= engine->now_ms;
}

static void *ask(const char *who, const char *method, const ProtobufCMessage *request) {
    uint8_t *id = engine_id(engine);

    acts_done++;
    if (kept_count < KEPT_MAX) {
        struct asked *one = &kept[kept_count++];
        const size_t size = protobuf_c_message_get_packed_size(request);
        uint8_t *data = arena_alloc(keeping, size + 1);
        (void)protobuf_c_message_pack(request, data);
        *one = (struct asked){.who = arena_text(keeping, "%s", who),
                              .method = method,
                              .request = {data, size},
                              .at_ms = engine->now_ms};
        memcpy(one->id, id, sizeof one->id);
    }
    void *reply = engine_ask(engine, who, method, request, id);
    if (kept_count > 0) {
        kept[kept_count - 1].rings = is_due();
    }
    if (reply && below(40) == 0) {
        ask_again(who, method, request, id);
    }
    return reply;
}

/* ---- the people ---- */

struct person {
    const char *staff, *role, *dept;
};
static const struct person people[] = {
    {"S101", "desk", "cs"},
    {"S102", "desk", "cs"},
    {"S201", "steward", "cs"},
    {"S202", "steward", "cs"},
    {"S203", "steward", "cs"},
    {"S301", "cs_sup", "cs"},
    {"S401", "eng_disp", "engineering"},
    {"S402", "eng", "engineering"},
    {"S403", "eng", "engineering"},
    {"S501", "ord_sup", "order"},
    {"S601", "env_sup", "environment"},
    {"S701", "fin", "finance"},
    {"S801", "duty_mgr", "management"},
    {"S901", "pm", "management"},
    {"S902", "gm", "company"},
};
enum { PEOPLE = sizeof people / sizeof people[0] };
static const char *const units[] = {"2-1-501", "3-2-1201", "9-1-302", "3-1-802", "5-1-702"};

static const char *anybody(void) {
    return people[below(PEOPLE)].staff;
}

static const struct person *person_of(const char *staff) {
    for (size_t i = 0; i < PEOPLE; i++) {
        if (text_eq(people[i].staff, staff)) {
            return &people[i];
        }
    }
    return NULL;
}

/* Somebody of this role, or of this department. */
static const char *somebody(const char *role, const char *dept) {
    const size_t from = below(PEOPLE);

    for (size_t i = 0; i < PEOPLE; i++) {
        const struct person *one = &people[(from + i) % PEOPLE];
        if (role ? text_eq(one->role, role) : text_eq(one->dept, dept)) {
            return one->staff;
        }
    }
    return "";
}

static const char *related(const Cases__Case *kase, const Manual__Procedure *procedure,
                           const char *word) {
    const char *key = word;

    for (size_t i = 0; i < procedure->n_people; i++) {
        if (text_eq(procedure->people[i]->name, word) && !procedure->people[i]->own) {
            key = procedure->people[i]->field;
        }
    }
    const char *list = text_eq(word, "first_contact_owner") ? kase->first_contact_owner
                       : text_eq(word, "handler")           ? kase->handler
                                                            : engine_field(kase, key);
    return arena_copy(engine->scratch, list, strcspn(list, ";"));
}

static const char *head_of(const Cases__Case *kase) {
    const struct person *handler = person_of(kase->handler);
    const char *head = handler ? manual_head_of(manual, handler->role) : NULL;

    head = head ? head : handler ? manual_head_of(manual, handler->dept) : NULL;
    head = head ? head : *kase->dept ? manual_head_of(manual, kase->dept) : NULL;
    return head ? somebody(head, NULL) : "";
}

/* Whom a word of `who` lets in; "" nobody. */
static const char *able(const char *word, const Cases__Case *kase,
                        const Manual__Procedure *procedure) {
    const Manual__Role *role = manual_role(manual, word);
    const char *person = somebody(word, NULL);

    if (text_eq(word, "staff")) {
        return anybody();
    }
    if (text_eq(word, "customer")) {
        return *kase->unit ? arena_text(engine->scratch, "resident:%s", kase->unit) : "";
    }
    if (text_eq(word, "dept_head")) {
        return head_of(kase);
    }
    if (*person) {
        return person;
    }
    if (role && *role->post) {
        return text_eq(role->post, "engineering") ? "S402" : "S101";
    }
    return related(kase, procedure, word);
}

static bool kept_out(const Manual__Step *step, const Cases__Case *kase,
                     const Manual__Procedure *procedure, const char *who) {
    const struct person *person = person_of(who);

    for (size_t i = 0; person && i < step->n_not_who; i++) {
        if (text_eq(step->not_who[i], person->role)
            || text_eq(related(kase, procedure, step->not_who[i]), who)) {
            return true;
        }
    }
    return false;
}

static const char *actor(const Manual__Step *step, const Cases__Case *kase,
                         const Manual__Procedure *procedure) {
    for (int i = 0; i < 16 && step->n_who > 0; i++) {
        const char *who = able(step->who[below(step->n_who)], kase, procedure);
        if (*who && !kept_out(step, kase, procedure, who)) {
            return who;
        }
    }
    return anybody();
}

/* ---- what is given ---- */

static const char *some_value(const Manual__Field *field) {
    struct arena *arena = engine->scratch;

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
        return text_time(engine->now_ms + (int64_t)(1 + below(48)) * hour, 480, arena);
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
    for (size_t i = 0; !field && i < procedure->n_people; i++) {
        if (text_eq(procedure->people[i]->name, key) && !procedure->people[i]->own) {
            field = manual_field(manual, procedure->form, procedure->people[i]->field);
        }
    }
    return field;
}

static void give(struct values *fields, const char *key, const char *value) {
    if (value && !value_find(fields->list, fields->count, key)) {
        values_add_text(fields, key, value);
    }
}

/* A case of the same procedure, for what is linked or merged. */
static const char *other_case(const Manual__Procedure *procedure);

/* "a|b": both are given. */
static void give_need(struct values *fields, const Manual__Procedure *procedure, const char *need) {
    while (*need) {
        const size_t length = strcspn(need, "|");
        const char *key = arena_copy(engine->scratch, need, length);
        const Manual__Field *field = field_of(procedure, key);
        give(fields, key,
             text_eq(key, "unit")                        ? NULL
             : field && field->type == MANUAL__TYPE__REF ? other_case(procedure)
             : field                                     ? some_value(field)
                                                         : anybody());
        need += length + (need[length] == '|');
    }
}

static bool one_of(const Manual__Term *term, const char *value) {
    for (size_t i = 0; i < term->n_one_of; i++) {
        if (text_eq(term->one_of[i], value)) {
            return true;
        }
    }
    return false;
}

/* "blamed_person.dept: cs": somebody like that. */
static const char *person_like(Manual__Term *const *terms, size_t count, const char *key) {
    const size_t from = below(PEOPLE);
    const size_t length = strlen(key);

    for (size_t i = 0; i < PEOPLE; i++) {
        const struct person *one = &people[(from + i) % PEOPLE];
        bool fits = true;
        for (size_t t = 0; t < count; t++) {
            const char *subject = terms[t]->subject;
            if (strncmp(subject, key, length) != 0 || subject[length] != '.') {
                continue;
            }
            const char *is = text_eq(subject + length, ".dept") ? one->dept : one->role;
            fits = fits && one_of(terms[t], is) != terms[t]->negate;
        }
        if (fits) {
            return one->staff;
        }
    }
    return NULL;
}

static int64_t number_of(const Manual__Limit *limit) {
    int64_t number = limit->amount;

    if (*limit->parameter) {
        (void)manual_number(manual, limit->parameter, NULL, &number);
    }
    return number;
}

static const char *value_for(const Manual__Term *term, const Manual__Field *field) {
    struct arena *arena = engine->scratch;

    if (term->n_one_of > 0 && !term->negate) {
        return term->one_of[below(term->n_one_of)];
    }
    if (term->n_one_of > 0 && field->type == MANUAL__TYPE__BOOL) {
        return one_of(term, "true") ? "false" : "true";
    }
    for (size_t i = 0, from = below(64); term->n_one_of > 0 && i < field->n_choices; i++) {
        const char *key = field->choices[(from + i) % field->n_choices]->key;
        if (!one_of(term, key)) {
            return key;
        }
    }
    if (term->min || term->max) {
        return arena_text(arena, "%" PRId64, number_of(term->min ? term->min : term->max));
    }
    if (term->within || term->beyond) {
        return text_time(engine->now_ms
                             - (term->within ? (int64_t)below(24) * hour : 40 * 24 * hour),
                         480, arena);
    }
    return term->present ? some_value(field) : NULL;
}

/* What one of the alternatives of a condition asks about, so that it holds. */
static void give_condition(struct values *fields, const Manual__Procedure *procedure,
                           Manual__Any *const *any, size_t count) {
    if (count == 0) {
        return;
    }
    const Manual__Any *all = any[below(count)];
    for (size_t t = 0; t < all->n_all; t++) {
        const Manual__Term *term = all->all[t];
        const char *dot = strchr(term->subject, '.');
        if (dot) {
            const char *key = arena_copy(engine->scratch, term->subject,
                                         (size_t)(dot - term->subject));
            give(fields, key, person_like(all->all, all->n_all, key));
            continue;
        }
        const Manual__Field *field = field_of(procedure, term->subject);
        if (field && !field->calculated) {
            give(fields, term->subject, value_for(term, field));
        }
    }
}

/* ---- the open cases ---- */

static const char *cases[OPEN_MAX];
static size_t case_count;

static void remember(const char *number) {
    for (size_t i = 0; i < case_count; i++) {
        if (text_eq(cases[i], number)) {
            return;
        }
    }
    const size_t place = case_count < OPEN_MAX ? case_count++ : below(OPEN_MAX);
    cases[place] = arena_text(keeping, "%s", number);
}

static const char *other_case(const Manual__Procedure *procedure) {
    const char *number = engine_child(engine, "", procedure->key);

    return *number ? number : case_count > 0 ? cases[below(case_count)] : "x";
}

static int64_t counted;
static int64_t ringing; /* clocks that fall due again and again */

static void count_ringing(const Wire__Event *event) {
    const Manual__Procedure *procedure = manual_procedure(
        manual, value_text(event->fields, event->n_fields, "procedure"));

    for (size_t i = 0; procedure && i < procedure->n_clocks; i++) {
        if (procedure->clocks[i]->every
            && text_eq(procedure->clocks[i]->name,
                       value_text(event->fields, event->n_fields, "clock"))) {
            ringing += text_eq(event->topic, "clock.started");
            ringing -= text_eq(event->topic, "clock.met") || text_eq(event->topic, "clock.stopped");
        }
    }
}

/* Hears what was written since. */
static void listen(histories_seen_fn *seen) {
    ProtobufCAllocator allocator = arena_protobuf(engine->scratch);
    struct query q = QUERY(core_store(engine->core),
                           "SELECT body FROM event WHERE position > ?1 ORDER BY position");
    struct err err = {0};

    query_bind_i64(&q, 1, counted);
    while (query_step(&q, &err) == 1) {
        const size_t used = arena_used(engine->scratch);
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, engine->scratch, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        counted = (int64_t)event->position;
        if (*event->case_no && !text_starts(event->topic, "clock.")) {
            remember(event->case_no);
        }
        if (text_starts(event->topic, "clock.")) {
            count_ringing(event);
        }
        coverage_event(event);
        seen(event);
        arena_rewind(engine->scratch, used);
    }
}

/* ---- opening ---- */

static bool people_open(const Manual__Procedure *procedure) {
    const Manual__Start *start = procedure->start;
    bool open = start && start->n_who == 0;

    for (size_t i = 0; start && i < start->n_who; i++) {
        open = open || (!text_eq(start->who[i], "system") && !text_eq(start->who[i], "child"));
    }
    return open;
}

/* By lot, the more the more of it is wanting. */
static const Manual__Procedure *worth_opening(void) {
    const Manual__Procedure *const *list = NULL;
    const size_t count = manual_procedures(manual, &list);
    double total = 0;

    for (int draw = 0; draw < 2; draw++) {
        double left = total * (double)below(1000) / 1000.0;
        for (size_t i = 0; i < count; i++) {
            if (!text_eq(list[i]->owner, engine->def->name) || !people_open(list[i])) {
                continue;
            }
            const double lack = coverage_lack(list[i]) + 0.5;
            if (draw == 0) {
                total += lack;
            } else if ((left -= lack) < 0) {
                return list[i];
            }
        }
    }
    return NULL;
}

/* The first state it shall have. */
static struct way *opening_way(const Manual__Procedure *procedure) {
    struct way *ways[WAYS_OUT_MAX];
    const size_t out = coverage_ways(procedure, "", WAYS_OUT_MAX, ways);

    return ways[below(3) != 0 ? 0 : below(out)];
}

static void give_start(struct values *fields, const Manual__Procedure *procedure,
                       const struct way *way, bool whole) {
    const Manual__Start *start = procedure->start;

    for (size_t i = 0; i < start->n_alternatives; i++) {
        if (text_eq(start->alternatives[i]->to, way->to) && below(2) == 0) {
            give_condition(fields, procedure, start->alternatives[i]->when,
                           start->alternatives[i]->n_when);
        }
    }
    for (size_t i = 0; i < start->n_needs; i++) {
        if (whole || below(2) == 0) {
            give_need(fields, procedure, start->needs[i]);
        }
    }
    /* What its clocks ask about. */
    for (size_t i = 0; i < procedure->n_clocks && whole; i++) {
        const Manual__Clock *clock = procedure->clocks[i];
        if (below(4) == 0 && clock->n_limit > 0) {
            const Manual__Limit *limit = clock->limit[below(clock->n_limit)];
            give_condition(fields, procedure, limit->when, limit->n_when);
        }
        if (below(4) == 0) {
            give_condition(fields, procedure, clock->when, clock->n_when);
        }
    }
}

static void open_one(void) {
    const Manual__Procedure *procedure = worth_opening();
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller = CASES__CALLER__INIT;
    struct values fields = {.arena = engine->scratch};

    if (!procedure || !procedure->start) {
        return;
    }
    struct way *way = opening_way(procedure);
    const Manual__Start *start = procedure->start;
    const bool whole = text_eq(way->to, start->staff) || below(4) == 0;
    const bool online = !whole && below(2) == 0;
    const char *who = anybody();
    for (size_t i = 0; start->n_who > 0 && i < 8; i++) {
        const char *one = somebody(start->who[below(start->n_who)], NULL);
        who = *one ? one : who;
    }
    give_start(&fields, procedure, way, whole);
    request.procedure = procedure->key;
    request.unit = below(5) == 0 && !online ? "" : units[below(sizeof units / sizeof units[0])];
    request.new_matter = below(4) != 0;
    request.event_ms = below(12) == 0 ? engine->now_ms - (int64_t)below((size_t)(5 * hour)) : 0;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (online) {
        request.resident = request.unit;
    } else if (*start->through && below(3) == 0) {
        caller.name = "某人";
        caller.phone = "13811111111";
        request.caller = &caller;
        request.channel = "call";
    }
    way->tried++;
    show(who, "opens", procedure->key, fields.list, fields.count);
    Cases__OpenCaseReply *reply = ask(who, "OpenCase", &request.base);
    if (!reply) {
        (void)snprintf(way->refused, sizeof way->refused, "%s", engine->reply->rule);
        return;
    }
    way->done++;
}

/* ---- acting ---- */

static Cases__Case *fire(Cases__Case *kase, struct way *way) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    struct values fields = {.arena = engine->scratch};
    const Manual__Step *step = way->steps[below(way->step_count)];
    const Manual__Procedure *procedure = way->procedure;

    if (below(8) != 0) {
        give_condition(&fields, procedure, step->when, step->n_when);
    }
    for (size_t i = 0; i < step->n_needs; i++) {
        give_need(&fields, procedure, step->needs[i]);
    }
    /* What the operations ask about. */
    for (size_t i = 0; i < step->n_do_; i++) {
        if (below(2) == 0) {
            give_condition(&fields, procedure, step->do_[i]->when, step->do_[i]->n_when);
        }
    }
    const char *who = below(25) == 0 ? anybody() : actor(step, kase, procedure);
    request.case_no = kase->case_no;
    request.event = way->event;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (text_starts(who, "resident:")) {
        request.resident = who + strlen("resident:");
        who = "S101";
    }
    way->tried++;
    show(who, way->event, kase->case_no, fields.list, fields.count);
    Cases__FireEventReply *reply = ask(who, "FireEvent", &request.base);
    if (!reply) {
        (void)snprintf(way->refused, sizeof way->refused, "%s", engine->reply->rule);
        return kase;
    }
    way->done++;
    return reply->case_;
}

/* What it may do where it stands, as far as it is wanting. */
static Cases__Case *act_staying(Cases__Case *kase, struct way **ways, size_t count) {
    const size_t from = count > 0 ? below(count) : 0;
    size_t done = 0;

    for (size_t i = 0; i < count && done < STAYING_AT_ONCE; i++) {
        struct way *way = ways[(from + i) % count];
        if (text_eq(way->to, way->from) && way->people && coverage_wanting(way)
            && text_eq(kase->state, way->from)
            && (way->tried < 50 || below(1 + (size_t)(way->tried / (20 * (way->done + 1)))) == 0)) {
            kase = fire(kase, way);
            done++;
        }
    }
    return kase;
}

static void advance(int64_t to_ms) {
    engine_advance(engine, to_ms);
}

/* Wait until this event's clock has run down. */
static bool wait_for(const Cases__Case *kase, const struct way *way) {
    for (size_t i = 0; i < way->procedure->n_clocks; i++) {
        const Manual__Clock *clock = way->procedure->clocks[i];
        const Cases__CaseClock *now = engine_clock(kase, clock->name);
        if (text_eq(clock->fire, way->event) && now && text_eq(now->result, "running")
            && now->due_ms < engine->now_ms + (ringing > 0 ? 1 : 8) * 24 * hour) {
            advance(now->due_ms);
            return true;
        }
    }
    return false;
}

static void act_moving(Cases__Case *kase, struct way **ways, size_t count) {
    const bool by_lot = below(2) == 0;
    struct way *best = NULL;
    double most = -1;

    for (size_t i = 0; i < count; i++) {
        if ((!ways[i]->people && !ways[i]->timed) || text_eq(ways[i]->to, ways[i]->from)) {
            continue;
        }
        /* By lot among what is wanting, else what leads to most. */
        const double score = by_lot ? (coverage_wanting(ways[i]) ? coverage_chance(ways[i]) : 0.01)
                                          * (double)below(1000)
                                    : (coverage_score(ways[i]) + 0.01) * (ways[i]->people ? 1 : 0.3)
                                          * (0.3 + (double)below(100) / 100.0);
        if (score > most) {
            most = score;
            best = ways[i];
        }
    }
    if (!best) {
        return;
    }
    if (best->people && (!best->timed || below(3) != 0)) {
        (void)fire(kase, best);
    } else {
        best->tried++;
        (void)wait_for(kase, best);
    }
}

/* One visit to a case. */
static void visit(void) {
    const size_t place = below(case_count);
    Cases__Case *kase = engine_get(engine, cases[place]);
    const Manual__Procedure *procedure = manual_procedure(manual, kase->procedure);
    struct way *ways[WAYS_OUT_MAX];
    size_t count = coverage_ways(procedure, kase->state, WAYS_OUT_MAX, ways);

    kase = act_staying(kase, ways, count);
    count = coverage_ways(procedure, kase->state, WAYS_OUT_MAX, ways);
    const double left = coverage_worth(procedure, kase->state);
    if (left < 0.02 || below(60) == 0) {
        cases[place] = cases[--case_count]; /* nothing more to see of it */
        return;
    }
    act_moving(kase, ways, count);
}

/* ---- time ---- */

/* Towards the limit that is wanting most: just before it, at it, after it, long after it. */
static void let_time_pass(void) {
    int64_t to_ms = engine->now_ms + (int64_t)below(10) * minute;
    double most = 0.05;

    for (size_t n = 0; n < 3 && case_count > 0; n++) {
        const Cases__Case *kase = engine_get(engine, cases[below(case_count)]);
        for (size_t i = 0; i < kase->n_clocks; i++) {
            const Cases__CaseClock *clock = kase->clocks[i];
            const int64_t length = clock->due_ms - clock->started_ms;
            const bool runs = clock->ended_ms == 0 && text_eq(clock->result, "running");
            if (!runs || length > 5 * 24 * hour || clock->due_ms < engine->now_ms) {
                continue;
            }
            const char *p = kase->procedure;
            const double late = coverage_wants(p, clock->name, "late")
                                + coverage_wants(p, clock->name, "overdue")
                                + coverage_wants(p, clock->name, "100");
            const double over = coverage_wants(p, clock->name, "200");
            const double value = (late + over) * (double)(1 + below(100)) / 100.0;
            if (value > most) {
                static const int64_t beside[] = {-1, 0, 1, 1, 1000, 60 * 1000};
                most = value;
                to_ms = clock->due_ms + beside[below(sizeof beside / sizeof beside[0])];
                to_ms += over > 0.2 && below(3) == 0 ? (length > hour ? length : hour) : 0;
            }
        }
    }
    if (ringing > 0 && to_ms > engine->now_ms + 6 * hour && below(8) != 0) {
        return;
    }
    advance(to_ms > engine->now_ms ? to_ms : engine->now_ms);
}

/* The end of a history: weeks and months, with little left that rings every half hour. */
static void let_months_pass(void) {
    for (int i = 0; i < 8; i++) {
        advance(engine->now_ms + 4 * 24 * hour);
    }
}

/* ---- a history ---- */

const struct manual *histories_load(uint64_t seed) {
    static struct compiled compiled;
    struct err err = {0};

    state = seed * UINT64_C(2862933555777941757) | 1;
    forever = arena_new((size_t)64 << 20);
    keeping = arena_new((size_t)256 << 20);
    CHECK_OK(compile_dir("manual", &compiled, forever, &err), err);
    CHECK(compiled.mistake_count == 0);
    struct manual *made = manual_new(1, compiled.files, compiled.count, &err);
    CHECK_OK(made == NULL, err);
    manual = made;
    return made;
}

static void feed_roster(void) {
    static const char *const posts[][2] = {
        {"desk", "S101"}, {"engineering", "S402"}, {"duty_mgr", "S801"}};

    for (int64_t day = 8; day < ROSTER_DAYS; day++) {
        for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++) {
            Wire__Event event = WIRE__EVENT__INIT;
            struct values fields = {.arena = engine->scratch};
            const int64_t start = engine_at(0, 0) + day * 24 * hour;
            values_add_text(&fields, "period", "2025-07");
            values_add_i64(&fields, "version", 1);
            values_add_text(&fields, "post", posts[i][0]);
            values_add_text(&fields, "shift", "all");
            values_add_ms(&fields, "start", start);
            values_add_ms(&fields, "end", start + 24 * hour);
            values_add_text(&fields, "staff", posts[i][1]);
            values_add_i64(&fields, "order", 1);
            event.topic = "roster.duty";
            event.fields = fields.list;
            event.n_fields = fields.count;
            engine_feed(engine, &event);
        }
    }
    engine_settle(engine);
}

void histories_world(struct engine *of, const struct service_def *def, size_t group_max) {
    engine = of;
    engine_start(engine, def, "manual", group_max);
    feed_roster();
}

void histories_run(struct engine *of, int64_t acts, histories_seen_fn *seen) {
    const int64_t until = acts_done + acts;

    engine = of;
    arena_reset(keeping);
    kept_count = case_count = 0;
    counted = ringing = 0;
    const size_t used = arena_used(engine->scratch);
    for (int64_t i = 0; acts_done < until && i < 20 * acts; i++) {
        if (i % VALUE_EVERY == 0) {
            coverage_value();
        }
        const size_t kind = below(30);
        if (case_count < 4 || (kind < 2 && below(2) == 0)) {
            open_one();
        } else if (kind < 27) {
            visit();
        } else {
            let_time_pass();
        }
        listen(seen);
        arena_rewind(engine->scratch, used);
    }
    if (ringing == 0 && below(2) == 0) {
        let_months_pass();
        listen(seen);
        arena_rewind(engine->scratch, used);
    }
}

static const ProtobufCMessageDescriptor *input_of(const char *method) {
    return protobuf_c_service_descriptor_get_method_by_name(engine->def->api, method)->input;
}

void histories_again(struct engine *of) {
    ProtobufCAllocator allocator = arena_protobuf(of->scratch);

    engine = of;
    const size_t used = arena_used(engine->scratch);
    for (size_t i = 0; i < kept_count;) {
        advance(kept[i].at_ms);
        const int64_t at_ms = kept[i].at_ms;
        const size_t first = i;
        bool last = false;
        for (; i < kept_count && kept[i].at_ms == at_ms && i < first + AT_ONCE && !last; i++) {
            const struct asked *one = &kept[i];
            ProtobufCMessage *request = protobuf_c_message_unpack(
                input_of(one->method), &allocator, one->request.size, one->request.data);
            CHECK(request);
            CHECK(engine_push(engine, one->who, one->method, request, kept[i].id));
            last = one->rings;
        }
        for (size_t n = first; n <= i; n += SETTLES_AT_LEAST) {
            engine_settle(engine); /* alone, each needs a step of its own */
        }
        arena_rewind(engine->scratch, used);
    }
}
