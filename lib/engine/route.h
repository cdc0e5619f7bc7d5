/*
 * route - the manual's routing rules (routes.yaml) applied to one event.
 *
 * A pure function of the manual and the event, used in two places: by the bus in
 * its append transaction, which writes what comes out as "page.requested", and by
 * notify, when a producer hands an urgent event over because the bus was silent.
 * What comes out is the same in both; its name is the cause (source, lane, seq, epoch)
 * with the key of the rule, so the second one is a repeat.
 *
 *     struct route_page pages[ROUTE_PAGES_MAX];
 *     size_t count = route_event(manual, event, pages, arena);
 *     for (i …) event_put(call, route_requested(&pages[i], event, arena), err);
 *
 * A condition of a rule asks about the event's fields; besides, it may ask about
 * `topic`, `hour` (of the estate's day, 0 to 23) and `desk_open` (a flag).
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "manual/manual.h"
#include "shouwen/wire/v1/wire.pb-c.h"

enum { ROUTE_PAGES_MAX = 16 }; /* rules that may fire at one event; the rest are not looked at */

#define ROUTE_TOPIC "page.requested"

/* One rule that fired.  No text is NULL. */
struct route_page {
    const char *route;    /* key of the rule: shown on the page */
    bool stops;           /* it ends pages and makes none */
    const char *ends;     /* stops: patterns of the topics whose pages end; ";"-separated */
    const char *topic;    /* of the event that was routed */
    const char *to;       /* staff numbers, roles, posts; ";"-separated */
    const char *assignee; /* staff number */
    const char *dept;
    const char *ladder;
    const char *class_key; /* by which the rungs of the ladder differ */
    const char *text;      /* key in texts, or the sentence */
    const char *procedure;
    const char *clock;
    const char *unit;
    const char *place;
    const char *ack; /* events of the case that an answer fires */
    const char *reject;
    int64_t round;
    int64_t mark;  /* of a clock: 70, 100, 150, 200; else 0 */
    bool any_hour; /* the ladder runs day and night, for everything or for this class */
};

/* route_event - the rules that fire, in the manual's order.  Returns how many. */
size_t route_event(const struct manual *manual, const Wire__Event *event,
                   struct route_page pages[ROUTE_PAGES_MAX], struct arena *arena);

/*
 * route_requested - the page request as an event: lane urgent, the case, revision
 * and time of its cause; for event_put, which fills in the rest.
 */
Wire__Event *route_requested(const struct route_page *page, const Wire__Event *cause,
                             struct arena *arena);

/* route_read - the page request of such an event.  Strings are the event's own. */
void route_read(const Wire__Event *requested, struct route_page *page);

#endif
