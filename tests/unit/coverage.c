#include "coverage.h"

#include <inttypes.h>

#include "base/text.h"
#include "harness.h"

enum {
    WAYS_MAX = 4096,
    LAPSES_MAX = 1024,
    PROCEDURES_MAX = 32,
    STATES_MAX = 64,
    PASSES = 12,
    IN_PLACE = 10
};

static const struct manual *manual;
static int64_t goal;
static struct way ways[WAYS_MAX];
static size_t way_count;
static struct lapse lapses[LAPSES_MAX];
static size_t lapse_count;
static double worth[PROCEDURES_MAX][STATES_MAX];
/* The ways, and the lapses, of the n-th procedure begin here. */
static size_t first_way[PROCEDURES_MAX + 1], first_lapse[PROCEDURES_MAX + 1];

/* ---- the tables ---- */

static size_t procedure_place(const Manual__Procedure *procedure) {
    const Manual__Procedure *const *list = NULL;
    const size_t count = manual_procedures(manual, &list);

    for (size_t i = 0; i < count; i++) {
        if (list[i] == procedure) {
            return i;
        }
    }
    CHECK(!"a procedure of the manual");
    return 0;
}

static size_t state_place(const Manual__Procedure *procedure, const char *state) {
    for (size_t i = 0; i < procedure->n_states && i < STATES_MAX; i++) {
        if (text_eq(procedure->states[i]->key, state)) {
            return i;
        }
    }
    return STATES_MAX;
}

static struct way *add_way(const Manual__Procedure *procedure, const char *event, const char *from,
                           const char *to) {
    for (size_t i = first_way[procedure_place(procedure)]; i < way_count; i++) {
        if (text_eq(ways[i].event, event) && text_eq(ways[i].from, from)
            && text_eq(ways[i].to, to)) {
            return &ways[i];
        }
    }
    CHECK(way_count < WAYS_MAX);
    ways[way_count] = (struct way){.procedure = procedure, .event = event, .from = from, .to = to};
    return &ways[way_count++];
}

static bool for_people(const Manual__Step *step) {
    for (size_t i = 0; i < step->n_who; i++) {
        if (!text_eq(step->who[i], "system") && !text_eq(step->who[i], "child")) {
            return true;
        }
    }
    return false;
}

static void add_steps(const Manual__Procedure *procedure) {
    const Manual__Start *start = procedure->start;

    if (start) {
        (void)add_way(procedure, "open", "", start->staff);
        if (*start->other) {
            (void)add_way(procedure, "open", "", start->other);
        }
        for (size_t i = 0; i < start->n_alternatives; i++) {
            (void)add_way(procedure, "open", "", start->alternatives[i]->to);
        }
    }
    for (size_t s = 0; s < procedure->n_steps; s++) {
        const Manual__Step *step = procedure->steps[s];
        for (size_t f = 0; f < step->n_from; f++) {
            struct way *way = add_way(procedure, step->event, step->from[f],
                                      *step->to ? step->to : step->from[f]);
            if (way->step_count < WAY_STEPS_MAX) {
                way->steps[way->step_count++] = step;
            }
            way->people = way->people || for_people(step);
        }
    }
}

static void add_clocks(const Manual__Procedure *procedure) {
    static const char *const whats[] = {"met", "late", "stopped", "overdue",
                                        "70",  "100",  "150",     "200"};

    for (size_t c = 0; c < procedure->n_clocks; c++) {
        const Manual__Clock *clock = procedure->clocks[c];
        const bool silent = text_eq(clock->ladder, "none") || !*clock->ladder;
        for (size_t w = 0; w < sizeof whats / sizeof whats[0]; w++) {
            if (silent && *whats[w] <= '9' && !text_eq(whats[w], "100")) {
                continue; /* nobody is paged: only the limit is a mark */
            }
            CHECK(lapse_count < LAPSES_MAX);
            struct lapse *lapse = &lapses[lapse_count++];
            *lapse = (struct lapse){.procedure = procedure, .clock = clock};
            (void)snprintf(lapse->what, sizeof lapse->what, "%s", whats[w]);
        }
        for (size_t w = first_way[procedure_place(procedure)]; *clock->fire && w < way_count; w++) {
            ways[w].timed = ways[w].timed || text_eq(ways[w].event, clock->fire);
        }
    }
}

void coverage_start(const struct manual *of, int64_t times) {
    const Manual__Procedure *const *list = NULL;

    manual = of;
    goal = times;
    way_count = lapse_count = 0;
    const size_t count = manual_procedures(manual, &list);
    CHECK(count < PROCEDURES_MAX);
    for (size_t i = 0; i < count; i++) {
        first_way[i] = way_count;
        first_lapse[i] = lapse_count;
        add_steps(list[i]);
        add_clocks(list[i]);
    }
    first_way[count] = way_count;
    first_lapse[count] = lapse_count;
    coverage_value();
}

/* ---- counting ---- */

static const char *text_at(const Wire__Event *event, size_t place) {
    return place < event->n_fields && event->fields[place]->kind_case == WIRE__VALUE__KIND_TEXT
               ? event->fields[place]->text
               : "";
}

static struct lapse *lapse_of(const char *key, const char *clock, const char *what) {
    const Manual__Procedure *procedure = manual_procedure(manual, key);
    const size_t place = procedure ? procedure_place(procedure) : 0;

    for (size_t i = first_lapse[place]; procedure && i < first_lapse[place + 1]; i++) {
        if (lapses[i].what[0] == what[0] && text_eq(lapses[i].what, what)
            && text_eq(lapses[i].clock->name, clock)) {
            return &lapses[i];
        }
    }
    return NULL;
}

static void count_clock(const Wire__Event *event) {
    const char *result = value_text(event->fields, event->n_fields, "result");
    const int64_t mark = value_i64(event->fields, event->n_fields, "mark", 0);
    char number[12];

    (void)snprintf(number, sizeof number, "%" PRId64, mark);
    struct lapse *lapse = lapse_of(value_text(event->fields, event->n_fields, "procedure"),
                                   value_text(event->fields, event->n_fields, "clock"),
                                   *result ? result : number);
    CHECK(lapse || (!*result && mark == 0));
    if (lapse) {
        lapse->times++;
    }
}

static struct way *way_of(const Manual__Procedure *procedure, const char *event, const char *from,
                          const char *to) {
    const size_t place = procedure_place(procedure);
    struct way *back = NULL;

    for (size_t i = first_way[place]; i < first_way[place + 1]; i++) {
        struct way *way = &ways[i];
        if (!text_eq(way->event, event) || !text_eq(way->from, from)) {
            continue;
        }
        if (text_eq(way->to, to)) {
            return way;
        }
        back = text_eq(way->to, "@before") ? way : back;
    }
    return back;
}

void coverage_event(const Wire__Event *event) {
    const size_t length = strcspn(event->topic, ".");
    char key[64];

    if (text_starts(event->topic, "clock.")) {
        count_clock(event);
        return;
    }
    (void)snprintf(key, sizeof key, "%.*s", (int)length, event->topic);
    const Manual__Procedure *procedure = manual_procedure(manual, key);
    if (!procedure || !event->topic[length]) {
        return;
    }
    const char *name = event->topic + length + 1;
    const bool opens = text_eq(name, "open");
    struct way *way = way_of(procedure, name, opens ? "" : text_at(event, 0), text_at(event, 1));
    CHECK(way); /* nothing happens that the manual does not have */
    way->times++;
}

/* ---- what is worth what ---- */

double coverage_chance(const struct way *way) {
    return ((double)way->done + 1) / ((double)way->tried + 1.5);
}

/* What leaves the case where it is may be done in every state: a part of the goal in each. */
static int64_t goal_of(const struct way *way) {
    return text_eq(way->from, way->to) ? (goal + IN_PLACE - 1) / IN_PLACE : goal;
}

static double wanting(const struct way *way) {
    const int64_t mine = goal_of(way);

    return way->times >= mine ? 0 : (double)(mine - way->times) / (double)mine;
}

bool coverage_wanting(const struct way *way) {
    return way->times < goal_of(way);
}

double coverage_lack(const Manual__Procedure *procedure) {
    const size_t place = procedure_place(procedure);
    double lack = 0;

    for (size_t i = first_way[place]; i < first_way[place + 1]; i++) {
        lack += wanting(&ways[i]) * (ways[i].tried < 20 ? 1 : coverage_chance(&ways[i]));
    }
    return lack;
}

double coverage_wants(const char *procedure, const char *clock, const char *what) {
    const struct lapse *lapse = lapse_of(procedure, clock, what);

    return lapse && lapse->times < goal ? 1 - (double)lapse->times / (double)goal : 0;
}

static bool among(const char *const *list, size_t count, const char *one) {
    for (size_t i = 0; i < count; i++) {
        if (text_eq(list[i], one)) {
            return true;
        }
    }
    return false;
}

static bool is_end(const Manual__Procedure *procedure, const char *state) {
    const Manual__State *found = manual_state(procedure, state);

    return found && found->end;
}

/* What the clocks of its procedure still want of this way. */
static double clock_gain(const struct way *way) {
    const Manual__Procedure *procedure = way->procedure;
    double gain = 0;

    for (size_t c = 0; c < procedure->n_clocks; c++) {
        const Manual__Clock *clock = procedure->clocks[c];
        const char *p = procedure->key;
        const double met = coverage_wants(p, clock->name, "met")
                           + coverage_wants(p, clock->name, "late");
        const double cut = coverage_wants(p, clock->name, "stopped")
                           + coverage_wants(p, clock->name, "overdue");
        const bool until = among(clock->until, clock->n_until, way->event);
        if (until) {
            gain += 0.3 * met;
        } else if (is_end(procedure, way->to)
                   || among(clock->restart, clock->n_restart, way->event)) {
            gain += 0.2 * cut;
        }
        if (among(clock->start, clock->n_start, way->event)) {
            gain += 0.2 * (met + cut);
        }
    }
    return gain;
}

/* The most that is wanting of an event in any case but this procedure's. */
static double event_gain(const char *event) {
    double most = 0;

    for (size_t i = 0; i < way_count; i++) {
        const double one = text_eq(ways[i].event, event) && ways[i].step_count > 0
                               ? wanting(&ways[i]) / (1 + 0.01 * (double)ways[i].tried)
                               : 0;
        most = one > most ? one : most;
    }
    return most;
}

/* What the operations of a step bring in other cases. */
static double op_gain(Manual__Op *const *ops, size_t count) {
    double gain = 0;

    for (size_t i = 0; i < count; i++) {
        const Manual__Op *op = ops[i];
        if (op->kind == MANUAL__OP__KIND__FIRE) {
            gain += 0.5 * event_gain(op->target);
        } else if (op->kind == MANUAL__OP__KIND__OPEN) {
            const Manual__Procedure *child = manual_procedure(manual, op->target);
            const double value = child && child->start ? coverage_worth(child, child->start->staff)
                                                       : 0;
            gain += 0.3 * (value > 2 ? 2 : value);
        }
    }
    return gain;
}

double coverage_worth(const Manual__Procedure *procedure, const char *state) {
    const size_t place = state_place(procedure, state);

    return place < STATES_MAX ? worth[procedure_place(procedure)][place] : 0;
}

double coverage_score(const struct way *way) {
    const bool back = text_eq(way->to, "@before");

    return coverage_chance(way)
           * (way->gain + (back ? 0.5 : 0.85 * coverage_worth(way->procedure, way->to)));
}

static void value_state(size_t place, const Manual__Procedure *procedure, size_t s) {
    double best = 0, here = 0;

    for (size_t i = first_way[place]; i < first_way[place + 1]; i++) {
        const struct way *way = &ways[i];
        if (!text_eq(way->from, procedure->states[s]->key)) {
            continue;
        }
        if (text_eq(way->to, way->from)) {
            here += coverage_chance(way) * wanting(way);
        } else if (way->people || way->timed) {
            const double one = (way->people ? 1.0 : 0.5) * coverage_score(way);
            best = one > best ? one : best;
        }
    }
    worth[place][s] = best + 0.5 * here;
}

void coverage_value(void) {
    const Manual__Procedure *const *list = NULL;
    const size_t count = manual_procedures(manual, &list);

    for (size_t i = 0; i < way_count; i++) {
        ways[i].gain = wanting(&ways[i]) + clock_gain(&ways[i]);
        for (size_t s = 0; s < ways[i].step_count; s++) {
            ways[i].gain += op_gain(ways[i].steps[s]->do_, ways[i].steps[s]->n_do_)
                            / (double)ways[i].step_count;
        }
    }
    for (int pass = 0; pass < PASSES; pass++) {
        for (size_t p = 0; p < count; p++) {
            for (size_t s = 0; s < list[p]->n_states && s < STATES_MAX; s++) {
                value_state(p, list[p], s);
            }
        }
    }
}

size_t coverage_ways(const Manual__Procedure *procedure, const char *from, size_t max,
                     struct way **out) {
    const size_t place = procedure_place(procedure);
    size_t count = 0;

    for (size_t i = first_way[place]; i < first_way[place + 1] && count < max; i++) {
        if (text_eq(ways[i].from, from)) {
            out[count++] = &ways[i];
        }
    }
    return count;
}

/* ---- the report ---- */

struct line {
    char name[160];
    int64_t times, goal;
    const struct way *way;
};
static struct line lines[WAYS_MAX + LAPSES_MAX];

static int by_times(const void *a, const void *b) {
    const struct line *one = a, *other = b;

    return one->times != other->times ? (one->times < other->times ? -1 : 1)
                                      : strcmp(one->name, other->name);
}

static size_t fill_lines(void) {
    size_t count = 0;

    for (size_t i = 0; i < way_count; i++) {
        struct line *line = &lines[count++];
        (void)snprintf(line->name, sizeof line->name, "%s.%s %s>%s", ways[i].procedure->key,
                       ways[i].event, ways[i].from, ways[i].to);
        line->times = ways[i].times;
        line->goal = goal_of(&ways[i]);
        line->way = &ways[i];
    }
    for (size_t i = 0; i < lapse_count; i++) {
        struct line *line = &lines[count++];
        (void)snprintf(line->name, sizeof line->name, "clock %s.%s %s", lapses[i].procedure->key,
                       lapses[i].clock->name, lapses[i].what);
        line->times = lapses[i].times;
        line->goal = goal;
        line->way = NULL;
    }
    return count;
}

static const char *why_not(const struct unreachable *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(list[i].name);
        if (length > 0 && list[i].name[length - 1] == '*'
                ? strncmp(list[i].name, name, length - 1) == 0
                : strcmp(list[i].name, name) == 0) {
            return list[i].why;
        }
    }
    return NULL;
}

bool coverage_complete(const struct unreachable *list, size_t count) {
    const size_t all = fill_lines();

    for (size_t i = 0; i < all; i++) {
        if (lines[i].times < lines[i].goal && !why_not(list, count, lines[i].name)) {
            return false;
        }
    }
    return true;
}

size_t coverage_report(const struct unreachable *list, size_t count, bool all) {
    const size_t total = fill_lines();
    size_t short_of = 0, enough = 0, excused = 0, full = 0;

    qsort(lines, total, sizeof lines[0], by_times);
    for (size_t i = 0; i < total; i++) {
        const struct line *line = &lines[i];
        const char *why = why_not(list, count, line->name);
        const bool bad = line->times < line->goal && !why;
        short_of += bad;
        enough += line->times >= line->goal;
        full += line->times >= goal;
        excused += line->times < line->goal && why;
        if (all || bad) {
            (void)printf("# %7" PRId64 "  %s", line->times, line->name);
            if (line->way && bad) {
                (void)printf("  (tried %" PRId64 ", %s)", line->way->tried, line->way->refused);
            }
            (void)printf("%s%s\n", why && line->times < line->goal ? "  - " : "",
                         why && line->times < line->goal ? why : "");
        }
    }
    (void)printf("# total: %zu ways, results and marks; %zu at their goal (%" PRId64
                 "; in place %" PRId64 " in each state), %zu of all at least %" PRId64
                 " times; %zu not reachable here, %zu short\n",
                 total, enough, goal, (goal + IN_PLACE - 1) / IN_PLACE, full, goal, excused,
                 short_of);
    return short_of;
}
