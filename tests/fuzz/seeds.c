/*
 * seeds - what a corpus begins with: `build/fuzz-seeds FOLDER` writes FOLDER/TARGET/name.  The
 * services' are the frames of the rehearsals, as they went between the services while each was
 * played; the parsers' are files of the repository.  libFuzzer then adds to them and leaves out
 * what adds nothing (tests/README.md).
 */
#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/token.h"
#include "cli/services.h"
#include "host/keys.h"
#include "host/methods.h"
#include "host/rehearse.h"
#include "house.h"
#include "manual/compile.h"
#include "shouwen/manual/v1/manual.pb-c.h"
#include "shouwen/registry/v1/registry.pb-c.h"
#include "shouwen/wire/v1/token.pb-c.h"

enum {
    PATH_SIZE = 500,
    STORY_SIZE = 7 * 1024, /* acts of one story for one service */
    PAYLOAD_MAX = 1500,
    ACTS_MAX = 60,
    METHODS_MAX = 64,
    TOKEN_BODY_AT = 65,
    WEEK_MINUTES = 7 * 24 * 60,
    FILE_SIZE = 60 * 1024,
    PACKED = 0x80,
    SHORT = 3000,
};

static const int64_t house_start_ms = INT64_C(1751810160000);

static const char *folder;
static struct arena *arena;

/* The acts of the story that is played, by service. */
static struct story {
    const struct service_def *def;
    uint8_t data[STORY_SIZE];
    size_t size;
    int acts;
    int64_t now_ms;
    bool full;
} stories[REHEARSAL_SERVICES_MAX];

static void write_seed(const char *target, const char *name, struct bytes head, struct bytes data) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", folder, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%.120s", folder, target, name);
    FILE *out = fopen(path, "wbe");
    FUZZ_CHECK(out);
    FUZZ_CHECK(fwrite(head.data, 1, head.size, out) == head.size);
    FUZZ_CHECK(data.size == 0 || fwrite(data.data, 1, data.size, out) == data.size);
    FUZZ_CHECK(fclose(out) == 0);
}

static struct bytes bytes_of(const char *text) {
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct bytes read_file(const char *path) {
    uint8_t *data = arena_alloc(arena, FILE_SIZE);
    FILE *in = fopen(path, "rbe");
    FUZZ_CHECK(in);
    size_t size = fread(data, 1, FILE_SIZE, in);
    (void)fclose(in);
    return (struct bytes){data, size};
}

/* ---- the services ---- */

static void put_act(struct story *story, enum house_act kind, size_t method, const char *who,
                    struct bytes payload) {
    const size_t length = strlen(who), need = length + payload.size + 5;

    if (story->full || story->acts == ACTS_MAX || story->size + need > STORY_SIZE
        || payload.size > PAYLOAD_MAX) {
        story->full = story->full || payload.size <= PAYLOAD_MAX;
        return;
    }
    uint8_t *at = story->data + story->size;
    at[0] = (uint8_t)kind;
    at[1] = (uint8_t)method;
    at[2] = (uint8_t)length;
    memcpy(at + 3, who, length);
    at[3 + length] = (uint8_t)payload.size;
    at[4 + length] = (uint8_t)(payload.size >> 8);
    if (payload.size > 0) {
        memcpy(at + 5 + length, payload.data, payload.size);
    }
    story->size += need;
    story->acts++;
}

static struct story *story_of(const struct core *core) {
    for (size_t i = 0; services_all[i]; i++) {
        if (stories[i].def == core_def(core)) {
            return &stories[i];
        }
    }
    return NULL;
}

/* Time as it passes in the story, from the house's own beginning. */
static void put_time(struct story *story, int64_t now_ms) {
    while (now_ms - story->now_ms >= 60 * 1000 && !story->full) {
        int64_t minutes = (now_ms - story->now_ms) / (60 * 1000);
        minutes = minutes < WEEK_MINUTES ? minutes : WEEK_MINUTES - 1;
        const uint8_t payload[] = {(uint8_t)(minutes >> 8), (uint8_t)minutes};
        put_act(story, HOUSE_TIME, 0, "", (struct bytes){payload, sizeof payload});
        story->now_ms += minutes * 60 * 1000;
    }
}

static const char *who_of(const Wire__Request *request) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    const ProtobufCBinaryData token = request->token;
    Wire__Token *body = token.len > TOKEN_BODY_AT ? wire__token__unpack(
                            &allocator, token.len - TOKEN_BODY_AT, token.data + TOKEN_BODY_AT)
                                                  : NULL;

    return body ? body->staff : "";
}

static void json_seed(const Wire__Request *request) {
    static size_t made;
    struct methods_walk walk = {0};
    struct methods_found found;
    ProtobufCAllocator allocator = arena_protobuf(arena);

    for (uint8_t type = 0; methods_next(&walk, &found, arena); type += 2) {
        if (!text_eq(found.full, request->method) || made++ % 7 != 0 || type >= PACKED) {
            continue;
        }
        ProtobufCMessage *message = protobuf_c_message_unpack(
            found.method->input, &allocator, request->payload.len, request->payload.data);
        if (!message || request->payload.len > SHORT) {
            return;
        }
        const uint8_t packed = type | PACKED;
        const char *name = arena_text(arena, "%s", found.method->name);
        const unsigned style = made % 2 ? JSON_PLAIN : JSON_PRETTY;
        write_seed("json", name, (struct bytes){&type, 1},
                   bytes_of(json_write(message, style, 480, arena)));
        write_seed("json", arena_text(arena, "%s-packed", name), (struct bytes){&packed, 1},
                   (struct bytes){request->payload.data, request->payload.len});
    }
}

bool __real_core_push_request(struct core *core, const struct origin *from, struct bytes frame);
bool __wrap_core_push_request(struct core *core, const struct origin *from, struct bytes frame);
bool __wrap_core_push_request(struct core *core, const struct origin *from, struct bytes frame) {
    const char *names[METHODS_MAX];
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct story *story = story_of(core);
    const size_t used = arena_used(arena);
    Wire__Request *request = wire__request__unpack(&allocator, frame.size, frame.data);
    size_t count = house_methods(core_def(core), names, METHODS_MAX);

    for (size_t i = 0; request && i < count; i++) {
        const struct bytes payload = {request->payload.data, request->payload.len};
        const enum house_act kind = from->peer    ? HOUSE_PEER
                                    : from->local ? HOUSE_LOCAL
                                                  : HOUSE_PERSON;
        if (text_eq(names[i], request->method)) {
            put_time(story, core_now(core));
            put_act(story, kind, i, from->peer ? from->peer : who_of(request), payload);
            json_seed(request);
        }
    }
    arena_rewind(arena, used);
    return __real_core_push_request(core, from, frame);
}

void __real_core_push_reply(struct core *core, const char *peer, struct bytes frame);
void __wrap_core_push_reply(struct core *core, const char *peer, struct bytes frame);
void __wrap_core_push_reply(struct core *core, const char *peer, struct bytes frame) {
    static unsigned turn;
    ProtobufCAllocator allocator = arena_protobuf(arena);
    const size_t used = arena_used(arena);
    Wire__Reply *reply = wire__reply__unpack(&allocator, frame.size, frame.data);
    struct story *story = story_of(core);

    if (reply && reply->payload.len > 60 && reply->code == WIRE__CODE__OK) {
        put_time(story, core_now(core));
        put_act(story, HOUSE_ANSWER, 2 + turn++ % 2, peer,
                (struct bytes){reply->payload.data, reply->payload.len});
    }
    arena_rewind(arena, used);
    __real_core_push_reply(core, peer, frame);
}

static void begin_stories(void) {
    for (size_t i = 0; services_all[i]; i++) {
        memset(&stories[i], 0, sizeof stories[i]);
        stories[i].def = services_all[i];
        stories[i].now_ms = house_start_ms;
    }
}

static void end_stories(const char *path) {
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; services_all[i]; i++) {
        if (stories[i].size > 0) {
            write_seed(services_all[i]->name, arena_text(arena, "%.40s", slash ? slash + 1 : path),
                       (struct bytes){NULL, 0}, (struct bytes){stories[i].data, stories[i].size});
        }
    }
}

/* A message of every method, with something in every field. */
static void fill(ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        uint8_t *at = (uint8_t *)message + field->offset;
        const char *text = strstr(field->name, "staff")      ? "S101"
                           : strstr(field->name, "unit")     ? "2-1-501"
                           : strstr(field->name, "period")   ? "2025-07"
                           : strstr(field->name, "building") ? "2"
                                                             : "repair";
        if (field->label == PROTOBUF_C_LABEL_REPEATED
            || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) {
            continue;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING) {
            memcpy(at, &text, sizeof text);
        } else if (field->type == PROTOBUF_C_TYPE_BOOL || field->type == PROTOBUF_C_TYPE_UINT32) {
            memset(at, 1, 1);
        } else if (field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64) {
            const int64_t number = strstr(field->name, "ms") ? house_start_ms : 1;
            memcpy(at, &number, sizeof number);
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            ProtobufCMessage *part = arena_alloc(
                arena, ((const ProtobufCMessageDescriptor *)field->descriptor)->sizeof_message);
            protobuf_c_message_init(field->descriptor, part);
            fill(part);
            memcpy(at, &part, sizeof part);
        }
    }
}

static void each_method(void) {
    static const struct {
        enum house_act kind;
        const char *who;
    } ways[] = {{HOUSE_PERSON, "system"}, {HOUSE_PEER, "ticketing"}, {HOUSE_LOCAL, "system"}};

    begin_stories();
    for (size_t s = 0; services_all[s]; s++) {
        const ProtobufCServiceDescriptor *api = services_all[s]->api;
        for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
            for (unsigned m = 0; m < api->n_methods; m++) {
                ProtobufCMessage *message = arena_alloc(arena,
                                                        api->methods[m].input->sizeof_message);
                protobuf_c_message_init(api->methods[m].input, message);
                fill(message);
                put_act(&stories[s], ways[w].kind, m, ways[w].who, fuzz_packed(message, arena));
            }
        }
    }
    end_stories("each-method");
}

/* An import by itself and a manual by itself: before the story, so not in any. */
static void registry_alone(void) {
    struct rehearse_result result;
    const struct rehearse_options options = {.services = services_all,
                                             .manual = "tests/manuals/small",
                                             .demo = "tests/manuals/edits",
                                             .locale = "en",
                                             .seed = 1,
                                             .out = stderr};

    begin_stories();
    for (size_t i = 0; services_all[i]; i++) {
        stories[i].now_ms = INT64_MAX; /* it was made before the house was */
    }
    rehearse_file(&options, "tests/fuzz/house.yaml", &result);
    end_stories("imports");
}

static void play_all(void) {
    glob_t files;
    struct rehearse_options options = {.services = services_all,
                                       .manual = "manual",
                                       .demo = "deploy/demo",
                                       .locale = "en",
                                       .seed = 1,
                                       .out = stderr};
    struct rehearse_result result;

    FUZZ_CHECK(glob("tests/rehearsals/*.yaml", 0, NULL, &files) == 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        begin_stories();
        /* Twice: what the first does before its story (its world is made) is left out. */
        rehearse_file(&options, files.gl_pathv[i], &result);
        begin_stories();
        rehearse_file(&options, files.gl_pathv[i], &result);
        end_stories(files.gl_pathv[i]);
        arena_reset(arena);
    }
    globfree(&files);
}

/* ---- the parsers ---- */

static void each_file(const char *pattern, const char *target, const char *head) {
    glob_t files;

    FUZZ_CHECK(glob(pattern, 0, NULL, &files) == 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct bytes data = read_file(files.gl_pathv[i]);
        const char *slash = strrchr(files.gl_pathv[i], '/');
        data.size = data.size < SHORT ? data.size : SHORT;
        write_seed(target, slash + 1, bytes_of(head), data);
    }
    globfree(&files);
}

/* Each file of the small manual in its own place, and each of the real one in any. */
static void manual_seeds(void) {
    static struct compiled compiled;
    struct err err = {0};

    FUZZ_CHECK(compile_dir("tests/manuals/small", &compiled, arena, &err) == 0);
    for (size_t i = 0; i < compiled.count; i++) {
        const uint8_t head = (uint8_t)i;
        char *name = arena_text(arena, "%s", compiled.names[i]);
        for (char *slash = strchr(name, '/'); slash; slash = strchr(name, '/')) {
            *slash = '-';
        }
        write_seed("manual", name, (struct bytes){&head, 1}, compiled.sources[i]);
        char real[PATH_SIZE];
        (void)snprintf(real, sizeof real, "manual/%s", compiled.names[i]);
        if (access(real, R_OK) == 0) {
            write_seed("manual", arena_text(arena, "real-%s", name), (struct bytes){&head, 1},
                       read_file(real));
        }
    }
    each_file("deploy/demo/parameters.yaml", "manual", "\x80");
}

static void key_seeds(void) {
    char path[] = "/tmp/fuzz-keys.XXXXXX", file[64];
    struct keys keys;
    struct secrets secrets;
    struct err err = {0};

    FUZZ_CHECK(mkdtemp(path));
    (void)snprintf(file, sizeof file, "%s/key", path);
    FUZZ_CHECK(keys_make(file, &keys, &err) == 0);
    write_seed("keys", "pair", (struct bytes){(const uint8_t *)"", 1}, read_file(file));
    (void)unlink(file);
    secrets_from_seed(&secrets, 1);
    FUZZ_CHECK(keys_secrets_write(file, &secrets, true, &err) == 0);
    write_seed("keys", "secrets", bytes_of("\1"), read_file(file));
    (void)unlink(file);
    (void)rmdir(path);
    write_seed("keys", "allow", bytes_of("\2"),
               bytes_of(arena_text(arena,
                                   "# key who methods\n%s service:ticketing shouwen.bus.v1.Bus* "
                                   "shouwen.core.v1.Core/Health\n%.63s0 tool:cli *\n\n",
                                   keys.public_hex, keys.public_hex)));
}

static void token_seeds(void) {
    Wire__Token body = WIRE__TOKEN__INIT;
    const char *roles[] = {"desk", "keyk"};
    struct secrets secrets;
    const struct token token = {.staff = "S101",
                                .estate = "E01",
                                .roles = roles,
                                .role_count = 2,
                                .generation = 1,
                                .from_ms = INT64_C(1752163100000),
                                .until_ms = INT64_C(1752263200000)};

    secrets_from_seed(&secrets, 1);
    write_seed("token", "whole", (struct bytes){(const uint8_t *)"", 1},
               token_sign(&secrets, &token, arena));
    body.staff = token.staff;
    body.estate = token.estate;
    body.roles = roles;
    body.n_roles = 2;
    body.from_ms = token.from_ms;
    body.until_ms = token.until_ms;
    write_seed("token", "body", bytes_of("\1"), fuzz_packed(&body.base, arena));
    body.until_ms = token.from_ms;
    write_seed("token", "expired", bytes_of("\1"), fuzz_packed(&body.base, arena));
    body.from_ms = body.until_ms = token.until_ms;
    write_seed("token", "early", bytes_of("\1"), fuzz_packed(&body.base, arena));
    write_seed("seal", "raw", (struct bytes){(const uint8_t *)"", 1},
               seal_text(&secrets, "unit:2-1-501", "13800000000", arena));
    write_seed("seal", "text", bytes_of("\1"), bytes_of("13800000000"));
    write_seed("seal", "number", bytes_of("\2"), bytes_of("+86 138-0000-0000"));
    write_seed("seal", "wide", bytes_of("\2"), bytes_of("００８６１０１２３４５６７８"));
    write_seed("seal", "plate", bytes_of("\2"), bytes_of("京a10068"));
}

static void frame_seeds(void) {
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t id[16] = "0123456789abcdef";

    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.method = "shouwen.ticketing.v1.Ticketing/GetCase";
    request.locale = "en";
    request.timeout_ms = 300;
    request.urgent = true;
    request.payload = (ProtobufCBinaryData){sizeof id, id};
    write_seed("frame", "request", (struct bytes){NULL, 0}, fuzz_packed(&request.base, arena));
    /* A field of each wire type that the contract does not have. */
    write_seed("frame", "unknown",
               bytes_of("\x79"
                        "12345678"
                        "\x7d"
                        "1234"
                        "\x72\x02"
                        "ab"),
               fuzz_packed(&request.base, arena));
}

static void condition_seeds(void) {
    Wire__Event event = WIRE__EVENT__INIT;
    Wire__Value text = WIRE__VALUE__INIT, number = WIRE__VALUE__INIT, time = WIRE__VALUE__INIT;
    Wire__Value *fields[] = {&text, &number, &time};
    static const char when[] = "\0- {urgency: [E1, E2], photos: {min: 1, max: 3}}\n"
                               "- {slot_from: {within: 2h}, urgency: {not: E3}}\n"
                               "- {slot_from: {beyond: 3wd}, handler: $actor, late: {absent: "
                               "true}}\n"
                               "- {slot_from: {within: eod}, photos: {present: true}}\n";

    text.key = "urgency";
    text.kind_case = WIRE__VALUE__KIND_TEXT;
    text.text = "E1";
    number.key = "photos";
    number.kind_case = WIRE__VALUE__KIND_INTEGER;
    number.integer = 2;
    time.key = "slot_from";
    time.kind_case = WIRE__VALUE__KIND_MS;
    time.ms = INT64_C(1752240000000);
    event.actor = "S101";
    event.fields = fields;
    event.n_fields = 3;
    write_seed("condition", "yaml", (struct bytes){(const uint8_t *)when, sizeof when},
               fuzz_packed(&event.base, arena));
    Manual__Limit limit = MANUAL__LIMIT__INIT, most = MANUAL__LIMIT__INIT;
    Manual__Term term = MANUAL__TERM__INIT, *all = &term;
    Manual__Any any = MANUAL__ANY__INIT, *list = &any;
    term.subject = "photos";
    term.max = &most;
    most.amount = 3;
    any.all = &all;
    any.n_all = 1;
    limit.when = &list;
    limit.n_when = 1;
    struct bytes packed = fuzz_packed(&limit.base, arena);
    const uint8_t head[] = {1, (uint8_t)packed.size};
    struct bytes values = fuzz_packed(&event.base, arena);
    uint8_t *both = arena_alloc(arena, packed.size + values.size);
    memcpy(both, packed.data, packed.size);
    memcpy(both + packed.size, values.data, values.size);
    write_seed("condition", "packed", (struct bytes){head, 2},
               (struct bytes){both, packed.size + values.size});
}

static void text_seeds(void) {
    static const char *const texts[] = {
        "2025-07-11T22:14:00+08:00", "2025-07-11T22:14:00.125Z", "2024-02-29", "00ffA0", "page.*",
        "{name} is in {unit}",       "日本語 ünïcödé \U0001F6B0"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_seed("text", arena_text(arena, "text-%zu", i), bytes_of(texts[i]),
                   (struct bytes){(const uint8_t *)"\0page.requested\nname=a\nunit=b\0abcde", 35});
    }
    write_seed("config", "all", (struct bytes){NULL, 0},
               bytes_of("name: one\nlimits: {other: two, size: 12, deep: {flag: true}}\npeers:\n"
                        "  bus: tcp://127.0.0.1:7100\n  registry: tcp://127.0.0.1:7101\n"));
    write_seed("settings", "bus", (struct bytes){NULL, 0},
               bytes_of("service: bus\nlisten: tcp://127.0.0.1:7100\nlocal: ipc://bus.sock\n"
                        "store: bus.db\nkeys: bus.key\nallow: bus.allow\nsecrets: bus.secrets\n"
                        "pid: bus.pid\nlog: {level: info, time: true}\nworkers: {normal: 2, "
                        "urgent: 8}\ngroup_max: 256\nkeep_days: 30\nself_test: true\npeers:\n  "
                        "registry: tcp://127.0.0.1:7101\n"));
    write_seed("csv", "quoted", (struct bytes){NULL, 0},
               bytes_of("\xEF\xBB\xBF"
                        "a,\"b, \"\"c\"\"\r\nd\",e\r\n\r\n\"open,1\n,,\n\"x\"y,2\r"));
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fputs("usage: fuzz-seeds FOLDER\n", stderr);
        return 1;
    }
    folder = argv[1];
    arena = arena_new((size_t)256 << 20);
    log_set(LOG_ERROR + 1, false);
    (void)mkdir(folder, 0777);
    manual_seeds();
    key_seeds();
    token_seeds();
    frame_seeds();
    condition_seeds();
    text_seeds();
    each_file("tests/rehearsals/*.yaml", "rehearse", "");
    each_file("deploy/demo/*.csv", "csv", "");
    each_file("tests/manuals/edits/*.csv", "import", "\4");
    each_file("tests/manuals/edits/s*.csv", "import", "\6");
    each_method();
    registry_alone();
    play_all();
    rehearse_drop_templates();
    return 0;
}
