#include "host/import_roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/text.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"

enum {
    PART_ROWS = 256,
    PERIOD_SIZE = 7, /* "2025-07" */
    COLUMNS = 7,
    BEHIND_TRIES = 250, /* of import_link.wait: some seconds */
    ASKED_MAX = 20,     /* unknown people that registry is asked about */
};

enum { DATE, POST, SHIFT, START, END, STAFF, ORDER };

struct roster {
    const struct import_link *link;
    struct import_result *result;
    struct arena *arena;
    bool check; /* only look */
    char period[PERIOD_SIZE + 1];
    uint32_t part;
    Patrol__Duty *duties[PART_ROWS];
    size_t count;
    int column[COLUMNS];
};

/* ---- sending ---- */

static void list_bad(struct roster *roster, const Patrol__BadDuty *duty) {
    struct import_result *result = roster->result;

    result->bad++;
    if (result->bad_count == IMPORT_BAD_MAX) {
        return;
    }
    Registry__BadRow *row = ARENA_NEW(roster->arena, Registry__BadRow);
    Registry__Mistake *mistake = ARENA_NEW(roster->arena, Registry__Mistake);
    registry__bad_row__init(row);
    registry__mistake__init(mistake);
    mistake->field = duty->field;
    mistake->rule = duty->rule;
    mistake->message = duty->message;
    row->line = duty->line;
    row->n_mistakes = 1;
    row->mistakes = arena_alloc(roster->arena, sizeof *row->mistakes);
    row->mistakes[0] = mistake;
    result->bad_rows[result->bad_count++] = row;
}

static int send_duties(struct roster *roster, bool last, struct err *err) {
    Patrol__ImportRosterRequest request = PATROL__IMPORT_ROSTER_REQUEST__INIT;

    if (!roster->period[0]) {
        return 0;
    }
    request.period = roster->period;
    request.part = ++roster->part;
    request.last = last;
    request.check = roster->check;
    request.duties = roster->duties;
    request.n_duties = roster->count;
    roster->count = 0;
    const Patrol__ImportRosterReply *reply = (const Patrol__ImportRosterReply *)roster->link->ask(
        roster->link->arg, "patrol", "shouwen.patrol.v1.Patrol/ImportRoster", &request.base,
        &patrol__import_roster_reply__descriptor, roster->arena, err);
    for (size_t i = 0; reply && i < reply->n_bad; i++) {
        list_bad(roster, reply->bad[i]);
    }
    return reply ? 0 : -1;
}

/* ---- reading ---- */

static const char *field(const struct roster *roster, const struct csv_row *row, int which) {
    int column = roster->column[which];

    return column >= 0 && (size_t)column < row->count ? (const char *)row->fields[column].data : "";
}

static int add_duty(struct roster *roster, const struct csv_row *row, struct err *err) {
    const char *date = field(roster, row, DATE);
    Patrol__Duty *duty = ARENA_NEW(roster->arena, Patrol__Duty);
    int64_t day = 0;
    bool dated = text_date_read(date, &day);

    patrol__duty__init(duty);
    duty->line = (uint32_t)row->line;
    duty->mistake = row->mistake ? row->mistake : dated ? "" : "roster_date";
    /* A row without a month of its own is said with those before it. */
    if (!roster->period[0] || (dated && strncmp(roster->period, date, PERIOD_SIZE) != 0)) {
        if (send_duties(roster, true, err)) {
            return -1;
        }
        (void)snprintf(roster->period, sizeof roster->period, "%s", dated ? date : "0000-00");
        roster->part = 0;
    }
    if (roster->count == PART_ROWS && send_duties(roster, false, err)) {
        return -1;
    }
    duty->post = arena_text(roster->arena, "%s", field(roster, row, POST));
    duty->shift = arena_text(roster->arena, "%s", field(roster, row, SHIFT));
    duty->staff = arena_text(roster->arena, "%s", field(roster, row, STAFF));
    duty->order = (uint32_t)strtoul(field(roster, row, ORDER), NULL, 10);
    (void)text_time_read(field(roster, row, START), &duty->start_ms); /* 0 is said by patrol */
    (void)text_time_read(field(roster, row, END), &duty->end_ms);
    roster->duties[roster->count++] = duty;
    return 0;
}

static void find_columns(struct roster *roster, const struct csv_row *header) {
    static const char *const names[COLUMNS] = {"date", "post",  "shift", "start",
                                               "end",  "staff", "order"};

    for (size_t n = 0; n < COLUMNS; n++) {
        roster->column[n] = -1;
        for (size_t i = 0; i < header->count; i++) {
            if (text_eq((const char *)header->fields[i].data, names[n])) {
                roster->column[n] = (int)i;
            }
        }
    }
}

/* Once through the file. */
static int pass(const struct import_link *link, struct bytes file, bool check,
                struct import_result *result, struct arena *arena, struct err *err) {
    struct csv csv = csv_open(file);
    struct roster roster = {.link = link, .result = result, .arena = arena, .check = check};
    struct csv_row row;

    result->rows = result->bad = result->bad_count = 0;
    if (csv_next(&csv, &row, arena) != 1) {
        return err_set(err, ERR_INVALID, "import_empty", "file=");
    }
    find_columns(&roster, &row);
    while (csv_next(&csv, &row, arena) == 1) {
        result->rows++;
        if (add_duty(&roster, &row, err)) {
            return -1;
        }
    }
    return send_duties(&roster, true, err);
}

/* ---- whom patrol has not heard of yet ---- */

static const char *unknown_person(const struct import_result *result, struct bytes file, size_t bad,
                                  struct arena *arena) {
    struct csv csv = csv_open(file);
    struct roster roster = {.arena = arena};
    struct csv_row row;
    const Registry__BadRow *of = result->bad_rows[bad];

    if (strncmp(of->mistakes[0]->rule, "roster_staff", strlen("roster_staff")) != 0
        || csv_next(&csv, &row, arena) != 1) {
        return NULL;
    }
    find_columns(&roster, &row);
    while (csv_next(&csv, &row, arena) == 1) {
        if ((uint32_t)row.line == of->line) {
            return arena_text(arena, "%s", field(&roster, &row, STAFF));
        }
    }
    return NULL;
}

/* One of the unknown whom registry has all the same; NULL: they are mistakes. */
static const char *behind(const struct import_link *link, const struct import_result *result,
                          struct bytes file, struct arena *arena) {
    const char *asked = "";

    for (size_t i = 0, asks = 0; i < result->bad_count && asks < ASKED_MAX; i++) {
        Registry__GetStaffRequest request = REGISTRY__GET_STAFF_REQUEST__INIT;
        struct err none = {0};
        const char *word = unknown_person(result, file, i, arena);
        if (!word || text_eq(word, asked)) {
            continue;
        }
        asked = word;
        asks++;
        request.staff = word;
        const Registry__GetStaffReply *reply = (const Registry__GetStaffReply *)link->ask(
            link->arg, "registry", "shouwen.registry.v1.Registry/GetStaff", &request.base,
            &registry__get_staff_reply__descriptor, arena, &none);
        if (reply && reply->staff && !reply->staff->left) {
            return word;
        }
    }
    return NULL;
}

int import_roster(const struct import_link *link, struct bytes file, struct import_result *result,
                  struct arena *arena, struct err *err) {
    const size_t used = arena_used(arena);

    for (int try = 0; try <= BEHIND_TRIES; try++) {
        arena_rewind(arena, used);
        result->bad_rows = arena_alloc(arena, IMPORT_BAD_MAX * sizeof(*result->bad_rows));
        if (pass(link, file, true, result, arena, err)) {
            return -1;
        }
        const char *late = result->bad > 0 ? behind(link, result, file, arena) : NULL;
        if (!late) {
            return result->bad > 0 ? 0 : pass(link, file, false, result, arena, err);
        }
        if (try == BEHIND_TRIES) {
            return err_set(err, ERR_UNAVAILABLE, "roster_staff_behind", "staff=%.60s", late);
        }
        if (link->wait(link->arg, err)) {
            return -1;
        }
    }
    return -1;
}
