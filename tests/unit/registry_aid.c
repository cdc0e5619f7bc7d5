#include "registry_aid.h"

#include <sodium.h>

#include "base/text.h"
#include "base/token.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "store/query.h"

enum { SCRATCH = 256 << 20 };

static const int64_t t0 = INT64_C(1752242040000); /* 2025-07-11 21:54 +08:00 */
static const char service[] = "shouwen.registry.v1.Registry/";

static void open_core(struct registry *registry) {
    struct core_config config = {.path = registry->path,
                                 .secrets = &registry->secrets,
                                 .seed = 7,
                                 .now_ms = registry->now_ms};
    struct err err = {0};

    registry->core = core_new(&registry_def, &config, &err);
    CHECK_OK(registry->core == NULL, err);
}

void aid_start(struct registry *registry) {
    *registry = (struct registry){.scratch = arena_new(SCRATCH), .now_ms = t0};
    secrets_from_seed(&registry->secrets, 1);
    (void)snprintf(registry->folder, sizeof registry->folder, "/tmp/test_registry_XXXXXX");
    CHECK(mkdtemp(registry->folder));
    (void)snprintf(registry->path, sizeof registry->path, "%s/registry.db", registry->folder);
    open_core(registry);
    registry->system = aid_token(registry, "system", "");
}

static void remove_file(const struct registry *registry, const char *end) {
    char name[PATH_MAX + 8];

    (void)snprintf(name, sizeof name, "%s%s", registry->path, end);
    (void)unlink(name);
}

void aid_stop(struct registry *registry) {
    core_free(registry->core);
    remove_file(registry, "");
    remove_file(registry, "-wal");
    remove_file(registry, "-shm");
    (void)rmdir(registry->folder);
    arena_free(registry->scratch);
}

void aid_restart(struct registry *registry) {
    core_free(registry->core);
    open_core(registry);
}

struct bytes aid_token(struct registry *registry, const char *staff, const char *role) {
    const char *roles[] = {role};
    struct token token = {.staff = staff,
                          .estate = "E01",
                          .roles = roles,
                          .role_count = *role ? 1 : 0,
                          .generation = 1,
                          .from_ms = t0 - 1000,
                          .until_ms = t0 + INT64_C(3600) * 24 * 90 * 1000};

    return token_sign(&registry->secrets, &token, registry->scratch);
}

uint8_t *aid_id(struct registry *registry) {
    static uint32_t counter;
    uint8_t random[10] = {0};
    uint8_t *id = arena_alloc(registry->scratch, 16);

    counter++;
    memcpy(random + 4, &counter, sizeof counter);
    text_uuid7(id, registry->now_ms, random);
    return id;
}

static struct bytes packed(struct registry *registry, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(registry->scratch, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

static ProtobufCBinaryData binary(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static void step(struct registry *registry) {
    struct err err = {0};

    CHECK_OK(core_step(registry->core, registry->now_ms, &err), err);
}

static void drain(struct registry *registry) {
    while (core_next(registry->core)) {
    }
}

Wire__Reply *aid_ask(struct registry *registry, const char *method, const ProtobufCMessage *payload,
                     struct bytes token, uint8_t *id, bool local) {
    Wire__Request request = WIRE__REQUEST__INIT;
    struct origin from = {.route = 5, .local = local};
    ProtobufCAllocator allocator = arena_protobuf(registry->scratch);
    char name[128];

    (void)snprintf(name, sizeof name, "%s%s", service, method);
    request.id = (ProtobufCBinaryData){16, id ? id : aid_id(registry)};
    request.method = name;
    request.token = binary(token);
    request.locale = "en";
    request.payload = binary(packed(registry, payload));
    drain(registry);
    struct bytes frame = packed(registry, &request.base);
    CHECK(frame.size <= CORE_FRAME_MAX);
    CHECK(core_push_request(registry->core, &from, frame));
    step(registry);
    for (const struct out *out = core_next(registry->core); out; out = core_next(registry->core)) {
        if (out->kind == OUT_REPLY) {
            CHECK(out->frame.size <= CORE_FRAME_MAX);
            Wire__Reply *reply = wire__reply__unpack(&allocator, out->frame.size, out->frame.data);
            CHECK(reply);
            return reply;
        }
    }
    CHECK(!"a reply");
    return NULL;
}

void *aid_get_as(struct registry *registry, const char *method, const ProtobufCMessage *payload,
                 struct bytes token) {
    ProtobufCAllocator allocator = arena_protobuf(registry->scratch);
    bool local = strcmp(method, "IssueToken") == 0;
    Wire__Reply *reply = aid_ask(registry, method, payload, token, NULL, local);

    if (reply->code != WIRE__CODE__OK) {
        (void)fprintf(stderr, "# %s: %d %s: %s\n", method, (int)reply->code, reply->rule,
                      reply->message);
        exit(1);
    }
    const ProtobufCMethodDescriptor *descriptor = protobuf_c_service_descriptor_get_method_by_name(
        &registry__registry__descriptor, method);
    void *message = protobuf_c_message_unpack(descriptor->output, &allocator, reply->payload.len,
                                              reply->payload.data);
    CHECK(message);
    return message;
}

void *aid_get(struct registry *registry, const char *method, const ProtobufCMessage *payload) {
    return aid_get_as(registry, method, payload, registry->system);
}

const char *aid_refused(struct registry *registry, const char *method,
                        const ProtobufCMessage *payload, struct bytes token, enum err_code code) {
    Wire__Reply *reply = aid_ask(registry, method, payload, token, NULL, false);

    if (reply->code != (Wire__Code)code) {
        (void)fprintf(stderr, "# %s: %d %s: %s\n", method, (int)reply->code, reply->rule,
                      reply->message);
    }
    CHECK(reply->code == (Wire__Code)code);
    CHECK(reply->payload.len == 0);
    return reply->rule;
}

void aid_run(struct registry *registry) {
    for (int i = 0; i < 5000; i++) {
        step(registry);
        drain(registry);
        /* Links are asked again and again as there is no bus; only timers of now count. */
        struct store *store = core_store(registry->core);
        struct err err = {0};
        struct query q = QUERY(store, "SELECT count(*) FROM timer WHERE due_ms <= ?1");
        query_bind_i64(&q, 1, registry->now_ms);
        CHECK(query_step(&q, &err) == 1);
        int64_t due = query_i64(&q, 0);
        query_end(&q);
        if (due == 0) {
            return;
        }
    }
    CHECK(!"an end of the timers");
}

static Wire__Event *find(struct registry *registry, const char *topic, int *count) {
    ProtobufCAllocator allocator = arena_protobuf(registry->scratch);
    struct err err = {0};
    Wire__Event *last = NULL;

    *count = 0;
    for (int lane = 0; lane < 2; lane++) {
        uint64_t after = 0;
        int n = 0;
        do {
            struct bytes events[256];
            n = event_read(core_store(registry->core), (Wire__Lane)lane, after, 256, 8 << 20,
                           registry->scratch, events, &err);
            for (int i = 0; i < n; i++) {
                size_t used = arena_used(registry->scratch);
                Wire__Event *event = wire__event__unpack(&allocator, events[i].size,
                                                         events[i].data);
                CHECK(event);
                after = event->seq;
                if (strcmp(event->topic, topic) == 0) {
                    (*count)++;
                    last = event;
                } else {
                    arena_rewind(registry->scratch, used);
                }
            }
        } while (n > 0);
    }
    return last;
}

int aid_count(struct registry *registry, const char *topic) {
    int count = 0;

    (void)find(registry, topic, &count);
    return count;
}

Wire__Event *aid_last(struct registry *registry, const char *topic) {
    int count = 0;

    return find(registry, topic, &count);
}

/* ---- a bus of one event ---- */

static bool answer_pull(struct registry *registry, const struct out *out, const Wire__Event *event,
                        uint64_t position) {
    static uint8_t log_id[16] = "the log, 16 byte";
    ProtobufCAllocator allocator = arena_protobuf(registry->scratch);
    Wire__Request *call = wire__request__unpack(&allocator, out->frame.size, out->frame.data);

    if (!strstr(call->method, "Pull")) {
        return false;
    }
    Bus__PullRequest *pull = bus__pull_request__unpack(&allocator, call->payload.len,
                                                       call->payload.data);
    if (pull->lane != WIRE__LANE__NORMAL) {
        return false;
    }
    Bus__PullReply said = BUS__PULL_REPLY__INIT;
    ProtobufCBinaryData one = binary(packed(registry, &event->base));
    said.log = (ProtobufCBinaryData){16, log_id};
    said.n_events = 1;
    said.events = &one;
    said.next = said.head = position;
    Wire__Reply reply = WIRE__REPLY__INIT;
    reply.id = call->id;
    reply.payload = binary(packed(registry, &said.base));
    core_push_reply(registry->core, "bus", packed(registry, &reply.base));
    return true;
}

void aid_deliver(struct registry *registry, const Wire__Event *event) {
    static uint8_t source[16] = "another source..";
    static uint64_t position;
    Wire__Event copy = *event;

    copy.source = (ProtobufCBinaryData){16, source};
    copy.seq = copy.position = ++position;
    for (int i = 0; i < 8; i++) {
        core_link(registry->core, "bus", false);
        registry->now_ms += 500;
        step(registry);
        for (const struct out *out = core_next(registry->core); out;
             out = core_next(registry->core)) {
            if (out->kind == OUT_CALL && answer_pull(registry, out, &copy, position)) {
                step(registry);
                drain(registry);
                return;
            }
        }
    }
    CHECK(!"a pull");
}

/* ---- a manual ---- */

static Manual__Permission *permission(struct registry *registry, const char *act, const char *first,
                                      const char *second) {
    Manual__Permission *p = ARENA_NEW(registry->scratch, Manual__Permission);
    const char **roles = arena_alloc(registry->scratch, 2 * sizeof *roles);

    manual__permission__init(p);
    roles[0] = first;
    roles[1] = second;
    p->act = act;
    p->role = roles;
    p->n_role = second ? 2 : 1;
    return p;
}

static void fill_roles(struct registry *registry, Manual__Roles *roles) {
    static const char *const names[] = {"front", "boss", "sysop"};
    static const char *const managed[] = {"staff.manage", "unit.write",     "person.write",
                                          "data.import",  "manual.publish", "hold.read"};
    static const char *const read[] = {"unit.read", "person.read", "staff.read", "manual.read"};

    roles->role = arena_alloc(registry->scratch, 3 * sizeof(Manual__Role *));
    for (size_t i = 0; i < 3; i++) {
        Manual__Role *role = ARENA_NEW(registry->scratch, Manual__Role);
        manual__role__init(role);
        role->key = names[i];
        role->scope = "estate";
        roles->role[roles->n_role++] = role;
    }
    roles->permission = arena_alloc(registry->scratch, 16 * sizeof(Manual__Permission *));
    for (size_t i = 0; i < sizeof managed / sizeof managed[0]; i++) {
        roles->permission[roles->n_permission++] = permission(registry, managed[i], "boss", NULL);
    }
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        roles->permission[roles->n_permission++] = permission(registry, read[i], "front", "boss");
    }
    roles->permission[roles->n_permission++] = permission(registry, "person.unmask", "front", NULL);
    roles->permission[roles->n_permission++] = permission(registry, "system.operate", "sysop",
                                                          NULL);
}

static void fill_texts(struct registry *registry, Manual__Texts *texts) {
    Manual__Text *text = ARENA_NEW(registry->scratch, Manual__Text);
    Manual__Name *name = ARENA_NEW(registry->scratch, Manual__Name);

    manual__text__init(text);
    manual__name__init(name);
    text->key = "phone_wrong";
    name->en = "{field}: this is no telephone number";
    name->zh = "{field}：不是电话号码";
    text->text = name;
    texts->text = arena_alloc(registry->scratch, sizeof(Manual__Text *));
    texts->text[0] = text;
    texts->n_text = 1;
}

struct bytes aid_file(struct registry *registry, int which) {
    Manual__File file = MANUAL__FILE__INIT;
    Manual__Roles roles = MANUAL__ROLES__INIT;
    Manual__Texts texts = MANUAL__TEXTS__INIT;

    if (which == 0) {
        fill_roles(registry, &roles);
        file.name = "roles.yaml";
        file.roles = &roles;
    } else {
        fill_texts(registry, &texts);
        file.name = "texts.yaml";
        file.texts = &texts;
    }
    return packed(registry, &file.base);
}

void aid_publish(struct registry *registry, uint32_t revision) {
    crypto_generichash_state state;
    struct bytes files[2];
    uint8_t digest[32];

    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    for (int i = 0; i < 2; i++) {
        files[i] = aid_file(registry, i);
        (void)crypto_generichash_update(&state, files[i].data, files[i].size);
    }
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    for (uint32_t i = 0; i < 2; i++) {
        Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
        request.revision = revision;
        request.part = i + 1;
        request.count = 2;
        request.digest = (ProtobufCBinaryData){sizeof digest, digest};
        request.file = binary(files[i]);
        Registry__PublishManualReply *reply = aid_get(registry, "PublishManual", &request.base);
        CHECK(reply->parts == i + 1 && reply->in_force == (i == 1));
    }
}

/* ---- things ---- */

void aid_staff(struct registry *registry, const char *staff, const char *name, const char *role) {
    Registry__PutStaffRequest request = REGISTRY__PUT_STAFF_REQUEST__INIT;
    Registry__Staff message = REGISTRY__STAFF__INIT;

    message.staff = staff;
    message.name = name;
    message.roles = &role;
    message.n_roles = 1;
    request.staff = &message;
    (void)aid_get(registry, "PutStaff", &request.base);
}

void aid_unit(struct registry *registry, const char *unit) {
    Registry__PutUnitRequest request = REGISTRY__PUT_UNIT_REQUEST__INIT;
    Registry__Unit message = REGISTRY__UNIT__INIT;

    message.unit = unit;
    message.building = "1";
    message.status = "occupied";
    request.unit = &message;
    (void)aid_get(registry, "PutUnit", &request.base);
}

void aid_person(struct registry *registry, const char *person, const char *unit, const char *name,
                const char *phone) {
    Registry__PutPersonRequest request = REGISTRY__PUT_PERSON_REQUEST__INIT;
    Registry__Person message = REGISTRY__PERSON__INIT;

    message.person = person;
    message.unit = unit;
    message.identity = "owner";
    message.name = name;
    message.phones = &phone;
    message.n_phones = *phone ? 1 : 0;
    request.person = &message;
    (void)aid_get(registry, "PutPerson", &request.base);
}
