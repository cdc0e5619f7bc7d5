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

enum { SOURCES_MAX = 64 };

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

    taking.cause.last_id = INT64_MAX;
    taking.cause.live = live;
    if (taking.manual) {
        taking.cause.offset_min = calendar_of(taking.manual).offset_min;
    }
    return taking;
}

static int count(struct call *call, struct taking *taking, const struct known *known,
                 struct err *err) {
    return taking->manual && *known->row.procedure
               ? evaluate_case(call, taking->manual, known, &taking->cause, err)
               : 0;
}

/* A case of whose children something is asked is counted again when one changes. */
static int count_parent(struct call *call, struct taking *taking, const char *parent,
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
static int count_later(struct call *call, struct taking *taking, const struct known *known,
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

static int apply_case(struct call *call, const Wire__Event *event, struct taking *taking,
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

static int apply_next(struct call *call, struct journal_source *source, const Wire__Event *event,
                      struct taking *taking, struct err *err) {
    const size_t used = arena_used(call->arena);

    source->applied++;
    taking->cause.source = source->id;
    taking->cause.applied = source->applied;
    int rc = apply(call, event, taking, err);
    arena_rewind(call->arena, used);
    return rc;
}

/* Those that waited for the ones before them.  1: there are more. */
static int drain(struct call *call, struct journal_source *source, struct taking *taking,
                 struct err *err) {
    for (size_t i = 0; i < PROJECT_SLICE; i++) {
        const size_t used = arena_used(call->arena);
        struct journal_row row;
        if (source->waiting == 0) {
            return 0;
        }
        int found = journal_following(call, source, taking->cause.last_id, &row, err);
        if (found <= 0) {
            return found;
        }
        source->waiting--;
        if (apply_next(call, source, row.event, taking, err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    return 1;
}

/* Applies an event, or leaves it to wait.  1: there are more after it. */
static int take(struct call *call, struct journal_source *source, const Wire__Event *event,
                struct taking *taking, struct err *err) {
    /* Closes the month for what comes after it, from whichever source. */
    if (text_eq(event->topic, MONTHS_TOPIC)) {
        taking->cause.month_end = taking->cause.month_first = 0;
        if (months_apply(call, event, err)) {
            return -1;
        }
    }
    if (event->position <= source->base) {
        return apply(call, event, taking, err);
    }
    if (event->position != source->applied + 1) {
        source->waiting++;
        return 0;
    }
    return apply_next(call, source, event, taking, err) ? -1 : drain(call, source, taking, err);
}

static int wake_drain(struct call *call, int64_t source, struct err *err) {
    return timer_set(call, PROJECT_DRAIN, arena_text(call->arena, "%lld", (long long)source), "",
                     source, call->now_ms, err);
}

int project_drain_due(struct call *call, const struct due *due, struct err *err) {
    struct taking taking = taking_of(call, true);
    struct journal_source source;
    int rebuilding = is_rebuilding(call, err);

    if (rebuilding != 0 || journal_source_by_id(call, due->mark, &source, err)) {
        return rebuilding == 1 ? 0 : -1; /* a rebuild comes to them */
    }
    int more = drain(call, &source, &taking, err);
    return more < 0 || journal_applied(call, &source, err)
                   || (more == 1 && wake_drain(call, source.id, err))
               ? -1
               : 0;
}

int project_event(struct call *call, struct err *err) {
    struct journal_source source;

    if (journal_source(call, call->event, &source, err)) {
        return -1;
    }
    int fresh = journal_put(call, call->event, source.id, err);
    if (fresh <= 0) {
        return fresh;
    }
    int rebuilding = is_rebuilding(call, err);
    if (rebuilding != 0) {
        return rebuilding < 0 ? -1 : 0;
    }
    struct taking taking = taking_of(call, true);
    int more = take(call, &source, call->event, &taking, err);
    return more < 0 || journal_applied(call, &source, err)
                   || (more == 1 && wake_drain(call, source.id, err))
               ? -1
               : 0;
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

/* The sources of a slice, each read once and written once. */
struct sources {
    struct journal_source list[SOURCES_MAX];
    size_t count;
};

static struct journal_source *source_in(struct call *call, struct sources *sources, int64_t id,
                                        struct err *err) {
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->list[i].id == id) {
            return &sources->list[i];
        }
    }
    if (sources->count == SOURCES_MAX) { /* more than take part at once: the oldest makes room */
        if (journal_applied(call, &sources->list[0], err)) {
            return NULL;
        }
        sources->list[0] = sources->list[--sources->count];
    }
    struct journal_source *fresh = &sources->list[sources->count];
    if (journal_source_by_id(call, id, fresh, err)) {
        return NULL;
    }
    sources->count++;
    return fresh;
}

static int retake(struct call *call, const struct journal_row *row, struct sources *sources,
                  struct taking *taking, struct err *err) {
    struct journal_source *source = source_in(call, sources, row->source, err);
    int more;

    if (!source) {
        return -1;
    }
    taking->cause.last_id = row->id; /* the journal as it was then */
    more = take(call, source, row->event, taking, err);
    while (more == 1) {
        more = drain(call, source, taking, err);
    }
    return more;
}

static int end_slice(struct call *call, struct sources *sources, struct taking *taking,
                     struct err *err) {
    for (size_t i = 0; i < sources->count; i++) {
        if (journal_applied(call, &sources->list[i], err)) {
            return -1;
        }
    }
    return count_flush(call, taking->cause.sums, err);
}

int project_rebuild_due(struct call *call, const struct due *due, struct err *err) {
    struct journal_row *rows = arena_alloc(call->arena, PROJECT_SLICE * sizeof *rows);
    struct sources *sources = ARENA_NEW(call->arena, struct sources);
    struct taking taking = taking_of(call, false);
    const char *text = "";
    int64_t next = 0;
    int under_way = progress(call, PROJECT_REBUILD, &next, &text, err);

    (void)due;
    if (under_way <= 0) {
        return under_way;
    }
    taking.cause.sums = ARENA_NEW(call->arena, struct sums);
    int got = journal_after(call, next, PROJECT_SLICE, rows, err);
    for (int i = 0; i < got; i++) {
        if (retake(call, &rows[i], sources, &taking, err)) {
            return -1;
        }
        next = rows[i].id;
    }
    if (got < 0 || end_slice(call, sources, &taking, err)) {
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
    taking.cause.sums = ARENA_NEW(call->arena, struct sums);
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
    if (count_flush(call, taking.cause.sums, err)) {
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
    int rebuilding = is_rebuilding(call, err);

    return rebuilding < 0 || revision_start(call, err) || settle(call, err)
                   || (rebuilding == 1 && again(call, PROJECT_REBUILD, err))
               ? -1
               : 0;
}
