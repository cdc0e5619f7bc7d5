/*
 * cases - the procedure engine, as a service puts it into its tables.
 *
 *     static const struct migration *const schemas[] = {revision_schema, directory_schema,
 *                                                       cases_schema, …};
 *     static const struct method methods[] = {
 *         {"OpenCase", METHOD_WRITE, GUARD_TOKEN, NULL, cases_open, false}, …
 *     needs: CASES_NEEDS
 *     subscriptions: REVISION_SUBSCRIPTION, DIRECTORY_SUBSCRIPTIONS, CASES_SUBSCRIPTIONS
 *     timers: CASES_TIMERS;   fold: fold_event;   state: revision_state_*
 *
 * Which cases somebody may open or move is the procedure's to say (`who`); reading needs
 * "case.read", phones in clear "case.unmask".
 */
#ifndef CASES_H
#define CASES_H

#include "engine/caseclock.h"
#include "engine/fold.h"
#include "engine/ops.h"
#include "engine/revision.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum {
    CASES_PAGE_MAX = 100,    /* cases in one reply */
    CASES_TOTAL_MAX = 1000,  /* counted up to here */
    CASES_HISTORY_MAX = 500, /* events in one reply */
    CASES_ROWS_MAX = 16,     /* of a form that are filed together */
};

#define CASES_READ "case.read"
#define CASES_UNMASK "case.unmask"

/* What their requests must name; of LinkContact too, where a service has it. */
#define CASES_NEEDS                                                                                \
    {"OpenCase", "procedure"}, {"FireEvent", "case_no event"}, {                                   \
        "GetCase", "case_no"                                                                       \
    }

handler_fn cases_open, cases_fire, cases_link; /* cases.c */
handler_fn cases_record;  /* the rows of a form, each as a case of the procedure that `files` it */
handler_fn casereply_get; /* casereply.c; METHOD_SECRET: unmasking is logged */
handler_fn caselist_list; /* caselist.c */

/* What other services say: casenews.c. */
handler_fn casenews_on_asked, casenews_on_done, casenews_on_refused, casenews_on_ended,
    casenews_on_fire_asked, casenews_on_answer;

#define CASES_SUBSCRIPTIONS                                                                        \
    {"case.asked", "case.asked", WIRE__LANE__NORMAL, casenews_on_asked},                           \
        {"case.done", "case.done", WIRE__LANE__NORMAL, casenews_on_done},                          \
        {"case.refused", "case.refused", WIRE__LANE__NORMAL, casenews_on_refused},                 \
        {"case.ended", "case.ended", WIRE__LANE__NORMAL, casenews_on_ended},                       \
        {"case.fire_asked", "case.fire_asked", WIRE__LANE__NORMAL, casenews_on_fire_asked},        \
        {"page.acknowledged", "page.acknowledged", WIRE__LANE__NORMAL, casenews_on_answer}, {      \
        "page.rejected", "page.rejected", WIRE__LANE__NORMAL, casenews_on_answer                   \
    }

#define CASES_TIMERS                                                                               \
    {"clock", caseclock_due, true, 0}, {                                                           \
        "each", ops_slice_due, false, 0                                                            \
    }

/* casereply_case - a case as it is shown: phones masked unless `clear`, what the asker may do
 * (NULL: nobody asks, as in a list; GetCase tells it). */
Cases__Case *casereply_case(struct work *work, struct kase *kase, const struct asker *asker,
                            bool clear, struct err *err);

/* cases_open_as - a case that the service itself opens (a round of the plan); *number is its. */
int cases_open_as(struct call *call, const char *procedure, Wire__Value *const *fields,
                  size_t field_count, int64_t event_ms, const char **number, struct err *err);

#endif
