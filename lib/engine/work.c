#include "engine/work.h"

#include <string.h>

#include "base/text.h"
#include "engine/fold.h"
#include "engine/revision.h"

struct work *work_begin(struct call *call, struct err *err) {
    const struct manual *manual = revision_current(call, err);

    if (!manual) {
        return NULL;
    }
    struct work *work = ARENA_NEW(call->arena, struct work);
    work->call = call;
    work->manual = manual;
    return work;
}

int work_end(struct work *work, struct err *err) {
    for (size_t i = 0; i < work->case_count; i++) {
        if (work->cases[i]->dirty && kase_save(work->call, work->cases[i], err)) {
            return -1;
        }
        work->cases[i]->dirty = false;
    }
    return 0;
}

int work_case(struct work *work, const char *number, struct kase **kase, struct err *err) {
    for (size_t i = 0; i < work->case_count; i++) {
        if (text_eq(work->cases[i]->row.case_no, number)) {
            *kase = work->cases[i];
            return 0;
        }
    }
    if (work->case_count == WORK_CASES_MAX) {
        return err_set(err, ERR_EXHAUSTED, "cascade", "case=%.60s", number);
    }
    struct kase *fresh = ARENA_NEW(work->call->arena, struct kase);
    int found = kase_load(work->call, number, fresh, err);
    if (found < 0) {
        return -1;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "case_unknown", "case=%.60s", number);
    }
    if (kase_manual(work->call, fresh, err)) {
        return -1;
    }
    work->cases[work->case_count++] = fresh;
    *kase = fresh;
    return 0;
}

struct kase *work_add(struct work *work) {
    if (work->case_count == WORK_CASES_MAX) {
        return NULL;
    }
    struct kase *kase = ARENA_NEW(work->call->arena, struct kase);
    engine__stored__init(&kase->row);
    kase->arena = work->call->arena;
    work->cases[work->case_count++] = kase;
    return kase;
}

struct asker work_asker(const struct call *call) {
    const struct actor *actor = call->actor;
    struct asker asker = {.staff = actor->staff ? actor->staff : "",
                          .estate = actor->estate ? actor->estate : "",
                          .roles = actor->roles,
                          .role_count = actor->role_count,
                          .system = actor->system || actor->peer
                                    || text_eq(actor->staff, "system")};

    if (text_starts(asker.staff, "customer:")) {
        asker.customer = asker.staff + strlen("customer:");
    }
    return asker;
}

int work_later(struct work *work, const struct act *act, struct err *err) {
    if (work->act_count == WORK_ACTS_MAX || act->depth > WORK_DEPTH_MAX) {
        return err_set(err, ERR_EXHAUSTED, "cascade", "case=%.60s", act->case_no);
    }
    work->acts[work->act_count++] = *act;
    return 0;
}

int work_emit(struct work *work, struct kase *kase, const char *topic, const struct news *news,
              const struct values *fields, struct err *err) {
    Wire__Event *event = ARENA_NEW(work->call->arena, Wire__Event);

    wire__event__init(event);
    event->topic = topic;
    event->lane = news->lane;
    event->case_no = kase->row.case_no;
    event->actor = news->staff ? news->staff : "";
    event->role = news->role ? news->role : "";
    event->event_ms = news->event_ms;
    event->revision = kase->row.revision;
    event->fields = fields->list;
    event->n_fields = fields->count;
    if (event_put(work->call, event, err)) {
        return -1;
    }
    return fold_apply(work->call, kase, event, err);
}

/* A case changed in this very request, as its parent must see it. */
static void refresh(struct child *child, const struct kase *kase) {
    child->number = kase->row.case_no;
    child->home = "";
    child->procedure = kase->row.procedure;
    child->state = kase->row.state;
    child->open = kase->row.closed_ms == 0;
}

int work_children(struct work *work, const char *number, size_t max, struct child *children,
                  struct err *err) {
    int count = kase_children(work->call, number, max, children, err);

    for (size_t c = 0; count >= 0 && c < work->case_count; c++) {
        const struct kase *kase = work->cases[c];
        if (!text_eq(kase->row.parent, number) || !*kase->row.case_no) {
            continue;
        }
        int i = 0;
        while (i < count && !text_eq(children[i].number, kase->row.case_no)) {
            i++;
        }
        if ((size_t)i < max) {
            refresh(&children[i], kase);
            count += i == count;
        }
    }
    return count;
}

int work_staff(struct work *work, const char *no, struct staff *staff, struct err *err) {
    for (size_t i = 0; i < work->staff_count; i++) {
        if (text_eq(work->staff[i].no, no)) {
            *staff = work->staff[i];
            return 1;
        }
    }
    int found = directory_staff(work->call, no, staff, err);
    if (found == 1 && work->staff_count < WORK_STAFF_MAX) {
        work->staff[work->staff_count++] = *staff;
    }
    return found;
}

int work_on_duty(struct work *work, const char *staff, const char *post, int64_t at_ms,
                 struct err *err) {
    if (!work->duties_of || !text_eq(work->duties_of, staff)) {
        work->duty_count = directory_duties_of(work->call, staff, at_ms, WORK_DUTIES_MAX,
                                               work->duties, err);
        if (work->duty_count < 0) {
            return -1;
        }
        work->duties_of = staff;
    }
    const size_t length = strcspn(post, "/");
    for (int i = 0; i < work->duty_count; i++) {
        const struct duty_row *row = &work->duties[i];
        if (strlen(row->post) == length && memcmp(row->post, post, length) == 0
            && (post[length] == '\0' || text_eq(row->shift, post + length + 1))) {
            return 1;
        }
    }
    return 0;
}

const char *work_name(const struct work *work, const Manual__Name *name, const char *key) {
    const bool english = work->call->locale && text_eq(work->call->locale, "en");
    const char *text = name ? (english ? name->en : name->zh) : "";

    return *text ? text : key;
}

bool work_here(const struct work *work, const Manual__Procedure *procedure) {
    return text_eq(procedure->owner, core_def(work->call->core)->name);
}
