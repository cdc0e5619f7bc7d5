#include "restore.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "delivery.h"
#include "endpoints.h"
#include "ladder.h"
#include "notices.h"
#include "pages.h"

enum { WORD_MAX = 80 };

static const char *text(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static int64_t number(const Wire__Event *event, const char *key) {
    return value_i64(event->fields, event->n_fields, key, 0);
}

static int page_of(struct call *call, struct page *page, struct err *err) {
    return pages_get(call, pages_read_reference(text(call->event, "page")), page, err);
}

static int opened(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const Wire__Value *source = value_find(event->fields, event->n_fields, "cause_source");
    struct page page;

    if (!source || source->kind_case != WIRE__VALUE__KIND_SEALED) {
        return err_plain(err, ERR_DATA_LOSS, "page.opened without its cause");
    }
    route_read(event, &page.ask);
    page = (struct page){
        .id = pages_read_reference(text(event, "page")),
        .cause = {.source = {source->sealed.data, source->sealed.len},
                  .lane = number(event, "cause_lane") ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL,
                  .seq = (uint64_t)number(event, "cause_seq"),
                  .epoch = (uint64_t)number(event, "cause_epoch")},
        .ask = page.ask,
        .case_no = event->case_no,
        .revision = event->revision,
        .state = "open",
        .asked_ms = number(event, "asked"),
        .begun_ms = number(event, "begun"),
        .ended_by = "",
    };
    return pages_insert(call, &page, err) || ladder_resume(call, &page, 0, err) ? -1 : 0;
}

static int has_record(struct call *call, int64_t page, int64_t step, const char *staff,
                      struct err *err) {
    struct page_record *records = arena_alloc(call->arena,
                                              PAGES_RECORDS_MAX * sizeof(struct page_record));
    int count = pages_records(call, page, records, err);

    for (int i = 0; i < count; i++) {
        if (records[i].step == step && text_eq(records[i].staff, staff)) {
            return 1;
        }
    }
    return count < 0 ? -1 : 0;
}

static int stepped(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    int64_t step = number(event, "step");
    struct page page;
    int found = page_of(call, &page, err);
    char staff[WORD_MAX];

    for (const char *at = text(event, "to"); found == 1 && *at;) {
        size_t length = strcspn(at, ";");
        int known = 1;
        if (length < sizeof staff) {
            memcpy(staff, at, length);
            staff[length] = '\0';
            known = has_record(call, page.id, step, staff, err);
        }
        if (known < 0
            || (known == 0
                && delivery_resume(call, &page, arena_text(call->arena, "%s", staff), step,
                                   number(event, "due"), err))) {
            return -1;
        }
        at += length + (at[length] == ';');
    }
    int64_t next = number(event, "rung") + 1;
    if (found != 1 || next <= page.step) {
        return found < 0 ? -1 : 0;
    }
    return ladder_resume(call, &page, next, err);
}

/* The record that the event tells of, as the event tells it. */
static int record_of(struct call *call, const struct page *page, struct page_record *record,
                     struct err *err) {
    const Wire__Event *event = call->event;
    const struct page_record told = {
        .page = page->id,
        .step = number(event, "step"),
        .staff = text(event, "to"),
        .stands_for = text(event, "stands_for"),
        .channel = text(event, "channel"),
        .state = "accepted",
        .answer = "",
        .why = "",
        .due_ms = number(event, "due"),
    };
    int found = pages_record_of(call, &told, record, err);

    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    *record = told;
    return pages_record_insert(call, record, err);
}

static int sent(struct call *call, struct err *err) {
    struct page_record record;
    struct page page;
    int found = page_of(call, &page, err);

    if (found != 1) {
        return found;
    }
    if (record_of(call, &page, &record, err)) {
        return -1;
    }
    bool failed = text_eq(call->event->topic, "page.failed");
    if (record.job > 0 && job_drop(call, record.job, err)) {
        return -1; /* it ran, after the backup was made */
    }
    record.job = 0;
    record.times = number(call->event, "times");
    record.tries += failed;
    record.state = failed ? "failed" : "accepted";
    record.why = text(call->event, "why");
    record.sent_ms = failed ? record.sent_ms : call->event->event_ms;
    record.next_ms = 0;
    return pages_record_save(call, &record, err);
}

static int answered(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    bool rejected = text_eq(event->topic, "page.rejected");
    struct page_record record;
    struct page page;
    int found = page_of(call, &page, err);

    if (found != 1) {
        return found;
    }
    if (record_of(call, &page, &record, err)) {
        return -1;
    }
    record.answer = rejected ? "rejected" : "acknowledged";
    record.why = text(event, "why");
    if (pages_record_save(call, &record, err)) {
        return -1;
    }
    return rejected ? 0 : ladder_close(call, &page, "acknowledged", text(event, "to"), err);
}

static int ended(struct call *call, const char *state, struct err *err) {
    struct page page;
    int found = page_of(call, &page, err);

    return found == 1 ? ladder_close(call, &page, state, "", err) : found;
}

static int channel_changed(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const struct endpoint endpoint = {
        .staff = text(event, "staff"),
        .channel = text(event, "channel"),
        .address = text(event, "address"),
        .private = value_flag(event->fields, event->n_fields, "private"),
    };

    return endpoints_put(call, &endpoint, err);
}

int restore_fold(struct call *call, struct err *err) {
    static const struct {
        const char *topic;
        handler_fn *fold;
    } folds[] = {
        {"page.opened", opened},
        {"page.stepped", stepped},
        {"page.sent", sent},
        {"page.failed", sent},
        {"page.acknowledged", answered},
        {"page.rejected", answered},
        {"told.sent", notices_restore},
        {"told.failed", notices_restore},
        {"channel.changed", channel_changed},
    };
    const char *topic = call->event->topic;

    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        if (text_eq(folds[i].topic, topic)) {
            return folds[i].fold(call, err);
        }
    }
    if (text_eq(topic, "page.withdrawn")) {
        return ended(call, "withdrawn", err);
    }
    return text_eq(topic, "page.exhausted") ? ended(call, "exhausted", err) : 0;
}
