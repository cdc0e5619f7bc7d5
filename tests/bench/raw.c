#include "bench/bench.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

enum { TABLES_MAX = 64, COLUMNS_MAX = 64, GROUP = 64, PAGE = 4096 };

static int failures;

void bench_line(const char *name, double value, const char *unit, double ratio, const char *of) {
    if (ratio > 0) {
        (void)printf("bench %-28s %12.1f %-12s ratio %.2f of %s\n", name, value, unit, ratio, of);
    } else {
        (void)printf("bench %-28s %12.1f %s\n", name, value, unit);
    }
    (void)fflush(stdout);
}

void bench_floor(const char *name, bool holds, const char *asked) {
    if (!holds) {
        (void)printf("bench %s: BELOW ITS FLOOR: %s\n", name, asked);
        failures++;
    }
}

int bench_failed(void) {
    return failures;
}

void bench_forgive(int left) {
    failures = left;
}

int64_t bench_now_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sample_add(struct sample *sample, int64_t us) {
    if (sample->count == sample->room) {
        sample->room = sample->room ? 2 * sample->room : 1024;
        sample->us = realloc(sample->us, sample->room * sizeof *sample->us);
        if (!sample->us) {
            abort();
        }
    }
    sample->us[sample->count++] = us;
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

int64_t sample_at(struct sample *sample, double share) {
    if (sample->count == 0) {
        return -1;
    }
    qsort(sample->us, sample->count, sizeof *sample->us, by_time);
    size_t at = (size_t)(share * (double)sample->count);
    return sample->us[at < sample->count ? at : sample->count - 1];
}

void sample_free(struct sample *sample) {
    free(sample->us);
    *sample = (struct sample){0};
}

void raw_fdatasync(const char *folder, size_t n, struct sample *sample) {
    char path[PATH_MAX];
    char page[PAGE] = {0};

    (void)snprintf(path, sizeof path, "%s/raw.sync", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t i = 0; fd >= 0 && i < n; i++) {
        int64_t start = bench_now_us();
        if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fdatasync(fd)) {
            break;
        }
        sample_add(sample, bench_now_us() - start);
    }
    (void)close(fd);
    (void)unlink(path);
}

/* ---- the same rows, bare ---- */

struct table {
    char name[64];
    int columns;
    sqlite3_value **values; /* rows × columns */
    size_t rows;
    sqlite3_stmt *insert;
    size_t next;
};

static bool run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static void read_table(sqlite3 *db, struct table *table, double *bytes) {
    char sql[256];
    sqlite3_stmt *stmt = NULL;
    size_t room = 0;

    (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", table->name);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return;
    }
    table->columns = sqlite3_column_count(stmt);
    size_t columns = (size_t)table->columns;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        if (table->rows == room) {
            room = room ? 2 * room : 1024;
            table->values = realloc(table->values, room * columns * sizeof *table->values);
        }
        for (size_t i = 0; i < columns; i++) {
            table->values[table->rows * columns + i] = sqlite3_value_dup(
                sqlite3_column_value(stmt, (int)i));
            *bytes += sqlite3_column_bytes(stmt, (int)i);
        }
        table->rows++;
    }
    (void)sqlite3_finalize(stmt);
}

/* Tables and their indices, without triggers; rows only of what holds many. */
static size_t read_store(sqlite3 *from, sqlite3 *to, struct table *tables, size_t n,
                         double *bytes) {
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;

    (void)sqlite3_prepare_v2(from,
                             "SELECT name, sql, type FROM sqlite_schema WHERE sql IS NOT NULL"
                             " AND type IN ('table', 'index') AND name NOT LIKE 'sqlite_%'"
                             " ORDER BY type DESC",
                             -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW && count < TABLES_MAX) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (!run(to, (const char *)sqlite3_column_text(stmt, 1))) {
            (void)fprintf(stderr, "raw: %s: %s\n", name, sqlite3_errmsg(to));
        }
        if (strcmp((const char *)sqlite3_column_text(stmt, 2), "table") != 0) {
            continue;
        }
        struct table *table = &tables[count];
        *table = (struct table){0};
        (void)snprintf(table->name, sizeof table->name, "%s", name);
        double size = 0;
        read_table(from, table, &size);
        if (table->rows * 2 >= n) { /* what contacts write, not what was there before */
            *bytes += size;
            count++;
        }
    }
    (void)sqlite3_finalize(stmt);
    return count;
}

static void prepare_insert(sqlite3 *db, struct table *table) {
    char sql[1024];
    int length = snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO \"%s\" VALUES(?", table->name);

    for (int i = 1; i < table->columns; i++) {
        length += snprintf(sql + length, sizeof sql - (size_t)length, ",?");
    }
    (void)snprintf(sql + length, sizeof sql - (size_t)length, ")");
    (void)sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &table->insert, NULL);
}

static void insert_rows(struct table *table, size_t until) {
    size_t columns = (size_t)table->columns;

    for (; table->next < until && table->next < table->rows; table->next++) {
        for (size_t i = 0; i < columns; i++) {
            (void)sqlite3_bind_value(table->insert, (int)i + 1,
                                     table->values[table->next * columns + i]);
        }
        (void)sqlite3_step(table->insert);
        (void)sqlite3_reset(table->insert);
    }
}

bool raw_sqlite(const char *store, const char *folder, size_t n, struct raw_rows *rows) {
    static struct table tables[TABLES_MAX];
    char path[PATH_MAX];
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    double bytes = 0;
    double total = 0;

    (void)snprintf(path, sizeof path, "%s/raw.db", folder);
    if (sqlite3_open_v2(store, &from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK
        || sqlite3_open(path, &to) != SQLITE_OK
        || !run(to,
                "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")) {
        return false;
    }
    size_t count = read_store(from, to, tables, n, &bytes);
    (void)sqlite3_close(from);
    for (size_t t = 0; t < count; t++) {
        prepare_insert(to, &tables[t]);
        total += (double)tables[t].rows;
    }
    int64_t start = bench_now_us();
    for (size_t done = GROUP;; done += GROUP) {
        (void)run(to, "BEGIN IMMEDIATE");
        for (size_t t = 0; t < count; t++) {
            insert_rows(&tables[t], (size_t)((double)done / (double)n * (double)tables[t].rows));
        }
        (void)run(to, "COMMIT");
        if (done >= n) {
            break;
        }
    }
    rows->per_second = (double)n * 1e6 / (double)(bench_now_us() - start);
    rows->rows = total / (double)n;
    rows->bytes = bytes / (double)n;
    for (size_t t = 0; t < count; t++) {
        (void)sqlite3_finalize(tables[t].insert);
    }
    (void)sqlite3_close(to);
    return true;
}

double raw_count(const char *store, const char *table) {
    char sql[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    double count = -1;

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", table);
    if (sqlite3_open_v2(store, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK
        && sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK
        && sqlite3_step(stmt) == SQLITE_ROW) {
        count = sqlite3_column_double(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return count;
}

bool raw_fill(const char *store, const char *sql) {
    static const char fast[] = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
                               "PRAGMA cache_size = -262144; BEGIN";
    sqlite3 *db = NULL;
    char *why = NULL;

    bool fine = sqlite3_open_v2(store, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK
                && sqlite3_exec(db, fast, NULL, NULL, &why) == SQLITE_OK
                && sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK
                && sqlite3_exec(db, "COMMIT", NULL, NULL, &why) == SQLITE_OK;
    if (!fine) {
        (void)fprintf(stderr, "# %s: %s\n", store, why ? why : "cannot be opened");
    }
    (void)sqlite3_close(db);
    return fine && raw_forget(store);
}

bool raw_forget(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;

    (void)close(fd);
    return fine;
}

int64_t raw_memory(int pid) {
    char path[64];
    char line[256];
    long long kib = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "Pss: %lld", &kib) == 1) {
            break;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return kib;
}
