#include "engine/route.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "manual/calendar.h"
#include "manual/condition.h"

enum { HOUR_MS = 60 * 60 * 1000, DAY_HOURS = 24, MINUTE_MS = 60 * 1000 };

/* ---- what a condition of a rule asks about ---- */

struct asked {
    const struct manual *manual;
    const Wire__Event *event;
    Wire__Value made; /* for the subjects that are no field */
};

static const Wire__Value *made_text(struct asked *asked, const char *text) {
    wire__value__init(&asked->made);
    asked->made.kind_case = WIRE__VALUE__KIND_TEXT;
    asked->made.text = text;
    return &asked->made;
}

static const Wire__Value *made_hour(struct asked *asked) {
    struct calendar calendar = calendar_of(asked->manual);
    int64_t local_ms = asked->event->event_ms + (int64_t)calendar.offset_min * MINUTE_MS;
    int64_t hour = local_ms / HOUR_MS % DAY_HOURS;

    wire__value__init(&asked->made);
    asked->made.kind_case = WIRE__VALUE__KIND_INTEGER;
    asked->made.integer = hour < 0 ? hour + DAY_HOURS : hour;
    return &asked->made;
}

static const Wire__Value *made_desk_open(struct asked *asked) {
    struct calendar calendar = calendar_of(asked->manual);

    wire__value__init(&asked->made);
    asked->made.kind_case = WIRE__VALUE__KIND_FLAG;
    asked->made.flag = calendar_desk_open(&calendar, asked->event->event_ms);
    return &asked->made;
}

static const Wire__Value *subject(void *arg, const char *name) {
    struct asked *asked = arg;
    const Wire__Event *event = asked->event;
    const Wire__Value *field = value_find(event->fields, event->n_fields, name);

    if (field) {
        return field;
    }
    if (text_eq(name, "topic")) {
        return made_text(asked, event->topic);
    }
    if (text_eq(name, "hour")) {
        return made_hour(asked);
    }
    if (text_eq(name, "desk_open")) {
        return made_desk_open(asked);
    }
    return NULL;
}

static bool fires(const struct manual *manual, const Manual__Route *route,
                  const Wire__Event *event) {
    struct asked asked = {.manual = manual, .event = event};
    struct subjects subjects = {
        .find = subject,
        .arg = &asked,
        .actor = event->actor,
        .now_ms = event->event_ms,
        .manual = manual,
    };

    /* A mark that was behind a later one when it was written down is recorded, but pages
     * nobody: the later one does. */
    if (text_starts(event->topic, "clock.") && value_flag(event->fields, event->n_fields, "past")) {
        return false;
    }
    return text_match(route->event, event->topic)
           && condition_holds(route->when, route->n_when, &subjects);
}

/* ---- what the rule makes of the event ---- */

static const char *field_text(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static int64_t field_i64(const Wire__Event *event, const char *key) {
    return value_i64(event->fields, event->n_fields, key, 0);
}

static const char *first_of(const char *a, const char *b, const char *c) {
    const char *rest = *b ? b : c;

    return *a ? a : rest;
}

/* "$field" is the field's text; anything else is meant as it stands. */
static const char *resolved(const Wire__Event *event, const char *word) {
    return word[0] == '$' ? field_text(event, word + 1) : word;
}

static const char *joined(const char *list, const char *word, struct arena *arena) {
    if (!*word) {
        return list;
    }
    return *list ? arena_text(arena, "%s;%s", list, word) : word;
}

static const char *targets(const Manual__Route *route, const Wire__Event *event,
                           struct arena *arena) {
    const char *list = "";

    for (size_t i = 0; i < route->n_to; i++) {
        list = joined(list, resolved(event, route->to[i]), arena);
    }
    return list;
}

static const char *ends(const Manual__Route *route, struct arena *arena) {
    const char *list = "";

    for (size_t i = 0; i < route->n_ends; i++) {
        list = joined(list, route->ends[i], arena);
    }
    return list;
}

/* A ladder is named, or a parameter names it by class. */
static const char *ladder_key(const struct manual *manual, const char *name,
                              const char *class_key) {
    if (!*name || manual_ladder(manual, name)) {
        return name;
    }
    const char *by_class = manual_param_text(manual, name, class_key);
    return by_class ? by_class : name;
}

static bool has_class(const Manual__Ladder *ladder, const char *class_key) {
    for (size_t i = 0; i < ladder->n_any_hour_class; i++) {
        if (*class_key && text_eq(ladder->any_hour_class[i], class_key)) {
            return true;
        }
    }
    return false;
}

/* A ladder names urgencies, grades, classes and procedures for which it runs at any hour. */
static bool any_hour(const struct manual *manual, const char *name, const Wire__Event *event) {
    const Manual__Ladder *ladder = manual_ladder(manual, name);

    return ladder
           && (ladder->any_hour || has_class(ladder, field_text(event, "urgency"))
               || has_class(ladder, field_text(event, "grade"))
               || has_class(ladder, field_text(event, "class"))
               || has_class(ladder, field_text(event, "procedure")));
}

static const char *sentence(const Manual__Route *route, const Wire__Event *event) {
    const char *own = field_text(event, "text");

    if (*own || !route->text || !route->text->zh) {
        return own;
    }
    return route->text->zh;
}

static struct route_page page_of(const struct manual *manual, const Manual__Route *route,
                                 const Wire__Event *event, struct arena *arena) {
    const char *class_key = first_of(field_text(event, "class"), field_text(event, "urgency"),
                                     field_text(event, "grade"));
    const char *ladder = ladder_key(manual, resolved(event, route->ladder), class_key);

    return (struct route_page){
        .route = route->key,
        .stops = route->stops,
        .ends = ends(route, arena),
        .topic = event->topic,
        .to = targets(route, event, arena),
        .assignee = first_of(field_text(event, "assignee"), field_text(event, "handler"), ""),
        .dept = field_text(event, "dept"),
        .ladder = ladder,
        .class_key = class_key,
        .text = sentence(route, event),
        .procedure = field_text(event, "procedure"),
        .clock = field_text(event, "clock"),
        .unit = field_text(event, "unit"),
        .place = field_text(event, "place"),
        .ack = field_text(event, "ack"),
        .reject = field_text(event, "reject"),
        .round = field_i64(event, "round"),
        .mark = field_i64(event, "mark"),
        .any_hour = any_hour(manual, ladder, event),
    };
}

size_t route_event(const struct manual *manual, const Wire__Event *event,
                   struct route_page pages[ROUTE_PAGES_MAX], struct arena *arena) {
    const Manual__Routes *routes = manual_routes(manual);
    size_t count = 0;

    if (!routes || text_eq(event->topic, ROUTE_TOPIC)) {
        return 0; /* a page request makes no page request: no loop */
    }
    for (size_t i = 0; i < routes->n_route && count < ROUTE_PAGES_MAX; i++) {
        if (fires(manual, routes->route[i], event)) {
            pages[count++] = page_of(manual, routes->route[i], event, arena);
        }
    }
    return count;
}

/* ---- as an event, and back ---- */

static void add_text(struct values *values, const char *key, const char *text) {
    if (*text) {
        values_add_text(values, key, text);
    }
}

Wire__Event *route_requested(const struct route_page *page, const Wire__Event *cause,
                             struct arena *arena) {
    Wire__Event *event = ARENA_NEW(arena, Wire__Event);
    struct values values = {.arena = arena};

    wire__event__init(event);
    add_text(&values, "route", page->route);
    add_text(&values, "topic", page->topic);
    add_text(&values, "to", page->to);
    add_text(&values, "assignee", page->assignee);
    add_text(&values, "dept", page->dept);
    add_text(&values, "ladder", page->ladder);
    add_text(&values, "class", page->class_key);
    add_text(&values, "text", page->text);
    add_text(&values, "procedure", page->procedure);
    add_text(&values, "clock", page->clock);
    add_text(&values, "unit", page->unit);
    add_text(&values, "place", page->place);
    add_text(&values, "ack", page->ack);
    add_text(&values, "reject", page->reject);
    add_text(&values, "ends", page->ends);
    values_add_i64(&values, "round", page->round);
    values_add_i64(&values, "mark", page->mark);
    values_add_flag(&values, "any_hour", page->any_hour);
    values_add_flag(&values, "stops", page->stops);

    event->topic = ROUTE_TOPIC;
    event->lane = WIRE__LANE__URGENT;
    event->case_no = cause->case_no;
    event->event_ms = cause->event_ms;
    event->revision = cause->revision;
    event->cause = ARENA_NEW(arena, Wire__Cause);
    wire__cause__init(event->cause);
    event->cause->source = cause->source;
    event->cause->lane = cause->lane;
    event->cause->seq = cause->seq;
    event->cause->epoch = cause->epoch;
    event->fields = values.list;
    event->n_fields = values.count;
    return event;
}

void route_read(const Wire__Event *requested, struct route_page *page) {
    *page = (struct route_page){
        .route = field_text(requested, "route"),
        .stops = value_flag(requested->fields, requested->n_fields, "stops"),
        .ends = field_text(requested, "ends"),
        .topic = field_text(requested, "topic"),
        .to = field_text(requested, "to"),
        .assignee = field_text(requested, "assignee"),
        .dept = field_text(requested, "dept"),
        .ladder = field_text(requested, "ladder"),
        .class_key = field_text(requested, "class"),
        .text = field_text(requested, "text"),
        .procedure = field_text(requested, "procedure"),
        .clock = field_text(requested, "clock"),
        .unit = field_text(requested, "unit"),
        .place = field_text(requested, "place"),
        .ack = field_text(requested, "ack"),
        .reject = field_text(requested, "reject"),
        .round = field_i64(requested, "round"),
        .mark = field_i64(requested, "mark"),
        .any_hour = value_flag(requested->fields, requested->n_fields, "any_hour"),
    };
}
