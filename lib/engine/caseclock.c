#include "engine/caseclock.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/act.h"
#include "engine/view.h"
#include "manual/calendar.h"

enum {
    PERCENT = 100,
    OVER_MIN_MS = 30 * 60 * 1000,
    OVER_TWICE_MIN_MS = 60 * 60 * 1000,
};

static const char timer_kind[] = "clock";
static const char no_ladder[] = "none";

static bool named(char const *const *list, size_t count, const char *event) {
    for (size_t i = 0; *event && i < count; i++) {
        if (text_eq(list[i], event)) {
            return true;
        }
    }
    return false;
}

static bool running(const Engine__Running *clock) {
    return clock && clock->ended_ms == 0;
}

const char *caseclock_result(const Engine__Running *clock) {
    if (clock->ended_ms != 0) {
        return clock->result;
    }
    return clock->held_ms != 0 ? "paused" : clock->mark >= CASECLOCK_DUE ? "overdue" : "running";
}

/* ---- limits ---- */

/* A length in the clock's own time after an instant. */
static int64_t after(const struct calendar *calendar, const char *kind, const char *unit,
                     int64_t from_ms, int64_t amount) {
    if (text_eq(unit, "wd")) {
        return calendar_add_workdays(calendar, from_ms, amount);
    }
    if (text_eq(unit, "eod")) {
        return calendar_eod(calendar, from_ms);
    }
    if (text_eq(kind, "desk") && amount >= 0) {
        return calendar_add_desk(calendar, from_ms, amount);
    }
    return from_ms + amount;
}

/* A time of day as it is written, or the parameter that says it. */
static const char *time_of_day(const struct manual *manual, const char *text) {
    const char *parameter = *text >= '0' && *text <= '9' ? NULL
                                                         : manual_param_text(manual, text, NULL);

    return parameter ? parameter : text;
}

static int64_t branch(const struct manual *manual, const struct calendar *calendar,
                      const Manual__Simple *simple, const char *kind, int64_t from_ms) {
    if (text_eq(simple->unit, "next")) {
        return calendar_time_of_day(calendar, from_ms, time_of_day(manual, simple->parameter), 1);
    }
    int64_t amount = simple->amount;
    if (*simple->parameter) {
        (void)manual_number(manual, simple->parameter, NULL, &amount);
    }
    return after(calendar, kind, simple->unit, from_ms, amount);
}

/* The time that a field holds: a date stands for the desk's closing of that day. */
static bool field_time(struct view *view, const struct calendar *calendar, const char *field,
                       int64_t *ms) {
    const Wire__Value *value = view_value(view, field);
    int64_t day = 0;

    if (value && value->kind_case == WIRE__VALUE__KIND_MS) {
        *ms = value->ms;
        return true;
    }
    if (!value || value->kind_case != WIRE__VALUE__KIND_TEXT
        || !text_date_read(value->text, &day)) {
        return false;
    }
    const int64_t day_ms = (int64_t)24 * 3600 * 1000;
    *ms = calendar_eod(calendar, day * day_ms - (int64_t)calendar->offset_min * 60 * 1000);
    return true;
}

/* False: this limit does not hold for the case. */
static bool limit_due(struct view *view, const Manual__Clock *clock, const Manual__Limit *limit,
                      int64_t from_ms, int64_t *due_ms) {
    const struct manual *manual = view->kase->manual;
    const struct calendar calendar = calendar_of(manual);
    const char *unit = limit->unit;
    int64_t amount = limit->amount;

    if (!view_holds(view, limit->when, limit->n_when)) {
        return false;
    }
    if (*limit->field && !field_time(view, &calendar, limit->field, &from_ms)) {
        return false;
    }
    if (*limit->before) {
        const char *hhmm = time_of_day(manual, limit->before);
        const bool earlier = from_ms < calendar_time_of_day(&calendar, from_ms, hhmm, 0);
        const Manual__Simple *simple = earlier ? limit->then : limit->other;
        if (!simple) {
            return false;
        }
        *due_ms = branch(manual, &calendar, simple, clock->kind, from_ms);
        return true;
    }
    if (*limit->parameter) {
        const Wire__Value *value = *limit->class_field ? view_value(view, limit->class_field)
                                                       : NULL;
        const char *key = value && value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : NULL;
        const char *own_unit = manual_unit(manual, limit->parameter);
        if (!manual_number(manual, limit->parameter, key, &amount)) {
            return false;
        }
        unit = own_unit && *own_unit ? own_unit : unit;
    }
    *due_ms = after(&calendar, clock->kind, unit, from_ms, limit->minus ? -amount : amount);
    return true;
}

static bool earliest_due(struct view *view, const Manual__Clock *clock, int64_t from_ms,
                         int64_t *due_ms) {
    bool any = false;

    for (size_t i = 0; i < clock->n_limit; i++) {
        int64_t one = 0;
        if (limit_due(view, clock, clock->limit[i], from_ms, &one) && (!any || one < *due_ms)) {
            *due_ms = one;
            any = true;
        }
    }
    if (clock->n_limit == 0 && clock->every) {
        return limit_due(view, clock, clock->every, from_ms, due_ms);
    }
    return any;
}

/* ---- marks ---- */

struct mark {
    uint32_t mark; /* 0: none follows */
    int64_t at_ms;
};

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The mark after this one. */
static struct mark next_mark(const struct kase *kase, const Engine__Running *clock, uint32_t mark) {
    const struct calendar calendar = calendar_of(kase->manual);
    const bool cal = !text_eq(clock->kind, "desk") && !text_eq(clock->kind, "work");
    const int64_t length = cal ? clock->due_ms - clock->from_ms
                               : calendar_desk_between(&calendar, clock->from_ms, clock->due_ms);
    const bool ladder = !text_eq(clock->ladder, no_ladder);
    struct mark next = {0};
    int64_t from_ms = clock->due_ms;
    int64_t more = 0;

    if (mark < CASECLOCK_WARNED && ladder && length > 0) {
        next.mark = CASECLOCK_WARNED;
        from_ms = clock->from_ms;
        more = length / PERCENT * CASECLOCK_WARNED + length % PERCENT * CASECLOCK_WARNED / PERCENT;
    } else if (mark < CASECLOCK_DUE) {
        next = (struct mark){CASECLOCK_DUE, clock->due_ms};
        return next;
    } else if (mark < CASECLOCK_OVER && ladder) {
        next.mark = CASECLOCK_OVER;
        more = larger(length / 2, OVER_MIN_MS);
    } else if (mark < CASECLOCK_OVER_TWICE && ladder) {
        next.mark = CASECLOCK_OVER_TWICE;
        more = larger(length, OVER_TWICE_MIN_MS);
    } else {
        return next;
    }
    next.at_ms = cal ? from_ms + more : calendar_add_desk(&calendar, from_ms, more);
    return next;
}

/* ---- events ---- */

struct clock_news {
    const char *topic;
    int64_t at_ms;
    const char *result;
    uint32_t mark;
    bool past; /* a later mark is past too: this one pages nobody */
    bool late;
};

/* The fields by whose value limits differ, for routes and figures. */
static void add_classes(const struct kase *kase, struct values *fields) {
    for (size_t c = 0; c < kase->procedure->n_clocks; c++) {
        for (size_t l = 0; l < kase->procedure->clocks[c]->n_limit; l++) {
            const char *key = kase->procedure->clocks[c]->limit[l]->class_field;
            const char *text = *key ? kase_text(kase, key) : "";
            if (*text && !value_find(fields->list, fields->count, key)) {
                values_add_text(fields, key, text);
            }
        }
    }
}

static int emit(struct work *work, struct kase *kase, const Engine__Running *clock,
                const struct clock_news *what, struct err *err) {
    const bool urgent = what->mark != 0;
    const struct news news = {.lane = urgent ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL,
                              .staff = urgent ? "system" : NULL,
                              .event_ms = what->at_ms};
    const bool stands = clock->ended_ms == 0 && clock->held_ms == 0 && !what->result;
    const struct mark next = stands ? next_mark(kase, clock, what->mark ? what->mark : clock->mark)
                                    : (struct mark){0};
    struct values fields = {.arena = work->call->arena};

    values_add_text(&fields, "procedure", kase->row.procedure);
    values_add_text(&fields, "clock", clock->name);
    values_add_i64(&fields, "round", clock->round);
    values_add_ms(&fields, "due", clock->due_ms);
    values_add_text(&fields, "ladder", clock->ladder);
    if (what->result) {
        values_add_ms(&fields, "ended", what->at_ms);
        values_add_flag(&fields, "late", what->late);
        values_add_text(&fields, "result", what->result);
    } else {
        values_add_text(&fields, "kind", clock->kind);
        values_add_ms(&fields, "from", clock->from_ms);
        values_add_ms(&fields, "held", clock->held_ms);
        values_add_i64(&fields, "next_mark", next.mark);
        values_add_ms(&fields, "next", next.at_ms);
    }
    if (urgent) {
        values_add_i64(&fields, "mark", what->mark);
        values_add_text(&fields, "handler", kase_text(kase, KASE_HANDLER));
        values_add_text(&fields, "dept", kase_person(kase, KASE_DEPT));
        values_add_text(&fields, "unit", kase->row.unit);
        values_add_text(&fields, KASE_OWNER, kase_text(kase, KASE_OWNER));
        values_add_text(&fields, "state", kase->row.state);
        if (what->past) {
            values_add_flag(&fields, "past", true);
        }
    }
    add_classes(kase, &fields);
    return work_emit(work, kase, what->topic, &news, &fields, err);
}

static int set_timer(struct call *call, const Wire__Event *event, const char *name,
                     struct err *err) {
    const int64_t mark = value_i64(event->fields, event->n_fields, "next_mark", 0);

    if (mark == 0) {
        return timer_clear(call, timer_kind, event->case_no, name, err);
    }
    return timer_set(call, timer_kind, event->case_no, name, mark,
                     value_i64(event->fields, event->n_fields, "next", 0), err);
}

int caseclock_apply(struct call *call, struct kase *kase, const Wire__Event *event,
                    struct err *err) {
    Wire__Value *const *fields = event->fields;
    const size_t count = event->n_fields;
    const char *name = value_text(fields, count, "clock");
    const uint32_t round = (uint32_t)value_i64(fields, count, "round", 1);
    Engine__Running *clock = kase_clock(kase, name);

    kase->dirty = true;
    if (text_eq(event->topic, "clock.started")) {
        clock = kase_clock_add(kase, name);
        clock->kind = value_text(fields, count, "kind");
        clock->ladder = value_text(fields, count, "ladder");
    }
    if (!clock) {
        return err_plain(err, ERR_INTERNAL, "%s: no clock %s", event->case_no, name);
    }
    if (text_eq(event->topic, "clock.met") || text_eq(event->topic, "clock.stopped")) {
        clock->ended_ms = value_i64(fields, count, "ended", event->event_ms);
        clock->result = value_text(fields, count, "result");
        return timer_clear(call, timer_kind, event->case_no, name, err);
    }
    if (round != clock->round) {
        clock->round = round;
        clock->mark = 0;
    }
    clock->from_ms = value_i64(fields, count, "from", clock->from_ms);
    clock->due_ms = value_i64(fields, count, "due", clock->due_ms);
    clock->held_ms = value_i64(fields, count, "held", 0);
    clock->mark = (uint32_t)value_i64(fields, count, "mark", clock->mark);
    return set_timer(call, event, name, err);
}

/* ---- what an act does to them ---- */

static int end(struct work *work, struct kase *kase, const Engine__Running *clock, bool met,
               int64_t at_ms, struct err *err) {
    /* Held, it stood still from then on. */
    const int64_t counted = clock->held_ms && clock->held_ms < at_ms ? clock->held_ms : at_ms;
    const bool late = counted > clock->due_ms;
    const struct clock_news what = {
        .topic = met ? "clock.met" : "clock.stopped",
        .at_ms = at_ms,
        .late = late,
        .result = met    ? (late ? "late" : "met")
                  : late ? "overdue"
                         : "stopped",
    };

    return emit(work, kase, clock, &what, err);
}

static int start(struct work *work, struct kase *kase, const Manual__Clock *clock, int64_t at_ms,
                 struct err *err) {
    struct view view = {.work = work, .kase = kase, .at_ms = at_ms, .err = err};
    const Engine__Running *before = kase_clock(kase, clock->name);
    Engine__Running fresh = ENGINE__RUNNING__INIT;

    if (!view_holds(&view, clock->when, clock->n_when)
        || !earliest_due(&view, clock, at_ms, &fresh.due_ms) || view.failed) {
        return view.failed ? -1 : 0;
    }
    fresh.name = clock->name;
    fresh.round = before ? before->round + 1 : 1;
    fresh.kind = *clock->kind ? clock->kind : "cal";
    fresh.ladder = *clock->ladder ? clock->ladder : no_ladder;
    fresh.from_ms = at_ms;
    const struct clock_news what = {.topic = "clock.started", .at_ms = at_ms};
    return emit(work, kase, &fresh, &what, err);
}

/* What is left of a limit when it goes on after having stood still. */
static int64_t moved_due(const struct kase *kase, const Engine__Running *clock, int64_t at_ms) {
    const struct calendar calendar = calendar_of(kase->manual);

    if (clock->held_ms >= clock->due_ms) {
        return clock->due_ms; /* it was over before */
    }
    if (text_eq(clock->kind, "desk")) {
        return calendar_add_desk(&calendar, at_ms,
                                 calendar_desk_between(&calendar, clock->held_ms, clock->due_ms));
    }
    if (!text_eq(clock->kind, "work")) {
        return clock->due_ms + (at_ms - clock->held_ms);
    }
    int64_t days = 0;
    const int64_t last = text_day(clock->due_ms, calendar.offset_min);
    for (int64_t day = text_day(clock->held_ms, calendar.offset_min) + 1; day <= last; day++) {
        days += calendar_is_workday(&calendar, day);
    }
    return days > 0 ? calendar_add_workdays(&calendar, at_ms, days)
                    : calendar_eod(&calendar, at_ms);
}

/* Holds a clock, or lets it go on. */
static int hold(struct work *work, struct kase *kase, const Manual__Clock *clock,
                const Engine__Running *now, int64_t at_ms, struct err *err) {
    struct view view = {.work = work, .kase = kase, .at_ms = at_ms, .err = err};
    const bool stop = named(clock->pause->in, clock->pause->n_in, kase->row.state)
                      && view_holds(&view, clock->pause->when, clock->pause->n_when);
    Engine__Running moved = *now;

    if (view.failed) {
        return -1;
    }
    if (stop == (now->held_ms != 0)) {
        return 0;
    }
    moved.held_ms = stop ? at_ms : 0;
    if (!stop) {
        moved.due_ms = moved_due(kase, now, at_ms);
    }
    const struct clock_news what = {.topic = "clock.moved", .at_ms = at_ms};
    return emit(work, kase, &moved, &what, err);
}

static int one_event(struct work *work, struct kase *kase, const Manual__Clock *clock,
                     const char *event, const struct passed *passed, struct err *err) {
    const Engine__Running *now = kase_clock(kase, clock->name);
    const bool restarts = named(clock->restart, clock->n_restart, event) && running(now);
    const bool starts = named(clock->start, clock->n_start, event);

    if (running(now) && named(clock->until, clock->n_until, event)) {
        if (end(work, kase, now, true, passed->at_ms, err)) {
            return -1;
        }
    } else if (running(now) && (passed->ended || restarts)) {
        if (end(work, kase, now, false, passed->at_ms, err)) {
            return -1;
        }
    }
    if ((restarts && !passed->ended) || (starts && !running(kase_clock(kase, clock->name)))) {
        return start(work, kase, clock, passed->at_ms, err);
    }
    return 0;
}

int caseclock_passed(struct work *work, struct kase *kase, const struct passed *passed,
                     struct err *err) {
    const Manual__Procedure *procedure = kase->procedure;
    const size_t events = *passed->events[1] ? 2 : 1;

    for (size_t e = 0; e < events; e++) {
        for (size_t c = 0; c < procedure->n_clocks; c++) {
            if (one_event(work, kase, procedure->clocks[c], passed->events[e], passed, err)) {
                return -1;
            }
        }
    }
    for (size_t c = 0; c < procedure->n_clocks; c++) {
        const Engine__Running *now = kase_clock(kase, procedure->clocks[c]->name);
        if (procedure->clocks[c]->pause && running(now)
            && hold(work, kase, procedure->clocks[c], now, passed->at_ms, err)) {
            return -1;
        }
    }
    return 0;
}

/* ---- marks that fell due ---- */

static const Manual__Clock *find_clock(const struct kase *kase, const char *name) {
    for (size_t i = 0; i < kase->procedure->n_clocks; i++) {
        if (text_eq(kase->procedure->clocks[i]->name, name)) {
            return kase->procedure->clocks[i];
        }
    }
    return NULL;
}

/* Falls due again and again until it is met. */
static int again(struct work *work, struct kase *kase, const Manual__Clock *clock,
                 const Engine__Running *now, struct err *err) {
    struct view view = {.work = work, .kase = kase, .at_ms = now->due_ms, .err = err};
    Engine__Running next = *now;

    if (!limit_due(&view, clock, clock->every, now->due_ms, &next.due_ms) || view.failed
        || next.due_ms <= now->due_ms) {
        return view.failed ? -1 : 0;
    }
    next.round++;
    next.mark = 0;
    next.from_ms = now->due_ms;
    const struct clock_news what = {.topic = "clock.moved", .at_ms = now->due_ms};
    return emit(work, kase, &next, &what, err);
}

static int fire_at_limit(struct work *work, const struct kase *kase, const Manual__Clock *clock,
                         int64_t at_ms, struct err *err) {
    const struct act act = {.case_no = kase->row.case_no,
                            .name = clock->fire,
                            .asker = {.staff = "system", .system = true},
                            .event_ms = at_ms,
                            .kept_out = true};

    return *clock->fire ? work_later(work, &act, err) : 0;
}

int caseclock_due(struct call *call, const struct due *due, struct err *err) {
    struct work *work = work_begin(call, err);
    struct kase *kase = NULL;

    if (!work || work_case(work, due->ref, &kase, err)) {
        return -1;
    }
    const Engine__Running *now = kase_clock(kase, due->name);
    const Manual__Clock *clock = find_clock(kase, due->name);
    if (!running(now) || now->held_ms != 0 || !clock) {
        return 0;
    }
    const struct mark next = next_mark(kase, now, (uint32_t)due->mark);
    const struct clock_news what = {
        .topic = due->mark == CASECLOCK_WARNED ? "clock.warned"
                 : due->mark == CASECLOCK_DUE  ? "clock.due"
                                               : "clock.over",
        .at_ms = due->due_ms,
        .mark = (uint32_t)due->mark,
        .past = next.mark != 0 && next.at_ms <= call->now_ms,
    };
    if (emit(work, kase, now, &what, err)) {
        return -1;
    }
    if (due->mark == CASECLOCK_DUE
        && ((clock->every && again(work, kase, clock, now, err))
            || fire_at_limit(work, kase, clock, due->due_ms, err) || act_run(work, err))) {
        return -1;
    }
    return work_end(work, err);
}
