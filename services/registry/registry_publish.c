/*
 * The manual's revisions.  A set of files comes in parts; when the last is there,
 * each is told, all in one transaction: a revision is in force whole or not at all.
 */
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "core/event.h"
#include "services/registry/registry_entry.h"
#include "store/query.h"

enum {
    FILES_MAX = 256,
    DIGEST_SIZE = 32,
    NAME_MAX_BYTES = 120,
    FILE_MAX = 46 * 1024,   /* compiled: an event with it fits */
    EVENT_ROOM = 47 * 1024, /* for compiled and source together */
    SET_MAX = 4 << 20,      /* compiled, together: every service reads them at once */
};

static int64_t newest(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT coalesce(max(revision), 0) FROM published");
    int found = query_step(&q, err);
    int64_t revision = found == 1 ? query_i64(&q, 0) : 0;

    query_end(&q);
    return found < 0 ? -1 : revision;
}

static int check(struct call *call, const Registry__PublishManualRequest *request,
                 struct err *err) {
    int64_t revision = newest(call, err);

    if (revision < 0) {
        return -1;
    }
    if (request->revision != revision + 1) {
        return err_set(err, ERR_PRECONDITION, "revision_taken", "value=%u\nnext=%lld",
                       request->revision, (long long)revision + 1);
    }
    if (request->count == 0 || request->count > FILES_MAX || request->part == 0
        || request->part > request->count) {
        return err_set(err, ERR_INVALID, "part_wrong", "part=%u\ncount=%u\nlimit=%d", request->part,
                       request->count, FILES_MAX);
    }
    if (request->digest.len != DIGEST_SIZE) {
        return err_set(err, ERR_INVALID, "digest_wrong", "part=%u", request->part);
    }
    return 0;
}

/* Its name; NULL with err set when it is no file of a manual. */
static const char *name_of(struct call *call, const Registry__PublishManualRequest *request,
                           struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    const char *name = "";

    if (request->file.len > FILE_MAX) {
        (void)err_set(err, ERR_EXHAUSTED, "manual_file_long", "part=%u\nbytes=%zu\nlimit=%d",
                      request->part, request->file.len, FILE_MAX);
        return NULL;
    }
    const Manual__File *file = manual__file__unpack(&allocator, request->file.len,
                                                    request->file.data);
    if (file) {
        name = file->name;
    }
    if (!*name || text_check(name, strlen(name), NAME_MAX_BYTES, false)
        || text_check((const char *)request->source.data, request->source.len, CORE_FRAME_MAX,
                      true)) {
        (void)err_set(err, ERR_INVALID, "manual_file_wrong", "part=%u", request->part);
        return NULL;
    }
    return name;
}

static int keep(struct call *call, const Registry__PublishManualRequest *request, const char *name,
                struct err *err) {
    struct query q = QUERY(call->store, "SELECT part FROM publish_part WHERE digest = ?1"
                                        " AND name = ?2 AND part <> ?3");

    query_bind_blob(&q, 1, request->digest.data, request->digest.len);
    query_bind_text(&q, 2, name);
    query_bind_i64(&q, 3, request->part);
    int twice = query_step(&q, err);
    query_end(&q);
    if (twice != 0) {
        return twice < 0 ? -1
                         : err_set(err, ERR_INVALID, "manual_file_twice", "value=%s\npart=%u", name,
                                   request->part);
    }
    q = QUERY(call->store, "INSERT OR REPLACE INTO publish_part(digest, part, name, compiled,"
                           " source) VALUES(?1, ?2, ?3, ?4, ?5)");
    query_bind_blob(&q, 1, request->digest.data, request->digest.len);
    query_bind_i64(&q, 2, request->part);
    query_bind_text(&q, 3, name);
    query_bind_blob(&q, 4, request->file.data, request->file.len);
    query_bind_blob(&q, 5, request->source.data, request->source.len);
    return query_done(&q, err);
}

static int64_t count_parts(struct call *call, ProtobufCBinaryData digest, struct err *err) {
    struct query q = QUERY(call->store, "SELECT count(*), sum(length(compiled))"
                                        " FROM publish_part WHERE digest = ?1");

    query_bind_blob(&q, 1, digest.data, digest.len);
    int found = query_step(&q, err);
    int64_t count = found == 1 ? query_i64(&q, 0) : -1;
    int64_t bytes = found == 1 ? query_i64(&q, 1) : 0;
    query_end(&q);
    if (bytes > SET_MAX) {
        return err_set(err, ERR_EXHAUSTED, "manual_long", "bytes=%lld\nlimit=%d", (long long)bytes,
                       SET_MAX);
    }
    return count;
}

/* One part: into the digest, or told. */
static int read_part(struct call *call, const Registry__PublishManualRequest *request,
                     uint32_t part, crypto_generichash_state *state, struct err *err) {
    struct query q = QUERY(call->store, "SELECT name, compiled, source FROM publish_part"
                                        " WHERE digest = ?1 AND part = ?2");
    struct values fields = {.arena = call->arena};
    Wire__Value compiled = WIRE__VALUE__INIT;

    query_bind_blob(&q, 1, request->digest.data, request->digest.len);
    query_bind_i64(&q, 2, part);
    if (query_step(&q, err) != 1) {
        query_end(&q);
        return err_plain(err, ERR_INTERNAL, "part %u of a revision is gone", part);
    }
    const char *name = query_text(&q, 0, call->arena);
    compiled.key = "compiled";
    compiled.kind_case = WIRE__VALUE__KIND_SEALED;
    compiled.sealed.data = query_blob(&q, 1, call->arena, &compiled.sealed.len);
    size_t source_size = 0;
    const uint8_t *source = query_blob(&q, 2, call->arena, &source_size);
    query_end(&q);
    if (state) {
        (void)crypto_generichash_update(state, compiled.sealed.data, compiled.sealed.len);
        return 0;
    }
    values_add_i64(&fields, "revision", request->revision);
    values_add_text(&fields, "name", name);
    values_add_i64(&fields, "count", request->count);
    values_add(&fields, &compiled);
    if (compiled.sealed.len + source_size <= EVENT_ROOM) {
        values_add_text(&fields, "text", (const char *)source);
    }
    return registry_tell(call, "manual.published", WIRE__LANE__NORMAL, &fields, err);
}

static int each_part(struct call *call, const Registry__PublishManualRequest *request,
                     crypto_generichash_state *state, struct err *err) {
    for (uint32_t part = 1; part <= request->count; part++) {
        size_t used = arena_used(call->arena);
        if (read_part(call, request, part, state, err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    return 0;
}

/* All are here: are they the set that was meant?  Then they come into force. */
static int publish(struct call *call, const Registry__PublishManualRequest *request,
                   struct err *err) {
    crypto_generichash_state state;
    uint8_t digest[DIGEST_SIZE];

    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    if (each_part(call, request, &state, err)) {
        return -1;
    }
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    if (memcmp(digest, request->digest.data, sizeof digest) != 0) {
        return err_set(err, ERR_INVALID, "digest_wrong", "part=%u", request->part);
    }
    if (each_part(call, request, NULL, err)) {
        return -1;
    }
    /* Sets that were begun and never finished go, too. */
    struct query q = QUERY(call->store, "DELETE FROM publish_part");
    return query_done(&q, err);
}

int registry_publish_manual(struct call *call, struct err *err) {
    const Registry__PublishManualRequest *request = call->request;
    Registry__PublishManualReply *reply = ARENA_NEW(call->arena, Registry__PublishManualReply);

    if (registry_may(call, "manual.publish", err) || check(call, request, err)) {
        return -1;
    }
    const char *name = name_of(call, request, err);
    if (!name || keep(call, request, name, err)) {
        return -1;
    }
    int64_t parts = count_parts(call, request->digest, err);
    if (parts < 0) {
        return -1;
    }
    registry__publish_manual_reply__init(reply);
    reply->revision = request->revision;
    reply->parts = (uint32_t)parts;
    reply->in_force = parts == request->count;
    call->reply = &reply->base;
    return reply->in_force ? publish(call, request, err) : 0;
}

/* ---- reading ---- */

static int read_files(struct call *call, Registry__GetManualReply *reply, struct err *err) {
    struct query q = QUERY(call->store, "SELECT name, compiled FROM manual WHERE revision = ?1"
                                        " ORDER BY name LIMIT 256");
    int more = 0;

    reply->files = arena_alloc(call->arena, FILES_MAX * sizeof(Registry__ManualFile *));
    query_bind_i64(&q, 1, reply->revision);
    while ((more = query_step(&q, err)) == 1) {
        Registry__ManualFile *file = ARENA_NEW(call->arena, Registry__ManualFile);
        registry__manual_file__init(file);
        file->name = query_text(&q, 0, call->arena);
        file->digest.data = arena_alloc(call->arena, DIGEST_SIZE);
        file->digest.len = DIGEST_SIZE;
        size_t used = arena_used(call->arena);
        size_t size = 0;
        const uint8_t *compiled = query_blob(&q, 1, call->arena, &size);
        file->size = (uint32_t)size;
        (void)crypto_generichash(file->digest.data, DIGEST_SIZE, compiled, size, NULL, 0);
        arena_rewind(call->arena, used);
        reply->files[reply->n_files++] = file;
    }
    return more;
}

int registry_get_manual(struct call *call, struct err *err) {
    const Registry__GetManualRequest *request = call->request;
    Registry__GetManualReply *reply = ARENA_NEW(call->arena, Registry__GetManualReply);

    if (registry_may(call, "manual.read", err)) {
        return -1;
    }
    int64_t revision = request->revision ? request->revision : newest(call, err);
    if (revision < 0) {
        return -1;
    }
    registry__get_manual_reply__init(reply);
    call->reply = &reply->base;
    struct query q = QUERY(call->store, "SELECT published_ms, publisher FROM published"
                                        " WHERE revision = ?1");
    query_bind_i64(&q, 1, revision);
    int found = query_step(&q, err);
    if (found == 1) {
        reply->revision = (uint32_t)revision;
        reply->published_ms = query_i64(&q, 0);
        reply->publisher = query_text(&q, 1, call->arena);
    }
    query_end(&q);
    if (found == 0 && request->revision) {
        return err_set(err, ERR_NOT_FOUND, "revision_unknown", "value=%u", request->revision);
    }
    return found == 1 ? read_files(call, reply, err) : found;
}
