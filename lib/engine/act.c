#include "engine/act.h"

#include <string.h>

#include "base/text.h"
#include "engine/caseclock.h"
#include "engine/given.h"
#include "engine/opening.h"
#include "engine/ops.h"
#include "engine/who.h"

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;
static const char before_state[] = "@before";

int act_time(const struct call *call, int64_t event_ms, int64_t *at_ms, struct err *err) {
    *at_ms = event_ms ? event_ms : call->now_ms;
    if (*at_ms > call->now_ms) {
        return err_set(err, ERR_INVALID, "entry_future", "days=%d", ACT_LATE_DAYS);
    }
    if (*at_ms < call->now_ms - ACT_LATE_DAYS * day_ms) {
        return err_set(err, ERR_INVALID, "entry_old", "days=%d", ACT_LATE_DAYS);
    }
    return 0;
}

/* ---- which step ---- */

static bool is_from(const Manual__Step *step, const char *state) {
    for (size_t i = 0; i < step->n_from; i++) {
        if (text_eq(step->from[i], state)) {
            return true;
        }
    }
    return false;
}

/* Why there is no step: the nearest that an event came to one. */
enum near { NEAR_NOTHING, NEAR_EVENT, NEAR_STATE, NEAR_WHO };

static int refuse(enum near near, const struct view *view, const char *event,
                  const struct asker *asker, struct err *err) {
    const struct kase *kase = view->kase;
    const Manual__Procedure *procedure = kase->procedure;
    const Manual__State *state = manual_state(procedure, kase->row.state);
    const Manual__Name *name = NULL;
    const char *rule = near == NEAR_NOTHING ? "event_unknown"
                       : near == NEAR_EVENT ? "event_not_here"
                       : near == NEAR_STATE ? "event_not_yours"
                                            : "event_not_now";
    const enum err_code code = near == NEAR_NOTHING ? ERR_INVALID
                               : near == NEAR_STATE ? ERR_DENIED
                                                    : ERR_PRECONDITION;

    for (size_t i = 0; i < procedure->n_steps && !name; i++) {
        name = text_eq(procedure->steps[i]->event, event) ? procedure->steps[i]->name : NULL;
    }
    return err_set(err, code, rule, "case=%s\nprocedure=%s\nstate=%s\nevent=%.60s\nactor=%s",
                   kase->row.case_no, work_name(view->work, procedure->name, kase->row.procedure),
                   work_name(view->work, state ? state->name : NULL, kase->row.state),
                   work_name(view->work, name, event), asker->staff);
}

/* One candidate.  1: it is the one.  0: it is not.  -1: err set. */
static int try_step(struct view *view, const Manual__Step *step, const struct asker *asker,
                    enum near *near, const char **word, struct err *err) {
    const struct who_list list = {step->who, step->n_who, step->not_who, step->n_not_who};

    *near = *near < NEAR_EVENT ? NEAR_EVENT : *near;
    if (!is_from(step, view->kase->row.state)) {
        return 0;
    }
    *near = *near < NEAR_STATE ? NEAR_STATE : *near;
    int in = who_lets_in(view->work, view->kase, &list, asker, view->at_ms, word, err);
    if (in <= 0) {
        return in;
    }
    *near = NEAR_WHO;
    view->word = *word;
    bool holds = view_holds(view, step->when, step->n_when);
    return view->failed ? -1 : holds;
}

static const Manual__Step *choose(struct view *view, const char *event, const struct asker *asker,
                                  const char **word, struct err *err) {
    const Manual__Procedure *procedure = view->kase->procedure;
    enum near near = NEAR_NOTHING;

    for (size_t i = 0; i < procedure->n_steps; i++) {
        if (!text_eq(procedure->steps[i]->event, event)) {
            continue;
        }
        int fits = try_step(view, procedure->steps[i], asker, &near, word, err);
        if (fits != 0) {
            return fits < 0 ? NULL : procedure->steps[i];
        }
    }
    (void)refuse(near, view, event, asker, err);
    return NULL;
}

int act_events(struct work *work, struct kase *kase, const struct asker *asker, size_t max,
               const char **events, struct err *err) {
    struct view view = {.work = work,
                        .kase = kase,
                        .actor = who_actor(asker),
                        .at_ms = work->call->now_ms,
                        .err = err};
    size_t count = 0;

    for (size_t i = 0; i < kase->procedure->n_steps && count < max; i++) {
        const Manual__Step *step = kase->procedure->steps[i];
        enum near near = NEAR_NOTHING;
        const char *word = "";
        bool known = false;
        for (size_t k = 0; k < count && !known; k++) {
            known = text_eq(events[k], step->event);
        }
        if (known) {
            continue;
        }
        int fits = try_step(&view, step, asker, &near, &word, err);
        if (fits < 0) {
            return -1;
        }
        /* What the act itself must bring may be what its condition asks about. */
        if (fits == 1 || (near == NEAR_WHO && step->n_needs > 0)) {
            events[count++] = step->event;
        }
    }
    return (int)count;
}

const char *act_contact_event(const struct kase *kase) {
    for (size_t i = 0; i < kase->procedure->n_steps; i++) {
        const Manual__Step *step = kase->procedure->steps[i];
        for (size_t s = 0; s < step->n_set; s++) {
            if (text_eq(step->set[s]->field, "contacts") && step->set[s]->up > 0) {
                return step->event;
            }
        }
    }
    return NULL;
}

/* ---- decide ---- */

struct decision {
    struct kase *kase;
    const Manual__Step *step;
    const char *to;
    const char *word;
    struct given given;
    int64_t at_ms;
};

/* All operations of the steps of an event, whose rows may bring columns of their own, and
 * what the steps need. */
static struct given_ops ops_of(const struct work *work, const struct kase *kase,
                               const char *event) {
    struct given_ops ops = {0};
    size_t count = 0, need_count = 0;

    for (size_t i = 0; i < kase->procedure->n_steps; i++) {
        if (text_eq(kase->procedure->steps[i]->event, event)) {
            count += kase->procedure->steps[i]->n_do_;
            need_count += kase->procedure->steps[i]->n_needs;
        }
    }
    Manual__Op **list = arena_alloc(work->call->arena, (count + 1) * sizeof(Manual__Op *));
    const char **needs = arena_alloc(work->call->arena, (need_count + 1) * sizeof(char *));
    for (size_t i = 0; i < kase->procedure->n_steps; i++) {
        const Manual__Step *step = kase->procedure->steps[i];
        if (!text_eq(step->event, event)) {
            continue;
        }
        for (size_t o = 0; o < step->n_do_; o++) {
            list[ops.count++] = step->do_[o];
        }
        for (size_t n = 0; n < step->n_needs; n++) {
            needs[ops.need_count++] = step->needs[n];
        }
    }
    ops.list = list;
    ops.needs = needs;
    return ops;
}

/* The first-contact owner stays who he is, but for an act that says that it names another. */
static int keeps_owner(const struct decision *decision, struct err *err) {
    const Manual__Step *step = decision->step;
    bool says = false;

    for (size_t i = 0; i < step->n_needs; i++) {
        says = says || text_eq(step->needs[i], KASE_OWNER);
    }
    for (size_t i = 0; i < step->n_set; i++) {
        says = says || text_eq(step->set[i]->field, KASE_OWNER);
    }
    return !decision->given.names_owner || says
               ? 0
               : err_set(err, ERR_INVALID, "owner_kept", "case=%s\nevent=%s",
                         decision->kase->row.case_no, step->event);
}

/* Who completes what came in without an employee is its first-contact owner. */
static void first_owner(struct decision *decision, const struct asker *asker) {
    struct kase *kase = decision->kase;

    if (!*kase_text(kase, KASE_OWNER) && who_is_staff(asker)
        && text_eq(kase->row.state, kase->procedure->start ? kase->procedure->start->other : "")
        && !value_find(decision->given.fields.list, decision->given.fields.count, KASE_OWNER)) {
        given_put_text(&decision->given.fields, KASE_OWNER, asker->staff);
    }
}

static int add_rows(struct view *view, struct decision *decision, struct err *err) {
    for (size_t i = 0; i < decision->step->n_do_; i++) {
        const Manual__Op *op = decision->step->do_[i];
        if (op->kind == MANUAL__OP__KIND__ROW && view_holds(view, op->when, op->n_when)
            && given_row(view, op, &decision->given, err)) {
            return -1;
        }
    }
    return view->failed ? -1 : 0;
}

static int decide(struct work *work, const struct act *act, struct decision *decision,
                  struct err *err) {
    struct kase *kase = decision->kase;
    struct view view = {.work = work,
                        .kase = kase,
                        .over = &decision->given.fields,
                        .loose = &decision->given.loose,
                        .actor = who_actor(&act->asker),
                        .at_ms = decision->at_ms,
                        .err = err};
    const struct given_ops ops = ops_of(work, kase, act->name);

    if (decision->at_ms < kase->row.event_ms) {
        return err_set(err, ERR_INVALID, "entry_before_case", "case=%s", kase->row.case_no);
    }
    if (given_take(work, kase, act->fields, act->field_count, &ops, act->given, &decision->given,
                   err)) {
        return -1;
    }
    decision->step = choose(&view, act->name, &act->asker, &decision->word, err);
    if (!decision->step) {
        return -1;
    }
    const Manual__Step *step = decision->step;
    const char *missing = given_missing(&view, &decision->given, step->needs, step->n_needs,
                                        kase_tally(kase, act->name) == 0);
    if (*missing && act->given) {
        return err_set(err, ERR_INVALID, "fields_missing", "missing=%s\nnames=%s\nevent=%s",
                       missing, given_names(&view, missing),
                       work_name(work, step->name, act->name));
    }
    first_owner(decision, &act->asker);
    if (given_set(&view, step->set, step->n_set, &decision->given, err)
        || keeps_owner(decision, err) || add_rows(&view, decision, err)) {
        return -1;
    }
    decision->to = !*step->to                        ? kase->row.state
                   : text_eq(step->to, before_state) ? kase->row.before
                                                     : step->to;
    return 0;
}

/* ---- put the event ---- */

void act_given_values(struct values *out, const struct given *given) {
    for (size_t i = 0; i < given->fields.count; i++) {
        values_add(out, given->fields.list[i]);
    }
}

bool act_pages(Manual__Op *const *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->kind == MANUAL__OP__KIND__PAGE) {
            return true;
        }
    }
    return false;
}

static int put(struct work *work, const struct act *act, struct decision *decision,
               struct err *err) {
    struct kase *kase = decision->kase;
    const Engine__Stored *row = &kase->row;
    const struct given *given = &decision->given;
    const Manual__State *state = manual_state(kase->procedure, decision->to);
    const Manual__Matter *matter = kase->procedure->matter;
    struct values fields = {.arena = work->call->arena};
    struct view view = {.work = work,
                        .kase = kase,
                        .over = &given->fields,
                        .at_ms = decision->at_ms,
                        .err = err,
                        .plain = true};
    const struct news news = {
        .lane = act_pages(decision->step->do_, decision->step->n_do_) ? WIRE__LANE__URGENT
                                                                      : WIRE__LANE__NORMAL,
        .staff = act->asker.staff,
        .role = decision->word,
        .event_ms = decision->at_ms,
    };

    values_add_text(&fields, "from", row->state);
    values_add_text(&fields, "state", decision->to);
    values_add_i64(&fields, "round", given->round >= 0 ? given->round : row->round);
    values_add_i64(&fields, "contacts", given->contacts >= 0 ? given->contacts : row->contacts);
    values_add_i64(&fields, "trips", given->trips >= 0 ? given->trips : row->trips);
    values_add_flag(&fields, "ended", state && state->end);
    values_add_text(&fields, "matter",
                    matter ? view_matter(&view, row->procedure, matter->same, matter->n_same) : "");
    act_given_values(&fields, given);
    return work_emit(work, kase, arena_text(work->call->arena, "%s.%s", row->procedure, act->name),
                     &news, &fields, err);
}

/* ---- what follows ---- */

static int end_pages(struct work *work, const struct moved *moved, struct err *err) {
    struct values fields = {.arena = work->call->arena};
    const struct news news = {
        .lane = WIRE__LANE__URGENT, .staff = moved->asker->staff, .event_ms = moved->at_ms};

    if (!moved->kase->row.paging || !(moved->left || act_pages(moved->ops, moved->op_count))) {
        return 0;
    }
    values_add_text(&fields, "procedure", moved->kase->row.procedure);
    values_add_text(&fields, "event", moved->events[0]);
    return work_emit(work, moved->kase, "page.ended", &news, &fields, err);
}

/* The n-th contact on the same matter. */
static int nth_contact(struct work *work, const struct moved *moved, struct err *err) {
    const struct kase *kase = moved->kase;
    const Manual__Matter *matter = kase->procedure->matter;

    if (!matter || kase->row.contacts == moved->contacts_before) {
        return 0;
    }
    for (size_t i = 0; i < matter->n_contact; i++) {
        const Manual__Nth *nth = matter->contact[i];
        int64_t n = nth->n;
        if (*nth->parameter) {
            (void)manual_number(kase->manual, nth->parameter, NULL, &n);
        }
        const struct act act = {.case_no = kase->row.case_no,
                                .name = nth->event,
                                .asker = {.staff = "system", .system = true},
                                .event_ms = moved->at_ms,
                                .depth = work->depth + 1,
                                .kept_out = true};
        if (n == kase->row.contacts && work_later(work, &act, err)) {
            return -1;
        }
    }
    return 0;
}

int act_follow(struct work *work, const struct moved *moved, struct err *err) {
    const bool ended = kase_ended(moved->kase);
    /* What happens to an ended case later leaves alone the clock that its end began. */
    const struct passed passed = {.events = {moved->events[0], moved->events[1]},
                                  .at_ms = moved->at_ms,
                                  .ended = ended && moved->left};

    if (caseclock_passed(work, moved->kase, &passed, err) || end_pages(work, moved, err)
        || nth_contact(work, moved, err) || ops_do(work, moved, err)) {
        return -1;
    }
    return ended && moved->left ? ops_tell_parent(work, moved, err) : 0;
}

/* ---- run ---- */

static bool droppable(const struct err *err) {
    return err->code == ERR_PRECONDITION || err->code == ERR_DENIED || err->code == ERR_INVALID
           || err->code == ERR_NOT_FOUND;
}

static int fire(struct work *work, const struct act *act, struct err *err) {
    struct decision decision = {.at_ms = act->event_ms};
    struct err why = {0};

    given_init(&decision.given, work->call->arena);
    if (work_case(work, act->case_no, &decision.kase, &why) || decide(work, act, &decision, &why)) {
        if (act->kept_out && droppable(&why)) {
            return 0; /* the case has gone on: what follows from another act is too late */
        }
        *err = why;
        return -1;
    }
    struct moved moved = {.kase = decision.kase,
                          .events = {act->name, ""},
                          .ops = decision.step->do_,
                          .op_count = decision.step->n_do_,
                          .given = &decision.given,
                          .asker = &act->asker,
                          .word = decision.word,
                          .at_ms = decision.at_ms,
                          .left = !text_eq(decision.to, decision.kase->row.state),
                          .contacts_before = decision.kase->row.contacts,
                          .childless = act->childless};
    return put(work, act, &decision, err) || act_follow(work, &moved, err) ? -1 : 0;
}

static int open_one(struct work *work, const struct act *act, struct err *err) {
    const struct opening_wish wish = {.procedure = act->name,
                                      .unit = act->unit,
                                      .parent = act->case_no,
                                      .fields = act->fields,
                                      .field_count = act->field_count,
                                      .asker = act->asker,
                                      .event_ms = act->event_ms,
                                      .checked = act->given};
    struct opening opening;

    if (opening_prepare(work, &wish, &opening, err) || opening_commit(work, &opening, err)) {
        return -1;
    }
    work->opened = opening.kase->row.case_no;
    return 0;
}

int act_run(struct work *work, struct err *err) {
    while (work->act_next < work->act_count) {
        const struct act *act = &work->acts[work->act_next++];
        work->depth = act->depth;
        if (act->opens ? open_one(work, act, err) : fire(work, act, err)) {
            return -1;
        }
    }
    return 0;
}
