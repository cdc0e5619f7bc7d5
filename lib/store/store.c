#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "store/query.h"

enum {
    STATEMENTS_MAX = 128, /* distinct SQL literals in one service */
    BUSY_WAIT_MS = 5000,
    PRIMARY_CODE = 0xFF, /* of an extended SQLite result code */
};

struct store {
    sqlite3 *db;
    size_t cached;
    struct {
        const char *sql; /* compared by address: QUERY only takes literals */
        sqlite3_stmt *stmt;
    } cache[STATEMENTS_MAX];
};

static const char setup_sql[] = "PRAGMA journal_mode = WAL;"
                                "PRAGMA synchronous = FULL;" /* a reply means: on the disk */
                                "PRAGMA foreign_keys = ON;"
                                "PRAGMA trusted_schema = OFF;"
                                "CREATE TABLE IF NOT EXISTS migration("
                                "  name TEXT PRIMARY KEY, sql TEXT NOT NULL) STRICT;";

static int run(struct store *store, const char *sql, struct err *err) {
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : store_fail(store, rc, err);
}

/* 1: ran before, and is the same.  0: has not run.  -1: error. */
static int migration_ran(struct store *store, const struct migration *step, struct err *err) {
    struct query q = QUERY(store, "SELECT sql = ?2 FROM migration WHERE name = ?1");

    query_bind_text(&q, 1, step->name);
    query_bind_text(&q, 2, step->sql);
    int found = query_step(&q, err);
    bool same = found == 1 && query_i64(&q, 0) == 1;
    query_end(&q);
    if (found == 1 && !same) {
        return err_set(err, ERR_INTERNAL, "migration %s was edited after it ran", step->name);
    }
    return found;
}

static int migrate_one(struct store *store, const struct migration *step, struct err *err) {
    if (store_begin(store, err)) {
        return -1;
    }
    if (run(store, step->sql, err)) {
        goto fail;
    }
    struct query q = QUERY(store, "INSERT INTO migration(name, sql) VALUES(?1, ?2)");
    query_bind_text(&q, 1, step->name);
    query_bind_text(&q, 2, step->sql);
    if (query_done(&q, err) || store_commit(store, err)) {
        goto fail;
    }
    return 0;

fail:
    store_rollback(store);
    return err_wrap(err, "migration %s", step->name);
}

static int migrate(struct store *store, const struct migration *schema, struct err *err) {
    for (const struct migration *step = schema; step->name; step++) {
        int ran = migration_ran(store, step, err);
        if (ran < 0 || (ran == 0 && migrate_one(store, step, err))) {
            return -1;
        }
    }
    return 0;
}

struct store *store_open(const char *path, const struct migration *schema, struct err *err) {
    struct store *store = calloc(1, sizeof *store);

    if (!store) {
        (void)err_set(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    int rc = sqlite3_open(path, &store->db);
    if (rc != SQLITE_OK) {
        (void)store_fail(store, rc, err);
        goto fail;
    }
    (void)sqlite3_extended_result_codes(store->db, 1);
    (void)sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
    if (run(store, setup_sql, err) || migrate(store, core_schema, err)
        || migrate(store, schema, err)) {
        goto fail;
    }
    return store;

fail:
    (void)err_wrap(err, "store %s", path);
    store_close(store);
    return NULL;
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < store->cached; i++) {
        (void)sqlite3_finalize(store->cache[i].stmt);
    }
    int rc = sqlite3_close(store->db);
    assert(rc == SQLITE_OK); /* busy would mean a statement outside the cache */
    free(store);
}

int store_begin(struct store *store, struct err *err) {
    assert(!store_in_txn(store));
    /* IMMEDIATE: find out that we must wait before the work, not after it. */
    return run(store, "BEGIN IMMEDIATE", err);
}

int store_commit(struct store *store, struct err *err) {
    assert(store_in_txn(store));
    return run(store, "COMMIT", err);
}

void store_rollback(struct store *store) {
    if (store_in_txn(store)) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

bool store_in_txn(const struct store *store) {
    return sqlite3_get_autocommit(store->db) == 0;
}

struct sqlite3_stmt *store_prepare(struct store *store, const char *sql, int *rc) {
    *rc = SQLITE_OK;
    for (size_t i = 0; i < store->cached; i++) {
        if (store->cache[i].sql == sql) {
            assert(!sqlite3_stmt_busy(store->cache[i].stmt)); /* a query_end is missing */
            return store->cache[i].stmt;
        }
    }
    assert(store->cached < STATEMENTS_MAX);
    sqlite3_stmt *stmt = NULL;
    *rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (*rc == SQLITE_OK) {
        store->cache[store->cached].sql = sql;
        store->cache[store->cached].stmt = stmt;
        store->cached++;
    }
    return stmt;
}

int store_fail(struct store *store, int rc, struct err *err) {
    enum err_code code = ERR_INTERNAL;

    assert(rc != SQLITE_OK);
    switch (rc & PRIMARY_CODE) {
    case SQLITE_CONSTRAINT:
        code = ERR_CONFLICT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
        code = ERR_UNAVAILABLE;
        break;
    default:
        break;
    }
    return err_set(err, code, "%s (sqlite %d)", sqlite3_errmsg(store->db), rc);
}
