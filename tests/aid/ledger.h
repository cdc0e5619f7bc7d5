/*
 * ledger - callers at a desk of a running house who open cases and write down what was
 * acknowledged, under which id.  Afterwards the ledger is compared with the events.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aid/house.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "shouwen/wire/v1/wire.pb-c.h"

struct ledger;

/* ledger_new - three callers; every n-th case is urgent (0: none). */
struct ledger *ledger_new(struct house *house, size_t urgent_every);
void ledger_free(struct ledger *ledger);

/*
 * ledger_drive - ask and take answers until this moment (house_now_ms); without
 * `new_ones` until all is answered.  What is not answered is sent again under the
 * same id.  Any refusal but "later" fails the test.
 */
void ledger_drive(struct ledger *ledger, int64_t until_ms, bool new_ones);

/* ledger_pace - between two new cases of a caller; 2 ms unless said otherwise. */
void ledger_pace(struct ledger *ledger, int64_t pace_ms);

/* ledger_bear - refusals for this reason are counted and sent again, too; NULL: none. */
void ledger_bear(struct ledger *ledger, const char *rule);

/* ledger_borne - so many were refused for that reason until now. */
size_t ledger_borne(const struct ledger *ledger);

size_t ledger_in_flight(const struct ledger *ledger);

struct ledger_state {
    size_t entries;
    size_t acknowledged;
    size_t unknown; /* answers that did not come and were asked for again */
    size_t borne;   /* refused as was expected */
    size_t lost;    /* acknowledged, and not among the events */
    size_t twice;
    size_t foreign; /* opened, and in no ledger */
    size_t opened;
};

/* ledger_compare - with ticketing's events, whose order must be without gaps. */
struct ledger_state ledger_compare(struct ledger *ledger);

/* ledger_check - all answered, none lost, none twice, none foreign. */
void ledger_check(struct ledger *ledger);

/* ---- events ---- */

typedef void event_look(void *arg, const Wire__Event *event);

/* events_each - all of a service's store, in order without gaps; the last position. */
uint64_t events_each(struct house *house, const char *service, event_look *look, void *arg);

/* events_intact - the hash chain from end to end. */
bool events_intact(struct house *house, const char *service);

/* events_check - of every service: in order without gaps, and the chain from end to end. */
void events_check(struct house *house);

#endif
