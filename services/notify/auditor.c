#include "auditor.h"

#include "base/log.h"
#include "delivery.h"
#include "endpoints.h"
#include "ladder.h"
#include "message.h"

enum { LATE_MAX = 16 };

static const char timer_kind[] = "audit";

static int look_at(struct call *call, int64_t at_ms, struct err *err) {
    return pages_figure_set(call, "audit_ms", at_ms, err)
                   || timer_set(call, timer_kind, "", "", 0, at_ms, err)
               ? -1
               : 0;
}

int auditor_expect(struct call *call, int64_t due_ms, struct err *err) {
    int64_t planned_ms = 0;
    int64_t at_ms = due_ms + AUDITOR_GRACE_MS;

    if (pages_figure(call, "audit_ms", &planned_ms, err)) {
        return -1;
    }
    return planned_ms > call->now_ms && planned_ms <= at_ms ? 0 : look_at(call, at_ms, err);
}

int auditor_start(struct call *call, struct err *err) {
    return look_at(call, call->now_ms + AUDITOR_GRACE_MS, err);
}

/* ---- what is late ---- */

static int late_page(struct call *call, struct page *page, struct err *err) {
    log_error("page step late", "page=%lld step=%lld", (long long)page->id, (long long)page->step);
    const struct due due = {
        .ref = pages_reference(page->id, call->arena),
        .mark = page->step,
        .due_ms = page->step_due_ms,
    };
    return ladder_event(call, "page.late", page, NULL, "", "step", err)
                   || pages_figure_add(call, "late", 1, err) || ladder_on_rung(call, &due, err)
               ? -1
               : 0;
}

static int late_record(struct call *call, struct page_record *record, struct err *err) {
    struct page page;
    int found = pages_get(call, record->page, &page, err);

    if (found != 1) {
        return found;
    }
    log_error("page not sent", "page=%lld record=%lld state=%s", (long long)page.id,
              (long long)record->id, record->state);
    return ladder_event(call, "page.late", &page, record, "", record->state, err)
                   || pages_figure_add(call, "late", 1, err) || delivery_rescue(call, record, err)
               ? -1
               : 0;
}

static int look(struct call *call, struct err *err) {
    struct page *pages = arena_alloc(call->arena, LATE_MAX * sizeof(struct page));
    struct page_record *records = arena_alloc(call->arena, LATE_MAX * sizeof(struct page_record));
    int64_t before_ms = call->now_ms - AUDITOR_GRACE_MS;
    int count = pages_records_late(call, before_ms, LATE_MAX, records, err);

    for (int i = 0; i < count; i++) {
        if (late_record(call, &records[i], err)) {
            return -1;
        }
    }
    count = count < 0 ? -1 : pages_late(call, before_ms, LATE_MAX, pages, err);
    for (int i = 0; i < count; i++) {
        if (late_page(call, &pages[i], err)) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}

/* ---- the heartbeat ---- */

static int beat(struct call *call, struct err *err) {
    struct endpoint there;
    int64_t last_ms = 0;
    int found = pages_figure(call, "beat_ms", &last_ms, err);

    if (found || call->now_ms - last_ms < AUDITOR_BEAT_MS) {
        return found;
    }
    if (pages_figure_set(call, "beat_ms", call->now_ms, err) || endpoints_prune(call, err)) {
        return -1;
    }
    found = endpoints_find(call, ENDPOINTS_HEARTBEAT, ENDPOINTS_HEARTBEAT, &there, err);
    if (found != 1) {
        return found;
    }
    const struct notice notice = {
        .to = ENDPOINTS_HEARTBEAT,
        .unit = "",
        .channel = ENDPOINTS_HEARTBEAT,
        .case_no = "",
        .text = ENDPOINTS_HEARTBEAT,
        .text_en = ENDPOINTS_HEARTBEAT,
        .key = arena_text(call->arena, "beat-%lld", (long long)call->now_ms),
    };
    struct bytes input;
    return message_of_notice(call, &notice, &input, err)
                   || job_put(call, "beat", "", input, 0, err) < 0
               ? -1
               : 0;
}

int auditor_on_beat(struct call *call, const struct job_result *result, struct err *err) {
    if (message_result(call, result)->outcome != NOTIFY__OUTCOME__ACCEPTED) {
        return 0; /* the receiver misses it and sounds the alarm: that is its work */
    }
    return pages_figure_set(call, "beat_heard_ms", call->now_ms, err);
}

int auditor_on_look(struct call *call, const struct due *due, struct err *err) {
    int64_t next_ms = 0;

    (void)due;
    if (look(call, err) || beat(call, err) || pages_next_due(call, &next_ms, err)) {
        return -1;
    }
    int64_t latest_ms = call->now_ms + AUDITOR_BEAT_MS;
    int64_t at_ms = next_ms > 0 ? next_ms + AUDITOR_GRACE_MS : latest_ms;
    if (at_ms <= call->now_ms) {
        at_ms = call->now_ms + AUDITOR_GRACE_MS;
    }
    return look_at(call, at_ms < latest_ms ? at_ms : latest_ms, err);
}
