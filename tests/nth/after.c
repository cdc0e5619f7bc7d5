/* What a run leaves behind, and that a disturbed one leaves the same. */
#include <inttypes.h>

#include <sqlite3.h>

#include "base/text.h"
#include "cli/services.h"
#include "core/event.h"
#include "harness.h"
#include "nth/story.h"
#include "sim/disk.h"
#include "store/query.h"

enum { EVENTS_AT_ONCE = 256, SQL_MAX = 200 };

static struct store *store_of(struct town *town, const char *service) {
    return core_store(rehearsal_core(town->world, service));
}

/* The connection itself: what is asked here is not known when this is compiled. */
static sqlite3 *connection(struct store *store) {
    struct query q = QUERY(store, "SELECT 1");
    sqlite3 *db = sqlite3_db_handle(q.stmt);

    query_end(&q);
    return db;
}

/* ---- whole ---- */

static void check_sound(sqlite3 *db) {
    sqlite3_stmt *stmt = NULL;

    CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        if (!text_eq(said, "ok")) {
            CHECK_TEXT(said, "ok");
        }
    }
    (void)sqlite3_finalize(stmt);
    CHECK(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(stmt) == SQLITE_DONE);
    (void)sqlite3_finalize(stmt);
}

/* ---- how much there is ---- */

static int64_t rows_of(sqlite3 *db, const char *table) {
    char sql[SQL_MAX];
    sqlite3_stmt *stmt = NULL;

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", table);
    CHECK(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(stmt) == SQLITE_ROW);
    const int64_t rows = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return rows;
}

static void count_tables(const char *service, sqlite3 *db, struct after *after) {
    sqlite3_stmt *stmt = NULL;

    CHECK(sqlite3_prepare_v2(db,
                             "SELECT name FROM sqlite_schema WHERE type = 'table'"
                             " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
                             -1, &stmt, NULL)
          == SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        CHECK(after->table_count < sizeof after->tables / sizeof after->tables[0]);
        struct after_table *table = &after->tables[after->table_count++];
        (void)snprintf(table->name, sizeof table->name, "%s.%s", service, name);
        table->rows = rows_of(db, name);
    }
    (void)sqlite3_finalize(stmt);
}

/* ---- what each request caused ---- */

static uint64_t mix(uint64_t hash, const char *text) {
    for (const char *c = text; *c; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    }
    return (hash ^ 1) * UINT64_C(1099511628211);
}

/* Not its times: they are later when it had to be asked again. */
static uint64_t hash_of(const Wire__Event *event) {
    uint64_t hash = mix(mix(UINT64_C(14695981039346656037), event->topic), event->case_no);

    for (size_t i = 0; i < event->n_fields; i++) {
        const Wire__Value *value = event->fields[i];
        hash = mix(hash, value->key);
        hash = value->kind_case == WIRE__VALUE__KIND_TEXT ? mix(hash, value->text) : hash;
    }
    return hash;
}

static void add_effect(struct story *story, const char *service, const Wire__Event *event) {
    const Wire__Cause *cause = event->cause;

    for (size_t i = 0; cause && cause->request.len == CORE_ID_SIZE && i < story->town.asked_count;
         i++) {
        const struct asked *one = &story->town.asked[i];
        if (text_eq(one->service, service)
            && memcmp(one->id, cause->request.data, CORE_ID_SIZE) == 0) {
            story->ends[i].effects = (story->ends[i].effects + hash_of(event))
                                     * UINT64_C(1099511628211);
        }
    }
}

static void add_effects(struct story *story, const char *service) {
    struct town *town = &story->town;
    ProtobufCAllocator allocator = arena_protobuf(town->scratch);
    struct bytes events[EVENTS_AT_ONCE];
    struct err err = {0};
    uint64_t after = 0;

    for (int count = EVENTS_AT_ONCE; count == EVENTS_AT_ONCE;) {
        arena_reset(town->scratch);
        count = rehearsal_events(town->world, service, after, EVENTS_AT_ONCE, town->scratch, events,
                                 &err);
        CHECK_OK(count < 0, err);
        for (int i = 0; i < count; i++) {
            const Wire__Event *event = wire__event__unpack(&allocator, events[i].size,
                                                           events[i].data);
            CHECK(event);
            after = event->position;
            add_effect(story, service, event);
        }
    }
}

void after_look(struct story *story, struct after *after) {
    struct town *town = &story->town;

    memset(after, 0, sizeof *after);
    checks_end(town);
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        sqlite3 *db = connection(store_of(town, town_services[i]));
        check_sound(db);
        count_tables(town_services[i], db, after);
        add_effects(story, town_services[i]);
    }
    memcpy(after->asked, story->ends, sizeof after->asked);
    after->asked_count = town->asked_count;
}

/* ---- the same ---- */

/* What is secret is not remembered: asked again, it is told again, and that is on record. */
static bool is_secret(const struct asked *one) {
    const char *slash = strchr(one->method, '/');

    for (const struct method *method = services_all[town_number(one->service)]->methods;
         method->name; method++) {
        if (slash && text_eq(method->name, slash + 1)) {
            return method->kind == METHOD_SECRET;
        }
    }
    return false;
}

/*
 * What may be there more often: a start of the bus has a row of its own; a page whose job was lost
 * with its process goes out again, and both are told; urgent events go to notify directly while
 * the bus is away; what is secret is told again.  Never fewer.
 */
static bool may_be_more(const char *table) {
    static const char *const tables[] = {
        "bus.log_life",       "bus.log",        "notify.event",    "notify.figure",
        "notify.page_record", "notify.request", "reports.journal", "registry.event",
        "ticketing.event",
    };

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (text_eq(table, tables[i])) {
            return true;
        }
    }
    return false;
}

static bool same_rows(const struct after_table *is, const struct after_table *should) {
    CHECK_TEXT(is->name, should->name);
    return is->rows == should->rows || (is->rows > should->rows && may_be_more(is->name));
}

void after_compare(const struct story *story, const struct after *is, const struct after *should) {
    CHECK(is->asked_count == should->asked_count && is->table_count == should->table_count);
    for (size_t i = 0; i < is->asked_count; i++) {
        if (is->asked[i].effects != should->asked[i].effects && !is_secret(&story->town.asked[i])) {
            (void)fprintf(stderr, "# request %zu, %s\n", i, story->town.asked[i].method);
            CHECK(!"a request has the effects that it has undisturbed");
        }
    }
    bool same = true;
    for (size_t i = 0; i < is->table_count; i++) {
        if (!same_rows(&is->tables[i], &should->tables[i])) {
            (void)fprintf(stderr, "# %s has %" PRId64 " rows, undisturbed %" PRId64 "\n",
                          is->tables[i].name, is->tables[i].rows, should->tables[i].rows);
            same = false;
        }
    }
    CHECK(same);
}
