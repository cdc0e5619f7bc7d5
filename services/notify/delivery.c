#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "auditor.h"
#include "base/seal.h"
#include "base/text.h"
#include "channel_webhook.h"
#include "endpoints.h"
#include "ladder.h"
#include "message.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    TRIES_MAX = 5,              /* of one channel for one record */
    BACKOFF_MS = 1000,          /* doubled each time, */
    BACKOFF_MAX_MS = 60 * 1000, /* at most this, */
    ACK_WINDOW_MS = 60 * 1000,  /* after an unknown outcome, if the hour matters */
    DOUBTS_MAX = 32,            /* looked at in one transaction */
    LINK_HOURS = 24,
    CHANNEL_MAX = 32,
    REF_MAX = 48,
};

static const int64_t link_ms = INT64_C(3600000) * LINK_HOURS;
static const char timer_kind[] = "send";
static const char doubt_kind[] = "doubt";
static const char second_round[] = "rest";
static const char job_kind[] = "page";

/* ---- which channel ---- */

/* The n-th channel of "desk;webhook"; false: there are not so many. */
static bool nth_channel(const char *list, size_t n, char name[CHANNEL_MAX]) {
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ";");
        if (length > 0 && length < CHANNEL_MAX && n-- == 0) {
            memcpy(name, at, length);
            name[length] = '\0';
            return true;
        }
        at += length + (at[length] == ';');
    }
    return false;
}

/* The desk reaches him while his console is open; or when there is nothing else. */
static int is_open(struct call *call, const char *channels, size_t n, const char *name,
                   const char *staff, struct err *err) {
    char other[CHANNEL_MAX];

    if (!text_eq(name, ENDPOINTS_DESK)) {
        return 1;
    }
    if (n == 0 && !nth_channel(channels, 1, other)) {
        return 1;
    }
    return endpoints_attending(call, staff, err);
}

/* The first open channel after `after` ("": from the start).  1, 0 or -1. */
static int choose(struct call *call, const char *channels, const char *after, const char *staff,
                  char name[CHANNEL_MAX], struct err *err) {
    bool passed = !*after;

    for (size_t n = 0; nth_channel(channels, n, name); n++) {
        int open = passed ? is_open(call, channels, n, name, staff, err) : 0;
        if (open != 0) {
            return open;
        }
        passed = passed || text_eq(name, after);
    }
    return 0;
}

/* ---- handing over ---- */

void delivery_link(const struct call *call, const struct page_record *record,
                   uint8_t token[PAGES_LINK_SIZE]) {
    uint8_t text[64] = {0};

    /* Nobody can guess it without the key, and all messages of a record have the same. */
    memcpy(text, core_source(call->core), CORE_ID_SIZE);
    memcpy(text + CORE_ID_SIZE, &record->id, sizeof record->id);
    memcpy(text + CORE_ID_SIZE + sizeof record->id, "page link", sizeof "page link");
    (void)crypto_generichash(token, PAGES_LINK_SIZE, text, sizeof text, call->secrets->seal_key,
                             SEAL_KEY_SIZE);
}

void delivery_link_hash(const uint8_t token[PAGES_LINK_SIZE], uint8_t hash[PAGES_LINK_SIZE]) {
    (void)crypto_generichash(hash, PAGES_LINK_SIZE, token, PAGES_LINK_SIZE, NULL, 0);
}

static int give_link(struct call *call, struct page_record *record, uint8_t token[PAGES_LINK_SIZE],
                     struct err *err) {
    uint8_t hash[PAGES_LINK_SIZE];

    delivery_link(call, record, token);
    delivery_link_hash(token, hash);
    record->link_until_ms = call->now_ms + link_ms;
    return pages_record_link(call, record, hash, err);
}

static int accepted(struct call *call, const struct page *page, struct page_record *record,
                    struct err *err) {
    record->state = "accepted";
    record->why = "";
    record->next_ms = 0;
    record->job = 0;
    record->sent_ms = call->now_ms;
    return pages_record_save(call, record, err)
                   || ladder_event(call, "page.sent", page, record, "", "", err)
                   || pages_figure_set(call, "accepted_ms", call->now_ms, err)
               ? -1
               : 0;
}

/* Sending, from here to the outcome; the commit comes before the first byte. */
static int hand(struct call *call, const struct page *page, struct page_record *record,
                struct err *err) {
    uint8_t token[PAGES_LINK_SIZE];

    record->times++;
    if (text_eq(record->channel, ENDPOINTS_DESK)) {
        return accepted(call, page, record, err);
    }
    record->state = "sending";
    record->next_ms = call->now_ms + CHANNEL_WEBHOOK_LIMIT_MS;
    if (record->times > 1 && pages_figure_add(call, "repeats", 1, err)) {
        return -1;
    }
    if (give_link(call, record, token, err)) {
        return -1;
    }
    struct bytes input;
    if (message_of_page(call, page, record, token, &input, err)) {
        return -1;
    }
    const char *ref = arena_text(call->arena, "%lld:%lld", (long long)record->id,
                                 (long long)record->times);
    record->job = job_put(call, job_kind, ref, input, 0, err);
    return record->job < 0 || pages_record_save(call, record, err)
                   || auditor_expect(call, record->next_ms, err)
               ? -1
               : 0;
}

static int plan(struct call *call, const struct page *page, struct page_record *record,
                const char *channel, struct err *err) {
    struct page_record known;

    record->channel = arena_text(call->arena, "%s", channel);
    int found = pages_record_of(call, record, &known, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1) { /* this step calls him again: the same record, one time more */
        if (text_eq(known.state, "sending")) {
            return 0; /* it is on its way */
        }
        *record = known;
        return hand(call, page, record, err);
    }
    record->state = "planned";
    record->next_ms = call->now_ms;
    return pages_record_insert(call, record, err) || hand(call, page, record, err) ? -1 : 0;
}

static struct page_record fresh(const struct page *page, const char *staff, const char *stands_for,
                                int64_t step, int64_t due_ms) {
    return (struct page_record){
        .page = page->id,
        .step = step,
        .staff = staff,
        .stands_for = stands_for,
        .answer = "",
        .why = "",
        .due_ms = due_ms,
    };
}

/* The channels of a person for a step: the rung's, else his own. */
static int channels_of(struct call *call, const struct page *page, int64_t step, const char *own,
                       const char **channels, struct err *err) {
    const Manual__Rung *rung = NULL;

    *channels = own;
    if (ladder_rung(call, page, step, &rung, err)) {
        return -1;
    }
    for (size_t i = 0; rung && i < rung->n_channel; i++) {
        *channels = i > 0 ? arena_text(call->arena, "%s;%s", *channels, rung->channel[i])
                          : rung->channel[i];
    }
    return 0;
}

int delivery_page(struct call *call, struct page *page, const struct recipient *person,
                  int64_t step, int64_t due_ms, bool merged, struct err *err) {
    struct page_record record = fresh(page, person->staff, person->stands_for, step, due_ms);
    const char *channels = "";
    char name[CHANNEL_MAX];

    if (channels_of(call, page, step, person->channels, &channels, err)) {
        return -1;
    }
    int open = choose(call, channels, "", person->staff, name, err);
    if (open != 1) {
        return open;
    }
    if (merged) {
        record.channel = arena_text(call->arena, "%s", name);
        record.state = "merged";
        return pages_record_insert(call, &record, err) ? -1 : 1;
    }
    return plan(call, page, &record, name, err) ? -1 : 1;
}

int delivery_stop(struct call *call, struct page_record *record, struct err *err) {
    int unbegun = text_eq(record->state, "sending") && record->job > 0
                      ? job_cancel(call, record->job, err)
                      : 0;

    if (unbegun < 0) {
        return -1;
    }
    if (unbegun == 1) { /* it waited for a worker, and never left */
        record->times--;
        record->state = "stopped";
        record->next_ms = 0;
        record->job = 0;
    }
    if (text_eq(record->state, "planned")) {
        record->state = "stopped";
        record->next_ms = 0;
        if (timer_clear(call, timer_kind, arena_text(call->arena, "%lld", (long long)record->id),
                        "", err)) {
            return -1;
        }
    }
    return pages_record_save(call, record, err); /* his pager shows that it is over */
}

/* ---- outcomes ---- */

/* 1: it goes by the next channel.  0: there is none that is new. */
static int next_channel(struct call *call, const struct page *page,
                        const struct page_record *record, struct err *err) {
    struct page_record next = fresh(page, record->staff, record->stands_for, record->step,
                                    record->due_ms);
    const char *channels = "";
    char name[CHANNEL_MAX];

    struct staff staff;
    int there = directory_staff(call, record->staff, &staff, err);
    if (there < 0
        || channels_of(call, page, record->step, there == 1 ? staff.channels : "", &channels,
                       err)) {
        return -1;
    }
    int open = choose(call, channels, record->channel, record->staff, name, err);
    if (open != 1) {
        return open;
    }
    struct page_record known;
    next.channel = arena_text(call->arena, "%s", name);
    int found = pages_record_of(call, &next, &known, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    return plan(call, page, &next, name, err) ? -1 : 1;
}

/* Full jitter: receivers that failed together are not asked again together. */
static int64_t backoff(struct call *call, int64_t tries) {
    uint32_t random = 0;
    int64_t limit = BACKOFF_MS;

    for (int64_t i = 1; i < tries && limit < BACKOFF_MAX_MS; i++) {
        limit *= 2;
    }
    core_random(call->core, &random, sizeof random);
    limit = limit < BACKOFF_MAX_MS ? limit : BACKOFF_MAX_MS;
    return BACKOFF_MS / 2 + (int64_t)random % limit;
}

static int retry_at(struct call *call, struct page_record *record, int64_t due_ms,
                    struct err *err) {
    record->state = "planned";
    record->next_ms = due_ms;
    return pages_record_save(call, record, err)
                   || timer_set(call, timer_kind,
                                arena_text(call->arena, "%lld", (long long)record->id), "", 0,
                                due_ms, err)
                   || auditor_expect(call, due_ms, err)
               ? -1
               : 0;
}

static int give_up(struct call *call, const struct page *page, struct err *err) {
    return text_eq(page->state, "open") ? ladder_failed(call, page->id, err) : 0;
}

/* It did not arrive; the record says why, and so does an event. */
static int note_failure(struct call *call, const struct page *page, struct page_record *record,
                        const char *state, const char *why, struct err *err) {
    record->state = state;
    record->why = arena_text(call->arena, "%.120s", why);
    record->tries++;
    record->next_ms = 0;
    record->job = 0;
    return pages_record_save(call, record, err)
                   || ladder_event(call, "page.failed", page, record, "", record->why, err)
                   || pages_figure_add(call, "failed", 1, err)
               ? -1
               : 0;
}

static int failed(struct call *call, const struct page *page, struct page_record *record,
                  const char *state, const char *why, bool final, struct err *err) {
    if (note_failure(call, page, record, state, why, err)) {
        return -1;
    }
    if (!text_eq(page->state, "open")) {
        return 0;
    }
    int next = next_channel(call, page, record, err);
    if (next != 0) {
        return next < 0 ? -1 : 0;
    }
    if (!final && record->tries < TRIES_MAX) {
        return retry_at(call, record, call->now_ms + backoff(call, record->tries), err);
    }
    return give_up(call, page, err);
}

/* It may have arrived, or not. */
static int unknown(struct call *call, const struct page *page, struct page_record *record,
                   const char *why, struct err *err) {
    if (note_failure(call, page, record, "unknown", why, err)) {
        return -1;
    }
    if (!text_eq(page->state, "open")) {
        return 0;
    }
    if (page->ask.any_hour && next_channel(call, page, record, err) < 0) {
        return -1;
    }
    if (record->tries >= TRIES_MAX) {
        return give_up(call, page, err);
    }
    if (page->ask.any_hour && record->tries == 1) {
        return hand(call, page, record, err); /* rather twice than never */
    }
    return retry_at(
        call, record,
        call->now_ms + (page->ask.any_hour ? backoff(call, record->tries) : ACK_WINDOW_MS), err);
}

/* "record:times" of the job; false: it is not ours. */
static bool read_ref(const char *ref, int64_t *record, int64_t *times) {
    char *end = NULL;

    *record = strtoll(ref, &end, 10);
    if (*end != ':') {
        return false;
    }
    *times = strtoll(end + 1, &end, 10);
    return *end == '\0';
}

static int outcome(struct call *call, const struct page *page, struct page_record *record,
                   const Notify__SendResult *result, struct err *err) {
    switch (result->outcome) {
    case NOTIFY__OUTCOME__ACCEPTED:
        return accepted(call, page, record, err);
    case NOTIFY__OUTCOME__REFUSED:
        return failed(call, page, record, "refused", result->why, true, err);
    case NOTIFY__OUTCOME__FAILED:
        return failed(call, page, record, "failed", result->why, false, err);
    case NOTIFY__OUTCOME__UNKNOWN:
    default:
        return unknown(call, page, record, *result->why ? result->why : "unknown", err);
    }
}

int delivery_on_result(struct call *call, const struct job_result *job, struct err *err) {
    struct page_record record;
    struct page page;
    int64_t id = 0;
    int64_t times = 0;
    int found = read_ref(job->ref, &id, &times) ? pages_record(call, id, &record, err) : 0;

    if (found == 1) {
        found = pages_get(call, record.page, &page, err);
    }
    if (found != 1) {
        return found;
    }
    const Notify__SendResult *result = message_result(call, job);
    if (text_eq(record.state, "sending") && record.times == times) {
        return outcome(call, &page, &record, result, err);
    }
    /* Late.  That it arrived is worth knowing, all else has been dealt with. */
    if (result->outcome == NOTIFY__OUTCOME__ACCEPTED && record.sent_ms == 0
        && !text_eq(record.state, "planned") && !text_eq(record.state, "sending")) {
        return accepted(call, &page, &record, err);
    }
    return 0;
}

int delivery_on_due(struct call *call, const struct due *due, struct err *err) {
    struct page_record record;
    struct page page;
    int found = pages_record(call, strtoll(due->ref, NULL, 10), &record, err);

    if (found == 1) {
        found = pages_get(call, record.page, &page, err);
    }
    if (found != 1) {
        return found;
    }
    return text_eq(record.state, "planned") && text_eq(page.state, "open")
               ? hand(call, &page, &record, err)
               : 0;
}

int delivery_rescue(struct call *call, struct page_record *record, struct err *err) {
    struct page page;
    int found = pages_get(call, record->page, &page, err);

    if (found != 1) {
        return found;
    }
    if (!text_eq(page.state, "open")) {
        record->next_ms = 0;
        return pages_record_save(call, record, err);
    }
    if (record->job > 0 && job_drop(call, record->job, err)) {
        return -1;
    }
    if (note_failure(call, &page, record, "unknown", "late", err)) {
        return -1;
    }
    int next = next_channel(call, &page, record, err);
    if (next != 0) {
        return next < 0 ? -1 : 0;
    }
    if (record->tries < TRIES_MAX && hand(call, &page, record, err)) {
        return -1;
    }
    return ladder_next(call, &page, err);
}

/* ---- after a restart ---- */

/* One sending of which nobody knows whether it left; its job does not run again.  Until it
 * has been looked at here nothing else sends this record.  1: left for the second round. */
static int doubt(struct call *call, const struct lost_job *job, bool any_hour, struct err *err) {
    struct page_record record;
    struct page page;
    int64_t id = 0;
    int64_t times = 0;
    int found = read_ref(job->ref, &id, &times) ? pages_record(call, id, &record, err) : 0;

    if (found == 1) {
        found = pages_get(call, record.page, &page, err);
    }
    if (found < 0) {
        return -1;
    }
    if (found == 1 && any_hour && !page.ask.any_hour) {
        return 1;
    }
    if (job_drop(call, job->id, err)) {
        return -1;
    }
    bool open = found == 1 && text_eq(record.state, "sending") && record.job == job->id;
    return open && unknown(call, &page, &record, "restart", err) ? -1 : 0;
}

/* A timer, and not at once: a restored store must hear its own later events first.  Due
 * before all others. */
int delivery_doubt(struct call *call, struct err *err) {
    return timer_set(call, doubt_kind, "", "", 0, 1, err);
}

/* In slices: first pages of any hour, then (`name`) all others.  New pages need not wait. */
int delivery_on_doubt(struct call *call, const struct due *due, struct err *err) {
    struct lost_job *jobs = arena_alloc(call->arena, DOUBTS_MAX * sizeof(struct lost_job));
    bool any_hour = !*due->name;
    int count = job_lost(call, job_kind, due->mark, DOUBTS_MAX, jobs, err);
    bool left = due->mark > 0; /* that is seen at the end of the round */

    for (int i = 0; i < count; i++) {
        int later = doubt(call, &jobs[i], any_hour, err);
        if (later < 0) {
            return -1;
        }
        left = left || later;
    }
    if (count == DOUBTS_MAX) {
        return timer_set(call, doubt_kind, "", due->name, jobs[count - 1].id, call->now_ms, err);
    }
    return count < 0          ? -1
           : any_hour && left ? timer_set(call, doubt_kind, "", second_round, 0, call->now_ms, err)
                              : 0;
}

/* It will be sent, as a repeat, unless a later event says that it was. */
int delivery_resume(struct call *call, const struct page *page, const char *staff, int64_t step,
                    int64_t due_ms, struct err *err) {
    struct page_record record = fresh(page, staff, "", step, due_ms);
    const char *channels = "";
    char name[CHANNEL_MAX];
    struct staff person;
    int there = directory_staff(call, staff, &person, err);

    if (there != 1) {
        return there;
    }
    if (channels_of(call, page, step, person.channels, &channels, err)) {
        return -1;
    }
    int open = choose(call, channels, "", staff, name, err);
    if (open != 1) {
        return open;
    }
    record.channel = arena_text(call->arena, "%s", name);
    record.state = "planned";
    record.times = 1;
    return pages_record_insert(call, &record, err) || retry_at(call, &record, call->now_ms, err)
               ? -1
               : 0;
}
