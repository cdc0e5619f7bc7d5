/*
 * Files brought in: every bad row by its line, all or nothing, no number in clear.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "base/csv.h"
#include "base/text.h"
#include "registry_aid.h"
#include "store/query.h"

enum {
    PART_ROWS = 256,
    PART_BYTES = 40 * 1024,
    ROWS = 10000,
    PLANTED = 37,
    UNITS = 500,
    TEXT_SIZE = 2 << 20,
};

static struct registry registry;
static struct bytes front, boss;

static void start(void) {
    aid_start(&registry);
    aid_publish(&registry, 1);
    front = aid_token(&registry, "S101", "front");
    boss = aid_token(&registry, "S301", "boss");
    aid_staff(&registry, "S101", "王丽", "front");
}

/* ---- what the edge does with a file ---- */

static void send_part(int64_t import, Registry__ImportRow **rows, size_t count) {
    Registry__ImportRowsRequest request = REGISTRY__IMPORT_ROWS_REQUEST__INIT;

    request.import = import;
    request.rows = rows;
    request.n_rows = count;
    (void)aid_get_as(&registry, "ImportRows", &request.base, boss);
}

static Registry__ImportRow *row_of(const struct csv_row *from, size_t *size) {
    Registry__ImportRow *row = ARENA_NEW(registry.scratch, Registry__ImportRow);

    registry__import_row__init(row);
    row->line = (uint32_t)from->line;
    row->mistake = from->mistake ? from->mistake : "";
    row->n_values = from->count;
    row->values = arena_alloc(registry.scratch, (from->count + 1) * sizeof *row->values);
    for (size_t i = 0; i < from->count; i++) {
        row->values[i].len = from->fields[i].size;
        row->values[i].data = arena_copy(registry.scratch, from->fields[i].data,
                                         from->fields[i].size);
    }
    *size += registry__import_row__get_packed_size(row) + 4;
    return row;
}

static int64_t start_import(const char *kind, struct csv *csv, bool partial) {
    Registry__StartImportRequest request = REGISTRY__START_IMPORT_REQUEST__INIT;
    Registry__StartImportReply *reply = NULL;
    const char *columns[CSV_FIELDS_MAX];
    struct csv_row header;

    CHECK(csv_next(csv, &header, registry.scratch) == 1);
    for (size_t i = 0; i < header.count; i++) {
        columns[i] = (const char *)header.fields[i].data;
    }
    request.kind = kind;
    request.partial = partial;
    request.columns = columns;
    request.n_columns = header.count;
    reply = aid_get_as(&registry, "StartImport", &request.base, boss);
    return reply->import;
}

static int64_t send(const char *kind, const char *text, bool partial) {
    struct csv csv = csv_open((struct bytes){(const uint8_t *)text, strlen(text)});
    int64_t import = start_import(kind, &csv, partial);
    Registry__ImportRow *rows[PART_ROWS];
    struct csv_row row;
    size_t count = 0;
    size_t size = 0;

    while (csv_next(&csv, &row, registry.scratch)) {
        rows[count++] = row_of(&row, &size);
        if (count == PART_ROWS || size > PART_BYTES) {
            send_part(import, rows, count);
            count = size = 0;
        }
    }
    if (count > 0) {
        send_part(import, rows, count);
    }
    return import;
}

static Registry__ImportProgress *finish(int64_t import) {
    Registry__FinishImportRequest request = REGISTRY__FINISH_IMPORT_REQUEST__INIT;
    Registry__FinishImportReply *reply = NULL;

    request.import = import;
    reply = aid_get_as(&registry, "FinishImport", &request.base, boss);
    return reply->progress;
}

static Registry__GetImportReply *page(int64_t import, uint32_t after) {
    Registry__GetImportRequest request = REGISTRY__GET_IMPORT_REQUEST__INIT;

    request.import = import;
    request.after_line = after;
    return aid_get_as(&registry, "GetImport", &request.base, boss);
}

static Registry__ImportProgress *bring_in(const char *kind, const char *text, bool partial) {
    int64_t import = send(kind, text, partial);

    (void)finish(import);
    aid_run(&registry);
    return page(import, 0)->progress;
}

/* The bad rows as "line field rule;", to compare at a glance. */
static char *bad_rows(int64_t import) {
    char *out = arena_text(registry.scratch, "%s", "");
    uint32_t after = 0;

    for (;;) {
        Registry__GetImportReply *reply = page(import, after);
        if (reply->n_bad_rows == 0) {
            return out;
        }
        for (size_t i = 0; i < reply->n_bad_rows; i++) {
            Registry__BadRow *row = reply->bad_rows[i];
            out = arena_text(registry.scratch, "%s%u", out, row->line);
            for (size_t n = 0; n < row->n_mistakes; n++) {
                out = arena_text(registry.scratch, "%s %s:%s", out, row->mistakes[n]->field,
                                 row->mistakes[n]->rule);
                CHECK(*row->mistakes[n]->message);
            }
            out = arena_text(registry.scratch, "%s;", out);
            CHECK(row->line > after);
            after = row->line;
        }
    }
}

static int64_t rows_in(const char *kind) {
    struct err err = {0};
    struct query q = QUERY(core_store(registry.core),
                           "SELECT CASE ?1 WHEN 'unit' THEN (SELECT count(*) FROM unit)"
                           " WHEN 'person' THEN (SELECT count(*) FROM person)"
                           " WHEN 'staged' THEN (SELECT count(*) FROM import_row)"
                           " ELSE (SELECT count(*) FROM staff) END");

    query_bind_text(&q, 1, kind);
    CHECK(query_step(&q, &err) == 1);
    int64_t count = query_i64(&q, 0);
    query_end(&q);
    return count;
}

static char *units_text(void) {
    char *text = arena_alloc(registry.scratch, TEXT_SIZE);
    size_t at = 0;

    at += (size_t)sprintf(text, "unit,building,status\r\n");
    for (int i = 0; i < UNITS; i++) {
        at += (size_t)sprintf(text + at, "%d-1-%d,%d,occupied\r\n", i / 100 + 1, i % 100 + 100,
                              i / 100 + 1);
    }
    return text;
}

/* ---- ten thousand rows ---- */

/* What stands wrong in the n-th planted row, and what must be said of it. */
static const struct {
    const char *row; /* after the person's number */
    const char *said;
} wrongs[] = {
    {"1-1-100,owner,吴博,1380000003,", "phone:phone_wrong"},
    {"1-1-100,owner,吴博,23800000037,", "phone:phone_wrong"},
    {"1-1-100,owner,吴博,1380000003a,", "phone:phone_wrong"},
    {"9-9-999,owner,吴博,13800000037,", "unit:unit_unknown"},
    {"1-1-100,king,吴博,13800000037,", "identity:choice_wrong"},
    {"1-1-100,owner,吴博,13800000037,京10034", "plate:plate_wrong"},
    {"1-1-100,owner,,13800000037,", "name:field_missing"},
    {",owner,吴博,13800000037,", "unit:field_missing"},
    {"1-1-100,owner,一二三四五六七八九十一二三四五六七八九十一,13800000037,", "name:text_long"},
    {"1-1-100,owner,吴\x01博,13800000037,", "name:text_control"},
    {"1-1-100,owner,\xCE\xE2\xB2\xA9,13800000037,", "name:text_utf8"},
    {"1-1-100,owner,13800000037,吴博,", "name:name_wrong phone:phone_wrong"},
    {"1-1-100,owner,吴博", ":row_fields"},
    {"1-1-100,owner,吴博,13800000037,,,", ":row_fields"},
    {"1-1-100,owner,吴\"博,13800000037,", ":csv_quote"},
    {"1-1 100,owner,吴博,13800000037,", "unit:number_wrong"},
};
enum { WRONGS = sizeof wrongs / sizeof wrongs[0] };

/* 10,000 rows; each 270th is wrong, and one of them stands there twice. */
static char *persons_text(char **said) {
    char *text = arena_alloc(registry.scratch, TEXT_SIZE);
    size_t at = 0;
    int planted = 0;

    *said = arena_text(registry.scratch, "%s", "");
    at += (size_t)sprintf(text, "person,unit,identity,name,phone,plate\n");
    for (int i = 0; i < ROWS; i++) {
        int line = i + 2;
        if (i % 270 == 100 && planted < PLANTED - 1) {
            at += (size_t)sprintf(text + at, "P%05d,%s\n", i, wrongs[planted % WRONGS].row);
            *said = arena_text(registry.scratch, "%s%d %s;", *said, line,
                               wrongs[planted % WRONGS].said);
            planted++;
        } else if (i == ROWS - 1) {
            at += (size_t)sprintf(text + at, "P00000,1-1-100,owner,吴博,13800000037,\n");
            *said = arena_text(registry.scratch, "%s%d person:row_twice;", *said, line);
            planted++;
        } else {
            at += (size_t)sprintf(text + at, "P%05d,%d-1-%d,owner,吴%d,138%08d,%s\n", i, i % 5 + 1,
                                  i % 100 + 100, i % 100000, i, i % 3 ? "" : "京N10034");
        }
    }
    CHECK(planted == PLANTED && at < TEXT_SIZE);
    return text;
}

static void of_ten_thousand_rows_with_37_mistakes_it_lists_the_37(void) {
    char *said = NULL;

    start();
    CHECK_TEXT(bring_in("units", units_text(), false)->state, "done");
    int64_t import = send("persons", persons_text(&said), false);
    (void)finish(import);
    aid_run(&registry);
    Registry__ImportProgress *progress = page(import, 0)->progress;
    CHECK_TEXT(progress->state, "refused");
    CHECK(progress->rows == ROWS && progress->bad == PLANTED && progress->applied == 0);
    CHECK_TEXT(bad_rows(import), said);
    CHECK(rows_in("person") == 0 && aid_count(&registry, "person.changed") == 0);
    CHECK(rows_in("staged") == PLANTED); /* for the list; the good ones are gone */
    aid_stop(&registry);
}

static void on_wish_the_good_rows_come_in_without_the_bad_ones(void) {
    char *said = NULL;

    start();
    (void)bring_in("units", units_text(), false);
    int64_t import = send("persons", persons_text(&said), true);
    (void)finish(import);
    aid_run(&registry);
    Registry__ImportProgress *progress = page(import, 0)->progress;
    CHECK_TEXT(progress->state, "done");
    CHECK(progress->bad == PLANTED && progress->applied == ROWS - PLANTED);
    CHECK_TEXT(bad_rows(import), said);
    CHECK(rows_in("person") == ROWS - PLANTED);
    CHECK(aid_count(&registry, "person.changed") == ROWS - PLANTED);
    Wire__Event *event = aid_last(&registry, "import.finished");
    CHECK(value_i64(event->fields, event->n_fields, "rows", 0) == ROWS);
    CHECK(value_i64(event->fields, event->n_fields, "bad", 0) == PLANTED);
    aid_stop(&registry);
}

/* ---- units and staff ---- */

static void units_are_checked_field_by_field(void) {
    start();
    int64_t import = send("units",
                          "\xEF\xBB\xBFunit,building,entrance,floor,room,area,steward,"
                          "floor_area_m2,status,vacancy_kind,risk,care\r\n"
                          "1-1-101,1,1,1,1,1,S101,72,occupied,,,\r\n"
                          "1-1-102,1,1,1,2,1,S999,72,occupied,,,\r\n"
                          "1-1-101,1,1,1,1,1,S101,72,occupied,,,\r\n"
                          "1-1-103,1,1,1,3,1,S101,72m,occupied,,,\r\n"
                          "1-1-104,1,1,1,4,1,S101,72,empty,,,\r\n"
                          "1-1-105,,1,1,5,1,S998,72,vacant,lost,yes,\r\n"
                          "\r\n"
                          "1-1-106,1,1,1,6,1,S101,89.5,vacant,sold,Y,Y\r\n",
                          false);
    (void)finish(import);
    aid_run(&registry);
    CHECK_TEXT(bad_rows(import), "3 steward:staff_unknown;4 unit:row_twice;"
                                 "5 floor_area_m2:decimal_wrong;6 status:choice_wrong;"
                                 "7 building:field_missing vacancy_kind:choice_wrong "
                                 "risk:yes_wrong steward:staff_unknown;");
    CHECK(rows_in("unit") == 0);
    CHECK(page(import, 0)->progress->rows == 7);
    aid_stop(&registry);
}

static void staff_may_name_deputies_who_come_in_the_same_file(void) {
    start();
    Registry__ImportProgress *progress = bring_in(
        "staff",
        "staff,name,roles,dept,area,deputy,phone,channels\n"
        "S201,刘洋,front,cs,1,S202,13900000201,webhook\n"
        "S202,陈静,front;boss,cs,2,S201,13900000202,desk;webhook\n"
        "S203,赵磊,front,cs,3,S101,13900000203,webhook\n",
        false);
    CHECK_TEXT(progress->state, "done");
    CHECK(progress->applied == 3 && rows_in("staff") == 4);
    int64_t import = send("staff",
                          "staff,name,roles,deputy\n"
                          "S301,甲,front,S999\n"
                          "S302,乙,emperor,\n"
                          "S303,丙,front,S303\n"
                          "S304,丁,,\n",
                          false);
    (void)finish(import);
    aid_run(&registry);
    CHECK_TEXT(bad_rows(import), "2 deputy:staff_unknown;3 roles:role_unknown;"
                                 "4 deputy:deputy_self;5 roles:field_missing;");
    CHECK(rows_in("staff") == 4);
    aid_stop(&registry);
}

static void who_left_does_not_come_back_by_an_old_file(void) {
    Registry__MarkLeftRequest left = REGISTRY__MARK_LEFT_REQUEST__INIT;

    start();
    left.staff = "S101";
    left.reason = "retired";
    (void)aid_get(&registry, "MarkLeft", &left.base);
    int64_t import = send("staff", "staff,name,roles\nS101,王丽,front\n", false);
    (void)finish(import);
    aid_run(&registry);
    CHECK_TEXT(bad_rows(import), "2 staff:staff_left;");
    aid_stop(&registry);
}

static void the_same_file_again_tells_nothing(void) {
    start();
    const char *text = "unit,building,status\n1-1-101,1,occupied\n1-1-102,1,vacant\n";
    (void)bring_in("units", text, false);
    Registry__ImportProgress *progress = bring_in("units", text, false);
    CHECK(progress->applied == 2 && progress->unchanged == 2);
    CHECK(aid_count(&registry, "unit.changed") == 2);
    progress = bring_in("units", "unit,building,status\n1-1-102,1,occupied\n", false);
    CHECK(progress->unchanged == 0 && aid_count(&registry, "unit.changed") == 3);
    aid_stop(&registry);
}

static void units_of_a_file_belong_to_the_only_estate(void) {
    Registry__PutEstateRequest put = REGISTRY__PUT_ESTATE_REQUEST__INIT;
    Registry__Estate estate = REGISTRY__ESTATE__INIT;
    Registry__StartImportRequest two = REGISTRY__START_IMPORT_REQUEST__INIT;

    start();
    put.estate = &estate;
    estate.estate = "E01";
    estate.name = "恋日花都";
    (void)aid_get(&registry, "PutEstate", &put.base);
    (void)bring_in("units", "unit,building,status\n1-1-101,1,occupied\n", false);
    Wire__Event *event = aid_last(&registry, "unit.changed");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "estate"), "E01");
    estate.estate = "E02";
    (void)aid_get(&registry, "PutEstate", &put.base);
    const char *columns[] = {"unit", "building", "status"};
    two.kind = "units";
    two.columns = columns;
    two.n_columns = 3;
    CHECK_TEXT(aid_refused(&registry, "StartImport", &two.base, boss, ERR_INVALID),
               "field_missing");
    two.estate = "E03";
    CHECK_TEXT(aid_refused(&registry, "StartImport", &two.base, boss, ERR_NOT_FOUND),
               "estate_unknown");
    aid_stop(&registry);
}

/* ---- refusals ---- */

static const char *start_refused(const char *kind, const char *columns, enum err_code code) {
    Registry__StartImportRequest request = REGISTRY__START_IMPORT_REQUEST__INIT;

    request.kind = kind;
    request.columns = registry_split(columns, 40, &request.n_columns, registry.scratch);
    return aid_refused(&registry, "StartImport", &request.base, boss, code);
}

static void a_file_with_other_columns_is_refused_at_once(void) {
    start();
    CHECK_TEXT(start_refused("cats", "cat", ERR_INVALID), "choice_wrong");
    CHECK_TEXT(start_refused("units", "unit;building;status;colour", ERR_INVALID),
               "column_unknown");
    CHECK_TEXT(start_refused("units", "unit;building", ERR_INVALID), "column_missing");
    CHECK_TEXT(start_refused("units", "unit;building;status;unit", ERR_INVALID), "column_twice");
    CHECK_TEXT(start_refused("units", "", ERR_INVALID), "column_missing");
    aid_stop(&registry);
}

static void rows_come_in_order_and_in_parts(void) {
    Registry__ImportRowsRequest request = REGISTRY__IMPORT_ROWS_REQUEST__INIT;
    Registry__FinishImportRequest end = REGISTRY__FINISH_IMPORT_REQUEST__INIT;
    Registry__GetImportRequest get = REGISTRY__GET_IMPORT_REQUEST__INIT;
    Registry__ImportRow *rows[PART_ROWS + 1];

    start();
    const char *header = "unit,building,status\n";
    struct csv csv = csv_open((struct bytes){(const uint8_t *)header, strlen(header)});
    int64_t import = start_import("units", &csv, false);
    end.import = request.import = import;
    CHECK_TEXT(aid_refused(&registry, "FinishImport", &end.base, boss, ERR_PRECONDITION),
               "import_empty");
    for (size_t i = 0; i <= PART_ROWS; i++) {
        rows[i] = ARENA_NEW(registry.scratch, Registry__ImportRow);
        registry__import_row__init(rows[i]);
        rows[i]->line = (uint32_t)i + 2;
    }
    request.rows = rows;
    request.n_rows = PART_ROWS + 1;
    CHECK_TEXT(aid_refused(&registry, "ImportRows", &request.base, boss, ERR_INVALID),
               "import_rows_many");
    request.n_rows = 1;
    rows[0]->mistake = "made up";
    CHECK_TEXT(aid_refused(&registry, "ImportRows", &request.base, boss, ERR_INVALID),
               "line_order");
    rows[0]->mistake = "csv_open";
    (void)aid_get_as(&registry, "ImportRows", &request.base, boss);
    CHECK_TEXT(aid_refused(&registry, "ImportRows", &request.base, boss, ERR_INVALID),
               "line_order");
    (void)finish(import);
    rows[0] = rows[1];
    CHECK_TEXT(aid_refused(&registry, "ImportRows", &request.base, boss, ERR_PRECONDITION),
               "import_closed");
    request.import = 99;
    CHECK_TEXT(aid_refused(&registry, "ImportRows", &request.base, boss, ERR_NOT_FOUND),
               "import_unknown");
    end.import = 99;
    CHECK_TEXT(aid_refused(&registry, "FinishImport", &end.base, boss, ERR_NOT_FOUND),
               "import_unknown");
    get.import = 99;
    CHECK_TEXT(aid_refused(&registry, "GetImport", &get.base, boss, ERR_NOT_FOUND),
               "import_unknown");
    aid_stop(&registry);
}

static void only_so_many_files_are_open_at_once(void) {
    Registry__StartImportRequest request = REGISTRY__START_IMPORT_REQUEST__INIT;
    const char *columns[] = {"unit", "building", "status"};

    start();
    request.kind = "units";
    request.columns = columns;
    request.n_columns = 3;
    for (int i = 0; i < 16; i++) {
        (void)aid_get_as(&registry, "StartImport", &request.base, boss);
    }
    CHECK_TEXT(aid_refused(&registry, "StartImport", &request.base, boss, ERR_EXHAUSTED),
               "imports_many");
    /* What nobody finishes within a day is dropped. */
    registry.now_ms += INT64_C(25) * 3600 * 1000;
    aid_run(&registry);
    (void)aid_get_as(&registry, "StartImport", &request.base, boss);
    CHECK_TEXT(page(1, 0)->progress->state, "dropped");
    aid_stop(&registry);
}

/* ---- time ---- */

static void progress_is_seen_and_a_stop_does_not_lose_the_rest(void) {
    struct err err = {0};

    start();
    int64_t import = send("units", units_text(), false);
    Registry__ImportProgress *progress = finish(import);
    CHECK_TEXT(progress->state, "checking");
    bool seen_checking = false, seen_applying = false;
    for (int i = 0; i < 1000 && !text_eq(progress->state, "done"); i++) {
        CHECK_OK(core_step(registry.core, registry.now_ms, &err), err);
        if (i % 5 == 2) {
            aid_restart(&registry);
        }
        progress = page(import, 0)->progress;
        seen_checking |= text_eq(progress->state, "checking") && progress->checked > 0;
        seen_applying |= text_eq(progress->state, "applying") && progress->applied > 0
                         && progress->applied < UNITS;
    }
    CHECK(seen_checking && seen_applying);
    CHECK(progress->checked == UNITS && progress->applied == UNITS);
    CHECK(rows_in("unit") == UNITS && aid_count(&registry, "unit.changed") == UNITS);
    CHECK(rows_in("staged") == 0);
    aid_stop(&registry);
}

static void no_transaction_of_an_import_touches_more_than_256_rows(void) {
    struct err err = {0};

    start();
    int64_t import = send("units", units_text(), false);
    (void)finish(import);
    for (int i = 0; i < 1000 && !text_eq(page(import, 0)->progress->state, "done"); i++) {
        int64_t before = store_changes(core_store(registry.core));
        CHECK_OK(core_step(registry.core, registry.now_ms, &err), err);
        CHECK(store_changes(core_store(registry.core)) - before <= CORE_ROWS_MAX);
    }
    CHECK_TEXT(page(import, 0)->progress->state, "done");
    aid_stop(&registry);
}

static void finishing_twice_is_finishing_once(void) {
    start();
    int64_t import = send("units", units_text(), false);
    (void)finish(import);
    (void)finish(import);
    aid_run(&registry);
    Registry__ImportProgress *progress = finish(import);
    CHECK_TEXT(progress->state, "done");
    CHECK(progress->checked == UNITS && progress->applied == UNITS);
    CHECK(aid_count(&registry, "import.finished") == 1);
    aid_stop(&registry);
}

static void bad_rows_are_forgotten_after_a_month(void) {
    start();
    int64_t import = send("units", "unit,building,status\n1 1,1,occupied\n", false);
    (void)finish(import);
    aid_run(&registry);
    CHECK(rows_in("staged") == 1);
    registry.now_ms += INT64_C(31) * 24 * 3600 * 1000;
    aid_run(&registry);
    CHECK(rows_in("staged") == 0);
    CHECK_TEXT(page(import, 0)->progress->state, "refused");
    aid_stop(&registry);
}

/* ---- numbers in clear ---- */

static bool file_has(const char *path, const char *needle) {
    FILE *file = fopen(path, "rb");
    struct stat info;

    CHECK(file && stat(path, &info) == 0);
    char *data = malloc((size_t)info.st_size + 1);
    CHECK(data);
    size_t size = fread(data, 1, (size_t)info.st_size, file);
    bool found = memmem(data, size, needle, strlen(needle)) != NULL;
    free(data);
    (void)fclose(file);
    return found;
}

static bool any_file_has(const char *needle) {
    DIR *folder = opendir(registry.folder);
    bool found = false;

    CHECK(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", registry.folder, entry->d_name);
        found |= entry->d_name[0] != '.' && file_has(path, needle);
    }
    (void)closedir(folder);
    return found;
}

/* Everything that goes through registry with the number in it; then its files are read. */
static void a_number_stands_in_clear_in_no_store_wal_log_or_backup(void) {
    static const char planted[] = "13812345679";
    static const char id_number[] = "11010519491231002X";
    struct err err = {0};
    char path[PATH_MAX];

    start();
    (void)snprintf(path, sizeof path, "%s/log", registry.folder);
    CHECK(freopen(path, "w", stderr));
    (void)bring_in("units", "unit,building,status\n1-1-101,1,occupied\n", false);
    /* Staged and refused, with the number in its column, in others, and half of it. */
    int64_t import = send("persons",
                          "person,unit,identity,name,phone,plate\n"
                          "P00009,1-1-101,owner,吴博,13812345679,\n"
                          "P00010,1-1-101,owner,13812345679,吴博,\n"
                          "13812345679,1-1-101,owner,吴博,,\n"
                          "P00011,13812345679,owner,吴博,,\n"
                          "P00012,1-1-101,13812345679,吴博,,13812345679\n"
                          "P00013,1-1-101,owner,吴博,13812345679x,\n",
                          false);
    CHECK(!any_file_has(planted));
    (void)finish(import);
    aid_run(&registry);
    CHECK(page(import, 0)->progress->bad == 5);
    CHECK(!strstr(bad_rows(import), planted));
    (void)bring_in("persons",
                   "person,unit,identity,name,phone,plate,id_number\n"
                   "P00001,1-1-101,owner,吴博,13812345679,,11010519491231002X\n",
                   false);
    aid_person(&registry, "P00002", "1-1-101", "吴敏", planted);
    Registry__SearchRequest search = REGISTRY__SEARCH_REQUEST__INIT;
    search.query = planted;
    Registry__SearchReply *hits = aid_get_as(&registry, "Search", &search.base, front);
    CHECK(hits->n_hits == 2);
    CHECK_TEXT(hits->hits[0]->phone, "138****5679");
    Registry__UnmaskRequest unmask = REGISTRY__UNMASK_REQUEST__INIT;
    unmask.person = "P00001";
    unmask.reason = "to call back";
    Registry__UnmaskReply *clear = aid_get_as(&registry, "Unmask", &unmask.base, front);
    CHECK_TEXT(clear->phones[0], planted);
    CHECK_TEXT(clear->id_number, id_number);
    (void)snprintf(path, sizeof path, "%s/backup.db", registry.folder);
    CHECK_OK(store_backup(core_store(registry.core), path, &err), err);
    CHECK(any_file_has("P00001") && any_file_has("吴敏")); /* the search can find */
    CHECK(file_has(path, "吴敏"));
    CHECK(!any_file_has(planted));
    CHECK(!any_file_has(id_number));
    store_checkpoint(core_store(registry.core), true);
    CHECK(!any_file_has(planted) && !any_file_has(id_number));
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/log", registry.folder);
    (void)unlink(path);
    aid_stop(&registry);
}

/* ---- the demo's format ---- */

static void a_mistake_is_said_in_words(void) {
    start();
    int64_t import = send("persons", "person,unit,identity,name,phone\nP1,1-1-101,owner,吴博,123\n",
                          false);
    Registry__GetImportReply *reply = page(import, 0);
    CHECK(reply->n_bad_rows == 1 && reply->bad_rows[0]->line == 2);
    CHECK_TEXT(reply->bad_rows[0]->mistakes[0]->message, "phone: this is no telephone number");
    aid_stop(&registry);
}

/* A row may have many mistakes, and a page of them must fit into one frame. */
static void a_page_of_bad_rows_fits_into_a_frame(void) {
    enum { LINES = 120 };
    size_t at = 0;

    start();
    char *text = arena_alloc(registry.scratch, TEXT_SIZE);
    at += (size_t)sprintf(text, "unit,building,entrance,floor,room,area,steward,floor_area_m2,"
                                "status,vacancy_kind,risk,care\n");
    for (int i = 0; i < LINES; i++) {
        at += (size_t)sprintf(text + at,
                              "%d a,\x01,\x01,\x01,\x01,\x01,a b,a long word here,"
                              "a long word here,a long word here,yesyes,yesyes\n",
                              i);
    }
    int64_t import = send("units", text, false);
    uint32_t after = 0;
    size_t rows = 0;
    for (int pages = 0; rows < LINES; pages++) {
        Registry__GetImportReply *reply = page(import, after);
        CHECK(reply->n_bad_rows > 0 && reply->bad_rows[0]->n_mistakes == 12);
        CHECK(reply->bad_rows[0]->line == after + (after == 0 ? 2 : 1));
        CHECK(pages > 0 || reply->n_bad_rows < 50);
        rows += reply->n_bad_rows;
        after = reply->bad_rows[reply->n_bad_rows - 1]->line;
    }
    CHECK(page(import, after)->n_bad_rows == 0);
    aid_stop(&registry);
}

static const struct test tests[] = {
    TEST(of_ten_thousand_rows_with_37_mistakes_it_lists_the_37),
    TEST(on_wish_the_good_rows_come_in_without_the_bad_ones),
    TEST(units_are_checked_field_by_field),
    TEST(staff_may_name_deputies_who_come_in_the_same_file),
    TEST(who_left_does_not_come_back_by_an_old_file),
    TEST(the_same_file_again_tells_nothing),
    TEST(units_of_a_file_belong_to_the_only_estate),
    TEST(a_file_with_other_columns_is_refused_at_once),
    TEST(rows_come_in_order_and_in_parts),
    TEST(only_so_many_files_are_open_at_once),
    TEST(progress_is_seen_and_a_stop_does_not_lose_the_rest),
    TEST(no_transaction_of_an_import_touches_more_than_256_rows),
    TEST(finishing_twice_is_finishing_once),
    TEST(bad_rows_are_forgotten_after_a_month),
    TEST(a_number_stands_in_clear_in_no_store_wal_log_or_backup),
    TEST(a_mistake_is_said_in_words),
    TEST(a_page_of_bad_rows_fits_into_a_frame),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
