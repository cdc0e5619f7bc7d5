#include "engine/fold.h"

#include <string.h>

#include "base/text.h"
#include "core/timer.h"
#include "engine/caseclock.h"
#include "engine/pool.h"

static const Wire__Value *at(const Wire__Event *event, size_t place) {
    static const Wire__Value none = WIRE__VALUE__INIT;

    return place < event->n_fields ? event->fields[place] : &none;
}

static const char *text_at(const Wire__Event *event, size_t place) {
    const Wire__Value *value = at(event, place);

    return value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : "";
}

static int64_t number_at(const Wire__Event *event, size_t place, int64_t none) {
    const Wire__Value *value = at(event, place);

    return value->kind_case == WIRE__VALUE__KIND_INTEGER ? value->integer : none;
}

static bool flag_at(const Wire__Event *event, size_t place) {
    const Wire__Value *value = at(event, place);

    return value->kind_case == WIRE__VALUE__KIND_FLAG && value->flag;
}

static void put_fields(struct kase *kase, const Wire__Event *event, size_t head) {
    for (size_t i = head; i < event->n_fields; i++) {
        kase_put(kase, event->fields[i]);
    }
}

static void apply_open(struct kase *kase, const Wire__Event *event) {
    Engine__Stored *row = &kase->row;

    row->case_no = event->case_no;
    row->procedure = text_at(event, 0);
    row->state = text_at(event, 1);
    row->unit = text_at(event, 2);
    row->parent = text_at(event, 3);
    row->opener = text_at(event, 4);
    row->estate = text_at(event, 5);
    row->matter = text_at(event, 6);
    row->late_entry = flag_at(event, 8);
    row->revision = event->revision;
    row->round = 1;
    row->contacts = 1;
    row->trips = 1;
    row->event_ms = event->event_ms;
    row->entered_ms = event->entered_ms;
    if (*text_at(event, 7)) {
        kase_count(kase, text_at(event, 7));
    }
    put_fields(kase, event, FOLD_OPEN_HEAD);
    kase->dirty = true;
}

static void apply_step(struct kase *kase, const Wire__Event *event, const char *name) {
    Engine__Stored *row = &kase->row;
    const char *state = text_at(event, 1);
    const uint32_t round = (uint32_t)number_at(event, 2, row->round);

    if (!text_eq(state, row->state)) {
        row->before = row->state;
        row->state = state;
    }
    if (round != row->round) {
        row->round = round;
        row->n_tallies = 0;
    }
    row->contacts = (uint32_t)number_at(event, 3, row->contacts);
    row->trips = (uint32_t)number_at(event, 4, row->trips);
    const bool ended = flag_at(event, 5);
    if (!ended) {
        row->closed_ms = 0;
    } else if (row->closed_ms == 0) {
        row->closed_ms = event->event_ms;
    }
    row->matter = text_at(event, 6);
    kase_count(kase, name);
    put_fields(kase, event, FOLD_STEP_HEAD);
    kase->dirty = true;
}

static bool is_clock(const char *topic) {
    return text_starts(topic, "clock.");
}

int fold_apply(struct call *call, struct kase *kase, const Wire__Event *event, struct err *err) {
    const char *dot = strchr(event->topic, '.');
    const char *name = dot ? dot + 1 : "";

    if (is_clock(event->topic)) {
        return caseclock_apply(call, kase, event, err);
    }
    if (text_starts(event->topic, "hold.")) {
        return pool_apply(call, event, err);
    }
    if (text_eq(event->topic, "page.asked")) {
        kase->row.pages++;
        kase->row.paging = true;
        kase->dirty = true;
    } else if (text_eq(event->topic, "page.ended")) {
        kase->row.paging = false;
        kase->dirty = true;
    } else if (text_eq(event->topic, "case.linked")) {
        const struct child child = {
            .number = value_text(event->fields, event->n_fields, "child"),
            .home = value_text(event->fields, event->n_fields, "home"),
            .procedure = value_text(event->fields, event->n_fields, "procedure"),
            .state = value_text(event->fields, event->n_fields, "state"),
            .open = !value_flag(event->fields, event->n_fields, "ended"),
        };
        return kase_child_elsewhere(call, &child, event->case_no, kase->row.unit, event->event_ms,
                                    err);
    } else if (text_eq(name, "open")) {
        apply_open(kase, event);
    } else if (dot && (size_t)(dot - event->topic) == strlen(kase->row.procedure)
               && text_starts(event->topic, kase->row.procedure)) {
        apply_step(kase, event, name);
    }
    return 0;
}

int fold_event(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    struct kase kase = {0};

    if (!*event->case_no) {
        return 0;
    }
    int found = kase_load(call, event->case_no, &kase, err);
    if (found < 0) {
        return -1;
    }
    if (found == 0) {
        const char *dot = strchr(event->topic, '.');
        if (!dot || !text_eq(dot + 1, "open")) {
            return 0; /* about a case of another service */
        }
        engine__stored__init(&kase.row);
        kase.arena = call->arena;
        if (kase_number_taken(call, event->case_no, err)) {
            return -1;
        }
    }
    if (fold_apply(call, &kase, event, err)) {
        return -1;
    }
    return kase.dirty ? kase_save(call, &kase, err) : 0;
}
