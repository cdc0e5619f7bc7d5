#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/cases.h"
#include "manual/calendar.h"
#include "store/query.h"

/* One that may stand in the list. */
struct candidate {
    const char *number, *procedure, *state;
    int64_t due_ms, event_ms;
    bool open, overdue;
    const char *as; /* found as somebody's: KASE_HANDLER or KASE_OWNER; else NULL */
};

struct candidates {
    struct call *call;
    struct candidate *list;
    size_t count;
};

#define CANDIDATE "number, procedure, state, due_ms, event_ms, open, overdue"

static int take_as(struct candidates *all, struct query *q, const char *as, struct err *err) {
    int more = 0;

    while (all->count < CASES_TOTAL_MAX && (more = query_step(q, err)) == 1) {
        struct candidate *one = &all->list[all->count++];
        one->number = query_text(q, 0, all->call->arena);
        one->procedure = query_text(q, 1, all->call->arena);
        one->state = query_text(q, 2, all->call->arena);
        one->due_ms = query_i64(q, 3);
        one->event_ms = query_i64(q, 4);
        one->open = query_i64(q, 5) == 1;
        one->overdue = query_i64(q, 6) > 0;
        one->as = as;
    }
    query_end(q);
    return more < 0 ? -1 : 0;
}

static int take(struct candidates *all, struct query *q, struct err *err) {
    return take_as(all, q, NULL, err);
}

/* ---- where to look ---- */

static int of_state(struct candidates *all, const char *procedure, const char *state,
                    struct err *err) {
    struct query q = *state ? QUERY(all->call->store,
                                    "SELECT " CANDIDATE " FROM cases WHERE procedure = ?1"
                                    " AND state = ?2 AND open = 1 AND home = '' ORDER BY id")
                            : QUERY(all->call->store, /* scan: sorts what it gives */
                                    "SELECT " CANDIDATE " FROM cases WHERE procedure = ?1"
                                    " AND open = 1 AND home = '' ORDER BY id");

    query_bind_text(&q, 1, procedure);
    if (*state) {
        query_bind_text(&q, 2, state);
    }
    return take(all, &q, err);
}

static int closed_since(struct candidates *all, const char *procedure, const char *state,
                        int64_t since_ms, struct err *err) {
    struct query q = QUERY(all->call->store, /* scan: sorts what ended since */
                           "SELECT " CANDIDATE " FROM cases INDEXED BY cases_by_closing"
                           " WHERE closed_ms >= ?3 AND closed_ms > 0 AND procedure = ?1 AND state "
                           "= ?2 AND home = '' ORDER BY id");

    query_bind_text(&q, 1, procedure);
    query_bind_text(&q, 2, state);
    query_bind_i64(&q, 3, since_ms);
    return take(all, &q, err);
}

static int of_person(struct candidates *all, const char *staff, struct err *err) {
    struct query q = QUERY(all->call->store, "SELECT " CANDIDATE " FROM cases WHERE open = 1"
                                             " AND handler = ?1 AND handler <> '' AND home = ''"
                                             " ORDER BY id");

    query_bind_text(&q, 1, staff);
    if (take_as(all, &q, KASE_HANDLER, err)) {
        return -1;
    }
    q = QUERY(all->call->store, "SELECT " CANDIDATE " FROM cases WHERE open = 1 AND owner = ?1"
                                " AND owner <> '' AND handler <> ?1 AND home = '' ORDER BY id");
    query_bind_text(&q, 1, staff);
    return take_as(all, &q, KASE_OWNER, err);
}

static int of_unit(struct candidates *all, const char *unit, struct err *err) {
    struct query q = QUERY(all->call->store, "SELECT " CANDIDATE " FROM cases WHERE unit = ?1"
                                             " AND unit <> '' AND home = '' ORDER BY id");

    query_bind_text(&q, 1, unit);
    return take(all, &q, err);
}

static int of_parent(struct candidates *all, const char *parent, struct err *err) {
    struct query q = QUERY(all->call->store, "SELECT " CANDIDATE " FROM cases WHERE parent = ?1"
                                             " AND parent <> '' AND home = '' ORDER BY id");

    query_bind_text(&q, 1, parent);
    return take(all, &q, err);
}

static int newest(struct candidates *all, bool ended, struct err *err) {
    struct query q = ended ? QUERY(all->call->store, /* scan: from the newest; few are elsewhere */
                                   "SELECT " CANDIDATE " FROM cases WHERE home = ''"
                                   " ORDER BY id DESC LIMIT 1000")
                           /* Not along the ids: after years nearly all behind them are closed. */
                           : QUERY(all->call->store, /* scan: of the open ones */
                                   "SELECT " CANDIDATE " FROM cases INDEXED BY cases_by_state"
                                   " WHERE open = 1 AND home = '' ORDER BY id DESC LIMIT 1000");

    return take(all, &q, err);
}

static int overdue(struct candidates *all, struct err *err) {
    struct query q = QUERY(all->call->store, /* scan: an index of just these */
                           "SELECT " CANDIDATE " FROM cases WHERE open = 1"
                           " AND overdue > 0 AND home = '' ORDER BY id");

    return take(all, &q, err);
}

/* ---- the lists of the manual ---- */

static const Manual__List *find_list(const struct manual *manual, const char *key) {
    const Manual__Lists *lists = manual_lists(manual);

    for (size_t i = 0; lists && i < lists->n_list; i++) {
        if (text_eq(lists->list[i]->key, key)) {
            return lists->list[i];
        }
    }
    return NULL;
}

static bool in_states(const Manual__List *list, const struct candidate *one) {
    for (size_t i = 0; i < list->n_of; i++) {
        const Manual__ListOf *of = list->of[i];
        if (!text_eq(of->procedure, one->procedure)) {
            continue;
        }
        if (of->open && one->open) {
            return true;
        }
        for (size_t s = 0; s < of->n_state; s++) {
            if (text_eq(of->state[s], one->state)) {
                return true;
            }
        }
    }
    return list->n_of == 0;
}

static int gather_states(struct candidates *all, const struct manual *manual,
                         const Manual__List *list, struct err *err) {
    const int64_t day_ms = (int64_t)24 * 3600 * 1000;

    for (size_t i = 0; i < list->n_of; i++) {
        const Manual__ListOf *of = list->of[i];
        const Manual__Procedure *procedure = manual_procedure(manual, of->procedure);
        if (of->open && of_state(all, of->procedure, "", err)) {
            return -1;
        }
        for (size_t s = 0; procedure && s < of->n_state; s++) {
            const Manual__State *state = manual_state(procedure, of->state[s]);
            const bool ended = state && state->end;
            if (ended ? closed_since(all, of->procedure, of->state[s],
                                     *list->today ? all->call->now_ms - day_ms : 1, err)
                      : of_state(all, of->procedure, of->state[s], err)) {
                return -1;
            }
        }
    }
    return 0;
}

static int gather_list(struct candidates *all, const struct manual *manual,
                       const Manual__List *list, const char *staff, struct err *err) {
    if (list->n_mine > 0) {
        return of_person(all, staff, err);
    }
    return list->late ? overdue(all, err) : gather_states(all, manual, list, err);
}

/* ---- what is left in ---- */

static bool is_today(struct view *view, const char *field) {
    const struct calendar calendar = calendar_of(view->kase->manual);
    const Wire__Value *value = view_value(view, field);

    return value && value->kind_case == WIRE__VALUE__KIND_MS
           && text_day(value->ms, calendar.offset_min)
                  == text_day(view->at_ms, calendar.offset_min);
}

static bool is_mine(const struct kase *kase, const Manual__List *list, const char *staff) {
    for (size_t i = 0; i < list->n_mine; i++) {
        if (kase_list_has(kase_person(kase, list->mine[i]), staff)) {
            return true;
        }
    }
    return list->n_mine == 0;
}

/* The column by which it was found says already whose it is: the case need not be read. */
static bool found_mine(const struct manual *manual, const struct candidate *one,
                       const Manual__List *list) {
    const Manual__Procedure *procedure = manual_procedure(manual, one->procedure);

    if (!one->as || !procedure || !text_eq(kase_field_of(procedure, one->as), one->as)) {
        return false;
    }
    for (size_t i = 0; i < list->n_mine; i++) {
        if (text_eq(list->mine[i], one->as)) {
            return true;
        }
    }
    return false;
}

/* Does the case itself say that it belongs in?  1, 0, -1. */
static int belongs(struct work *work, const struct candidate *one, const Manual__List *list,
                   const char *staff, struct err *err) {
    const size_t used = arena_used(work->call->arena);
    struct kase kase;
    int found = kase_load(work->call, one->number, &kase, err);

    if (found != 1 || kase_manual(work->call, &kase, err)) {
        return found == 1 ? -1 : found;
    }
    struct view view = {.work = work,
                        .kase = &kase,
                        .actor = staff,
                        .at_ms = work->call->now_ms,
                        .err = err,
                        .plain = true};
    const bool in = is_mine(&kase, list, staff) && view_holds(&view, list->when, list->n_when)
                    && (!*list->today || is_today(&view, list->today));
    arena_rewind(work->call->arena, used);
    return view.failed ? -1 : in;
}

static int filter_list(struct work *work, struct candidates *all, const Manual__List *list,
                       const char *staff, struct err *err) {
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct candidate one = all->list[i];
        int in = in_states(list, &one) && (!list->late || one.overdue);
        const bool asks = list->n_when > 0 || *list->today;
        if (in && (asks || (list->n_mine > 0 && !found_mine(work->manual, &one, list)))) {
            in = belongs(work, &one, list, staff, err);
        }
        if (in < 0) {
            return -1;
        }
        if (in) {
            all->list[kept++] = one;
        }
    }
    all->count = kept;
    return 0;
}

static int filter(struct work *work, struct candidates *all, const Cases__ListCasesRequest *request,
                  struct err *err) {
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct candidate one = all->list[i];
        bool in = (!*request->procedure || text_eq(request->procedure, one.procedure))
                  && (!*request->state || text_eq(request->state, one.state))
                  && (one.open || request->ended || *request->list || *request->state);
        struct kase kase;
        const size_t used = arena_used(work->call->arena);
        if (in && ((*request->unit) || *request->parent)) {
            int found = kase_load(work->call, one.number, &kase, err);
            if (found < 0) {
                return -1;
            }
            in = found == 1 && (!*request->unit || text_eq(kase.row.unit, request->unit))
                 && (!*request->parent || text_eq(kase.row.parent, request->parent));
            arena_rewind(work->call->arena, used);
        }
        if (in) {
            all->list[kept++] = one;
        }
    }
    all->count = kept;
    return 0;
}

static int gather(struct candidates *all, const Cases__ListCasesRequest *request, struct err *err) {
    if (*request->parent) {
        return of_parent(all, request->parent, err);
    }
    if (*request->unit) {
        return of_unit(all, request->unit, err);
    }
    if (*request->staff) {
        return of_person(all, request->staff, err);
    }
    if (*request->procedure && !request->ended && !*request->state) {
        return of_state(all, request->procedure, "", err);
    }
    return newest(all, request->ended || *request->state, err);
}

/* ---- in order, a page of it ---- */

/* The nearest limit first; those without one by age. */
static int by_deadline(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    const int64_t due_x = x->due_ms ? x->due_ms : INT64_MAX;
    const int64_t due_y = y->due_ms ? y->due_ms : INT64_MAX;

    if (due_x != due_y) {
        return due_x < due_y ? -1 : 1;
    }
    return strcmp(x->number, y->number);
}

static int show(struct work *work, const struct candidates *all,
                const Cases__ListCasesRequest *request, Cases__ListCasesReply *reply,
                struct err *err) {
    const size_t max = request->max == 0 || request->max > CASES_PAGE_MAX ? CASES_PAGE_MAX
                                                                          : request->max;
    size_t from = 0;

    for (size_t i = 0; *request->after && i < all->count; i++) {
        from = text_eq(all->list[i].number, request->after) ? i + 1 : from;
    }
    reply->cases = arena_alloc(work->call->arena, (max + 1) * sizeof(Cases__Case *));
    for (size_t i = from; i < all->count && reply->n_cases < max; i++) {
        struct kase kase;
        int found = kase_load(work->call, all->list[i].number, &kase, err);
        if (found < 0 || (found == 1 && kase_manual(work->call, &kase, err))) {
            return -1;
        }
        Cases__Case *shown = found == 1 ? casereply_case(work, &kase, NULL, false, err) : NULL;
        if (found == 1 && !shown) {
            return -1;
        }
        if (shown) {
            reply->cases[reply->n_cases++] = shown;
        }
    }
    reply->total = (uint32_t)all->count;
    return 0;
}

int caselist_list(struct call *call, struct err *err) {
    const Cases__ListCasesRequest *request = call->request;
    Cases__ListCasesReply *reply = ARENA_NEW(call->arena, Cases__ListCasesReply);
    struct work *work = work_begin(call, err);
    const char *staff = *request->staff ? request->staff : call->actor->staff;

    cases__list_cases_reply__init(reply);
    call->reply = &reply->base;
    if (!work) {
        return -1;
    }
    struct candidates all = {.call = call,
                             .list = arena_alloc(call->arena, CASES_TOTAL_MAX * sizeof *all.list)};
    if (*request->list) {
        const Manual__List *list = find_list(work->manual, request->list);
        if (!list) {
            return err_set(err, ERR_NOT_FOUND, "list_unknown", "list=%.60s", request->list);
        }
        if (gather_list(&all, work->manual, list, staff, err)
            || filter_list(work, &all, list, staff, err)) {
            return -1;
        }
    } else if (gather(&all, request, err)) {
        return -1;
    }
    if (filter(work, &all, request, err)) {
        return -1;
    }
    qsort(all.list, all.count, sizeof *all.list, by_deadline);
    return show(work, &all, request, reply, err);
}
