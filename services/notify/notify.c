#include "notify.h"

#include <string.h>

#include "answers.h"
#include "auditor.h"
#include "base/text.h"
#include "channel_webhook.h"
#include "core/event.h"
#include "delivery.h"
#include "engine/directory.h"
#include "engine/revision.h"
#include "engine/route.h"
#include "ladder.h"
#include "notices.h"
#include "restore.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "views.h"

/* ---- the service at a glance ---- */

static handler_fn hand_over, on_requested, start;

extern const struct migration notify_schema[]; /* made from schema/NNN_name.sql */

static const struct migration *const schemas[] = {revision_schema, directory_schema, notify_schema,
                                                  NULL};

static const struct method methods[] = {
    {"HandOver", METHOD_WRITE, GUARD_PEER, NULL, hand_over, true},
    {"Acknowledge", METHOD_WRITE, GUARD_TOKEN, "page.answer", answers_acknowledge, true},
    {"Reject", METHOD_WRITE, GUARD_TOKEN, "page.answer", answers_reject, true},
    {"AckByLink", METHOD_WRITE, GUARD_OPEN, NULL, answers_by_link, true},
    {"Attend", METHOD_WRITE, GUARD_TOKEN, "page.read", views_attend, false},
    {"WaitPages", METHOD_READ, GUARD_TOKEN, "page.read", views_wait, false},
    {"GetPage", METHOD_READ, GUARD_TOKEN, "page.read", views_get, false},
    {"ListPages", METHOD_READ, GUARD_TOKEN, "page.read", views_list, false},
    {"ListTold", METHOD_READ, GUARD_TOKEN, "page.read", notices_list, false},
    {"PutChannel", METHOD_SECRET, GUARD_TOKEN, "system.manage", views_put_channel, false},
    {"ListChannels", METHOD_READ, GUARD_TOKEN, "system.manage", views_channels, false},
    {"Status", METHOD_READ, GUARD_TOKEN, "system.read", views_status, false},
    {0},
};

static const struct need needs[] = {
    {"Acknowledge", "page|case_no"},
    {"Reject", "page|case_no"},
    {"GetPage", "page"},
    {"PutChannel", "staff channel"},
    {0},
};

static const struct subscription subscriptions[] = {
    {"pages", ROUTE_TOPIC, WIRE__LANE__URGENT, on_requested},
    {"tells", "tell.asked", WIRE__LANE__NORMAL, notices_on_tell},
    {"people", "person.changed", WIRE__LANE__NORMAL, notices_on_person},
    REVISION_SUBSCRIPTION,
    DIRECTORY_SUBSCRIPTIONS,
    {0},
};

static const struct timer_kind timers[] = {
    {"rung", ladder_on_rung, true, 0},
    {"send", delivery_on_due, true, 0},
    {"doubt", delivery_on_doubt, true, TIMER_AGAIN_MS},
    {"audit", auditor_on_look, true, TIMER_AGAIN_MS},
    {0},
};

static const struct job_kind jobs[] = {
    {"page", channel_webhook_run, delivery_on_result, true, true, channel_webhook_place},
    {"tell", channel_webhook_run, notices_on_result, false, false, NULL},
    {"beat", channel_webhook_run, auditor_on_beat, false, false, NULL},
    {0},
};

const struct service_def notify_def = {
    .name = "notify",
    .schemas = schemas,
    .api = &notify__notify__descriptor,
    .methods = methods,
    .needs = needs,
    .subscriptions = subscriptions,
    .timers = timers,
    .jobs = jobs,
    .start = start,
    .fold = restore_fold,
    .state_new = revision_state_new,
    .state_free = revision_state_free,
    .state_reset = revision_state_reset,
};

/* ---- handlers ---- */

enum { HAND_OVER_MAX = 64 };

static int start(struct call *call, struct err *err) {
    return revision_start(call, err) || delivery_doubt(call, err) || auditor_start(call, err) ? -1
                                                                                              : 0;
}

/* The bus has applied the routes; its cause is the event that was routed. */
static int on_requested(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    enum ladder_outcome outcome;
    struct route_page ask;

    if (!event->cause) {
        return err_set(err, ERR_INVALID, "page_without_cause", "seq=%llu",
                       (unsigned long long)event->seq);
    }
    const struct page_cause cause = {
        .source = {event->cause->source.data, event->cause->source.len},
        .lane = event->cause->lane,
        .seq = event->cause->seq,
        .epoch = event->cause->epoch,
    };
    route_read(event, &ask);
    return ladder_ask(call, &ask, &cause, event->case_no, event->event_ms, event->revision,
                      &outcome, err);
}

/* One event of a producer, by the same routes. */
static int route_here(struct call *call, const Wire__Event *event, Notify__HandOverReply *reply,
                      struct err *err) {
    const struct manual *manual = revision_current(call, err);
    const struct page_cause cause = {
        .source = {event->source.data, event->source.len},
        .lane = event->lane,
        .seq = event->seq,
        .epoch = event->epoch,
    };
    struct route_page *asks = arena_alloc(call->arena, ROUTE_PAGES_MAX * sizeof *asks);

    if (!manual) {
        return -1;
    }
    size_t count = route_event(manual, event, asks, call->arena);
    for (size_t i = 0; i < count; i++) {
        enum ladder_outcome outcome;
        if (ladder_ask(call, &asks[i], &cause, event->case_no, event->event_ms, event->revision,
                       &outcome, err)) {
            return -1;
        }
        reply->opened += outcome == LADDER_OPENED;
        reply->repeats += outcome == LADDER_REPEAT;
    }
    return 0;
}

static int hand_over(struct call *call, struct err *err) {
    const Notify__HandOverRequest *request = call->request;
    Notify__HandOverReply *reply = ARENA_NEW(call->arena, Notify__HandOverReply);
    ProtobufCAllocator allocator = arena_protobuf(call->arena);

    notify__hand_over_reply__init(reply);
    call->reply = &reply->base;
    if (request->n_events > HAND_OVER_MAX) {
        return err_set(err, ERR_INVALID, "hand_over_long", "max=%d", HAND_OVER_MAX);
    }
    for (size_t i = 0; i < request->n_events; i++) {
        Wire__Event *event = wire__event__unpack(&allocator, request->events[i].len,
                                                 request->events[i].data);
        if (!event || event->source.len != CORE_ID_SIZE || event->seq == 0
            || event->lane != WIRE__LANE__URGENT) {
            return err_set(err, ERR_INVALID, "hand_over_wrong", "event=%zu", i + 1);
        }
        if (!text_eq(call->actor->staff + strlen("peer:"), event->service)) {
            return err_set(err, ERR_DENIED, "bus_not_yours", "peer=%s\nservice=%s",
                           call->actor->staff, event->service);
        }
        if (route_here(call, event, reply, err)) {
            return -1;
        }
    }
    return 0;
}
