#include "content.h"

#include <unistd.h>

#include <sodium.h>
#include <sqlite3.h>

#include "fuzz.h"

enum { COPY_SIZE = 1 << 20, PATH_SIZE = 500, SQL_SIZE = 300 };

void content_copy(const char *from, const char *to) {
    static char buffer[COPY_SIZE];
    size_t got = 0;

    (void)unlink(to);
    FILE *in = fopen(from, "rbe");
    if (!in) {
        return;
    }
    FILE *out = fopen(to, "wbe");
    FUZZ_CHECK(out);
    while ((got = fread(buffer, 1, sizeof buffer, in)) > 0) {
        FUZZ_CHECK(fwrite(buffer, 1, got, out) == got);
    }
    FUZZ_CHECK(fclose(out) == 0 && fclose(in) == 0);
}

static void add_table(sqlite3 *db, const char *name, crypto_generichash_state *state) {
    char sql[SQL_SIZE];
    sqlite3_stmt *rows = NULL;

    (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%.100s\" ORDER BY 1, 2", name);
    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK) {
        (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%.100s\" ORDER BY 1", name);
        FUZZ_CHECK(sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK);
    }
    (void)crypto_generichash_update(state, (const uint8_t *)name, strlen(name));
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const uint8_t *data = sqlite3_column_blob(rows, i);
            const unsigned size = (unsigned)sqlite3_column_bytes(rows, i);
            (void)crypto_generichash_update(state, (const uint8_t *)&size, sizeof size);
            if (size > 0) {
                (void)crypto_generichash_update(state, data, size);
            }
        }
    }
    FUZZ_CHECK(sqlite3_finalize(rows) == SQLITE_OK);
}

/* In a copy: another connection to a store in use would end the locks of the first. */
uint64_t content_of(const char *path) {
    char from[PATH_SIZE], copy[PATH_SIZE], log[PATH_SIZE + 8];
    crypto_generichash_state state;
    sqlite3 *db = NULL;
    sqlite3_stmt *tables = NULL;
    uint64_t hash[2] = {0};

    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    content_copy(path, copy);
    (void)snprintf(from, sizeof from, "%s-wal", path);
    (void)snprintf(log, sizeof log, "%s-wal", copy);
    content_copy(from, log);
    FUZZ_CHECK(sqlite3_open(copy, &db) == SQLITE_OK);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    FUZZ_CHECK(sqlite3_prepare_v2(db,
                                  "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                  " ORDER BY name",
                                  -1, &tables, NULL)
               == SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        add_table(db, (const char *)sqlite3_column_text(tables, 0), &state);
    }
    (void)sqlite3_finalize(tables);
    (void)sqlite3_close(db);
    (void)crypto_generichash_final(&state, (uint8_t *)hash, sizeof hash);
    (void)unlink(copy);
    return hash[0];
}
