/* events - `shouwen events`: what happens, in all services, as it happens. */
#ifndef EVENTS_H
#define EVENTS_H

#include "cli/cli.h"
#include "cli/session.h"
#include "shouwen/wire/v1/wire.pb-c.h"

extern const struct command events_command;

/* A look at the events of all services: where each was read to. */
enum { EVENTS_SERVICES_MAX = 8, EVENTS_BATCH = 256 };
struct events_cursor {
    uint64_t after[EVENTS_SERVICES_MAX];
};

/* events_from_now - pass over what is there.  A service that is down is passed over too. */
int events_from_now(struct session *session, struct events_cursor *cursor);

/* events_more - new ones of all services, in the order of their entry; how many (at most max). */
size_t events_more(struct session *session, struct events_cursor *cursor, const char *case_no,
                   Wire__Event **events, size_t max);

#endif
