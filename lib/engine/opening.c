#include "engine/opening.h"

#include <string.h>

#include "base/text.h"
#include "engine/who.h"

enum { LATE_AFTER_MS = 60 * 1000 }; /* an entry later than this after the event is a late one */

/* ---- who may ---- */

static const char *const anybody[] = {"staff", "customer", "system"};

static int let_in(struct work *work, struct opening *opening, struct err *err) {
    const Manual__Start *start = opening->kase->procedure->start;
    struct who_list list = {anybody, sizeof anybody / sizeof anybody[0], NULL, 0};

    if (opening->asker.system) {
        opening->word = "system"; /* another procedure or a timer: the manual says so itself */
        return 0;
    }
    if (start && start->n_who > 0) {
        list.who = start->who;
        list.who_count = start->n_who;
    }
    int in = who_lets_in(work, opening->kase, &list, &opening->asker, opening->at_ms,
                         &opening->word, err);
    if (in == 0) {
        return err_set(err, ERR_DENIED, "open_not_yours", "procedure=%s\nactor=%s",
                       opening->kase->row.procedure, opening->asker.staff);
    }
    return in < 0 ? -1 : 0;
}

/* ---- where it begins ---- */

static int missing(struct view *view, const char *keys, struct err *err) {
    const Manual__Procedure *procedure = view->kase->procedure;

    return err_set(err, ERR_INVALID, "fields_missing", "missing=%s\nnames=%s\nevent=%s", keys,
                   given_names(view, keys), work_name(view->work, procedure->name, procedure->key));
}

static int first_state(struct view *view, struct opening *opening, bool checked, struct err *err) {
    const Manual__Start *start = opening->kase->procedure->start;
    Engine__Stored *row = &opening->kase->row;

    if (!start) {
        return err_plain(err, ERR_INTERNAL, "%s has no start", row->procedure);
    }
    for (size_t i = 0; i < start->n_alternatives; i++) {
        if (view_holds(view, start->alternatives[i]->when, start->alternatives[i]->n_when)) {
            row->state = start->alternatives[i]->to;
            opening->registered = text_eq(row->state, start->staff);
            return view->failed ? -1 : 0;
        }
    }
    const bool staff = who_is_staff(&opening->asker);
    const char *lacks = given_missing(view, &opening->given, start->needs, start->n_needs, false);
    if (!*start->other || (staff && !*lacks)) {
        if (!staff && checked && !opening->asker.system) {
            return err_set(err, ERR_DENIED, "open_not_yours", "procedure=%s\nactor=%s",
                           row->procedure, opening->asker.staff);
        }
        if (*lacks && (checked || staff)) {
            return missing(view, lacks, err);
        }
        row->state = *start->staff ? start->staff : start->other;
        opening->registered = true;
        return 0;
    }
    row->state = start->other;
    return 0;
}

/* ---- first contact ---- */

/* Its owner from its first second: who was reached, or whoever has the parent. */
static int first_owner(struct work *work, struct opening *opening, struct err *err) {
    struct kase *parent = NULL;
    struct err none = {0};

    if (value_find(opening->given.fields.list, opening->given.fields.count, KASE_OWNER)) {
        return 0;
    }
    if (*opening->parent) {
        if (work_case(work, opening->parent, &parent, &none) && none.code != ERR_NOT_FOUND) {
            *err = none;
            return -1;
        }
    }
    const char *owner = parent ? kase_text(parent, KASE_OWNER) : "";
    if (!*owner && who_is_staff(&opening->asker)) {
        owner = opening->asker.staff;
    }
    if (*owner) {
        given_put_text(&opening->given.fields, KASE_OWNER, owner);
    }
    return 0;
}

/* ---- prepare ---- */

static int find_procedure(struct work *work, const struct opening_wish *wish, struct kase *kase,
                          struct err *err) {
    const Manual__Procedure *procedure = manual_procedure(work->manual, wish->procedure);

    if (!procedure) {
        return err_set(err, ERR_NOT_FOUND, "procedure_unknown", "procedure=%.60s", wish->procedure);
    }
    if (!work_here(work, procedure)) {
        return err_set(err, ERR_INVALID, "procedure_elsewhere", "procedure=%s\nowner=%s",
                       procedure->key, procedure->owner);
    }
    kase->manual = work->manual;
    kase->procedure = procedure;
    kase->form = manual_form(work->manual, procedure->form);
    kase->row.procedure = procedure->key;
    kase->row.revision = manual_revision(work->manual);
    return 0;
}

static int check_unit(struct work *work, const char *unit, struct err *err) {
    struct unit found;

    if (!*unit) {
        return 0;
    }
    int known = directory_unit(work->call, unit, &found, err);
    return known == 0  ? err_set(err, ERR_NOT_FOUND, "unit_unknown", "unit=%.60s", unit)
           : known < 0 ? -1
                       : 0;
}

/* A unit among the fields is the case's own. */
static void take_unit(struct opening *opening) {
    struct values *fields = &opening->given.fields;

    for (size_t i = 0; i < fields->count; i++) {
        if (text_eq(fields->list[i]->key, KASE_UNIT)
            && fields->list[i]->kind_case == WIRE__VALUE__KIND_TEXT) {
            if (*fields->list[i]->text) {
                opening->kase->row.unit = fields->list[i]->text;
            }
            memmove(fields->list + i, fields->list + i + 1,
                    (fields->count - i - 1) * sizeof(Wire__Value *));
            fields->count--;
            return;
        }
    }
}

/* Opening with everything at once is the registration too: what that act sets is set. */
static int set_as_registered(struct view *view, struct opening *opening, struct err *err) {
    const Manual__Procedure *procedure = opening->kase->procedure;
    const Manual__Start *start = procedure->start;

    for (size_t i = 0; opening->registered && *start->counts_as && i < procedure->n_steps; i++) {
        const Manual__Step *step = procedure->steps[i];
        if (text_eq(step->event, start->counts_as) && text_eq(step->to, start->staff)) {
            return given_set(view, step->set, step->n_set, &opening->given, err);
        }
    }
    return 0;
}

static int fill_in(struct work *work, const struct opening_wish *wish, struct opening *opening,
                   struct err *err) {
    struct kase *kase = opening->kase;
    const Manual__Start *start = kase->procedure->start;
    const Manual__Matter *matter = kase->procedure->matter;
    const struct given_ops ops = {.list = start ? start->do_ : NULL,
                                  .count = start ? start->n_do_ : 0,
                                  .needs = start ? (const char *const *)start->needs : NULL,
                                  .need_count = start ? start->n_needs : 0};
    struct view view = {.work = work,
                        .kase = kase,
                        .over = &opening->given.fields,
                        .loose = &opening->given.loose,
                        .word = opening->word,
                        .actor = who_actor(&opening->asker),
                        .at_ms = opening->at_ms,
                        .err = err};

    if (given_take(work, kase, wish->fields, wish->field_count, &ops, wish->checked,
                   &opening->given, err)) {
        return -1;
    }
    take_unit(opening);
    if ((start && given_set(&view, start->set, start->n_set, &opening->given, err))
        || first_state(&view, opening, wish->checked, err) || first_owner(work, opening, err)) {
        return -1;
    }
    if (set_as_registered(&view, opening, err)) {
        return -1;
    }
    for (size_t i = 0; start && i < start->n_do_; i++) {
        if (start->do_[i]->kind == MANUAL__OP__KIND__ROW
            && given_row(&view, start->do_[i], &opening->given, err)) {
            return -1;
        }
    }
    opening->matter = matter ? view_matter(&view, kase->row.procedure, matter->same, matter->n_same)
                             : "";
    return view.failed ? -1 : 0;
}

int opening_prepare(struct work *work, const struct opening_wish *wish, struct opening *opening,
                    struct err *err) {
    struct kase *kase = work_add(work);

    *opening = (struct opening){.kase = kase,
                                .asker = wish->asker,
                                .word = "",
                                .parent = wish->parent ? wish->parent : "",
                                .matter = ""};
    given_init(&opening->given, work->call->arena);
    if (!kase) {
        return err_set(err, ERR_EXHAUSTED, "cascade", "case=%s", opening->parent);
    }
    if (find_procedure(work, wish, kase, err)
        || act_time(work->call, wish->event_ms, &opening->at_ms, err)
        || check_unit(work, wish->unit ? wish->unit : "", err)) {
        return -1;
    }
    kase->row.unit = wish->unit ? wish->unit : "";
    kase->row.parent = opening->parent;
    opening->late = opening->at_ms < work->call->now_ms - LATE_AFTER_MS && wish->checked;
    return let_in(work, opening, err) || fill_in(work, wish, opening, err) ? -1 : 0;
}

/* ---- commit ---- */

static int estate_of(struct work *work, const struct opening *opening, const char **estate,
                     struct err *err) {
    struct kase *parent = NULL;
    struct err none = {0};

    *estate = opening->asker.estate ? opening->asker.estate : "";
    if (!**estate && *opening->parent && !work_case(work, opening->parent, &parent, &none)) {
        *estate = parent->row.estate;
    }
    if (!**estate && *opening->parent) {
        size_t length = strcspn(opening->parent, "-"); /* "E01-KF011-…" */
        *estate = arena_copy(work->call->arena, opening->parent, length);
    }
    return **estate ? 0 : kase_estate(work->call, estate, err);
}

/* The event that opening with everything at once stands for. */
static const char *counts_as(const struct opening *opening) {
    const Manual__Start *start = opening->kase->procedure->start;

    return opening->registered && start ? start->counts_as : "";
}

int opening_commit(struct work *work, struct opening *opening, struct err *err) {
    struct kase *kase = opening->kase;
    const Manual__Start *start = kase->procedure->start;
    const char *also = counts_as(opening);
    const char *estate = "";
    const char *number = "";
    struct values fields = {.arena = work->call->arena};
    const struct news news = {
        .lane = act_pages(start->do_, start->n_do_) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL,
        .staff = opening->asker.staff,
        .role = opening->word,
        .event_ms = opening->at_ms,
    };

    if (estate_of(work, opening, &estate, err)
        || kase_number(work->call, kase->manual, kase->procedure, estate, &number, err)) {
        return -1;
    }
    kase->row.case_no = number;
    values_add_text(&fields, "procedure", kase->row.procedure);
    values_add_text(&fields, "state", kase->row.state);
    values_add_text(&fields, "unit", kase->row.unit);
    values_add_text(&fields, "parent", opening->parent);
    values_add_text(&fields, "opener", opening->asker.staff);
    values_add_text(&fields, "estate", estate);
    values_add_text(&fields, "matter", opening->matter);
    values_add_text(&fields, "counts_as", also);
    values_add_flag(&fields, "late_entry", opening->late);
    act_given_values(&fields, &opening->given);
    if (work_emit(work, kase, arena_text(work->call->arena, "%s.open", kase->row.procedure), &news,
                  &fields, err)) {
        return -1;
    }
    const struct moved moved = {.kase = kase,
                                .events = {"open", also},
                                .ops = start->do_,
                                .op_count = start->n_do_,
                                .given = &opening->given,
                                .asker = &opening->asker,
                                .word = opening->word,
                                .at_ms = opening->at_ms,
                                .left = true,
                                .contacts_before = kase->row.contacts};
    return act_follow(work, &moved, err);
}

/* ---- the caller ---- */

static void add_missing(struct values *fields, const char *key, const char *text) {
    if (*text && !value_find(fields->list, fields->count, key)) {
        values_add_text(fields, key, text);
    }
}

static bool is_choice(const Manual__Field *field, const char *key) {
    for (size_t i = 0; i < field->n_choices; i++) {
        if (text_eq(field->choices[i]->key, key)) {
            return true;
        }
    }
    return field->n_choices == 0;
}

void opening_add_caller(const struct manual *manual, const Manual__Procedure *procedure,
                        const struct opening_caller *caller, struct values *fields) {
    static const char channel[] = "channel", identity[] = "identity", phone[] = "phone";
    const Manual__Field *field = manual_field(manual, procedure->form, channel);

    if (field) {
        const char *by = *caller->channel || field->n_choices == 0 ? caller->channel
                                                                   : field->choices[0]->key;
        add_missing(fields, channel, by);
    }
    field = manual_field(manual, procedure->form, identity);
    if (field && *caller->name) {
        /* Nothing said: the owner of the unit, the first of the list. */
        const char *who = *caller->identity || field->n_choices == 0 ? caller->identity
                                                                     : field->choices[0]->key;
        add_missing(fields, identity, is_choice(field, who) ? who : "");
    }
    if (manual_field(manual, procedure->form, phone)) {
        add_missing(fields, phone, caller->phone);
    }
    for (size_t i = 0; i < procedure->n_people; i++) {
        if (text_eq(procedure->people[i]->name, "caller")) {
            const bool own = procedure->people[i]->own || !*procedure->people[i]->field;
            add_missing(fields, own ? "caller" : procedure->people[i]->field, caller->name);
        }
    }
}
