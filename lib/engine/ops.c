#include "engine/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/opening.h"
#include "engine/optell.h"
#include "engine/pool.h"
#include "engine/who.h"
#include "store/query.h"

enum {
    CHILDREN_MAX = 256,
    SLICE_NAME_MAX = 48,
};

static const char slice_kind[] = "each";
static const struct asker the_system = {.staff = "system", .system = true};

/* ---- open and fire ---- */

/* "$field": what the field says; else the word itself. */
static const char *word_of(const struct op *o, const char *word) {
    if (*word != '$') {
        return word;
    }
    const Wire__Value *value = view_value(o->view, word + 1);
    return value && value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : "";
}

/* A child of another service is asked for; its answer comes as an event. */
static int ask_elsewhere(const struct op *o, const char *procedure, const struct values *with,
                         struct err *err) {
    struct values fields = {.arena = o->work->call->arena};
    const struct news news = {
        .staff = o->moved->asker->staff, .role = o->moved->word, .event_ms = o->moved->at_ms};

    values_add_text(&fields, "procedure", procedure);
    values_add_text(&fields, "parent", o->moved->kase->row.case_no);
    values_add_text(&fields, "unit", o->moved->kase->row.unit);
    for (size_t i = 0; i < with->count; i++) {
        values_add(&fields, with->list[i]);
    }
    return work_emit(o->work, o->moved->kase, "case.asked", &news, &fields, err);
}

/* A child begins with its parent's first-contact owner and caller. */
static void inherit(const struct op *o, const Manual__Procedure *child, struct values *with) {
    static const char caller[] = "caller";
    const struct kase *kase = o->moved->kase;
    const Wire__Value *owner = kase_get(kase, KASE_OWNER);
    const Wire__Value *name = kase_get(kase, kase_field_of(kase->procedure, caller));
    const Wire__Value *phone = optell_phone(kase);
    const char *field = kase_field_of(child, caller);

    if (owner && !value_find(with->list, with->count, KASE_OWNER)) {
        values_add(with, owner);
    }
    if (name && !value_find(with->list, with->count, field)) {
        Wire__Value copy = *name;
        copy.key = field;
        values_add(with, &copy);
    }
    if (phone && manual_field(o->work->manual, child->form, phone->key)
        && !value_find(with->list, with->count, phone->key)) {
        values_add(with, phone);
    }
}

static int open_child(const struct op *o, const char *procedure, struct values *with,
                      struct err *err) {
    const Manual__Procedure *child = manual_procedure(o->work->manual, procedure);

    if (!child) {
        return err_set(err, ERR_NOT_FOUND, "procedure_unknown", "procedure=%.60s", procedure);
    }
    inherit(o, child, with);
    if (!work_here(o->work, child)) {
        return ask_elsewhere(o, procedure, with, err);
    }
    const struct act act = {.opens = true,
                            .case_no = o->moved->kase->row.case_no,
                            .name = child->key,
                            .unit = o->moved->kase->row.unit,
                            .fields = with->list,
                            .field_count = with->count,
                            .asker = the_system,
                            .event_ms = o->moved->at_ms,
                            .depth = o->work->depth + 1};
    return work_later(o->work, &act, err);
}

/* An event for a case that another service keeps. */
static int fire_elsewhere(struct work *work, const struct moved *moved, const char *number,
                          const char *event, const struct values *with, struct err *err) {
    struct values fields = {.arena = work->call->arena};
    Wire__Event *asked = ARENA_NEW(work->call->arena, Wire__Event);

    values_add_text(&fields, "event", event);
    for (size_t i = 0; i < with->count; i++) {
        values_add(&fields, with->list[i]);
    }
    wire__event__init(asked);
    asked->topic = "case.fire_asked";
    asked->case_no = number;
    asked->actor = "system";
    asked->event_ms = moved->at_ms;
    asked->revision = moved->kase->row.revision;
    asked->fields = fields.list;
    asked->n_fields = fields.count;
    return event_put(work->call, asked, err);
}

static int fire_at(struct work *work, const struct moved *moved, const char *number, bool child,
                   const char *event, const struct values *with, struct err *err) {
    struct kase *target = NULL;
    struct err none = {0};
    struct act act = {.case_no = number,
                      .name = event,
                      .fields = with->list,
                      .field_count = with->count,
                      .asker = the_system,
                      .event_ms = moved->at_ms,
                      .depth = work->depth + 1,
                      .kept_out = true};

    act.asker.child = child;
    if (work_case(work, number, &target, &none) == 0) {
        return work_later(work, &act, err);
    }
    if (none.code != ERR_NOT_FOUND) {
        *err = none;
        return -1;
    }
    return fire_elsewhere(work, moved, number, event, with, err);
}

static int fire(const struct op *o, const struct values *with, struct err *err) {
    const char *at = o->op->at;
    const struct kase *kase = o->moved->kase;

    if (!*at) {
        return fire_at(o->work, o->moved, kase->row.case_no, false, o->op->target, with, err);
    }
    if (*at == '$') {
        const char *number = word_of(o, at);
        return *number ? fire_at(o->work, o->moved, number, false, o->op->target, with, err) : 0;
    }
    if (text_eq(at, "parent")) {
        return *kase->row.parent
                   ? fire_at(o->work, o->moved, kase->row.parent, true, o->op->target, with, err)
                   : 0;
    }
    struct child *children = arena_alloc(o->work->call->arena, CHILDREN_MAX * sizeof *children);
    int count = work_children(o->work, kase->row.case_no, CHILDREN_MAX, children, err);
    for (int i = count; i > 0; i--) {
        if (text_eq(children[i - 1].procedure, at)) {
            return fire_at(o->work, o->moved, children[i - 1].number, false, o->op->target, with,
                           err);
        }
    }
    return count < 0 ? -1 : 0;
}

/* ---- hold and release ---- */

static int fire_granted(const struct op *o, const char *number, struct err *err) {
    const struct act act = {.case_no = number,
                            .name = "granted",
                            .asker = the_system,
                            .event_ms = o->moved->at_ms,
                            .depth = o->work->depth + 1,
                            .kept_out = true};

    return work_later(o->work, &act, err);
}

/* A rank is a number, or the place of a choice in its list. */
static int64_t rank_of(const struct op *o) {
    const char *word = o->op->rank;

    if (*word != '$') {
        return strtoll(word, NULL, 10);
    }
    const Wire__Value *value = view_value(o->view, word + 1);
    if (value && value->kind_case == WIRE__VALUE__KIND_INTEGER) {
        return value->integer;
    }
    const Manual__Field *field = kase_form_field(o->moved->kase, word + 1);
    for (size_t i = 0; value && field && i < field->n_choices; i++) {
        if (value->kind_case == WIRE__VALUE__KIND_TEXT
            && text_eq(field->choices[i]->key, value->text)) {
            return (int64_t)i;
        }
    }
    return 0;
}

static int hold(const struct op *o, struct err *err) {
    const struct pool_wish wish = {o->op->target, word_of(o, o->op->key), rank_of(o),
                                   o->moved->at_ms};
    bool granted = false;

    if (pool_hold(o->work, o->moved->kase, &wish, &granted, err)) {
        return -1;
    }
    return granted ? fire_granted(o, o->moved->kase->row.case_no, err) : 0;
}

static int release(const struct op *o, struct err *err) {
    const struct pool_wish wish = {o->op->target, word_of(o, o->op->key), 0, o->moved->at_ms};
    const char *next = NULL;

    if (pool_release(o->work, o->moved->kase, &wish, &next, err)) {
        return -1;
    }
    return next ? fire_granted(o, next, err) : 0;
}

/* ---- each ---- */

/* Which operation of which event it is: the timer's name. */
static int plan_slice(const struct op *o, struct err *err) {
    char name[SLICE_NAME_MAX];
    size_t place = 0;

    while (place < o->moved->op_count && o->moved->ops[place] != o->op) {
        place++;
    }
    (void)snprintf(name, sizeof name, "%.32s#%zu", o->moved->events[0], place);
    return timer_set(o->work->call, slice_kind, o->moved->kase->row.case_no, name, 0,
                     o->work->call->now_ms, err);
}

static const Manual__Op *slice_op(const struct kase *kase, const char *name) {
    const char *sharp = strchr(name, '#');
    const size_t length = sharp ? (size_t)(sharp - name) : 0;
    const size_t place = sharp ? strtoul(sharp + 1, NULL, 10) : 0;
    const Manual__Start *start = kase->procedure->start;

    if (sharp && length == strlen("open") && memcmp(name, "open", length) == 0 && start) {
        return place < start->n_do_ ? start->do_[place] : NULL;
    }
    for (size_t i = 0; sharp && i < kase->procedure->n_steps; i++) {
        const Manual__Step *step = kase->procedure->steps[i];
        if (strlen(step->event) == length && memcmp(step->event, name, length) == 0
            && place < step->n_do_ && step->do_[place]->kind == MANUAL__OP__KIND__EACH) {
            return step->do_[place];
        }
    }
    return NULL;
}

struct thing {
    int64_t id;
    const char *number, *pool, *key, *holder;
};

/* The next ones: holds of the unit, or children here. */
static int next_things(struct call *call, const struct kase *kase, const Manual__Op *op,
                       int64_t after, struct thing *things, struct err *err) {
    const bool children = text_eq(op->target, "children");
    struct query q = children ? QUERY(call->store,
                                      "SELECT id, number, '', '', '' FROM cases WHERE parent = ?1"
                                      " AND parent <> '' AND open = 1 AND id > ?2"
                                      " ORDER BY id LIMIT ?3")
                              : QUERY(call->store,
                                      "SELECT id, case_no, pool, key, holder FROM hold"
                                      " WHERE unit = ?1 AND unit <> '' AND id > ?2 AND slot > 0"
                                      " ORDER BY id LIMIT ?3");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, children ? kase->row.case_no : kase->row.unit);
    query_bind_i64(&q, 2, after);
    query_bind_i64(&q, 3, OPS_SLICE);
    while ((more = query_step(&q, err)) == 1) {
        things[count].id = query_i64(&q, 0);
        things[count].number = query_text(&q, 1, call->arena);
        things[count].pool = query_text(&q, 2, call->arena);
        things[count].key = query_text(&q, 3, call->arena);
        things[count].holder = query_text(&q, 4, call->arena);
        count++;
    }
    return more < 0 ? -1 : count;
}

static int do_thing(const struct op *o, const struct thing *thing, struct err *err) {
    struct values with = {.arena = o->work->call->arena};

    if (given_with(o->view, o->op->with, o->op->n_with, &with, err)) {
        return -1;
    }
    if (*o->op->each_fire) {
        return fire_at(o->work, o->moved, thing->number, false, o->op->each_fire, &with, err);
    }
    given_put_text(&with, "pool", thing->pool);
    given_put_text(&with, "key", thing->key);
    given_put_text(&with, "holder", thing->holder);
    given_put_text(&with, "held_by", thing->number);
    return *o->op->each_open ? open_child(o, o->op->each_open, &with, err) : 0;
}

int ops_slice_due(struct call *call, const struct due *due, struct err *err) {
    struct thing things[OPS_SLICE];
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;

    if (!work || work_case(work, due->ref, &kase, err)) {
        return -1;
    }
    const Manual__Op *op = slice_op(kase, due->name);
    int count = op ? next_things(call, kase, op, due->mark, things, err) : 0;
    if (count < 0) {
        return -1;
    }
    struct given given;
    given_init(&given, call->arena);
    const struct moved moved = {.kase = kase,
                                .events = {due->name, ""},
                                .given = &given,
                                .asker = &the_system,
                                .word = "system",
                                .at_ms = call->now_ms};
    struct view view = {.work = work, .kase = kase, .at_ms = call->now_ms, .err = err};
    const struct op o = {work, &moved, op, &view};
    for (int i = 0; i < count; i++) {
        if (do_thing(&o, &things[i], err)) {
            return -1;
        }
    }
    if (act_run(work, err) || work_end(work, err)) {
        return -1;
    }
    return count == OPS_SLICE ? timer_set(call, slice_kind, due->ref, due->name,
                                          things[count - 1].id, call->now_ms, err)
                              : 0;
}

/* ---- all of them ---- */

static int do_one(const struct op *o, struct err *err) {
    struct values with = {.arena = o->work->call->arena};
    const char *procedure = "";

    switch ((int)o->op->kind) {
    case MANUAL__OP__KIND__PAGE:
        return optell_page(o, err);
    case MANUAL__OP__KIND__TELL:
        return optell_tell(o, err);
    case MANUAL__OP__KIND__HOLD:
        return hold(o, err);
    case MANUAL__OP__KIND__RELEASE:
        return release(o, err);
    case MANUAL__OP__KIND__EACH:
        return plan_slice(o, err);
    case MANUAL__OP__KIND__ROW:
        return 0; /* a part of the event itself */
    default:
        break;
    }
    if (given_with(o->view, o->op->with, o->op->n_with, &with, err)) {
        return -1;
    }
    if (o->op->kind == MANUAL__OP__KIND__FIRE) {
        return fire(o, &with, err);
    }
    procedure = o->moved->childless ? "" : word_of(o, o->op->target);
    return *procedure ? open_child(o, procedure, &with, err) : 0;
}

int ops_do(struct work *work, const struct moved *moved, struct err *err) {
    struct view view = {.work = work,
                        .kase = moved->kase,
                        .loose = &moved->given->loose,
                        .word = moved->word,
                        .actor = who_actor(moved->asker),
                        .at_ms = moved->at_ms,
                        .err = err};

    for (size_t i = 0; i < moved->op_count; i++) {
        const struct op o = {work, moved, moved->ops[i], &view};
        bool holds = view_holds(&view, o.op->when, o.op->n_when);
        if (view.failed || (holds && do_one(&o, err))) {
            return -1;
        }
    }
    return 0;
}

/* The parent's events that ask about the end of a child are fired there, in their order; the
 * first that fits is taken. */
static int fire_ended(struct work *work, const struct moved *moved, const struct kase *parent,
                      const struct values *with, struct err *err) {
    static const char ended[] = "child_state";
    const Manual__Procedure *procedure = parent->procedure;

    for (size_t i = 0; i < procedure->n_steps; i++) {
        const Manual__Step *step = procedure->steps[i];
        bool asks = false, here = false;
        for (size_t a = 0; a < step->n_when; a++) {
            for (size_t t = 0; t < step->when[a]->n_all; t++) {
                asks = asks || text_eq(step->when[a]->all[t]->subject, ended);
            }
        }
        for (size_t f = 0; f < step->n_from; f++) {
            here = here || text_eq(step->from[f], parent->row.state);
        }
        if (asks && here) {
            return fire_at(work, moved, parent->row.case_no, true, step->event, with, err);
        }
    }
    return 0;
}

int ops_tell_parent(struct work *work, const struct moved *moved, struct err *err) {
    struct kase *kase = moved->kase;
    struct values fields = {.arena = work->call->arena};
    const struct news news = {.staff = moved->asker->staff, .event_ms = moved->at_ms};
    struct kase *parent = NULL;
    struct err none = {0};

    values_add_text(&fields, "parent", kase->row.parent);
    values_add_text(&fields, "procedure", kase->row.procedure);
    values_add_text(&fields, "state", kase->row.state);
    if (work_emit(work, kase, "case.ended", &news, &fields, err)) {
        return -1;
    }
    if (!*kase->row.parent) {
        return 0;
    }
    if (work_case(work, kase->row.parent, &parent, &none)) {
        if (none.code == ERR_NOT_FOUND) {
            return 0; /* elsewhere: it hears "case.ended" */
        }
        *err = none;
        return -1;
    }
    struct values with = {.arena = work->call->arena};
    values_add_text(&with, "child", kase->row.case_no);
    values_add_text(&with, "child_state", kase->row.state);
    values_add_text(&with, "child_procedure", kase->row.procedure);
    return fire_ended(work, moved, parent, &with, err);
}

int ops_child_ended(struct work *work, struct kase *parent, const Wire__Event *ended,
                    struct err *err) {
    struct values with = {.arena = work->call->arena};
    const struct moved moved = {.kase = parent, .asker = &the_system, .at_ms = ended->event_ms};

    values_add_text(&with, "child", ended->case_no);
    values_add_text(&with, "child_state", value_text(ended->fields, ended->n_fields, "state"));
    values_add_text(&with, "child_procedure",
                    value_text(ended->fields, ended->n_fields, "procedure"));
    return fire_ended(work, &moved, parent, &with, err);
}
