/*
 * notices - what residents and colleagues are told and need not answer (table told),
 * and the people of the units (table resident).
 *
 * Never in the way of a page: other lane, other jobs, other workers.
 */
#ifndef NOTICES_H
#define NOTICES_H

#include "core/core.h"

handler_fn notices_on_tell, notices_on_person; /* subscriptions */
handler_fn notices_list;                       /* method */
handler_fn notices_restore;                    /* of told.* */
job_done_fn notices_on_result;                 /* job "tell" */

#endif
