#include "ticketing.h"

#include "engine/cases.h"
#include "shouwen/ticketing/v1/ticketing.pb-c.h"

/*
 * Everything this service does is the procedure engine over the manual's data: what is
 * here is the tables that say so.
 */

static const struct migration *const schemas[] = {revision_schema, directory_schema, cases_schema,
                                                  NULL};

/* Who may open or move a case is for its procedure to say (customers included), so those
 * need no permission of their own. */
static const struct method methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_TOKEN, NULL, cases_open, false},
    {"FireEvent", METHOD_WRITE, GUARD_TOKEN, NULL, cases_fire, false},
    {"LinkContact", METHOD_WRITE, GUARD_TOKEN, NULL, cases_link, false},
    {"RecordForm", METHOD_WRITE, GUARD_TOKEN, NULL, cases_record, false},
    {"GetCase", METHOD_SECRET, GUARD_TOKEN, CASES_READ, casereply_get, false},
    {"ListCases", METHOD_READ, GUARD_TOKEN, CASES_READ, caselist_list, false},
    {0},
};

static const struct need needs[] = {
    CASES_NEEDS,
    {"LinkContact", "case_no"},
    {0},
};

static const struct subscription subscriptions[] = {
    REVISION_SUBSCRIPTION,
    DIRECTORY_SUBSCRIPTIONS,
    CASES_SUBSCRIPTIONS,
    {0},
};

static const struct timer_kind timers[] = {
    CASES_TIMERS,
    {0},
};

const struct service_def ticketing_def = {
    .name = "ticketing",
    .schemas = schemas,
    .api = &ticketing__ticketing__descriptor,
    .methods = methods,
    .needs = needs,
    .subscriptions = subscriptions,
    .timers = timers,
    .start = revision_start,
    .fold = fold_event,
    .state_new = revision_state_new,
    .state_free = revision_state_free,
    .state_reset = revision_state_reset,
};
