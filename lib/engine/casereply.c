#include <string.h>

#include "base/seal.h"
#include "base/text.h"
#include "engine/act.h"
#include "engine/cases.h"
#include "engine/form.h"

enum { CHILDREN_MAX = 256 };

/* A sealed number as people may see it. */
static const char *shown(struct call *call, ProtobufCBinaryData sealed, bool clear) {
    const struct bytes bytes = {sealed.data, sealed.len};
    const char *text = seal_open(call->secrets, FORM_SEAL_CONTEXT, bytes, call->arena);

    if (!text) {
        return "****"; /* sealed elsewhere, for another place */
    }
    return clear ? text : seal_mask(text, call->arena);
}

static Wire__Rows *shown_rows(struct call *call, const Wire__Rows *in, bool clear) {
    Wire__Rows *rows = ARENA_NEW(call->arena, Wire__Rows);

    wire__rows__init(rows);
    rows->n_row = in->n_row;
    rows->row = arena_alloc(call->arena, in->n_row * sizeof(Wire__Row *));
    for (size_t i = 0; i < in->n_row; i++) {
        Wire__Row *row = arena_copy(call->arena, in->row[i], sizeof *row);
        row->cell = arena_alloc(call->arena, row->n_cell * sizeof(Wire__Cell *));
        for (size_t c = 0; c < row->n_cell; c++) {
            Wire__Cell *cell = arena_copy(call->arena, in->row[i]->cell[c], sizeof *cell);
            if (cell->kind_case == WIRE__CELL__KIND_SEALED) {
                const char *text = shown(call, cell->sealed, clear);
                cell->kind_case = WIRE__CELL__KIND_TEXT;
                cell->text = text;
            }
            row->cell[c] = cell;
        }
        rows->row[i] = row;
    }
    return rows;
}

static Wire__Value **shown_values(struct call *call, Wire__Value *const *in, size_t count,
                                  bool clear) {
    Wire__Value **list = arena_alloc(call->arena, (count + 1) * sizeof(Wire__Value *));

    for (size_t i = 0; i < count; i++) {
        Wire__Value *value = arena_copy(call->arena, in[i], sizeof *value);
        if (value->kind_case == WIRE__VALUE__KIND_SEALED) {
            const char *text = shown(call, value->sealed, clear);
            value->kind_case = WIRE__VALUE__KIND_TEXT;
            value->text = text;
        } else if (value->kind_case == WIRE__VALUE__KIND_ROWS && value->rows) {
            value->rows = shown_rows(call, value->rows, clear);
        }
        list[i] = value;
    }
    return list;
}

static void show_clocks(struct call *call, const struct kase *kase, Cases__Case *out) {
    out->clocks = arena_alloc(call->arena, (kase->row.n_clocks + 1) * sizeof(Cases__CaseClock *));
    for (size_t i = 0; i < kase->row.n_clocks; i++) {
        const Engine__Running *clock = kase->row.clocks[i];
        Cases__CaseClock *to = ARENA_NEW(call->arena, Cases__CaseClock);
        cases__case_clock__init(to);
        to->name = clock->name;
        to->round = clock->round;
        to->started_ms = clock->from_ms;
        to->due_ms = clock->due_ms;
        to->ended_ms = clock->ended_ms;
        to->result = caseclock_result(clock);
        out->clocks[out->n_clocks++] = to;
    }
}

static void show_flags(struct call *call, const struct kase *kase, Cases__Case *out) {
    const Manual__Procedure *procedure = kase->procedure;

    out->flags = arena_alloc(call->arena, (procedure->n_flags + 2) * sizeof *out->flags);
    if (kase->row.late_entry) {
        out->flags[out->n_flags++] = "late_entry";
    }
    for (size_t i = 0; i < procedure->n_flags; i++) {
        const Wire__Value *value = kase_get(kase, procedure->flags[i]);
        if (value && value->kind_case == WIRE__VALUE__KIND_FLAG && value->flag
            && !text_eq(procedure->flags[i], "late_entry")) {
            out->flags[out->n_flags++] = procedure->flags[i];
        }
    }
}

static int show_children(struct work *work, const struct kase *kase, Cases__Case *out,
                         struct err *err) {
    struct child *children = arena_alloc(work->call->arena, CHILDREN_MAX * sizeof *children);
    int count = work_children(work, kase->row.case_no, CHILDREN_MAX, children, err);

    if (count < 0) {
        return -1;
    }
    out->children = arena_alloc(work->call->arena, ((size_t)count + 1) * sizeof *out->children);
    for (int i = 0; i < count; i++) {
        out->children[out->n_children++] = children[i].number;
    }
    return 0;
}

Cases__Case *casereply_case(struct work *work, struct kase *kase, const struct asker *asker,
                            bool clear, struct err *err) {
    struct call *call = work->call;
    const Engine__Stored *row = &kase->row;
    Cases__Case *out = ARENA_NEW(call->arena, Cases__Case);

    cases__case__init(out);
    out->case_no = row->case_no;
    out->procedure = row->procedure;
    out->state = row->state;
    out->unit = row->unit;
    out->parent = row->parent;
    out->first_contact_owner = kase_text(kase, KASE_OWNER);
    out->handler = kase_text(kase, KASE_HANDLER);
    out->dept = kase_person(kase, KASE_DEPT);
    out->contacts = row->contacts;
    out->trips = row->trips;
    out->round = row->round;
    out->event_ms = row->event_ms;
    out->entered_ms = row->entered_ms;
    out->closed_ms = row->closed_ms;
    out->revision = row->revision;
    out->late_entry = row->late_entry;
    out->n_fields = row->n_fields;
    out->fields = shown_values(call, row->fields, row->n_fields, clear);
    show_clocks(call, kase, out);
    show_flags(call, kase, out);
    out->events = arena_alloc(call->arena, ACT_EVENTS_MAX * sizeof *out->events);
    int events = asker ? act_events(work, kase, asker, ACT_EVENTS_MAX, out->events, err) : 0;
    if (events < 0 || show_children(work, kase, out, err)) {
        return NULL;
    }
    out->n_events = (size_t)events;
    return out;
}

/* ---- GetCase ---- */

static int history(struct call *call, const char *number, bool clear, Cases__GetCaseReply *reply,
                   struct err *err) {
    Wire__Event **events = arena_alloc(call->arena, CASES_HISTORY_MAX * sizeof(Wire__Event *));
    int count = event_of_case(call->store, number, CASES_HISTORY_MAX, call->arena, events, err);

    for (int i = 0; i < count; i++) {
        events[i]->fields = shown_values(call, events[i]->fields, events[i]->n_fields, clear);
    }
    reply->history = events;
    reply->n_history = count > 0 ? (size_t)count : 0;
    return count < 0 ? -1 : 0;
}

/* Looking at a number in clear is itself an event. */
static int note_unmasking(struct work *work, struct kase *kase, const char *reason,
                          struct err *err) {
    const struct actor *actor = work->call->actor;
    struct values fields = {.arena = work->call->arena};
    const struct news news = {.staff = actor->staff};

    if (!manual_permits(work->manual, CASES_UNMASK, actor->roles, actor->role_count)) {
        return err_set(err, ERR_DENIED, "permission_missing", "act=%s\nactor=%s", CASES_UNMASK,
                       actor->staff);
    }
    if (!*reason || text_check(reason, strlen(reason), FORM_TEXT_MAX, false)) {
        return err_set(err, ERR_INVALID, "fields_missing",
                       "missing=reason\nnames=reason\nevent=unmask");
    }
    values_add_text(&fields, "reason", reason);
    return work_emit(work, kase, "case.unmasked", &news, &fields, err);
}

int casereply_get(struct call *call, struct err *err) {
    const Cases__GetCaseRequest *request = call->request;
    Cases__GetCaseReply *reply = ARENA_NEW(call->arena, Cases__GetCaseReply);
    struct work *work = work_begin(call, err);
    const struct asker asker = work_asker(call);
    struct kase *kase = NULL;

    cases__get_case_reply__init(reply);
    call->reply = &reply->base;
    if (!work || work_case(work, request->case_no, &kase, err)
        || (request->unmask && note_unmasking(work, kase, request->reason, err))) {
        return -1;
    }
    reply->case_ = casereply_case(work, kase, &asker, request->unmask, err);
    if (!reply->case_) {
        return -1;
    }
    return request->history ? history(call, kase->row.case_no, request->unmask, reply, err) : 0;
}
