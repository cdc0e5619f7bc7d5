#include "cli/stage.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/csv.h"
#include "base/text.h"
#include "cli/import.h"
#include "host/methods.h"
#include "shouwen/bus/v1/bus.pb-c.h"

enum {
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
    LEAD_MS = 150,  /* an act at the limit comes before it, as told */
    SLICE_MS = 200, /* of real time, between two looks */
    NEAR_MS = 500,  /* of real time: what counts as the same time */
    LOOK_MS = 15,
    QUIET_LOOKS = 4, /* nothing moved so often: it is quiet */
    QUIET_MAX = 40,
    READ_MAX = 128,
    ASK_MS = 5000,
    HEALTH_MS = 1000,
    WORK_MAX = 4096, /* messages in one message */
    DAY_SIZE = 10,   /* "2025-07-11" */
    MONTH_SIZE = 7,
    YEAR_SIZE = 4,
    BEFORE_MS = 1500, /* from the start of the roster's import to the story's first minute */
    ROSTER_SIZE = 512 * 1024,
    SCRATCH_SIZE = 8 * 1024 * 1024,
    OFFSET_MIN = 480,
};

static const int64_t instant_ms = INT64_C(100000000000); /* smaller ones are lengths */

struct stage {
    struct session *session;
    struct arena *scratch; /* of one call */
    int speed;
    const char *roster;
    int64_t story_ms; /* this minute of the story … */
    int64_t real_ms;  /* … is this one of the machine */
    int64_t first_ms; /* the first act is at this minute */
    struct rehearse_stage play;
};

/* ---- times ---- */

static int64_t real_now(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static int64_t to_real(const struct stage *stage, int64_t story_ms) {
    return stage->real_ms + (story_ms - stage->story_ms) / stage->speed;
}

static int64_t to_story(const struct stage *stage, int64_t real_ms) {
    return stage->story_ms + (real_ms - stage->real_ms) * stage->speed;
}

static bool is_time(const ProtobufCFieldDescriptor *field) {
    size_t length = strlen(field->name);

    return field->type == PROTOBUF_C_TYPE_INT64 && field->label != PROTOBUF_C_LABEL_REPEATED
           && (strcmp(field->name, "ms") == 0
               || (length > 3 && strcmp(field->name + length - 3, "_ms") == 0));
}

/* A figure's day, month or year is the one that the story is played on. */
static void move_period(const struct stage *stage, const char **text, struct arena *arena) {
    size_t length = strlen(*text);

    if (length == DAY_SIZE || length == MONTH_SIZE || length == YEAR_SIZE) {
        const char *today = text_time(real_now(), OFFSET_MIN, arena);
        *text = arena_text(arena, "%.*s", (int)length, today);
    }
    (void)stage;
}

static bool is_set(const ProtobufCFieldDescriptor *field, const uint8_t *base) {
    return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
           || *(const uint32_t *)(const void *)(base + field->quantifier_offset) == field->id;
}

/* All times in a message and in those inside it, moved one way or the other. */
static void move_times(const struct stage *stage, ProtobufCMessage *message, bool in,
                       struct arena *arena) {
    ProtobufCMessage **work = arena_alloc(arena, WORK_MAX * sizeof(*work));
    size_t count = 0;

    work[count++] = message;
    while (count > 0) {
        ProtobufCMessage *one = work[--count];
        uint8_t *base = (uint8_t *)one;
        for (unsigned i = 0; i < one->descriptor->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &one->descriptor->fields[i];
            void *member = base + field->offset;
            if (field->label != PROTOBUF_C_LABEL_REPEATED && !is_set(field, base)) {
                continue;
            }
            if (is_time(field)) {
                int64_t *ms = member;
                *ms = *ms < instant_ms ? *ms : in ? to_real(stage, *ms) : to_story(stage, *ms);
            } else if (in && field->type == PROTOBUF_C_TYPE_STRING
                       && strcmp(field->name, "period") == 0) {
                move_period(stage, member, arena);
            } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                bool many = field->label == PROTOBUF_C_LABEL_REPEATED;
                size_t n = many ? *(size_t *)(void *)(base + field->quantifier_offset) : 1;
                ProtobufCMessage **list = many ? *(ProtobufCMessage ***)member : member;
                for (size_t m = 0; m < n && count < WORK_MAX; m++) {
                    if (list[m]) {
                        work[count++] = list[m];
                    }
                }
            }
        }
    }
}

static struct bytes packed(const ProtobufCMessage *message, struct arena *arena) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

/* Unpacked as this type, moved, packed; as it is when it is none. */
static struct bytes moved(const struct stage *stage, const ProtobufCMessageDescriptor *type,
                          struct bytes data, bool in, struct arena *arena) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, data.size, data.data);

    if (!message) {
        return data;
    }
    move_times(stage, message, in, arena);
    return packed(message, arena);
}

/* ---- the roster ---- */

static const char *moved_time(const struct stage *stage, struct bytes field, struct arena *arena) {
    int64_t ms = 0;

    return text_time_read((const char *)field.data, &ms)
               ? text_time(to_real(stage, ms), OFFSET_MIN, arena)
               : (const char *)field.data;
}

/* The same rows with the times of the machine; their order stays, so none overlaps. */
static struct bytes moved_roster(const struct stage *stage, struct bytes file) {
    struct csv csv = csv_open(file);
    struct csv_row row;
    char *text = arena_alloc(stage->scratch, ROSTER_SIZE);
    size_t used = 0;
    size_t columns[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}; /* date, start, end */
    size_t arena_mark = arena_used(stage->scratch);

    for (bool header = true; csv_next(&csv, &row, stage->scratch) == 1; header = false) {
        const char *start = NULL;
        for (size_t i = 0; i < row.count && used < ROSTER_SIZE; i++) {
            const char *value = (const char *)row.fields[i].data;
            if (header) {
                columns[0] = strcmp(value, "date") == 0 ? i : columns[0];
                columns[1] = strcmp(value, "start") == 0 ? i : columns[1];
                columns[2] = strcmp(value, "end") == 0 ? i : columns[2];
            } else if (i == columns[0] && columns[1] < row.count) {
                start = moved_time(stage, row.fields[columns[1]], stage->scratch);
                value = arena_text(stage->scratch, "%.*s", DAY_SIZE, start);
            } else if (i == columns[1] || i == columns[2]) {
                value = moved_time(stage, row.fields[i], stage->scratch);
            }
            int length = snprintf(text + used, ROSTER_SIZE - used, "%s%s", i > 0 ? "," : "", value);
            used += length > 0 ? (size_t)length : 0;
        }
        used += used < ROSTER_SIZE - 1 ? (size_t)snprintf(text + used, 2, "\n") : 0;
        arena_rewind(stage->scratch, arena_mark);
    }
    return (struct bytes){(const uint8_t *)text, used < ROSTER_SIZE ? used : 0};
}

static int import_roster(const struct stage *stage, struct err *err) {
    struct import_link link = import_over(stage->session);
    struct import_result result = {0};
    FILE *in = fopen(stage->roster, "re");

    if (!in) {
        return err_plain(err, ERR_NOT_FOUND, "%s: cannot read", stage->roster);
    }
    arena_reset(stage->scratch);
    char *text = arena_alloc(stage->scratch, ROSTER_SIZE);
    size_t size = fread(text, 1, ROSTER_SIZE - 1, in);
    (void)fclose(in);
    struct bytes file = moved_roster(stage, (struct bytes){(const uint8_t *)text, size});
    if (import_file(&link, file, false, &result, session_arena(stage->session), err)) {
        return err_wrap(err, "%s", stage->roster);
    }
    return result.bad == 0
               ? 0
               : err_plain(err, ERR_INVALID, "%s: %zu rows are bad", stage->roster, result.bad);
}

/* ---- the stage ---- */

static int64_t now(void *arg) {
    return to_story(arg, real_now());
}

static int advance(void *arg, int64_t to_ms, struct err *err) {
    struct stage *stage = arg;

    (void)err;
    if (stage->first_ms == 0 && to_ms > stage->story_ms) {
        stage->first_ms = to_ms;
    }
    for (;;) {
        int64_t lead = stage->first_ms == 0 || to_ms == stage->first_ms ? 0 : LEAD_MS;
        int64_t left = to_real(stage, to_ms) - lead - real_now();
        if (left <= 0) {
            return 0;
        }
        (void)poll(NULL, 0, (int)left);
    }
}

/* What all services say about themselves, as one number that stays when nothing moves. */
static bool look(struct stage *stage, uint64_t *sum) {
    bool quiet = true;

    *sum = 0;
    for (int i = 0; instance_services[i]; i++) {
        struct err err = {0};
        const char *service = instance_services[i];
        const Core__HealthReply *health = instance_pid(session_instance(stage->session), service)
                                                  > 0
                                              ? session_health(stage->session, service, HEALTH_MS,
                                                               &err)
                                              : NULL;
        if (health) {
            bool relayed = strcmp(service, "bus") == 0
                           || (health->normal_head == health->normal_relayed
                               && health->urgent_head == health->urgent_relayed);
            quiet = quiet && relayed && health->jobs == 0;
            *sum += (uint64_t)(i + 1) * (health->normal_head + health->urgent_head);
        }
    }
    return quiet;
}

/* How far the consumers have come.  One whose patterns the newest events do not match stays
 * below the head, so only that nothing moves says something. */
static uint64_t consumed(struct stage *stage) {
    Bus__ListSourcesRequest request = BUS__LIST_SOURCES_REQUEST__INIT;
    struct err err = {0};
    const Bus__ListSourcesReply *reply = (const Bus__ListSourcesReply *)session_ask(
        stage->session, "shouwen.bus.v1.Bus/ListSources", &request.base,
        &bus__list_sources_reply__descriptor, &err);
    uint64_t sum = 0;

    for (size_t i = 0; reply && i < reply->n_consumers; i++) {
        sum += (i + 1) * reply->consumers[i]->after;
    }
    return sum;
}

static int settle(void *arg, struct err *err) {
    struct stage *stage = arg;
    uint64_t before = 0;
    int quiet = 0;

    (void)err;
    for (int looks = 0; looks < QUIET_MAX && quiet < QUIET_LOOKS; looks++) {
        uint64_t sum = 0;
        size_t used = arena_used(session_arena(stage->session));
        bool still = look(stage, &sum);
        sum += consumed(stage);
        still = still && sum == before;
        arena_rewind(session_arena(stage->session), used);
        quiet = still ? quiet + 1 : 0;
        before = sum;
        if (quiet < QUIET_LOOKS) {
            (void)poll(NULL, 0, LOOK_MS);
        }
    }
    return 0;
}

static Wire__Reply *copy_reply(const struct stage *stage, const struct client_answer *answer,
                               const ProtobufCMessageDescriptor *type, struct arena *arena) {
    Wire__Reply *reply = ARENA_NEW(arena, Wire__Reply);

    wire__reply__init(reply);
    if (!answer->reply) {
        reply->code = WIRE__CODE__UNAVAILABLE;
        reply->message = "no answer";
        return reply;
    }
    struct bytes all = packed(&answer->reply->base, arena);
    ProtobufCAllocator allocator = arena_protobuf(arena);
    Wire__Reply *copy = wire__reply__unpack(&allocator, all.size, all.data);
    assert(copy); /* it was one a moment ago */
    struct bytes payload = moved(stage, type, (struct bytes){copy->payload.data, copy->payload.len},
                                 false, arena);
    copy->payload.data = (uint8_t *)(uintptr_t)payload.data;
    copy->payload.len = payload.size;
    return copy;
}

static int ask(void *arg, const struct rehearsal_request *asked, uint8_t *id_used,
               Wire__Reply **reply, struct arena *arena, struct err *err) {
    struct stage *stage = arg;
    const struct rehearsal_caller *caller = asked->caller;
    const char *service = asked->service;
    struct methods_found found;
    struct client_answer answer = {.reply = NULL};
    struct client_request request = {
        .method = asked->method, .id = asked->id, .timeout_ms = ASK_MS};

    arena_reset(stage->scratch);
    if (methods_find(asked->method, &found, stage->scratch, err)) {
        return -1;
    }
    if (caller->peer) {
        return err_plain(err, ERR_UNIMPLEMENTED, "nobody can speak for the service %s here",
                         caller->peer);
    }
    if (caller->staff && session_token(stage->session, caller->staff, &request.token, err)) {
        return -1;
    }
    request.payload = moved(stage, found.method->input, asked->payload, true, stage->scratch);
    struct err refused = {0};
    if (session_raw(stage->session, service ? service : found.service, &request, &answer, &refused)
        && refused.code == ERR_NOT_FOUND && !answer.reply) {
        *err = refused; /* there is no such service */
        return -1;
    }
    memcpy(id_used, answer.id, CLIENT_ID_SIZE);
    *reply = copy_reply(stage, &answer, found.method->output, arena);
    return 0;
}

/* One reply of events, moved and packed; how many. */
static int read_events(struct stage *stage, const char *service, uint64_t *after, size_t max,
                       struct arena *arena, struct bytes *list, struct err *err) {
    Core__ListEventsRequest request = CORE__LIST_EVENTS_REQUEST__INIT;
    struct client_request wire = {.method = "shouwen.core.v1.Core/ListEvents",
                                  .timeout_ms = ASK_MS};
    struct client_answer answer;

    arena_reset(stage->scratch);
    request.after = *after;
    request.max = max < READ_MAX ? (uint32_t)max : READ_MAX;
    wire.payload = packed(&request.base, stage->scratch);
    if (session_token(stage->session, NULL, &wire.token, err)
        || session_raw(stage->session, service, &wire, &answer, err)) {
        return err_wrap(err, "events of %s", service);
    }
    ProtobufCAllocator allocator = arena_protobuf(stage->scratch);
    Core__ListEventsReply *reply = core__list_events_reply__unpack(
        &allocator, answer.reply->payload.len, answer.reply->payload.data);
    for (size_t i = 0; reply && i < reply->n_events; i++) {
        *after = reply->events[i]->position;
        move_times(stage, &reply->events[i]->base, false, stage->scratch);
        list[i] = packed(&reply->events[i]->base, arena);
    }
    return reply ? (int)reply->n_events : err_plain(err, ERR_INTERNAL, "%s: no events", service);
}

static int events(void *arg, const char *service, uint64_t after, size_t max, struct arena *arena,
                  struct bytes *list, struct err *err) {
    struct stage *stage = arg;
    size_t total = 0;
    int count = 1;

    if (instance_pid(session_instance(stage->session), service) == 0) {
        return 0; /* it tells when it runs again */
    }
    while (total < max && count > 0) {
        count = read_events(stage, service, &after, max - total, arena, list + total, err);
        total += count > 0 ? (size_t)count : 0;
    }
    return count < 0 ? -1 : (int)total;
}

static int begin(void *arg, int64_t start_ms, struct err *err) {
    struct stage *stage = arg;

    stage->story_ms = start_ms;
    stage->real_ms = real_now() + BEFORE_MS;
    return stage->roster && import_roster(stage, err) ? -1 : settle(stage, err);
}

struct stage *stage_new(struct session *session, int speed, const char *roster) {
    struct stage *stage = calloc(1, sizeof *stage);

    assert(stage && speed > 0);
    stage->session = session;
    stage->speed = speed;
    stage->roster = roster;
    stage->scratch = arena_new(SCRATCH_SIZE);
    stage->play = (struct rehearse_stage){
        .arg = stage,
        .now = now,
        .advance = advance,
        .settle = settle,
        .ask = ask,
        .events = events,
        .begin = begin,
        .slice_ms = (int64_t)SLICE_MS * speed,
        .near_ms = (int64_t)NEAR_MS * speed,
    };
    return stage;
}

void stage_free(struct stage *stage) {
    if (stage) {
        arena_free(stage->scratch);
        free(stage);
    }
}

const struct rehearse_stage *stage_play(struct stage *stage) {
    return &stage->play;
}
