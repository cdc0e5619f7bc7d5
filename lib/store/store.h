/*
 * store - one service's SQLite database: opening, migrating, transactions.
 *
 * A service has exactly one store, no other process opens it, and one connection
 * writes and checkpoints.  WAL with synchronous=FULL: committed means on the disk
 * (measured: reliability.md 0.3, 0.4).  All SQL runs through query.h; only the
 * core begins and ends transactions, so a handler is always inside one and
 * cannot half-commit.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;
struct store;

/* One step of a schema.  Made from schema/NNN_name.sql by tools/embed.sh. */
struct migration {
    const char *name; /* "ticketing/001_init"; NULL ends the list */
    const char *sql;
};

/*
 * store_open - open or create the database at `path` and bring it up to date with
 * the NULL-ended list of schemas.  Each step runs once, in a transaction of its own.
 * Refused: a step that was edited after it ran, a step that this program does not
 * know (a newer program wrote the store), a database of another service (`owner`).
 *
 * Returns the store (free with store_close), or NULL with err set:
 *   ERR_UNAVAILABLE  cannot open, locked by another process, or the disk is full
 *   ERR_INTERNAL     not a database, damaged, or not ours
 */
struct store *store_open(const char *path, const char *owner,
                         const struct migration *const *schemas, struct err *err);

/* store_close - roll back what is open, and close.  NULL is allowed. */
void store_close(struct store *store);

/* store_begin - begin a transaction that may write.  Not reentrant. */
int store_begin(struct store *store, struct err *err);

/* store_commit - make it durable before returning 0. */
int store_commit(struct store *store, struct err *err);

/* store_rollback - undo.  No effect outside a transaction.  Should even that fail, the store
 * has failed (store_io_failed): what it holds must never be committed. */
void store_rollback(struct store *store);

/* store_in_txn - true between store_begin and its commit or rollback.  False inside a
 * group means that a failure (a full disk) undid the whole of it. */
bool store_in_txn(const struct store *store);

/* A savepoint, one level at a time may be named by depth: 0 for a request, 1 for an event in it. */
int store_savepoint(struct store *store, int depth, struct err *err);
int store_release(struct store *store, int depth, struct err *err);
/* store_rollback_to - undo and end a savepoint.  What cannot be undone in part, for want of
 * memory, is undone whole: store_in_txn is false then. */
void store_rollback_to(struct store *store, int depth);

/* store_io_failed - true once SQLite reported an I/O error: nobody knows what is on the disk. */
bool store_io_failed(const struct store *store);

/* store_changes - rows written since it was opened. */
int64_t store_changes(const struct store *store);

/*
 * store_checkpoint - fold the WAL into the database; `truncate` when there is time.  When the
 * disk fails meanwhile, so has the store.  A commit does it by itself when the WAL has grown to
 * 16 MB; a host does it earlier, when what was said has left (reliability.md 0.4: never another
 * connection, for SQLite below 3.51.3 may lose commits then).
 */
void store_checkpoint(struct store *store, bool truncate);

/* store_log_pages - in the WAL, not folded in yet, as of the last commit. */
int store_log_pages(const struct store *store);

/*
 * store_backup - a consistent copy at `path` (which must not exist), made by this
 * connection between two transactions, synced to the disk.  Until it is whole it is called
 * `path`.part; one that fails leaves nothing.  The copy knows that it is one: a service
 * started from it first takes its later events back from the bus.
 */
int store_backup(struct store *store, const char *path, struct err *err);

/* ---- for query.c only ---- */

/* store_prepare - the cached statement for a literal; NULL with *rc set. */
struct sqlite3_stmt *store_prepare(struct store *store, const char *sql, int *rc);

/* store_fail - set err from a SQLite result code.  Always returns -1. */
int store_fail(struct store *store, int rc, struct err *err);

#endif
