#include "rostercheck.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/directory.h"
#include "store/query.h"

enum {
    PART_ROWS_MAX = 256,
    NAME_BYTES_MAX = 60,
    NEAR_BYTES_MAX = 2 * NAME_BYTES_MAX,
    NEAR_MAX = 500, /* employees among whom the one that was meant is looked for */
};

static const int64_t shift_max_ms = (int64_t)7 * 24 * 3600 * 1000;

static bool is_name(const char *text) {
    return *text && !text_check(text, strlen(text), NAME_BYTES_MAX, false);
}

/* What the reader of a file may say of a row that it could not read. */
static bool is_csv_rule(const char *rule) {
    static const char *const rules[] = {"csv_fields", "csv_long", "csv_open", "csv_quote",
                                        "roster_date"};

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (text_eq(rules[i], rule)) {
            return true;
        }
    }
    return false;
}

/* ---- who is meant ---- */

/* "S101 王丽" of the number or the name that is nearest to the word; "" if none is near.  Each
 * row of a roster may ask: only the answer stays in the arena. */
static const char *nearest(struct call *call, const char *word) {
    const size_t used = arena_used(call->arena);
    struct query q = QUERY(call->store, /* scan: an estate has some hundred staff */
                           "SELECT no, name FROM staff WHERE active = 1 ORDER BY no LIMIT ?1");
    const char **words = arena_alloc(call->arena, NEAR_MAX * sizeof(*words) * 2);
    char line[NEAR_BYTES_MAX] = "";
    struct err ignored = {0};
    size_t count = 0;

    query_bind_i64(&q, 1, NEAR_MAX);
    while (query_step(&q, &ignored) == 1) {
        words[count++] = query_text(&q, 0, call->arena);
        words[count++] = query_text(&q, 1, call->arena);
    }
    const char *found = json_nearest(word, words, count);
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (*found && (words[i] == found || words[i + 1] == found)) {
            (void)snprintf(line, sizeof line, "%s %.*s", words[i], NAME_BYTES_MAX, words[i + 1]);
            break;
        }
    }
    arena_rewind(call->arena, used);
    return arena_text(call->arena, "%s", line);
}

/* How many that work here have this name. */
static int count_named(struct call *call, const char *name, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT count(*) FROM staff WHERE name = ?1 AND active = 1");

    query_bind_text(&q, 1, name);
    int found = query_step(&q, err);
    int count = found == 1 ? (int)query_i64(&q, 0) : found;
    query_end(&q);
    return count;
}

static int find_person(struct call *call, const char *word, const char **no, struct err *err) {
    struct staff staff;
    int found = directory_staff(call, word, &staff, err);

    if (found == 0) {
        found = directory_staff_named(call, word, &staff, err);
        int named = found == 1 ? count_named(call, word, err) : found;
        if (named > 1) {
            return err_set(err, ERR_INVALID, "roster_staff_several", "staff=%.60s\ncount=%d", word,
                           named);
        }
        found = named < 0 ? -1 : found;
    }
    if (found == 1 && !staff.active) {
        return err_set(err, ERR_INVALID, "roster_staff_left", "staff=%.60s\nname=%.60s", staff.no,
                       staff.name);
    }
    if (found == 0) {
        const char *near = nearest(call, word);
        return err_set(err, ERR_INVALID, *near ? "roster_staff_near" : "roster_staff",
                       "staff=%.60s\nnearest=%s", word, near);
    }
    *no = found == 1 ? staff.no : "";
    return found == 1 ? 0 : -1;
}

/* ---- rows ---- */

int rostercheck_row(struct call *call, const Patrol__ImportRosterRequest *request, size_t row,
                    const char **staff, const char **field, struct err *err) {
    const Patrol__Duty *duty = request->duties[row];
    const char *missing = !is_name(duty->post)    ? "post"
                          : !is_name(duty->shift) ? "shift"
                          : !is_name(duty->staff) ? "staff"
                                                  : "";
    const unsigned line = duty->line ? duty->line
                                     : (request->part - 1) * PART_ROWS_MAX + (unsigned)row + 1;

    *field = text_eq(duty->mistake, "roster_date") ? "date" : "";
    if (*duty->mistake) {
        return err_set(err, ERR_INVALID, is_csv_rule(duty->mistake) ? duty->mistake : "roster_row",
                       "row=%u\npost=%.60s\nstaff=%.60s", line, duty->post, duty->staff);
    }
    *field = missing;
    if (*missing) {
        return err_set(err, ERR_INVALID, "roster_row", "row=%u\npost=%.60s\nstaff=%.60s", line,
                       duty->post, duty->staff);
    }
    const bool start = duty->start_ms && text_time_fits(duty->start_ms);
    *field = start ? "end" : "start";
    if (!start || !duty->end_ms || !text_time_fits(duty->end_ms)) {
        return err_set(err, ERR_INVALID, "roster_time", "row=%u\nfield=%s", line, *field);
    }
    if (duty->end_ms <= duty->start_ms || duty->end_ms - duty->start_ms > shift_max_ms) {
        return err_set(err, ERR_INVALID, "roster_times", "row=%u\npost=%.60s\nstaff=%.60s", line,
                       duty->post, duty->staff);
    }
    *field = "staff";
    return find_person(call, duty->staff, staff, err);
}

int rostercheck_all(struct call *call, const Patrol__ImportRosterRequest *request,
                    Patrol__ImportRosterReply *reply, struct err *err) {
    reply->bad = arena_alloc(call->arena, (request->n_duties + 1) * sizeof(*reply->bad));
    for (size_t i = 0; i < request->n_duties; i++) {
        const char *staff = "";
        const char *field = "";
        if (rostercheck_row(call, request, i, &staff, &field, err) == 0) {
            continue;
        }
        if (err->code != ERR_INVALID) {
            return -1;
        }
        Patrol__BadDuty *bad = ARENA_NEW(call->arena, Patrol__BadDuty);
        patrol__bad_duty__init(bad);
        bad->line = request->duties[i]->line;
        bad->field = field;
        bad->rule = arena_text(call->arena, "%s", err->rule);
        bad->message = core_text(call->core, err->rule, err->args, call->locale, call->arena);
        reply->bad[reply->n_bad++] = bad;
    }
    return 0;
}
