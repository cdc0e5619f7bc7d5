#include "plan.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/event.h"
#include "engine/act.h"
#include "engine/cases.h"
#include "engine/directory.h"
#include "manual/calendar.h"
#include "store/query.h"

enum {
    WALKERS_MAX = 64,
    DATE_SIZE = 10,          /* "2025-07-11" */
    NEW_WAIT_MS = 60 * 1000, /* a new store first hears who its people are */
};

static const char timer_kind[] = "plan", timer_ref[] = "rounds", timer_name[] = "day";
static const char plan_hour[] = "06:00"; /* before any round of the day begins */
static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

/* ---- the timer ---- */

static int is_planned(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT 1 FROM timer WHERE kind = 'plan'");
    int found = query_step(&q, err);

    query_end(&q);
    return found;
}

/* The plan's hour on a local day. */
static int64_t hour_of(const struct calendar *calendar, int64_t day) {
    const int64_t noon = day * day_ms + day_ms / 2 - (int64_t)calendar->offset_min * 60 * 1000;

    return calendar_time_of_day(calendar, noon, plan_hour, 0);
}

/* 1: there is one.  0: not yet.  -1: err set. */
static int in_force(struct call *call, const struct manual **manual, struct err *err) {
    struct err none = {0};

    *manual = revision_current(call, &none);
    if (*manual || none.code == ERR_UNAVAILABLE) {
        return *manual != NULL;
    }
    *err = none;
    return -1;
}

int plan_ensure(struct call *call, struct err *err) {
    const struct manual *manual = NULL;
    int found = in_force(call, &manual, err);
    int planned = found == 1 ? is_planned(call, err) : 1;

    if (found < 0 || planned != 0) {
        return found < 0 || planned < 0 ? -1 : 0;
    }
    /* A store that is new today opens what of today is still to come, once it may know
     * to whom. */
    const struct calendar calendar = calendar_of(manual);
    const int64_t today = text_day(call->now_ms, calendar.offset_min);
    const int64_t hour = hour_of(&calendar, today);
    const int64_t soon = call->now_ms + NEW_WAIT_MS;
    return timer_set(call, timer_kind, timer_ref, timer_name, today, hour > soon ? hour : soon,
                     err);
}

/* ---- a day ---- */

/* Everything about the day that is being opened. */
struct planned {
    struct call *call;
    const struct manual *manual;
    struct calendar calendar;
    int64_t day;
    int64_t due_ms;
};

/* The first of an area with this role who is not away. */
static int walker_of(const struct planned *plan, const char *role, const char *area,
                     const char **number, struct err *err) {
    struct staff *staff = arena_alloc(plan->call->arena, WALKERS_MAX * sizeof *staff);
    int count = directory_role(plan->call, role, WALKERS_MAX, staff, err);

    for (int i = 0; i < count && !**number; i++) {
        const bool away = staff[i].leave_from_ms <= plan->due_ms
                          && plan->due_ms < staff[i].leave_to_ms;
        if (text_eq(staff[i].area, area) && !away) {
            *number = staff[i].no;
        }
    }
    return count < 0 ? -1 : 0;
}

/* Who may begin such a round is who may be given it. */
static int walker(const struct planned *plan, const Manual__Procedure *procedure, const char *area,
                  const char **number, struct err *err) {
    *number = "";
    for (size_t s = 0; s < procedure->n_steps && !**number; s++) {
        const Manual__Step *step = procedure->steps[s];
        if (step->n_from != 1 || !text_eq(step->from[0], procedure->start->staff)) {
            continue;
        }
        for (size_t w = 0; w < step->n_who && !**number; w++) {
            if (walker_of(plan, step->who[w], area, number, err)) {
                return -1;
            }
        }
    }
    return 0;
}

static int64_t points_of(const Manual__Round *round, const char *area) {
    int64_t count = 0;

    for (size_t i = 0; i < round->n_checkpoint; i++) {
        count += text_eq(round->checkpoint[i]->area, area);
    }
    return count;
}

static int open_round(const struct planned *plan, const Manual__Round *round, int64_t place,
                      const char *area, struct err *err) {
    const Manual__Procedure *procedure = manual_procedure(plan->manual, round->procedure);
    const int64_t hour = hour_of(&plan->calendar, plan->day);
    struct values fields = {.arena = plan->call->arena};
    const char *number = "", *person = "";

    if (!procedure || !procedure->start) {
        return 0;
    }
    if (walker(plan, procedure, area, &person, err)) {
        return -1;
    }
    char *date = text_time(hour, plan->calendar.offset_min, plan->call->arena);
    date[DATE_SIZE] = '\0';
    values_add_text(&fields, "date", date);
    values_add_i64(&fields, "round_no", place);
    values_add_text(&fields, "route", area);
    if (*person) {
        values_add_text(&fields, "assignee", person);
    }
    values_add_ms(&fields, "planned_from",
                  calendar_time_of_day(&plan->calendar, hour, round->start, 0));
    values_add_ms(&fields, "planned_to",
                  calendar_time_of_day(&plan->calendar, hour, round->end, 0));
    values_add_i64(&fields, "points_planned", points_of(round, area));
    values_add_i64(&fields, "points_recorded", 0);
    return cases_open_as(plan->call, round->procedure, fields.list, fields.count, plan->due_ms,
                         &number, err);
}

/* A day that is over when its timer comes - the service was down - is opened all the same,
 * so that its rounds are seen to be missed; only a new store leaves out what had begun, and
 * nobody can enter what is older than ACT_LATE_DAYS. */
static int open_day(const struct planned *plan, bool all, struct err *err) {
    const Manual__Rounds *rounds = manual_rounds(plan->manual);
    const int64_t hour = hour_of(&plan->calendar, plan->day);

    for (size_t r = 0; rounds && r < rounds->n_round; r++) {
        const Manual__Round *round = rounds->round[r];
        const int64_t from_ms = calendar_time_of_day(&plan->calendar, hour, round->start, 0);
        for (size_t a = 0; (all || from_ms >= plan->call->now_ms) && a < round->n_area; a++) {
            if (open_round(plan, round, (int64_t)r + 1, round->area[a], err)) {
                return -1;
            }
        }
    }
    return 0;
}

static int note_day(struct call *call, int64_t day, struct err *err) {
    struct values fields = {.arena = call->arena};
    Wire__Event *event = ARENA_NEW(call->arena, Wire__Event);

    wire__event__init(event);
    values_add_i64(&fields, "day", day);
    event->topic = "plan.opened";
    event->fields = fields.list;
    event->n_fields = fields.count;
    return event_put(call, event, err);
}

int plan_due(struct call *call, const struct due *due, struct err *err) {
    const struct manual *manual = revision_current(call, err);

    if (!manual) {
        return -1;
    }
    const struct planned plan = {.call = call,
                                 .manual = manual,
                                 .calendar = calendar_of(manual),
                                 .day = due->mark,
                                 .due_ms = due->due_ms};
    const bool regular = due->due_ms == hour_of(&plan.calendar, plan.day);
    const bool too_old = due->due_ms < call->now_ms - ACT_LATE_DAYS * day_ms;
    if (too_old) {
        log_warn("a day of the plan is too old to be opened", "day=%lld", (long long)plan.day);
    }
    if (open_day(&plan, regular && !too_old, err) || note_day(call, plan.day, err)) {
        return -1;
    }
    return timer_set(call, timer_kind, timer_ref, timer_name, plan.day + 1,
                     hour_of(&plan.calendar, plan.day + 1), err);
}

int plan_fold(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const struct manual *manual = NULL;

    if (!text_eq(event->topic, "plan.opened")) {
        return 0;
    }
    const int64_t day = value_i64(event->fields, event->n_fields, "day", 0) + 1;
    int found = in_force(call, &manual, err);
    if (found != 1) {
        return found;
    }
    const struct calendar calendar = calendar_of(manual);
    return timer_set(call, timer_kind, timer_ref, timer_name, day, hour_of(&calendar, day), err);
}
