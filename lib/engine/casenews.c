#include <string.h>

#include "base/text.h"
#include "engine/act.h"
#include "engine/cases.h"
#include "engine/opening.h"

enum { ASKED_HEAD = 3 }; /* procedure, parent, unit: then the child's fields */

static const struct asker the_system = {.staff = "system", .system = true};

static const char *text(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static bool is_own(const struct call *call) {
    return text_eq(call->event->service, core_def(call->core)->name);
}

/* 1: this store keeps the case, and it is loaded.  0: it does not.  -1: err set. */
static int find(struct work *work, const char *number, struct kase **kase, struct err *err) {
    struct err none = {0};

    if (!*number) {
        return 0;
    }
    if (work_case(work, number, kase, &none) == 0) {
        return 1;
    }
    if (none.code == ERR_NOT_FOUND) {
        return 0;
    }
    *err = none;
    return -1;
}

/* ---- a case that another service's case asks for ---- */

static int answer(struct call *call, const char *topic, const char *case_no,
                  const struct values *fields, struct err *err) {
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);

    wire__event__init(event);
    event->topic = topic;
    event->case_no = case_no;
    event->actor = "system";
    event->event_ms = call->event->event_ms;
    event->fields = fields->list;
    event->n_fields = fields->count;
    return event_put(call, event, err);
}

static int refused(struct call *call, const char *procedure, const struct err *why,
                   struct err *err) {
    struct values fields = {.arena = call->arena};

    values_add_text(&fields, "parent", call->event->case_no);
    values_add_text(&fields, "procedure", procedure);
    values_add_text(&fields, "why", arena_text(call->arena, "%s\n%s", why->rule, why->args));
    return answer(call, "case.refused", call->event->case_no, &fields, err);
}

static bool final(const struct err *err) {
    return err->code == ERR_INVALID || err->code == ERR_NOT_FOUND || err->code == ERR_DENIED
           || err->code == ERR_PRECONDITION;
}

int casenews_on_asked(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const char *name = text(event, "procedure");
    struct work *work = work_begin(call, err);
    const Manual__Procedure *procedure = work ? manual_procedure(work->manual, name) : NULL;
    const size_t head = event->n_fields < ASKED_HEAD ? event->n_fields : ASKED_HEAD;
    struct opening opening;
    struct err why = {0};

    if (!work) {
        return -1;
    }
    if (!procedure || !work_here(work, procedure) || is_own(call)) {
        return 0;
    }
    const struct opening_wish wish = {.procedure = name,
                                      .unit = text(event, "unit"),
                                      .parent = event->case_no,
                                      .fields = event->fields + head,
                                      .field_count = event->n_fields - head,
                                      .asker = the_system,
                                      .event_ms = event->event_ms};
    if (opening_prepare(work, &wish, &opening, &why)) {
        if (!final(&why)) {
            *err = why;
            return -1;
        }
        return refused(call, name, &why, err);
    }
    if (opening_commit(work, &opening, err) || act_run(work, err) || work_end(work, err)) {
        return -1;
    }
    struct values fields = {.arena = call->arena};
    values_add_text(&fields, "parent", event->case_no);
    values_add_text(&fields, "procedure", name);
    values_add_text(&fields, "state", opening.kase->row.state);
    return answer(call, "case.done", opening.kase->row.case_no, &fields, err);
}

/* ---- what became of it ---- */

/* Notes a child elsewhere: an event of the parent's own, so that its store can be folded. */
static int note_child(struct work *work, struct kase *parent, bool ended, struct err *err) {
    const Wire__Event *event = work->call->event;
    struct values fields = {.arena = work->call->arena};
    const struct news news = {.staff = "system", .event_ms = event->event_ms};

    values_add_text(&fields, "child", event->case_no);
    values_add_text(&fields, "home", event->service);
    values_add_text(&fields, "procedure", text(event, "procedure"));
    values_add_text(&fields, "state", text(event, "state"));
    values_add_flag(&fields, "ended", ended);
    return work_emit(work, parent, "case.linked", &news, &fields, err);
}

static int child_news(struct call *call, bool ended, struct err *err) {
    struct work *work = work_begin(call, err);
    struct kase *parent = NULL;

    if (!work) {
        return -1;
    }
    if (is_own(call)) {
        return 0; /* this store's own children are in its tables */
    }
    int found = find(work, text(call->event, "parent"), &parent, err);
    if (found != 1) {
        return found;
    }
    if (note_child(work, parent, ended, err)
        || (ended && ops_child_ended(work, parent, call->event, err)) || act_run(work, err)) {
        return -1;
    }
    return work_end(work, err);
}

int casenews_on_done(struct call *call, struct err *err) {
    return child_news(call, false, err);
}

int casenews_on_ended(struct call *call, struct err *err) {
    return child_news(call, true, err);
}

/* The parent goes on without the child; that it was refused is part of its history. */
int casenews_on_refused(struct call *call, struct err *err) {
    struct work *work = work_begin(call, err);
    struct kase *parent = NULL;

    if (!work) {
        return -1;
    }
    int found = is_own(call) ? 0 : find(work, text(call->event, "parent"), &parent, err);
    if (found != 1) {
        return found;
    }
    struct values fields = {.arena = call->arena};
    const struct news news = {.staff = "system", .event_ms = call->event->event_ms};
    values_add_text(&fields, "procedure", text(call->event, "procedure"));
    values_add_text(&fields, "why", text(call->event, "why"));
    return work_emit(work, parent, "case.child_refused", &news, &fields, err);
}

int casenews_on_fire_asked(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;

    if (!work) {
        return -1;
    }
    int found = is_own(call) ? 0 : find(work, event->case_no, &kase, err);
    if (found != 1) {
        return found;
    }
    struct act act = {.case_no = kase->row.case_no,
                      .name = text(event, "event"),
                      .fields = event->fields + (event->n_fields > 0),
                      .field_count = event->n_fields > 0 ? event->n_fields - 1 : 0,
                      .asker = the_system,
                      .event_ms = event->event_ms,
                      .kept_out = true};
    act.asker.child = true;
    return work_later(work, &act, err) || act_run(work, err) || work_end(work, err) ? -1 : 0;
}

/* ---- answers to pages ---- */

/* As the person who answered, and may because he was paged. */
int casenews_on_answer(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const char *name = text(event, "fire");
    const char *reason = text(event, "reason");
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;
    struct staff staff = {0};

    if (!work) {
        return -1;
    }
    int found = *name ? find(work, event->case_no, &kase, err) : 0;
    if (found != 1) {
        return found;
    }
    const char *number = text_eq(event->actor, "system") || !*event->actor ? text(event, "to")
                                                                           : event->actor;
    found = directory_staff(call, number, &staff, err);
    if (found != 1) {
        return found;
    }
    struct values fields = {.arena = call->arena};
    if (*reason) {
        values_add_text(&fields, "reason", reason);
    }
    const struct act act = {.case_no = kase->row.case_no,
                            .name = name,
                            .fields = fields.list,
                            .field_count = fields.count,
                            .asker = {.staff = staff.no,
                                      .estate = kase->row.estate,
                                      .roles = staff.roles,
                                      .role_count = staff.role_count,
                                      .paged = true},
                            .event_ms = event->event_ms,
                            .kept_out = true};
    return work_later(work, &act, err) || act_run(work, err) || work_end(work, err) ? -1 : 0;
}
