#include "engine/cases.h"

#include <string.h>

#include "base/text.h"
#include "engine/act.h"
#include "engine/form.h"
#include "engine/opening.h"
#include "engine/who.h"

static const struct asker the_system = {.staff = "system", .system = true};

/* ---- whose word ---- */

/* In the name of the customer of a unit: he himself, or an employee who records it. */
static int for_resident(struct asker *asker, const char *resident, struct err *err) {
    if (!*resident) {
        return 0;
    }
    if (asker->customer && !text_eq(asker->customer, resident)) {
        return err_set(err, ERR_DENIED, "resident_other_unit", "unit=%.60s\nresident=%.60s",
                       asker->customer, resident);
    }
    asker->customer = resident;
    return 0;
}

/* ---- opening ---- */

static bool has_caller(const Cases__OpenCaseRequest *request) {
    return request->caller && (*request->caller->name || *request->caller->phone);
}

static struct opening_caller caller_of(const Cases__Caller *caller, const char *channel) {
    return (struct opening_caller){.name = caller ? caller->name : "",
                                   .phone = caller ? caller->phone : "",
                                   .identity = caller ? caller->identity : "",
                                   .channel = channel};
}

/* What was sent as fields, with the caller where the form has him. */
static void gather(const struct work *work, const Cases__OpenCaseRequest *request,
                   struct values *fields) {
    const Manual__Procedure *procedure = manual_procedure(work->manual, request->procedure);
    const struct opening_caller caller = caller_of(request->caller, request->channel);

    fields->arena = work->call->arena;
    for (size_t i = 0; i < request->n_fields; i++) {
        values_add(fields, request->fields[i]);
    }
    if (!procedure) {
        return; /* refused in a moment, with its name */
    }
    if (has_caller(request)) {
        opening_add_caller(work->manual, procedure, &caller, fields);
    } else if (*request->channel && manual_field(work->manual, procedure->form, "channel")
               && !value_find(fields->list, fields->count, "channel")) {
        values_add_text(fields, "channel", request->channel);
    }
}

/* The contact through which it came: opened first, and turned into this case. */
static int open_contact(struct work *work, const Cases__OpenCaseRequest *request,
                        struct opening *opening, const char **number, struct err *err) {
    const Manual__Start *start = opening->kase->procedure->start;
    const Manual__Procedure *through = manual_procedure(work->manual, start->through);
    const struct opening_caller caller = caller_of(request->caller, request->channel);
    struct values fields = {.arena = work->call->arena};
    struct opening contact;
    struct view view = {.work = work,
                        .kase = opening->kase,
                        .over = &opening->given.fields,
                        .actor = who_actor(&opening->asker),
                        .at_ms = opening->at_ms,
                        .err = err};

    if (!through || !work_here(work, through)) {
        return 0;
    }
    if (given_with(&view, start->with, start->n_with, &fields, err)) {
        return -1;
    }
    opening_add_caller(work->manual, through, &caller, &fields);
    const struct opening_wish wish = {.procedure = through->key,
                                      .unit = opening->kase->row.unit,
                                      .fields = fields.list,
                                      .field_count = fields.count,
                                      .asker = opening->asker,
                                      .event_ms = opening->at_ms};
    if (opening_prepare(work, &wish, &contact, err)) {
        return -1;
    }
    contact.late = opening->late;
    if (opening_commit(work, &contact, err)) {
        return -1;
    }
    *number = contact.kase->row.case_no;
    const struct act convert = {.case_no = *number,
                                .name = start->by,
                                .asker = opening->asker,
                                .event_ms = opening->at_ms,
                                .childless = true,
                                .kept_out = true};
    return *start->by && (work_later(work, &convert, err) || act_run(work, err)) ? -1 : 0;
}

static int offers(struct work *work, const struct opening *opening, Cases__OpenCaseReply *reply,
                  struct err *err) {
    const char **numbers = arena_alloc(work->call->arena, OPENING_OFFERS_MAX * sizeof *numbers);
    int count = *opening->matter ? kase_same_matter(work->call, opening->matter, OPENING_OFFERS_MAX,
                                                    numbers, err)
                                 : 0;

    reply->offers = numbers;
    reply->n_offers = count > 0 ? (size_t)count : 0;
    return count;
}

static Cases__OpenCaseReply *new_reply(struct call *call) {
    Cases__OpenCaseReply *reply = ARENA_NEW(call->arena, Cases__OpenCaseReply);

    cases__open_case_reply__init(reply);
    call->reply = &reply->base;
    return reply;
}

static int prepare(struct work *work, const Cases__OpenCaseRequest *request,
                   struct opening *opening, struct err *err) {
    struct asker asker = work_asker(work->call);
    struct values fields = {0};
    const char *unit = *request->unit ? request->unit : request->resident;

    if (for_resident(&asker, request->resident, err)) {
        return -1;
    }
    if (asker.customer && *unit && !text_eq(asker.customer, unit)) {
        return err_set(err, ERR_DENIED, "resident_other_unit", "unit=%.60s\nresident=%.60s", unit,
                       asker.customer);
    }
    gather(work, request, &fields);
    const struct opening_wish wish = {.procedure = request->procedure,
                                      .unit = unit,
                                      .parent = request->parent,
                                      .fields = fields.list,
                                      .field_count = fields.count,
                                      .asker = asker,
                                      .event_ms = request->event_ms,
                                      .checked = true};
    struct kase *parent = NULL;
    if (*request->parent && work_case(work, request->parent, &parent, err)) {
        return -1;
    }
    return opening_prepare(work, &wish, opening, err);
}

int cases_open(struct call *call, struct err *err) {
    const Cases__OpenCaseRequest *request = call->request;
    Cases__OpenCaseReply *reply = new_reply(call);
    struct work *work = work_begin(call, err);
    struct opening opening;
    const char *contact = "";

    if (!work || prepare(work, request, &opening, err)) {
        return -1;
    }
    int same = request->new_matter ? 0 : offers(work, &opening, reply, err);
    if (same != 0) {
        return same < 0 ? -1 : 0; /* the caller decides: one more contact, or a new matter */
    }
    const Manual__Start *start = opening.kase->procedure->start;
    if (has_caller(request) && *start->through && !*request->parent) {
        if (open_contact(work, request, &opening, &contact, err)) {
            return -1;
        }
        opening.parent = contact;
        opening.kase->row.parent = contact;
    }
    if (opening_commit(work, &opening, err) || act_run(work, err)) {
        return -1;
    }
    reply->case_no = opening.kase->row.case_no;
    reply->contact_no = contact;
    reply->case_ = casereply_case(work, opening.kase, &opening.asker, false, err);
    return reply->case_ ? work_end(work, err) : -1;
}

int cases_open_as(struct call *call, const char *procedure, Wire__Value *const *fields,
                  size_t field_count, int64_t event_ms, const char **number, struct err *err) {
    struct work *work = work_begin(call, err);
    const struct opening_wish wish = {.procedure = procedure,
                                      .fields = fields,
                                      .field_count = field_count,
                                      .asker = the_system,
                                      .event_ms = event_ms};
    struct opening opening;

    if (!work || opening_prepare(work, &wish, &opening, err) || opening_commit(work, &opening, err)
        || act_run(work, err)) {
        return -1;
    }
    *number = opening.kase->row.case_no;
    return work_end(work, err);
}

/* ---- filing ---- */

static const Manual__Procedure *files_form(const struct work *work, const char *form) {
    const Manual__Procedure *const *list = NULL;
    size_t count = manual_procedures(work->manual, &list);

    for (size_t i = 0; i < count; i++) {
        if (list[i]->files && text_eq(list[i]->form, form)) {
            return list[i];
        }
    }
    return NULL;
}

/* What all rows have, and what is this one's own over it. */
static void row_fields(const Cases__RecordFormRequest *request, const Wire__Row *row,
                       struct values *fields) {
    for (size_t i = 0; row && i < row->n_cell; i++) {
        const Wire__Value value = form_value(row->cell[i]);
        values_add(fields, &value);
    }
    for (size_t i = 0; i < request->n_fields; i++) {
        if (!value_find(fields->list, fields->count, request->fields[i]->key)) {
            values_add(fields, request->fields[i]);
        }
    }
}

static Cases__Case *record_one(struct work *work, const struct opening_wish *shared,
                               const Cases__RecordFormRequest *request, const Wire__Row *row,
                               struct err *err) {
    struct values fields = {.arena = work->call->arena};
    struct opening_wish wish = *shared;
    struct opening opening;

    work->depth = 0; /* no row follows from another */
    row_fields(request, row, &fields);
    wish.fields = fields.list;
    wish.field_count = fields.count;
    if (opening_prepare(work, &wish, &opening, err) || opening_commit(work, &opening, err)
        || act_run(work, err)) {
        return NULL;
    }
    return casereply_case(work, opening.kase, &opening.asker, false, err);
}

int cases_record(struct call *call, struct err *err) {
    const Cases__RecordFormRequest *request = call->request;
    Cases__RecordFormReply *reply = ARENA_NEW(call->arena, Cases__RecordFormReply);
    const size_t count = request->n_rows > 0 ? request->n_rows : 1;
    struct work *work = work_begin(call, err);

    cases__record_form_reply__init(reply);
    call->reply = &reply->base;
    if (!work) {
        return -1;
    }
    const Manual__Procedure *procedure = files_form(work, request->form);
    if (!procedure) {
        return err_set(err, ERR_NOT_FOUND, "form_not_filed", "form=%.60s", request->form);
    }
    if (count > CASES_ROWS_MAX) {
        return err_set(err, ERR_INVALID, "rows_many", "field=%s\nmax=%d", request->form,
                       CASES_ROWS_MAX);
    }
    const struct opening_wish wish = {.procedure = procedure->key,
                                      .unit = request->unit,
                                      .asker = work_asker(call),
                                      .event_ms = request->event_ms,
                                      .checked = true};
    if (wish.asker.customer && *wish.unit && !text_eq(wish.asker.customer, wish.unit)) {
        return err_set(err, ERR_DENIED, "resident_other_unit", "unit=%.60s\nresident=%.60s",
                       wish.unit, wish.asker.customer);
    }
    reply->cases = arena_alloc(call->arena, count * sizeof(Cases__Case *));
    for (size_t i = 0; i < count; i++) {
        const Wire__Row *row = request->n_rows > 0 ? request->rows[i] : NULL;
        reply->cases[i] = record_one(work, &wish, request, row, err);
        if (!reply->cases[i]) {
            return -1;
        }
        reply->n_cases++;
    }
    return work_end(work, err);
}

/* ---- moving ---- */

/* Fires one event from outside, with what follows. */
static int fire(struct work *work, struct kase *kase, const struct act *act, Cases__Case **shown,
                struct err *err) {
    if (work_later(work, act, err) || act_run(work, err)) {
        return -1;
    }
    *shown = casereply_case(work, kase, &act->asker, false, err);
    return *shown ? work_end(work, err) : -1;
}

int cases_fire(struct call *call, struct err *err) {
    const Cases__FireEventRequest *request = call->request;
    Cases__FireEventReply *reply = ARENA_NEW(call->arena, Cases__FireEventReply);
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;

    cases__fire_event_reply__init(reply);
    call->reply = &reply->base;
    if (!work || work_case(work, request->case_no, &kase, err)) {
        return -1;
    }
    struct act act = {.case_no = kase->row.case_no,
                      .name = request->event,
                      .fields = request->fields,
                      .field_count = request->n_fields,
                      .asker = work_asker(call),
                      .given = true};
    if (for_resident(&act.asker, request->resident, err)
        || act_time(call, request->event_ms, &act.event_ms, err)) {
        return -1;
    }
    if (*request->resident && !text_eq(request->resident, kase->row.unit)) {
        return err_set(err, ERR_DENIED, "resident_other_unit", "unit=%.60s\nresident=%.60s",
                       kase->row.unit, request->resident);
    }
    return fire(work, kase, &act, &reply->case_, err);
}

int cases_link(struct call *call, struct err *err) {
    const Cases__LinkContactRequest *request = call->request;
    Cases__LinkContactReply *reply = ARENA_NEW(call->arena, Cases__LinkContactReply);
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;

    cases__link_contact_reply__init(reply);
    call->reply = &reply->base;
    if (!work || work_case(work, request->case_no, &kase, err)) {
        return -1;
    }
    const char *event = act_contact_event(kase);
    if (!event) {
        return err_set(err, ERR_PRECONDITION, "event_not_here",
                       "case=%s\nprocedure=%s\nstate=%s\nevent=link\nactor=%s", kase->row.case_no,
                       kase->row.procedure, kase->row.state, call->actor->staff);
    }
    struct act act = {.case_no = kase->row.case_no,
                      .name = event,
                      .fields = request->fields,
                      .field_count = request->n_fields,
                      .asker = work_asker(call),
                      .given = true};
    if (act_time(call, request->event_ms, &act.event_ms, err)) {
        return -1;
    }
    return fire(work, kase, &act, &reply->case_, err);
}
