#include "host/rehearsal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/speak.h"
#include "base/text.h"
#include "host/rehearsal_private.h"
#include "store/diskfull.h"
#include "store/query.h"

enum {
    ROUNDS_MAX = 200 * 1000, /* steps at one instant: more is a loop */
    ASK_WAIT_MS = 10 * 1000, /* of a parked request */
    SCRATCH_SIZE = 4 * 1024 * 1024,
    TOKEN_BEFORE_MS = 60 * 1000,
    TOKEN_AFTER_MS = 3600 * 1000,
    FOLDER_MODE = 0700,
    PER_MILLE = 1000,
    POLL_MS = 3600 * 1000, /* what comes wakes it; only links that break need this */
};

struct part_of_world *rehearsal_part(struct rehearsal *world, const char *service) {
    for (size_t i = 0; service && i < world->part_count; i++) {
        if (strcmp(world->parts[i].def->name, service) == 0) {
            return &world->parts[i];
        }
    }
    return NULL;
}

struct part_of_world *rehearsal_must(struct rehearsal *world, const char *service,
                                     struct err *err) {
    struct part_of_world *part = rehearsal_part(world, service);

    if (!part) {
        (void)err_plain(err, ERR_NOT_FOUND, "there is no service %s", service);
    }
    return part;
}

struct clock_reading rehearsal_reading(const struct rehearsal *world) {
    return (struct clock_reading){.wall_ms = world->now_ms + world->jumped_ms,
                                  .boot_ms = world->now_ms};
}

/* What time it is for a service. */
static int64_t part_now(const struct rehearsal *world, struct part_of_world *part) {
    struct clock_reading reading = rehearsal_reading(world);

    return world->jumped ? clock_at(&part->clock, &reading) : world->now_ms;
}

/* When a service's own time will be `due_ms`, roughly; looked at again then. */
static int64_t when(const struct rehearsal *world, struct part_of_world *part, int64_t due_ms) {
    int64_t behind = due_ms == INT64_MAX ? INT64_MAX - world->now_ms
                                         : due_ms - part_now(world, part);

    return behind <= 0 ? world->now_ms : world->now_ms + behind;
}

int rehearsal_open(struct rehearsal *world, struct part_of_world *part, struct err *err) {
    char path[REHEARSAL_PATH_MAX + NAME_SIZE];
    struct clock_reading reading = rehearsal_reading(world);
    struct core_config config = {
        .path = path,
        .secrets = &world->secrets,
        .seed = world->seed + part->life, /* no start draws what another of this service drew */
        .now_ms = reading.wall_ms,
        .group_max = world->group_max,
        .pull_wait_ms = world->poll_ms,
    };

    (void)snprintf(path, sizeof path, "%s/%.*s.db", world->folder, NAME_SIZE - 8, part->def->name);
    part->core = core_new(part->def, &config, err);
    part->input = true;
    if (!part->core) {
        return err_wrap(err, "starting %s", part->def->name);
    }
    /* As live: from the newest event on, also when the wall clock was set back behind it. */
    clock_init(&part->clock, core_now(part->core), &reading);
    return 0;
}

struct rehearsal *rehearsal_new(const struct rehearsal_config *config, struct err *err) {
    struct rehearsal *world = calloc(1, sizeof *world);

    assert(world);
    diskfull_install();
    secrets_from_seed(&world->secrets, config->seed);
    world->seed = config->seed;
    world->now_ms = config->start_ms;
    world->group_max = config->group_max;
    world->poll_ms = config->poll_ms ? config->poll_ms : POLL_MS;
    world->scratch = arena_new(SCRATCH_SIZE);
    (void)snprintf(world->folder, sizeof world->folder, "%s", config->folder);
    if (mkdir(world->folder, FOLDER_MODE) && errno != EEXIST) {
        (void)err_plain(err, ERR_UNAVAILABLE, "%s cannot be made: %s", world->folder,
                        speak(strerror(errno)));
        goto fail;
    }
    for (size_t i = 0; config->services[i]; i++) {
        assert(i < REHEARSAL_SERVICES_MAX);
        world->parts[world->part_count++].def = config->services[i];
    }
    for (size_t i = 0; i < world->part_count; i++) {
        if (rehearsal_open(world, &world->parts[i], err)) {
            goto fail;
        }
    }
    return world;

fail:
    rehearsal_free(world);
    return NULL;
}

void rehearsal_free(struct rehearsal *world) {
    if (!world) {
        return;
    }
    for (size_t i = 0; i < world->part_count; i++) {
        core_free(world->parts[i].core);
    }
    for (size_t i = 0; i < world->grave_count; i++) {
        core_free(world->graves[i]);
    }
    for (size_t i = 0; i < world->letter_count; i++) {
        free(world->letters[i].data);
    }
    for (size_t i = 0; i < world->job_count; i++) {
        free(world->jobs[i].output);
    }
    for (size_t i = 0; i < world->send_count; i++) {
        notify__send__free_unpacked(world->sends[i].send, NULL);
    }
    free(world->letters);
    free(world->routes);
    free(world->jobs);
    free(world->sends);
    free(world->answer);
    arena_free(world->scratch);
    free(world);
}

int64_t rehearsal_now(const struct rehearsal *world) {
    return world->now_ms;
}

struct core *rehearsal_core(struct rehearsal *world, const char *service) {
    struct part_of_world *part = rehearsal_part(world, service);

    return part ? part->core : NULL;
}

bool rehearsal_has(const struct rehearsal *world, const char *service) {
    for (size_t i = 0; service && i < world->part_count; i++) {
        if (strcmp(world->parts[i].def->name, service) == 0) {
            return true;
        }
    }
    return false;
}

const struct secrets *rehearsal_secrets(const struct rehearsal *world) {
    return &world->secrets;
}

/* ---- carrying ---- */

static void *grow(void *list, size_t count, size_t *room, size_t size) {
    const size_t first = 64;

    if (count < *room) {
        return list;
    }
    *room = *room ? *room * 2 : first;
    void *more = realloc(list, *room * size);
    assert(more);
    return more;
}

static void put_letter(struct rehearsal *world, const struct letter *letter, struct bytes frame,
                       int64_t delay_ms) {
    world->letters = grow(world->letters, world->letter_count, &world->letter_room,
                          sizeof *world->letters);
    struct letter *kept = &world->letters[world->letter_count++];
    *kept = *letter;
    kept->due_ms = world->now_ms + delay_ms;
    kept->data = malloc(frame.size + 1);
    assert(kept->data);
    if (frame.size > 0) {
        memcpy(kept->data, frame.data, frame.size);
    }
    kept->size = frame.size;
}

static int64_t delay(struct rehearsal *world) {
    const struct rehearsal_weather *weather = &world->weather;
    const bool late = weather->late > 0 && rehearsal_chance(world, PER_MILLE) < weather->late;

    return late ? 1 + rehearsal_chance(world, (uint32_t)weather->late_ms) : 0;
}

static bool is_lost(struct rehearsal *world, bool outside) {
    return world->lose && world->lose(world->lose_arg, outside);
}

/* On its way, by the weather. */
static void post(struct rehearsal *world, const struct letter *letter, struct bytes frame) {
    const struct rehearsal_weather *weather = &world->weather;

    if (is_lost(world, false)) {
        return;
    }
    if (weather->lost > 0 && rehearsal_chance(world, PER_MILLE) < weather->lost) {
        return;
    }
    put_letter(world, letter, frame, delay(world));
    if (weather->repeated > 0 && rehearsal_chance(world, PER_MILLE) < weather->repeated) {
        put_letter(world, letter, frame, delay(world));
    }
}

/* A way back: who asked, so that the reply finds him. */
static uint64_t new_route(struct rehearsal *world, const struct route *route) {
    world->routes = grow(world->routes, world->route_count, &world->route_room,
                         sizeof *world->routes);
    world->routes[world->route_count++] = *route;
    return world->route_count; /* 0 is nobody's */
}

static void carry_reply(struct rehearsal *world, const struct part_of_world *from,
                        const struct out *out) {
    if (out->route == 0 || out->route > world->route_count) {
        return;
    }
    const struct route *route = &world->routes[out->route - 1];
    if (!route->from) { /* the one who asks from outside */
        if (out->route == world->waiting && !is_lost(world, true)) {
            free(world->answer);
            world->answer = malloc(out->frame.size + 1);
            assert(world->answer);
            memcpy(world->answer, out->frame.data, out->frame.size);
            world->answer_size = out->frame.size;
            world->waiting = 0;
        }
        return;
    }
    if (route->life == route->from->life) {
        struct letter letter = {.from = from, .to = route->from, .reply = true};
        post(world, &letter, out->frame);
    }
}

static void carry_away(struct rehearsal *world, struct part_of_world *part) {
    for (const struct out *out = core_next(part->core); out; out = core_next(part->core)) {
        switch (out->kind) {
        case OUT_REPLY:
            carry_reply(world, part, out);
            break;
        case OUT_CALL: {
            struct letter letter = {.from = part, .to = rehearsal_part(world, out->peer)};
            if (letter.to) {
                post(world, &letter, out->frame);
            }
            break;
        }
        case OUT_JOB:
            world->jobs = grow(world->jobs, world->job_count, &world->job_room,
                               sizeof *world->jobs);
            rehearsal_job(world, part, out, &world->jobs[world->job_count++]);
            break;
        }
    }
}

/* What the live host does: at once, nothing is said or written any more. */
static int die(struct rehearsal *world, struct part_of_world *part, struct err *err) {
    *err = (struct err){0};
    if (world->died) {
        world->died(world->died_arg, part->def->name);
    }
    return rehearsal_kill(world, part->def->name, err);
}

/*
 * Until it has nothing left to do at this instant.  What it says is carried away
 * only then, so that it makes no difference in how many commits it does it.
 */
static int step(struct rehearsal *world, struct part_of_world *part, struct err *err) {
    part->input = false;
    for (size_t round = 0; round < ROUNDS_MAX; round++) {
        diskfull_set(part->full);
        int rc = core_step(part->core, part_now(world, part), err);
        diskfull_set(false);
        if (rc && world->mortal) {
            return die(world, part, err);
        }
        if (rc) {
            return err_wrap(err, "%s", part->def->name);
        }
        carry_away(world, part);
        if (when(world, part, core_wake(part->core)) > world->now_ms) {
            return 0;
        }
    }
    return err_plain(err, ERR_INTERNAL, "%s does not come to rest", part->def->name);
}

bool rehearsal_is_cut(const struct rehearsal *world, const char *from, const char *to) {
    for (size_t i = 0; i < world->cut_count; i++) {
        const struct cut *cut = &world->cuts[i];
        if ((strcmp(cut->a, from) == 0 && strcmp(cut->b, to) == 0)
            || (!cut->one_way && strcmp(cut->a, to) == 0 && strcmp(cut->b, from) == 0)) {
            return true;
        }
    }
    return false;
}

/* What is on a cut link, or to one who is down, is gone: the sender's time-out finds out. */
static bool deliver(struct rehearsal *world) {
    const size_t count = world->letter_count;
    bool any = false;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct letter letter = world->letters[i];
        if (letter.due_ms > world->now_ms) {
            world->letters[kept++] = letter;
            continue;
        }
        any = true;
        struct bytes frame = {letter.data, letter.size};
        if (letter.to->core
            && !rehearsal_is_cut(world, letter.from->def->name, letter.to->def->name)) {
            if (letter.reply) {
                core_push_reply(letter.to->core, letter.from->def->name, frame);
            } else {
                union {
                    const struct part_of_world *kept;
                    struct part_of_world *part;
                } from = {.kept = letter.from};
                struct route route = {.from = from.part, .life = letter.from->life};
                struct origin origin = {.route = new_route(world, &route),
                                        .peer = letter.from->def->name};
                (void)core_push_request(letter.to->core, &origin, frame);
            }
            letter.to->input = true;
        }
        free(letter.data);
    }
    world->letter_count = kept; /* delivering posts nothing: services speak when they step */
    return any;
}

static bool finish_jobs(struct rehearsal *world) {
    size_t kept = 0;
    bool any = false;

    for (size_t i = 0; i < world->job_count; i++) {
        struct job_now job = world->jobs[i];
        bool alive = job.part->core && job.life == job.part->life;
        if (alive && job.due_ms > world->now_ms) {
            world->jobs[kept++] = job;
            continue;
        }
        if (alive) {
            core_push_job(job.part->core, job.id, job.failed, (struct bytes){job.output, job.size},
                          job.failed ? &job.err : NULL);
            job.part->input = true;
            any = true;
        }
        free(job.output);
    }
    world->job_count = kept;
    return any;
}

/* Everybody who has something to do at this instant, in the order of the list, until quiet. */
static int run_instant(struct rehearsal *world, struct err *err) {
    for (size_t round = 0; round < ROUNDS_MAX; round++) {
        bool any = deliver(world);
        any = finish_jobs(world) || any;
        for (size_t i = 0; i < world->part_count; i++) {
            struct part_of_world *part = &world->parts[i];
            if (!part->core
                || (!part->input && when(world, part, core_wake(part->core)) > world->now_ms)) {
                continue;
            }
            any = true;
            if (step(world, part, err)) {
                return -1;
            }
        }
        if (!any) {
            return 0;
        }
    }
    return err_plain(err, ERR_INTERNAL, "the services do not come to rest");
}

static int64_t next_wake(struct rehearsal *world) {
    int64_t wake = INT64_MAX;

    for (size_t i = 0; i < world->letter_count; i++) {
        wake = world->letters[i].due_ms < wake ? world->letters[i].due_ms : wake;
    }
    for (size_t i = 0; i < world->part_count; i++) {
        struct part_of_world *part = &world->parts[i];
        if (!part->core) {
            continue;
        }
        int64_t due = part->input ? world->now_ms : when(world, part, core_wake(part->core));
        wake = due < wake ? due : wake;
    }
    for (size_t i = 0; i < world->job_count; i++) {
        wake = world->jobs[i].due_ms < wake ? world->jobs[i].due_ms : wake;
    }
    return wake;
}

int rehearsal_advance(struct rehearsal *world, int64_t to_ms, struct err *err) {
    for (int64_t wake = next_wake(world); wake < to_ms; wake = next_wake(world)) {
        if (wake > world->now_ms) {
            world->now_ms = wake;
        }
        if (run_instant(world, err)) {
            return -1;
        }
    }
    if (to_ms > world->now_ms) {
        world->now_ms = to_ms;
    }
    return 0;
}

int rehearsal_settle(struct rehearsal *world, struct err *err) {
    return run_instant(world, err);
}

/* ---- asking ---- */

static struct bytes token_of(struct rehearsal *world, const struct rehearsal_caller *caller) {
    struct token token = {
        .staff = caller->staff,
        .estate = caller->estate ? caller->estate : "",
        .roles = caller->roles,
        .role_count = caller->role_count,
        .generation = caller->generation,
        .from_ms = world->now_ms - TOKEN_BEFORE_MS,
        .until_ms = world->now_ms + TOKEN_AFTER_MS,
    };

    return token_sign(&world->secrets, &token, world->scratch);
}

const uint8_t *rehearsal_id(const struct rehearsal *world) {
    return world->id;
}

static void next_id(struct rehearsal *world, const uint8_t *id) {
    uint8_t random[10] = {0};

    if (id) {
        memcpy(world->id, id, CORE_ID_SIZE);
        return;
    }
    world->asked++;
    /* The first three bytes hold the marks of a UUID: a counter there would lose bits. */
    memcpy(random + 3, &world->asked, sizeof random - 3);
    text_uuid7(world->id, world->now_ms, random);
}

/* What a client says when nobody answers. */
static Wire__Reply *unavailable(const char *service, struct arena *arena) {
    Wire__Reply *reply = ARENA_NEW(arena, Wire__Reply);

    wire__reply__init(reply);
    reply->code = WIRE__CODE__UNAVAILABLE;
    reply->rule = "service_unavailable";
    reply->message = arena_text(arena, "%s: service_unavailable", service);
    return reply;
}

static struct bytes pack(const ProtobufCMessage *message, struct arena *arena) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static ProtobufCBinaryData binary(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data}; /* only packed */
}

/* First without letting anything else happen; then, if it is parked, with the world. */
static int wait_answer(struct rehearsal *world, struct part_of_world *part, struct err *err) {
    int64_t until_ms = world->now_ms + ASK_WAIT_MS;

    if (step(world, part, err) || (world->waiting && run_instant(world, err))) {
        return -1;
    }
    while (world->waiting && part->core && world->now_ms < until_ms) {
        int64_t wake = next_wake(world);
        if (wake >= until_ms) {
            break;
        }
        if (rehearsal_advance(world, wake + 1, err)) {
            return -1;
        }
    }
    return 0;
}

/* The frame on the wire; the route by which its reply will come back. */
static void post_request(struct rehearsal *world, struct part_of_world *part,
                         const struct rehearsal_request *asked) {
    Wire__Request request = WIRE__REQUEST__INIT;
    const struct rehearsal_caller *caller = asked->caller;
    struct route route = {0};
    struct origin origin = {.peer = caller->peer, .local = caller->local};

    request.id = (ProtobufCBinaryData){CORE_ID_SIZE, world->id};
    request.method = asked->method;
    request.locale = caller->locale ? caller->locale : "zh";
    request.payload = binary(asked->payload);
    if (caller->staff) {
        request.token = binary(token_of(world, caller));
    }
    origin.route = new_route(world, &route);
    world->waiting = origin.route;
    (void)core_push_request(part->core, &origin, pack(&request.base, world->scratch));
}

int rehearsal_ask(struct rehearsal *world, const struct rehearsal_request *request,
                  Wire__Reply **reply, struct arena *arena, struct err *err) {
    struct part_of_world *part = rehearsal_must(world, request->service, err);

    if (!part) {
        return -1;
    }
    arena_reset(world->scratch);
    next_id(world, request->id);
    if (!part->core || rehearsal_is_cut(world, "caller", request->service)) {
        *reply = unavailable(request->service, arena);
        return 0;
    }
    post_request(world, part, request);
    if (wait_answer(world, part, err)) {
        return -1;
    }
    if (world->waiting) {
        world->waiting = 0;
        *reply = unavailable(request->service, arena);
        return 0;
    }
    ProtobufCAllocator allocator = arena_protobuf(arena);
    *reply = wire__reply__unpack(&allocator, world->answer_size, world->answer);
    return *reply ? 0
                  : err_plain(err, ERR_INTERNAL, "%s answered with no message", request->service);
}

/* ---- looking ---- */

size_t rehearsal_sends(const struct rehearsal *world, const struct rehearsal_send **list) {
    *list = world->sends;
    return world->send_count;
}

int rehearsal_events(struct rehearsal *world, const char *service, uint64_t after, size_t max,
                     struct arena *arena, struct bytes *events, struct err *err) {
    struct part_of_world *part = rehearsal_must(world, service, err);
    size_t count = 0;
    int more = 0;

    if (!part || !part->core) {
        return part ? 0 : -1;
    }
    struct query q = QUERY(core_store(part->core), "SELECT body FROM event WHERE position > ?1"
                                                   " ORDER BY position");
    query_bind_i64(&q, 1, (int64_t)after);
    while (count < max && (more = query_step(&q, err)) == 1) {
        events[count].data = query_blob(&q, 0, arena, &events[count].size);
        count++;
    }
    query_end(&q);
    return more < 0 ? -1 : (int)count;
}
