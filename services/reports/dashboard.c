#include <string.h>

#include "base/text.h"
#include "engine/revision.h"
#include "services/reports/figure.h"
#include "services/reports/reports.h"
#include "store/query.h"

/*
 * All figures over a range.  The points are days, months or years, whichever gives at
 * most POINTS_MAX; so ten years cost what one does.
 */

enum { POINTS_MAX = 31 };

struct board {
    struct period points[POINTS_MAX];
    size_t count;
    Reports__Line **lines;
    struct ratio *totals;
};

static bool fits(struct board *board, char level, int64_t first, int64_t last) {
    struct period period = period_of(level, first);

    board->count = 0;
    while (period.first <= last) {
        if (board->count == POINTS_MAX) {
            return false;
        }
        board->points[board->count++] = period;
        period = period_next(&period);
    }
    return true;
}

static int choose_points(struct board *board, const Reports__DashboardRequest *request,
                         struct err *err) {
    struct period from, to;

    if (reports_period(request->from, &from, err) || reports_period(request->to, &to, err)) {
        return -1;
    }
    int64_t last = to.end - 1;
    if (last < from.first) {
        return err_set(err, ERR_INVALID, "period_wrong", "period=%.20s-%.20s", request->from,
                       request->to);
    }
    return fits(board, 'D', from.first, last) || fits(board, 'M', from.first, last)
                   || fits(board, 'Y', from.first, last)
               ? 0
               : err_set(err, ERR_INVALID, "period_wrong", "period=%.20s-%.20s", request->from,
                         request->to);
}

static void new_line(struct call *call, const Manual__Kpi *kpi, const char *estate,
                     struct board *board, size_t index) {
    Reports__Line *line = ARENA_NEW(call->arena, Reports__Line);

    reports__line__init(line);
    line->total = ARENA_NEW(call->arena, Reports__Figure);
    figure_describe(call, kpi, estate, line->total);
    line->n_numerators = board->count;
    line->numerators = arena_alloc(call->arena, board->count * sizeof(int64_t));
    line->n_denominators = board->count;
    line->denominators = arena_alloc(call->arena, board->count * sizeof(int64_t));
    board->lines[index] = line;
    board->totals[index].scale = 1;
}

static void add_point(struct board *board, size_t lines, struct query *q, struct arena *arena) {
    const size_t used = arena_used(arena);
    const char *name = query_text(q, 0, arena), *kpi = query_text(q, 1, arena);
    size_t point = 0, line = 0;

    while (point < board->count && !text_eq(board->points[point].name, name)) {
        point++;
    }
    while (line < lines && !text_eq(board->lines[line]->total->kpi, kpi)) {
        line++;
    }
    if (point < board->count && line < lines) {
        board->lines[line]->numerators[point] += query_i64(q, 2);
        board->lines[line]->denominators[point] += query_i64(q, 3);
        board->totals[line].num += query_i64(q, 2);
        board->totals[line].den += query_i64(q, 3);
    }
    arena_rewind(arena, used);
}

/* All points of all figures: one walk over neighbouring rows. */
static int read_points(struct call *call, struct board *board, size_t lines, const char *estate,
                       struct err *err) {
    const char level[] = {board->points[0].level, '\0'};
    struct query q = QUERY(call->store,
                           "SELECT period, kpi, num, den FROM total WHERE level = ?1"
                           " AND period >= ?2 AND period <= ?3 AND (?4 = '' OR estate = ?4)");
    int more = 0;

    query_bind_text(&q, 1, level);
    query_bind_text(&q, 2, board->points[0].name);
    query_bind_text(&q, 3, board->points[board->count - 1].name);
    query_bind_text(&q, 4, estate);
    while ((more = query_step(&q, err)) == 1) {
        add_point(board, lines, &q, call->arena);
    }
    return more < 0 ? -1 : 0;
}

/* The average of each point, and of the whole range; the same for all such figures. */
static int put_households(struct call *call, const struct manual *manual, struct board *board,
                          const Manual__Kpis *kpis, struct err *err) {
    struct period periods[POINTS_MAX + 1];
    struct ratio ratios[POINTS_MAX + 1] = {0};
    const size_t whole = board->count;

    for (size_t i = 0; i < board->count; i++) {
        periods[i] = board->points[i];
    }
    periods[whole] = board->points[0];
    periods[whole].end = board->points[whole - 1].end;
    if (figure_households(call, manual, periods, whole + 1, ratios, err)) {
        return -1;
    }
    for (size_t line = 0; line < kpis->n_kpi; line++) {
        if (!kpis->kpi[line]->per_household) {
            continue;
        }
        for (size_t i = 0; i < whole; i++) {
            const struct ratio *ratio = &ratios[i];
            board->lines[line]->denominators[i] = (2 * ratio->den + ratio->scale)
                                                  / (2 * ratio->scale);
        }
        board->totals[line].den = ratios[whole].den;
        board->totals[line].scale = ratios[whole].scale;
    }
    return 0;
}

int reports_dashboard(struct call *call, struct err *err) {
    const Reports__DashboardRequest *request = call->request;
    Reports__DashboardReply *reply = ARENA_NEW(call->arena, Reports__DashboardReply);
    struct board *board = ARENA_NEW(call->arena, struct board);
    const struct manual *manual = revision_current(call, err);

    reports__dashboard_reply__init(reply);
    call->reply = &reply->base;
    if (!manual || choose_points(board, request, err)) {
        return -1;
    }
    const Manual__Kpis *kpis = manual_kpis(manual);
    const size_t count = kpis ? kpis->n_kpi : 0;
    board->lines = arena_alloc(call->arena, (count + 1) * sizeof *board->lines);
    board->totals = arena_alloc(call->arena, (count + 1) * sizeof *board->totals);
    for (size_t i = 0; i < count; i++) {
        new_line(call, kpis->kpi[i], request->estate, board, i);
    }
    if (read_points(call, board, count, request->estate, err)
        || (count > 0 && put_households(call, manual, board, kpis, err))) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        figure_put(call, kpis->kpi[i], &board->totals[i], board->lines[i]->total);
    }
    reply->n_lines = count;
    reply->lines = board->lines;
    const char **names = arena_alloc(call->arena, board->count * sizeof *names);
    for (size_t i = 0; i < board->count; i++) {
        names[i] = board->points[i].name;
    }
    reply->n_periods = board->count;
    reply->periods = names;
    return reports_progress(call, &reply->progress, err);
}
