/*
 * query - run one SQL statement.
 *
 *     struct query q = QUERY(store, "UPDATE ticket SET state = ?2 WHERE id = ?1");
 *     query_bind_i64(&q, 1, id);
 *     query_bind_text(&q, 2, "closed");
 *     return query_done(&q, err);
 *
 * The first failure (preparing, binding, reading a column) sticks to the query
 * and comes out of the next query_step or query_done, so only those two are
 * checked.  Statements are prepared once per store and kept.  Bound values
 * must live until the query ends.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct query {
    struct store *store;
    struct sqlite3_stmt *stmt;
    int rc; /* first SQLite failure, or 0 */
};

/* QUERY - start a query.  The "" make anything but a literal fail to compile. */
#define QUERY(store, sql) query_start((store), "" sql "")

struct query query_start(struct store *store, const char *sql);

void query_bind_i64(struct query *q, int index, int64_t value);
void query_bind_null(struct query *q, int index);
void query_bind_text(struct query *q, int index, const char *value);
void query_bind_blob(struct query *q, int index, const void *data, size_t size);

/* query_step - 1: a row.  0: no more rows.  -1: failed, err set (see store_fail). */
int query_step(struct query *q, struct err *err);

/* query_done - expect no (more) rows, and end the query.  0, or -1 with err set. */
int query_done(struct query *q, struct err *err);

/* query_end - leave a query early.  Not needed after a 0 or -1; harmless then. */
void query_end(struct query *q);

/* Columns of the current row, from 0.  Text and blobs are copied to the arena. */
int64_t query_i64(struct query *q, int column);
char *query_text(struct query *q, int column, struct arena *arena);
uint8_t *query_blob(struct query *q, int column, struct arena *arena, size_t *size);

#endif
