#include "house.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/token.h"
#include "cli/services.h"
#include "content.h"
#include "host/frame.h"
#include "host/rehearse.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/core/v1/core.pb-c.h"

enum {
    PATH_SIZE = 400,
    ACTS_MAX = 64,
    STEPS_MAX = 400,
    METHODS_MAX = 64,
    NAME_SIZE = 200,
    ROLES_MAX = 8,
    STAFF_MAX = 64,
    MINUTE_MS = 60 * 1000,
    WEEK_MINUTES = 7 * 24 * 60,
    MINUTES_MAX = 40 * 24 * 60,
    SEED = 1,
    PEOPLE_SIZE = 1 << 20,
    MODE_FOLDER = 0700,
    CALL_KINDS = 4,
};

static const int64_t start_ms = INT64_C(1751810160000); /* 2025-07-06 21:56 +08:00 */

static char template[64]; /* folder of the stores that all begin with */
static pid_t template_of;
static char own[96]; /* folder of this process's store */

struct person {
    const char *no;
    const char *roles[ROLES_MAX];
    size_t role_count;
};
static struct person people[STAFF_MAX];
static size_t people_count;
static const char *every_role[TOKEN_ROLES_MAX] = {"system"}; /* of who is called "system" */
static size_t every_count = 1;

/* One input while it is played. */
struct play {
    const struct service_def *def;
    struct core *core;
    struct arena *arena;
    struct secrets secrets;
    int64_t now_ms;
    uint32_t ids;
    struct bytes last; /* frame of the last request */
    struct origin last_from;
    const ProtobufCMessageDescriptor *reply_type;
    uint64_t route; /* of the last request: an earlier one that waits may be answered any time */
    bool reads, answered, refused;
    uint8_t calls[CALL_KINDS][CORE_ID_SIZE]; /* ids of the last calls to other services */
    int64_t job;
    int act, without; /* acts so far; this one is left out */
    int cleared;      /* up to this act nothing is suspect any more */
    int suspect;      /* the act that said it had changed nothing, and wrote; or 0 */
};

/* ---- files ---- */

static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    char path[PATH_SIZE];

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        (void)snprintf(path, sizeof path, "%s/%.200s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            (void)unlink(path);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
    (void)rmdir(folder);
}

static void drop_all(void) {
    DIR *dir = template_of == getpid() ? opendir(template) : NULL;
    char path[PATH_SIZE];

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (text_starts(entry->d_name, "w")) {
            (void)snprintf(path, sizeof path, "%s/%.200s", template, entry->d_name);
            remove_folder(path);
        }
    }
    if (dir) {
        (void)closedir(dir);
        remove_folder(template);
    }
}

static void copy_store(const char *service) {
    char from[PATH_SIZE], to[PATH_SIZE], log[PATH_SIZE + 8];

    (void)snprintf(from, sizeof from, "%s/%s.db", template, service);
    (void)snprintf(to, sizeof to, "%s/%s.db", own, service);
    (void)snprintf(log, sizeof log, "%s-wal", to);
    (void)unlink(log);
    (void)snprintf(log, sizeof log, "%s-shm", to);
    (void)unlink(log);
    content_copy(from, to);
}

/* ---- the house ---- */

static void know_role(const char *role) {
    for (size_t i = 0; i < every_count; i++) {
        if (text_eq(every_role[i], role)) {
            return;
        }
    }
    if (every_count < TOKEN_ROLES_MAX) {
        every_role[every_count++] = role;
    }
}

/* Numbers and roles of the demo estate's staff, for tokens; they live as long as the process. */
static void read_people(void) {
    struct arena *arena = arena_new(PEOPLE_SIZE);
    uint8_t *text = arena_alloc(arena, PEOPLE_SIZE / 4);
    FILE *in = fopen("deploy/demo/staff.csv", "rbe");
    FUZZ_CHECK(in);
    struct csv csv = csv_open((struct bytes){text, fread(text, 1, PEOPLE_SIZE / 4, in)});
    struct csv_row row;

    (void)fclose(in);
    while (csv_next(&csv, &row, arena) == 1 && people_count < STAFF_MAX) {
        struct person *person = &people[people_count++];
        char *rest = NULL;
        char *roles = arena_text(arena, "%s", (const char *)row.fields[2].data);
        person->no = (const char *)row.fields[0].data;
        for (char *role = strtok_r(roles, ";", &rest); role && person->role_count < ROLES_MAX;
             role = strtok_r(NULL, ";", &rest)) {
            person->roles[person->role_count++] = role;
            know_role(role);
        }
    }
}

void house_prepare(void) {
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct rehearse_result result;

    if (template_of != 0) {
        return;
    }
    log_set(LOG_ERROR + 1, false);
    read_people();
    (void)snprintf(template, sizeof template, "%s/fuzz-house.XXXXXX", root);
    FUZZ_CHECK(mkdtemp(template));
    template_of = getpid();
    (void)atexit(drop_all);
    const struct rehearse_options options = {.services = services_all,
                                             .manual = "manual",
                                             .demo = "deploy/demo",
                                             .store = template,
                                             .locale = "en",
                                             .seed = SEED,
                                             .out = stderr};
    rehearse_file(&options, "tests/fuzz/house.yaml", &result);
    rehearse_drop_templates();
    FUZZ_CHECK(result.played && result.failures == 0);
}

size_t house_call(const Wire__Request *call) {
    if (text_eq(call->method, "shouwen.bus.v1.Bus/Append")) {
        return 0;
    }
    if (!text_eq(call->method, "shouwen.bus.v1.Bus/Pull")) {
        return 1;
    }
    Bus__PullRequest *pull = bus__pull_request__unpack(NULL, call->payload.len, call->payload.data);
    FUZZ_CHECK(pull);
    const bool urgent = pull->lane == WIRE__LANE__URGENT;
    bus__pull_request__free_unpacked(pull, NULL);
    return urgent ? 2 : 3;
}

size_t house_methods(const struct service_def *def, const char **names, size_t max) {
    const ProtobufCServiceDescriptor *apis[] = {def->api, &core__core__descriptor};
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        for (unsigned m = 0; m < apis[i]->n_methods && count < max; m++) {
            static char full[METHODS_MAX][NAME_SIZE];
            (void)snprintf(full[count], NAME_SIZE, "%s/%s", apis[i]->name,
                           apis[i]->methods[m].name);
            names[count] = full[count];
            count++;
        }
    }
    return count;
}

/* ---- asking ---- */

static struct bytes token_of(struct play *play, const char *who) {
    struct token token = {.staff = who,
                          .estate = "E01",
                          .generation = 1,
                          .from_ms = start_ms - MINUTE_MS,
                          .until_ms = start_ms + (int64_t)MINUTES_MAX * MINUTE_MS};
    static const char *const owner_roles[] = {"owner"};

    if (text_eq(who, "system")) {
        token.roles = every_role;
        token.role_count = every_count;
    } else if (text_starts(who, "customer:")) {
        token.roles = owner_roles;
        token.role_count = 1;
    }
    for (size_t i = 0; i < people_count; i++) {
        if (text_eq(people[i].no, who)) {
            token.roles = people[i].roles;
            token.role_count = people[i].role_count;
        }
    }
    return token_sign(&play->secrets, &token, play->arena);
}

static const struct method *row_of(const struct service_def *def, const char *full) {
    const char *slash = strchr(full, '/');

    for (const struct method *method = def->methods; slash && method->name; method++) {
        if (text_eq(method->name, slash + 1)) {
            return method;
        }
    }
    return NULL;
}

static void new_id(struct play *play, uint8_t id[CORE_ID_SIZE]) {
    uint8_t random[10] = {0};

    play->ids++;
    memcpy(random + 4, &play->ids, sizeof play->ids);
    text_uuid7(id, play->now_ms, random);
}

static struct bytes frame_of(struct play *play, enum house_act kind, const char *method,
                             const char *who, struct bytes payload) {
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t id[CORE_ID_SIZE];
    struct bytes token = kind == HOUSE_PEER || !*who ? (struct bytes){0} : token_of(play, who);

    new_id(play, id);
    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.method = method;
    request.token = (ProtobufCBinaryData){token.size, (uint8_t *)(uintptr_t)token.data};
    request.locale = payload.size % 2 ? "en" : "zh";
    request.payload = (ProtobufCBinaryData){payload.size, (uint8_t *)(uintptr_t)payload.data};
    return fuzz_packed(&request.base, play->arena);
}

/* Whoever is answered gets UTF-8 and, refused, a rule and a sentence, and nothing else. */
static void check_reply(struct play *play, struct bytes frame, bool last) {
    ProtobufCAllocator allocator = arena_protobuf(play->arena);
    Wire__Reply *reply = wire__reply__unpack(&allocator, frame.size, frame.data);

    FUZZ_CHECK(reply && !(last && play->answered));
    FUZZ_CHECK(frame.size <= CORE_BULK_FRAME_MAX);
    const bool refused = reply->code != WIRE__CODE__OK;
    if (last) {
        play->answered = true;
        play->refused = refused;
    }
    FUZZ_CHECK(fuzz_is_text(reply->message) && fuzz_is_text(reply->rule));
    for (size_t i = 0; i < reply->n_details; i++) {
        FUZZ_CHECK(fuzz_is_text(reply->details[i]->key) && fuzz_is_text(reply->details[i]->text));
    }
    if (refused) {
        FUZZ_CHECK(reply->rule[0] && reply->message[0] && reply->payload.len == 0);
        FUZZ_CHECK(reply->code != WIRE__CODE__INTERNAL && reply->code != WIRE__CODE__DATA_LOSS);
    } else if (last && play->reply_type) {
        const ProtobufCMessage *said = protobuf_c_message_unpack(
            play->reply_type, &allocator, reply->payload.len, reply->payload.data);
        FUZZ_CHECK(said);
        /* What people can read is text, wherever in the message it stands. */
        FUZZ_CHECK(!strstr(json_write(said, JSON_ONE_LINE, 0, play->arena), "(no UTF-8)"));
    }
}

static void carry(struct play *play) {
    ProtobufCAllocator allocator = arena_protobuf(play->arena);

    for (const struct out *out = core_next(play->core); out; out = core_next(play->core)) {
        size_t used = arena_used(play->arena);
        if (out->kind == OUT_REPLY) {
            check_reply(play, out->frame, out->route == play->route);
        } else if (out->kind == OUT_CALL) {
            Wire__Request *call = wire__request__unpack(&allocator, out->frame.size,
                                                        out->frame.data);
            FUZZ_CHECK(call && call->id.len == CORE_ID_SIZE);
            memcpy(play->calls[house_call(call)], call->id.data, CORE_ID_SIZE);
        } else {
            play->job = out->job;
        }
        arena_rewind(play->arena, used);
    }
}

static void step(struct play *play) {
    struct err err = {0};

    FUZZ_CHECK(core_step(play->core, play->now_ms, &err) == 0);
    carry(play);
}

/* All that is due at this time.  Links are asked again and again, since nobody is there. */
static void settle(struct play *play) {
    for (int i = 0; i < STEPS_MAX && core_wake(play->core) <= play->now_ms; i++) {
        step(play);
    }
}

/* A copy of the store is written where the caller says: not here. */
static bool is_backup(struct bytes frame) {
    return frame.size > 0 && memmem(frame.data, frame.size, "Backup", strlen("Backup"));
}

/*
 * A refusal and a read leave nothing behind.  That no page was written proves it.  When one was, it
 * may be as it was before (what is undone is written too): house_play looks into it.  Other
 * services may make the bus go on as a new one by asking.
 */
static void ask(struct play *play, struct bytes frame, const struct origin *from) {
    struct store *store = core_store(play->core);

    if (is_backup(frame) || frame.size > CORE_FRAME_MAX) {
        return; /* the edge refuses what is larger */
    }
    settle(play);
    const bool quiet = core_wake(play->core) > play->now_ms;
    const int pages = store_log_pages(store);
    play->answered = false;
    play->last = frame;
    play->last_from = *from;
    play->last_from.route = ++play->route;
    if (play->act != play->without) {
        FUZZ_CHECK(core_push_request(play->core, &play->last_from, frame));
    }
    step(play);
    const bool silent = play->answered && (play->refused || play->reads);
    if (play->act > play->cleared && quiet && silent && !from->peer
        && store_log_pages(store) != pages) {
        play->suspect = play->act;
    }
}

/* ---- acts ---- */

static const char *peer_named(const char *who) {
    for (size_t i = 0; services_all[i]; i++) {
        if (text_eq(services_all[i]->name, who)) {
            return services_all[i]->name;
        }
    }
    return NULL;
}

static void act_ask(struct play *play, enum house_act kind, uint8_t number, const char *who,
                    struct bytes payload) {
    const char *names[METHODS_MAX];
    size_t count = house_methods(play->def, names, METHODS_MAX);
    struct origin from = {.local = kind == HOUSE_LOCAL};
    const char *method = names[number % count];
    const struct method *row = row_of(play->def, method);
    const ProtobufCMethodDescriptor *found = row ? protobuf_c_service_descriptor_get_method_by_name(
                                                 play->def->api, row->name)
                                                 : NULL;

    if (kind == HOUSE_PEER) {
        from.peer = peer_named(who) ? peer_named(who) : "ticketing";
    }
    play->reply_type = found ? found->output : NULL;
    play->reads = row && row->kind == METHOD_READ;
    ask(play, frame_of(play, kind, method, who, payload), &from);
}

static void act_raw(struct play *play, const char *who, struct bytes payload) {
    struct origin from = {.peer = peer_named(who)};

    play->reply_type = NULL;
    play->reads = false;
    ask(play, payload, &from);
}

static void act_answer(struct play *play, uint8_t number, const char *who, struct bytes payload) {
    Wire__Reply reply = WIRE__REPLY__INIT;
    const char *peer = peer_named(who);

    reply.id = (ProtobufCBinaryData){CORE_ID_SIZE, play->calls[number % CALL_KINDS]};
    reply.payload = (ProtobufCBinaryData){payload.size, (uint8_t *)(uintptr_t)payload.data};
    core_push_reply(play->core, peer ? peer : "bus", fuzz_packed(&reply.base, play->arena));
    step(play);
    settle(play);
}

static void act_time(struct play *play, struct bytes payload) {
    int64_t minutes = 0;

    for (size_t i = 0; i < payload.size && i < 3; i++) {
        minutes = minutes << 8 | payload.data[i];
    }
    play->now_ms += minutes % WEEK_MINUTES * MINUTE_MS;
    if (play->now_ms > start_ms + (int64_t)MINUTES_MAX * MINUTE_MS) {
        play->now_ms = start_ms + (int64_t)MINUTES_MAX * MINUTE_MS;
    }
    settle(play);
}

static void act(struct play *play, struct bytes *rest) {
    const enum house_act kind = (enum house_act)(fuzz_byte(rest) % HOUSE_ACTS);
    const uint8_t method = fuzz_byte(rest);
    struct bytes name = fuzz_take(rest, fuzz_byte(rest));
    const char *who = arena_copy(play->arena, name.data, name.size);
    size_t size = fuzz_byte(rest);
    size |= (size_t)fuzz_byte(rest) << 8U;
    struct bytes payload = fuzz_take(rest, size);

    switch (kind) {
    case HOUSE_PERSON:
    case HOUSE_PEER:
    case HOUSE_LOCAL:
        act_ask(play, kind, method, who, payload);
        break;
    case HOUSE_RAW:
        act_raw(play, who, payload);
        break;
    case HOUSE_ANSWER:
        act_answer(play, method, who, payload);
        break;
    case HOUSE_JOB:
        core_push_job(play->core, play->job, method % 2, payload,
                      &(struct err){.code = ERR_UNAVAILABLE, .rule = "plain", .args = "no route"});
        step(play);
        break;
    case HOUSE_TIME:
        act_time(play, payload);
        break;
    case HOUSE_REPEAT:
        if (play->last.size > 0) {
            ask(play, play->last, &play->last_from);
        }
        break;
    case HOUSE_ACTS:
        break;
    }
}

/* Up to the first act that is suspect, or to the one that is left out; the content then. */
static int play_acts(const struct service_def *def, struct bytes input, int without, int cleared,
                     uint64_t *content) {
    struct play play = {.def = def,
                        .arena = fuzz_arena(),
                        .now_ms = start_ms,
                        .without = without,
                        .cleared = cleared};
    char path[PATH_SIZE];
    struct err err = {0};

    copy_store(def->name);
    secrets_from_seed(&play.secrets, SEED);
    (void)snprintf(path, sizeof path, "%s/%s.db", own, def->name);
    const struct core_config config = {
        .path = path, .secrets = &play.secrets, .seed = 7, .now_ms = start_ms};
    play.core = core_new(def, &config, &err);
    FUZZ_CHECK(play.core);
    while (++play.act <= ACTS_MAX && input.size > 0) {
        act(&play, &input);
        if (play.suspect > 0 || play.act == without) {
            *content = content_of(path);
            break;
        }
    }
    core_free(play.core);
    return play.suspect;
}

int house_play(const struct service_def *def, struct bytes input) {
    uint64_t with = 0, without = 0;

    house_prepare();
    if (!*own) {
        (void)snprintf(own, sizeof own, "%s/w%d", template, (int)getpid());
        FUZZ_CHECK(mkdir(own, MODE_FOLDER) == 0);
    }
    int suspect = 0;
    do {
        suspect = play_acts(def, input, 0, suspect, &with);
        if (suspect > 0) {
            (void)play_acts(def, input, suspect, suspect, &without);
            FUZZ_CHECK(with == without);
        }
    } while (suspect > 0);
    return 0;
}
