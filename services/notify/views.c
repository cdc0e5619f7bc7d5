#include "views.h"

#include <string.h>

#include "base/text.h"
#include "endpoints.h"
#include "message.h"
#include "pages.h"

enum {
    WAIT_MAX = 100,
    WAIT_MS_MAX = 60 * 1000,
    LIST_MAX = 50,
    LIST_RECORDS_MAX = 300, /* of one reply, so that it fits a frame */
    ATTEND_MS_MAX = 10 * 60 * 1000,
    COUNTED_MAX = 1000,
    NAME_MAX_BYTES = 40,
};

static const int64_t day_ms = INT64_C(86400000);

/* ---- messages ---- */

static Notify__Record *show_record(struct call *call, const struct page_record *record) {
    Notify__Record *shown = ARENA_NEW(call->arena, Notify__Record);

    notify__record__init(shown);
    shown->step = (uint32_t)record->step;
    shown->staff = record->staff;
    shown->stands_for = record->stands_for;
    shown->channel = record->channel;
    shown->state = record->state;
    shown->times = (uint32_t)record->times;
    shown->answer = record->answer;
    shown->why = record->why;
    shown->due_ms = record->due_ms;
    shown->sent_ms = record->sent_ms;
    return shown;
}

static Notify__Page *show_page(struct call *call, const struct page *page) {
    Notify__Page *shown = ARENA_NEW(call->arena, Notify__Page);

    notify__page__init(shown);
    shown->page = pages_reference(page->id, call->arena);
    shown->case_no = page->case_no;
    shown->procedure = page->ask.procedure;
    shown->state = page->state;
    shown->ladder = page->ask.ladder;
    shown->class_ = page->ask.class_key;
    shown->route = page->ask.route;
    shown->topic = page->ask.topic;
    shown->round = (uint32_t)page->ask.round;
    shown->step = (uint32_t)(page->step > 0 ? page->step - 1 : 0);
    shown->step_due_ms = page->step_due_ms;
    shown->text = message_sentence(call, page, call->locale);
    shown->unit = page->ask.unit;
    shown->place = page->ask.place;
    shown->assignee = page->ask.assignee;
    shown->any_hour = page->ask.any_hour;
    shown->begun_ms = page->begun_ms;
    shown->ended_ms = page->ended_ms;
    shown->ended_by = page->ended_by;
    return shown;
}

static int add_records(struct call *call, Notify__Page *shown, int64_t id, const char *staff,
                       struct err *err) {
    struct page_record *records = arena_alloc(call->arena,
                                              PAGES_RECORDS_MAX * sizeof(struct page_record));
    int count = pages_records(call, id, records, err);

    shown->records = arena_alloc(call->arena, PAGES_RECORDS_MAX * sizeof(Notify__Record *));
    for (int i = 0; i < count; i++) {
        if (!*staff || text_eq(records[i].staff, staff)) {
            shown->records[shown->n_records++] = show_record(call, &records[i]);
        }
    }
    return count < 0 ? -1 : 0;
}

Notify__Page *views_page(struct call *call, int64_t id, const char *staff, struct err *err) {
    struct page page;
    int found = pages_get(call, id, &page, err);

    if (found != 1) {
        if (found == 0) {
            (void)err_set(err, ERR_NOT_FOUND, "page_unknown", "page=%s",
                          pages_reference(id, call->arena));
        }
        return NULL;
    }
    Notify__Page *shown = show_page(call, &page);
    return add_records(call, shown, id, staff, err) ? NULL : shown;
}

/* ---- reading ---- */

static int fill_wait(struct call *call, const Notify__WaitPagesRequest *request,
                     Notify__WaitPagesReply *reply, struct err *err) {
    uint32_t max = request->max == 0 || request->max > WAIT_MAX ? WAIT_MAX : request->max;
    struct page_record *records = arena_alloc(call->arena, max * sizeof(struct page_record));
    struct page page;
    int count = pages_moved(call, call->actor->staff, (int64_t)request->after, max, records, err);

    reply->next = request->after;
    reply->pages = arena_alloc(call->arena, (max + 1) * sizeof(Notify__Page *));
    for (int i = 0; i < count; i++) {
        int found = pages_get(call, records[i].page, &page, err);
        if (found != 1) {
            return -1;
        }
        reply->next = (uint64_t)records[i].moved;
        if (request->open && !text_eq(page.state, "open")) {
            continue;
        }
        Notify__Page *shown = show_page(call, &page);
        shown->records = arena_alloc(call->arena, sizeof(Notify__Record *));
        shown->records[shown->n_records++] = show_record(call, &records[i]);
        reply->pages[reply->n_pages++] = shown;
    }
    return count < 0 ? -1 : 0;
}

int views_wait(struct call *call, struct err *err) {
    const Notify__WaitPagesRequest *request = call->request;
    Notify__WaitPagesReply *reply = ARENA_NEW(call->arena, Notify__WaitPagesReply);
    uint32_t wait_ms = request->wait_ms < WAIT_MS_MAX ? request->wait_ms : WAIT_MS_MAX;

    notify__wait_pages_reply__init(reply);
    if (fill_wait(call, request, reply, err)) {
        return -1;
    }
    if (reply->n_pages == 0 && wait_ms > 0 && !call->expired) {
        call->park_on = arena_text(call->arena, "pages:%s", call->actor->staff);
        call->park_until_ms = call->now_ms + wait_ms;
        return 0;
    }
    call->reply = &reply->base;
    return 0;
}

int views_get(struct call *call, struct err *err) {
    const Notify__GetPageRequest *request = call->request;
    Notify__GetPageReply *reply = ARENA_NEW(call->arena, Notify__GetPageReply);
    int64_t id = pages_read_reference(request->page);

    notify__get_page_reply__init(reply);
    call->reply = &reply->base;
    if (id == 0) {
        return err_set(err, ERR_NOT_FOUND, "page_unknown", "page=%.24s", request->page);
    }
    reply->page = views_page(call, id, "", err);
    return reply->page ? 0 : -1;
}

int views_list(struct call *call, struct err *err) {
    const Notify__ListPagesRequest *request = call->request;
    Notify__ListPagesReply *reply = ARENA_NEW(call->arena, Notify__ListPagesReply);
    struct page *pages = arena_alloc(call->arena, LIST_MAX * sizeof(struct page));
    size_t max = request->max == 0 || request->max > LIST_MAX ? LIST_MAX : request->max;
    size_t records = 0;
    int count = *request->case_no
                    ? pages_of_case(call, request->case_no, request->state, max, pages, err)
                    : pages_list(call, request->staff, request->state,
                                 pages_read_reference(request->after), max, pages, err);

    notify__list_pages_reply__init(reply);
    call->reply = &reply->base;
    reply->pages = arena_alloc(call->arena, LIST_MAX * sizeof(Notify__Page *));
    for (int i = 0; i < count && records < LIST_RECORDS_MAX; i++) {
        Notify__Page *shown = show_page(call, &pages[i]);
        if (add_records(call, shown, pages[i].id, "", err)) {
            return -1;
        }
        records += shown->n_records;
        reply->pages[reply->n_pages++] = shown;
    }
    return count < 0 ? -1 : 0;
}

static int counted(struct call *call, const char *name, uint32_t *count, struct err *err) {
    int64_t value = 0;

    if (pages_figure(call, name, &value, err)) {
        return -1;
    }
    *count = (uint32_t)value;
    return 0;
}

int views_status(struct call *call, struct err *err) {
    Notify__StatusReply *reply = ARENA_NEW(call->arena, Notify__StatusReply);
    int64_t open = 0;
    int64_t exhausted = 0;

    notify__status_reply__init(reply);
    call->reply = &reply->base;
    if (pages_figure(call, "beat_ms", &reply->beat_ms, err)
        || pages_figure(call, "accepted_ms", &reply->accepted_ms, err)
        || pages_figure(call, "acknowledged_ms", &reply->acknowledged_ms, err)
        || pages_count(call, "open", COUNTED_MAX, &open, err)
        || pages_count(call, "exhausted", COUNTED_MAX, &exhausted, err)
        || counted(call, "late", &reply->late, err)
        || counted(call, "repeats", &reply->repeats, err)
        || counted(call, "failed", &reply->failed, err)) {
        return -1;
    }
    reply->open = (uint32_t)open;
    reply->exhausted = (uint32_t)exhausted;
    reply->down = call->now_ms - reply->acknowledged_ms > day_ms;
    return 0;
}

/* ---- consoles and channels ---- */

int views_attend(struct call *call, struct err *err) {
    const Notify__AttendRequest *request = call->request;
    Notify__AttendReply *reply = ARENA_NEW(call->arena, Notify__AttendReply);
    uint32_t for_ms = request->for_ms < ATTEND_MS_MAX ? request->for_ms : ATTEND_MS_MAX;

    notify__attend_reply__init(reply);
    call->reply = &reply->base;
    reply->until_ms = call->now_ms + for_ms;
    return endpoints_attend(call, call->actor->staff, reply->until_ms, err);
}

static bool is_name(const char *text) {
    size_t length = strlen(text);

    return length > 0 && length <= NAME_MAX_BYTES && !text_check(text, length, length, false)
           && !strchr(text, ';');
}

int views_put_channel(struct call *call, struct err *err) {
    const Notify__PutChannelRequest *request = call->request;
    Notify__PutChannelReply *reply = ARENA_NEW(call->arena, Notify__PutChannelReply);
    uint8_t key[ENDPOINTS_KEY_SIZE];
    bool https = text_starts(request->address, "https://");
    bool http = request->private_ && text_starts(request->address, "http://");
    const struct endpoint endpoint = {
        .staff = request->staff,
        .channel = request->channel,
        .address = request->address,
        .private = request->private_,
    };

    if (!is_name(request->staff) || !is_name(request->channel)
        || text_eq(request->channel, ENDPOINTS_DESK)) {
        return err_set(err, ERR_INVALID, "channel_name_wrong", "channel=%.40s", request->channel);
    }
    if (*request->address
        && (strlen(request->address) > ENDPOINTS_ADDRESS_MAX || (!https && !http)
            || text_check(request->address, strlen(request->address), ENDPOINTS_ADDRESS_MAX,
                          false))) {
        return err_set(err, ERR_INVALID, "channel_address_wrong", "address=%.80s",
                       request->address);
    }
    if (endpoints_put(call, &endpoint, err) || endpoints_tell(call, &endpoint, err)) {
        return -1;
    }
    notify__put_channel_reply__init(reply);
    call->reply = &reply->base;
    endpoints_key(call, request->address, key);
    reply->key = text_hex(key, sizeof key, call->arena);
    return 0;
}

int views_channels(struct call *call, struct err *err) {
    const Notify__ListChannelsRequest *request = call->request;
    Notify__ListChannelsReply *reply = ARENA_NEW(call->arena, Notify__ListChannelsReply);
    struct endpoint *endpoints = arena_alloc(call->arena, ENDPOINTS_MAX * sizeof(struct endpoint));
    int count = endpoints_list(call, request->staff, endpoints, err);

    notify__list_channels_reply__init(reply);
    call->reply = &reply->base;
    reply->channels = arena_alloc(call->arena, ENDPOINTS_MAX * sizeof(Notify__Channel *));
    for (int i = 0; i < count; i++) {
        Notify__Channel *shown = ARENA_NEW(call->arena, Notify__Channel);
        notify__channel__init(shown);
        shown->staff = endpoints[i].staff;
        shown->channel = endpoints[i].channel;
        shown->address = endpoints[i].address;
        shown->private_ = endpoints[i].private;
        reply->channels[reply->n_channels++] = shown;
    }
    return count < 0 ? -1 : 0;
}
