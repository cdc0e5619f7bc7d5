#include "sim/town.h"

#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/services.h"
#include "core/event.h"
#include "harness.h"
#include "host/import.h"
#include "manual/compile.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "sim/disk.h"

enum {
    ARENA = 8 << 20,
    SCRATCH = 8 << 20,
    MANUAL_ARENA = 64 << 20,
    FILE_MAX = 512 << 10,
    AGAIN_MAX = 400, /* rounds until everything is answered */
    FIELDS_MAX = 8,
    POLL_MS = 20000,
    DIGEST_SIZE = 32,
};

static const int64_t start_ms = INT64_C(1752242400000); /* 2025-07-11 22:00 +08:00 */
static const char template[] = "template";

const char *const town_services[TOWN_SERVICES + 1] = {"bus",    "registry", "ticketing", "patrol",
                                                      "notify", "reports",  NULL};

size_t town_number(const char *service) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        if (text_eq(town_services[i], service)) {
            return i;
        }
    }
    CHECK(!"a service of the house");
    return 0;
}

const char *town_path(struct town *town, const char *service) {
    return arena_text(town->scratch, "%s/%s.db", town->folder, service);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint32_t town_chance(struct town *town, uint32_t below) {
    uint64_t z = town->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31U)) >> 32U) % below;
}

uint32_t town_random(void *town, uint32_t below) {
    return town_chance(town, below);
}

static void trace(struct town *town, uint64_t what) {
    town->trace = (town->trace ^ what) * UINT64_C(1099511628211);
}

/* ---- asking ---- */

static Wire__Reply *ask(struct rehearsal *world, const char *service, const char *method,
                        const char *staff, const char *role, struct bytes payload,
                        const uint8_t *id, struct arena *arena) {
    const char *const roles[] = {role};
    const struct rehearsal_caller caller = {.staff = staff,
                                            .estate = "E01",
                                            .roles = roles,
                                            .role_count = 1,
                                            .generation = 1,
                                            .local = text_eq(staff, "system"),
                                            .locale = "en"};
    const struct rehearsal_request request = {
        .caller = &caller, .service = service, .method = method, .payload = payload, .id = id};
    Wire__Reply *reply = NULL;
    struct err err = {0};

    CHECK_OK(rehearsal_ask(world, &request, &reply, arena, &err), err);
    return reply;
}

static struct bytes packed(const ProtobufCMessage *message, struct arena *arena) {
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

/* ---- the template ---- */

static ProtobufCMessage *import_ask(void *arg, const char *service, const char *method,
                                    const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *type, struct arena *arena,
                                    struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    const Wire__Reply *reply = ask(arg, service, method, "system", "system", packed(request, arena),
                                   NULL, arena);

    if (reply->code != WIRE__CODE__OK) {
        (void)err_plain(err, ERR_INTERNAL, "%s: %s", method, reply->message);
        return NULL;
    }
    return protobuf_c_message_unpack(type, &allocator, reply->payload.len, reply->payload.data);
}

static int import_wait(void *arg, struct err *err) {
    return rehearsal_advance(arg, rehearsal_now(arg) + 10, err) || rehearsal_settle(arg, err);
}

/* The lines of a file of the demo estate that concern a few flats: small stores, quick copies. */
static struct bytes few_lines(const char *path, const char *of, struct arena *arena) {
    char *text = arena_alloc(arena, FILE_MAX);
    char line[1024];
    size_t used = 0;
    FILE *file = fopen(path, "re");

    CHECK(file);
    for (bool header = true; fgets(line, sizeof line, file); header = false) {
        const size_t length = strlen(line);
        if ((header || !of || strstr(line, of)) && used + length < FILE_MAX) {
            memcpy(text + used, line, length);
            used += length;
        }
    }
    (void)fclose(file);
    return (struct bytes){(const uint8_t *)text, used};
}

static void import_few(struct rehearsal *world, const char *path, const char *of,
                       struct arena *arena) {
    const struct import_link link = {world, import_ask, import_wait};
    struct import_result result = {0};
    struct err err = {0};

    CHECK_OK(import_file(&link, few_lines(path, of, arena), false, &result, arena, &err), err);
    CHECK(result.rows > 0 && result.bad == 0);
    CHECK_OK(rehearsal_settle(world, &err), err);
}

static void publish(struct rehearsal *world, struct arena *arena) {
    static struct compiled compiled;
    uint8_t digest[DIGEST_SIZE];
    crypto_generichash_state state;
    struct err err = {0};

    CHECK_OK(compile_dir("manual", &compiled, arena, &err), err);
    CHECK(compiled.mistake_count == 0);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    for (size_t i = 0; i < compiled.count; i++) {
        (void)crypto_generichash_update(&state, compiled.files[i].data, compiled.files[i].size);
    }
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    for (size_t i = 0; i < compiled.count; i++) {
        Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
        request.revision = 1;
        request.part = (uint32_t)i + 1;
        request.count = (uint32_t)compiled.count;
        request.digest = (ProtobufCBinaryData){sizeof digest, digest};
        request.file = (ProtobufCBinaryData){compiled.files[i].size,
                                             (uint8_t *)(uintptr_t)compiled.files[i].data};
        const Wire__Reply *reply = ask(world, "registry",
                                       "shouwen.registry.v1.Registry/PublishManual", "system",
                                       "system", packed(&request.base, arena), NULL, arena);
        CHECK(reply->code == WIRE__CODE__OK);
    }
    CHECK_OK(rehearsal_settle(world, &err), err);
}

void town_prepare(void) {
    const struct rehearsal_config config = {
        .services = services_all, .folder = template, .seed = 1, .start_ms = start_ms - 60000};
    struct arena *arena = arena_new(MANUAL_ARENA);
    struct err err = {0};

    log_set(getenv("VERBOSE") ? LOG_ERROR : LOG_ERROR + 1,
            false); /* refusals and faults are what this is about */
    disk_install();
    struct rehearsal *world = rehearsal_new(&config, &err);
    CHECK_OK(world == NULL, err);
    CHECK_OK(rehearsal_settle(world, &err), err);
    import_few(world, "deploy/demo/staff.csv", NULL, arena);
    import_few(world, "deploy/demo/units.csv", "2-1-", arena);
    import_few(world, "deploy/demo/persons.csv", ",2-1-", arena);
    publish(world, arena);
    import_few(world, "deploy/demo/roster.csv", NULL, arena);
    CHECK_OK(rehearsal_advance(world, start_ms - 1, &err), err);
    CHECK_OK(rehearsal_settle(world, &err), err);
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        CHECK(core_ready(rehearsal_core(world, town_services[i])));
    }
    rehearsal_free(world); /* closed in order: the logs are folded in */
    (void)rmdir(template); /* the files are on the simulated disk */
    arena_free(arena);
}

/* ---- one history ---- */

static void died(void *arg, const char *service) {
    struct town *town = arg;

    disk_kill(town_path(town, service));
    town->down[town_number(service)] = true;
}

void town_open(struct town *town, uint64_t seed) {
    struct err err = {0};

    memset(town, 0, sizeof *town);
    town->seed = seed;
    town->state = seed * UINT64_C(2862933555777941757) + 3037000493;
    town->arena = arena_new(ARENA);
    town->scratch = arena_new(SCRATCH);
    (void)snprintf(town->folder, sizeof town->folder, "t%llu", (unsigned long long)seed);
    disk_heal();
    disk_lie(getenv("LIE") != NULL);
    disk_copy(template, town->folder);
    const struct rehearsal_config config = {.services = services_all,
                                            .folder = town->folder,
                                            .seed = seed,
                                            .start_ms = start_ms,
                                            .poll_ms = POLL_MS};
    town->world = rehearsal_new(&config, &err);
    CHECK_OK(town->world == NULL, err);
    rehearsal_mortal(town->world, died, town);
    CHECK_OK(rehearsal_settle(town->world, &err), err);
}

void town_close(struct town *town) {
    char prefix[80];

    /* Nobody's last words: what is compared is what was there. */
    disk_kill(town->folder);
    rehearsal_free(town->world);
    disk_drop(town->folder);
    (void)snprintf(prefix, sizeof prefix, "backup-%s", town->folder);
    disk_drop(prefix);
    (void)rmdir(town->folder);
    arena_free(town->arena);
    arena_free(town->scratch);
}

void town_advance(struct town *town, int64_t ms) {
    struct err err = {0};

    CHECK_OK(rehearsal_advance(town->world, rehearsal_now(town->world) + ms, &err), err);
    CHECK_OK(rehearsal_settle(town->world, &err), err);
}

/* ---- what people do ---- */

static const struct {
    const char *staff, *role;
} people[] = {
    {"S101", "desk"},    {"S102", "desk"},     {"S201", "steward"},  {"S202", "steward"},
    {"S301", "cs_sup"},  {"S401", "eng_disp"}, {"S402", "eng"},      {"S403", "eng"},
    {"S501", "ord_sup"}, {"S601", "env_sup"},  {"S801", "duty_mgr"}, {"S901", "pm"},
};
enum { PEOPLE = sizeof people / sizeof people[0] };

/* "key=value;key=value"; {s} is some employee. */
static const struct {
    const char *procedure, *fields;
} openings[] = {
    {"repair", "urgency=E1;trade=water;scope=private;place=kitchen;content=a pipe"},
    {"repair", "urgency=N;trade=power;scope=common;place=stairs;content=no light"},
    {"repair", "urgency=E2;trade=water;scope=private;place=bath;content=drips"},
    {"complaint", "category=service;content=rude;demand=sorry"},
    {"contact", "category=other;content=a question;identity=owner"},
    {"inquiry", "topic=fees;content=how much"},
};

static const struct {
    const char *event, *fields;
} acts[] = {
    {"dispatch", "assignee={s}"},
    {"dispatch", "assignee=S402"},
    {"ack", ""},
    {"refuse", "reason=busy"},
    {"arrive", ""},
    {"start", ""},
    {"make_safe", ""},
    {"done", "result=fixed;photos=2"},
    {"rate", "way=phone;overall=5;rework=false"},
    {"rate", "way=phone;overall=2;rework=true;reason=still drips"},
    {"transfer", "assignee={s};dept=engineering"},
    {"accept", ""},
    {"answer_now", "answer=so it is"},
    {"answer", "answer=so it is"},
    {"register", "scope=private;urgency=N;trade=water;place=x;content=y"},
    {"grade", "validity=valid;grade=minor"},
    {"change_first_owner", "assignee={s}"},
};

static Wire__Value **fields_of(struct town *town, const char *text, size_t *count) {
    struct values values = {.arena = town->scratch};
    char *copy = arena_text(town->scratch, "%s", text);
    char *rest = NULL;

    for (char *pair = strtok_r(copy, ";", &rest); pair; pair = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(pair, '=');
        *equals = '\0';
        values_add_text(&values, pair,
                        text_eq(equals + 1, "{s}") ? people[town_chance(town, PEOPLE)].staff
                                                   : equals + 1);
    }
    *count = values.count;
    return values.list;
}

static void remember_case(struct town *town, const char *number, const char *procedure) {
    if (number && *number && town->case_count < TOWN_CASES_MAX) {
        town->cases[town->case_count].number = arena_text(town->arena, "%s", number);
        town->cases[town->case_count++].procedure = procedure;
    }
}

static bool is_unknown(const Wire__Reply *reply) {
    return reply->code == WIRE__CODE__UNAVAILABLE || reply->code == WIRE__CODE__DEADLINE_EXCEEDED
           || reply->code == WIRE__CODE__RESOURCE_EXHAUSTED || reply->code == WIRE__CODE__INTERNAL;
}

/* An answer that is lost on its way is one that was not given: he asks again. */
static void send(struct town *town, struct asked *one, bool may_be_lost) {
    const Wire__Reply *reply = ask(town->world, one->service, one->method, one->staff, one->role,
                                   one->payload, one->id[0] ? one->id : NULL, town->scratch);

    memcpy(one->id, rehearsal_id(town->world), sizeof one->id);
    trace(town, (uint64_t)reply->code);
    if (is_unknown(reply) || (may_be_lost && town_chance(town, 20) == 0)) {
        town->unknown++;
        return;
    }
    one->answered = true;
    one->rule = arena_text(town->arena, "%s", reply->rule);
    one->acknowledged = reply->code == WIRE__CODE__OK
                        || text_eq(reply->rule, "done_before_restore");
    town->acknowledged += one->acknowledged;
    town->refused += !one->acknowledged;
    if (reply->code == WIRE__CODE__OK && strstr(one->method, "/OpenCase")) {
        ProtobufCAllocator allocator = arena_protobuf(town->scratch);
        const Cases__OpenCaseReply *opened = cases__open_case_reply__unpack(
            &allocator, reply->payload.len, reply->payload.data);
        CHECK(opened);
        remember_case(town, opened->case_no, "");
        remember_case(town, opened->contact_no, "");
    }
}

static struct asked *new_asked(struct town *town, const char *service, const char *method,
                               size_t who, const ProtobufCMessage *request) {
    if (town->asked_count == TOWN_ASKED_MAX) {
        return NULL;
    }
    struct asked *one = &town->asked[town->asked_count++];
    *one = (struct asked){.service = service,
                          .method = method,
                          .staff = people[who].staff,
                          .role = people[who].role,
                          .payload = packed(request, town->arena)};
    return one;
}

static void open_one(struct town *town) {
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller = CASES__CALLER__INIT;
    const size_t what = town_chance(town, sizeof openings / sizeof openings[0]);

    caller.name = "孙先生";
    caller.phone = "13800000000";
    request.procedure = openings[what].procedure;
    request.unit = town_chance(town, 2) ? "2-1-501" : "2-1-502";
    request.channel = "call";
    request.new_matter = town_chance(town, 3) > 0;
    request.caller = text_eq(request.procedure, "contact") ? NULL : &caller;
    if (town_chance(town, 8) == 0) { /* entered late */
        request.event_ms = rehearsal_now(town->world) - 1000 * (int64_t)town_chance(town, 7200);
    }
    request.fields = fields_of(town, openings[what].fields, &request.n_fields);
    struct asked *one = new_asked(town, "ticketing", "shouwen.ticketing.v1.Ticketing/OpenCase",
                                  town_chance(town, 4), &request.base);
    if (one) {
        send(town, one, true);
    }
}

static void fire_one(struct town *town) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    const size_t what = town_chance(town, sizeof acts / sizeof acts[0]);

    request.case_no = town->cases[town_chance(town, (uint32_t)town->case_count)].number;
    request.event = acts[what].event;
    request.fields = fields_of(town, acts[what].fields, &request.n_fields);
    struct asked *one = new_asked(town, "ticketing", "shouwen.ticketing.v1.Ticketing/FireEvent",
                                  town_chance(town, PEOPLE), &request.base);
    if (one) {
        send(town, one, true);
    }
}

/* Somebody who has been paged answers, or says that he cannot come. */
static void answer_page(struct town *town) {
    const char *number = town->cases[town_chance(town, (uint32_t)town->case_count)].number;
    Notify__AcknowledgeRequest ack = NOTIFY__ACKNOWLEDGE_REQUEST__INIT;
    Notify__RejectRequest reject = NOTIFY__REJECT_REQUEST__INIT;
    const bool comes = town_chance(town, 4) > 0;

    ack.case_no = number;
    ack.channel = "pager";
    reject.case_no = number;
    reject.reason = "ill";
    struct asked *one = comes ? new_asked(town, "notify", "shouwen.notify.v1.Notify/Acknowledge",
                                          town_chance(town, PEOPLE), &ack.base)
                              : new_asked(town, "notify", "shouwen.notify.v1.Notify/Reject",
                                          town_chance(town, PEOPLE), &reject.base);
    if (one) {
        send(town, one, true);
    }
}

/* The children of what is known: found in the events, as a desk finds them in its lists. */
static void look_around(struct town *town) {
    struct bytes events[64];
    ProtobufCAllocator allocator = arena_protobuf(town->scratch);
    struct core *core = rehearsal_core(town->world, "ticketing");
    struct err err = {0};

    if (!core) {
        return;
    }
    const int count = rehearsal_events(town->world, "ticketing", town_chance(town, 400), 64,
                                       town->scratch, events, &err);
    for (int i = 0; i < count; i++) {
        const Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
        CHECK(event);
        bool known = !*event->case_no;
        for (size_t c = 0; !known && c < town->case_count; c++) {
            known = text_eq(town->cases[c].number, event->case_no);
        }
        if (!known) {
            remember_case(town, event->case_no, "");
        }
    }
}

static bool send_again(struct town *town, bool may_be_lost) {
    bool any = false;

    for (size_t i = 0; i < town->asked_count; i++) {
        if (!town->asked[i].answered) {
            arena_reset(town->scratch);
            send(town, &town->asked[i], may_be_lost);
            any = true;
        }
    }
    return any;
}

void town_act(struct town *town) {
    const uint32_t what = town_chance(town, 20);

    town->acts++;
    arena_reset(town->scratch);
    if (town->case_count == 0 || what < 5) {
        open_one(town);
    } else if (what < 14) {
        fire_one(town);
    } else if (what < 17) {
        answer_page(town);
    } else if (what < 18) {
        look_around(town);
    } else {
        (void)send_again(town, true);
    }
    trace(town, (uint64_t)rehearsal_now(town->world));
}

void town_finish(struct town *town) {
    for (int i = 0; i < AGAIN_MAX && send_again(town, false); i++) {
        town_advance(town, 1000);
    }
    CHECK(!send_again(town, false));
}
