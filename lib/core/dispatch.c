/*
 * dispatch - one request: decode, find, who is it, may he, was it done before,
 * carry out, remember, reply.
 */
#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "base/seal.h"
#include "base/token.h"
#include "core/needs.h"
#include "core/private.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "store/query.h"

enum {
    TEXT_MAX_BYTES = 8192, /* one text in a request */
    EARLY_MINUTES = 10,    /* how far a caller's clock may be ahead */
    ACTOR_ARENA = 4096,
    DEPTH_MAX = 8,
};

static const int64_t kept_ms = INT64_C(86400000) * KEPT_DAYS;
static const int64_t early_ms = INT64_C(60000) * EARLY_MINUTES;

/* ---- decoding ---- */

static const struct method *find_in(const ProtobufCServiceDescriptor *api,
                                    const struct method *methods, const char *name,
                                    const ProtobufCMethodDescriptor **descriptor) {
    size_t length = strlen(api->name);

    if (strncmp(name, api->name, length) != 0 || name[length] != '/') {
        return NULL;
    }
    for (const struct method *method = methods; method->name; method++) {
        if (strcmp(method->name, name + length + 1) == 0) {
            *descriptor = protobuf_c_service_descriptor_get_method_by_name(api, method->name);
            return *descriptor ? method : NULL;
        }
    }
    return NULL;
}

static const struct method *find_method(const struct core *core, const char *name,
                                        const ProtobufCMethodDescriptor **descriptor) {
    const struct method *method = core->def->api ? find_in(core->def->api, core->def->methods, name,
                                                           descriptor)
                                                 : NULL;

    return method ? method : find_in(&core__core__descriptor, builtin_methods, name, descriptor);
}

void dispatch_sort(struct core *core, struct input *input) {
    const ProtobufCMethodDescriptor *descriptor = NULL;
    size_t used = arena_used(core->arena);
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    Wire__Request *request = wire__request__unpack(&allocator, input->size, input->data);
    const struct method *method = request ? find_method(core, request->method, &descriptor) : NULL;

    input->urgent = method && (method->urgent || request->urgent);
    input->paced = method && !input->urgent && method->kind == METHOD_WRITE && !input->from.peer;
    arena_rewind(core->arena, used);
}

/* Text that comes in is UTF-8 without control characters, everywhere in the message. */
static const char *check_field(const ProtobufCFieldDescriptor *field, const void *member,
                               int depth);

static const char *check_message(const ProtobufCMessage *message, int depth) {
    const char *broken = NULL;

    if (depth > DEPTH_MAX) {
        return "frame_invalid";
    }
    for (unsigned i = 0; !broken && i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *base = (const uint8_t *)message;
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
            void *const *list = *(void *const *const *)(const void *)(base + field->offset);
            for (size_t n = 0; !broken && n < count; n++) {
                broken = check_field(field, &list[n], depth);
            }
        } else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
                   || *(const uint32_t *)(const void *)(base + field->quantifier_offset)
                          == field->id) {
            broken = check_field(field, base + field->offset, depth);
        }
    }
    return broken;
}

static const char *check_field(const ProtobufCFieldDescriptor *field, const void *member,
                               int depth) {
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return text ? text_check(text, strlen(text), TEXT_MAX_BYTES, true) : NULL;
    }
    const ProtobufCMessage *message = *(const ProtobufCMessage *const *)member;
    return message ? check_message(message, depth + 1) : NULL;
}

/* ---- who ---- */

static int check_generation(struct core *core, const char *staff, uint64_t generation,
                            struct err *err) {
    struct query q = QUERY(core->store, "SELECT generation FROM revoked WHERE staff = ?1");

    query_bind_text(&q, 1, staff);
    int found = query_step(&q, err);
    uint64_t least = found == 1 ? (uint64_t)query_i64(&q, 0) : 0;
    query_end(&q);
    if (found < 0) {
        return -1;
    }
    return generation >= least
               ? 0
               : err_set(err, ERR_UNAUTHENTICATED, "token_revoked", "staff=%s", staff);
}

void dispatch_forget_tokens(struct core *core) {
    for (size_t i = 0; i < TOKENS_CACHED; i++) {
        core->tokens[i].until_ms = 0;
    }
}

static int keep_token(struct core *core, struct token_slot *slot, const uint8_t *hash,
                      struct bytes data, struct err *err) {
    struct token token = {0};

    if (!slot->arena) {
        slot->arena = arena_new(ACTOR_ARENA);
    }
    slot->until_ms = 0;
    arena_reset(slot->arena);
    if (token_verify(core->config.secrets, data, core->now_ms, &token, slot->arena, err)
        || check_generation(core, token.staff, token.generation, err)) {
        return -1;
    }
    memcpy(slot->hash, hash, sizeof slot->hash);
    slot->from_ms = token.from_ms;
    slot->until_ms = token.until_ms;
    slot->actor = (struct actor){
        .staff = token.staff,
        .estate = token.estate,
        .roles = token.roles,
        .role_count = token.role_count,
    };
    return 0;
}

/* Verified tokens are kept by their hash: a signature check costs more than a commit's share. */
static int token_actor(struct core *core, ProtobufCBinaryData token, struct actor *actor,
                       struct err *err) {
    uint8_t hash[16];

    if (token.len == 0) {
        return err_set(err, ERR_UNAUTHENTICATED, "token_missing", " ");
    }
    (void)crypto_generichash(hash, sizeof hash, token.data, token.len, NULL, 0);
    struct token_slot *slot = &core->tokens[(hash[0] | (unsigned)hash[1] << 8U) % TOKENS_CACHED];
    bool known = slot->until_ms >= core->now_ms && slot->from_ms <= core->now_ms
                 && memcmp(slot->hash, hash, sizeof hash) == 0;
    if (!known && keep_token(core, slot, hash, (struct bytes){token.data, token.len}, err)) {
        return -1;
    }
    *actor = slot->actor;
    return 0;
}

static int identify(struct core *core, const struct item *item, struct actor *actor,
                    struct err *err) {
    const struct origin *from = &item->input->from;

    *actor = (struct actor){.staff = "", .estate = "", .local = from->local};
    if (from->peer) {
        actor->peer = true;
        actor->staff = arena_text(core->arena, "peer:%s", from->peer);
    }
    switch (item->method->guard) {
    case GUARD_OPEN:
        return 0;
    case GUARD_PEER:
        return from->peer ? 0
                          : err_set(err, ERR_DENIED, "peers_only", "method=%s", item->method->name);
    case GUARD_LOCAL:
        if (!from->local) {
            return err_set(err, ERR_DENIED, "local_only", "method=%s", item->method->name);
        }
        actor->staff = "local";
        return 0;
    case GUARD_TOKEN:
    default:
        break;
    }
    if (token_actor(core, item->request->token, actor, err)) {
        return -1;
    }
    actor->local = from->local;
    if (item->method->permission
        && !(core->permit && core->permit(core->permit_arg, actor, item->method->permission))) {
        return err_set(err, ERR_DENIED, "not_permitted", "act=%s", item->method->permission);
    }
    return 0;
}

/* ---- repeats ---- */

static bool remembers(const struct method *method) {
    return method->kind == METHOD_WRITE;
}

static int check_id(const struct core *core, const Wire__Request *request, struct err *err) {
    if (request->id.len != CORE_ID_SIZE) {
        return err_set(err, ERR_INVALID, "request_id_wrong", "bytes=%zu", request->id.len);
    }
    int64_t made_ms = text_uuid7_ms(request->id.data);
    if (made_ms < core->now_ms - kept_ms || made_ms > core->now_ms + early_ms) {
        return err_set(err, ERR_INVALID, "request_id_old", "days=%d", KEPT_DAYS);
    }
    return 0;
}

/* Keyed: whoever has the store must not find out a phone by trying all of them. */
static void hash_request(const struct core *core, const Wire__Request *request, uint8_t hash[16]) {
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, core->config.secrets->blind_key, SEAL_KEY_SIZE, 16);
    (void)crypto_generichash_update(&state, (const uint8_t *)request->method,
                                    strlen(request->method) + 1);
    (void)crypto_generichash_update(&state, request->payload.data, request->payload.len);
    (void)crypto_generichash_final(&state, hash, 16);
}

/* 1: done before, *reply is what was said.  0: new.  -1: err. */
static int find_remembered(struct core *core, const struct actor *actor,
                           const Wire__Request *request, struct bytes *reply, struct err *err) {
    struct query q = QUERY(core->store, "SELECT hash, reply FROM request"
                                        " WHERE actor = ?1 AND id = ?2");
    uint8_t hash[16];
    size_t size = 0;

    query_bind_text(&q, 1, actor->staff);
    query_bind_blob(&q, 2, request->id.data, request->id.len);
    int found = query_step(&q, err);
    if (found != 1) {
        return found;
    }
    hash_request(core, request, hash);
    const uint8_t *stored = query_blob(&q, 0, core->arena, &size);
    bool same = size == 0 || (size == sizeof hash && memcmp(stored, hash, size) == 0);
    reply->data = query_blob(&q, 1, core->arena, &reply->size);
    query_end(&q);
    return same ? 1 : err_set(err, ERR_INVALID, "request_id_reused", " ");
}

static int remember(struct core *core, const struct actor *actor, const Wire__Request *request,
                    struct bytes reply, struct err *err) {
    struct query q = QUERY(core->store, "INSERT INTO request(actor, id, hash, reply)"
                                        " VALUES(?1, ?2, ?3, ?4)");
    uint8_t hash[16];

    hash_request(core, request, hash);
    query_bind_text(&q, 1, actor->staff);
    query_bind_blob(&q, 2, request->id.data, request->id.len);
    query_bind_blob(&q, 3, hash, sizeof hash);
    query_bind_blob(&q, 4, reply.data, reply.size);
    return query_done(&q, err);
}

/* ---- replies ---- */

/* The arguments of the text, one detail each: "name=value\n…". */
static void add_details(Wire__Reply *reply, const char *args, struct arena *arena) {
    enum { DETAILS_MAX = 64 };
    Wire__Detail **list = arena_alloc(arena, DETAILS_MAX * sizeof *list);
    char *copy = arena_copy(arena, args, strlen(args));
    char *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line && reply->n_details < DETAILS_MAX;
         line = strtok_r(NULL, "\n", &save)) {
        char *equals = strchr(line, '=');
        if (!equals) {
            continue;
        }
        *equals = '\0';
        Wire__Detail *detail = ARENA_NEW(arena, Wire__Detail);
        wire__detail__init(detail);
        detail->key = line;
        detail->text = equals + 1;
        list[reply->n_details++] = detail;
    }
    reply->details = list;
}

static struct bytes failure(struct core *core, ProtobufCBinaryData id, const char *locale,
                            const struct err *err) {
    Wire__Reply reply = WIRE__REPLY__INIT;

    reply.id = id;
    reply.code = (Wire__Code)err->code;
    reply.rule = err->rule;
    reply.message = core_text(core, err->rule, err->args, locale, core->arena);
    if (strcmp(err->rule, "plain") != 0) {
        add_details(&reply, err->args, core->arena);
    }
    return core_pack(&reply.base, core->arena);
}

static const char *locale_of(const Wire__Request *request) {
    return request && request->locale && strncmp(request->locale, "en", 2) == 0 ? "en" : "zh";
}

void dispatch_refuse(struct core *core, struct item *item, const struct err *err) {
    if (item->input->kind != INPUT_REQUEST) {
        return;
    }
    ProtobufCBinaryData id = {0};
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    const Wire__Request *request = wire__request__unpack(&allocator, item->input->size,
                                                         item->input->data);
    if (request) {
        id = request->id;
    }
    item->reply = failure(core, id, locale_of(request), err);
    item->answered = true;
    item->park = false;
}

/* ---- carrying out ---- */

static int prepare(struct core *core, struct item *item, const ProtobufCMethodDescriptor **method,
                   struct actor *actor, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(core->arena);

    item->request = wire__request__unpack(&allocator, item->input->size, item->input->data);
    if (!item->request || item->input->size > CORE_BULK_FRAME_MAX) {
        return err_set(err, ERR_INVALID, "frame_invalid", " ");
    }
    if (text_check(item->request->method, strlen(item->request->method), CORE_TOPIC_MAX, false)) {
        return err_set(err, ERR_INVALID, "frame_invalid", " ");
    }
    item->method = find_method(core, item->request->method, method);
    if (!item->method) {
        return err_set(err, ERR_UNIMPLEMENTED, "method_unknown", "method=%s",
                       item->request->method);
    }
    if (identify(core, item, actor, err)) {
        return -1;
    }
    bool own = item->method->guard == GUARD_OPEN || item->method->guard == GUARD_LOCAL;
    if ((core->restored || core->fenced) && !own) {
        return err_set(err, ERR_UNAVAILABLE, core->fenced ? "store_fenced" : "store_recovering",
                       "service=%s", core->def->name);
    }
    if (remembers(item->method) && check_id(core, item->request, err)) {
        return -1;
    }
    item->payload = protobuf_c_message_unpack(
        (*method)->input, &allocator, item->request->payload.len, item->request->payload.data);
    if (!item->payload) {
        return err_set(err, ERR_INVALID, "payload_invalid", "message=%s", (*method)->input->name);
    }
    const char *broken = check_message(item->payload, 0);
    if (broken) {
        return err_set(err, ERR_INVALID, broken, "limit=%d", TEXT_MAX_BYTES);
    }
    return needs_check(core->def->needs, item->payload, core->arena, err);
}

static int carry_out(struct core *core, struct item *item, const struct actor *actor,
                     struct err *err) {
    struct call call = core_call(core);
    Wire__Cause cause = WIRE__CAUSE__INIT;
    Wire__Reply reply = WIRE__REPLY__INIT;

    cause.request = item->request->id;
    call.actor = actor;
    call.request = item->payload;
    call.locale = locale_of(item->request);
    call.cause = item->request->id.len == CORE_ID_SIZE ? &cause : NULL;
    call.expired = item->input->expired;
    call.park_mark = item->input->park_mark;
    if (item->method->handler(&call, err)) {
        return -1;
    }
    if (call.park_on) {
        assert(item->method->kind == METHOD_READ);
        item->park = true;
        item->park_until_ms = call.park_until_ms;
        item->park_mark = call.park_mark;
        (void)strncpy(item->park_on, call.park_on, sizeof item->park_on - 1);
        return 0;
    }
    reply.id = item->request->id;
    if (call.reply) {
        struct bytes payload = core_pack(call.reply, core->arena);
        reply.payload.data = (uint8_t *)(uintptr_t)payload.data; /* packed, not changed */
        reply.payload.len = payload.size;
    }
    item->reply = core_pack(&reply.base, core->arena);
    if (item->reply.size > CORE_BULK_FRAME_MAX) {
        size_t size = item->reply.size;
        item->reply = (struct bytes){0};
        return err_set(err, ERR_EXHAUSTED, "reply_too_large", "bytes=%zu", size);
    }
    return remembers(item->method) ? remember(core, actor, item->request, item->reply, err) : 0;
}

/* 0, or -1 with err: then the savepoint is undone. */
static int in_savepoint(struct core *core, struct item *item, const struct actor *actor,
                        struct err *err) {
    struct head before = core->head;
    const int64_t changes = store_changes(core->store);

    if (store_savepoint(core->store, 0, err)) {
        return -1;
    }
    int rc = carry_out(core, item, actor, err);
    if (rc == 0 && item->method->kind != METHOD_READ) {
        rc = store_release(core->store, 0, err);
        if (rc == 0) {
            return 0;
        }
    }
    store_rollback_to(core->store, 0); /* a read changes nothing, whatever its handler did */
    if (store_changes(core->store) != changes) {
        core_undo_memory(core, &before);
    }
    return rc;
}

/*
 * Without a savepoint, which would copy every page that the request is the first to change.
 * Who refuses has as a rule changed nothing by then.  If he has, the group is spoiled: all of it
 * is undone and runs again with savepoints.
 */
static int without_savepoint(struct core *core, struct item *item, const struct actor *actor,
                             struct err *err) {
    const int64_t changes = store_changes(core->store);
    int rc = carry_out(core, item, actor, err);
    bool keeps = rc == 0 && item->method->kind != METHOD_READ;

    /* Without a transaction (a full disk) each runs alone next: nothing is spoiled for others. */
    core->spoiled = !keeps && store_in_txn(core->store) && store_changes(core->store) != changes;
    return rc;
}

void dispatch_run(struct core *core, struct item *item) {
    const ProtobufCMethodDescriptor *descriptor = NULL;
    struct actor actor = {0};
    struct err err = {0};
    char line[ERR_TEXT_MAX];

    item->reply = (struct bytes){0};
    int rc = prepare(core, item, &descriptor, &actor, &err);
    if (rc == 0 && remembers(item->method)) {
        int known = find_remembered(core, &actor, item->request, &item->reply, &err);
        if (known == 1) {
            item->answered = true;
            core->reply_bytes += item->reply.size;
            return;
        }
        rc = known;
    }
    if (rc == 0) {
        rc = core->bare ? without_savepoint(core, item, &actor, &err)
                        : in_savepoint(core, item, &actor, &err);
    }
    if (core->spoiled || !store_in_txn(core->store)) {
        return; /* the group is gone; it runs again */
    }
    if (rc != 0) {
        ProtobufCBinaryData id = {0};
        log_info("refused", "method=%s code=%s why=\"%s\"", item->method ? item->method->name : "?",
                 err_name(err.code), err_line(&err, line));
        item->reply = failure(core, item->request ? item->request->id : id,
                              locale_of(item->request), &err);
    }
    item->answered = true;
    core->reply_bytes += item->reply.size;
}
