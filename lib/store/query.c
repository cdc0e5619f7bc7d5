#include "store/query.h"

#include <assert.h>

#include <sqlite3.h>

struct query query_start(struct store *store, const char *sql) {
    struct query q = {.store = store};

    q.stmt = store_prepare(store, sql, &q.rc);
    return q;
}

/* Keep the first failure. */
static void note(struct query *q, int rc) {
    if (q->rc == SQLITE_OK) {
        q->rc = rc;
    }
}

void query_bind_i64(struct query *q, int index, int64_t value) {
    note(q, sqlite3_bind_int64(q->stmt, index, value));
}

void query_bind_null(struct query *q, int index) {
    note(q, sqlite3_bind_null(q->stmt, index));
}

void query_bind_text(struct query *q, int index, const char *value) {
    note(q, sqlite3_bind_text(q->stmt, index, value, -1, SQLITE_STATIC));
}

void query_bind_blob(struct query *q, int index, const void *data, size_t size) {
    /* A zero-length blob, not NULL, when there is no data. */
    note(q, sqlite3_bind_blob64(q->stmt, index, data ? data : "", size, SQLITE_STATIC));
}

int query_step(struct query *q, struct err *err) {
    if (q->rc == SQLITE_OK) {
        int rc = sqlite3_step(q->stmt);
        if (rc == SQLITE_ROW) {
            return 1;
        }
        if (rc != SQLITE_DONE) {
            q->rc = rc;
        }
    }
    int result = q->rc == SQLITE_OK ? 0 : store_fail(q->store, q->rc, err);
    query_end(q);
    return result;
}

int query_done(struct query *q, struct err *err) {
    int more = query_step(q, err);

    assert(more != 1); /* there was a row that the caller did not expect */
    query_end(q);
    return more;
}

void query_end(struct query *q) {
    if (q->stmt) { /* NULL when preparing failed; clear_bindings does not allow it */
        (void)sqlite3_reset(q->stmt);
        (void)sqlite3_clear_bindings(q->stmt);
    }
}

int64_t query_i64(struct query *q, int column) {
    return sqlite3_column_int64(q->stmt, column);
}

/* SQLite gives NULL for a NULL column, for no bytes, and when memory is out. */
static uint8_t *copy_column(struct query *q, int column, const void *data, struct arena *arena,
                            size_t *size) {
    *size = (size_t)sqlite3_column_bytes(q->stmt, column);
    if (!data) {
        *size = 0;
        if (sqlite3_errcode(sqlite3_db_handle(q->stmt)) == SQLITE_NOMEM) {
            note(q, SQLITE_NOMEM);
        }
    }
    return arena_copy(arena, data, *size);
}

char *query_text(struct query *q, int column, struct arena *arena) {
    size_t size = 0;

    return (char *)copy_column(q, column, sqlite3_column_text(q->stmt, column), arena, &size);
}

uint8_t *query_blob(struct query *q, int column, struct arena *arena, size_t *size) {
    return copy_column(q, column, sqlite3_column_blob(q->stmt, column), arena, size);
}
