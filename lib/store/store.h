/*
 * store - one service's SQLite database: opening, migrating, transactions.
 *
 * A service has exactly one store, and no other process opens it.  All SQL
 * runs through query.h; only the message loop begins and ends transactions,
 * so a handler is always inside one and cannot half-commit.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;
struct store;

/* One step of a schema.  Made from schema/NNN_name.sql by tools/embed.sh. */
struct migration {
    const char *name; /* "ticketing/001_init"; NULL ends the list */
    const char *sql;
};

/* The tables every service has (outbox, inbox): lib/schema/. */
extern const struct migration core_schema[];

/*
 * store_open - open or create the database at `path` and bring it up to date:
 * first core_schema, then `schema`.  Each migration runs once, in its own
 * transaction.  One that was edited after it ran is refused.
 *
 * Returns the store (free with store_close), or NULL with err set:
 *   ERR_UNAVAILABLE  cannot open, or locked by another process
 *   ERR_INTERNAL     not a database, damaged, or its migrations differ
 */
struct store *store_open(const char *path, const struct migration *schema, struct err *err);

/* store_close - close the store, rolling back.  NULL is allowed. */
void store_close(struct store *store);

/* store_begin - begin a transaction that may write.  Not reentrant. */
int store_begin(struct store *store, struct err *err);

/* store_commit - make it durable (fsync) before returning 0. */
int store_commit(struct store *store, struct err *err);

/* store_rollback - undo.  No effect outside a transaction. */
void store_rollback(struct store *store);

/* store_in_txn - true between store_begin and its commit or rollback. */
bool store_in_txn(const struct store *store);

/* ---- for query.c only ---- */

/* store_prepare - the cached statement for a literal; NULL with *rc set. */
struct sqlite3_stmt *store_prepare(struct store *store, const char *sql, int *rc);

/* store_fail - set err from a SQLite result code.  Always returns -1. */
int store_fail(struct store *store, int rc, struct err *err);

#endif
