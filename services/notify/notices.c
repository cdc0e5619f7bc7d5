#include "notices.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "core/timer.h"
#include "endpoints.h"
#include "engine/revision.h"
#include "message.h"
#include "recipients.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "store/query.h"

enum { TELL_AT = 10 }; /* of the statement that inserts */
enum { TRIES_MAX = 3, RETRY_MS = 30 * 1000, LIST_MAX = 100, CHANNEL_MAX = 32, TEXT_BYTES = 600 };

#define TOLD_COLUMNS                                                                               \
    "id, cause_source, cause_lane, cause_seq, case_no, unit, person, channel, text, state, tries," \
    " why, asked_ms, sent_ms, job, tell, args"

/* What a resident is told by, in order; the first needs a phone. */
static const char with_phone[] = "sms;app";
static const char without_phone[] = "app";

struct told {
    int64_t id;
    struct bytes source; /* the event that asked */
    Wire__Lane lane;
    uint64_t seq;
    const char *case_no;
    const char *unit;
    const char *person;
    const char *channel;
    const char *text;
    const char *state;
    int64_t tries;
    const char *why;
    int64_t asked_ms;
    int64_t sent_ms;
    int64_t job;             /* that sends it; 0: none */
    const char *tell, *args; /* of the manual's texts: what the text says */
};

/* ---- rows ---- */

static void read_told(struct query *q, struct told *told, struct arena *arena) {
    int i = 0;

    told->id = query_i64(q, i++);
    told->source.data = query_blob(q, i++, arena, &told->source.size);
    told->lane = query_i64(q, i++) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL;
    told->seq = (uint64_t)query_i64(q, i++);
    told->case_no = query_text(q, i++, arena);
    told->unit = query_text(q, i++, arena);
    told->person = query_text(q, i++, arena);
    told->channel = query_text(q, i++, arena);
    told->text = query_text(q, i++, arena);
    told->state = query_text(q, i++, arena);
    told->tries = query_i64(q, i++);
    told->why = query_text(q, i++, arena);
    told->asked_ms = query_i64(q, i++);
    told->sent_ms = query_i64(q, i++);
    told->job = query_i64(q, i++);
    told->tell = query_text(q, i++, arena);
    told->args = query_text(q, i++, arena);
}

/* 1: it is new.  0: this cause told him before. */
static int insert_told(struct call *call, struct told *told, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO told(cause_source, cause_lane, cause_seq,"
                                        " case_no, unit, person, channel, text, state, tries, why,"
                                        " asked_ms, sent_ms, tell, args) VALUES(?1, ?2, ?3, ?4, ?5,"
                                        " ?6, ?7, ?8, 'sending', 0, '', ?9, 0, ?10, ?11)"
                                        " ON CONFLICT DO NOTHING"
                                        " RETURNING id");

    query_bind_blob(&q, 1, told->source.data, told->source.size);
    query_bind_i64(&q, 2, (int64_t)told->lane);
    query_bind_i64(&q, 3, (int64_t)told->seq);
    query_bind_text(&q, 4, told->case_no);
    query_bind_text(&q, 5, told->unit);
    query_bind_text(&q, 6, told->person);
    query_bind_text(&q, 7, told->channel);
    query_bind_text(&q, 8, told->text);
    query_bind_i64(&q, 9, told->asked_ms);
    query_bind_text(&q, TELL_AT, told->tell);
    query_bind_text(&q, TELL_AT + 1, told->args);
    int found = query_step(&q, err);
    if (found == 1) {
        told->id = query_i64(&q, 0);
        query_end(&q);
    }
    return found;
}

static int save_told(struct call *call, const struct told *told, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE told SET channel = ?2, state = ?3, tries = ?4,"
                                        " why = ?5, sent_ms = ?6, job = ?7 WHERE id = ?1");

    query_bind_i64(&q, 1, told->id);
    query_bind_text(&q, 2, told->channel);
    query_bind_text(&q, 3, told->state);
    query_bind_i64(&q, 4, told->tries);
    query_bind_text(&q, 5, told->why);
    query_bind_i64(&q, 6, told->sent_ms);
    query_bind_i64(&q, 7, told->job);
    return query_done(&q, err);
}

/* ---- sending ---- */

static int tell(struct call *call, const struct told *told, const char *topic, struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;
    Wire__Cause cause = WIRE__CAUSE__INIT;
    struct values values = {.arena = call->arena};

    values_add_text(&values, "unit", told->unit);
    values_add_text(&values, "person", told->person);
    values_add_text(&values, "channel", told->channel);
    values_add_text(&values, "text", told->text);
    values_add_text(&values, "tell", told->tell);
    values_add_text(&values, "args", told->args);
    if (*told->why) {
        values_add_text(&values, "why", told->why);
    }
    if (!call->cause) { /* a worker's answer: what was asked is behind it */
        event.cause = &cause;
        cause.source.data = arena_copy(call->arena, told->source.data, told->source.size);
        cause.source.len = told->source.size;
        cause.lane = told->lane;
        cause.seq = told->seq;
    }
    event.topic = topic;
    event.case_no = told->case_no;
    event.fields = values.list;
    event.n_fields = values.count;
    return event_put(call, &event, err);
}

static int sent(struct call *call, struct told *told, struct err *err) {
    told->state = "sent";
    told->why = "";
    told->sent_ms = call->now_ms;
    return save_told(call, told, err) || tell(call, told, "told.sent", err) ? -1 : 0;
}

static int not_sent(struct call *call, struct told *told, const char *state, const char *why,
                    struct err *err) {
    told->state = state;
    told->why = arena_text(call->arena, "%.120s", why);
    return save_told(call, told, err) || tell(call, told, "told.failed", err) ? -1 : 0;
}

/* Its text is a key of the manual's, with or without its section, or a sentence as it stands. */
static const char *sentence(struct call *call, const char *key, const char *args,
                            const char *locale) {
    const char *full = text_starts(key, "tell.") ? key : arena_text(call->arena, "tell.%s", key);
    const char *text = core_text(call->core, full, args, locale, call->arena);

    return text_starts(text, full) ? key : text;
}

static int send(struct call *call, struct told *told, int64_t due_ms, struct err *err) {
    const struct notice notice = {
        .to = told->person,
        .unit = told->unit,
        .channel = told->channel,
        .case_no = told->case_no,
        .text = told->text,
        .text_en = sentence(call, told->tell, told->args, "en"),
        .key = arena_text(call->arena, "T%06lld", (long long)told->id),
    };
    struct bytes input;

    if (text_eq(told->channel, ENDPOINTS_DESK)) {
        return sent(call, told, err); /* it stands in his list */
    }
    if (message_of_notice(call, &notice, &input, err)) {
        return -1;
    }
    told->state = "sending";
    told->job = job_put(call, "tell", arena_text(call->arena, "%lld", (long long)told->id), input,
                        due_ms, err);
    return told->job < 0 ? -1 : save_told(call, told, err);
}

/* The channel after this one ("": the first) of "desk;webhook"; NULL: there is none. */
static const char *channel_after(struct arena *arena, const char *list, const char *after) {
    bool passed = !*after;

    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ";");
        const char *name = arena_text(arena, "%.*s", (int)length, at);
        if (passed && length > 0) {
            return name;
        }
        passed = passed || text_eq(name, after);
        at += length + (at[length] == ';');
    }
    return NULL;
}

static int begin(struct call *call, struct told *told, const char *channels, struct err *err) {
    const char *first = channel_after(call->arena, channels, "");

    told->channel = first ? first : "";
    told->source = (struct bytes){call->event->source.data, call->event->source.len};
    told->lane = call->event->lane;
    told->seq = call->event->seq;
    told->case_no = call->event->case_no;
    told->asked_ms = call->event->event_ms;
    told->why = "";
    told->tell = value_text(call->event->fields, call->event->n_fields, "text");
    told->args = value_text(call->event->fields, call->event->n_fields, "args");
    told->text = text_head(sentence(call, told->tell, told->args, "zh"), TEXT_BYTES, call->arena);
    int fresh = insert_told(call, told, err);
    if (fresh != 1) {
        return fresh;
    }
    return first ? send(call, told, 0, err) : not_sent(call, told, "failed", "no_channel", err);
}

/* ---- whom ---- */

static int tell_unit(struct call *call, const char *unit, struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts one household */
                           "SELECT person, phone FROM resident WHERE unit = ?1"
                           " AND active = 1 ORDER BY phone DESC, person LIMIT 1");
    struct told told = {.unit = unit, .person = ""};
    bool phone = false;

    query_bind_text(&q, 1, unit);
    int found = query_step(&q, err);
    if (found == 1) {
        told.person = query_text(&q, 0, call->arena);
        phone = query_i64(&q, 1) != 0;
        query_end(&q);
    }
    return found < 0 ? -1 : begin(call, &told, phone ? with_phone : without_phone, err);
}

static int tell_staff(struct call *call, const char *to, struct err *err) {
    struct recipients *people = ARENA_NEW(call->arena, struct recipients);
    const struct manual *manual = revision_current(call, err);

    if (!manual || recipients_named(call, manual, to, people, err)) {
        return -1;
    }
    if (people->count == 0) {
        struct told told = {.unit = "", .person = to};
        return begin(call, &told, "", err);
    }
    for (size_t i = 0; i < people->count; i++) {
        struct told told = {.unit = "", .person = people->list[i].staff};
        if (begin(call, &told, people->list[i].channels, err)) {
            return -1;
        }
    }
    return 0;
}

int notices_on_tell(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const char *to = value_text(event->fields, event->n_fields, "to");
    const char *unit = value_text(event->fields, event->n_fields, "unit");

    if (text_eq(to, "reporter") || text_eq(to, "household") || !*to) {
        return tell_unit(call, unit, err);
    }
    return tell_staff(call, to, err);
}

/* ---- outcomes ---- */

static int other_channel(struct call *call, struct told *told, const char *why, struct err *err) {
    const char *channels = with_phone;
    struct staff staff;

    if (!*told->unit) {
        int there = directory_staff(call, told->person, &staff, err);
        if (there < 0) {
            return -1;
        }
        channels = there == 1 && staff.channels ? staff.channels : "";
    }
    const char *next = channel_after(call->arena, channels, told->channel);
    if (!next) {
        return not_sent(call, told, "failed", why, err);
    }
    told->channel = next;
    told->tries = 0;
    return send(call, told, 0, err);
}

static int find_told(struct call *call, int64_t id, struct told *told, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " TOLD_COLUMNS " FROM told WHERE id = ?1");

    query_bind_i64(&q, 1, id);
    int found = query_step(&q, err);
    if (found == 1) {
        read_told(&q, told, call->arena);
        query_end(&q);
    }
    return found;
}

int notices_on_result(struct call *call, const struct job_result *job, struct err *err) {
    const Notify__SendResult *result = message_result(call, job);
    struct told told;
    int found = find_told(call, strtoll(job->ref, NULL, 10), &told, err);

    if (found != 1 || !text_eq(told.state, "sending")) {
        return found < 0 ? -1 : 0;
    }
    switch (result->outcome) {
    case NOTIFY__OUTCOME__ACCEPTED:
        return sent(call, &told, err);
    case NOTIFY__OUTCOME__FAILED:
        if (++told.tries < TRIES_MAX) {
            return send(call, &told, call->now_ms + RETRY_MS * told.tries, err);
        }
        return other_channel(call, &told, result->why, err);
    case NOTIFY__OUTCOME__REFUSED:
        return other_channel(call, &told, result->why, err);
    case NOTIFY__OUTCOME__UNKNOWN:
    default: /* a notice is not sent twice on suspicion */
        return not_sent(call, &told, "unknown", *result->why ? result->why : "unknown", err);
    }
}

/* The row of the same cause and person: its id and job. */
static int find_same(struct call *call, struct told *told, struct err *err) {
    struct query q = QUERY(call->store, "SELECT id, job FROM told WHERE cause_source = ?1 AND"
                                        " cause_lane = ?2 AND cause_seq = ?3 AND unit = ?4 AND"
                                        " person = ?5");

    query_bind_blob(&q, 1, told->source.data, told->source.size);
    query_bind_i64(&q, 2, (int64_t)told->lane);
    query_bind_i64(&q, 3, (int64_t)told->seq);
    query_bind_text(&q, 4, told->unit);
    query_bind_text(&q, 5, told->person);
    int found = query_step(&q, err);
    if (found == 1) {
        told->id = query_i64(&q, 0);
        told->job = query_i64(&q, 1);
        query_end(&q);
    }
    return found;
}

/* Of a restored store: it was told then, and is not told again. */
int notices_restore(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    struct told told = {
        .case_no = event->case_no,
        .unit = value_text(event->fields, event->n_fields, "unit"),
        .person = value_text(event->fields, event->n_fields, "person"),
        .channel = value_text(event->fields, event->n_fields, "channel"),
        .text = value_text(event->fields, event->n_fields, "text"),
        .tell = value_text(event->fields, event->n_fields, "tell"),
        .args = value_text(event->fields, event->n_fields, "args"),
        .why = value_text(event->fields, event->n_fields, "why"),
        .state = text_eq(event->topic, "told.sent") ? "sent" : "failed",
        .asked_ms = event->event_ms,
        .sent_ms = event->event_ms,
    };

    if (!event->cause) {
        return 0;
    }
    told.source = (struct bytes){event->cause->source.data, event->cause->source.len};
    told.lane = event->cause->lane;
    told.seq = event->cause->seq;
    int fresh = insert_told(call, &told, err);
    if (fresh == 0) { /* the backup caught it on its way */
        fresh = find_same(call, &told, err);
    }
    if (fresh != 1) {
        return fresh;
    }
    if (told.job > 0 && job_drop(call, told.job, err)) {
        return -1;
    }
    told.job = 0;
    return save_told(call, &told, err);
}

/* ---- the people of the units ---- */

int notices_on_person(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const Wire__Value *phone = value_find(event->fields, event->n_fields, "phone");
    bool has_phone = phone && phone->kind_case == WIRE__VALUE__KIND_SEALED && phone->sealed.len > 0;
    struct query q = QUERY(call->store, "INSERT INTO resident(person, unit, name, phone, active)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(person) DO UPDATE"
                                        " SET unit = ?2, name = ?3, phone = ?4, active = ?5");

    query_bind_text(&q, 1, value_text(event->fields, event->n_fields, "person"));
    query_bind_text(&q, 2, value_text(event->fields, event->n_fields, "unit"));
    query_bind_text(&q, 3, value_text(event->fields, event->n_fields, "name"));
    query_bind_i64(&q, 4, has_phone);
    query_bind_i64(&q, 5, value_flag(event->fields, event->n_fields, "active"));
    return query_done(&q, err);
}

/* ---- the list ---- */

static struct query list_query(struct call *call, const Notify__ListToldRequest *request,
                               uint32_t max) {
    struct query q;

    if (*request->case_no) {
        q = QUERY(call->store, "SELECT " TOLD_COLUMNS " FROM told WHERE case_no = ?1 AND id > ?2"
                               " ORDER BY id LIMIT ?3");
        query_bind_text(&q, 1, request->case_no);
    } else if (*request->unit) {
        q = QUERY(call->store, "SELECT " TOLD_COLUMNS " FROM told WHERE unit = ?1 AND id > ?2"
                               " ORDER BY id LIMIT ?3");
        query_bind_text(&q, 1, request->unit);
    } else {
        q = QUERY(call->store, "SELECT " TOLD_COLUMNS " FROM told WHERE (?1 = '' OR person = ?1)"
                               " AND id > ?2 ORDER BY id LIMIT ?3");
        query_bind_text(&q, 1, request->staff);
    }
    query_bind_i64(&q, 2, (int64_t)request->after);
    query_bind_i64(&q, 3, (int64_t)max);
    return q;
}

int notices_list(struct call *call, struct err *err) {
    const Notify__ListToldRequest *request = call->request;
    Notify__ListToldReply *reply = ARENA_NEW(call->arena, Notify__ListToldReply);
    uint32_t max = request->max == 0 || request->max > LIST_MAX ? LIST_MAX : request->max;
    struct query q = list_query(call, request, max);
    struct told told;
    int more = 0;

    notify__list_told_reply__init(reply);
    call->reply = &reply->base;
    reply->told = arena_alloc(call->arena, max * sizeof(Notify__Told *));
    while ((more = query_step(&q, err)) == 1) {
        Notify__Told *shown = ARENA_NEW(call->arena, Notify__Told);
        read_told(&q, &told, call->arena);
        notify__told__init(shown);
        shown->id = (uint64_t)told.id;
        shown->case_no = told.case_no;
        shown->unit = told.unit;
        shown->person = told.person;
        shown->channel = told.channel;
        shown->text = told.text;
        shown->state = told.state;
        shown->why = told.why;
        shown->asked_ms = told.asked_ms;
        shown->sent_ms = told.sent_ms;
        reply->told[reply->n_told++] = shown;
    }
    return more;
}
