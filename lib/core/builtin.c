/*
 * builtin - what every service answers besides its own methods (core.proto).
 */
#include <string.h>

#include "core/private.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "store/query.h"

enum { LIST_MAX = 256, EVENTS_BYTES = 48 * 1024 };

static int count_rows(struct query q, uint64_t *count, struct err *err) {
    int found = query_step(&q, err);

    *count = found == 1 ? (uint64_t)query_i64(&q, 0) : 0;
    query_end(&q);
    return found < 0 ? -1 : 0;
}

/* Whoever asks how a service does must not keep it from its work: nothing is counted beyond a
 * thousand.  (A notice to a whole city leaves a million jobs.) */
static int health(struct call *call, struct err *err) {
    struct core *core = call->core;
    Core__HealthReply *reply = ARENA_NEW(call->arena, Core__HealthReply);

    core__health_reply__init(reply);
    call->reply = &reply->base;
    reply->service = core->def->name;
    reply->ready = core_ready(core);
    reply->why = reply->ready          ? ""
                 : core->fenced        ? "fenced: the bus has later events of this store"
                 : core->restored      ? "recovering: taking later events back from the bus"
                 : !core->manual_ready ? "no manual in force yet"
                                       : "catching up with the bus";
    reply->source.data = core->source;
    reply->source.len = CORE_ID_SIZE;
    reply->epoch = core->epoch;
    reply->normal_head = core->committed.seq[WIRE__LANE__NORMAL];
    reply->urgent_head = core->committed.seq[WIRE__LANE__URGENT];
    reply->normal_relayed = core->relay[WIRE__LANE__NORMAL].confirmed;
    reply->urgent_relayed = core->relay[WIRE__LANE__URGENT].confirmed;
    reply->requests_refused = core->refused;
    reply->now_ms = core->now_ms;
    return count_rows(QUERY(call->store, /* scan: the first 1,000 */
                            "SELECT count(*) FROM (SELECT 1 FROM timer LIMIT 1000)"),
                      &reply->timers, err)
                   || count_rows(QUERY(call->store, /* scan: the first 1,000 */
                                       "SELECT count(*) FROM (SELECT 1 FROM job LIMIT 1000)"),
                                 &reply->jobs, err)
                   || count_rows(QUERY(call->store, /* scan: the first 1,000 */
                                       "SELECT count(*) FROM (SELECT 1 FROM dead LIMIT 1000)"),
                                 &reply->dead, err)
               ? -1
               : 0;
}

static int list_events(struct call *call, struct err *err) {
    const Core__ListEventsRequest *request = call->request;
    Core__ListEventsReply *reply = ARENA_NEW(call->arena, Core__ListEventsReply);
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    size_t total = 0;
    int more = 0;

    core__list_events_reply__init(reply);
    call->reply = &reply->base;
    reply->head = call->core->committed.position;
    reply->events = arena_alloc(call->arena, LIST_MAX * sizeof *reply->events);
    struct query q = request->case_no[0]
                         ? QUERY(call->store, "SELECT body FROM event WHERE position > ?1"
                                              " AND case_no = ?3 AND case_no <> ''"
                                              " ORDER BY position LIMIT ?2")
                         : QUERY(call->store, "SELECT body FROM event WHERE position > ?1"
                                              " ORDER BY position LIMIT ?2");
    query_bind_i64(&q, 1, (int64_t)request->after);
    query_bind_i64(&q, 2, request->max && request->max < LIST_MAX ? request->max : LIST_MAX);
    if (request->case_no[0]) {
        query_bind_text(&q, 3, request->case_no);
    }
    while (total < EVENTS_BYTES && (more = query_step(&q, err)) == 1) {
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, call->arena, &size);
        Wire__Event *event = wire__event__unpack(&allocator, size, body);
        if (!event) {
            break;
        }
        total += size;
        reply->events[reply->n_events++] = event;
    }
    query_end(&q);
    return more < 0 ? -1 : 0;
}

static int verify_events(struct call *call, struct err *err) {
    const Core__VerifyEventsRequest *request = call->request;
    Core__VerifyEventsReply *reply = ARENA_NEW(call->arena, Core__VerifyEventsReply);
    struct err broken = {0};

    core__verify_events_reply__init(reply);
    call->reply = &reply->base;
    reply->intact = event_verify(call->store, request->after, call->arena, &reply->checked,
                                 &reply->next, &broken)
                    == 0;
    if (!reply->intact && broken.code != ERR_DATA_LOSS) {
        *err = broken; /* the store could not say */
        return -1;
    }
    reply->why = reply->intact ? "" : arena_text(call->arena, "%s", broken.args);
    return 0;
}

static int list_dead(struct call *call, struct err *err) {
    const Core__ListDeadRequest *request = call->request;
    Core__ListDeadReply *reply = ARENA_NEW(call->arena, Core__ListDeadReply);
    int more = 0;

    core__list_dead_reply__init(reply);
    call->reply = &reply->base;
    reply->dead = arena_alloc(call->arena, LIST_MAX * sizeof *reply->dead);
    struct query q = QUERY(call->store, "SELECT id, subscription, case_no, topic, why, at_ms"
                                        " FROM dead ORDER BY id LIMIT ?1");
    query_bind_i64(&q, 1, request->max && request->max < LIST_MAX ? request->max : LIST_MAX);
    while ((more = query_step(&q, err)) == 1) {
        Core__Dead *dead = ARENA_NEW(call->arena, Core__Dead);
        core__dead__init(dead);
        dead->id = query_i64(&q, 0);
        dead->subscription = query_text(&q, 1, call->arena);
        dead->case_no = query_text(&q, 2, call->arena);
        dead->topic = query_text(&q, 3, call->arena);
        dead->why = query_text(&q, 4, call->arena);
        dead->at_ms = query_i64(&q, 5);
        reply->dead[reply->n_dead++] = dead;
    }
    query_end(&q);
    return more < 0 ? -1
                    : count_rows(QUERY(call->store, /* scan: should be none */
                                       "SELECT count(*) FROM dead"),
                                 &reply->total, err);
}

static int retry_dead(struct call *call, struct err *err) {
    const Core__RetryDeadRequest *request = call->request;
    Core__RetryDeadReply *reply = ARENA_NEW(call->arena, Core__RetryDeadReply);

    core__retry_dead_reply__init(reply);
    call->reply = &reply->base;
    return intake_retry(call->core, request->id, &reply->applied, err);
}

/* The copy is made between two transactions (core_step); whoever asks for the same one waits
 * for it, and whoever asks for another one meanwhile is told which is being made. */
static int backup(struct call *call, struct err *err) {
    const Core__BackupRequest *request = call->request;
    Core__BackupReply *reply = ARENA_NEW(call->arena, Core__BackupReply);
    struct core *core = call->core;

    core__backup_reply__init(reply);
    if (request->path[0] != '/' || strlen(request->path) >= sizeof core->backup_path) {
        return err_set(err, ERR_INVALID, "backup_path", "path=%s", request->path);
    }
    if (core->backup == BACKUP_NONE) {
        (void)strncpy(core->backup_path, request->path, sizeof core->backup_path - 1);
        core->backup = BACKUP_WANTED;
    } else if (strcmp(core->backup_path, request->path) != 0) {
        return err_set(err, ERR_PRECONDITION, "backup_running", "path=%s", core->backup_path);
    } else if (core->backup == BACKUP_FAILED) {
        *err = core->backup_err;
        return -1;
    } else if (core->backup == BACKUP_DONE) {
        reply->path = request->path;
        reply->position = core->committed.position;
        call->reply = &reply->base;
        return 0;
    }
    call->park_on = backup_park;
    call->park_until_ms = call->now_ms + PULL_WAIT_MS;
    return 0;
}

const struct method builtin_methods[] = {
    {"Health", METHOD_READ, GUARD_OPEN, NULL, health, false},
    {"ListEvents", METHOD_READ, GUARD_TOKEN, "event.read", list_events, false},
    {"VerifyEvents", METHOD_READ, GUARD_TOKEN, "event.read", verify_events, false},
    {"ListDead", METHOD_READ, GUARD_TOKEN, "dead.read", list_dead, false},
    {"RetryDead", METHOD_WRITE, GUARD_TOKEN, "dead.retry", retry_dead, false},
    {"Backup", METHOD_READ, GUARD_LOCAL, NULL, backup, false},
    {0},
};
