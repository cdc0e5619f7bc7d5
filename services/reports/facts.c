#include "services/reports/facts.h"

#include "base/text.h"
#include "core/event.h"
#include "manual/condition.h"

/* ---- values made on the spot ---- */

static Wire__Value *fresh(struct seen *seen, const char *key, Wire__Value__KindCase kind) {
    Wire__Value *value = ARENA_NEW(seen->call->arena, Wire__Value);

    wire__value__init(value);
    value->key = key;
    value->kind_case = kind;
    return value;
}

static const Wire__Value *text_value(struct seen *seen, const char *key, const char *text) {
    Wire__Value *value = fresh(seen, key, WIRE__VALUE__KIND_TEXT);

    value->text = text;
    return value;
}

static const Wire__Value *number_value(struct seen *seen, const char *key, int64_t number) {
    Wire__Value *value = fresh(seen, key, WIRE__VALUE__KIND_INTEGER);

    value->integer = number;
    return value;
}

static const Wire__Value *flag_value(struct seen *seen, const char *key, bool flag) {
    Wire__Value *value = fresh(seen, key, WIRE__VALUE__KIND_FLAG);

    value->flag = flag;
    return value;
}

static const Wire__Value *time_value(struct seen *seen, const char *key, int64_t ms) {
    if (ms == 0) {
        return NULL;
    }
    Wire__Value *value = fresh(seen, key, WIRE__VALUE__KIND_MS);
    value->ms = ms;
    return value;
}

/* ---- the words ---- */

static const char *result_of(const struct known_clock *clock) {
    if (clock->met) {
        return clock->late ? "late" : "met";
    }
    if (clock->ended_ms != 0) {
        return "stopped";
    }
    return clock->late ? "overdue" : "running";
}

static const Wire__Value *clock_word(struct seen *seen, const char *subject, bool *known) {
    const struct known_clock *clock = seen->clock;

    *known = true;
    if (text_eq(subject, "result")) {
        return text_value(seen, subject, result_of(clock));
    }
    if (text_eq(subject, "late")) {
        return flag_value(seen, subject, clock->late);
    }
    if (text_eq(subject, "mark")) {
        return number_value(seen, subject, clock->mark);
    }
    if (text_eq(subject, "due")) {
        return time_value(seen, subject, clock->due_ms);
    }
    if (text_eq(subject, "ended")) {
        return time_value(seen, subject, clock->ended_ms);
    }
    *known = false;
    return NULL;
}

static const Wire__Value *event_word(struct seen *seen, const char *subject, bool *known) {
    const Wire__Event *event = seen->event;
    const Wire__Value *value = value_find(event->fields, event->n_fields, subject);

    *known = value != NULL || text_eq(subject, "actor");
    return value ? value : *known ? text_value(seen, subject, event->actor) : NULL;
}

static const Wire__Value *case_word(struct seen *seen, const char *subject, bool *known) {
    const Reports__Known *row = &seen->known->row;

    *known = true;
    if (text_eq(subject, "state")) {
        return text_value(seen, subject, row->state);
    }
    if (text_eq(subject, "unit")) {
        return text_value(seen, subject, row->unit);
    }
    if (text_eq(subject, "round")) {
        return number_value(seen, subject, row->round);
    }
    if (text_eq(subject, "contacts")) {
        return number_value(seen, subject, row->contacts);
    }
    if (text_eq(subject, "trips")) {
        return number_value(seen, subject, row->trips);
    }
    if (text_eq(subject, "opened_at")) {
        return time_value(seen, subject, row->opened_ms);
    }
    if (text_eq(subject, "closed_at")) {
        return time_value(seen, subject, row->closed_ms);
    }
    if (text_eq(subject, "late_entry")) {
        return flag_value(seen, subject, row->late_entry);
    }
    *known = false;
    return NULL;
}

/* ---- derived ---- */

static const Wire__Value *children_fact(struct seen *seen, const Manual__Fact *fact) {
    struct known *list = arena_alloc(seen->call->arena, KNOWN_LIKE_MAX * sizeof *list);
    int count = known_children(seen->call, seen->known->case_no, KNOWN_LIKE_MAX, list, seen->err);
    int64_t fits = 0;

    seen->failed = seen->failed || count < 0;
    for (int i = 0; i < count; i++) {
        struct seen child = *seen;
        child.known = &list[i];
        child.clock = NULL;
        child.event = NULL;
        child.plain = true;
        struct subjects subjects = {
            .find = facts_find,
            .arg = &child,
            .actor = "",
            .now_ms = seen->entered_ms,
            .manual = seen->manual,
        };
        bool fit = (!*fact->children->procedure
                    || text_eq(fact->children->procedure, list[i].row.procedure))
                   && (!fact->children->open || list[i].row.closed_ms == 0);
        for (size_t w = 0; fit && w < fact->children->n_where; w++) {
            fit = condition_term(fact->children->where[w], &subjects);
        }
        fits += fit;
    }
    return number_value(seen, fact->name, fits);
}

static bool same_value(const Wire__Value *a, const Wire__Value *b) {
    if (!a || !b || a->kind_case != b->kind_case) {
        return false;
    }
    if (a->kind_case == WIRE__VALUE__KIND_TEXT) {
        return text_eq(a->text, b->text);
    }
    return a->kind_case == WIRE__VALUE__KIND_INTEGER && a->integer == b->integer;
}

static bool is_like(struct seen *seen, const Manual__CaseFact *like, const struct known *other) {
    struct seen there = *seen;
    bool known = false;

    there.known = other;
    there.plain = true;
    for (size_t i = 0; i < like->n_same; i++) {
        const Wire__Value *mine = case_word(seen, like->same[i], &known);
        const Wire__Value *its = case_word(&there, like->same[i], &known);
        if (!known) {
            mine = known_field(seen->known, like->same[i]);
            its = known_field(other, like->same[i]);
        }
        if (!same_value(mine, its)) {
            return false;
        }
    }
    return true;
}

static int64_t limit_of(struct seen *seen, const Manual__Limit *limit) {
    const Wire__Value *class_value = NULL;
    int64_t number = INT64_MAX;

    if (!limit || !*limit->parameter) {
        return limit ? limit->amount : INT64_MAX;
    }
    if (*limit->class_field) {
        class_value = known_field(seen->known, limit->class_field);
    }
    bool named = class_value && class_value->kind_case == WIRE__VALUE__KIND_TEXT;
    (void)manual_number(seen->manual, limit->parameter, named ? class_value->text : NULL, &number);
    return number;
}

/* The newest other case like this one when it was opened. */
static const Wire__Value *found_fact(struct seen *seen, const Manual__Fact *fact) {
    struct known *list = arena_alloc(seen->call->arena, KNOWN_LIKE_MAX * sizeof *list);
    int count = known_like(seen->call, fact->found->procedure, seen->known, KNOWN_LIKE_MAX, list,
                           seen->err);
    int64_t within = limit_of(seen, fact->found->within);

    seen->failed = seen->failed || count < 0;
    for (int i = 0; i < count; i++) {
        int64_t at = list[i].row.closed_ms ? list[i].row.closed_ms : list[i].row.opened_ms;
        if (seen->known->row.opened_ms - at <= within && is_like(seen, fact->found, &list[i])) {
            return text_value(seen, fact->name, list[i].case_no);
        }
    }
    return NULL;
}

static const Wire__Value *derived(struct seen *seen, const char *subject) {
    const Manual__Procedure *procedure = manual_procedure(seen->manual, seen->known->row.procedure);

    for (size_t i = 0; procedure && i < procedure->n_facts; i++) {
        const Manual__Fact *fact = procedure->facts[i];
        if (!text_eq(fact->name, subject)) {
            continue;
        }
        if (*fact->count) {
            return number_value(seen, subject, known_tally(seen->known, fact->count));
        }
        if (fact->children && !seen->plain) {
            return children_fact(seen, fact);
        }
        if (fact->found && !seen->plain) {
            return found_fact(seen, fact);
        }
        return NULL; /* rows are not kept here */
    }
    return NULL;
}

const Wire__Value *facts_find(void *arg, const char *subject) {
    struct seen *seen = arg;
    bool known = false;
    const Wire__Value *value = NULL;

    if (seen->event) {
        value = event_word(seen, subject, &known);
    }
    if (!known && seen->clock) {
        value = clock_word(seen, subject, &known);
    }
    if (!known) {
        value = case_word(seen, subject, &known);
    }
    if (!known) {
        value = known_field(seen->known, subject);
    }
    return value || known ? value : derived(seen, subject);
}
