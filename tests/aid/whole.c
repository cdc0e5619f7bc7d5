#include "aid/whole.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

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
        if (said && strcmp(said, "ok") != 0) {
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
