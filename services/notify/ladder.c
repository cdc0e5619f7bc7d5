#include "ladder.h"

#include <string.h>

#include "auditor.h"
#include "base/text.h"
#include "core/event.h"
#include "delivery.h"
#include "engine/revision.h"
#include "manual/calendar.h"
#include "recipients.h"

enum {
    OPEN_PAGES_MAX = 64, /* of one case, looked at together */
    FIRST_MARK = 70,     /* the marks of a clock, as the steps of a page that is one step */
    SECOND_MARK = 100,
    THIRD_MARK = 150,
    LAST_WAIT_MS = 5 * 60 * 1000, /* after the only rung, before the page is given up */
};

static const int64_t never_ms = INT64_MAX;
static const char timer_kind[] = "rung";

/* A page with the rules it runs by. */
struct run {
    struct call *call;
    const struct manual *manual;
    const Manual__Ladder *ladder; /* NULL or without rungs: one step, to those asked */
    struct calendar calendar;
    struct page *page;
    size_t rungs; /* at least 1 */
    bool single;  /* nobody comes after those asked: it waits for an answer */
};

static int run_of(struct call *call, struct page *page, struct run *run, struct err *err) {
    struct err gone = {0};
    const struct manual *manual = page->revision ? revision_of(call, page->revision, &gone) : NULL;

    if (!manual && !(manual = revision_current(call, err))) {
        return -1;
    }
    *run = (struct run){.call = call, .manual = manual, .page = page, .rungs = 1};
    run->ladder = *page->ask.ladder ? manual_ladder(manual, page->ask.ladder) : NULL;
    if (run->ladder && run->ladder->n_rung == 0) {
        run->ladder = NULL;
    }
    run->calendar = calendar_of(manual);
    if (run->ladder) {
        run->rungs = run->ladder->n_rung;
    }
    run->single = run->rungs == 1 && !(run->ladder && run->ladder->repeat_ms > 0);
    return 0;
}

/* ---- events ---- */

static struct values event_values(struct call *call, const struct page *page,
                                  const struct page_record *record) {
    struct values values = {.arena = call->arena};

    values_add_text(&values, "page", pages_reference(page->id, call->arena));
    values_add_text(&values, "ladder", page->ask.ladder);
    values_add_text(&values, "route", page->ask.route);
    values_add_i64(&values, "round", page->ask.round);
    if (record) {
        values_add_text(&values, "to", record->staff);
        values_add_text(&values, "channel", record->channel);
        values_add_i64(&values, "step", record->step);
        values_add_i64(&values, "times", record->times);
        values_add_ms(&values, "due", record->due_ms);
        if (*record->stands_for) {
            values_add_text(&values, "stands_for", record->stands_for);
        }
    }
    return values;
}

static int put(struct call *call, const char *topic, const struct page *page,
               const struct values *values, struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;
    Wire__Cause cause = WIRE__CAUSE__INIT;

    if (call->recovering) {
        return 0; /* this very event is being taken back */
    }
    event.topic = topic;
    event.lane = WIRE__LANE__NORMAL;
    event.case_no = page->case_no;
    event.revision = page->revision;
    event.fields = values->list;
    event.n_fields = values->count;
    if (!call->cause) { /* a timer or a job: what made the page is behind it */
        cause.source.data = arena_copy(call->arena, page->cause.source.data,
                                       page->cause.source.size);
        cause.source.len = page->cause.source.size;
        cause.lane = page->cause.lane;
        cause.seq = page->cause.seq;
        cause.epoch = page->cause.epoch;
        event.cause = &cause;
    }
    return event_put(call, &event, err);
}

int ladder_event(struct call *call, const char *topic, const struct page *page,
                 const struct page_record *record, const char *fire, const char *why,
                 struct err *err) {
    struct values values = event_values(call, page, record);

    if (*fire) {
        values_add_text(&values, "fire", fire);
    }
    if (*why) {
        values_add_text(&values, "why", why);
    }
    return put(call, topic, page, &values, err);
}

/* A restored store makes the page anew from this. */
static int tell_opened(struct call *call, const struct page *page, struct err *err) {
    struct values values = event_values(call, page, NULL);
    Wire__Value source = WIRE__VALUE__INIT;

    source.key = "cause_source";
    source.kind_case = WIRE__VALUE__KIND_SEALED; /* bytes, no secret */
    source.sealed.len = page->cause.source.size;
    source.sealed.data = arena_copy(call->arena, page->cause.source.data, page->cause.source.size);
    values_add(&values, &source);
    values_add_i64(&values, "cause_lane", (int64_t)page->cause.lane);
    values_add_i64(&values, "cause_seq", (int64_t)page->cause.seq);
    values_add_i64(&values, "cause_epoch", (int64_t)page->cause.epoch);
    values_add_text(&values, "topic", page->ask.topic);
    values_add_text(&values, "to", page->ask.to);
    values_add_text(&values, "assignee", page->ask.assignee);
    values_add_text(&values, "dept", page->ask.dept);
    values_add_text(&values, "class", page->ask.class_key);
    values_add_text(&values, "text", page->ask.text);
    values_add_text(&values, "procedure", page->ask.procedure);
    values_add_text(&values, "clock", page->ask.clock);
    values_add_text(&values, "unit", page->ask.unit);
    values_add_text(&values, "place", page->ask.place);
    values_add_text(&values, "ack", page->ask.ack);
    values_add_text(&values, "reject", page->ask.reject);
    values_add_i64(&values, "mark", page->ask.mark);
    values_add_flag(&values, "any_hour", page->ask.any_hour);
    values_add_ms(&values, "asked", page->asked_ms);
    values_add_ms(&values, "begun", page->begun_ms);
    return put(call, "page.opened", page, &values, err);
}

static const char *joined(struct arena *arena, const char *list, const char *word) {
    return arena_text(arena, "%s%s%s", list, *list ? ";" : "", word);
}

/* Who was paged by a step when it ran, and who (merged) for a higher one; nobody: it was
 * passed over. */
static int tell_stepped(struct run *run, int64_t step, int64_t shown, int64_t due_ms,
                        const char *to, const char *merged, struct err *err) {
    struct values values = event_values(run->call, run->page, NULL);

    values_add_text(&values, "to", to);
    values_add_text(&values, "merged", merged);
    values_add_i64(&values, "rung", step);
    values_add_i64(&values, "step", shown);
    values_add_ms(&values, "due", due_ms);
    return put(run->call, "page.stepped", run->page, &values, err);
}

/* ---- when ---- */

static bool any_hour(const struct run *run) {
    return run->page->ask.any_hour || (run->ladder && run->ladder->any_hour);
}

static int64_t held(const struct run *run, int64_t ms) {
    return any_hour(run) || ms == never_ms ? ms : calendar_desk_opening(&run->calendar, ms);
}

static const Manual__ClassValue *of_class(const Manual__Rung *rung, const char *class_key) {
    const Manual__ClassValue *rest = NULL;

    for (size_t i = 0; i < rung->n_after; i++) {
        const Manual__ClassValue *value = rung->after[i];
        if (*class_key && text_eq(value->class_, class_key)) {
            return value;
        }
        if (!*value->class_ || text_eq(value->class_, "default")) {
            rest = value;
        }
    }
    return rest;
}

/* never_ms: the ladder has no such step for this class. */
static int64_t due_of(const struct run *run, int64_t step) {
    if (!run->ladder) {
        return held(run, run->page->begun_ms);
    }
    const Manual__ClassValue *after = of_class(run->ladder->rung[step], run->page->ask.class_key);
    if (!after) {
        return run->ladder->rung[step]->n_after ? never_ms : held(run, run->page->begun_ms);
    }
    if (text_eq(after->text, "eod")) {
        return calendar_eod(&run->calendar, run->page->begun_ms); /* closing is not too late */
    }
    if (text_starts(after->text, "next ")) {
        return held(run, calendar_time_of_day(&run->calendar, run->page->begun_ms,
                                              after->text + strlen("next "), 1));
    }
    return held(run, run->page->begun_ms + (after->n_number ? after->number[0] : 0));
}

/* The steps of a page that is one step are the marks of its clock. */
static int64_t shown_step(const struct run *run, int64_t step) {
    int64_t mark = run->page->ask.mark;

    if (!run->single || mark <= FIRST_MARK) {
        return step;
    }
    if (mark <= SECOND_MARK) {
        return 1;
    }
    return mark <= THIRD_MARK ? 2 : 3;
}

static int schedule_at(struct run *run, int64_t due_ms, struct err *err) {
    struct page *page = run->page;
    const char *reference = pages_reference(page->id, run->call->arena);

    page->step_due_ms = due_ms == never_ms ? 0 : due_ms;
    if (pages_save(run->call, page, err)) {
        return -1;
    }
    if (page->step_due_ms == 0) {
        return timer_clear(run->call, timer_kind, reference, "", err);
    }
    return timer_set(run->call, timer_kind, reference, "", page->step, due_ms, err)
                   || auditor_expect(run->call, due_ms, err)
               ? -1
               : 0;
}

static void skip_never(struct run *run) {
    while (run->page->step < (int64_t)run->rungs && due_of(run, run->page->step) == never_ms) {
        run->page->step++;
    }
}

/* How long the people of the last rung have: as long as those before them had. */
static int64_t last_wait(const struct run *run) {
    int64_t last = due_of(run, (int64_t)run->rungs - 1);
    int64_t before = run->rungs > 1 ? due_of(run, (int64_t)run->rungs - 2) : last;

    return last != never_ms && before != never_ms && last > before ? last - before : LAST_WAIT_MS;
}

static int schedule(struct run *run, struct err *err) {
    int64_t now_ms = run->call->now_ms;

    if (run->page->step < (int64_t)run->rungs) {
        return schedule_at(run, due_of(run, run->page->step), err);
    }
    if (run->single) {
        return schedule_at(run, never_ms, err);
    }
    if (run->ladder->repeat_ms > 0) {
        return schedule_at(run, held(run, now_ms + run->ladder->repeat_ms), err);
    }
    return schedule_at(run, now_ms + last_wait(run), err);
}

/* ---- a step ---- */

static int people_of(struct run *run, int64_t step, struct recipients *people, struct err *err) {
    static const char *const asked[] = {"asked"};

    people->count = 0;
    if (!run->ladder) {
        return recipients_find(run->call, run->manual, run->page, asked, 1, people, err);
    }
    const Manual__Rung *rung = run->ladder->rung[step];
    return recipients_find(run->call, run->manual, run->page, (const char *const *)rung->to,
                           rung->n_to, people, err);
}

static bool among(const struct recipients *people, const char *staff) {
    for (size_t i = 0; i < people->count; i++) {
        if (text_eq(people->list[i].staff, staff)) {
            return true;
        }
    }
    return false;
}

/* Pages the people of one step, but those who are paged for a higher one. */
static int send_step(struct run *run, int64_t step, struct recipients *higher, size_t *sent,
                     struct err *err) {
    struct recipients *people = ARENA_NEW(run->call->arena, struct recipients);
    int64_t due_ms = due_of(run, step);
    int64_t shown = shown_step(run, step);
    const char *to = "";
    const char *others = "";

    *sent = 0;
    if (people_of(run, step, people, err)) {
        return -1;
    }
    for (size_t i = 0; i < people->count; i++) {
        const struct recipient *person = &people->list[i];
        bool merged = among(higher, person->staff);
        int done = delivery_page(run->call, run->page, person, shown, due_ms, merged, err);
        if (done < 0) {
            return -1;
        }
        if (done == 0) {
            continue;
        }
        if (merged) {
            others = joined(run->call->arena, others, person->staff);
            continue;
        }
        to = joined(run->call->arena, to, person->staff);
        (*sent)++;
        if (higher->count < PAGES_STAFF_MAX) {
            higher->list[higher->count++] = *person;
        }
    }
    return tell_stepped(run, step, shown, due_ms, to, others, err);
}

/* All steps that are due, the highest first.  *sent: how many people of the highest. */
static int run_due(struct run *run, bool at_once, size_t *sent, struct err *err) {
    struct recipients *higher = ARENA_NEW(run->call->arena, struct recipients);
    int64_t first = run->page->step;
    int64_t last = first - 1;

    while (last + 1 < (int64_t)run->rungs && due_of(run, last + 1) <= run->call->now_ms) {
        last++;
    }
    if (last < first && at_once) {
        last = first;
    }
    run->page->step = last + 1;
    *sent = 0;
    for (int64_t step = last; step >= first; step--) {
        size_t count = 0;
        if (due_of(run, step) == never_ms) {
            continue;
        }
        if (send_step(run, step, higher, &count, err)) {
            return -1;
        }
        if (step == last) {
            *sent = count;
        }
    }
    return 0;
}

/* After the last rung: its people again, or the end. */
static int run_last(struct run *run, struct err *err) {
    if (!run->ladder || run->ladder->repeat_ms <= 0) {
        return ladder_close(run->call, run->page, "exhausted", "", err);
    }
    struct recipients *nobody = ARENA_NEW(run->call->arena, struct recipients);
    size_t sent = 0;
    return send_step(run, (int64_t)run->rungs - 1, nobody, &sent, err) || schedule(run, err) ? -1
                                                                                             : 0;
}

/* Steps until somebody is reached, or there are no more. */
static int climb(struct run *run, bool at_once, struct err *err) {
    size_t sent = 0;

    skip_never(run);
    while (run->page->step < (int64_t)run->rungs) {
        int64_t before = run->page->step;
        if (run_due(run, at_once, &sent, err)) {
            return -1;
        }
        skip_never(run);
        if (sent > 0 || run->page->step == before) {
            return schedule(run, err);
        }
        at_once = true;
    }
    return run->ladder && run->ladder->repeat_ms > 0
               ? schedule(run, err)
               : ladder_close(run->call, run->page, "exhausted", "", err);
}

int ladder_rung(struct call *call, const struct page *page, int64_t step, const Manual__Rung **rung,
                struct err *err) {
    struct page copy = *page;
    struct run run;

    *rung = NULL;
    if (run_of(call, &copy, &run, err)) {
        return -1;
    }
    size_t place = run.single || step < 0 ? 0 : (size_t)step;
    if (run.ladder && place < run.rungs) {
        *rung = run.ladder->rung[place];
    }
    return 0;
}

int ladder_on_rung(struct call *call, const struct due *due, struct err *err) {
    struct page page;
    struct run run;
    int found = pages_get(call, pages_read_reference(due->ref), &page, err);

    if (found != 1) {
        return found;
    }
    if (!text_eq(page.state, "open") || page.step_due_ms == 0) {
        return 0;
    }
    if (run_of(call, &page, &run, err)) {
        return -1;
    }
    return page.step < (int64_t)run.rungs ? climb(&run, false, err) : run_last(&run, err);
}

int ladder_next(struct call *call, struct page *page, struct err *err) {
    struct run run;

    if (!text_eq(page->state, "open")) {
        return 0;
    }
    if (run_of(call, page, &run, err)) {
        return -1;
    }
    if (page->step < (int64_t)run.rungs) {
        return climb(&run, true, err);
    }
    if (run.ladder && run.ladder->repeat_ms > 0) {
        return 0; /* the last ones are called again anyway */
    }
    return ladder_close(call, page, "exhausted", "", err);
}

int ladder_resume(struct call *call, struct page *page, int64_t step, struct err *err) {
    struct run run;

    if (run_of(call, page, &run, err)) {
        return -1;
    }
    page->step = step;
    skip_never(&run);
    return schedule(&run, err);
}

/* Somebody of the highest step may still answer. */
static bool still_open(const struct page_record *record) {
    return !text_eq(record->answer, "rejected")
           && (text_eq(record->state, "accepted") || text_eq(record->state, "sending")
               || text_eq(record->state, "planned"));
}

int ladder_failed(struct call *call, int64_t id, struct err *err) {
    struct page page;
    struct page_record *records = arena_alloc(call->arena,
                                              PAGES_RECORDS_MAX * sizeof(struct page_record));
    int found = pages_get(call, id, &page, err);

    if (found != 1 || !text_eq(page.state, "open")) {
        return found < 0 ? -1 : 0;
    }
    int count = pages_records(call, id, records, err);
    if (count < 0) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (records[i].step == records[count - 1].step && still_open(&records[i])) {
            return 0;
        }
    }
    return ladder_next(call, &page, err);
}

/* ---- the ends ---- */

int ladder_close(struct call *call, struct page *page, const char *state, const char *by,
                 struct err *err) {
    struct page_record *records = arena_alloc(call->arena,
                                              PAGES_RECORDS_MAX * sizeof(struct page_record));

    page->state = state;
    page->ended_ms = call->now_ms;
    page->ended_by = by;
    page->step_due_ms = 0;
    if (pages_save(call, page, err)
        || timer_clear(call, timer_kind, pages_reference(page->id, call->arena), "", err)) {
        return -1;
    }
    int count = pages_records(call, page->id, records, err);
    for (int i = 0; i < count; i++) {
        if (delivery_stop(call, &records[i], err)) {
            return -1;
        }
    }
    if (count < 0) {
        return -1;
    }
    if (text_eq(state, "acknowledged")) {
        return 0; /* the answer tells it, with who and by what */
    }
    const char *topic = text_eq(state, "withdrawn") ? "page.withdrawn" : "page.exhausted";
    return ladder_event(call, topic, page, NULL, "", "", err);
}

static bool same_bytes(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Was the page made before this end? */
static bool made_before(const struct page *page, const struct page_cause *cause, int64_t event_ms) {
    if (same_bytes(page->cause.source, cause->source) && page->cause.lane == cause->lane) {
        return pages_later(&page->cause, cause);
    }
    return page->asked_ms <= event_ms;
}

static int stop(struct call *call, const struct route_page *ask, const struct page_cause *cause,
                const char *case_no, int64_t event_ms, struct err *err) {
    struct page *pages = arena_alloc(call->arena, OPEN_PAGES_MAX * sizeof(struct page));
    int count = *case_no ? pages_of_case(call, case_no, "open", OPEN_PAGES_MAX, pages, err) : 0;

    if (count < 0 || pages_stop_put(call, cause, ask, case_no, event_ms, err)) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (pages_ends(ask->ends, ask->clock, &pages[i]) && made_before(&pages[i], cause, event_ms)
            && ladder_close(call, &pages[i], "withdrawn", "", err)) {
            return -1;
        }
    }
    return 0;
}

/* A later dispatch round ends what the rounds before it still ask. */
static int end_earlier_rounds(struct call *call, const struct page *page, struct err *err) {
    struct page *pages = arena_alloc(call->arena, OPEN_PAGES_MAX * sizeof(struct page));
    int count = *page->case_no && page->ask.round > 0
                    ? pages_of_case(call, page->case_no, "open", OPEN_PAGES_MAX, pages, err)
                    : 0;

    for (int i = 0; i < count; i++) {
        if (pages[i].ask.round < page->ask.round && text_eq(pages[i].ask.route, page->ask.route)
            && text_eq(pages[i].ask.procedure, page->ask.procedure)
            && text_eq(pages[i].ask.clock, page->ask.clock)
            && ladder_close(call, &pages[i], "withdrawn", "", err)) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}

/* ---- the beginning ---- */

static int open_page(struct call *call, struct page *page, struct err *err) {
    struct run run;

    if (run_of(call, page, &run, err)) {
        return -1;
    }
    page->begun_ms = held(&run, page->asked_ms);
    if (end_earlier_rounds(call, page, err) || pages_insert(call, page, err)
        || tell_opened(call, page, err)) {
        return -1;
    }
    int stopped = pages_stopped(call, page, err);
    if (stopped != 0) {
        return stopped < 0 ? -1 : ladder_close(call, page, "withdrawn", "", err);
    }
    skip_never(&run);
    if (page->step < (int64_t)run.rungs && due_of(&run, page->step) > call->now_ms) {
        return schedule(&run, err);
    }
    return climb(&run, false, err);
}

int ladder_ask(struct call *call, const struct route_page *ask, const struct page_cause *cause,
               const char *case_no, int64_t event_ms, uint32_t revision,
               enum ladder_outcome *outcome, struct err *err) {
    struct page page;

    if (ask->stops) {
        *outcome = LADDER_STOPPED;
        return stop(call, ask, cause, case_no, event_ms, err);
    }
    int found = pages_by_cause(call, cause, ask->route, &page, err);
    if (found != 0) {
        *outcome = LADDER_REPEAT;
        return found < 0 ? -1 : 0;
    }
    *outcome = LADDER_OPENED;
    page = (struct page){
        .cause = *cause,
        .ask = *ask,
        .case_no = case_no,
        .revision = revision,
        .state = "open",
        .asked_ms = event_ms,
        .ended_by = "",
    };
    return open_page(call, &page, err);
}
