#include "acting.h"

#include <inttypes.h>

#include "base/text.h"
#include "histories.h"

static const int64_t hour = INT64_C(3600) * 1000;

static struct engine *engine;
static const struct manual *manual;

static size_t below(size_t n) {
    return histories_below(n);
}

void acting_start(struct engine *of, const struct manual *with) {
    engine = of;
    manual = with;
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

static const char *related(const Cases__Case *kase, const struct life *life, const char *word) {
    const Manual__Procedure *procedure = life->procedure;
    const char *key = word;

    if (text_eq(word, "opener")) {
        return life->opener;
    }

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
static const char *able(const char *word, const Cases__Case *kase, const struct life *life) {
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
    return related(kase, life, word);
}

static bool kept_out(const Manual__Step *step, const Cases__Case *kase, const struct life *life,
                     const char *who) {
    const struct person *person = person_of(who);

    for (size_t i = 0; person && i < step->n_not_who; i++) {
        if (text_eq(step->not_who[i], person->role)
            || text_eq(related(kase, life, step->not_who[i]), who)) {
            return true;
        }
    }
    return false;
}

static const char *actor(const Manual__Step *step, const Cases__Case *kase,
                         const struct life *life) {
    for (int i = 0; i < 16 && step->n_who > 0; i++) {
        const char *who = able(step->who[below(step->n_who)], kase, life);
        if (*who && !kept_out(step, kase, life, who)) {
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
        return arena_copy(arena, text_time(engine->now_ms + 24 * hour, 480, arena),
                          strlen("2025-08-01"));
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
    case MANUAL__TYPE__CHECK:
        return "all pass";
    case MANUAL__TYPE__LIST:
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
static const char *other_case(const Manual__Procedure *procedure) {
    size_t count = 0;
    const struct life *all = lives_all(&count);

    for (size_t i = 0, from = below(count + 1); i < count; i++) {
        const struct life *one = &all[(from + i) % count];
        if (one->procedure == procedure) {
            return one->number;
        }
    }
    return count > 0 ? all[0].number : "x";
}

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

/* ---- what is wished for ---- */

/* A limit that a field says: soon. */
static void give_limit(struct values *fields, const Manual__Procedure *procedure,
                       const Manual__Clock *clock) {
    give_condition(fields, procedure, clock->when, clock->n_when);
    if (clock->n_limit == 0) {
        return;
    }
    const Manual__Limit *limit = clock->limit[below(clock->n_limit)];
    const Manual__Field *field = *limit->field ? field_of(procedure, limit->field) : NULL;
    if (field && !field->calculated && field->type == MANUAL__TYPE__DT && !limit->minus) {
        give(fields, limit->field,
             text_time(engine->now_ms + (int64_t)(1 + below(4)) * hour, 480, engine->scratch));
    }
    give_condition(fields, procedure, limit->when, limit->n_when);
}

static void give_wish(struct values *fields, const Manual__Procedure *procedure,
                      const struct wish *wish) {
    if (wish->next) {
        give_condition(fields, procedure, wish->next->when, wish->next->n_when);
    }
    if (wish->op) {
        give_condition(fields, procedure, wish->op->when, wish->op->n_when);
    }
    if (wish->clock) {
        give_limit(fields, procedure, wish->clock);
    }
}

/* So that a step of the same event that comes first does not hold. */
static void give_against(struct values *fields, const struct way *way, const Manual__Step *step) {
    const Manual__Procedure *procedure = way->procedure;

    for (size_t i = 0; i < procedure->n_steps && procedure->steps[i] != step; i++) {
        const Manual__Step *first = procedure->steps[i];
        if (!text_eq(first->event, way->event) || first->n_when != 1) {
            continue;
        }
        const Manual__Any *all = first->when[0];
        for (size_t t = 0, from = below(all->n_all + 1); t < all->n_all; t++) {
            const Manual__Term *term = all->all[(from + t) % all->n_all];
            const Manual__Field *field = field_of(procedure, term->subject);
            if (!field || field->calculated || strchr(term->subject, '.')) {
                continue;
            }
            if (term->min) {
                give(fields, term->subject,
                     arena_text(engine->scratch, "%" PRId64, number_of(term->min) - 1));
                break;
            }
            if (term->negate && term->n_one_of > 0) {
                give(fields, term->subject, term->one_of[below(term->n_one_of)]);
                break;
            }
        }
    }
}

/* ---- opening ---- */

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

bool acting_without_unit(const Manual__Step *step) {
    for (size_t a = 0; a < step->n_when; a++) {
        for (size_t t = 0; t < step->when[a]->n_all; t++) {
            const Manual__Term *term = step->when[a]->all[t];
            if (term->absent && text_eq(term->subject, "unit")) {
                return true;
            }
        }
    }
    return false;
}

static const char *opener_of(const Manual__Start *start) {
    const char *who = anybody();

    for (size_t i = 0; start->n_who > 0 && i < 8; i++) {
        const char *one = somebody(start->who[below(start->n_who)], NULL);
        who = *one ? one : who;
    }
    return who;
}

static void keep_refusal(struct way *way) {
    (void)snprintf(way->refused, sizeof way->refused, "%s", engine->reply->rule);
}

bool acting_open(struct way *way, const struct wish *wish) {
    const Manual__Procedure *procedure = way->procedure;
    const Manual__Start *start = procedure->start;
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller = CASES__CALLER__INIT;
    struct values fields = {.arena = engine->scratch};
    const bool other = *start->other && text_eq(way->to, start->other);
    const bool online = other && below(4) != 0;
    const char *who = opener_of(start);

    give_wish(&fields, procedure, wish);
    give_start(&fields, procedure, way, !other || (online && below(4) == 0));
    request.procedure = procedure->key;
    request.unit = (below(12) == 0 && !online) || (wish->next && acting_without_unit(wish->next))
                       ? ""
                       : units[below(sizeof units / sizeof units[0])];
    request.new_matter = below(8) != 0;
    request.event_ms = !wish->plain && below(20) == 0
                           ? engine->now_ms - (int64_t)below((size_t)(5 * hour))
                           : 0;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (online && *request.unit) {
        request.resident = request.unit;
    } else if (*start->through && below(4) == 0) {
        caller.name = "某人";
        caller.phone = "13811111111";
        request.caller = &caller;
        request.channel = "call";
    }
    way->tried++;
    histories_tell(who, "opens", procedure->key, fields.list, fields.count);
    if (!histories_ask(who, "OpenCase", &request.base)) {
        keep_refusal(way);
        return false;
    }
    way->done++;
    return true;
}

/* ---- firing ---- */

static bool for_people(const Manual__Step *step) {
    for (size_t i = 0; i < step->n_who; i++) {
        if (!text_eq(step->who[i], "system") && !text_eq(step->who[i], "child")) {
            return true;
        }
    }
    return false;
}

/* One of those that a person can take. */
static const Manual__Step *some_step(const struct way *way) {
    const size_t from = below(way->step_count);

    for (size_t i = 0; i < way->step_count; i++) {
        const Manual__Step *step = way->steps[(from + i) % way->step_count];
        if (for_people(step)) {
            return step;
        }
    }
    return way->steps[from];
}

Cases__Case *acting_fire(const Cases__Case *kase, const struct life *life, struct way *way,
                         const struct wish *wish) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    struct values fields = {.arena = engine->scratch};
    const Manual__Step *step = wish->step ? wish->step : some_step(way);
    const Manual__Procedure *procedure = way->procedure;

    if (wish->plain || below(16) != 0) {
        give_condition(&fields, procedure, step->when, step->n_when);
    }
    give_wish(&fields, procedure, wish);
    if (below(4) != 0) {
        give_against(&fields, way, step);
    }
    for (size_t i = 0; i < step->n_needs; i++) {
        give_need(&fields, procedure, step->needs[i]);
    }
    for (size_t s = 0; s < way->step_count && below(3) == 0; s++) {
        for (size_t i = 0; i < way->steps[s]->n_needs; i++) {
            give_need(&fields, procedure, way->steps[s]->needs[i]);
        }
    }
    /* What the operations ask about. */
    for (size_t i = 0; i < step->n_do_ && !wish->op; i++) {
        if (below(2) == 0) {
            give_condition(&fields, procedure, step->do_[i]->when, step->do_[i]->n_when);
        }
    }
    if (!wish->plain && below(30) == 0) {
        give(&fields, "first_contact_owner", anybody()); /* to be refused, but for one act */
    }
    const char *who = below(wish->plain ? 12 : 6) == 0 ? anybody() : actor(step, kase, life);
    request.case_no = kase->case_no;
    request.event = way->event;
    request.fields = fields.list;
    request.n_fields = fields.count;
    if (text_starts(who, "resident:")) {
        request.resident = who + strlen("resident:");
        who = "S101";
    }
    const int64_t before = way->tally.times;
    way->tried++;
    histories_tell(who, way->event, kase->case_no, fields.list, fields.count);
    Cases__FireEventReply *reply = histories_ask(who, "FireEvent", &request.base);
    if (!reply) {
        keep_refusal(way);
        return NULL;
    }
    way->done += way->tally.times > before;
    return reply->case_;
}

/* ---- naming somebody ---- */

static bool is_relation(const Manual__Procedure *procedure, const char *word) {
    for (size_t i = 0; i < procedure->n_people; i++) {
        if (text_eq(procedure->people[i]->name, word)) {
            return true;
        }
    }
    return text_eq(word, "handler") || text_eq(word, "first_contact_owner");
}

static bool names(const Manual__Step *step, const char *word) {
    for (size_t i = 0; i < step->n_needs; i++) {
        if (text_eq(step->needs[i], word)
            || (text_eq(word, "handler") && text_eq(step->needs[i], "assignee"))) {
            return true;
        }
    }
    return false;
}

bool acting_appoint(const Cases__Case *kase, const struct life *life, const struct way *way) {
    const struct wish wish = {.plain = true};
    struct way *here[256];
    const size_t count = coverage_ways(life->procedure, kase->state, 256, here);

    for (size_t s = 0; s < way->step_count; s++) {
        for (size_t w = 0; w < way->steps[s]->n_who; w++) {
            const char *word = way->steps[s]->who[w];
            const char *who = related(kase, life, word);
            if (!is_relation(life->procedure, word)
                || (*who && !kept_out(way->steps[s], kase, life, who))) {
                continue;
            }
            for (size_t i = 0; i < count; i++) {
                if (text_eq(here[i]->from, here[i]->to) && here[i]->people
                    && names(here[i]->steps[0], word) && acting_fire(kase, life, here[i], &wish)) {
                    return true;
                }
            }
        }
    }
    return false;
}
