#include "services/reports/reports.h"

#include "engine/revision.h"
#include "services/reports/journal.h"
#include "services/reports/months.h"
#include "services/reports/project.h"

static handler_fn rebuild;

static const struct method methods[] = {
    {"GetKpi", METHOD_READ, GUARD_TOKEN, "report.read", reports_get_kpi, false},
    {"ListKpis", METHOD_READ, GUARD_TOKEN, "report.read", reports_list_kpis, false},
    {"ListItems", METHOD_READ, GUARD_TOKEN, "report.read", reports_list_items, false},
    {"Dashboard", METHOD_READ, GUARD_TOKEN, "report.read", reports_dashboard, false},
    {"QueryEvents", METHOD_READ, GUARD_TOKEN, "event.read", reports_query_events, false},
    {"Rebuild", METHOD_WRITE, GUARD_TOKEN, "system.manage", rebuild, false},
    {0},
};

static const struct need needs[] = {
    {"GetKpi", "name period"},
    {"ListKpis", "period"},
    {"ListItems", "kpi period"},
    {"Dashboard", "from to"},
    {0},
};

static const struct subscription subscriptions[] = {
    {"manual", "manual.published", WIRE__LANE__NORMAL, project_manual},
    {"all", "*", WIRE__LANE__NORMAL, project_event},
    {"all_urgent", "*", WIRE__LANE__URGENT, project_event},
    {0},
};

static const struct timer_kind timers[] = {
    {MONTHS_TIMER, months_due, false, TIMER_AGAIN_MS},
    {PROJECT_REBUILD, project_rebuild_due, false, TIMER_AGAIN_MS},
    {PROJECT_RECOUNT, project_recount_due, false, TIMER_AGAIN_MS},
    {PROJECT_DRAIN, project_drain_due, false, TIMER_AGAIN_MS},
    {0},
};

static const struct migration *const schemas[] = {reports_schema, revision_schema, NULL};

const struct service_def reports_def = {
    .name = "reports",
    .schemas = schemas,
    .api = &reports__reports__descriptor,
    .methods = methods,
    .needs = needs,
    .subscriptions = subscriptions,
    .timers = timers,
    .start = project_start,
    .fold = project_own,
    .patient = true,
    .state_new = revision_state_new,
    .state_free = revision_state_free,
    .state_reset = revision_state_reset,
};

static int rebuild(struct call *call, struct err *err) {
    Reports__RebuildReply *reply = ARENA_NEW(call->arena, Reports__RebuildReply);

    reports__rebuild_reply__init(reply);
    call->reply = &reply->base;
    return project_rebuild(call, &reply->events, err);
}
