#include "answers.h"

#include <string.h>

#include "base/text.h"
#include "delivery.h"
#include "endpoints.h"
#include "engine/revision.h"
#include "ladder.h"
#include "views.h"

enum { CASE_PAGES_MAX = 64, REASON_MAX = 500 };

/* Whoever may do this answers pages that were not sent to him. */
static const char any_page_act[] = "page.any";

static int64_t number_or_zero(const char *reference) {
    return *reference ? pages_read_reference(reference) : 0;
}

/* The actor's record of the highest step.  1, 0 or -1. */
static int my_record(struct call *call, int64_t page, struct page_record *mine, struct err *err) {
    struct page_record *records = arena_alloc(call->arena,
                                              PAGES_RECORDS_MAX * sizeof(struct page_record));
    int count = pages_records(call, page, records, err);
    int found = 0;

    for (int i = 0; i < count; i++) {
        if (text_eq(records[i].staff, call->actor->staff)) {
            *mine = records[i];
            found = 1;
        }
    }
    return count < 0 ? -1 : found;
}

static bool may_answer_any(struct call *call) {
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);

    return manual
           && manual_permits(manual, any_page_act, call->actor->roles, call->actor->role_count);
}

/* A page that was not sent to him, answered by one who may: a record that is none. */
static int mine_or_any(struct call *call, const struct page *page, struct page_record *mine,
                       struct err *err) {
    int found = my_record(call, page->id, mine, err);

    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    if (!may_answer_any(call)) {
        return err_set(err, ERR_DENIED, "page_not_yours", "page=%s",
                       pages_reference(page->id, call->arena));
    }
    *mine = (struct page_record){
        .page = page->id,
        .step = page->step > 0 ? page->step - 1 : 0,
        .staff = call->actor->staff,
        .stands_for = "",
        .channel = ENDPOINTS_DESK,
        .due_ms = call->now_ms,
    };
    return 0;
}

/* ---- acknowledge ---- */

static int acknowledge_page(struct call *call, struct page *page, const char *channel, bool *again,
                            struct err *err) {
    struct page_record mine = {0};

    *again = text_eq(page->state, "acknowledged") && text_eq(page->ended_by, call->actor->staff);
    if (*again) {
        return 0;
    }
    if (mine_or_any(call, page, &mine, err)) {
        return -1;
    }
    if (text_eq(page->state, "acknowledged")) {
        return err_set(err, ERR_PRECONDITION, "page_taken", "page=%s\nby=%s",
                       pages_reference(page->id, call->arena), page->ended_by);
    }
    if (text_eq(page->state, "withdrawn")) {
        return err_set(err, ERR_PRECONDITION, "page_over", "page=%s",
                       pages_reference(page->id, call->arena));
    }
    mine.answer = "acknowledged"; /* late is better than never: an exhausted page too */
    if (mine.id > 0 && pages_record_save(call, &mine, err)) {
        return -1;
    }
    if (*channel) {
        mine.channel = channel;
    }
    return ladder_close(call, page, "acknowledged", call->actor->staff, err)
                   || ladder_event(call, "page.acknowledged", page, &mine, page->ask.ack, "", err)
                   || pages_figure_set(call, "acknowledged_ms", call->now_ms, err)
               ? -1
               : 0;
}

/* The newest page about the case that is the actor's: an open one before any other. */
static int newest_of_case(struct call *call, const char *case_no, struct page *newest,
                          struct err *err) {
    struct page *pages = arena_alloc(call->arena, CASE_PAGES_MAX * sizeof(struct page));
    struct page_record mine = {0};
    int count = pages_of_case(call, case_no, "", CASE_PAGES_MAX, pages, err);
    int best = -1;

    for (int i = 0; i < count; i++) {
        int found = my_record(call, pages[i].id, &mine, err);
        if (found < 0) {
            return -1;
        }
        if (found == 1
            && (best < 0
                || (text_eq(pages[i].state, "open") && !text_eq(pages[best].state, "open")))) {
            best = i;
        }
    }
    if (count < 0) {
        return -1;
    }
    if (best < 0 && count > 0 && may_answer_any(call)) {
        best = 0;
    }
    if (best < 0) {
        return count > 0 ? err_set(err, ERR_DENIED, "page_not_yours", "page=%s", case_no)
                         : err_set(err, ERR_NOT_FOUND, "page_none", "case=%s", case_no);
    }
    *newest = pages[best];
    return 0;
}

static int named_page(struct call *call, const char *reference, const char *case_no,
                      struct page *page, struct err *err) {
    if (!*reference && *case_no) {
        return newest_of_case(call, case_no, page, err);
    }
    int found = pages_get(call, number_or_zero(reference), page, err);
    return found == 0 ? err_set(err, ERR_NOT_FOUND, "page_unknown", "page=%.24s", reference)
                      : (found < 0 ? -1 : 0);
}

/* One answer about a case answers all his open pages about it. */
static int acknowledge_others(struct call *call, const struct page *but, const char *channel,
                              struct err *err) {
    struct page *pages = arena_alloc(call->arena, CASE_PAGES_MAX * sizeof(struct page));
    struct page_record mine = {0};
    bool again = false;
    int count = pages_of_case(call, but->case_no, "open", CASE_PAGES_MAX, pages, err);

    for (int i = 0; i < count; i++) {
        int found = pages[i].id == but->id ? 0 : my_record(call, pages[i].id, &mine, err);
        if (found < 0 || (found == 1 && acknowledge_page(call, &pages[i], channel, &again, err))) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}

static int reply_acknowledged(struct call *call, struct page *page, bool again, struct err *err) {
    Notify__AcknowledgeReply *reply = ARENA_NEW(call->arena, Notify__AcknowledgeReply);

    notify__acknowledge_reply__init(reply);
    reply->again = again;
    call->reply = &reply->base;
    reply->page = views_page(call, page->id, "", err);
    return reply->page ? 0 : -1;
}

int answers_acknowledge(struct call *call, struct err *err) {
    const Notify__AcknowledgeRequest *request = call->request;
    const char *broken = text_check(request->channel, strlen(request->channel), PAGES_REFERENCE_MAX,
                                    false);
    struct page page = {0};
    bool again = false;

    if (broken) {
        return err_set(err, ERR_INVALID, broken, "field=channel\nmax=%d", PAGES_REFERENCE_MAX);
    }
    if (named_page(call, request->page, request->case_no, &page, err)
        || acknowledge_page(call, &page, request->channel, &again, err)) {
        return -1;
    }
    if (!*request->page && acknowledge_others(call, &page, request->channel, err)) {
        return -1;
    }
    return reply_acknowledged(call, &page, again, err);
}

int answers_by_link(struct call *call, struct err *err) {
    const Notify__AckByLinkRequest *request = call->request;
    uint8_t token[PAGES_LINK_SIZE];
    uint8_t hash[PAGES_LINK_SIZE];
    struct page_record record;
    struct page page = {0};
    bool again = false;

    if (strlen(request->token) != 2 * sizeof token
        || !text_unhex(request->token, token, sizeof token)) {
        return err_set(err, ERR_INVALID, "page_link_wrong", " ");
    }
    delivery_link_hash(token, hash);
    int found = pages_record_by_link(call, hash, &record, err);
    if (found != 1) {
        return found < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "page_link_wrong", " ");
    }
    if (record.link_until_ms < call->now_ms) {
        return err_set(err, ERR_PRECONDITION, "page_link_old", " ");
    }
    found = pages_get(call, record.page, &page, err);
    if (found != 1) {
        return found;
    }
    /* Whoever has the token is the person it was sent to. */
    const struct actor person = {.staff = record.staff, .estate = ""};
    struct call as = *call;
    as.actor = &person;
    if (acknowledge_page(&as, &page, record.channel, &again, err)) {
        return -1;
    }
    return reply_acknowledged(call, &page, again, err);
}

/* ---- reject ---- */

static int reject_page(struct call *call, struct page *page, const char *reason, struct err *err) {
    struct page_record mine = {0};
    int found = my_record(call, page->id, &mine, err);

    if (found != 1) {
        return found < 0 ? -1
                         : err_set(err, ERR_DENIED, "page_not_yours", "page=%s",
                                   pages_reference(page->id, call->arena));
    }
    if (text_eq(mine.answer, "rejected")) {
        return 0; /* said before */
    }
    if (!text_eq(page->state, "open")) {
        return err_set(err, ERR_PRECONDITION,
                       text_eq(page->state, "acknowledged") ? "page_taken" : "page_over",
                       "page=%s\nby=%s", pages_reference(page->id, call->arena), page->ended_by);
    }
    mine.answer = "rejected";
    mine.why = reason;
    if (pages_record_save(call, &mine, err)
        || ladder_event(call, "page.rejected", page, &mine, page->ask.reject, reason, err)) {
        return -1;
    }
    return ladder_next(call, page, err);
}

int answers_reject(struct call *call, struct err *err) {
    const Notify__RejectRequest *request = call->request;
    const char *broken = text_check(request->reason, strlen(request->reason), REASON_MAX, false);
    Notify__RejectReply *reply = ARENA_NEW(call->arena, Notify__RejectReply);
    struct page page = {0};

    if (broken) {
        return err_set(err, ERR_INVALID, broken, "field=reason\nmax=%d", REASON_MAX);
    }
    if (!*request->reason) {
        return err_set(err, ERR_INVALID, "page_reason_missing", " ");
    }
    if (named_page(call, request->page, request->case_no, &page, err)
        || reject_page(call, &page, request->reason, err)) {
        return -1;
    }
    notify__reject_reply__init(reply);
    call->reply = &reply->base;
    reply->page = views_page(call, page.id, "", err);
    return reply->page ? 0 : -1;
}
