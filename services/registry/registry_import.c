#include "services/registry/registry_import.h"

#include <string.h>

#include "base/text.h"
#include "core/timer.h"
#include "store/query.h"

enum {
    BAD_ROWS_MAX = 50,
    REPLY_ROOM = 48 * 1024,
};

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

/* ---- the import itself ---- */

int registry_import_find(struct call *call, int64_t id, struct import *import, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT kind, columns, partial, estate, state, last_line, row_count,"
                           " bad, checked, applied, unchanged, position FROM import WHERE id = ?1");

    query_bind_i64(&q, 1, id);
    int found = query_step(&q, err);
    if (found == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "import_unknown", "value=%lld", (long long)id);
    }
    if (found != 1) {
        return -1;
    }
    int column = 0;
    import->id = id;
    import->kind = registry_entry_kind(query_text(&q, column++, call->arena));
    import->columns = query_text(&q, column++, call->arena);
    import->partial = query_i64(&q, column++) == 1;
    import->estate = query_text(&q, column++, call->arena);
    import->state = query_text(&q, column++, call->arena);
    import->last_line = query_i64(&q, column++);
    import->rows = query_i64(&q, column++);
    import->bad = query_i64(&q, column++);
    import->checked = query_i64(&q, column++);
    import->applied = query_i64(&q, column++);
    import->unchanged = query_i64(&q, column++);
    import->position = query_i64(&q, column);
    query_end(&q);
    if (!import->kind) {
        (void)err_plain(err, ERR_INTERNAL, "import %lld is of no kind", (long long)id);
        return -1;
    }
    return 0;
}

int registry_import_save(struct call *call, const struct import *import, struct err *err) {
    struct query q = QUERY(call->store,
                           "UPDATE import SET state = ?2, last_line = ?3, row_count = ?4,"
                           " bad = ?5, checked = ?6, applied = ?7, unchanged = ?8, position = ?9"
                           " WHERE id = ?1");

    query_bind_i64(&q, 1, import->id);
    query_bind_text(&q, 2, import->state);
    query_bind_i64(&q, 3, import->last_line);
    query_bind_i64(&q, 4, import->rows);
    query_bind_i64(&q, 5, import->bad);
    query_bind_i64(&q, 6, import->checked);
    query_bind_i64(&q, 7, import->applied);
    query_bind_i64(&q, 8, import->unchanged);
    query_bind_i64(&q, 9, import->position);
    return query_done(&q, err);
}

static char *ref_of(struct call *call, const struct import *import) {
    return arena_text(call->arena, "%lld", (long long)import->id);
}

int registry_import_wake(struct call *call, const struct import *import, struct err *err) {
    return timer_set(call, "import", ref_of(call, import), "work", 0, call->now_ms, err);
}

int registry_import_drop_at(struct call *call, const struct import *import, int64_t ms,
                            struct err *err) {
    return timer_set(call, "import", ref_of(call, import), "drop", 0, ms, err);
}

static Registry__ImportProgress *progress(struct call *call, const struct import *import) {
    Registry__ImportProgress *message = ARENA_NEW(call->arena, Registry__ImportProgress);

    registry__import_progress__init(message);
    message->import = import->id;
    message->kind = import->kind->name;
    message->state = import->state;
    message->rows = (uint32_t)import->rows;
    message->bad = (uint32_t)import->bad;
    message->checked = (uint32_t)import->checked;
    message->applied = (uint32_t)import->applied;
    message->unchanged = (uint32_t)import->unchanged;
    message->partial = import->partial;
    return message;
}

/* ---- starting ---- */

static int column_index(const struct entry_kind *kind, const char *column) {
    if (text_eq(column, "department")) {
        column = "dept"; /* as the estate's own staff list says */
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        if (text_eq(kind->fields[i].key, column)) {
            return (int)i;
        }
    }
    return -1;
}

static char *columns_of(const struct entry_kind *kind, struct arena *arena) {
    char *text = arena_text(arena, "%s", kind->fields[0].key);

    for (size_t i = 1; i < kind->field_count; i++) {
        text = arena_text(arena, "%s, %s", text, kind->fields[i].key);
    }
    return text;
}

static int check_columns(struct call *call, const struct entry_kind *kind,
                         const Registry__StartImportRequest *request, struct err *err) {
    bool there[ENTRY_FIELDS_MAX] = {false};

    if (request->n_columns > IMPORT_COLUMNS_MAX) {
        return err_set(err, ERR_INVALID, "csv_fields", "limit=%d", IMPORT_COLUMNS_MAX);
    }
    for (size_t i = 0; i < request->n_columns; i++) {
        int index = column_index(kind, request->columns[i]);
        if (index < 0) {
            return err_set(err, ERR_INVALID, "column_unknown", "value=%s\nright=%s",
                           registry_shown(request->columns[i], call->arena),
                           columns_of(kind, call->arena));
        }
        if (there[index]) {
            return err_set(err, ERR_INVALID, "column_twice", "value=%s", request->columns[i]);
        }
        there[index] = true;
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].required && !there[i]) {
            return err_set(err, ERR_INVALID, "column_missing", "value=%s\nright=%s",
                           kind->fields[i].key, columns_of(kind, call->arena));
        }
    }
    return 0;
}

/* The one that is named, or the only one there is; "" when there is none. */
static const char *estate_of(struct call *call, const char *named, struct err *err) {
    struct query q = QUERY(call->store, /* scan: a row each estate */
                           "SELECT estate FROM estate WHERE ?1 = '' OR estate = ?1"
                           " ORDER BY estate LIMIT 2");
    const char *estate = "";
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, named);
    while ((more = query_step(&q, err)) == 1) {
        estate = query_text(&q, 0, call->arena);
        count++;
    }
    if (more == 0 && *named && count == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "estate_unknown", "field=estate\nestate=%s",
                      registry_shown(named, call->arena));
        return NULL;
    }
    if (more == 0 && count > 1) {
        (void)err_set(err, ERR_INVALID, "field_missing", "field=estate");
        return NULL;
    }
    return more < 0 ? NULL : estate;
}

static int check_open(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, /* scan: an index of the open ones */
                           "SELECT count(*) FROM import"
                           " WHERE state IN ('taking', 'checking', 'applying')");
    int found = query_step(&q, err);
    int64_t open = found == 1 ? query_i64(&q, 0) : 0;

    query_end(&q);
    if (found < 0) {
        return -1;
    }
    return open < IMPORT_OPEN_MAX
               ? 0
               : err_set(err, ERR_EXHAUSTED, "imports_many", "limit=%d", IMPORT_OPEN_MAX);
}

int registry_start_import(struct call *call, struct err *err) {
    const Registry__StartImportRequest *request = call->request;
    const struct entry_kind *kind = registry_entry_kind(request->kind);

    if (registry_may(call, "data.import", err)) {
        return -1;
    }
    if (!kind) {
        return err_set(err, ERR_INVALID, "choice_wrong",
                       "field=kind\nvalue=%s\nright=staff, units, persons",
                       registry_shown(request->kind, call->arena));
    }
    const char *estate = estate_of(call, request->estate, err);
    if (!estate || check_columns(call, kind, request, err) || check_open(call, err)) {
        return -1;
    }
    struct query q = QUERY(call->store,
                           "INSERT INTO import(kind, columns, partial, estate, state, actor,"
                           " started_ms) VALUES(?1, ?2, ?3, ?4, 'taking', ?5, ?6) RETURNING id");
    struct import import = {0};
    query_bind_text(&q, 1, kind->name);
    query_bind_text(&q, 2, registry_join(request->columns, request->n_columns, call->arena));
    query_bind_i64(&q, 3, request->partial != 0);
    query_bind_text(&q, 4, estate);
    query_bind_text(&q, 5, call->actor->staff);
    query_bind_i64(&q, 6, call->now_ms);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    import.id = query_i64(&q, 0);
    if (query_done(&q, err) || registry_import_drop_at(call, &import, call->now_ms + day_ms, err)) {
        return -1;
    }
    Registry__StartImportReply *reply = ARENA_NEW(call->arena, Registry__StartImportReply);
    registry__start_import_reply__init(reply);
    reply->import = import.id;
    call->reply = &reply->base;
    return 0;
}

/* ---- taking rows ---- */

struct bytes registry_import_mistakes(struct call *call, uint32_t line, const struct entry *entry) {
    Registry__BadRow bad = REGISTRY__BAD_ROW__INIT;
    Registry__Mistake *list[ENTRY_MISTAKES_MAX];

    if (entry->mistake_count == 0) {
        return (struct bytes){0};
    }
    for (size_t i = 0; i < entry->mistake_count; i++) {
        list[i] = ARENA_NEW(call->arena, Registry__Mistake);
        registry__mistake__init(list[i]);
        list[i]->field = entry->mistakes[i].field;
        list[i]->rule = entry->mistakes[i].rule;
        list[i]->args = entry->mistakes[i].args;
    }
    bad.line = line;
    bad.n_mistakes = entry->mistake_count;
    bad.mistakes = list;
    size_t size = registry__bad_row__get_packed_size(&bad);
    uint8_t *data = arena_alloc(call->arena, size);
    (void)registry__bad_row__pack(&bad, data);
    return (struct bytes){data, size};
}

static bool is_reader_rule(const char *rule) {
    static const char *const rules[] = {"csv_quote", "csv_open", "csv_fields", "csv_long"};

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (text_eq(rule, rules[i])) {
            return true;
        }
    }
    return false;
}

/* The row's values, in the order of the kind's fields. */
static void arrange(const struct import *import, const Registry__ImportRow *row,
                    const char *const *columns, struct bytes raw[ENTRY_FIELDS_MAX]) {
    for (size_t i = 0; i < ENTRY_FIELDS_MAX; i++) {
        raw[i] = (struct bytes){(const uint8_t *)"", 0};
    }
    for (size_t i = 0; i < row->n_values; i++) {
        int index = column_index(import->kind, columns[i]);
        raw[index] = (struct bytes){row->values[i].data, row->values[i].len};
    }
    int estate = column_index(import->kind, "estate");
    if (estate >= 0 && raw[estate].size == 0) {
        raw[estate] = (struct bytes){(const uint8_t *)import->estate, strlen(import->estate)};
    }
}

/* The line that had this key first; 0: none.  -1: err set. */
static int64_t first_line(struct call *call, const struct import *import, const char *key,
                          struct err *err) {
    struct query q = QUERY(call->store, "SELECT line FROM import_row WHERE import = ?1"
                                        " AND key = ?2 AND key <> '' ORDER BY line LIMIT 1");

    query_bind_i64(&q, 1, import->id);
    query_bind_text(&q, 2, key);
    int found = query_step(&q, err);
    int64_t line = found == 1 ? query_i64(&q, 0) : 0;
    query_end(&q);
    return found < 0 ? -1 : line;
}

static int read_row(struct call *call, const struct import *import, const Registry__ImportRow *row,
                    struct entry *entry, struct err *err) {
    struct bytes raw[ENTRY_FIELDS_MAX];
    size_t count = 0;
    const char **columns = registry_split(import->columns, IMPORT_COLUMNS_MAX, &count, call->arena);

    *entry = (struct entry){.kind = import->kind, .key = "", .values = {.arena = call->arena}};
    if (*row->mistake) {
        registry_mistake(call, entry, "", ERR_INVALID, row->mistake, "");
        return 0;
    }
    if (row->n_values != count) {
        registry_mistake(call, entry, "", ERR_INVALID, "row_fields",
                         arena_text(call->arena, "has=%zu\nright=%zu", row->n_values, count));
        return 0;
    }
    arrange(import, row, columns, raw);
    if (registry_entry_read(call, import->kind, raw, entry, err)) {
        return -1;
    }
    /* All that is wrong with a row is said at once; whether deputies exist only the whole
     * file can tell. */
    if (entry->mistake_count > 0 && import->kind != &registry_staff_kind
        && registry_entry_refer(call, entry, import->id, err)) {
        return -1;
    }
    int64_t line = first_line(call, import, entry->key, err);
    if (line > 0) {
        registry_mistake(call, entry, import->kind->fields[0].key, ERR_INVALID, "row_twice",
                         arena_text(call->arena, "value=%s\nfirst=%lld",
                                    registry_shown(entry->key, call->arena), (long long)line));
    }
    return line < 0 ? -1 : 0;
}

static struct bytes body_of(struct call *call, const struct entry *entry) {
    Wire__Event event = WIRE__EVENT__INIT;

    if (entry->mistake_count > 0) {
        return (struct bytes){0};
    }
    event.topic = entry->kind->topic;
    event.n_fields = entry->values.count;
    event.fields = entry->values.list;
    size_t size = wire__event__get_packed_size(&event);
    uint8_t *data = arena_alloc(call->arena, size);
    (void)wire__event__pack(&event, data);
    return (struct bytes){data, size};
}

static int take_row(struct call *call, struct import *import, const Registry__ImportRow *row,
                    struct err *err) {
    struct entry *entry = ARENA_NEW(call->arena, struct entry);

    if (row->line <= import->last_line || (*row->mistake && !is_reader_rule(row->mistake))) {
        return err_set(err, ERR_INVALID, "line_order", "line=%u\nlast=%lld", row->line,
                       (long long)import->last_line);
    }
    if (import->rows == IMPORT_ROWS_MAX) {
        return err_set(err, ERR_EXHAUSTED, "import_rows_many", "limit=%d", IMPORT_ROWS_MAX);
    }
    if (read_row(call, import, row, entry, err)) {
        return -1;
    }
    struct bytes body = body_of(call, entry);
    struct bytes mistakes = registry_import_mistakes(call, row->line, entry);
    struct query q = QUERY(call->store, "INSERT INTO import_row(import, line, key, body, mistakes)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5)");
    query_bind_i64(&q, 1, import->id);
    query_bind_i64(&q, 2, row->line);
    query_bind_text(&q, 3, entry->key);
    query_bind_blob(&q, 4, body.data, body.size);
    query_bind_blob(&q, 5, mistakes.data, mistakes.size);
    import->last_line = row->line;
    import->rows++;
    import->bad += entry->mistake_count > 0;
    return query_done(&q, err);
}

int registry_import_rows(struct call *call, struct err *err) {
    const Registry__ImportRowsRequest *request = call->request;
    struct import import = {0};

    if (registry_may(call, "data.import", err)
        || registry_import_find(call, request->import, &import, err)) {
        return -1;
    }
    if (!text_eq(import.state, "taking")) {
        return err_set(err, ERR_PRECONDITION, "import_closed", "value=%lld\nstate=%s",
                       (long long)import.id, import.state);
    }
    if (request->n_rows > IMPORT_PART_MAX) {
        return err_set(err, ERR_INVALID, "import_rows_many", "limit=%d", IMPORT_PART_MAX);
    }
    for (size_t i = 0; i < request->n_rows; i++) {
        size_t used = arena_used(call->arena);
        if (take_row(call, &import, request->rows[i], err)) {
            return -1;
        }
        arena_rewind(call->arena, used);
    }
    if (registry_import_save(call, &import, err)) {
        return -1;
    }
    Registry__ImportRowsReply *reply = ARENA_NEW(call->arena, Registry__ImportRowsReply);
    registry__import_rows_reply__init(reply);
    reply->rows = (uint32_t)import.rows;
    reply->bad = (uint32_t)import.bad;
    call->reply = &reply->base;
    return 0;
}

/* ---- finishing, asking ---- */

/* Again is fine: it says how far it is, and wakes what stands still. */
int registry_finish_import(struct call *call, struct err *err) {
    const Registry__FinishImportRequest *request = call->request;
    Registry__FinishImportReply *reply = ARENA_NEW(call->arena, Registry__FinishImportReply);
    struct import import = {0};

    if (registry_may(call, "data.import", err)
        || registry_import_find(call, request->import, &import, err)) {
        return -1;
    }
    if (import.rows == 0) {
        return err_set(err, ERR_PRECONDITION, "import_empty", "value=%lld", (long long)import.id);
    }
    if (text_eq(import.state, "taking")) {
        import.state = "checking";
        if (registry_import_save(call, &import, err)) {
            return -1;
        }
    }
    bool works = text_eq(import.state, "checking") || text_eq(import.state, "applying");
    if (works && registry_import_wake(call, &import, err)) {
        return -1;
    }
    registry__finish_import_reply__init(reply);
    reply->progress = progress(call, &import);
    call->reply = &reply->base;
    return 0;
}

static void explain(struct call *call, Registry__BadRow *row) {
    for (size_t i = 0; i < row->n_mistakes; i++) {
        Registry__Mistake *mistake = row->mistakes[i];
        mistake->message = core_text(call->core, mistake->rule, mistake->args, call->locale,
                                     call->arena);
    }
}

static int read_bad_rows(struct call *call, const Registry__GetImportRequest *request,
                         Registry__GetImportReply *reply, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    uint32_t max = registry_page(request->max, BAD_ROWS_MAX);
    size_t room = REPLY_ROOM;
    int more = 0;
    struct query q = QUERY(call->store, "SELECT mistakes FROM import_row WHERE import = ?1"
                                        " AND line > ?2 AND length(mistakes) > 0"
                                        " ORDER BY line LIMIT ?3");

    reply->bad_rows = arena_alloc(call->arena, max * sizeof(Registry__BadRow *));
    query_bind_i64(&q, 1, request->import);
    query_bind_i64(&q, 2, request->after_line);
    query_bind_i64(&q, 3, max);
    while ((more = query_step(&q, err)) == 1) {
        size_t size = 0;
        const uint8_t *data = query_blob(&q, 0, call->arena, &size);
        Registry__BadRow *row = registry__bad_row__unpack(&allocator, size, data);
        if (!row) {
            more = err_plain(err, ERR_INTERNAL, "a bad row of an import cannot be read");
            break;
        }
        explain(call, row);
        size = registry__bad_row__get_packed_size(row) + 4;
        if (size > room) {
            break; /* the next page begins here */
        }
        room -= size;
        reply->bad_rows[reply->n_bad_rows++] = row;
    }
    query_end(&q);
    return more < 0 ? -1 : 0;
}

int registry_get_import(struct call *call, struct err *err) {
    const Registry__GetImportRequest *request = call->request;
    Registry__GetImportReply *reply = ARENA_NEW(call->arena, Registry__GetImportReply);
    struct import import = {0};

    if (registry_may(call, "data.import", err)
        || registry_import_find(call, request->import, &import, err)) {
        return -1;
    }
    registry__get_import_reply__init(reply);
    reply->progress = progress(call, &import);
    call->reply = &reply->base;
    return read_bad_rows(call, request, reply, err);
}
