#include "services/reports/evaluate.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "manual/condition.h"
#include "services/reports/facts.h"
#include "services/reports/journal.h"

enum { EVENTS_MAX = 64 };

/* One kind of item of a figure. */
struct spec {
    const Manual__Kpi *kpi;
    size_t part; /* which of its parts, from 0 */
    const char *of, *procedure, *name_of, *at;
    Manual__Any *const *when;
    size_t n_when;
    Manual__Any *const *hit;
    size_t n_hit;
};

static struct spec spec_of(const Manual__Kpi *kpi, size_t part) {
    if (kpi->n_parts > 0) {
        const Manual__KpiPart *own = kpi->parts[part];
        return (struct spec){
            .kpi = kpi,
            .part = part,
            .of = own->of,
            .procedure = own->procedure,
            .name_of = own->name_of,
            .at = own->at,
            .when = own->when,
            .n_when = own->n_when,
            .hit = own->hit,
            .n_hit = own->n_hit,
        };
    }
    return (struct spec){
        .kpi = kpi,
        .of = kpi->of,
        .procedure = kpi->procedure,
        .name_of = kpi->name_of,
        .at = kpi->at,
        .when = kpi->when,
        .n_when = kpi->n_when,
        .hit = kpi->hit,
        .n_hit = kpi->n_hit,
    };
}

struct list {
    struct item items[COUNT_ITEMS_MAX];
    size_t count;
};

/* The time that puts an item into a period; 0: it has none. */
static int64_t time_of(const struct spec *spec, struct seen *seen) {
    if (text_eq(spec->at, "due")) {
        return seen->clock ? seen->clock->due_ms : 0;
    }
    if (text_eq(spec->at, "ended")) {
        return seen->clock ? seen->clock->ended_ms : seen->known->row.closed_ms;
    }
    if (text_eq(spec->at, "opened")) {
        return seen->known->row.opened_ms;
    }
    if (text_eq(spec->at, "closed")) {
        return seen->known->row.closed_ms;
    }
    if (text_eq(spec->at, "event")) {
        return seen->event ? seen->event->event_ms : 0;
    }
    const Wire__Value *value = facts_find(seen, spec->at);
    return value && value->kind_case == WIRE__VALUE__KIND_MS ? value->ms : 0;
}

static int64_t number_of(struct seen *seen, const char *key) {
    const Wire__Value *value = facts_find(seen, key);

    return value && value->kind_case == WIRE__VALUE__KIND_INTEGER ? value->integer : 0;
}

static void add(const struct spec *spec, struct seen *seen, const char *part, struct list *list) {
    struct subjects subjects = {
        .find = facts_find,
        .arg = seen,
        .actor = seen->event ? seen->event->actor : "",
        .now_ms = seen->entered_ms,
        .manual = seen->manual,
    };
    struct item item = {.kpi = spec->kpi->key, .part = part};

    if (list->count == COUNT_ITEMS_MAX || !condition_holds(spec->when, spec->n_when, &subjects)) {
        return;
    }
    item.at_ms = time_of(spec, seen);
    if (item.at_ms <= 0) {
        return;
    }
    if (*spec->kpi->sum_all) {
        item.den = number_of(seen, spec->kpi->sum_all);
        item.num = number_of(seen, spec->kpi->sum_hit);
    } else {
        item.den = 1;
        item.num = condition_holds(spec->hit, spec->n_hit, &subjects);
    }
    if (spec->part > 0) {
        item.part = arena_text(seen->call->arena, "%zu/%s", spec->part, part);
    }
    list->items[list->count++] = item;
}

/* A clock counts when it is decided: met, or its limit passed. */
static int add_clocks(const struct spec *spec, struct seen *seen, struct list *list,
                      struct err *err) {
    struct known_clock clocks[KNOWN_CLOCKS_MAX];
    int count = known_clocks(seen->call, seen->known->case_no, spec->name_of, KNOWN_CLOCKS_MAX,
                             clocks, err);

    for (int i = 0; i < count; i++) {
        if (clocks[i].met || clocks[i].late) {
            seen->clock = &clocks[i];
            add(spec, seen,
                arena_text(seen->call->arena, "%s:%lld", clocks[i].clock,
                           (long long)clocks[i].round),
                list);
        }
    }
    seen->clock = NULL;
    return count < 0 ? -1 : 0;
}

static int add_events(const struct spec *spec, struct seen *seen, struct list *list,
                      struct err *err) {
    struct journal_row *rows = arena_alloc(seen->call->arena, EVENTS_MAX * sizeof *rows);
    const struct journal_case of = {
        .case_no = seen->known->case_no,
        .topic = arena_text(seen->call->arena, "%s.%s", seen->known->row.procedure, spec->name_of),
        .source = seen->cause->source,
        .applied = seen->cause->applied,
        .last_id = seen->cause->last_id,
    };
    int count = journal_of_case(seen->call, &of, EVENTS_MAX, rows, err);

    for (int i = 0; i < count; i++) {
        seen->event = rows[i].event;
        add(spec, seen,
            arena_text(seen->call->arena, "%llu", (unsigned long long)rows[i].event->position),
            list);
    }
    seen->event = NULL;
    return count < 0 ? -1 : 0;
}

static int add_spec(const struct spec *spec, struct seen *seen, struct list *list,
                    struct err *err) {
    if (!text_eq(spec->procedure, seen->known->row.procedure)) {
        return 0;
    }
    if (text_eq(spec->of, "clock")) {
        return add_clocks(spec, seen, list, err);
    }
    if (text_eq(spec->of, "event")) {
        return add_events(spec, seen, list, err);
    }
    add(spec, seen, "", list);
    return 0;
}

int evaluate_case(struct call *call, const struct manual *manual, const struct known *known,
                  struct cause *cause, struct err *err) {
    const size_t used = arena_used(call->arena);
    const Manual__Kpis *kpis = manual_kpis(manual);
    struct list *list = ARENA_NEW(call->arena, struct list);
    struct seen seen = {
        .call = call,
        .manual = manual,
        .known = known,
        .entered_ms = cause->entered_ms,
        .cause = cause,
        .err = err,
    };

    for (size_t i = 0; kpis && i < kpis->n_kpi; i++) {
        const Manual__Kpi *kpi = kpis->kpi[i];
        size_t parts = kpi->n_parts > 0 ? kpi->n_parts : 1;
        for (size_t part = 0; part < parts; part++) {
            struct spec spec = spec_of(kpi, part);
            if (add_spec(&spec, &seen, list, err)) {
                return -1;
            }
        }
    }
    if (seen.failed
        || count_case(call, known->case_no, known->row.estate, list->items, list->count, cause,
                      err)) {
        return -1;
    }
    arena_rewind(call->arena, used);
    return 0;
}

bool evaluate_asks_children(const struct manual *manual, const char *procedure) {
    const Manual__Procedure *found = manual_procedure(manual, procedure);

    for (size_t i = 0; found && i < found->n_facts; i++) {
        if (found->facts[i]->children) {
            return true;
        }
    }
    return false;
}

bool evaluate_asks_earlier(const Manual__Procedure *procedure, const char *earlier) {
    for (size_t i = 0; i < procedure->n_facts; i++) {
        if (procedure->facts[i]->found && text_eq(procedure->facts[i]->found->procedure, earlier)) {
            return true;
        }
    }
    return false;
}
