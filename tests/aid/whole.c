#include "aid/whole.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

enum { NAME_SIZE = 128, SQL_SIZE = 512 };

/*
 * SQLite 3.40 says "NULL value in t.c" of every row of a WITHOUT ROWID table whose key is not
 * its first columns: it looks into the wrong one.  So its word is not taken for it.
 */
static bool is_false_alarm(sqlite3 *db, const char *said) {
    char table[NAME_SIZE];
    char column[NAME_SIZE];
    char sql[SQL_SIZE];
    sqlite3_stmt *count = NULL;

    if (sscanf(said, "NULL value in %127[^.].%127s", table, column) != 2) {
        return false;
    }
    /* Not "IS NULL": of a NOT NULL column that is false without looking. */
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\" WHERE typeof(\"%s\") = 'null'",
                   table, column);
    bool none = sqlite3_prepare_v2(db, sql, -1, &count, NULL) == SQLITE_OK
                && sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int64(count, 0) == 0;
    (void)sqlite3_finalize(count);
    return none;
}

bool whole_store(const char *path, char *why, size_t size) {
    static const char ask[] =
        "SELECT DISTINCT integrity_check FROM pragma_integrity_check(1000000)";
    sqlite3 *db = NULL;
    sqlite3_stmt *check = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

    rc = rc == SQLITE_OK ? sqlite3_prepare_v2(db, ask, -1, &check, NULL) : rc;
    why[0] = '\0';
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(check);
        const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : NULL;
        if (said && strcmp(said, "ok") != 0 && !is_false_alarm(db, said)) {
            (void)snprintf(why, size, "%s", said);
            break;
        }
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void)snprintf(why, size, "%s", db ? sqlite3_errmsg(db) : "cannot be opened");
    }
    (void)sqlite3_finalize(check);
    (void)sqlite3_close(db);
    return why[0] == '\0';
}
