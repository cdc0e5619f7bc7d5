#include "coverage.h"

#include <inttypes.h>

#include "base/text.h"
#include "harness.h"

enum { WAYS_MAX = 4096, LAPSES_MAX = 1024, IN_PLACE = 10, LEAST_SHOWN = 12 };

static const int64_t often_ms = INT64_C(12) * 3600 * 1000;

static const struct manual *manual;
static int64_t goal;
static struct way ways[WAYS_MAX];
static size_t way_count;
static struct lapse lapses[LAPSES_MAX];
static size_t lapse_count;
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

size_t coverage_state(const Manual__Procedure *procedure, const char *state) {
    for (size_t i = 0; i < procedure->n_states && i < STATES_MAX; i++) {
        if (text_eq(procedure->states[i]->key, state)) {
            return i;
        }
    }
    return STATES_MAX;
}

bool coverage_is_end(const Manual__Procedure *procedure, const char *state) {
    const Manual__State *found = manual_state(procedure, state);

    return found && found->end;
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
    ways[way_count] = (struct way){.procedure = procedure,
                                   .event = event,
                                   .from = from,
                                   .to = to,
                                   .from_place = coverage_state(procedure, from),
                                   .to_place = coverage_state(procedure, to)};
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

static bool people_open(const Manual__Start *start) {
    bool open = start->n_who == 0;

    for (size_t i = 0; i < start->n_who; i++) {
        open = open || (!text_eq(start->who[i], "system") && !text_eq(start->who[i], "child"));
    }
    return open;
}

static void add_steps(const Manual__Procedure *procedure) {
    const Manual__Start *start = procedure->start;

    if (start) {
        add_way(procedure, "open", "", start->staff)->people = people_open(start);
        if (*start->other) {
            add_way(procedure, "open", "", start->other)->people = people_open(start);
        }
        for (size_t i = 0; i < start->n_alternatives; i++) {
            add_way(procedure, "open", "", start->alternatives[i]->to)->people = people_open(start);
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

static bool starts(const Manual__Clock *clock, const char *event) {
    for (size_t i = 0; i < clock->n_start; i++) {
        if (text_eq(clock->start[i], event)) {
            return true;
        }
    }
    return false;
}

/* Falls due again and again, more than once a day. */
static bool is_often(const Manual__Clock *clock) {
    int64_t every = clock->every ? clock->every->amount : 0;

    if (clock->every && *clock->every->parameter) {
        (void)manual_number(manual, clock->every->parameter, NULL, &every);
    }
    return every != 0 && every < often_ms;
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
            *lapse = (struct lapse){.procedure = procedure, .clock = clock, .tally.goal = goal};
            (void)snprintf(lapse->what, sizeof lapse->what, "%s", whats[w]);
        }
        for (size_t w = first_way[procedure_place(procedure)]; w < way_count; w++) {
            if (*clock->fire && text_eq(ways[w].event, clock->fire)) {
                ways[w].timed = clock;
            }
            ways[w].rings = ways[w].rings || (is_often(clock) && starts(clock, ways[w].event));
        }
    }
}

/* What a step fires: at this case, its parent, its newest child, or each child. */
static void add_caused(Manual__Op *const *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *event = ops[i]->kind == MANUAL__OP__KIND__FIRE   ? ops[i]->target
                            : ops[i]->kind == MANUAL__OP__KIND__EACH ? ops[i]->each_fire
                                                                     : "";
        for (size_t w = 0; *event && w < way_count; w++) {
            ways[w].caused = ways[w].caused || text_eq(ways[w].event, event);
        }
    }
}

static void add_causes(const Manual__Procedure *procedure) {
    for (size_t i = 0; procedure->start && i < 1; i++) {
        add_caused(procedure->start->do_, procedure->start->n_do_);
    }
    for (size_t i = 0; i < procedure->n_steps; i++) {
        add_caused(procedure->steps[i]->do_, procedure->steps[i]->n_do_);
    }
    for (size_t i = 0; procedure->matter && i < procedure->matter->n_contact; i++) {
        for (size_t w = first_way[procedure_place(procedure)]; w < way_count; w++) {
            ways[w].caused = ways[w].caused
                             || (ways[w].procedure == procedure
                                 && text_eq(ways[w].event, procedure->matter->contact[i]->event));
        }
    }
}

/* What leaves the case where it is the manual writes once, "from any", and the compiler
 * for each state: it is one step that is taken as often as any other, and in each state a
 * tenth of that at least. */
static void set_goals(void) {
    for (size_t i = 0; i < way_count; i++) {
        int64_t states = 0;
        for (size_t k = 0; k < way_count; k++) {
            states += ways[k].procedure == ways[i].procedure && text_eq(ways[k].from, ways[k].to)
                      && text_eq(ways[k].event, ways[i].event);
        }
        const int64_t share = states > 0 ? (goal + states - 1) / states : goal;
        const int64_t least = (goal + IN_PLACE - 1) / IN_PLACE;
        ways[i].tally.goal = !text_eq(ways[i].from, ways[i].to) ? goal
                             : share > least                    ? share
                                                                : least;
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
        CHECK(list[i]->n_states <= STATES_MAX);
        add_steps(list[i]);
        add_clocks(list[i]);
    }
    first_way[count] = way_count;
    first_lapse[count] = lapse_count;
    for (size_t i = 0; i < count; i++) {
        add_causes(list[i]);
    }
    set_goals();
}

struct way *coverage_all_ways(size_t *count) {
    *count = way_count;
    return ways;
}

struct lapse *coverage_all_lapses(size_t *count) {
    *count = lapse_count;
    return lapses;
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
        lapse->tally.times++;
    }
}

struct way *coverage_way(const Manual__Procedure *procedure, const char *event, const char *from,
                         const char *to) {
    const size_t place = procedure_place(procedure);
    struct way *back = NULL;

    for (size_t i = first_way[place]; i < first_way[place + 1]; i++) {
        struct way *way = &ways[i];
        if (!text_eq(way->event, event) || !text_eq(way->from, from)) {
            continue;
        }
        if (!to || text_eq(way->to, to)) {
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
    struct way *way = coverage_way(procedure, name, opens ? "" : text_at(event, 0),
                                   text_at(event, 1));
    CHECK(way); /* nothing happens that the manual does not have */
    way->tally.times++;
}

double coverage_chance(const struct way *way) {
    return ((double)way->done + 1) / ((double)way->tried + 1.5);
}

double coverage_wanting(const struct tally *tally) {
    return tally->times >= tally->goal ? 0
                                       : (double)(tally->goal - tally->times) / (double)tally->goal;
}

size_t coverage_ways(const Manual__Procedure *procedure, const char *from, size_t max,
                     struct way **out) {
    const size_t place = procedure_place(procedure);
    size_t count = 0;

    for (size_t i = first_way[place]; i < first_way[place + 1] && count < max; i++) {
        if (!from || text_eq(ways[i].from, from)) {
            out[count++] = &ways[i];
        }
    }
    return count;
}

/* ---- the report ---- */

struct line {
    char name[160];
    struct tally *tally;
    const struct way *way;
};
static struct line lines[WAYS_MAX + LAPSES_MAX];

static int by_times(const void *a, const void *b) {
    const struct line *one = a, *other = b;

    return one->tally->times != other->tally->times
               ? (one->tally->times < other->tally->times ? -1 : 1)
               : strcmp(one->name, other->name);
}

static size_t fill_lines(void) {
    size_t count = 0;

    for (size_t i = 0; i < way_count; i++) {
        struct line *line = &lines[count++];
        (void)snprintf(line->name, sizeof line->name, "%s.%s %s>%s", ways[i].procedure->key,
                       ways[i].event, ways[i].from, ways[i].to);
        line->tally = &ways[i].tally;
        line->way = &ways[i];
    }
    for (size_t i = 0; i < lapse_count; i++) {
        struct line *line = &lines[count++];
        (void)snprintf(line->name, sizeof line->name, "clock %s.%s %s", lapses[i].procedure->key,
                       lapses[i].clock->name, lapses[i].what);
        line->tally = &lapses[i].tally;
        line->way = NULL;
    }
    return count;
}

void coverage_excuse(const struct unreachable *list, size_t count) {
    const size_t all = fill_lines();

    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        for (; found < all && strcmp(lines[found].name, list[i].name) != 0; found++) {
        }
        if (found == all) {
            (void)fprintf(stderr, "# excused, but not in the manual: %s\n", list[i].name);
        }
        CHECK(found < all);
        lines[found].tally->excuse = list[i].why;
    }
}

const struct lapse *coverage_lapse(const char *name) {
    (void)fill_lines();
    for (size_t i = 0; i < lapse_count; i++) {
        if (strcmp(lines[way_count + i].name, name) == 0) {
            return &lapses[i];
        }
    }
    return NULL;
}

static bool is_short(const struct tally *tally) {
    return tally->times < tally->goal && !tally->excuse;
}

size_t coverage_short(void) {
    size_t count = 0;

    for (size_t i = 0; i < way_count; i++) {
        count += is_short(&ways[i].tally);
    }
    for (size_t i = 0; i < lapse_count; i++) {
        count += is_short(&lapses[i].tally);
    }
    return count;
}

static bool wants(const struct tally *tally, const Manual__Procedure *procedure,
                  const char *service, bool calm) {
    return is_short(tally) && text_eq(procedure->owner, service)
           && !(calm ? tally->near : tally->far);
}

bool coverage_wants_world(const char *service, bool calm) {
    for (size_t i = 0; i < way_count; i++) {
        if (wants(&ways[i].tally, ways[i].procedure, service, calm)) {
            return true;
        }
    }
    for (size_t i = 0; i < lapse_count; i++) {
        if (wants(&lapses[i].tally, lapses[i].procedure, service, calm)) {
            return true;
        }
    }
    return false;
}

size_t coverage_excused_but_met(void) {
    const size_t all = fill_lines();
    size_t count = 0;

    for (size_t i = 0; i < all; i++) {
        count += lines[i].tally->excuse && lines[i].tally->times > 0;
    }
    return count;
}

static void print_line(const struct line *line) {
    const struct tally *tally = line->tally;

    (void)printf("# %7" PRId64 "  %s", tally->times, line->name);
    if (is_short(tally)) {
        (void)printf("  - of %" PRId64 "; set out for %" PRId64 " times, missed %" PRId64,
                     tally->goal, tally->aims, tally->misses);
        if (line->way) {
            (void)printf(", tried %" PRId64 ", done %" PRId64 ", %s", line->way->tried,
                         line->way->done, line->way->refused);
        }
    }
    (void)printf("%s%s\n", tally->excuse ? "  - " : "", tally->excuse ? tally->excuse : "");
}

size_t coverage_report(bool all) {
    const size_t total = fill_lines(), bad = coverage_short();
    size_t excused = 0, full = 0, shown = 0;

    qsort(lines, total, sizeof lines[0], by_times);
    for (size_t i = 0; i < total; i++) {
        const struct tally *tally = lines[i].tally;
        const bool least = !tally->excuse && shown < LEAST_SHOWN;
        full += tally->times >= goal;
        excused += tally->excuse != NULL;
        shown += least;
        if (all || least || is_short(tally) || (tally->excuse && tally->times > 0)) {
            print_line(&lines[i]);
        }
    }
    (void)printf("# total: %zu ways, results and marks; %zu at their goal (%" PRId64
                 "; in place that in all states, %" PRId64 " in each), %zu at least %" PRId64
                 " times; %zu cannot be met, %zu short\n",
                 total, total - excused - bad, goal, (goal + IN_PLACE - 1) / IN_PLACE, full, goal,
                 excused, bad);
    return bad;
}
