#include "services/reports/project.h"

#include "base/text.h"
#include "core/event.h"
#include "engine/revision.h"
#include "manual/calendar.h"
#include "services/reports/evaluate.h"
#include "services/reports/household.h"
#include "services/reports/journal.h"
#include "services/reports/months.h"
#include "store/query.h"

#define UNIT_TOPIC "unit.changed"
#define COUNTED "counted"

/* ---- progress ---- */

/* 1: found; 0: not under way; -1. */
static int progress(struct call *call, const char *name, int64_t *number, const char **text,
                    struct err *err) {
    struct query q = QUERY(call->store, "SELECT number, text FROM progress WHERE name = ?1");

    query_bind_text(&q, 1, name);
    int found = query_step(&q, err);
    if (found == 1) {
        *number = query_i64(&q, 0);
        *text = query_text(&q, 1, call->arena);
    }
    query_end(&q);
    return found;
}

static int set_progress(struct call *call, const char *name, int64_t number, const char *text,
                        struct err *err) {
    struct query q = QUERY(call->store, "INSERT OR REPLACE INTO progress(name, number, text)"
                                        " VALUES(?1, ?2, ?3)");

    query_bind_text(&q, 1, name);
    query_bind_i64(&q, 2, number);
    query_bind_text(&q, 3, text);
    return query_done(&q, err);
}

static int end_progress(struct call *call, const char *name, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM progress WHERE name = ?1");

    query_bind_text(&q, 1, name);
    return query_done(&q, err);
}

static int is_rebuilding(struct call *call, struct err *err) {
    const char *text = "";
    int64_t number = 0;

    return progress(call, PROJECT_REBUILD, &number, &text, err);
}

int project_state(struct call *call, struct project_state *state, struct err *err) {
    const char *text = "";
    int64_t number = 0;
    int rebuilding = progress(call, PROJECT_REBUILD, &state->done, &text, err);
    int recounting = progress(call, PROJECT_RECOUNT, &number, &text, err);

    state->rebuilding = rebuilding == 1;
    state->recounting = recounting == 1;
    return rebuilding < 0 || recounting < 0 || journal_last(call, &state->of, err) ? -1 : 0;
}

int project_busy(struct call *call, struct err *err) {
    struct project_state state = {0};

    return project_state(call, &state, err) ? -1 : state.rebuilding || state.recounting;
}

/* ---- one event ---- */

/* What an event is taken in with; without a manual nothing is counted yet. */
struct taking {
    const struct manual *manual;
    struct cause cause;
};

static struct taking taking_of(struct call *call, bool live) {
    struct err none = {0};
    struct taking taking = {.manual = revision_current(call, &none)};

    taking.cause.live = live;
    if (taking.manual) {
        taking.cause.offset_min = calendar_of(taking.manual).offset_min;
    }
    return taking;
}

static int count(struct call *call, const struct taking *taking, const struct known *known,
                 struct err *err) {
    return taking->manual && *known->row.procedure
               ? evaluate_case(call, taking->manual, known, &taking->cause, err)
               : 0;
}

/* A case of whose children something is asked is counted again when one changes. */
static int count_parent(struct call *call, const struct taking *taking, const char *parent,
                        struct err *err) {
    struct known known;

    if (!*parent || !taking->manual) {
        return 0;
    }
    int found = known_load(call, parent, &known, err);
    if (found == 1 && evaluate_asks_children(taking->manual, known.row.procedure)) {
        return count(call, taking, &known, err);
    }
    return found < 0 ? -1 : 0;
}

/* Cases that may be a repeat of this one are counted again when it changes. */
static int count_later(struct call *call, const struct taking *taking, const struct known *known,
                       struct err *err) {
    const Manual__Procedure *const *list = NULL;
    const size_t count_of = taking->manual ? manual_procedures(taking->manual, &list) : 0;

    for (size_t i = 0; i < count_of; i++) {
        if (!evaluate_asks_earlier(list[i], known->row.procedure)) {
            continue;
        }
        const size_t used = arena_used(call->arena);
        struct known *later = arena_alloc(call->arena, KNOWN_LIKE_MAX * sizeof *later);
        int got = known_later(call, list[i]->key, known, KNOWN_LIKE_MAX, later, err);
        for (int k = 0; k < got; k++) {
            if (count(call, taking, &later[k], err)) {
                return -1;
            }
        }
        if (got < 0) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    return 0;
}

static int apply_case(struct call *call, const Wire__Event *event, const struct taking *taking,
                      struct err *err) {
    struct known known;
    int clock = known_clock_apply(call, event, err);

    if (clock < 0 || known_load(call, event->case_no, &known, err) < 0) {
        return -1;
    }
    if (clock == 1) {
        return count(call, taking, &known, err);
    }
    if (!known_apply(&known, event, call->arena)) {
        return 0;
    }
    return known_save(call, &known, err) || count(call, taking, &known, err)
                   || count_parent(call, taking, known.row.parent, err)
                   || count_later(call, taking, &known, err)
               ? -1
               : 0;
}

static int apply(struct call *call, const Wire__Event *event, struct taking *taking,
                 struct err *err) {
    taking->cause.entered_ms = event->entered_ms;
    if (*event->case_no) {
        return apply_case(call, event, taking, err);
    }
    if (text_eq(event->topic, UNIT_TOPIC)) {
        return household_apply(call, event, err);
    }
    return 0;
}

/* ---- in the order of each source ---- */

/* Those that waited for the ones before them.  1: there are more. */
static int drain(struct call *call, struct journal_source *source, int64_t last_id,
                 struct taking *taking, struct err *err) {
    for (size_t i = 0; i < PROJECT_SLICE; i++) {
        const size_t used = arena_used(call->arena);
        struct journal_row row;
        int found = journal_following(call, source, last_id, &row, err);
        if (found <= 0) {
            return found;
        }
        source->applied++;
        if (journal_applied(call, source, err) || apply(call, row.event, taking, err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    return 1;
}

/* `last_id`: rows after it have not come yet (a rebuild sees the journal as it grew). */
static int take(struct call *call, const struct journal_row *row, int64_t last_id,
                struct taking *taking, struct err *err) {
    struct journal_source source;
    const uint64_t position = row->event->position;

    /* Closes the month for what comes after it, from whichever source. */
    if (text_eq(row->event->topic, MONTHS_TOPIC) && months_apply(call, row->event, err)) {
        return -1;
    }
    if (journal_source_by_id(call, row->source, &source, err)) {
        return -1;
    }
    if (position <= source.base) {
        return apply(call, row->event, taking, err);
    }
    int more = drain(call, &source, last_id, taking, err);
    while (more == 1 && !taking->cause.live) {
        more = drain(call, &source, last_id, taking, err);
    }
    if (more <= 0) {
        return more;
    }
    return timer_set(call, PROJECT_DRAIN, arena_text(call->arena, "%lld", (long long)source.id), "",
                     source.id, call->now_ms, err);
}

int project_drain_due(struct call *call, const struct due *due, struct err *err) {
    struct taking taking = taking_of(call, true);
    struct journal_source source;
    int rebuilding = is_rebuilding(call, err);

    if (rebuilding != 0 || journal_source_by_id(call, due->mark, &source, err)) {
        return rebuilding == 1 ? 0 : -1; /* a rebuild comes to them */
    }
    int more = drain(call, &source, INT64_MAX, &taking, err);
    return more == 1
               ? timer_set(call, PROJECT_DRAIN, due->ref, due->name, due->mark, call->now_ms, err)
               : more;
}

int project_event(struct call *call, struct err *err) {
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);
    struct journal_source source;

    *event = *call->event;
    if (journal_source(call, event, &source, err)) {
        return -1;
    }
    int fresh = journal_put(call, event, source.id, err);
    if (fresh <= 0) {
        return fresh;
    }
    int rebuilding = is_rebuilding(call, err);
    if (rebuilding != 0) {
        return rebuilding < 0 ? -1 : 0;
    }
    struct taking taking = taking_of(call, true);
    const struct journal_row row = {.source = source.id, .event = event};
    return take(call, &row, INT64_MAX, &taking, err);
}

int project_own(struct call *call, struct err *err) {
    struct journal_source source;

    if (journal_source(call, call->event, &source, err)
        || journal_put(call, call->event, source.id, err) < 0) {
        return -1;
    }
    return text_eq(call->event->topic, MONTHS_TOPIC) ? months_apply(call, call->event, err) : 0;
}

/* ---- everything anew ---- */

static int again(struct call *call, const char *kind, struct err *err) {
    return timer_set(call, kind, "", "", 0, call->now_ms, err);
}

int project_rebuild(struct call *call, uint64_t *events, struct err *err) {
    int64_t last = 0;

    if (journal_last(call, &last, err) || count_restart(call, err) || journal_restart(call, err)
        || end_progress(call, PROJECT_RECOUNT, err)
        || set_progress(call, PROJECT_REBUILD, 0, "", err) || again(call, PROJECT_REBUILD, err)) {
        return -1;
    }
    *events = (uint64_t)last;
    return 0;
}

static int set_counted(struct call *call, struct err *err) {
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);

    return manual ? set_progress(call, COUNTED, manual_revision(manual), "", err) : 0;
}

int project_rebuild_due(struct call *call, const struct due *due, struct err *err) {
    struct journal_row *rows = arena_alloc(call->arena, PROJECT_SLICE * sizeof *rows);
    struct taking taking = taking_of(call, false);
    const char *text = "";
    int64_t next = 0;
    int under_way = progress(call, PROJECT_REBUILD, &next, &text, err);

    (void)due;
    if (under_way <= 0) {
        return under_way;
    }
    int got = journal_after(call, next, PROJECT_SLICE, rows, err);
    for (int i = 0; i < got; i++) {
        const size_t used = arena_used(call->arena);
        if (take(call, &rows[i], rows[i].id, &taking, err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
        next = rows[i].id;
    }
    if (got < 0) {
        return -1;
    }
    if (got < PROJECT_SLICE) { /* it has come to the end, and to what came meanwhile */
        return end_progress(call, PROJECT_REBUILD, err) || set_counted(call, err) ? -1 : 0;
    }
    return set_progress(call, PROJECT_REBUILD, next, "", err) ? -1
                                                              : again(call, PROJECT_REBUILD, err);
}

/* ---- by another manual ---- */

static int next_cases(struct call *call, const char *after, const char **numbers, struct err *err) {
    struct query q = QUERY(call->store, "SELECT case_no FROM known WHERE case_no > ?1"
                                        " ORDER BY case_no LIMIT ?2");
    int got = 0, more = 0;

    query_bind_text(&q, 1, after);
    query_bind_i64(&q, 2, PROJECT_SLICE);
    while ((more = query_step(&q, err)) == 1) {
        numbers[got++] = query_text(&q, 0, call->arena);
    }
    return more < 0 ? -1 : got;
}

int project_recount_due(struct call *call, const struct due *due, struct err *err) {
    const char *numbers[PROJECT_SLICE];
    const char *after = "";
    int64_t ignored = 0;
    struct taking taking = taking_of(call, false);
    int under_way = progress(call, PROJECT_RECOUNT, &ignored, &after, err);

    (void)due;
    if (under_way <= 0) {
        return under_way;
    }
    taking.cause.entered_ms = call->now_ms;
    taking.cause.recount = true;
    int got = next_cases(call, after, numbers, err);
    for (int i = 0; i < got; i++) {
        struct known known;
        if (known_load(call, numbers[i], &known, err) < 0 || count(call, &taking, &known, err)) {
            return -1;
        }
    }
    if (got < 0) {
        return -1;
    }
    if (got < PROJECT_SLICE) {
        return end_progress(call, PROJECT_RECOUNT, err) || set_counted(call, err) ? -1 : 0;
    }
    return set_progress(call, PROJECT_RECOUNT, 0, numbers[got - 1], err)
               ? -1
               : again(call, PROJECT_RECOUNT, err);
}

/* The manual in force is not the one by which the items were made: count again. */
static int settle(struct call *call, struct err *err) {
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);
    const char *text = "";
    int64_t counted = 0;
    int rebuilding = is_rebuilding(call, err);

    if (!manual || rebuilding < 0) {
        return rebuilding < 0 ? -1 : 0;
    }
    if (months_plan(call, manual, err) || progress(call, COUNTED, &counted, &text, err) < 0) {
        return -1;
    }
    if (rebuilding == 1 || counted == manual_revision(manual)) {
        return 0;
    }
    return set_progress(call, PROJECT_RECOUNT, 0, "", err) ? -1 : again(call, PROJECT_RECOUNT, err);
}

int project_manual(struct call *call, struct err *err) {
    return revision_on_published(call, err) || settle(call, err) ? -1 : 0;
}

int project_start(struct call *call, struct err *err) {
    return revision_start(call, err) || settle(call, err) ? -1 : 0;
}
