/* The store when memory is short: what cannot be undone in part is undone whole. */
#include "harness.h"

#include <sqlite3.h>

#include "store/query.h"
#include "store/store.h"

static const struct migration steps[] = {
    {"toy/001", "CREATE TABLE thing(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"},
    {0},
};
static const struct migration *const schemas[] = {steps, NULL};

/* ---- memory that ends ---- */

static sqlite3_mem_methods real;
static long left = -1; /* allocations until there is none; -1: always some */

static bool is_short(void) {
    left -= left > 0;
    return left == 0;
}

static void *short_malloc(int size) {
    return is_short() ? NULL : real.xMalloc(size);
}

static void *short_realloc(void *old, int size) {
    return is_short() ? NULL : real.xRealloc(old, size);
}

static void take_memory_over(void) {
    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) == SQLITE_OK);
    sqlite3_mem_methods ours = real;
    ours.xMalloc = short_malloc;
    ours.xRealloc = short_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK);
}

/* ---- */

static char folder[] = "/tmp/test_store_XXXXXX";
static char path[64];

static struct store *open_store(void) {
    struct err err = {0};
    struct store *store = store_open(path, "toy", schemas, &err);

    CHECK_OK(store == NULL, err);
    return store;
}

static int put(struct store *store, int64_t id, struct err *err) {
    static const uint8_t body[3000];
    struct query q = QUERY(store, "INSERT INTO thing(id, body) VALUES(?1, ?2)");

    query_bind_i64(&q, 1, id);
    query_bind_blob(&q, 2, body, sizeof body);
    return query_done(&q, err);
}

static int64_t count_from(struct store *store, int64_t id) {
    struct query q = QUERY(store, "SELECT count(*) FROM thing WHERE id >= ?1");
    struct err err = {0};

    query_bind_i64(&q, 1, id);
    CHECK(query_step(&q, &err) == 1);
    int64_t count = query_i64(&q, 0);
    query_end(&q);
    return count;
}

/* A savepoint with ten rows is undone while the n-th allocation from there on fails. */
static void undo_without_memory(long n, bool *disturbed, bool *whole) {
    struct store *store = open_store();
    struct err err = {0};

    CHECK_OK(store_begin(store, &err), err);
    CHECK_OK(put(store, 1, &err), err);
    CHECK_OK(store_savepoint(store, 0, &err), err);
    for (int64_t id = 10; id < 20; id++) {
        CHECK_OK(put(store, id, &err), err);
    }
    left = n;
    store_rollback_to(store, 0);
    *disturbed = left == 0;
    left = -1;
    *whole = !store_in_txn(store);
    if (store_io_failed(store)) { /* it must not be committed; the process would end */
        store_close(store);
        return;
    }
    if (store_in_txn(store)) {
        CHECK_OK(store_commit(store, &err), err);
    }
    CHECK(count_from(store, 10) == 0);
    CHECK(count_from(store, 1) == !*whole);
    store_close(store);
    CHECK(remove(path) == 0);
}

static void what_is_undone_is_undone_also_without_memory(void) {
    bool disturbed = true, whole = false;
    long n = 1;

    for (; disturbed && n < 1000; n++) {
        undo_without_memory(n, &disturbed, &whole);
    }
    (void)printf("# %ld allocations failed while it undid\n", n - 2);
    CHECK(!disturbed && !whole);
}

/* What the database file holds without its log; -1: no table yet. */
static int64_t rows_of_file_alone(void) {
    char uri[100];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t count = -1;

    (void)snprintf(uri, sizeof uri, "file:%s?immutable=1", path);
    CHECK(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK);
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM thing", -1, &stmt, NULL) == SQLITE_OK
        && sqlite3_step(stmt) == SQLITE_ROW) {
        count = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return count;
}

static void put_many(struct store *store, int64_t from, int64_t until) {
    struct err err = {0};

    CHECK_OK(store_begin(store, &err), err);
    for (int64_t id = from; id < until; id++) {
        CHECK_OK(put(store, id, &err), err);
    }
    CHECK_OK(store_commit(store, &err), err);
}

static void a_checkpoint_folds_the_log_in_and_it_begins_anew(void) {
    enum { ROWS = 500, MORE = 10 };
    struct store *store = open_store();

    put_many(store, 0, ROWS);
    CHECK(store_log_pages(store) > ROWS);
    CHECK(rows_of_file_alone() < ROWS);
    store_checkpoint(store, false);
    CHECK(store_log_pages(store) == 0 && !store_io_failed(store));
    CHECK(rows_of_file_alone() == ROWS);
    put_many(store, ROWS, ROWS + MORE);
    CHECK(store_log_pages(store) > 0 && store_log_pages(store) < ROWS);
    store_close(store);
    CHECK(remove(path) == 0);
}

/* Also when no host does. */
static void a_log_that_has_grown_is_folded_in_by_the_commit(void) {
    enum { ROWS = 6000 }; /* of a page and a half: 18 MB */
    struct store *store = open_store();

    put_many(store, 0, ROWS);
    CHECK(store_log_pages(store) == 0);
    CHECK(rows_of_file_alone() == ROWS);
    store_close(store);
    CHECK(remove(path) == 0);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(what_is_undone_is_undone_also_without_memory),
        TEST(a_checkpoint_folds_the_log_in_and_it_begins_anew),
        TEST(a_log_that_has_grown_is_folded_in_by_the_commit),
    };

    take_memory_over();
    CHECK(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/toy.db", folder);
    return RUN_TESTS(tests, argc, argv);
}
