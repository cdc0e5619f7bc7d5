#include "nth/story.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/services.h"
#include "core/event.h"
#include "harness.h"
#include "host/methods.h"
#include "nth/fail.h"
#include "nth/steps.h"
#include "sim/disk.h"
#include "store/query.h"

enum {
    STEPS_MAX = 256,
    STEP_MS = 10 * 1000, /* one step begins so long after the other */
    HEAR_MS = 40 * 1000, /* until everybody has heard what happened: longer than a poll */
    AGAIN_MAX = 120,     /* seconds until everything is answered */
    NAMES_ARENA = 64 << 10,
};

static const int64_t morning_ms = INT64_C(1752282300000); /* 2025-07-12 09:05 +08:00 */

static struct step steps[STEPS_MAX];
static size_t step_count;

static void add_step(const struct step *step) {
    CHECK(step_count < STEPS_MAX);
    steps[step_count++] = *step;
}

static bool is_told(const char *service, const char *method) {
    for (const struct step *step = steps_told; step->service; step++) {
        if (text_eq(step->service, service) && step->method && text_eq(step->method, method)) {
            return true;
        }
    }
    return false;
}

/* What every service has: its own health, its events, its dead letters, a copy of it. */
static void add_core(const struct methods_found *found, struct arena *arena) {
    const char *name = found->method->name;

    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        struct step step = {town_services[i], found->full, "S904/sys", "{}"};
        if (text_eq(name, "Backup")) {
            step.who = "system/system";
            step.what = arena_text(arena, "{\"path\":\"/nth/%s.db\"}", town_services[i]);
        } else if (text_eq(name, "RetryDead")) {
            step.what = "{\"id\":1}";
        }
        add_step(&step);
    }
}

/* Every method that the story itself does not need is asked with nothing in it; those that only
 * services may ask, by one. */
static void add_others(struct arena *arena) {
    struct methods_walk walk = {0};
    struct methods_found found;

    while (methods_next(&walk, &found, arena)) {
        const char *name = found.method->name;
        const bool peer = text_eq(name, "Append") || text_eq(name, "Pull")
                          || text_eq(name, "Recover") || text_eq(name, "HandOver");
        const struct step step = {found.service, name, peer ? "@ticketing" : "S904/sys", "{}"};
        if (text_eq(found.service, "core")) {
            add_core(&found, arena);
        } else if (!is_told(found.service, name)) {
            add_step(&step);
        }
    }
}

void story_prepare(void) {
    struct arena *arena = arena_new(NAMES_ARENA); /* until the end */

    fail_install();
    town_prepare();
    add_others(arena);
    for (size_t i = 0; steps_told[i].service; i++) {
        add_step(&steps_told[i]);
    }
}

size_t story_steps(void) {
    return step_count;
}

/* ---- one run ---- */

/* Nobody knows what is on the disk: whatever was not synced may be lost. */
static void died(void *arg, const char *service) {
    struct town *town = arg;

    disk_cut(town_path(town, service), town_random, town);
    town->down[town_number(service)] = true;
}

void story_open(struct story *story) {
    struct town *town = &story->town;

    town_open(town, 1);
    town_advance(town, morning_ms - rehearsal_now(town->world));
    rehearsal_mortal(town->world, died, town);
    fail_watch(town->world, town->folder);
}

/* ---- names in a request ---- */

static const char *newest(struct town *town, const char *service, const char *key,
                          const char *topic) {
    ProtobufCAllocator allocator = arena_protobuf(town->scratch);
    struct core *core = rehearsal_core(town->world, service);
    struct err err = {0};
    size_t size = 0;
    const char *found = NULL;

    if (!core) {
        return NULL;
    }
    struct query q = QUERY(core_store(core), "SELECT body FROM event ORDER BY position DESC");
    while (!found && query_step(&q, &err) == 1) {
        const uint8_t *body = query_blob(&q, 0, town->scratch, &size);
        const Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        const bool fits = topic ? text_eq(event->topic, topic)
                                : value_find(event->fields, event->n_fields, key) != NULL;
        found = !fits   ? NULL
                : topic ? event->case_no
                        : value_text(event->fields, event->n_fields, key);
    }
    query_end(&q);
    return found;
}

static const char *import_number(struct town *town) {
    struct core *core = rehearsal_core(town->world, "registry");
    struct err err = {0};

    if (!core) {
        return "0";
    }
    struct query q = QUERY(core_store(core), "SELECT ifnull(max(id), 0) FROM import");
    CHECK_OK(query_step(&q, &err) != 1, err);
    const int64_t id = query_i64(&q, 0);
    query_end(&q);
    return arena_text(town->scratch, "%" PRId64, id);
}

static const char *meaning(struct town *town, const char *name) {
    if (text_eq(name, "import")) {
        return import_number(town);
    }
    if (text_eq(name, "page")) {
        const char *page = newest(town, "notify", "page", NULL);
        return page ? page : "P000000";
    }
    const char *topic = arena_text(town->scratch, "%s.open", name);
    const char *found = newest(town, "ticketing", NULL, topic);
    found = found ? found : newest(town, "patrol", NULL, topic);
    return found ? found : "none";
}

static const char *put_names(struct town *town, const char *text) {
    const char *dollar = strchr(text, '$');

    if (!dollar) {
        return text;
    }
    const size_t length = strspn(dollar + 1, "abcdefghijklmnopqrstuvwxyz_");
    const char *name = arena_text(town->scratch, "%.*s", (int)length, dollar + 1);
    return arena_text(town->scratch, "%.*s%s%s", (int)(dollar - text), text, meaning(town, name),
                      put_names(town, dollar + 1 + length));
}

/* ---- asking ---- */

static struct bytes payload_of(struct town *town, const struct step *step, const char **full) {
    struct methods_found found;
    struct err err = {0};
    const char *name = strchr(step->method, '/')
                           ? step->method
                           : arena_text(town->scratch, "%s/%s", step->service, step->method);

    CHECK_OK(methods_find(name, &found, town->arena, &err), err);
    *full = found.full;
    const char *text = put_names(town, step->what);
    ProtobufCMessage *message = json_read(found.method->input, text, strlen(text), town->scratch,
                                          &err);
    CHECK_OK(message == NULL, err);
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(town->arena, size + 1);
    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static bool is_unknown(const Wire__Reply *reply) {
    return reply->code == WIRE__CODE__UNAVAILABLE || reply->code == WIRE__CODE__DEADLINE_EXCEEDED
           || reply->code == WIRE__CODE__RESOURCE_EXHAUSTED || reply->code == WIRE__CODE__INTERNAL;
}

/* Who is not answered, or not finally, asks again; unless that is the answer undisturbed too.  A
 * copy that failed may be there in part: whoever wants one names another file. */
static bool is_final(const struct story *story, size_t n, const Wire__Reply *reply) {
    return !story->measure || !is_unknown(reply) || strstr(story->town.asked[n].method, "/Backup")
           || ((int)reply->code == story->measure[n].code
               && text_eq(reply->rule, story->measure[n].rule));
}

static void send(struct story *story, size_t n) {
    struct town *town = &story->town;
    struct asked *one = &town->asked[n];
    const char *roles[] = {one->role};
    const bool peer = one->staff[0] == '@';
    const struct rehearsal_caller caller = {
        .staff = peer || one->staff[0] == '-' ? NULL : one->staff,
        .estate = "E01",
        .roles = roles,
        .role_count = 1,
        .generation = 1,
        .local = text_eq(one->staff, "system"),
        .peer = peer ? one->staff + 1 : NULL,
        .locale = "en",
    };
    const struct rehearsal_request request = {.caller = &caller,
                                              .service = one->service,
                                              .method = one->method,
                                              .payload = one->payload,
                                              .id = one->id[0] ? one->id : NULL};
    Wire__Reply *reply = NULL;
    struct err err = {0};

    CHECK_OK(rehearsal_ask(town->world, &request, &reply, town->scratch, &err), err);
    memcpy(one->id, rehearsal_id(town->world), sizeof one->id);
    one->rule = arena_text(town->arena, "%s", reply->rule);
    if (!is_final(story, n, reply)) {
        town->unknown++;
        return;
    }
    one->answered = true;
    one->acknowledged = reply->code == WIRE__CODE__OK;
    if (!story->measure) {
        story->ends[n].code = (int)reply->code;
        (void)snprintf(story->ends[n].rule, STORY_TEXT, "%s", reply->rule);
    } else if (!is_unknown(reply)
               && ((int)reply->code != story->measure[n].code
                   || !text_eq(reply->rule, story->measure[n].rule))) {
        (void)fprintf(stderr, "# %s is answered %d %s, undisturbed %d %s\n", one->method,
                      (int)reply->code, reply->rule, story->measure[n].code,
                      story->measure[n].rule);
        CHECK(!"asked again after a failure, it is answered as if nothing had been");
    }
}

static void ask(struct story *story, const struct step *step) {
    struct town *town = &story->town;
    const char *slash = strchr(step->who, '/');

    CHECK(town->asked_count < STORY_ASKED_MAX);
    struct asked *one = &town->asked[town->asked_count++];
    one->service = step->service;
    one->staff = slash ? arena_text(town->arena, "%.*s", (int)(slash - step->who), step->who)
                       : step->who;
    one->role = slash ? slash + 1 : "";
    one->payload = payload_of(town, step, &one->method);
    send(story, town->asked_count - 1);
}

static void start(struct town *town, const char *service) {
    struct err err = {0};
    const bool down = rehearsal_start(town->world, service, &err) != 0;

    town->down[town_number(service)] = down;
    if (down) {
        disk_cut(town_path(town, service), town_random, town);
    }
}

static void end_and_start(struct town *town, const struct step *step) {
    struct err err = {0};

    if (text_eq(step->what, "kill")) {
        disk_kill(town_path(town, step->service));
        CHECK_OK(rehearsal_kill(town->world, step->service, &err), err);
    } else {
        CHECK_OK(rehearsal_stop(town->world, step->service, &err), err);
    }
    start(town, step->service);
}

/* A service begins on a machine where it has never been; on the second try at the latest. */
static void begin_new(struct story *story) {
    const char *path = arena_text(story->town.scratch, "%s/new.db", story->town.folder);
    struct err err = {0};
    const struct core_config config = {.path = path,
                                       .secrets = rehearsal_secrets(story->town.world),
                                       .seed = 1,
                                       .now_ms = rehearsal_now(story->town.world)};

    struct core *core = core_new(services_all[town_number(story->unborn)], &config, &err);
    if (core) {
        core_free(core);
        story->unborn = NULL;
    }
}

static void pass_until(struct story *story, size_t n) {
    struct town *town = &story->town;
    const int64_t until_ms = morning_ms + (int64_t)(n + 1) * STEP_MS + story->late_ms;

    if (until_ms > rehearsal_now(town->world)) {
        town_advance(town, until_ms - rehearsal_now(town->world));
    }
}

void story_step(struct story *story, size_t n) {
    struct town *town = &story->town;

    arena_reset(town->scratch);
    if (steps[n].method) {
        ask(story, &steps[n]);
    } else if (text_eq(steps[n].what, "new")) {
        story->unborn = steps[n].service;
        begin_new(story);
    } else {
        end_and_start(town, &steps[n]);
    }
    town_advance(town, 0);
    pass_until(story, n);
}

/* Is anybody down?  He begins again with what is on the disk. */
static bool start_all(struct town *town) {
    bool any = false;

    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        if (!rehearsal_core(town->world, town_services[i])) {
            arena_reset(town->scratch);
            start(town, town_services[i]);
            CHECK(!town->down[i]);
            any = true;
        }
    }
    return any;
}

static bool ask_again(struct story *story) {
    bool any = false;

    for (size_t i = 0; i < story->town.asked_count; i++) {
        if (!story->town.asked[i].answered) {
            arena_reset(story->town.scratch);
            send(story, i);
            any = true;
        }
    }
    return any;
}

static void say_unanswered(const struct town *town) {
    for (size_t i = 0; i < town->asked_count; i++) {
        const struct asked *one = &town->asked[i];
        if (!one->answered) {
            (void)fprintf(stderr, "# %s: %s is answered only: %s\n", one->service, one->method,
                          one->rule);
        }
    }
}

void story_mend(struct story *story, size_t n) {
    struct town *town = &story->town;
    bool open = true;

    (void)start_all(town);
    if (story->unborn) {
        begin_new(story);
        CHECK(!story->unborn); /* what its first start left behind can be gone on with */
    }
    for (int i = 0; i < AGAIN_MAX && (open = ask_again(story)); i++) {
        town_advance(town, 1000);
    }
    if (open) {
        say_unanswered(town);
        CHECK(!"everything is answered two minutes after the last failure");
    }
    town_advance(town, HEAR_MS);
    story->late_ms = rehearsal_now(town->world) - morning_ms - (int64_t)(n + 1) * STEP_MS;
    CHECK(!start_all(town)); /* nobody ends any more */
}

void story_tell(void) {
    for (size_t i = 0; i < step_count; i++) {
        (void)printf("# step %zu: %s %s %s\n", i, steps[i].service,
                     steps[i].method ? steps[i].method : "", steps[i].what);
    }
}
