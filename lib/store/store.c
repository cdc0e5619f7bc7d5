#include "store/store.h"

#include <assert.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/query.h"

enum {
    STATEMENTS_MAX = 1024, /* slots for distinct SQL literals; a power of two */
    BUSY_WAIT_MS = 2000,
    PRIMARY_CODE = 0xFF, /* of an extended SQLite result code */
    DEPTHS = 3,
    CHECKPOINT_PAGES = 8000, /* 16 MB */
    LENGTH_MAX = 1 << 20,
    SQL_LENGTH_MAX = 64 << 10,
    VARIABLES_MAX = 500,
    PATH_LENGTH_MAX = 4096,
};

struct store {
    sqlite3 *db;
    bool io_failed;
    int log_pages; /* in the WAL, as of the last commit */
    size_t cached;
    struct {
        const char *sql; /* compared by address: QUERY only takes literals */
        sqlite3_stmt *stmt;
    } cache[STATEMENTS_MAX];
};

static const char setup_sql[] = /* Rows are small and scattered: half the page, half the writing.
                                 * A store that is there keeps the size it has. */
    "PRAGMA page_size = 2048;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;" /* a reply means: on the disk */
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA journal_size_limit = 33554432;"
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
        return err_plain(err, ERR_INTERNAL, "migration %s was edited after it ran", step->name);
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

static const struct migration *known_step(const struct migration *const *schemas,
                                          const char *name) {
    for (size_t i = 0; schemas[i]; i++) {
        for (const struct migration *step = schemas[i]; step->name; step++) {
            if (strcmp(step->name, name) == 0) {
                return step;
            }
        }
    }
    return NULL;
}

/* A step that ran and is not known here was written by a newer program, or by another service. */
static int refuse_foreign(struct store *store, const struct migration *const *schemas,
                          struct err *err) {
    struct query q = QUERY(store, "SELECT name FROM migration ORDER BY rowid");
    struct arena *arena = arena_new(VARIABLES_MAX * BUSY_WAIT_MS);
    int more = 0;

    while ((more = query_step(&q, err)) == 1) {
        const char *name = query_text(&q, 0, arena);
        if (!known_step(schemas, name)) {
            more = err_plain(err, ERR_INTERNAL,
                             "it holds migration %s, which this program does not know: it belongs "
                             "to another service or a newer version",
                             name);
            break;
        }
    }
    query_end(&q);
    arena_free(arena);
    return more;
}

static int migrate(struct store *store, const struct migration *const *schemas, struct err *err) {
    if (refuse_foreign(store, schemas, err)) {
        return -1;
    }
    for (size_t i = 0; schemas[i]; i++) {
        for (const struct migration *step = schemas[i]; step->name; step++) {
            int ran = migration_ran(store, step, err);
            if (ran < 0 || (ran == 0 && migrate_one(store, step, err))) {
                return -1;
            }
        }
    }
    return 0;
}

static void harden(sqlite3 *db) {
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_WAIT_MS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_LENGTH_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, VARIABLES_MAX);
}

static int after_commit(void *arg, sqlite3 *db, const char *name, int pages) {
    struct store *store = arg;

    (void)db, (void)name;
    store->log_pages = pages;
    if (pages >= CHECKPOINT_PAGES) {
        store_checkpoint(store, false);
    }
    return SQLITE_OK; /* what was committed is, whatever became of that */
}

/* What the promise rests on is asked for and then looked at. */
static int check_durable(struct store *store, const char *path, struct err *err) {
    struct query q = QUERY(store, "SELECT (SELECT synchronous FROM pragma_synchronous),"
                                  " (SELECT journal_mode = 'wal' FROM pragma_journal_mode)");
    int found = query_step(&q, err);
    bool full = found == 1 && query_i64(&q, 0) == 2;
    bool wal = found == 1 && (query_i64(&q, 1) == 1 || strcmp(path, ":memory:") == 0);

    query_end(&q);
    if (found < 0) {
        return -1;
    }
    return full && wal ? 0
                       : err_plain(err, ERR_UNAVAILABLE,
                                   "the disk does not allow WAL with synchronous=FULL");
}

/* By depth.  Undoing must not fail for want of memory: all are prepared when the store opens. */
/* IMMEDIATE: find out that we must wait before the work, not after it. */
static const char *const begin_sql = "BEGIN IMMEDIATE";
static const char *const commit_sql = "COMMIT";
static const char *const rollback_sql = "ROLLBACK";
static const char *const savepoint_sql[DEPTHS] = {"SAVEPOINT a", "SAVEPOINT b", "SAVEPOINT c"};
static const char *const release_sql[DEPTHS] = {"RELEASE a", "RELEASE b", "RELEASE c"};
static const char *const undo_sql[DEPTHS] = {"ROLLBACK TO a", "ROLLBACK TO b", "ROLLBACK TO c"};

static int step_once(struct store *store, const char *sql, struct err *err) {
    struct query q = query_start(store, sql);

    return query_done(&q, err);
}

static int prepare_undo(struct store *store, struct err *err) {
    int rc = SQLITE_OK;

    (void)store_prepare(store, rollback_sql, &rc);
    for (int depth = 0; rc == SQLITE_OK && depth < DEPTHS; depth++) {
        (void)store_prepare(store, undo_sql[depth], &rc);
        if (rc == SQLITE_OK) {
            (void)store_prepare(store, release_sql[depth], &rc);
        }
    }
    return rc == SQLITE_OK ? 0 : store_fail(store, rc, err);
}

struct store *store_open(const char *path, const char *owner,
                         const struct migration *const *schemas, struct err *err) {
    struct store *store = calloc(1, sizeof *store);

    if (!store) {
        (void)err_plain(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    /* One thread has the connection: it needs no locks.  Nobody asks SQLite how much memory
     * it has taken: it need not count under a lock of its own (no effect once it runs). */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int rc = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        (void)store_fail(store, rc, err);
        goto fail;
    }
    harden(store->db);
    if (run(store, setup_sql, err) || check_durable(store, path, err)
        || migrate(store, schemas, err) || prepare_undo(store, err)) {
        goto fail;
    }
    (void)sqlite3_wal_hook(store->db, after_commit, store);
    return store;

fail:
    (void)err_wrap(err, "store %s of %s", path, owner);
    store_close(store);
    return NULL;
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(store->cache[i].stmt);
    }
    int rc = sqlite3_close(store->db);
    assert(rc == SQLITE_OK); /* busy would mean a statement outside the cache */
    (void)rc;
    free(store);
}

int store_begin(struct store *store, struct err *err) {
    assert(!store_in_txn(store));
    return step_once(store, begin_sql, err);
}

int store_commit(struct store *store, struct err *err) {
    assert(store_in_txn(store));
    if (store->io_failed) {
        return err_plain(err, ERR_UNAVAILABLE, "what could not be undone is not committed");
    }
    return step_once(store, commit_sql, err);
}

/* What cannot be undone must not be committed later: then nobody knows what is there. */
void store_rollback(struct store *store) {
    struct err ignored = {0};

    if (store_in_txn(store)) {
        (void)step_once(store, rollback_sql, &ignored);
        store->io_failed |= store_in_txn(store);
    }
}

bool store_in_txn(const struct store *store) {
    return sqlite3_get_autocommit(store->db) == 0;
}

int store_savepoint(struct store *store, int depth, struct err *err) {
    assert(depth >= 0 && depth < DEPTHS);
    return step_once(store, savepoint_sql[depth], err);
}

int store_release(struct store *store, int depth, struct err *err) {
    assert(depth >= 0 && depth < DEPTHS);
    return step_once(store, release_sql[depth], err);
}

void store_rollback_to(struct store *store, int depth) {
    struct err ignored = {0};

    assert(depth >= 0 && depth < DEPTHS);
    if (!store_in_txn(store)) {
        return; /* the failure undid the whole group already */
    }
    if (step_once(store, undo_sql[depth], &ignored) || store_release(store, depth, &ignored)) {
        store_rollback(store);
    }
}

bool store_io_failed(const struct store *store) {
    return store->io_failed;
}

int64_t store_changes(const struct store *store) {
    return sqlite3_total_changes64(store->db);
}

int store_log_pages(const struct store *store) {
    return store->log_pages;
}

/* A sync that failed is not made good by one that succeeds (the kernel forgets what it could
 * not write): the log is whole, and the next start reads it. */
void store_checkpoint(struct store *store, bool truncate) {
    int pages = 0;
    int folded = 0;
    int rc = sqlite3_wal_checkpoint_v2(
        store->db, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &pages,
        &folded);

    store->io_failed |= (rc & PRIMARY_CODE) == SQLITE_IOERR;
    if (rc == SQLITE_OK && folded >= pages) {
        store->log_pages = 0;
    }
}

static int sync_path(const char *path, int flags) {
    int fd = open(path, flags);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* Under its name there is a whole copy or none. */
static int name_copy(const char *part, const char *path, struct err *err) {
    char folder[PATH_LENGTH_MAX];

    (void)strncpy(folder, path, sizeof folder - 1);
    folder[sizeof folder - 1] = '\0';
    if (sync_path(part, O_RDONLY | O_CLOEXEC) || rename(part, path)
        || sync_path(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        return err_plain(err, ERR_UNAVAILABLE, "the copy %s could not be synced", path);
    }
    return 0;
}

/* The copy knows that it is one. */
static int mark_copy(const char *path) {
    sqlite3 *copy = NULL;
    int rc = sqlite3_open(path, &copy);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(copy,
                          "INSERT INTO meta(key, value) VALUES('restored', 1)"
                          " ON CONFLICT(key) DO UPDATE SET value = 1",
                          NULL, NULL, NULL);
    }
    (void)sqlite3_close(copy);
    return rc;
}

/* That the disk of the copy fails says nothing of the store's own. */
static int copy_to(struct store *store, const char *part, struct err *err) {
    const bool failed = store->io_failed;
    struct query q = QUERY(store, "VACUUM INTO ?1");

    query_bind_text(&q, 1, part);
    int rc = query_done(&q, err);
    store->io_failed = failed;
    if (rc == 0 && (rc = mark_copy(part)) != SQLITE_OK) {
        rc = err_plain(err, ERR_UNAVAILABLE, "the copy %s could not be marked (sqlite %d)", part,
                       rc);
    }
    return rc;
}

int store_backup(struct store *store, const char *path, struct err *err) {
    char part[PATH_LENGTH_MAX];
    const int length = snprintf(part, sizeof part, "%s.part", path);

    assert(!store_in_txn(store));
    if (length < 0 || (size_t)length >= sizeof part) {
        return err_plain(err, ERR_INVALID, "the name of the copy is too long");
    }
    if (access(path, F_OK) == 0) {
        return err_plain(err, ERR_EXISTS, "the copy %s is there already", path);
    }
    (void)unlink(part); /* of a process that ended in the middle of it */
    if (copy_to(store, part, err) || name_copy(part, path, err)) {
        (void)unlink(part);
        return -1;
    }
    return 0;
}

/* Literals are compared by address, so the address is the hash. */
static size_t slot_of(const char *sql) {
    uint64_t bits = (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(bits >> 32U) & (STATEMENTS_MAX - 1);
}

struct sqlite3_stmt *store_prepare(struct store *store, const char *sql, int *rc) {
    size_t slot = slot_of(sql);

    *rc = SQLITE_OK;
    while (store->cache[slot].sql) {
        if (store->cache[slot].sql == sql) {
            assert(!sqlite3_stmt_busy(store->cache[slot].stmt)); /* a query_end is missing */
            return store->cache[slot].stmt;
        }
        slot = (slot + 1) & (STATEMENTS_MAX - 1);
    }
    assert(store->cached < STATEMENTS_MAX / 2);
    sqlite3_stmt *stmt = NULL;
    *rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (*rc == SQLITE_OK) {
        store->cache[slot].sql = sql;
        store->cache[slot].stmt = stmt;
        store->cached++;
    }
    return stmt;
}

int store_fail(struct store *store, int rc, struct err *err) {
    const char *why = sqlite3_errmsg(store->db);

    assert(rc != SQLITE_OK);
    switch (rc & PRIMARY_CODE) {
    case SQLITE_CONSTRAINT:
        return err_plain(err, ERR_INTERNAL, "%s (sqlite %d)", why, rc);
    case SQLITE_FULL:
        return err_set(err, ERR_EXHAUSTED, "disk_full", "why=%s", why);
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        store->io_failed = true;
        return err_plain(err, ERR_UNAVAILABLE, "%s (sqlite %d)", why, rc);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
        return err_plain(err, ERR_UNAVAILABLE, "%s (sqlite %d)", why, rc);
    default:
        return err_plain(err, ERR_INTERNAL, "%s (sqlite %d)", why, rc);
    }
}
