#include "patrol.h"

#include "engine/cases.h"
#include "plan.h"
#include "roster.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"

/* ---- the service at a glance ---- */

static handler_fn on_published, start, fold;

extern const struct migration patrol_schema[]; /* made from schema/NNN_name.sql */

static const struct migration *const schemas[] = {revision_schema, directory_schema, cases_schema,
                                                  patrol_schema, NULL};

/* Who may open or move a case is for its procedure to say (customers included), so those
 * need no permission of their own; a roster may come in before there is a manual. */
static const struct method methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_TOKEN, NULL, cases_open, false},
    {"FireEvent", METHOD_WRITE, GUARD_TOKEN, NULL, cases_fire, false},
    {"RecordForm", METHOD_WRITE, GUARD_TOKEN, NULL, cases_record, false},
    {"GetCase", METHOD_SECRET, GUARD_TOKEN, CASES_READ, casereply_get, false},
    {"ListCases", METHOD_READ, GUARD_TOKEN, CASES_READ, caselist_list, false},
    {"ImportRoster", METHOD_WRITE, GUARD_TOKEN, NULL, roster_import, false},
    {"ListDuties", METHOD_READ, GUARD_TOKEN, "roster.read", roster_list, false},
    {0},
};

static const struct need needs[] = {
    CASES_NEEDS,
    {"ImportRoster", "period"},
    {0},
};

static const struct subscription subscriptions[] = {
    {"manual", "manual.published", WIRE__LANE__NORMAL, on_published},
    DIRECTORY_SUBSCRIPTIONS,
    CASES_SUBSCRIPTIONS,
    {0},
};

static const struct timer_kind timers[] = {
    CASES_TIMERS,
    {"plan", plan_due, false, TIMER_AGAIN_MS},
    {"roster", roster_due, false, 0},
    {0},
};

const struct service_def patrol_def = {
    .name = "patrol",
    .schemas = schemas,
    .api = &patrol__patrol__descriptor,
    .methods = methods,
    .needs = needs,
    .subscriptions = subscriptions,
    .timers = timers,
    .start = start,
    .fold = fold,
    .state_new = revision_state_new,
    .state_free = revision_state_free,
    .state_reset = revision_state_reset,
};

/* ---- handlers ---- */

static int start(struct call *call, struct err *err) {
    return revision_start(call, err) || plan_ensure(call, err) ? -1 : 0;
}

/* The first manual brings the plan along: from then on its timer runs. */
static int on_published(struct call *call, struct err *err) {
    return revision_on_published(call, err) || plan_ensure(call, err) ? -1 : 0;
}

static int fold(struct call *call, struct err *err) {
    return fold_event(call, err) || roster_fold(call, err) || plan_fold(call, err) ? -1 : 0;
}
