#include "core/core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "core/needs.h"
#include "core/private.h"
#include "store/query.h"

/* ---- life ---- */

static const struct migration *const *all_schemas(const struct service_def *def,
                                                  const struct migration **list, size_t room) {
    size_t count = 0;

    list[count++] = core_schema;
    for (size_t i = 0; def->schemas && def->schemas[i]; i++) {
        assert(count + 1 < room);
        list[count++] = def->schemas[i];
    }
    list[count] = NULL;
    return list;
}

/* Not there is 0. */
static int meta(struct core *core, const char *key, int64_t *value, struct err *err) {
    struct query q = QUERY(core->store, "SELECT value FROM meta WHERE key = ?1");

    query_bind_text(&q, 1, key);
    int found = query_step(&q, err);
    *value = found == 1 ? query_i64(&q, 0) : 0;
    query_end(&q);
    return found < 0 ? -1 : 0;
}

int core_meta_put(struct core *core, const char *key, int64_t value, struct err *err) {
    struct query q = QUERY(core->store, "INSERT INTO meta(key, value) VALUES(?1, ?2)"
                                        " ON CONFLICT(key) DO UPDATE SET value = excluded.value");

    query_bind_text(&q, 1, key);
    query_bind_i64(&q, 2, value);
    return query_done(&q, err);
}

/* The id of the store, made once; a new one when loss was accepted.  A restored bus has
 * nobody to take its own later events back from, and would give their numbers away again:
 * it goes on as a new store, and its sources fill its log. */
static int load_source(struct core *core, struct err *err) {
    struct query q = QUERY(core->store, "SELECT value FROM meta WHERE key = 'source'");
    int found = query_step(&q, err);
    size_t size = 0;

    if (found == 1) {
        const uint8_t *id = query_blob(&q, 0, core->arena, &size);
        if (size == CORE_ID_SIZE) {
            memcpy(core->source, id, CORE_ID_SIZE);
        }
        query_end(&q);
    }
    bool lossy = core->restored && (core->config.accept_loss || core->def->is_bus);
    if (found < 0 || (size == CORE_ID_SIZE && !lossy)) {
        return found < 0 ? -1 : 0;
    }
    core_random(core, core->source, CORE_ID_SIZE);
    q = QUERY(core->store, "INSERT INTO meta(key, value) VALUES('source', ?1)"
                           " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    query_bind_blob(&q, 1, core->source, CORE_ID_SIZE);
    if (query_done(&q, err)) {
        return -1;
    }
    if (core->restored) {
        log_error("loss accepted", "service=%s", core->def->name);
        core->restored = false;
        return core_meta_put(core, "restored", 0, err);
    }
    return 0;
}

static void seed_random(struct core *core) {
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    (void)crypto_generichash_update(&state, (const uint8_t *)&core->config.seed,
                                    sizeof core->config.seed);
    (void)crypto_generichash_update(&state, (const uint8_t *)&core->epoch, sizeof core->epoch);
    (void)crypto_generichash_update(&state, (const uint8_t *)core->def->name,
                                    strlen(core->def->name));
    (void)crypto_generichash_final(&state, core->random_key, HASH_SIZE);
    core->random_count = 0;
}

/* Each start is a new epoch, on the disk before anything is served. */
static int begin_epoch(struct core *core, struct err *err) {
    if (store_begin(core->store, err)) {
        return -1;
    }
    int64_t last = 0;
    int64_t marked = 0;
    if (meta(core, "epoch", &last, err) || meta(core, "restored", &marked, err)) {
        store_rollback(core->store);
        return -1;
    }
    core->epoch = (uint64_t)last + 1;
    const bool copy = core->renew || marked == 1;
    core->restored = copy;
    core->renew = false;
    seed_random(core);
    if (core_meta_put(core, "epoch", (int64_t)core->epoch, err) || load_source(core, err)
        || event_load_head(core, err) || job_restart(core, copy, err) || links_load(core, err)
        || intake_load(core, err) || forget_start(core, err)) {
        store_rollback(core->store);
        return -1;
    }
    if (core->def->start) {
        struct call call = core_call(core);
        if (core->def->start(&call, err)) {
            store_rollback(core->store);
            return -1;
        }
    }
    if (store_commit(core->store, err)) {
        return -1;
    }
    core->committed = core->head;
    core->waits_moved = true;
    return timer_next(core, err);
}

/* A method of the contract without a handler is a bug that must not start. */
static int check_methods(const struct service_def *def, struct err *err) {
    for (unsigned i = 0; def->api && i < def->api->n_methods; i++) {
        const struct method *method = def->methods;
        while (method->name && strcmp(method->name, def->api->methods[i].name) != 0) {
            method++;
        }
        if (!method->name) {
            return err_plain(err, ERR_INTERNAL, "%s has no handler for %s", def->name,
                             def->api->methods[i].name);
        }
    }
    return needs_sound(def, err);
}

static const struct subscription own_subscriptions[] = {
    {"core.revoked", CORE_REVOKED, WIRE__LANE__URGENT, links_revoked},
};

static void join_subscriptions(struct core *core) {
    size_t count = 0;
    const size_t own = core->def->is_bus ? 0 : 1;

    while (core->def->subscriptions && core->def->subscriptions[count].name) {
        count++;
    }
    struct subscription *all = calloc(count + own + 1, sizeof *all);
    assert(all);
    if (count > 0) {
        memcpy(all, core->def->subscriptions, count * sizeof *all);
    }
    memcpy(all + count, own_subscriptions, own * sizeof *all);
    core->subscriptions = all;
    core->subscription_count = core->def->is_bus ? 0 : count + own;
}

struct core *core_new(const struct service_def *def, const struct core_config *config,
                      struct err *err) {
    const struct migration *schemas[16];
    struct core *core = calloc(1, sizeof *core);

    if (!core || sodium_init() < 0) {
        free(core);
        (void)err_plain(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    core->def = def;
    core->config = *config;
    if (core->config.pull_wait_ms == 0) {
        core->config.pull_wait_ms = PULL_WAIT_MS;
    }
    core->now_ms = config->now_ms;
    core->arena = arena_new(ARENA_SIZE);
    core->out_arena = arena_new(OUT_ARENA_SIZE);
    /* What does not fit into a group goes back, also what was parked. */
    core->queue = calloc(QUEUE_ROOM, sizeof *core->queue);
    core->items = calloc(ITEMS_MAX, sizeof *core->items);
    core->outs = calloc(OUTS_MAX, sizeof *core->outs);
    core->next_timer_ms = never_ms;
    core->next_job_ms = never_ms;
    core->state = def->state_new ? def->state_new() : NULL;
    assert(core->queue && core->items && core->outs);
    join_subscriptions(core);
    if (check_methods(def, err)) {
        goto fail;
    }
    core->store = store_open(config->path, def->name,
                             all_schemas(def, schemas, sizeof schemas / sizeof schemas[0]), err);
    if (!core->store || begin_epoch(core, err)) {
        goto fail;
    }
    return core;

fail:
    core_free(core);
    return NULL;
}

void core_input_free(struct input *input) {
    if (input) {
        free(input->data);
        free(input);
    }
}

void core_free(struct core *core) {
    if (!core) {
        return;
    }
    for (size_t i = 0; i < core->queued; i++) {
        core_input_free(core->queue[i]);
    }
    for (size_t i = 0; i < core->parked_count; i++) {
        core_input_free(core->parked[i].input);
    }
    for (size_t i = 0; i < TOKENS_CACHED; i++) {
        arena_free(core->tokens[i].arena);
    }
    if (core->state && core->def->state_free) {
        core->def->state_free(core->state);
    }
    store_close(core->store);
    arena_free(core->arena);
    arena_free(core->out_arena);
    union {
        const struct subscription *kept;
        struct subscription *freed;
    } subscriptions = {.kept = core->subscriptions};
    free(subscriptions.freed);
    free(core->cursors);
    free(core->queue);
    free(core->items);
    free(core->outs);
    free(core);
}

/* ---- what comes in ---- */

struct input *core_input_new(enum input_kind kind, const char *peer, struct bytes frame) {
    struct input *input = calloc(1, sizeof *input);

    assert(input);
    input->kind = kind;
    input->data = malloc(frame.size + 1);
    assert(input->data);
    if (frame.size > 0) {
        memcpy(input->data, frame.data, frame.size);
    }
    input->size = frame.size;
    if (peer) {
        assert(strlen(peer) < sizeof input->peer);
        memcpy(input->peer, peer, strlen(peer) + 1);
    }
    return input;
}

/* Beside the urgent there is always room for an urgent one, and a worker's answer, which
 * comes only once, is taken in any case: there are no more than jobs. */
static bool has_room(const struct core *core, const struct input *input) {
    size_t count = QUEUE_MAX - QUEUE_URGENT;
    size_t bytes = QUEUE_BYTES_MAX - QUEUE_URGENT_BYTES;

    if (input->kind == INPUT_JOB) {
        return core->queued < QUEUE_ROOM; /* it comes only once */
    }
    if (input->kind == INPUT_REPLY || input->urgent) {
        count = QUEUE_MAX;
        bytes = QUEUE_BYTES_MAX;
    }
    return core->queued < count && core->queue_bytes + input->size <= bytes;
}

static bool enqueue(struct core *core, struct input *input) {
    if (!has_room(core, input)) {
        core_input_free(input);
        return false;
    }
    core->queue_bytes += input->size;
    core->queue[core->queued++] = input;
    return true;
}

/* Told before any work is done for it: only its id is read.  False: there is no room to say it. */
bool core_refuse_full(struct core *core, const struct origin *from, struct bytes frame) {
    if (core->out_count >= OUTS_MAX - OUTS_A_STEP) {
        return false;
    }
    size_t used = arena_used(core->arena);
    ProtobufCAllocator allocator = arena_protobuf(core->arena);
    Wire__Request *request = wire__request__unpack(&allocator, frame.size, frame.data);

    if (request && request->id.len <= CORE_ID_SIZE) {
        Wire__Reply reply = WIRE__REPLY__INIT;
        reply.id = request->id;
        reply.code = WIRE__CODE__RESOURCE_EXHAUSTED;
        reply.rule = "queue_full";
        reply.message = core_text(core, "queue_full", "", request->locale, core->arena);
        struct out out = {.kind = OUT_REPLY, .route = from->route};
        out.frame = core_pack(&reply.base, core->out_arena);
        core_out(core, &out);
    }
    arena_rewind(core->arena, used);
    core->refused++;
    return true;
}

bool core_push_request(struct core *core, const struct origin *from, struct bytes frame) {
    struct input *input = core_input_new(INPUT_REQUEST, from->peer, frame);

    input->from = *from;
    input->from.peer = from->peer ? input->peer : NULL;
    dispatch_sort(core, input);
    if (!enqueue(core, input)) {
        (void)core_refuse_full(core, from, frame);
        return false;
    }
    return true;
}

void core_push_reply(struct core *core, const char *peer, struct bytes frame) {
    (void)enqueue(core, core_input_new(INPUT_REPLY, peer, frame));
}

void core_push_job(struct core *core, int64_t id, bool failed, struct bytes output,
                   const struct err *err) {
    struct input *input = core_input_new(INPUT_JOB, NULL, output);

    input->id = id;
    input->failed = failed;
    if (err) {
        input->err = *err;
    }
    (void)enqueue(core, input);
}

void core_link(struct core *core, const char *peer, bool up) {
    links_lost(core, peer, up ? 0 : LINK_RETRY_MS);
}

/* ---- what goes out ---- */

struct bytes core_pack(const ProtobufCMessage *message, struct arena *arena) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

void core_out(struct core *core, const struct out *out) {
    if (core->out_count == OUTS_MAX) {
        log_error("not said: too much at once", "kind=%d", (int)out->kind);
        return;
    }
    core->outs[core->out_count++] = *out;
}

void core_send(struct core *core, const char *peer, const char *method,
               const ProtobufCMessage *payload, struct flight *flight) {
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t random[10];

    core_random(core, random, sizeof random);
    text_uuid7(flight->id, core->now_ms, random);
    struct bytes packed = core_pack(payload, core->out_arena);
    request.id.data = flight->id;
    request.id.len = CORE_ID_SIZE;
    request.method = method;
    request.payload.data = (uint8_t *)(uintptr_t)packed.data; /* packed, not changed */
    request.payload.len = packed.size;
    struct out out = {.kind = OUT_CALL, .peer = peer};
    out.frame = core_pack(&request.base, core->out_arena);
    core_out(core, &out);
    flight->busy = true;
    flight->sent_ms = core->now_ms;
}

const struct out *core_next(struct core *core) {
    return core->out_next < core->out_count ? &core->outs[core->out_next++] : NULL;
}

static void forget_outs(struct core *core) {
    /* What was said between two steps (a refusal) has not been carried away yet. */
    if (core->out_next >= core->out_count) {
        core->out_count = 0;
        core->out_next = 0;
        arena_reset(core->out_arena);
    }
}

/* ---- steps ---- */

struct call core_call(struct core *core) {
    static const struct actor system = {.staff = "system", .estate = "", .system = true};

    return (struct call){
        .core = core,
        .store = core->store,
        .arena = core->arena,
        .now_ms = core->now_ms,
        .actor = &system,
        .secrets = core->config.secrets,
        .locale = "zh",
    };
}

void core_undo_memory(struct core *core, const struct head *head) {
    core->head = *head;
    if (core->def->state_reset && core->state) {
        core->def->state_reset(core->state);
    }
}

int core_trial(struct core *core, struct trial *trial, struct err *err) {
    *trial = (struct trial){
        .before = core->head,
        .used = arena_used(core->arena),
        .refused = arena_refused(core->arena),
    };
    return store_savepoint(core->store, 1, err);
}

/* The store's own failures are plain; "disk_full" usually undoes the whole group. */
static bool is_want(const struct err *why) {
    return (why->code == ERR_UNAVAILABLE && strcmp(why->rule, "plain") == 0)
           || (why->code == ERR_EXHAUSTED && strcmp(why->rule, "disk_full") == 0);
}

enum trial_end core_trial_end(struct core *core, const struct trial *trial, bool failed,
                              struct err *why) {
    if (!failed) {
        return store_release(core->store, 1, why) ? TRIAL_GONE : TRIAL_DONE;
    }
    store_rollback_to(core->store, 1);
    core_undo_memory(core, &trial->before);
    if (!store_in_txn(core->store)) {
        return TRIAL_GONE;
    }
    if (arena_refused(core->arena) != trial->refused) {
        return trial->used <= ARENA_FRESH ? TRIAL_REFUSED : TRIAL_SHORT;
    }
    return is_want(why) ? TRIAL_SHORT : TRIAL_REFUSED;
}

static void make_backup(struct core *core) {
    core->backup = store_backup(core->store, core->backup_path, &core->backup_err) ? BACKUP_FAILED
                                                                                   : BACKUP_DONE;
    for (size_t i = 0; i < core->parked_count; i++) {
        core->parked[i].woken |= strcmp(core->parked[i].on, backup_park) == 0;
    }
}

/* Who asked for the backup has been told how it ended: the next may come. */
static void end_backup(struct core *core) {
    for (size_t i = 0; i < core->parked_count; i++) {
        if (strcmp(core->parked[i].on, backup_park) == 0) {
            return;
        }
    }
    core->backup = BACKUP_NONE;
}

int core_step(struct core *core, int64_t now_ms, struct err *err) {
    forget_outs(core);
    if (now_ms > core->now_ms) {
        core->now_ms = now_ms;
    }
    if (group_run(core, true, err)) {
        return -1;
    }
    if (core->renew && begin_epoch(core, err)) {
        return -1;
    }
    if (core->backup == BACKUP_WANTED) {
        make_backup(core);
    }
    if (group_woken(core) && group_run(core, false, err)) {
        return -1;
    }
    end_backup(core);
    links_plan(core);
    return store_io_failed(core->store)
               ? err_plain(err, ERR_UNAVAILABLE, "the disk of the store failed")
               : 0;
}

int64_t core_wake(const struct core *core) {
    int64_t wake = links_wake(core);

    if (group_woken(core)) {
        return core->now_ms;
    }
    if (core->queued > 0) {
        const int64_t group_ms = group_paced(core) ? core->group_ms + PACE_MS : core->now_ms;
        wake = group_ms < wake ? group_ms : wake;
    }
    if (core->restored || core->fenced) {
        return wake; /* timers and jobs wait until it may serve */
    }
    const int64_t job_ms = core->stopping ? never_ms : core->next_job_ms;
    int64_t due = core->next_timer_ms < job_ms ? core->next_timer_ms : job_ms;
    if (due < core->disk_wait_ms) {
        due = core->disk_wait_ms;
    }
    if (due < wake) {
        wake = due;
    }
    for (size_t i = 0; i < core->parked_count; i++) {
        if (core->parked[i].until_ms < wake) {
            wake = core->parked[i].until_ms;
        }
    }
    return wake;
}

void core_stop(struct core *core) {
    core->stopping = true;
}

/* ---- for handlers and hosts ---- */

struct store *core_store(struct core *core) {
    return core->store;
}

const struct service_def *core_def(const struct core *core) {
    return core->def;
}

const uint8_t *core_source(const struct core *core) {
    return core->source;
}

uint64_t core_epoch(const struct core *core) {
    return core->epoch;
}

int64_t core_now(const struct core *core) {
    return core->now_ms;
}

void *core_state(struct core *core) {
    return core->state;
}

int64_t core_keep_days(const struct core *core) {
    return core->config.keep_days;
}

void core_random(struct core *core, void *data, size_t size) {
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};

    core->random_count++;
    memcpy(nonce, &core->random_count, sizeof core->random_count);
    (void)crypto_stream_chacha20(data, size, nonce, core->random_key);
}

void core_renew(struct core *core) {
    assert(core->def->is_bus);
    core->renew = true;
}

void core_notify(struct core *core, const char *name) {
    const size_t room = sizeof core->notes / sizeof core->notes[0];

    for (size_t i = 0; i < core->note_count; i++) {
        if (strcmp(core->notes[i], name) == 0) {
            return;
        }
    }
    if (core->note_count == room) {
        for (size_t i = 0; i < core->parked_count; i++) {
            core->parked[i].woken = true; /* too many names: everybody looks for himself */
        }
        return;
    }
    assert(strlen(name) < sizeof core->notes[0]);
    memcpy(core->notes[core->note_count++], name, strlen(name) + 1);
}

void core_set_ready(struct core *core, bool ready) {
    core->manual_ready = ready;
}

void core_set_text(struct core *core, text_fn *text, void *arg) {
    core->text = text;
    core->text_arg = arg;
}

void core_set_permit(struct core *core, permit_fn *permit, void *arg) {
    core->permit = permit;
    core->permit_arg = arg;
}

const char *core_text(struct core *core, const char *key, const char *args, const char *locale,
                      struct arena *arena) {
    if (core->text) {
        return core->text(core->text_arg, key, args, locale, arena);
    }
    return args && args[0] ? arena_text(arena, "%s: %s", key, args) : key;
}

bool actor_has_role(const struct actor *actor, const char *role) {
    for (size_t i = 0; i < actor->role_count; i++) {
        if (strcmp(actor->roles[i], role) == 0) {
            return true;
        }
    }
    return false;
}
