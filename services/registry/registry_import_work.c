/*
 * The slices: a timer's work after FinishImport.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/timer.h"
#include "services/registry/registry_import.h"
#include "store/query.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
enum { KEPT_DAYS = 30 }; /* bad rows, for those who ask */

struct staged {
    uint32_t line;
    struct bytes body;
};

/* Good rows behind a line. */
static int read_slice(struct call *call, const struct import *import, int64_t after, size_t max,
                      struct staged *rows, struct err *err) {
    struct query q = QUERY(call->store, "SELECT line, body FROM import_row WHERE import = ?1"
                                        " AND line > ?2 AND length(mistakes) = 0"
                                        " ORDER BY line LIMIT ?3");
    int count = 0;
    int more = 0;

    query_bind_i64(&q, 1, import->id);
    query_bind_i64(&q, 2, after);
    query_bind_i64(&q, 3, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        rows[count].line = (uint32_t)query_i64(&q, 0);
        rows[count].body.data = query_blob(&q, 1, call->arena, &rows[count].body.size);
        count++;
    }
    return more < 0 ? -1 : count;
}

static int unpack(struct call *call, const struct import *import, const struct staged *row,
                  struct entry *entry, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    Wire__Event *event = wire__event__unpack(&allocator, row->body.size, row->body.data);

    if (!event) {
        return err_plain(err, ERR_INTERNAL, "line %u of an import cannot be read", row->line);
    }
    *entry = (struct entry){
        .kind = import->kind,
        .key = value_text(event->fields, event->n_fields, import->kind->fields[0].key),
        .values = {.arena = call->arena},
    };
    for (size_t i = 0; i < event->n_fields; i++) {
        values_add(&entry->values, event->fields[i]);
    }
    return 0;
}

/* ---- checking ---- */

static int mark_bad(struct call *call, struct import *import, const struct staged *row,
                    const struct entry *entry, struct err *err) {
    struct bytes mistakes = registry_import_mistakes(call, row->line, entry);
    struct query q = QUERY(call->store, "UPDATE import_row SET body = x'', mistakes = ?3"
                                        " WHERE import = ?1 AND line = ?2");

    query_bind_i64(&q, 1, import->id);
    query_bind_i64(&q, 2, row->line);
    query_bind_blob(&q, 3, mistakes.data, mistakes.size);
    import->bad++;
    return query_done(&q, err);
}

static int check_row(struct call *call, struct import *import, const struct staged *row,
                     struct err *err) {
    struct entry *entry = ARENA_NEW(call->arena, struct entry);

    if (unpack(call, import, row, entry, err)
        || registry_entry_refer(call, entry, import->id, err)) {
        return -1;
    }
    return entry->mistake_count > 0 ? mark_bad(call, import, row, entry, err) : 0;
}

static int check_slice(struct call *call, struct import *import, struct err *err) {
    struct staged rows[IMPORT_CHECK_SLICE];
    int count = read_slice(call, import, import->position, IMPORT_CHECK_SLICE, rows, err);

    for (int i = 0; i < count; i++) {
        size_t used = arena_used(call->arena);
        if (check_row(call, import, &rows[i], err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
        import->position = rows[i].line;
    }
    if (count < 0) {
        return -1;
    }
    import->checked += count;
    if (count < IMPORT_CHECK_SLICE) {
        import->state = import->bad > 0 && !import->partial ? "refused" : "applying";
    }
    return registry_import_wake(call, import, err);
}

/* ---- applying ---- */

static int finish(struct call *call, struct import *import, struct err *err) {
    struct values fields = {.arena = call->arena};

    import->state = "done";
    values_add_i64(&fields, "import", import->id);
    values_add_text(&fields, "kind", import->kind->name);
    values_add_i64(&fields, "rows", import->rows);
    values_add_i64(&fields, "bad", import->bad);
    values_add_i64(&fields, "unchanged", import->unchanged);
    return registry_tell(call, "import.finished", WIRE__LANE__NORMAL, &fields, err);
}

static int apply_row(struct call *call, struct import *import, const struct staged *row,
                     struct err *err) {
    struct entry *entry = ARENA_NEW(call->arena, struct entry);
    bool changed = false;

    if (unpack(call, import, row, entry, err) || registry_entry_put(call, entry, &changed, err)) {
        return -1;
    }
    import->applied++;
    import->unchanged += !changed;
    struct query q = QUERY(call->store, "DELETE FROM import_row WHERE import = ?1 AND line = ?2");
    query_bind_i64(&q, 1, import->id);
    query_bind_i64(&q, 2, row->line);
    return query_done(&q, err);
}

static int apply_slice(struct call *call, struct import *import, struct err *err) {
    struct staged rows[IMPORT_APPLY_SLICE];
    int count = read_slice(call, import, 0, IMPORT_APPLY_SLICE, rows, err);

    for (int i = 0; i < count; i++) {
        size_t used = arena_used(call->arena);
        if (apply_row(call, import, &rows[i], err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    if (count < 0) {
        return -1;
    }
    return count < IMPORT_APPLY_SLICE ? finish(call, import, err)
                                      : registry_import_wake(call, import, err);
}

/* ---- clearing ---- */

/* Rows go in slices, too: all of them, or only the good ones.  1: there may be more. */
static int clear_slice(struct call *call, const struct import *import, bool bad_too,
                       struct err *err) {
    struct query q = QUERY(call->store,
                           "DELETE FROM import_row WHERE import = ?1 AND line IN"
                           " (SELECT line FROM import_row WHERE import = ?1"
                           "  AND (?2 OR length(mistakes) = 0) LIMIT ?3) RETURNING line");
    int count = 0;
    int more = 0;

    query_bind_i64(&q, 1, import->id);
    query_bind_i64(&q, 2, bad_too);
    query_bind_i64(&q, 3, IMPORT_CLEAR_SLICE);
    while ((more = query_step(&q, err)) == 1) {
        count++;
    }
    return more < 0 ? -1 : count == IMPORT_CLEAR_SLICE;
}

static int drop(struct call *call, struct import *import, struct err *err) {
    if (text_eq(import->state, "checking") || text_eq(import->state, "applying")) {
        return registry_import_drop_at(call, import, call->now_ms + day_ms, err);
    }
    int more = clear_slice(call, import, true, err);
    if (more != 0) {
        return more < 0 ? -1 : registry_import_drop_at(call, import, call->now_ms, err);
    }
    if (text_eq(import->state, "taking")) {
        import->state = "dropped"; /* nobody finished it */
        return registry_import_save(call, import, err);
    }
    return 0;
}

/* ---- the timer ---- */

int registry_import_due(struct call *call, const struct due *due, struct err *err) {
    struct import import = {0};
    int rc = 0;

    if (registry_import_find(call, strtoll(due->ref, NULL, 10), &import, err)) {
        return -1;
    }
    if (text_eq(due->name, "drop")) {
        return drop(call, &import, err);
    }
    if (text_eq(import.state, "checking")) {
        rc = check_slice(call, &import, err);
    } else if (text_eq(import.state, "applying")) {
        rc = apply_slice(call, &import, err);
    } else {
        int more = clear_slice(call, &import, false, err);
        rc = more > 0 ? registry_import_wake(call, &import, err) : more;
    }
    if (rc) {
        return -1;
    }
    bool ended = text_eq(import.state, "done") || text_eq(import.state, "refused");
    if (ended && registry_import_drop_at(call, &import, call->now_ms + KEPT_DAYS * day_ms, err)) {
        return -1;
    }
    return registry_import_save(call, &import, err);
}
