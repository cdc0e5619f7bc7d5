/*
 * services - the services that are played in one process by rehearsals and tests.
 * lib knows none of them; this list is the only place that knows all.
 */
#ifndef SERVICES_H
#define SERVICES_H

#include "core/core.h"

/* services_all - NULL ends. */
extern const struct service_def *const services_all[];

#endif
